import { beforeAll, describe, expect, it } from 'vitest';
import type { TrustRoot } from '../../../../src/checks/images/policy/model.ts';
import { ageProblem } from '../../../../src/checks/images/verify/age.ts';
import { caseKey, createVouchingStore } from '../../../../src/checks/images/verify/memory.ts';
import { parseImageReference } from '../../../../src/core/image.ts';
import {
  keyPair,
  type MockSigstore,
  openMockSigstore,
  signedAt,
  signStatement,
  statement,
} from '../../../support/sigstore/mock.ts';
import { trustOf } from '../support.ts';
import {
  attestation,
  byKey,
  digest,
  judged,
  keyless,
  ofBundle,
  ofLayer,
  rootOf,
  signature,
  verdict,
} from './judging.ts';

/** What was signed long ago counts no more, where the Gate says so: rolling a tag back would bring it into use again. */

const day = 24 * 60 * 60 * 1000;
const minute = 60_000;
/** When the mock logs and stamps what it signs. */
const made = signedAt.getTime() + minute;
const type = 'https://slsa.dev/provenance/v1';

let sigstore: MockSigstore;
let roots: TrustRoot;
beforeAll(async () => {
  sigstore = await openMockSigstore();
  roots = rootOf(sigstore);
});

describe('an age', () => {
  it.each<[string, number | undefined, number, string | undefined]>([
    ['at once', made, made, undefined],
    ['at the last moment of its days', made, made + 90 * day, undefined],
    ['a millisecond later', made, made + 90 * day + 1, 'too-old'],
    ['of a clock a little ahead', made + 10 * minute, made, undefined],
    ['of a time that is still to come', made + 10 * minute + 1, made, 'undated'],
    ['of no time', undefined, made, 'undated'],
  ])('%s', (_, at, now, why) => expect(ageProblem(at, 90, now)?.why).toBe(why));
});

describe('a signature that may be 90 days old', () => {
  const atLimit = made + 90 * day;
  const signer = keyPair();
  const required = () => ({ demand: 'required' as const, roots });

  const logged = () => [
    ofBundle(sigstore.bundle(signStatement(digest), { signer })),
    ofLayer(sigstore.legacySignature(digest, { signer })),
  ];
  it('by a key and in a log', async () => {
    const authority = byKey(signer, { log: required(), maxAgeDays: 90 });
    for (const object of logged()) {
      expect(await verdict(object, authority, signature, atLimit)).toBe('verified');
      expect(await verdict(object, authority, signature, atLimit + 1)).toBe('12 too-old');
      expect(await verdict(object, authority, signature, made - 60 * minute)).toBe('12 undated');
      expect(await verdict(object, byKey(signer, { log: required() }), signature, atLimit + 1)).toBe('verified');
    }
  });

  it('by a key and with a timestamp', async () => {
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer, log: 'none', timestamp: true }));
    const authority = byKey(signer, { timestamp: required(), maxAgeDays: 90 });
    expect(await verdict(object, authority, signature, atLimit)).toBe('verified');
    expect(await verdict(object, authority, signature, atLimit + 1)).toBe('12 too-old');
  });

  it('by a certificate, in a log of either version', async () => {
    const dev = await sigstore.certificate();
    const authority = keyless(roots, { maxAgeDays: 90 });
    for (const how of [{}, { log: 'v2', timestamp: true }] as const) {
      const object = ofBundle(sigstore.bundle(signStatement(digest), { signer: dev, ...how }));
      expect(await verdict(object, authority, signature, atLimit)).toBe('verified');
      expect(await verdict(object, authority, signature, atLimit + 1)).toBe('12 too-old');
    }
  });

  it('and an attestation in each form', async () => {
    const authority = byKey(signer, { log: required(), maxAgeDays: 90 });
    for (const object of [
      ofBundle(sigstore.bundle(statement(digest, type), { signer })),
      ofLayer(sigstore.legacyAttestation(statement(digest, type), { signer })),
    ]) {
      expect(await verdict(object, authority, attestation(type), atLimit)).toBe('verified');
      expect(await verdict(object, authority, attestation(type), atLimit + 1)).toBe('12 too-old');
    }
  });

  it('is as old as the first that saw it says: another timestamp does not make it young', async () => {
    const again = { at: new Date(atLimit) };
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer, timestamp: again }));
    const authority = byKey(signer, { log: required(), maxAgeDays: 90 });
    expect(await judged(object, authority, signature, atLimit)).toMatchObject({
      times: [{ at: made }, { at: atLimit }],
    });
    expect(await verdict(object, authority, signature, atLimit + 1)).toBe('12 too-old');
  });

  it.each(['v1', 'none'] as const)('does not count where nobody is asked when it was made (log %s)', async (log) => {
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer, log, timestamp: true }));
    expect(await judged(object, byKey(signer, { maxAgeDays: 90 }), signature, made)).toMatchObject({
      why: 'undated',
      detail: 'no log or timestamp says when it was made',
    });
    expect(await verdict(object, byKey(signer), signature, made)).toBe('verified');
  });

  it('does not count where the log has no times', async () => {
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer, log: 'v2' }));
    expect(await verdict(object, byKey(signer, { log: required() }), signature, made)).toBe('verified');
    expect(await verdict(object, byKey(signer, { log: required(), maxAgeDays: 90 }), signature, made)).toBe(
      '12 undated',
    );
  });

  it('does not count by a certificate that is judged by the clock', async () => {
    const dev = await sigstore.certificate();
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer: dev }));
    const none = { log: { demand: 'ignored' } } as const;
    expect(await verdict(object, keyless(roots, none), signature, made)).toBe('verified');
    expect(await verdict(object, keyless(roots, { ...none, maxAgeDays: 90 }), signature, made)).toBe('12 undated');
  });
});

describe('what is remembered of a verdict', () => {
  const ends = made + 90 * day;
  const proof = { times: [{ at: made, by: 'log' }] };
  const signed = { authority: { kind: 'key', attestations: [] }, outcome: 'passed', claims: [{ proofs: [proof] }] };
  const limited = (account: typeof signed) => ({ ...account, authority: { ...account.authority, maxAgeDays: 90 } });
  const notary = {
    ...signed,
    authority: { kind: 'notation', attestations: [] },
    claims: [],
    notation: { trustedTime: made },
  };

  it.each<[string, object, number]>([
    ['ends with the age of what it rests on', limited(signed), 2],
    ['else counts for longer', signed, 1],
    ['ends with the age of a signature of the Notary Project', limited(notary), 2],
    ['is not kept of one that has no time', limited({ ...signed, claims: [{ proofs: [{ times: [] }] }] }), 3],
  ])('%s', async (_, authority, times) => {
    const answer = { policy: {}, outcome: 'vouched', authorities: [authority] } as never;
    let asked = 0;
    let now = ends - 2000;
    const store = createVouchingStore({ now: () => now });
    for (const next of [ends - 2000, ends - 1, ends]) {
      now = next;
      const ask = async () => {
        asked += 1;
        return answer;
      };
      await store.once('a', ask, new AbortController().signal);
    }
    expect(asked).toBe(times);
  });

  it('is asked for by another key where the age is another', async () => {
    const { policies } = await trustOf({ keys: [publicPem()] });
    const [policy] = policies;
    if (policy === undefined) throw new Error('no policy');
    const [authority] = policy.authorities;
    const reference = parseImageReference('registry.example/team/app:v1');
    const keys = [undefined, 90, 91].map((maxAgeDays) => {
      const aged = { ...policy, authorities: [{ ...authority, ...(maxAgeDays && { maxAgeDays }) }] as const };
      return caseKey({ policy: aged, objects: [] }, reference, digest);
    });
    expect(new Set(keys).size).toBe(3);
  });
});

function publicPem(): string {
  return keyPair().publicKey.export({ format: 'pem', type: 'spki' }).toString();
}
