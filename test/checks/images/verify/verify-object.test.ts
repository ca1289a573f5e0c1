import { constants, createHash, generateKeyPairSync, sign } from 'node:crypto';
import { ed25519ph } from '@noble/curves/ed25519.js';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KeylessAuthority, TrustRoot } from '../../../../src/checks/images/policy/model.ts';
import type { VerifiedObject } from '../../../../src/checks/images/verify/verify-object.ts';
import {
  canonical,
  eku,
  type KeyType,
  keyPair,
  type Layer,
  type MockSigstore,
  openMockSigstore,
  signedAt,
  signStatement,
  statement,
} from '../../../support/sigstore/mock.ts';
import {
  attestation,
  byKey,
  digest,
  judged,
  keyless,
  ofBundle,
  ofLayer,
  otherDigest,
  rootOf,
  signature,
  verdict,
} from './judging.ts';

const provenance = 'https://slsa.dev/provenance/v1';
const versions = {
  '0.1': 'application/vnd.dev.sigstore.bundle+json;version=0.1',
  '0.2': 'application/vnd.dev.sigstore.bundle+json;version=0.2',
  '0.3, old': 'application/vnd.dev.sigstore.bundle+json;version=0.3',
  '0.3': 'application/vnd.dev.sigstore.bundle.v0.3+json',
} as const;

let sigstore: MockSigstore;
let stranger: MockSigstore;
let roots: TrustRoot;
beforeAll(async () => {
  [sigstore, stranger] = await Promise.all([openMockSigstore(), openMockSigstore()]);
  roots = rootOf(sigstore);
});

describe('a managed key', () => {
  it.each([
    ['p256', 'sha256'],
    ['p384', 'sha256'],
    ['p384', 'sha384'],
    ['p521', 'sha256'],
    ['p521', 'sha512'],
    ['rsa2048', 'sha256'],
    ['rsa4096', 'sha256'],
    ['ed25519', 'sha256'],
  ] as const)('%s over %s signs in every form', async (type: KeyType, hash) => {
    const signer = keyPair(type);
    const how = { signer, hash, log: 'none' } as const;
    const authority = byKey(signer);
    expect(await verdict(ofLayer(sigstore.legacySignature(digest, how)), authority)).toBe('verified');
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), how)), authority)).toBe('verified');
    const attested = ofLayer(sigstore.legacyAttestation(statement(digest, provenance), how));
    expect(await verdict(attested, authority, attestation(provenance))).toBe('verified');
    expect(await verdict(attested, byKey(keyPair(type)), attestation(provenance))).toBe('4 other-key');
  });

  it('signs with Ed25519ph and RSA-PSS too', async () => {
    const signed = (layer: Layer, signature: Uint8Array) => ({
      ...layer,
      annotations: { 'dev.cosignproject.cosign/signature': Buffer.from(signature).toString('base64') },
    });
    const [ed, rsa] = [keyPair('ed25519'), keyPair('rsa2048')];
    const layer = sigstore.legacySignature(digest, { signer: ed, log: 'none' });
    const { d = '' } = ed.privateKey.export({ format: 'jwk' });
    const ph = ed25519ph.sign(layer.payload, Buffer.from(d, 'base64url'));
    expect(await verdict(ofLayer(signed(layer, ph)), byKey(ed))).toBe('verified');
    expect(await verdict(ofLayer(signed(layer, ph)), byKey(keyPair('ed25519')))).toBe('4 other-key');
    const pss = sign('sha256', layer.payload, { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING });
    expect(await verdict(ofLayer(signed(layer, pss)), byKey(rsa))).toBe('verified');
  });

  it.each(['v1', 'v2'] as const)('is held to an entry in the log, %s', async (log) => {
    const signer = keyPair();
    const authority = byKey(signer, { log: { demand: 'required', roots } });
    const timestamp = log === 'v2';
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), { signer, log, timestamp })), authority)).toBe(
      'verified',
    );
    const without = ofBundle(sigstore.bundle(signStatement(digest), { signer, log: 'none' }));
    expect(await verdict(without, authority)).toBe('5 log');
    const elsewhere = ofBundle(sigstore.bundle(signStatement(digest), { signer, log: stranger.rekor }));
    expect(await verdict(elsewhere, authority)).toBe('5 log');
  });

  it('is held to a timestamp', async () => {
    const signer = keyPair();
    const authority = byKey(signer, { timestamp: { demand: 'required', roots } });
    const how = { signer, log: 'none' } as const;
    const stamped = ofBundle(sigstore.bundle(signStatement(digest), { ...how, timestamp: true }));
    const answer = await judged(stamped, authority);
    expect(answer).toMatchObject({ kind: 'verified', times: [{ by: 'timestamp-authority' }] });
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), how)), authority)).toBe('5 timestamp');
    const foreign = { ...how, timestamp: { signer: stranger.tsa } };
    // The names of the two are one; only the key tells them apart.
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), foreign)), authority)).toBe('5 untrusted');
    const forged = { ...how, timestamp: { forgedTime: new Date('2026-01-16T00:00:00Z') } };
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), forged)), authority)).toBe('5 untrusted');
    const other = { ...how, timestamp: { data: Buffer.from('another signature') } };
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), other)), authority)).toBe('5 untrusted');
  });

  it('counts within its time alone: the trusted one, or now', async () => {
    const signer = keyPair();
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer }));
    const window = { start: signedAt.getTime(), end: signedAt.getTime() + 3_600_000 };
    expect(await verdict(object, byKey(signer, { validFor: window }))).toBe('4 time');
    expect(await verdict(object, byKey(signer, { validFor: window }), signature, window.start + 1)).toBe('verified');
    const log = { demand: 'required', roots } as const;
    expect(await verdict(object, byKey(signer, { validFor: window, log }))).toBe('verified');
    const before = { end: window.start - 1 };
    expect(await verdict(object, byKey(signer, { validFor: before, log }))).toBe('5 time');
  });

  it('never loads what keyless verification needs', async () => {
    const { execFileSync } = await import('node:child_process');
    const module = new URL('../../../../src/checks/images/verify/verify-object.ts', import.meta.url).pathname;
    const program = `
      import { registerHooks } from 'node:module';
      registerHooks({ resolve: (name, context, next) => {
        if (name.startsWith('@sigstore/')) throw new Error('loaded ' + name);
        return next(name, context);
      } });
      const { prepare } = await import(${JSON.stringify(module)});
      await prepare([{ kind: 'key', key: { kind: 'ecdsa' }, log: { demand: 'ignored' }, timestamp: { demand: 'ignored' } }]);
      console.log('none');`;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })).toBe('none\n');
  });
});

describe('a certificate', () => {
  it.each(Object.entries(versions))('signs in a bundle of version %s', async (version, mediaType) => {
    const signer = await sigstore.certificate();
    const chain = version.startsWith('0.3') ? {} : { chain: [] };
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer, mediaType, ...chain }));
    expect(await judged(object, keyless(roots))).toMatchObject({
      kind: 'verified',
      signer: { kind: 'certificate', subject: 'dev@example.com', issuer: 'https://issuer.example' },
      times: [{ by: 'log' }],
    });
  });

  it('signs in the log of the second version, with a timestamp', async () => {
    const signer = await sigstore.certificate();
    const how = { signer, log: 'v2' } as const;
    const object = ofBundle(sigstore.bundle(signStatement(digest), { ...how, timestamp: true }));
    expect(await judged(object, keyless(roots))).toMatchObject({
      kind: 'verified',
      times: [{ by: 'timestamp-authority' }],
    });
    const without = ofBundle(sigstore.bundle(signStatement(digest), how));
    expect(await verdict(without, keyless(roots))).toBe('5 time');
  });

  it.each(['hashedrekord', 'dsse', 'intoto-0.0.2'] as const)('is logged as %s', async (entry) => {
    const signer = await sigstore.certificate();
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer, entry }));
    expect(await verdict(object, keyless(roots))).toBe('verified');
  });

  it('signs in layers, with the promise of the log', async () => {
    const signer = await sigstore.certificate();
    expect(await verdict(ofLayer(sigstore.legacySignature(digest, { signer })), keyless(roots))).toBe('verified');
    for (const entry of ['dsse', 'intoto-0.0.1', 'intoto-0.0.2'] as const) {
      const object = ofLayer(sigstore.legacyAttestation(statement(digest, provenance), { signer, entry }));
      expect([entry, await verdict(object, keyless(roots), attestation(provenance))]).toEqual([entry, 'verified']);
    }
  });

  it('is logged as rekord, as the first ones were', async () => {
    const signer = await sigstore.certificate();
    const layer = sigstore.legacySignature(digest, { signer, log: 'none' });
    const content = layer.annotations['dev.cosignproject.cosign/signature'];
    const logged = async (change: object = {}, promise?: (set: string) => string) => {
      const value = createHash('sha256').update(layer.payload).digest('hex');
      const body = {
        apiVersion: '0.0.1',
        kind: 'rekord',
        spec: {
          data: { hash: { algorithm: 'sha256', value } },
          signature: { content, format: 'x509', publicKey: { content: Buffer.from(signer.pem).toString('base64') } },
          ...change,
        },
      };
      const entry = sigstore.rekor.append(body, { at: new Date(signedAt.getTime() + 60_000) });
      const set = entry.inclusionPromise?.signedEntryTimestamp ?? '';
      const bundle = {
        SignedEntryTimestamp: promise?.(set) ?? set,
        Payload: {
          body: Buffer.from(canonical(body)).toString('base64'),
          integratedTime: Number(entry.integratedTime),
          logIndex: Number(entry.logIndex),
          logID: Buffer.from(entry.logId.keyId, 'base64').toString('hex'),
        },
      };
      const annotations = { ...layer.annotations, 'dev.sigstore.cosign/bundle': JSON.stringify(bundle) };
      return await verdict(ofLayer({ ...layer, annotations }), keyless(roots));
    };
    expect(await logged()).toBe('verified');
    expect(await logged({ data: { hash: { algorithm: 'sha256', value: '0'.repeat(64) } } })).toBe('6 log');
    expect(await logged({}, () => Buffer.alloc(70, 1).toString('base64'))).toBe('5 untrusted');
    const stolen = {
      content,
      format: 'x509',
      publicKey: { content: Buffer.from(sigstore.root.pem).toString('base64') },
    };
    expect(await logged({ signature: stolen })).toBe('6 log');
  });

  it('signs in layers with a timestamp, which for attestations is over the whole envelope', async () => {
    const signer = await sigstore.certificate();
    const authority = keyless(roots, { log: { demand: 'ignored' }, timestamp: { demand: 'required', roots } });
    const how = { signer, log: 'none', timestamp: true } as const;
    expect(await verdict(ofLayer(sigstore.legacySignature(digest, how)), authority)).toBe('verified');
    const object = ofLayer(sigstore.legacyAttestation(statement(digest, provenance), how));
    expect(await verdict(object, authority, attestation(provenance))).toBe('verified');
  });

  it('of an intermediate that the object brings is of the root', async () => {
    const signer = await sigstore.certificate({ by: 'intermediate' });
    const rootAlone = rootOf(sigstore, { fulcio: { chain: [sigstore.root] } });
    const mediaType = versions['0.1'];
    const bring = (...chain: MockSigstore['root'][]) =>
      ofBundle(sigstore.bundle(signStatement(digest), { signer, mediaType, chain }));
    expect(await verdict(bring(sigstore.intermediate), keyless(rootAlone))).toBe('verified');
    expect(await verdict(bring(), keyless(rootAlone))).toBe('5 untrusted');
    expect(await verdict(bring(sigstore.intermediate, sigstore.root), keyless(rootAlone))).toBe('5 untrusted');
  });

  it('of an intermediate that had expired is refused (CVE-2026-24122)', async () => {
    const signer = await sigstore.certificate({ by: 'expired-intermediate' });
    const chain = [sigstore.expiredIntermediate];
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer, mediaType: versions['0.1'], chain }));
    expect(await verdict(object, keyless(rootOf(sigstore, { fulcio: { chain: [sigstore.root] } })))).toBe(
      '5 untrusted',
    );
  });

  it('of a stranger is refused, whatever chain and root it brings', async () => {
    const signer = await stranger.certificate({ by: 'intermediate' });
    const layer = sigstore.legacySignature(digest, { signer });
    layer.annotations['dev.sigstore.cosign/chain'] = `${stranger.intermediate.pem}${stranger.root.pem}`;
    expect(await verdict(ofLayer(layer), keyless(roots, { sct: 'ignored' }))).toBe('5 untrusted');
  });

  it.each([
    ['none', '5 untrusted', 'verified'],
    ['stranger', '5 untrusted', 'verified'],
    ['other-certificate', '5 untrusted', 'verified'],
    ['good', 'verified', 'verified'],
  ] as const)('with the timestamp of a certificate log: %s', async (sct, required, without) => {
    const signer = await sigstore.certificate({ sct });
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer }));
    expect(await verdict(object, keyless(roots))).toBe(required);
    expect(await verdict(object, keyless(roots, { sct: 'ignored' }))).toBe(without);
  });

  it('is judged now where no time is asked for', async () => {
    const signer = await sigstore.certificate();
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer }));
    const authority = keyless(roots, { log: { demand: 'ignored' } });
    expect(await verdict(object, authority, signature, signedAt.getTime() + 60_000)).toBe('verified');
    expect(await verdict(object, authority)).toBe('5 untrusted');
  });

  it.each(['p384', 'p521', 'rsa2048', 'ed25519'] as const)('of a key %s', async (key) => {
    const signer = await sigstore.certificate({ key });
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), { signer })), keyless(roots))).toBe(
      'verified',
    );
  });

  it.each([
    ['of another curve', generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
    ['of a short RSA key', generateKeyPairSync('rsa', { modulusLength: 1024 })],
  ])('%s is refused', async (_, key) => {
    const signer = await sigstore.certificate({ key });
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), { signer })), keyless(roots))).toBe('5 usage');
  });

  it.each([
    ['is for servers only', { usages: [eku.serverAuth] }, '7 usage'],
    ['is for nothing', { usages: [] }, '7 usage'],
    ['names two', { names: [{ email: 'dev@example.com' }, { email: 'eve@example.com' }] }, '8 malformed'],
    ['names nobody', { names: [] }, '8 identity'],
    ['ends its name with a NUL', { names: [{ email: 'dev@example.com\0.evil' }] }, '8 malformed'],
    [
      'has a critical extension',
      { extensions: [{ oid: '1.2.3.4', critical: true, value: Buffer.of(5, 0) }] },
      '7 usage',
    ],
    ['has an extension', { extensions: [{ oid: '1.2.3.4', value: Buffer.of(5, 0) }] }, 'verified'],
    ['names no issuer', { issuer: null }, '8 identity'],
    [
      'has an extension of its issuer that is no text',
      { extensions: [{ oid: '1.3.6.1.4.1.57264.1.99', value: Buffer.of(5, 0) }] },
      'verified',
    ],
    [
      'names its issuer in no text, and the old way too',
      { issuerExtension: 'v1', extensions: [{ oid: '1.3.6.1.4.1.57264.1.8', value: Buffer.of(5, 0) }] },
      '8 malformed',
    ],
    ['names its issuer the old way', { issuerExtension: 'v1' }, 'verified'],
    ['names its issuer the new way', { issuerExtension: 'v2' }, 'verified'],
  ] as const)('that %s', async (_, options, expected) => {
    const signer = await sigstore.certificate(options);
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), { signer })), keyless(roots))).toBe(expected);
  });
});

describe('an identity', () => {
  const pair = (issuer: string, subject: string) => ({ issuer: { equal: issuer }, subject: { equal: subject } });
  it.each<[string, KeylessAuthority['identities'], string]>([
    ['one of several pairs', [pair('a', 'b'), pair('https://issuer.example', 'dev@example.com')], 'verified'],
    [
      'of the issuer of one pair and the subject of another',
      [pair('https://issuer.example', 'eve@example.com'), pair('https://other.example', 'dev@example.com')],
      '8 identity',
    ],
    ['that only holds the wanted text', [pair('https://issuer.example', 'dev@example.co')], '8 identity'],
    ['of a subject alone', [{ issuer: 'any', subject: { equal: 'dev@example.com' } }], 'verified'],
    [
      'by an expression, which matches anywhere, as Go has it',
      [{ issuer: { regExp: 'issuer' }, subject: { regExp: 'example' } }],
      'verified',
    ],
    [
      'by an anchored expression',
      [{ issuer: { regExp: '^issuer' }, subject: { regExp: '^dev@example\\.com$' } }],
      '8 identity',
    ],
    [
      'with an extension that it has',
      [
        {
          ...pair('https://issuer.example', 'dev@example.com'),
          extensions: { '1.3.6.1.4.1.57264.1.12': { equal: 'https://git.example/app' } },
        },
      ],
      'verified',
    ],
    [
      'with an extension of another value (CVE-2026-48815)',
      [
        {
          ...pair('https://issuer.example', 'dev@example.com'),
          extensions: { '1.3.6.1.4.1.57264.1.12': { equal: 'https://git.example/other' } },
        },
      ],
      '8 identity',
    ],
    [
      'with an extension that it has not',
      [
        {
          ...pair('https://issuer.example', 'dev@example.com'),
          extensions: { '1.3.6.1.4.1.57264.1.14': { regExp: '' } },
        },
      ],
      '8 identity',
    ],
    ['where the authority alone decides', [], 'verified'],
  ])('%s', async (_, identities, expected) => {
    const signer = await sigstore.certificate({ fulcio: { '1.3.6.1.4.1.57264.1.12': 'https://git.example/app' } });
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer }));
    expect(await verdict(object, keyless(roots, { identities }))).toBe(expected);
  });

  it.each([
    [{ uri: 'https://git.example/app/.ci@refs/heads/main' }, 'https://git.example/app/.ci@refs/heads/main'],
    [{ dns: 'build.example' }, 'build.example'],
    [{ other: 'builder' }, 'builder'],
  ])('of %j', async (name, subject) => {
    const signer = await sigstore.certificate({ names: [name] });
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer }));
    const identities = [{ issuer: 'any' as const, subject: { equal: subject } }];
    expect(await verdict(object, keyless(roots, { identities }))).toBe('verified');
  });
});

describe('what the library accepts and this does not', () => {
  it('a certificate of anybody, where a key was meant, and a key where a certificate was (GHSA-fx35-mq7g-6g98)', async () => {
    const certificate = await sigstore.certificate();
    const signed = ofBundle(sigstore.bundle(signStatement(digest), { signer: certificate }));
    expect(await verdict(signed, byKey(certificate.keys))).toBe('2 certificate');
    const bare = ofBundle(sigstore.bundle(signStatement(digest), { signer: certificate.keys }));
    expect(await verdict(bare, keyless(roots))).toBe('2 bare-key');
    const layer = sigstore.legacySignature(digest, { signer: certificate });
    layer.annotations['dev.sigstore.cosign/certificate'] = certificate.keys.publicKey
      .export({ format: 'pem', type: 'spki' })
      .toString();
    expect(() => ofLayer(layer)).toThrow('is not PEM certificates');
  });

  it('a subject that only begins alike', async () => {
    const signer = await sigstore.certificate({ names: [{ email: 'dev@example.com.evil.example' }] });
    expect(await verdict(ofBundle(sigstore.bundle(signStatement(digest), { signer })), keyless(roots))).toBe(
      '8 identity',
    );
  });

  it.each(['hashedrekord', 'dsse', 'intoto-0.0.2', 'hashedrekord-0.0.2'] as const)(
    'an entry %s that names another key (CVE-2022-36056, GHSA-whqx-f9j3-ch6m)',
    async (entry) => {
      const v2 = entry === 'hashedrekord-0.0.2';
      const how = { entry, log: v2 ? 'v2' : 'v1', timestamp: v2 } as const;
      const certificate = await sigstore.certificate();
      for (const verifier of [keyPair(), certificate.keys, await sigstore.certificate()]) {
        const object = ofBundle(
          sigstore.bundle(signStatement(digest), { signer: certificate, ...how, told: { verifier } }),
        );
        expect(await verdict(object, keyless(roots))).toBe('6 log');
      }
      const signer = keyPair();
      const authority = byKey(signer, { log: { demand: 'required', roots } });
      for (const verifier of [keyPair(), certificate]) {
        const object = ofBundle(sigstore.bundle(signStatement(digest), { signer, ...how, told: { verifier } }));
        expect(await verdict(object, authority)).toBe('6 log');
      }
    },
  );

  it('an entry intoto 0.0.1 of another key or another envelope', async () => {
    const signer = await sigstore.certificate();
    for (const told of [{ verifier: keyPair() }, { envelope: Buffer.from('{}') }]) {
      const layer = sigstore.legacyAttestation(statement(digest, provenance), { signer, entry: 'intoto-0.0.1', told });
      expect(await verdict(ofLayer(layer), keyless(roots), attestation(provenance))).toBe('6 log');
    }
  });

  it('two entries of one log, where two logs are asked for (GHSA-9vcr-p3rj-q5q6)', async () => {
    const signer = await sigstore.certificate();
    const bundle = sigstore.bundle(signStatement(digest), { signer, timestamp: true });
    const entryOf = (how: object) =>
      sigstore.bundle(signStatement(digest), { signer, ...how }).verificationMaterial.tlogEntries;
    // ECDSA signatures differ each time, so the entries must be of this one.
    const truth = Buffer.from(bundle.dsseEnvelope?.signatures[0]?.sig ?? '', 'base64');
    const same = entryOf({ entry: 'hashedrekord', told: { signature: truth } });
    const elsewhere = entryOf({ log: 'v2', told: { signature: truth } });
    const two = keyless(roots, { log: { demand: 'required', roots, threshold: 2 } });
    const withEntries = (more: typeof same) => {
      const { verificationMaterial } = bundle;
      const tlogEntries = [...verificationMaterial.tlogEntries, ...more];
      return ofBundle({ ...bundle, verificationMaterial: { ...verificationMaterial, tlogEntries } });
    };
    expect(await verdict(withEntries([]), two)).toBe('11 log');
    expect(await verdict(withEntries(same), two)).toBe('11 log');
    expect(await verdict(withEntries(bundle.verificationMaterial.tlogEntries), two)).toBe('5 log');
    expect(await verdict(withEntries(elsewhere), two)).toBe('verified');
  });

  it('two timestamps of one authority, where two authorities are asked for', async () => {
    const signer = keyPair();
    const bundle = sigstore.bundle(signStatement(digest), { signer, log: 'none', timestamp: true });
    const truth = Buffer.from(bundle.dsseEnvelope?.signatures[0]?.sig ?? '', 'base64');
    const later = new Date(signedAt.getTime() + 120_000);
    const again = sigstore.bundle(signStatement(digest), {
      signer,
      log: 'none',
      timestamp: { data: truth, at: later },
    }).verificationMaterial.timestampVerificationData?.rfc3161Timestamps;
    bundle.verificationMaterial.timestampVerificationData?.rfc3161Timestamps.push(...(again ?? []));
    const ask = (threshold: number) => byKey(signer, { timestamp: { demand: 'required', roots, threshold } });
    expect(await verdict(ofBundle(bundle), ask(1))).toBe('verified');
    expect(await verdict(ofBundle(bundle), ask(2))).toBe('11 timestamp');
  });

  it('a certificate for other uses, and a timestamp by one', async () => {
    const signer = await sigstore.certificate();
    const leaf = sigstore.timestamper({ usages: [eku.serverAuth] });
    const wrong = rootOf(sigstore, { tsa: { leaf } });
    const bundle = sigstore.bundle(signStatement(digest), { signer, log: 'v2', timestamp: { signer: leaf } });
    expect(await verdict(ofBundle(bundle), keyless(wrong))).toBe('5 time');
  });

  it('and what it refuses: a good object beside entries and timestamps of strangers', async () => {
    const signer = await sigstore.certificate();
    const bundle = sigstore.bundle(signStatement(digest), { signer, timestamp: true });
    const foreign = stranger.bundle(signStatement(otherDigest), { signer: keyPair() });
    bundle.verificationMaterial.tlogEntries.unshift(...foreign.verificationMaterial.tlogEntries);
    const withoutTsa = rootOf(sigstore, { tsa: false });
    expect(await verdict(ofBundle(bundle), keyless(withoutTsa))).toBe('verified');
    const ignoring = keyless(roots, { log: { demand: 'ignored' }, timestamp: { demand: 'required', roots } });
    expect(await verdict(ofBundle(bundle), ignoring)).toBe('verified');
  });

  it('a certificate at no known time is a refusal, and no TypeError', async () => {
    const signer = await sigstore.certificate();
    const promiseless = sigstore.bundle(signStatement(digest), { signer, append: { promise: false } });
    expect(await verdict(ofBundle(promiseless), keyless(roots))).toBe('5 time');
  });

  it('a digest of a blob that the object claims, and nothing proves', async () => {
    const signer = keyPair();
    const bundle = sigstore.blobBundle(Buffer.from('blob'), { signer, log: 'none' });
    const { messageSignature: message } = bundle;
    if (message !== undefined) message.messageDigest.digest = Buffer.alloc(32, 1).toString('base64');
    const artifact = { kind: 'bytes', bytes: Buffer.from('blob') } as const;
    expect(await verdict(ofBundle(bundle), byKey(signer), { digest, claim: { kind: 'artifact', artifact } })).toBe(
      '1 other-digest',
    );
  });

  it.each([
    ['v1', { promise: false }],
    ['v2', {}],
  ] as const)('an entry of a log whose key did not count yet, or no more: %s', async (log, append) => {
    const signer = await sigstore.certificate();
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer, log, append, timestamp: true }));
    const ended = { start: '2020-01-01T00:00:00Z', end: '2021-01-01T00:00:00Z' };
    const within = (validFor: object) => rootOf(sigstore, { rekor: { validFor }, rekor2: { validFor } });
    expect(await verdict(object, keyless(within(ended)))).toBe('5 log');
    expect(await verdict(object, keyless(within({ start: '2026-05-01T00:00:00Z' })))).toBe('5 log');
    expect(await verdict(object, keyless(within({ start: '2020-01-01T00:00:00Z' })))).toBe('verified');
  });
});

describe('the trust root', () => {
  it.each(['rekor', 'rekor2', 'ctlog', 'fulcio', 'tsa'] as const)(
    'refuses a validity without a start: %s',
    async (part) => {
      const broken = rootOf(sigstore, { [part]: { validFor: { end: '2040-01-01T00:00:00Z' } } });
      const object = ofBundle(sigstore.bundle(signStatement(digest), { signer: await sigstore.certificate() }));
      await expect(verdict(object, keyless(broken))).rejects.toThrow('has no start');
    },
  );

  it('tells what is wrong with a certificate', async () => {
    const detailBy = async (
      parts: Parameters<typeof rootOf>[1],
      how: Parameters<MockSigstore['certificate']>[0] = {},
    ) => {
      const signer = await sigstore.certificate(how);
      const object = ofBundle(sigstore.bundle(signStatement(digest), { signer }));
      const answer = await judged(object, keyless(rootOf(sigstore, parts)));
      return answer.kind === 'verified' ? 'verified' : answer.detail;
    };
    const ended = { start: '2020-01-01T00:00:00Z', end: '2021-01-01T00:00:00Z' };
    const stranger = await openMockSigstore('stranger.example');
    const late = { notBefore: new Date('2026-01-15T13:00:00Z'), notAfter: new Date('2026-01-15T14:00:00Z') };
    expect(await detailBy({})).toBe('verified');
    expect(await detailBy({ fulcio: { chain: [stranger.root] } })).toBe(
      'its certificate leads to no authority that the policy trusts',
    );
    expect(await detailBy({ fulcio: { validFor: ended } })).toBe(
      'no certificate authority of the policy counted when it signed',
    );
    expect(await detailBy({}, { validity: late })).toBe(
      'its certificate, or that of its authority, was not valid when it signed',
    );
    for (const sct of ['none', 'stranger', 'other-certificate'] as const) {
      expect(await detailBy({}, { sct })).toBe('its certificate is in no certificate log that the policy trusts');
    }
  });

  it.each(['fulcio', 'rekor', 'ctlog'] as const)('denies without %s', async (part) => {
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer: await sigstore.certificate() }));
    expect(await verdict(object, keyless(rootOf(sigstore, { [part]: false })))).toMatch(/^5 (untrusted|log)$/);
  });
});

describe('the proof of the log', () => {
  it.each(['v1', 'v2'] as const)('must hold in every part: %s', async (log) => {
    const signer = await sigstore.certificate();
    const made = () => sigstore.bundle(signStatement(digest), { signer, log, timestamp: true });
    const tampered = async (
      change: (entry: ReturnType<typeof made>['verificationMaterial']['tlogEntries'][0]) => void,
    ) => {
      const bundle = made();
      const [entry] = bundle.verificationMaterial.tlogEntries;
      if (entry !== undefined) change(entry);
      return await verdict(ofBundle(bundle), keyless(roots));
    };
    expect(await tampered(() => {})).toBe('verified');
    expect(
      await tampered(({ inclusionProof: proof }) => {
        if (proof) proof.hashes[0] = Buffer.alloc(32, 7).toString('base64');
      }),
    ).toBe('5 untrusted');
    expect(
      await tampered(({ inclusionProof: proof }) => {
        if (proof) proof.checkpoint.envelope = proof.checkpoint.envelope.replace(/\n\d+\n/, '\n99\n');
      }),
    ).toBe('5 untrusted');
    expect(
      await tampered(({ inclusionPromise: promise }) => {
        if (promise)
          promise.signedEntryTimestamp = sign('sha256', Buffer.from('x'), keyPair().privateKey).toString('base64');
      }),
    ).toBe(log === 'v1' ? '5 untrusted' : 'verified');
    // Without a promise the time of an entry is anybody's.
    expect(
      await tampered((entry) => {
        entry.integratedTime = String(Math.floor(Date.parse('2030-01-01T00:00:00Z') / 1000));
      }),
    ).toBe(log === 'v1' ? '5 untrusted' : 'verified');
  });
});

describe('what was signed', () => {
  const signer = keyPair();
  const how = { signer, log: 'none' } as const;
  const bundled = (what: object | Uint8Array, more: object = {}) =>
    ofBundle(sigstore.bundle(what, { ...how, ...more }));

  it('must be an image signature: an attestation is none (CVE-2022-35929)', async () => {
    expect(await verdict(bundled(statement(digest, provenance)), byKey(signer))).toBe('9 not-a-signature');
    expect(await verdict(bundled(signStatement(digest)), byKey(signer), attestation(provenance))).toBe('9 other-type');
    const blob = ofBundle(sigstore.blobBundle(Buffer.from('blob'), how));
    expect(await verdict(blob, byKey(signer))).toBe('1 form');
    const legacy = ofLayer(sigstore.legacySignature(digest, how));
    expect(await verdict(legacy, byKey(signer), attestation(provenance))).toBe('1 form');
    const alike = Buffer.from(
      JSON.stringify({
        critical: {
          identity: { 'docker-reference': 'x' },
          image: { 'docker-manifest-digest': digest },
          type: 'release notes',
        },
      }),
    );
    expect(await verdict(ofLayer(sigstore.legacySignature(alike, how)), byKey(signer))).toBe('9 not-a-signature');
  });

  it('must be about this digest', async () => {
    expect(await verdict(bundled(signStatement(otherDigest)), byKey(signer))).toBe('9 other-digest');
    expect(await verdict(ofLayer(sigstore.legacySignature(otherDigest, how)), byKey(signer))).toBe('9 other-digest');
    expect(await verdict(bundled(statement(otherDigest, provenance)), byKey(signer), attestation(provenance))).toBe(
      '9 other-digest',
    );
  });

  it.each([
    ['no subject', { subject: [] }],
    ['a null subject', { subject: [null] }],
    ['too many subjects', { subject: Array.from({ length: 1025 }, () => ({ digest: { sha256: digest.slice(7) } })) }],
    ['another statement type', { _type: 'https://in-toto.io/Statement/v2' }],
    ['a field in other case', { PredicateType: 'https://sigstore.dev/cosign/sign/v1' }],
    ['an unknown field', { extra: 1 }],
  ])('must be a statement: %s', async (_, change) => {
    expect(await verdict(bundled(signStatement(digest, change)), byKey(signer))).toBe('9 malformed');
  });

  it('must not have a key twice', async () => {
    const text = JSON.stringify(signStatement(digest)).replace('"_type"', '"predicateType":"x","_type"');
    expect(await verdict(bundled(Buffer.from(text)), byKey(signer))).toBe('9 malformed');
  });

  it('must be of the in-toto type', async () => {
    expect(await verdict(bundled(signStatement(digest), { payloadType: 'text/plain' }), byKey(signer))).toBe(
      '9 not-a-signature',
    );
  });

  it('must carry the annotations that are asked for, signed', async () => {
    const authority = byKey(signer, { annotations: { env: 'prod' } });
    const withSubject = (annotations: object) =>
      bundled(signStatement(digest, { subject: [{ digest: { sha256: digest.slice(7) }, annotations }] }));
    expect(await verdict(withSubject({ env: 'prod', more: '1' }), authority)).toBe('verified');
    expect(await verdict(withSubject({ env: 'dev' }), authority)).toBe('9 annotations');
    expect(await verdict(bundled(signStatement(digest)), authority)).toBe('9 annotations');
  });

  it('must be in the form that the policy asks for', async () => {
    const layer = ofLayer(sigstore.legacySignature(digest, how));
    const bundle = bundled(signStatement(digest));
    expect(await verdict(layer, byKey(signer, { format: 'legacy' }))).toBe('verified');
    expect(await verdict(bundle, byKey(signer, { format: 'legacy' }))).toBe('1 form');
    expect(await verdict(layer, byKey(signer, { format: 'bundle' }))).toBe('1 form');
    expect(await verdict(bundle, byKey(signer, { format: 'bundle' }))).toBe('verified');
  });

  it('is returned: statement, payload and signer', async () => {
    const answer = await judged(
      bundled(statement(digest, provenance, { a: 1 })),
      byKey(signer),
      attestation(provenance),
    );
    expect(answer).toMatchObject({
      kind: 'verified',
      statement: { predicateType: provenance, predicate: { a: 1 } },
      signer: { kind: 'key' },
    });
  });
});

describe('a verified object', () => {
  it('cannot be made by another module', () => {
    // @ts-expect-error the mark that makes it one is not exported
    const forged: VerifiedObject = {
      kind: 'verified',
      times: [],
      statement: undefined,
      payload: undefined,
      source: '',
      signer: { kind: 'key', fingerprint: '' },
    };
    expect(Object.getOwnPropertySymbols(forged)).toEqual([]);
  });

  it('is one after its object was handed to another thread', async () => {
    const signer = await sigstore.certificate();
    for (const object of [
      ofBundle(sigstore.bundle(signStatement(digest), { signer, log: 'v2', timestamp: true })),
      ofLayer(sigstore.legacySignature(digest, { signer, timestamp: true })),
    ]) {
      expect(await verdict(structuredClone(object), keyless(structuredClone(roots)))).toBe('verified');
    }
  });
});

describe('whatever goes wrong', () => {
  it('is a rejection that names its class', async () => {
    const signer = await sigstore.certificate();
    const object = ofBundle(sigstore.bundle(signStatement(digest), { signer }));
    const garbage = { ...object, material: { kind: 'certificate', leaf: Buffer.of(1, 2, 3), chain: [] } } as const;
    expect(await judged(garbage, keyless(roots))).toMatchObject({ kind: 'rejected', why: 'unverifiable', step: 5 });
  });
});
