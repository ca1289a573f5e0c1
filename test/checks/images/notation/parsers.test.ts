import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificate, readCertificate } from '../../../../src/checks/images/notation/certificate.ts';
import { readCose } from '../../../../src/checks/images/notation/cose.ts';
import {
  parseDistinguishedName,
  readDistinguishedName,
} from '../../../../src/checks/images/notation/distinguished-name.ts';
import { readJws } from '../../../../src/checks/images/notation/jws.ts';
import type { NotationPolicy } from '../../../../src/checks/images/notation/model.ts';
import { readRevocationList } from '../../../../src/checks/images/notation/revocation.ts';
import { verifyTimestamp } from '../../../../src/checks/images/notation/timestamp.ts';
import { readEnvelope, verifyNotation } from '../../../../src/checks/images/notation/verify.ts';
import { Malformed } from '../../../../src/checks/images/verify/json.ts';
import { fuzzRuns } from '../../../support/fuzz-runs.ts';
import { byteMutations } from '../../../support/mutate.ts';
import { cose, jws, loadPolicies, payload, policyOf, target, trustPolicy, World } from './support.ts';

/** Whatever comes: read or refused as malformed, never anything else; and nothing changed is ever verified. */

let world: World;
let policy: NotationPolicy;
let stampedPolicy: NotationPolicy;
const envelopes = new Map<string, Buffer>();
let token: Buffer;
let list: Buffer;
let clocks: Certificate;
const stampedBytes = Buffer.from('what was stamped');
const runs = fuzzRuns(1500);

beforeAll(async () => {
  world = await World.make();
  const read = async (document: unknown) => policyOf(await loadPolicies(world, document)) as NotationPolicy;
  policy = await read(trustPolicy());
  stampedPolicy = await read(trustPolicy({ trustStores: ['ca:acme', 'tsa:clocks'] }));
  for (const mediaType of [jws, cose]) {
    const signed = await world.notation.sign({ mediaType, certificate: 'direct', payload, authority: 'clock' });
    envelopes.set(mediaType, signed);
  }
  token = await world.notation.timestamp({ authority: 'clock', content: stampedBytes });
  list = (await world.notation.list({ name: 'any', issuer: 'root', revoked: [{ certificate: 'direct' }] })).der;
  clocks = readCertificate(world.get('clocks').der, 'it');
});
afterAll(async () => await world[Symbol.asyncDispose]());

function readsOrRefuses(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
  }
}

const parsers: readonly (readonly [string, (bytes: Uint8Array) => unknown, () => Buffer])[] = [
  ['JWS', readJws, () => envelopes.get(jws) ?? Buffer.alloc(0)],
  ['COSE', readCose, () => envelopes.get(cose) ?? Buffer.alloc(0)],
  ['certificates', (bytes) => readCertificate(bytes, 'it'), () => world.get('listed-signer').der],
  ['names', readDistinguishedName, () => readCertificate(world.get('ec256').der, 'it').subject],
  [
    'names as text',
    (bytes) => parseDistinguishedName(Buffer.from(bytes).toString('utf8')),
    () => Buffer.from('C=US, ST=a\\,b, O="x'),
  ],
  ['revocation lists', (bytes) => readRevocationList(bytes, 'it'), () => list],
  ['timestamps', (bytes) => verifyTimestamp(bytes, stampedBytes, [clocks]), () => token],
];

describe.each(parsers)('%s', (_, read, honest) => {
  it('reads or refuses any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => readsOrRefuses(() => read(bytes))),
      { numRuns: runs },
    );
  });
  it('reads or refuses what is nearly good', () => {
    fc.assert(
      fc.property(byteMutations(), (mutate) => readsOrRefuses(() => read(mutate(honest())))),
      { numRuns: runs },
    );
  });
});

describe.each([jws, cose])('%s', (mediaType) => {
  it('is verified as it is, with and without its timestamp', () => {
    const envelope = envelopes.get(mediaType) ?? Buffer.alloc(0);
    for (const each of [policy, stampedPolicy]) {
      expect(verifyNotation(envelope, mediaType, target, each, Date.now())).toMatchObject({ kind: 'verified' });
    }
  });

  it('is not verified with a change in anything that is signed', () => {
    const envelope = envelopes.get(mediaType) ?? Buffer.alloc(0);
    const honest = readEnvelope(envelope, mediaType);
    fc.assert(
      fc.property(byteMutations(), (mutate) => {
        const made = mutate(envelope);
        const verdict = verifyNotation(made, mediaType, target, stampedPolicy, Date.now());
        if (verdict.kind === 'rejected') return;
        // A change of unsigned words around it, such as the name of the signing agent, or of a root that the timestamp
        // carries and nobody asks, changes nothing.
        const read = readEnvelope(made, mediaType);
        expect(verdict.kind).toBe('verified');
        for (const part of ['signed', 'payload', 'signature', 'chain'] as const) {
          expect(read[part]).toEqual(honest[part]);
        }
      }),
      { numRuns: runs },
    );
  });

  it('is not verified with any one bit of it turned, but for unsigned words', () => {
    const envelope = envelopes.get(mediaType) ?? Buffer.alloc(0);
    const honest = readEnvelope(envelope, mediaType);
    for (let at = 0; at < envelope.length; at += 3) {
      const made = Buffer.from(envelope);
      made[at] = (made[at] ?? 0) ^ (1 << (at % 8));
      const verdict = verifyNotation(made, mediaType, target, policy, Date.now());
      if (verdict.kind === 'rejected') continue;
      const read = readEnvelope(made, mediaType);
      expect([verdict.kind, read.signed, read.chain]).toEqual(['verified', honest.signed, honest.chain]);
    }
  });
});

it.each([
  ['an array of many items that are not there', Buffer.from('9bffffffffffffffff', 'hex')],
  ['a map of many entries that are not there', Buffer.from('bb7fffffffffffffff', 'hex')],
  ['a byte string that is not there', Buffer.from('5b7fffffffffffffff', 'hex')],
  ['arrays in arrays', Buffer.alloc(500_000, 0x81)],
  ['tags in tags', Buffer.alloc(500_000, 0xd2)],
  ['many entries in a map', Buffer.concat([Buffer.from('ba0003d090', 'hex'), Buffer.alloc(500_000)])],
])('COSE of %s is refused', (_, bytes) => {
  expect(() => readCose(bytes)).toThrow(Malformed);
});

it('envelopes over the bound are not looked at', () => {
  expect(verifyNotation(Buffer.alloc(512 * 1024 + 1, 0x20), jws, target, policy, Date.now())).toMatchObject({
    kind: 'rejected',
    detail: expect.stringContaining('524288 bytes'),
  });
});

it('a timestamp with any one bit turned proves nothing', () => {
  const honest = verifyTimestamp(token, stampedBytes, [clocks]);
  for (let at = 0; at < token.length; at += 1) {
    const made = Buffer.from(token);
    made[at] = (made[at] ?? 0) ^ (1 << (at % 8));
    readsOrRefuses(() => {
      const time = verifyTimestamp(made, stampedBytes, [clocks]);
      // What the token carries beside its signature, such as a certificate that is not needed, may be anything.
      expect([time.from, time.to, time.chain[0]?.der]).toEqual([honest.from, honest.to, honest.chain[0]?.der]);
    });
  }
});
