/** What each spelling makes of real signatures: read from files, judged by the whole check. */
import { createPublicKey } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Digest } from '../../../../../src/core/image.ts';
import {
  eku,
  keyPair,
  type MockSigstore,
  openMockSigstore,
  pemOf,
  signedAt,
  signStatement,
  simplePayload,
  spkiOf,
  statement,
} from '../../../../support/sigstore/mock.ts';
import { checked, MemoryRegistry, manifestOf, podsWith } from '../../support.ts';
import { loadFiles } from '../../trust-files.ts';

const name = 'ghcr.io/org/app';
const issuer = 'https://issuer.example';
const key = keyPair();
const other = keyPair();
const publicPem = (keys: ReturnType<typeof keyPair>) =>
  keys.publicKey.export({ format: 'pem', type: 'spki' }).toString();

let sigstore: MockSigstore;
let stranger: MockSigstore;
let root: string;
let rekor: string;
beforeAll(async () => {
  [sigstore, stranger] = await Promise.all([openMockSigstore(), openMockSigstore('stranger.example')]);
  root = sigstore.root.pem;
  rekor = pemOf(
    spkiOf(createPublicKey(sigstore.rekor.keys.publicKey.export({ format: 'pem', type: 'spki' }))),
    'PUBLIC KEY',
  );
});

/** Puts what was signed about the image beside it. */
type Sign = (registry: MemoryRegistry, digest: Digest) => void | Promise<void>;

async function judged(
  files: Record<string, string>,
  source: object,
  sign: Sign,
  reference = `${name}:v1`,
  now = signedAt,
) {
  const registry = new MemoryRegistry();
  const digest = registry.image('v1');
  await sign(registry, digest);
  const trust = await loadFiles(files, undefined, { source });
  const clock = { now: () => now.getTime() };
  const { images, findings } = await checked(podsWith(reference.replace('DIGEST', digest)), { trust, registry, clock });
  const denied = findings.filter(({ effect }) => effect !== 'warn');
  return {
    verified: images[0]?.by !== undefined && images[0].by.length > 0 && denied.length === 0,
    why: denied.map(({ message }) => message).join('\n'),
  };
}

/** `.sig` layers by signers, over a payload that names the repository as cosign does, or another one. */
const legacy =
  (...signers: readonly Parameters<MockSigstore['legacySignature']>[1][]): Sign =>
  (registry, digest) =>
    put(
      registry,
      digest,
      'sig',
      signers.map((options) => sigstore.legacySignature(named(digest, name), options)),
    );

function named(digest: Digest, reference: string): Buffer {
  const payload = JSON.parse(simplePayload(digest).toString());
  payload.critical.identity['docker-reference'] = reference;
  return Buffer.from(JSON.stringify(payload));
}

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

/** Certificates of an authority that is trusted, which vouch for nobody here. */
const unfit: [string, Parameters<MockSigstore['certificate']>[0], string][] = [
  ['for servers', { usages: [eku.serverAuth] }, 'its certificate is not for signing code'],
  ['for any use', { usages: ['2.5.29.37.0'] }, 'its certificate is not for signing code'],
  [
    'of two names',
    { names: [{ email: 'dev@example.com' }, { email: 'eve@example.com' }] },
    'its certificate has 2 subject alternative names, and one is read',
  ],
];

describe('policy.json', () => {
  const data = (text: string) => Buffer.from(text).toString('base64');
  const judge = (requirement: object, sign: Sign, reference?: string, now?: Date) => {
    const policy = {
      default: [{ type: 'reject' }],
      transports: { docker: { 'ghcr.io/org': [{ type: 'sigstoreSigned', ...requirement }] } },
    };
    return judged(
      { 'policy.json': JSON.stringify(policy) },
      { path: undefined, containersPolicy: 'trust/policy.json' },
      sign,
      reference,
      now,
    );
  };
  const any = { signedIdentity: { type: 'matchRepository' } };

  it('a key', async () => {
    const requirement = { keyData: data(publicPem(key)), ...any };
    expect(await judge(requirement, legacy({ signer: key, log: 'none' }))).toEqual({ verified: true, why: '' });
    expect((await judge(requirement, legacy({ signer: other, log: 'none' }))).verified).toBe(false);
    expect((await judge(requirement, () => {})).verified).toBe(false);
  });

  it('any one of two keys, as requirements both', async () => {
    const keyDatas = [data(publicPem(key)), data(publicPem(other))];
    expect((await judge({ keyDatas, ...any }, legacy({ signer: other, log: 'none' }))).verified).toBe(true);
    const both = keyDatas.map((keyData) => ({ type: 'sigstoreSigned', keyData, ...any }));
    const policy = JSON.stringify({ default: [{ type: 'reject' }], transports: { docker: { 'ghcr.io': both } } });
    const source = { path: undefined, containersPolicy: 'trust/policy.json' };
    const [one, two] = [{ signer: key, log: 'none' } as const, { signer: other, log: 'none' } as const];
    expect((await judged({ 'policy.json': policy }, source, legacy(one))).verified).toBe(false);
    expect((await judged({ 'policy.json': policy }, source, legacy(one, two))).verified).toBe(true);
  });

  it('a key and a log', async () => {
    const requirement = { keyData: data(publicPem(key)), rekorPublicKeyData: data(rekor), ...any };
    expect(await judge(requirement, legacy({ signer: key }))).toEqual({ verified: true, why: '' });
    expect((await judge(requirement, legacy({ signer: key, log: 'none' }))).verified).toBe(false);
    expect((await judge(requirement, legacy({ signer: key, log: stranger.rekor }))).verified).toBe(false);
  });

  it('the name that was signed, where nothing else is said', async () => {
    const requirement = { keyData: data(publicPem(key)) };
    const signedAs =
      (reference: string): Sign =>
      (registry, digest) =>
        put(registry, digest, 'sig', [
          sigstore.legacySignature(named(digest, reference), { signer: key, log: 'none' }),
        ]);
    expect((await judge(requirement, signedAs(`${name}:v1`))).verified).toBe(true);
    expect((await judge(requirement, signedAs(`${name}:v2`))).verified).toBe(false);
    expect((await judge(requirement, signedAs(name))).verified).toBe(false);
    expect((await judge(requirement, signedAs(`${name}:v2`), `${name}@DIGEST`)).verified).toBe(true);
    expect((await judge(requirement, signedAs('ghcr.io/org/dev:v1'), `${name}@DIGEST`)).verified).toBe(false);
    const bundle: Sign = (registry, digest) =>
      registry.bundle(digest, sigstore.bundle(signStatement(digest), { signer: key, log: 'none' }));
    expect((await judge(requirement, bundle)).verified).toBe(false);
  });

  it('fulcio: issuer and address, at the time in the log', async () => {
    const fulcio = { caData: data(root), oidcIssuer: issuer, subjectEmail: 'dev@example.com' };
    const requirement = { fulcio, rekorPublicKeyData: data(rekor), ...any };
    const good = await sigstore.certificate({ issuer, sct: 'none' });
    const later = new Date('2026-06-01T00:00:00Z');
    expect(await judge(requirement, legacy({ signer: good }), undefined, later)).toEqual({ verified: true, why: '' });
    const wrong = await Promise.all([
      sigstore.certificate({ issuer: 'https://other.example' }),
      sigstore.certificate({ issuer, names: [{ email: 'eve@example.com' }] }),
      stranger.certificate({ issuer }),
    ]);
    for (const signer of wrong)
      expect((await judge(requirement, legacy({ signer }), undefined, later)).verified).toBe(false);
    expect((await judge(requirement, legacy({ signer: good, log: 'none' }), undefined, later)).verified).toBe(false);
  });

  it('pki: the subject, whoever vouched for it, now', async () => {
    const requirement = { pki: { caRootsData: data(root), subjectEmail: 'dev@example.com' }, ...any };
    const signer = await sigstore.certificate({ issuer: null, sct: 'none' });
    const during = new Date(signedAt.getTime() + 60_000);
    expect(await judge(requirement, legacy({ signer, log: 'none' }), undefined, during)).toEqual({
      verified: true,
      why: '',
    });
    expect(
      (await judge(requirement, legacy({ signer, log: 'none' }), undefined, new Date('2026-06-01T00:00:00Z'))).verified,
    ).toBe(false);
    const eve = await sigstore.certificate({ issuer: null, sct: 'none', names: [{ email: 'eve@example.com' }] });
    expect((await judge(requirement, legacy({ signer: eve, log: 'none' }), undefined, during)).verified).toBe(false);
    const strange = await stranger.certificate({ issuer: null, sct: 'none' });
    expect((await judge(requirement, legacy({ signer: strange, log: 'none' }), undefined, during)).verified).toBe(
      false,
    );
    expect((await judge(requirement, legacy({ signer: key, log: 'none' }), undefined, during)).verified).toBe(false);
  });

  it.each(unfit)('pki: a certificate %s is refused', async (_, options, why) => {
    const requirement = { pki: { caRootsData: data(root), subjectEmail: 'dev@example.com' }, ...any };
    const signer = await sigstore.certificate({ issuer: null, sct: 'none', ...options });
    const during = new Date(signedAt.getTime() + 60_000);
    const answer = await judge(requirement, legacy({ signer, log: 'none' }), undefined, during);
    expect(answer).toEqual({ verified: false, why: expect.stringContaining(why) });
  });
});

describe('Kyverno', () => {
  const judge = (verify: object, sign: Sign, reference?: string, now = new Date('2026-06-01T00:00:00Z')) => {
    const spec = { failureAction: 'Enforce', imageReferences: ['ghcr.io/org/*'], ...verify };
    const match = { any: [{ resources: { kinds: ['Pod'] } }] };
    const policy = {
      apiVersion: 'kyverno.io/v1',
      kind: 'ClusterPolicy',
      metadata: { name: 'p' },
      spec: { rules: [{ name: 'r', match, verifyImages: [spec] }] },
    };
    return judged({ 'p.json': JSON.stringify(policy) }, {}, sign, reference, now);
  };
  const ignoring = { rekor: { ignoreTlog: true } };
  const during = new Date(signedAt.getTime() + 60_000);
  const certificates = () => ({
    attestors: [{ entries: [{ certificates: { certChain: root, ...ignoring, ctlog: { ignoreSCT: true } } }] }],
  });
  const by = (keys: ReturnType<typeof keyPair>) => ({ keys: { publicKeys: publicPem(keys), ...ignoring } });

  it('two of three keys', async () => {
    const third = keyPair();
    const attestors = [{ count: 2, entries: [by(key), by(other), by(third)] }];
    const [one, two] = [{ signer: key, log: 'none' } as const, { signer: third, log: 'none' } as const];
    expect(await judge({ attestors }, legacy(one, two))).toEqual({ verified: true, why: '' });
    expect((await judge({ attestors }, legacy(one))).verified).toBe(false);
    expect((await judge({ attestors }, legacy(one, one))).verified).toBe(false);
  });

  it('two sets: both', async () => {
    const attestors = [{ entries: [by(key)] }, { entries: [by(other)] }];
    const [one, two] = [{ signer: key, log: 'none' } as const, { signer: other, log: 'none' } as const];
    expect((await judge({ attestors }, legacy(one, two))).verified).toBe(true);
    expect((await judge({ attestors }, legacy(two))).verified).toBe(false);
  });

  it('a key and its log', async () => {
    const attestors = [
      { entries: [{ keys: { publicKeys: publicPem(key), rekor: { url: 'https://rekor.example', pubkey: rekor } } }] },
    ];
    expect(await judge({ attestors }, legacy({ signer: key }))).toEqual({ verified: true, why: '' });
    expect((await judge({ attestors }, legacy({ signer: key, log: 'none' }))).verified).toBe(false);
  });

  it('annotations of the payload', async () => {
    const attestors = [{ entries: [{ ...by(key), annotations: { team: 'web' } }] }];
    const annotated =
      (team: string): Sign =>
      (registry, digest) => {
        const payload = JSON.parse(simplePayload(digest).toString());
        payload.optional = { team };
        put(registry, digest, 'sig', [
          sigstore.legacySignature(Buffer.from(JSON.stringify(payload)), { signer: key, log: 'none' }),
        ]);
      };
    expect((await judge({ attestors }, annotated('web'))).verified).toBe(true);
    expect((await judge({ attestors }, annotated('db'))).verified).toBe(false);
    expect((await judge({ attestors }, legacy({ signer: key, log: 'none' }))).verified).toBe(false);
  });

  it('certificates: whoever one of the chain certified, now', async () => {
    const signer = await sigstore.certificate({ issuer: null, sct: 'none' });
    const sign = legacy({ signer, log: 'none' });
    expect(await judge(certificates(), sign, undefined, during)).toEqual({ verified: true, why: '' });
    expect((await judge(certificates(), sign)).verified).toBe(false);
  });

  it.each(unfit)('certificates: one %s is refused', async (_, options, why) => {
    const signer = await sigstore.certificate({ issuer: null, sct: 'none', ...options });
    const answer = await judge(certificates(), legacy({ signer, log: 'none' }), undefined, during);
    expect(answer).toEqual({ verified: false, why: expect.stringContaining(why) });
  });

  it('a form is not the other one', async () => {
    const attestors = [{ entries: [by(key)] }];
    const bundle: Sign = (registry, digest) =>
      registry.bundle(digest, sigstore.bundle(signStatement(digest), { signer: key, log: 'none' }));
    const bundles = [{ entries: [{ keys: { publicKeys: publicPem(key), ...ignoring, ctlog: { ignoreSCT: true } } }] }];
    expect((await judge({ attestors }, bundle)).verified).toBe(false);
    expect(await judge({ type: 'SigstoreBundle', attestors: bundles }, bundle)).toEqual({ verified: true, why: '' });
    expect(
      (await judge({ type: 'SigstoreBundle', attestors: bundles }, legacy({ signer: key, log: 'none' }))).verified,
    ).toBe(false);
  });

  it.each([
    ['both equal', { issuer, subject: 'dev@example.com' }, true],
    ['wildcards', { issuer: 'https://*.example', subject: 'd?v@example.com' }, true],
    ['expressions', { issuerRegExp: '^https://issuer', subjectRegExp: '@example\\.com$' }, true],
    ['a subject alone', { subject: 'dev@example.com' }, true],
    ['another subject, as an expression (CVE-2025-29778)', { issuer, subjectRegExp: '^eve@' }, false],
    [
      'another issuer, as an expression (CVE-2025-29778)',
      { issuerRegExp: '^https://other', subject: 'dev@example.com' },
      false,
    ],
    ['a wildcard is whole', { issuer, subject: 'dev@example.co' }, false],
    ['a wildcard is no expression', { issuer, subject: 'd.v@example.com' }, false],
  ])('keyless, private: %s', async (_, identity, verified) => {
    const keyless = {
      ...identity,
      roots: root,
      rekor: { url: 'https://rekor.example', pubkey: rekor },
      ctlog: { ignoreSCT: true },
    };
    const signer = await sigstore.certificate({ issuer, sct: 'none' });
    expect((await judge({ attestors: [{ entries: [{ keyless }] }] }, legacy({ signer }))).verified).toBe(verified);
  });

  it('an attestation of its type, by its signer', async () => {
    const type = 'https://slsa.dev/provenance/v1';
    const attestations = [{ type, attestors: [{ entries: [by(key)] }] }];
    const attested =
      (predicateType: string, signer = key): Sign =>
      (registry, digest) =>
        put(registry, digest, 'att', [
          sigstore.legacyAttestation(statement(digest, predicateType), { signer, log: 'none' }),
        ]);
    expect(await judge({ attestations }, attested(type))).toEqual({ verified: true, why: '' });
    expect((await judge({ attestations }, attested('https://spdx.dev/Document'))).verified).toBe(false);
    expect((await judge({ attestations }, attested(type, other))).verified).toBe(false);
    // What attests is no signature.
    expect((await judge({ attestors: [{ entries: [by(key)] }] }, attested(type))).verified).toBe(false);
  });

  it('what it skips nobody vouches for', async () => {
    const verify = { attestors: [{ entries: [by(key)] }], skipImageReferences: ['ghcr.io/org/app*'] };
    expect((await judge(verify, legacy({ signer: key, log: 'none' }))).verified).toBe(false);
  });
});

describe('Flux', () => {
  const judge = (verify: object, secrets: Record<string, string>, sign: Sign, url = `oci://${name}`) => {
    const object = {
      apiVersion: 'source.toolkit.fluxcd.io/v1',
      kind: 'OCIRepository',
      metadata: { name: 'app' },
      spec: { url, verify },
    };
    const files = { 'policies/a.json': JSON.stringify(object), ...secrets };
    return judged(
      files,
      { path: 'trust/policies', secrets: 'trust/secrets' },
      sign,
      undefined,
      new Date('2026-06-01T00:00:00Z'),
    );
  };
  const keys = { 'secrets/keys/a.pub': publicPem(key), 'secrets/keys/b.pub': publicPem(other) };
  const keyed = { provider: 'cosign', secretRef: { name: 'keys' } };
  const bundle =
    (options: Parameters<MockSigstore['bundle']>[1]): Sign =>
    (registry, digest) =>
      registry.bundle(digest, sigstore.bundle(signStatement(digest), options));

  it('any key, in either form', async () => {
    expect((await judge(keyed, keys, legacy({ signer: other, log: 'none' }))).verified).toBe(true);
    expect((await judge(keyed, keys, bundle({ signer: key, log: 'none' }))).verified).toBe(true);
    expect((await judge(keyed, keys, bundle({ signer: keyPair(), log: 'none' }))).verified).toBe(false);
    expect((await judge(keyed, keys, bundle({ signer: key, log: 'none' }), 'oci://ghcr.io/org/other')).verified).toBe(
      false,
    );
  });

  it('identities by a root of its own', async () => {
    const verify = {
      matchOIDCIdentity: [{ issuer: '^https://issuer\\.example$', subject: '^dev@example\\.com$' }],
      trustedRootSecretRef: { name: 'root' },
    };
    const secrets = { 'secrets/root/trusted_root.json': JSON.stringify(sigstore.trustedRoot()) };
    const good = await sigstore.certificate({ issuer });
    expect(await judge(verify, secrets, bundle({ signer: good }))).toEqual({ verified: true, why: '' });
    expect((await judge(verify, secrets, legacy({ signer: good }))).verified).toBe(true);
    expect((await judge(verify, secrets, bundle({ signer: good, log: 'v2', timestamp: true }))).verified).toBe(true);
    expect((await judge(verify, secrets, bundle({ signer: good, log: 'none', timestamp: true }))).verified).toBe(false);
    const wrong = await Promise.all([
      sigstore.certificate({ issuer: 'https://other.example' }),
      sigstore.certificate({ issuer, names: [{ email: 'eve@example.com' }] }),
      sigstore.certificate({ issuer, sct: 'none' }),
      stranger.certificate({ issuer }),
    ]);
    for (const signer of wrong) expect((await judge(verify, secrets, bundle({ signer }))).verified).toBe(false);
  });
});

it('these kinds in what is rendered change nothing', async () => {
  const registry = new MemoryRegistry();
  registry.image('v1');
  const waiver = { apiVersion: 'kyverno.io/v1', kind: 'ClusterPolicy', metadata: { name: 'p' }, spec: { rules: [] } };
  const repository = {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'OCIRepository',
    metadata: { name: 'app' },
    spec: { url: `oci://${name}` },
  };
  const trust = await loadFiles({
    'p.json': JSON.stringify({ ...repository, spec: { ...repository.spec, verify: { secretRef: { name: 'keys' } } } }),
    'keys.pub': publicPem(key),
  });
  const { codes } = await checked([...podsWith(`${name}:v1`), manifestOf(waiver, 1)], { trust, registry });
  expect(codes.filter((code) => code.startsWith('deny'))).not.toEqual([]);
});
