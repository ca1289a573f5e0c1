import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ImagePolicy, TrustRoot } from '../../../../src/checks/images/policy/model.ts';
import { TrustRootsSettings } from '../../../../src/checks/images/settings.ts';
import { authorityExtensions, issue, keyPair, pemOf, spkiOf } from '../../../support/sigstore/certificates.ts';
import { rejectionOf } from '../../../support/thrown.ts';
import { loadFiles } from '../trust-files.ts';
import {
  authorityOf,
  base64,
  identity,
  intermediate,
  keyPem,
  rootCertificate,
  sigstoreKeys,
  subject,
  timestampLeaf,
  trustRootOf,
} from './documents.ts';

function rootsOf(policies: readonly ImagePolicy[]): TrustRoot {
  const authority = policies[0]?.authorities[0];
  if (authority?.kind !== 'keyless') throw new Error('there is no keyless authority');
  return authority.roots;
}

async function rootOf(file: string): Promise<TrustRoot> {
  const keyless = { identities: [identity], trustRootRef: 'corp' };
  const { policies } = await loadFiles({ 'corp.yaml': file, 'a.yaml': authorityOf({ keyless }) });
  return rootsOf(policies);
}

const derOf = (certificate: { readonly der: Buffer }) => ({ rawBytes: certificate.der.toString('base64') });
const since1970 = { start: '1970-01-01T00:00:00Z' };

describe('sigstoreKeys', () => {
  it('become a trusted root, with the ids of its logs', async () => {
    const spki = Buffer.from(keyPem().replaceAll(/-----[^-]+-----|\n/g, ''), 'base64');
    const tLogs = [
      {
        baseURL: 'https://rekor.corp.example',
        hashAlgorithm: 'sha256',
        publicKey: base64(pemOf(spki, 'PUBLIC KEY')),
      },
    ];
    const root = await rootOf(trustRootOf({ sigstoreKeys: { ...sigstoreKeys, tLogs } }));
    expect(root.name).toBe('TrustRoot corp');
    expect(root.json).toMatchObject({
      mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
      tlogs: [
        {
          baseUrl: 'https://rekor.corp.example',
          hashAlgorithm: 'SHA2_256',
          publicKey: {
            rawBytes: spki.toString('base64'),
            keyDetails: 'PKIX_ECDSA_P256_SHA_256',
            validFor: since1970,
          },
          logId: { keyId: createHash('sha256').update(spki).digest('base64') },
        },
      ],
      certificateAuthorities: [
        {
          subject,
          uri: 'https://fulcio.corp.example',
          certChain: { certificates: [derOf(intermediate), derOf(rootCertificate)] },
          validFor: since1970,
        },
      ],
      timestampAuthorities: [{ certChain: { certificates: [derOf(timestampLeaf), derOf(rootCertificate)] } }],
    });
    expect(root.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it('in any order of certificates: the chain ends in the root, and begins with what signs', async () => {
    const keys = {
      certificateAuthorities: [
        { ...sigstoreKeys.certificateAuthorities[0], certChain: base64(rootCertificate.pem + intermediate.pem) },
      ],
      timestampAuthorities: [
        { ...sigstoreKeys.timestampAuthorities[0], certChain: base64(rootCertificate.pem + timestampLeaf.pem) },
      ],
    };
    expect((await rootOf(trustRootOf({ sigstoreKeys: keys }))).json).toMatchObject({
      certificateAuthorities: [{ certChain: { certificates: [derOf(intermediate), derOf(rootCertificate)] } }],
      timestampAuthorities: [{ certChain: { certificates: [derOf(timestampLeaf), derOf(rootCertificate)] } }],
    });
  });

  it.each([
    ['p384', 'PKIX_ECDSA_P384_SHA_384'],
    ['p521', 'PKIX_ECDSA_P521_SHA_512'],
    ['rsa2048', 'PKIX_RSA_PSS_2048_SHA256'],
    ['ed25519', 'PKIX_ED25519'],
  ] as const)('a log with a key of %s', async (type, keyDetails) => {
    const keys = keyPair(type);
    const spki = spkiOf(keys.publicKey);
    const tLogs = [
      {
        baseURL: 'https://log.corp.example/',
        hashAlgorithm: 'sha-256',
        publicKey: base64(pemOf(spki, 'PUBLIC KEY')),
      },
    ];
    const root = await rootOf(trustRootOf({ sigstoreKeys: { ...sigstoreKeys, tLogs } }));
    // C2SP signed-note: sha256(origin, line feed, 0x01, key).
    const noted = Buffer.concat([Buffer.from('log.corp.example\n\u0001'), spki.subarray(-32)]);
    const keyId = createHash('sha256')
      .update(type === 'ed25519' ? noted : spki)
      .digest('base64');
    expect(root.json).toMatchObject({ tlogs: [{ publicKey: { keyDetails }, logId: { keyId } }] });
  });

  const other = issue({
    commonName: 'other',
    keys: keyPair(),
    validity: { notBefore: new Date('2026-01-01'), notAfter: new Date('2030-01-01') },
    extensions: authorityExtensions(),
  });
  it('two roots in one chain are two authorities', async () => {
    const certChain = base64(rootCertificate.pem + other.pem);
    const keys = { certificateAuthorities: [{ subject, uri: 'https://ca.example', certChain }] };
    expect((await rootOf(trustRootOf({ sigstoreKeys: keys }))).json).toMatchObject({
      certificateAuthorities: [
        { certChain: { certificates: [derOf(rootCertificate)] } },
        { certChain: { certificates: [derOf(other)] } },
      ],
    });
  });

  const [log] = sigstoreKeys.tLogs;
  const [authority] = sigstoreKeys.certificateAuthorities;
  const [stamps] = sigstoreKeys.timestampAuthorities;
  it.each<[string, object, RegExp]>([
    ['nothing', {}, /has neither certificateAuthorities nor timestampAuthorities/],
    ['an unknown part', { ...sigstoreKeys, tlogs: [] }, /did you mean tLogs/],
    [
      'a log twice',
      { ...sigstoreKeys, tLogs: [log, { ...log, baseURL: 'https://b.example' }] },
      /tLogs\[1\] has the key of another log/,
    ],
    [
      'another tree',
      { ...sigstoreKeys, tLogs: [{ ...log, hashAlgorithm: 'sha-512' }] },
      /hashAlgorithm is not sha-256/,
    ],
    ['a log without address', { ...sigstoreKeys, tLogs: [{ ...log, baseURL: '' }] }, /baseURL/],
    [
      'a key that is plain text',
      { ...sigstoreKeys, tLogs: [{ ...log, publicKey: keyPem() }] },
      /stands there as text, and not in base64/,
    ],
    [
      'a key that is none',
      { ...sigstoreKeys, tLogs: [{ ...log, publicKey: base64('key') }] },
      /tLogs\[0\]\.publicKey: it is not one PEM public key/,
    ],
    [
      'a key on another curve',
      { ...sigstoreKeys, ctLogs: [{ ...log, publicKey: base64(otherCurve()) }] },
      /ctLogs\[0\]\.publicKey: its curve secp256k1/,
    ],
    ['no subject', { certificateAuthorities: [{ ...authority, subject: { organization: 'a' } }] }, /commonName/],
    ['no address', { certificateAuthorities: [{ ...authority, uri: '' }] }, /uri/],
    [
      'a chain without a root',
      { certificateAuthorities: [{ ...authority, certChain: base64(intermediate.pem) }] },
      /no self-signed certificate/,
    ],
    [
      'an authority that is none',
      { certificateAuthorities: [{ ...authority, certChain: base64(timestampLeaf.pem) }] },
      /not one of an authority/,
    ],
    [
      'half a certificate',
      { certificateAuthorities: [{ ...authority, certChain: base64(rootCertificate.pem.slice(0, 200)) }] },
      /does not end/,
    ],
    [
      'a certificate of nothing',
      { certificateAuthorities: [{ ...authority, certChain: base64(pemOf(Buffer.from('nothing'))) }] },
      /does not hold a certificate/,
    ],
    [
      'a key for a certificate',
      { certificateAuthorities: [{ ...authority, certChain: base64(keyPem()) }] },
      /of type PUBLIC KEY/,
    ],
    [
      'more certificates than are read',
      { certificateAuthorities: [{ ...authority, certChain: base64(rootCertificate.pem.repeat(11)) }] },
      /more than 10 certificates/,
    ],
    [
      'timestamps that nobody signs',
      { timestampAuthorities: [{ ...stamps, certChain: base64(rootCertificate.pem) }] },
      /0 certificates that sign timestamps/,
    ],
    [
      'timestamps that two sign',
      { timestampAuthorities: [{ ...stamps, certChain: base64(timestampLeaf.pem.repeat(2) + rootCertificate.pem) }] },
      /2 certificates that sign timestamps/,
    ],
  ])('are refused with %s', async (_, keys, message) => {
    const error = await rejectionOf(rootOf(trustRootOf({ sigstoreKeys: keys })));
    expect(error.code).toBe('IMAGE_TRUST_ROOT_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^trust\/corp\.yaml:1:\d+: /);
  });

  it('are refused with a private key, which no message repeats', async () => {
    const pem = keyPair().privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    const tLogs = [{ ...log, publicKey: base64(pem) }];
    const error = await rejectionOf(rootOf(trustRootOf({ sigstoreKeys: { ...sigstoreKeys, tLogs } })));
    expect(error.code).toBe('IMAGE_KEY_PRIVATE');
    expect(error.message).not.toContain(base64(pem).slice(0, 40));
  });
});

/** secp256k1, which no log of Sigstore uses. */
function otherCurve(): string {
  const point = Buffer.from(
    '0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8',
    'hex',
  );
  const head = Buffer.from('3056301006072a8648ce3d020106052b8104000a034200', 'hex');
  return pemOf(Buffer.concat([head, point]), 'PUBLIC KEY');
}

describe('a TrustRoot', () => {
  it.each<[string, object, string, RegExp]>([
    ['of nothing', {}, 'IMAGE_TRUST_ROOT_INVALID', /spec has none of/],
    [
      'of two',
      { sigstoreKeys, repository: { root: 'e30=', mirrorFS: 'e30=' } },
      'IMAGE_TRUST_ROOT_INVALID',
      /repository and sigstoreKeys/,
    ],
    ['of an unknown kind', { sigstoreKey: {} }, 'IMAGE_TRUST_ROOT_INVALID', /did you mean sigstoreKeys/],
    [
      'without TLS',
      { remote: { root: 'e30=', mirror: 'http://tuf.example' } },
      'IMAGE_TRUST_ROOT_INVALID',
      /mirror is not an https/,
    ],
    [
      'on a server, without leave to fetch',
      { remote: { root: 'e30=', mirror: 'https://tuf.example' } },
      'IMAGE_TRUST_ROOT_REMOTE',
      /spec\.remote: it lies on a server/,
    ],
  ])('%s is refused', async (_, spec, code, message) => {
    const error = await rejectionOf(rootOf(trustRootOf(spec)));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    if (code === 'IMAGE_TRUST_ROOT_REMOTE') expect(error.mend).toContain('images.trustRoots.refresh');
  });

  it('is refused whether or not a policy names it', async () => {
    const files = { 'corp.yaml': trustRootOf({}), 'a.yaml': authorityOf({ key: { data: keyPem() } }) };
    expect((await rejectionOf(loadFiles(files))).code).toBe('IMAGE_TRUST_ROOT_INVALID');
  });

  it('of another version is refused', async () => {
    const file = trustRootOf({ sigstoreKeys }).replace('v1alpha1', 'v1');
    expect((await rejectionOf(rootOf(file))).message).toMatch(/apiVersion/);
  });

  it('is one of its name', async () => {
    const files = { 'corp.yaml': trustRootOf({ sigstoreKeys }), 'b.yaml': trustRootOf({ sigstoreKeys }) };
    const error = await rejectionOf(loadFiles({ ...files, 'a.yaml': authorityOf({ key: { data: keyPem() } }) }));
    expect(error.message).toMatch(/corp\.yaml:1:\d+: a TrustRoot called corp is there twice/);
  });
});

describe('trusted_root.json files', () => {
  const keyless = { identities: [identity] };
  async function own(): Promise<string> {
    return JSON.stringify((await rootOf(trustRootOf({ sigstoreKeys }))).json);
  }
  const roots = (files: Record<string, string>) => ({ ports: { roots: TrustRootsSettings.parse({ files }) } });

  it('are roots by the name that the settings give them', async () => {
    const files = {
      '.roots/corp.json': await own(),
      'a.yaml': authorityOf({ keyless: { ...keyless, trustRootRef: 'private' } }),
    };
    const { policies } = await loadFiles(files, undefined, roots({ private: 'trust/.roots/corp.json' }));
    expect(rootsOf(policies).name).toBe('trusted root private');
  });

  it('replace the public-good root where they have its name', async () => {
    const files = { '.roots/corp.json': await own(), 'a.yaml': authorityOf({ keyless }) };
    const { policies } = await loadFiles(files, undefined, roots({ 'public-good': 'trust/.roots/corp.json' }));
    expect(rootsOf(policies).name).toBe('trusted root public-good');
  });

  it('have names of their own', async () => {
    const files = {
      '.roots/corp.json': await own(),
      'corp.yaml': trustRootOf({ sigstoreKeys }),
      'a.yaml': authorityOf({ keyless }),
    };
    const error = await rejectionOf(loadFiles(files, undefined, roots({ corp: 'trust/.roots/corp.json' })));
    expect(error.message).toContain('corp is also the name of a TrustRoot');
  });

  it.each([
    ['not there', {}, 'IMAGE_TRUST_ROOT_MISSING', /files\.corp: .*corp\.json does not exist/],
    ['empty', { '.roots/corp.json': '' }, 'IMAGE_TRUST_ROOT_INVALID', /does not hold one trusted root/],
    ['no root', { '.roots/corp.json': '{}' }, 'IMAGE_TRUST_ROOT_INVALID', /^trust\/\.roots\/corp\.json:1:1: mediaType/],
  ])('are refused where they are %s', async (_, files, code, message) => {
    const all = { ...files, 'a.yaml': authorityOf({ keyless }) };
    const error = await rejectionOf(loadFiles(all, undefined, roots({ corp: 'trust/.roots/corp.json' })));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});
