import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KeyAuthority, KeylessAuthority } from '../../../../src/checks/images/policy/model.ts';
import { Malformed } from '../../../../src/checks/images/verify/json.ts';
import {
  fromAttestationLayer,
  fromBundle,
  fromEnvelope,
  fromSignatureLayer,
  parseManifest,
  type SignedObject,
} from '../../../../src/checks/images/verify/signed-object.ts';
import { prepare, verifyObject, type Wanted } from '../../../../src/checks/images/verify/verify-object.ts';
import { isObject, type JsonValue } from '../../../../src/core/json.ts';
import { fuzzRuns } from '../../../support/fuzz-runs.ts';
import { byteMutations, crossings, treeMutations } from '../../../support/mutate.ts';
import { type Layer, openMockSigstore, signStatement, statement } from '../../../support/sigstore/mock.ts';
import { attestation, byKey, digest, keyless, now, otherDigest, rootOf, signature } from './judging.ts';

/** A good object as JSON, one of somebody else, and how either is read and judged. */
interface Sample {
  readonly good: JsonValue;
  readonly other: JsonValue;
  readonly read: (text: Uint8Array) => SignedObject;
  readonly authority: KeyAuthority | KeylessAuthority;
  readonly wanted: Wanted;
  readonly payload: Uint8Array;
}

const names = ['bundle, key', 'bundle, log 1', 'bundle, log 2', 'layer, key', 'layer, log 1', 'attestation'] as const;
const samples = new Map<string, Sample>();

beforeAll(async () => {
  const sigstore = await openMockSigstore();
  const [ours, theirs] = [
    await sigstore.certificate(),
    await sigstore.certificate({ names: [{ email: 'eve@example.com' }] }),
  ];
  const roots = rootOf(sigstore);
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as JsonValue;
  // What is JSON within is opened, so that changes reach into it.
  const opened = (text: string) => (text.startsWith('{') ? (JSON.parse(text) as JsonValue) : text);
  const layered = ({ annotations, payload }: Layer) => ({
    annotations: Object.fromEntries(Object.entries(annotations).map(([name, text]) => [name, opened(text)])),
    payload: opened(Buffer.from(payload).toString()),
  });
  const closed = (value: JsonValue | undefined) => (typeof value === 'string' ? value : JSON.stringify(value ?? null));
  const readLayer = (from: typeof fromSignatureLayer) => (text: Uint8Array) => {
    const layer = JSON.parse(Buffer.from(text).toString()) as JsonValue;
    const { annotations = null, payload = null } = isObject(layer) ? layer : {};
    const written = Object.entries(isObject(annotations) ? annotations : {}).map(([name, value]) => [
      name,
      closed(value),
    ]);
    return from(Object.fromEntries(written) as Record<string, JsonValue>, Buffer.from(closed(payload)), 'a layer');
  };
  const readBundle = (text: Uint8Array) => fromBundle(text, 'a bundle');
  const type = 'https://slsa.dev/provenance/v1';
  const add = (name: (typeof names)[number], sample: Omit<Sample, 'payload'>) => {
    const answer = verifyObject(
      sample.read(Buffer.from(JSON.stringify(sample.good))),
      sample.authority,
      sample.wanted,
      now,
    );
    if (answer.kind !== 'verified') throw new Error(`${name} is not good: ${answer.detail}`);
    samples.set(name, { ...sample, payload: answer.payload ?? Buffer.of() });
  };
  const byOurKey = byKey(ours.keys);
  const byUs = keyless(roots);
  await prepare([byOurKey, byUs]);
  const bundles = (how: object, by: 'keys' | 'certificate') => ({
    good: plain(sigstore.bundle(signStatement(digest), { signer: by === 'keys' ? ours.keys : ours, ...how })),
    other: plain(sigstore.bundle(signStatement(otherDigest), { signer: by === 'keys' ? theirs.keys : theirs, ...how })),
    read: readBundle,
    wanted: signature,
  });
  add('bundle, key', { ...bundles({ log: 'none' }, 'keys'), authority: byOurKey });
  add('bundle, log 1', { ...bundles({}, 'certificate'), authority: byUs });
  add('bundle, log 2', { ...bundles({ log: 'v2', timestamp: true }, 'certificate'), authority: byUs });
  const layers = (how: object, by: 'keys' | 'certificate') => ({
    good: layered(sigstore.legacySignature(digest, { signer: by === 'keys' ? ours.keys : ours, ...how })),
    other: layered(sigstore.legacySignature(otherDigest, { signer: by === 'keys' ? theirs.keys : theirs, ...how })),
    read: readLayer(fromSignatureLayer),
    wanted: signature,
  });
  add('layer, key', { ...layers({ log: 'none' }, 'keys'), authority: byOurKey });
  add('layer, log 1', { ...layers({}, 'certificate'), authority: byUs });
  const entry = 'intoto-0.0.1';
  add('attestation', {
    good: layered(sigstore.legacyAttestation(statement(digest, type), { signer: ours, entry })),
    other: layered(sigstore.legacyAttestation(statement(otherDigest, type), { signer: theirs, entry })),
    read: readLayer(fromAttestationLayer),
    authority: byUs,
    wanted: attestation(type),
  });
});

function sampleOf(name: string): Sample {
  const found = samples.get(name);
  if (found === undefined) throw new Error(`there is no sample ${name}`);
  return found;
}

/** Reads and judges; what is verified must be what was signed, by whom it was. Answers how far it came. */
function isHarmless(sample: Sample, text: Uint8Array): 'unread' | 'rejected' | 'verified' {
  let object: SignedObject;
  try {
    object = sample.read(text);
  } catch (error) {
    // JSON.parse is the test's own reader of layers.
    if (error instanceof Malformed || error instanceof SyntaxError) return 'unread';
    throw error;
  }
  const answer = verifyObject(object, sample.authority, sample.wanted, now);
  if (answer.kind === 'rejected') {
    expect(answer.detail).not.toMatch(/[\0-\x1f\x7f-\x9f\u2028\u2029]/);
    return 'rejected';
  }
  expect(Buffer.from(answer.payload ?? Buffer.of()).equals(sample.payload)).toBe(true);
  if (answer.signer.kind === 'certificate') expect(answer.signer.subject).toBe('dev@example.com');
  return 'verified';
}

describe('an object that was changed', () => {
  it.each(names)('in its bytes proves nothing but what was signed: %s', (name) => {
    const sample = sampleOf(name);
    const good = Buffer.from(JSON.stringify(sample.good));
    fc.assert(
      fc.property(byteMutations(), (mutate) => void isHarmless(sample, mutate(good))),
      { numRuns: fuzzRuns(500) },
    );
  });

  it.each(names)('in one value proves nothing but what was signed: %s', (name) => {
    const sample = sampleOf(name);
    const seen = { unread: 0, rejected: 0, verified: 0 };
    fc.assert(
      fc.property(treeMutations(sample.other), (mutate) => {
        seen[isHarmless(sample, Buffer.from(JSON.stringify(mutate(sample.good))))] += 1;
      }),
      { numRuns: fuzzRuns(300) },
    );
    // Changes that are refused at the door prove little about what comes after.
    expect(seen.rejected).toBeGreaterThan(seen.verified);
    expect(seen.rejected).toBeGreaterThan(20);
  });

  it.each(names)('by parts of another proves nothing but what was signed: %s', (name) => {
    const sample = sampleOf(name);
    fc.assert(
      fc.property(crossings(sample.good, sample.other), (crossed) => {
        isHarmless(sample, Buffer.from(JSON.stringify(crossed)));
      }),
      { numRuns: fuzzRuns(200) },
    );
  });
});

describe('a reader of what a registry answers', () => {
  const json = fc.json({ maxDepth: 4 }).map((text) => Buffer.from(text));
  const texts = fc.oneof(
    json,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.nat(20_000).map((depth) => Buffer.from('['.repeat(depth))),
    fc.nat(20_000).map((depth) => Buffer.from('{"a":'.repeat(depth))),
  );
  it.each([
    ['bundle', (bytes: Uint8Array) => fromBundle(bytes, 'x')],
    ['envelope', (bytes: Uint8Array) => fromEnvelope(bytes, 'x')],
    ['manifest', parseManifest],
    [
      'annotations',
      (bytes: Uint8Array) =>
        fromSignatureLayer(
          {
            'dev.cosignproject.cosign/signature': 'AAAA',
            'dev.sigstore.cosign/bundle': Buffer.from(bytes).toString('latin1'),
            'dev.sigstore.cosign/rfc3161timestamp': Buffer.from(bytes).toString('latin1'),
          },
          bytes,
          'x',
        ),
    ],
  ])('throws Malformed and nothing else: %s', (_, read) => {
    fc.assert(
      fc.property(texts, (bytes) => {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Malformed);
        }
      }),
      { numRuns: fuzzRuns(1000) },
    );
  });
});

describe('a certificate or timestamp that was changed', () => {
  it.each(['bundle, log 1', 'bundle, log 2'] as const)('in its DER is refused, and soon: %s', (name) => {
    const sample = sampleOf(name);
    const object = sample.read(Buffer.from(JSON.stringify(sample.good)));
    const { material } = object;
    if (material.kind !== 'certificate') throw new Error('it has no certificate');
    fc.assert(
      fc.property(byteMutations(), byteMutations(), fc.boolean(), (mutate, again, stamp) => {
        const [first] = object.timestamps;
        const changed: SignedObject =
          stamp && first !== undefined
            ? { ...object, timestamps: [mutate(first)] }
            : { ...object, material: { ...material, leaf: again(mutate(material.leaf)) } };
        const isSame =
          JSON.stringify([changed.material, changed.timestamps]) ===
          JSON.stringify([object.material, object.timestamps]);
        const answer = verifyObject(changed, sample.authority, sample.wanted, now);
        if (!isSame && !stamp) expect(answer.kind).toBe('rejected');
        if (answer.kind === 'verified') expect(answer.times).toHaveLength(1);
      }),
      { numRuns: fuzzRuns(500) },
    );
  });
});
