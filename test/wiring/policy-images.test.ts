/** Policies over objects that ask whether images are signed: their trust is read, and real signatures are judged by it. */
import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { readTrustedRoot } from '../../src/checks/images/policy/trusted-root.ts';
import { ImagesSettings } from '../../src/checks/images/settings.ts';
import type { PolicyDocument } from '../../src/checks/policy/document.ts';
import type { ImageTrust } from '../../src/checks/policy/image-answers.ts';
import type { Digest } from '../../src/core/image.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createImageVerification } from '../../src/wiring/policy-images.ts';
import { examiner, MemoryRegistry } from '../checks/images/support.ts';
import {
  keyPair,
  type MockSigstore,
  openMockSigstore,
  pemOf,
  signedAt,
  signStatement,
  simplePayload,
  spkiOf,
  statement,
} from '../support/sigstore/mock.ts';

const image = 'ghcr.io/org/app:v1';
const issuer = 'https://issuer.example';
const identity = { issuer, subject: 'dev@example.com' };
const key = keyPair();
const other = keyPair();
const pem = (keys: ReturnType<typeof keyPair>) => keys.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const signal = new AbortController().signal;
const later = new Date('2026-06-01T00:00:00Z');
const noLog = { insecureIgnoreTlog: true, insecureIgnoreSCT: true };

let sigstore: MockSigstore;
let stranger: MockSigstore;
let trustedRoot: string;
let rekor: string;
beforeAll(async () => {
  [sigstore, stranger] = await Promise.all([openMockSigstore(), openMockSigstore('stranger.example')]);
  trustedRoot = JSON.stringify(sigstore.trustedRoot());
  const rekorKey = createPublicKey(sigstore.rekor.keys.publicKey.export({ format: 'pem', type: 'spki' }));
  rekor = pemOf(spkiOf(rekorKey), 'PUBLIC KEY');
});

function documentOf(value: JsonObject): PolicyDocument {
  return { value, file: 'p.yaml', document: 0, locate: (path) => `p.yaml:7:${path.length + 1}` };
}

function attestor(fields: object, attestation?: string): ImageTrust {
  const value = { spec: { attestors: [{ name: 'release', ...fields }] } } as unknown as JsonObject;
  const path = ['spec', 'attestations', 0];
  return {
    spelling: 'attestor',
    document: documentOf(value),
    path: ['spec', 'attestors', 0],
    owner: 'ImageValidatingPolicy i, attestor release',
    ...(attestation !== undefined && {
      attestation: { name: 'a', predicateType: attestation, path, wantsStatements: true },
    }),
  };
}

function verifyImages(entry: object): ImageTrust {
  const value = { spec: { rules: [{ verifyImages: [entry] }] } } as unknown as JsonObject;
  return {
    spelling: 'verifyImages',
    document: documentOf(value),
    path: ['spec', 'rules', 0, 'verifyImages', 0],
    owner: 'ClusterPolicy c, rule r',
  };
}

type Sign = (registry: MemoryRegistry, digest: Digest) => void;

async function verificationOf(sign: Sign, now = later) {
  const registry = new MemoryRegistry();
  const digest = registry.image('v1');
  sign(registry, digest);
  const clock = { now: () => now.getTime() };
  const settings = ImagesSettings.parse({ trust: [], unmatched: 'deny', pin: true });
  const verification = createImageVerification({
    deps: () => ({ settings, registry, clock, examiner }),
    publicGood: () => readTrustedRoot(trustedRoot, 'the public-good instance'),
    signal,
    clock,
  });
  return { verification, digest, registry };
}

async function judged(trust: ImageTrust, sign: Sign, now = later) {
  const { verification } = await verificationOf(sign, now);
  await verification.prepare(trust);
  return (await verification.forRun()({ image, trust }, signal)).kind;
}

const legacy =
  (...signers: readonly Parameters<MockSigstore['legacySignature']>[1][]): Sign =>
  (registry, digest) => {
    const layers = signers.map((options) => sigstore.legacySignature(digest, options));
    put(registry, digest, 'sig', layers);
  };
const bundle =
  (options: Parameters<MockSigstore['bundle']>[1], by = () => sigstore): Sign =>
  (registry, digest) =>
    registry.bundle(digest, by().bundle(signStatement(digest), options));

function put(
  registry: MemoryRegistry,
  digest: Digest,
  suffix: 'sig' | 'att',
  layers: readonly ReturnType<MockSigstore['legacySignature']>[],
): void {
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const described = layers.map(({ payload, mediaType: type, annotations }) => ({
    mediaType: type,
    digest: registry.put(payload),
    size: payload.length,
    annotations,
  }));
  registry.tag(
    `${digest.replace(':', '-')}.${suffix}`,
    registry.put({ schemaVersion: 2, mediaType, layers: described }),
  );
}

describe('an attestor of an ImageValidatingPolicy', () => {
  const byKey = (keys = key, more: object = { ctlog: noLog }) =>
    attestor({ cosign: { key: { data: pem(keys) }, ...more } });

  it('with a key: its signatures in either form, and nobody else’s', async () => {
    expect(await judged(byKey(), legacy({ signer: key, log: 'none' }))).toBe('verified');
    expect(await judged(byKey(), bundle({ signer: key, log: 'none' }))).toBe('verified');
    expect(await judged(byKey(other), legacy({ signer: key, log: 'none' }))).toBe('refused');
    expect(await judged(byKey(), () => {})).toBe('refused');
  });

  it('with a key and no word about the log: one of the public-good instance', async () => {
    expect(await judged(byKey(key, {}), legacy({ signer: key }))).toBe('verified');
    expect(await judged(byKey(key, {}), legacy({ signer: key, log: 'none' }))).toBe('refused');
    expect(await judged(byKey(key, {}), legacy({ signer: key, log: stranger.rekor }))).toBe('refused');
  });

  it('with a log of its own', async () => {
    const own = byKey(key, { ctlog: { url: 'https://rekor.example', rekorPubKey: rekor } });
    expect(await judged(own, legacy({ signer: key }))).toBe('verified');
    expect(await judged(own, legacy({ signer: key, log: 'none' }))).toBe('refused');
  });

  it.each([
    ['its own', identity, 'verified'],
    ['an expression', { issuerRegExp: '^https://issuer', subjectRegExp: '@example\\.com$' }, 'verified'],
    ['a subject alone', { subject: identity.subject }, 'verified'],
    ['another subject', { issuer, subject: 'eve@example.com' }, 'refused'],
    ['a wildcard, which is none here', { issuer, subject: 'd*v@example.com' }, 'refused'],
    ['another issuer', { issuer: 'https://other.example', subject: identity.subject }, 'refused'],
  ])('with certificates of %s', async (_, who, expected) => {
    const signer = await sigstore.certificate({ issuer });
    expect(await judged(attestor({ cosign: { keyless: { identities: [who] } } }), bundle({ signer }))).toBe(expected);
  });

  it('with several identities: any one of them', async () => {
    const signer = await sigstore.certificate({ issuer });
    const identities = [{ issuer, subject: 'eve@example.com' }, identity];
    expect(await judged(attestor({ cosign: { keyless: { identities } } }), bundle({ signer }))).toBe('verified');
  });

  it('with a trusted root of its own: bundles that it vouches for', async () => {
    const trust = (from: MockSigstore) =>
      attestor({
        cosign: { keyless: { identities: [identity] }, trustedRoot: { value: JSON.stringify(from.trustedRoot()) } },
      });
    const signer = await stranger.certificate({ issuer });
    const signed = bundle({ signer }, () => stranger);
    expect(await judged(trust(stranger), signed)).toBe('verified');
    expect(await judged(trust(sigstore), signed)).toBe('refused');
  });

  it('without a log: by the time that an authority proved', async () => {
    const signer = await sigstore.certificate({ issuer });
    const trust = attestor({ cosign: { keyless: { identities: [identity] }, ctlog: { insecureIgnoreTlog: true } } });
    expect(await judged(trust, bundle({ signer, log: 'none', timestamp: true }))).toBe('verified');
    expect(await judged(trust, bundle({ signer, log: 'none' }))).toBe('refused');
  });

  it('with a chain of certificates: whoever has one of it, now', async () => {
    const signer = await sigstore.certificate({ issuer: null, sct: 'none' });
    const chain = `${sigstore.intermediate.pem}${sigstore.root.pem}`;
    const trust = attestor({
      cosign: {
        certificate: { certChain: { value: chain } },
        ctlog: { url: 'https://rekor.example', rekorPubKey: rekor, insecureIgnoreSCT: true },
      },
    });
    expect(await judged(trust, legacy({ signer }), new Date(signedAt.getTime() + 60_000))).toBe('verified');
    const strange = await stranger.certificate({ issuer: null, sct: 'none' });
    expect(await judged(trust, legacy({ signer: strange }))).toBe('refused');
  });

  it('for an attestation: of its type, by its short name too', async () => {
    const attested =
      (predicateType: string, signer = key): Sign =>
      (atRegistry, digest) =>
        put(atRegistry, digest, 'att', [sigstore.legacyAttestation(statement(digest, predicateType), { signer })]);
    const trust = attestor({ cosign: { key: { data: pem(key) } } }, 'cyclonedx');
    expect(await judged(trust, attested('https://cyclonedx.org/bom'))).toBe('verified');
    expect(await judged(trust, attested('https://spdx.dev/Document'))).toBe('refused');
    expect(await judged(trust, attested('https://cyclonedx.org/bom', other))).toBe('refused');
    expect(await judged(trust, legacy({ signer: key }))).toBe('refused');
  });

  it('for an attestation without a log: only a bundle of it, as in Kyverno', async () => {
    const type = 'https://cyclonedx.org/bom';
    const trust = attestor({ cosign: { key: { data: pem(key) }, ctlog: noLog } }, type);
    const bundled: Sign = (atRegistry, digest) =>
      atRegistry.bundle(digest, sigstore.bundle(statement(digest, type), { signer: key, log: 'none' }));
    expect(await judged(trust, bundled)).toBe('verified');
    const { verification } = await verificationOf(bundled);
    await verification.prepare(trust);
    expect(await verification.forRun()({ image, trust }, signal)).toMatchObject({
      statements: [{ predicateType: type, subject: [{ digest: {} }] }],
    });
    const old: Sign = (atRegistry, digest) =>
      put(atRegistry, digest, 'att', [
        sigstore.legacyAttestation(statement(digest, type), { signer: key, log: 'none' }),
      ]);
    expect(await judged(trust, old)).toBe('refused');
  });

  it('with annotations that the signature must carry', async () => {
    const annotated =
      (team: string): Sign =>
      (registry, digest) => {
        const payload = JSON.parse(simplePayload(digest).toString());
        payload.optional = { team };
        put(registry, digest, 'sig', [
          sigstore.legacySignature(Buffer.from(JSON.stringify(payload)), { signer: key, log: 'none' }),
        ]);
      };
    const trust = byKey(key, { ctlog: noLog, annotations: { team: 'web' } });
    expect(await judged(trust, annotated('web'))).toBe('verified');
    expect(await judged(trust, annotated('db'))).toBe('refused');
  });

  it('is an error where the registry knows no such image, or does not answer', async () => {
    const { verification, registry } = await verificationOf(() => {});
    const trust = byKey();
    await verification.prepare(trust);
    const failing = createImageVerification({
      deps: () => ({
        settings: ImagesSettings.parse({ trust: [], unmatched: 'deny', pin: true }),
        registry: Object.assign(Object.create(registry), { resolveTag: () => Promise.reject(new Error('gone')) }),
        clock: { now: () => later.getTime() },
        examiner,
      }),
      publicGood: () => readTrustedRoot(trustedRoot, 'x'),
      signal,
      clock: { now: () => later.getTime() },
    });
    await failing.prepare(trust);
    expect((await failing.forRun()({ image, trust }, signal)).kind).toBe('error');
    expect((await verification.forRun()({ image: 'no image!', trust }, signal)).kind).toBe('error');
    expect((await verification.forRun()({ image, trust: byKey() }, signal)).kind).toBe('error');
  });

  it.each([
    ['nobody', {}, 'neither cosign nor notary'],
    ['two who', { cosign: { key: { data: 'x' }, keyless: { identities: [] } } }, 'exactly one says who vouches'],
    ['a key that is none', { cosign: { key: { data: 'x' } } }, 'cosign.key.data'],
    ['a key service', { cosign: { key: { kms: 'awskms://x' } } }, 'key service'],
    ['an expression', { cosign: { key: { expression: 'variables.key' } } }, 'it is CEL'],
    [
      'a subject by an expression',
      { cosign: { keyless: { identities: [{ issuer, subjectExpression: "'x'" }] } } },
      'it is CEL',
    ],
    ['no identity', { cosign: { keyless: { identities: [] } } }, 'names no identity'],
    ['an empty identity', { cosign: { keyless: { identities: [{}] } } }, 'anybody is trusted'],
    [
      'a repository of keys',
      { cosign: { keyless: { identities: [identity] }, tuf: { mirror: 'https://x' } } },
      'not fetched',
    ],
    ['a log without an address', { cosign: { key: { data: 'x' }, ctlog: { rekorPubKey: 'x' } } }, 'has no url'],
    ['a certificate that is a key', { cosign: { certificate: { cert: { value: 'x' } } } }, 'takes the key out of it'],
    ['a root by an expression', { cosign: { key: { data: 'x' }, trustedRoot: { expression: 'x' } } }, 'it is CEL'],
    ['certificates that are none', { notary: { certs: { value: 'x' } } }, 'PEM'],
    ['no certificates', { notary: {} }, 'holds no certificate'],
    ['an unknown field', { cosign: { keys: {} } }, 'unknown key "keys"'],
  ])('with %s is refused by its line', async (_, fields, message) => {
    const { verification } = await verificationOf(() => {});
    await expect(verification.prepare(attestor(fields))).rejects.toThrow(message);
    await expect(verification.prepare(attestor(fields))).rejects.toThrow(/^p\.yaml:7:\d+: /);
  });

  it('says what a person should know of it', async () => {
    const { verification } = await verificationOf(() => {});
    const hazards = await verification.prepare(attestor({ cosign: { keyless: { identities: [{ issuer }] } } }));
    expect(hazards.join('\n')).toContain('names no subject');
  });
});

describe('an entry of verifyImages', () => {
  const entry = (attestors: object[]) => verifyImages({ imageReferences: ['*'], attestors });
  const keys = (of = key) => ({ keys: { publicKeys: pem(of), rekor: { ignoreTlog: true } } });

  it('demands all of its sets, whatever the image is called', async () => {
    const both = [{ entries: [keys()] }, { entries: [keys(other)] }];
    const [one, two] = [{ signer: key, log: 'none' } as const, { signer: other, log: 'none' } as const];
    expect(await judged(entry([{ entries: [keys()] }]), legacy(one))).toBe('verified');
    expect(await judged(entry(both), legacy(one, two))).toBe('verified');
    expect(await judged(entry(both), legacy(one))).toBe('refused');
    expect(
      await judged(verifyImages({ imageReferences: ['quay.io/*'], attestors: [{ entries: [keys()] }] }), legacy(one)),
    ).toBe('verified');
  });

  it.each([
    ['nobody', { imageReferences: ['*'] }, 'it verifies nothing'],
    [
      'a variable',
      { imageReferences: ['*'], attestors: [{ entries: [{ keys: { publicKeys: '{{ x }}' } }] }] },
      'a variable',
    ],
    ['an unknown field', { imageReferences: ['*'], attestor: [] }, 'unknown key "attestor"'],
  ])('with %s is refused by its line', async (_, value, message) => {
    const { verification } = await verificationOf(() => {});
    await expect(verification.prepare(verifyImages(value))).rejects.toThrow(message);
    await expect(verification.prepare(verifyImages(value))).rejects.toThrow(/^p\.yaml:7:\d+: /);
  });
});
