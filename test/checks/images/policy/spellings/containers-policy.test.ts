import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readContainersPolicy } from '../../../../../src/checks/images/policy/spellings/containers-policy.ts';
import { GateError } from '../../../../../src/core/errors.ts';
import { Spellings } from '../../../../support/spellings.ts';
import { rejectionOf } from '../../../../support/thrown.ts';
import { certificateTexts, privatePem, publicPem } from './support.ts';

const data = (text: string) => Buffer.from(text).toString('base64');
const key = publicPem();
const other = publicPem();
const rekor = publicPem();
const certificates = certificateTexts();
const files: Record<string, string> = {
  '/etc/pki/release.pub': key,
  'other.pub': other,
  'ca.pem': certificates.root,
  'rekor.pub': rekor,
};

async function readFile(path: string): Promise<string> {
  const text = files[path];
  if (text === undefined) throw new GateError('IMAGE_POLICY_MISSING', `${path} cannot be read (ENOENT)`);
  return text;
}

const read = (policy: unknown) =>
  readContainersPolicy(typeof policy === 'string' ? policy : JSON.stringify(policy, null, 2), 'policy.json', readFile);
const inDocker = (...requirements: unknown[]) => ({
  default: [{ type: 'reject' }],
  transports: { docker: { 'ghcr.io/org': requirements } },
});
const signed = (more: object) => ({ type: 'sigstoreSigned', ...more });
/** What the one requirement became. */
const authoritiesOf = async (requirement: unknown) => (await read(inDocker(requirement))).at(-1)?.authorities;

describe('requirements', () => {
  it('all of a scope must hold: each is a policy', async () => {
    const policies = await read(inDocker(signed({ keyData: data(key) }), signed({ keyPath: 'other.pub' })));
    expect(policies.map(({ rule, scope, quorum, place }) => [rule, scope[0]?.text, quorum, place.line])).toEqual([
      ['policy.json policy.json default', 'default', 1, 3],
      ['policy.json policy.json docker "ghcr.io/org", requirement 1', 'docker ghcr.io/org', 1, 10],
      ['policy.json policy.json docker "ghcr.io/org", requirement 2', 'docker ghcr.io/org', 1, 14],
    ]);
    expect(policies.map(({ scope }) => scope[0]?.matches('ghcr.io/org/app:v1'))).toEqual([false, true, true]);
    expect(policies.map(({ scope }) => scope[0]?.matches('quay.io/org/app:v1'))).toEqual([true, false, false]);
  });

  it('reject is a static failure, insecureAcceptAnything a static pass with a warning', async () => {
    const policies = await read(inDocker({ type: 'insecureAcceptAnything' }));
    expect(policies).toMatchObject([
      { authorities: [{ kind: 'static', action: 'fail' }], hazards: [] },
      { authorities: [{ kind: 'static', action: 'pass' }], hazards: [expect.stringContaining('signed or not')] },
    ]);
  });

  it.each([
    ['keyData', { keyData: data(key) }, 1],
    ['keyPath, absolute', { keyPath: '/etc/pki/release.pub' }, 1],
    ['keyDatas', { keyDatas: [data(key), data(other)] }, 2],
    ['keyPaths', { keyPaths: ['/etc/pki/release.pub', 'other.pub'] }, 2],
  ])('any one key is enough: %s', async (_, more, count) => {
    const authorities = await authoritiesOf(signed(more));
    expect(authorities).toHaveLength(count);
    for (const authority of authorities ?? []) {
      expect(authority).toMatchObject({
        kind: 'key',
        log: { demand: 'ignored' },
        // Bundles carry no name, and a name is always compared.
        format: 'legacy',
        signedName: { type: 'matchRepoDigestOrExact' },
      });
    }
  });

  it('with a key of Rekor an entry of that log is demanded', async () => {
    const [authority] = (await authoritiesOf(signed({ keyData: data(key), rekorPublicKeyPath: 'rekor.pub' }))) ?? [];
    expect(authority).toMatchObject({ kind: 'key', log: { demand: 'required', roots: { json: { tlogs: [{}] } } } });
  });

  it('fulcio: one pair, the logs that are named, no certificate log', async () => {
    const fulcio = { caPath: 'ca.pem', oidcIssuer: 'https://issuer.example', subjectEmail: 'dev@example.com' };
    expect(await authoritiesOf(signed({ fulcio, rekorPublicKeyData: data(rekor) }))).toMatchObject([
      {
        kind: 'keyless',
        identities: [{ issuer: { equal: 'https://issuer.example' }, subject: { equal: 'dev@example.com' } }],
        roots: { json: { certificateAuthorities: [{}], ctlogs: [], tlogs: [] } },
        log: { demand: 'required', roots: { json: { tlogs: [{}] } } },
        sct: 'ignored',
      },
    ]);
  });

  it.each([
    ['an address', { subjectEmail: 'dev@example.com' }, 'dev@example.com'],
    ['a host name', { subjectHostname: 'build.example.com' }, 'build.example.com'],
  ])('pki: %s, whatever issuer', async (_, subject, equal) => {
    const pki = {
      caRootsData: data(certificates.root),
      caIntermediatesData: data(certificates.intermediate),
      ...subject,
    };
    expect(await authoritiesOf(signed({ pki }))).toMatchObject([
      {
        kind: 'keyless',
        identities: [{ issuer: 'any', subject: { equal } }],
        roots: { json: { certificateAuthorities: [{ certChain: { certificates: [{}, {}] } }] } },
        log: { demand: 'ignored' },
      },
    ]);
  });

  it.each([
    [{ type: 'matchExact' }, { type: 'matchExact' }],
    [{ type: 'matchRepository' }, { type: 'matchRepository' }],
    [
      { type: 'exactReference', dockerReference: 'ghcr.io/org/app:v1' },
      { type: 'exactReference', value: 'ghcr.io/org/app:v1' },
    ],
    [
      { type: 'exactRepository', dockerRepository: 'ghcr.io/org/app' },
      { type: 'exactRepository', value: 'ghcr.io/org/app' },
    ],
    [
      { type: 'remapIdentity', prefix: 'mirror.example:5000/ghcr', signedPrefix: 'ghcr.io' },
      { type: 'remapIdentity', prefix: 'mirror.example:5000/ghcr', signedPrefix: 'ghcr.io' },
    ],
  ])('signedIdentity %j', async (signedIdentity, signedName) => {
    expect(await authoritiesOf(signed({ keyData: data(key), signedIdentity }))).toMatchObject([{ signedName }]);
  });
});

describe('what podman refuses is refused, with its place', () => {
  let podman: Spellings;
  beforeAll(async () => {
    podman = await Spellings.start();
  });
  afterAll(() => podman[Symbol.asyncDispose]());

  const fulcio = { caData: data(certificates.root), oidcIssuer: 'https://issuer.example', subjectEmail: 'a@b.example' };
  const pki = { caRootsData: data(certificates.root), subjectEmail: 'a@b.example' };
  it.each([
    ['no default', { transports: {} }, 'default is required'],
    ['an empty default', { default: [] }, 'default'],
    ['an unknown field', { default: [{ type: 'reject' }], extra: 1 }, 'unknown key "extra"'],
    ['a field of one requirement in another', inDocker({ type: 'reject', keyData: data(key) }), 'keyData'],
    ['an unknown requirement', inDocker({ type: 'signed' }), 'type'],
    ['no requirements', { default: [{ type: 'reject' }], transports: { docker: { 'ghcr.io': [] } } }, 'ghcr.io'],
    ['no key', inDocker(signed({})), 'exactly one of'],
    ['two kinds of key', inDocker(signed({ keyData: data(key), keyPath: 'other.pub' })), 'exactly one of'],
    [
      'a key beside fulcio',
      inDocker(signed({ keyData: data(key), fulcio, rekorPublicKeyData: data(rekor) })),
      'exactly one of',
    ],
    ['an empty list of keys', inDocker(signed({ keyDatas: [] })), 'keyDatas'],
    ['fulcio without a log', inDocker(signed({ fulcio })), 'rekorPublicKey'],
    [
      'fulcio without an issuer',
      inDocker(signed({ fulcio: { ...fulcio, oidcIssuer: undefined }, rekorPublicKeyData: data(rekor) })),
      'oidcIssuer',
    ],
    [
      'fulcio without an address',
      inDocker(signed({ fulcio: { ...fulcio, subjectEmail: undefined }, rekorPublicKeyData: data(rekor) })),
      'subjectEmail',
    ],
    [
      'fulcio with two CAs',
      inDocker(signed({ fulcio: { ...fulcio, caPath: 'ca.pem' }, rekorPublicKeyData: data(rekor) })),
      'both caPath and caData',
    ],
    [
      'fulcio with none',
      inDocker(signed({ fulcio: { ...fulcio, caData: undefined }, rekorPublicKeyData: data(rekor) })),
      'neither caPath nor caData',
    ],
    ['pki with a log', inDocker(signed({ pki, rekorPublicKeyData: data(rekor) })), 'cannot stand beside'],
    [
      'pki without a subject',
      inDocker(signed({ pki: { ...pki, subjectEmail: undefined } })),
      'neither subjectEmail nor',
    ],
    ['pki without roots', inDocker(signed({ pki: { ...pki, caRootsData: undefined } })), 'caRootsPath'],
    [
      'two spellings of the log',
      inDocker(signed({ keyData: data(key), rekorPublicKeyData: data(rekor), rekorPublicKeyPath: 'rekor.pub' })),
      'one is enough',
    ],
    [
      'an exact reference without a tag',
      inDocker(
        signed({ keyData: data(key), signedIdentity: { type: 'exactReference', dockerReference: 'ghcr.io/org/app' } }),
      ),
      'neither a tag nor a digest',
    ],
    [
      'an unknown identity',
      inDocker(signed({ keyData: data(key), signedIdentity: { type: 'any' } })),
      'signedIdentity',
    ],
    [
      'a prefix with a tag',
      inDocker(
        signed({
          keyData: data(key),
          signedIdentity: { type: 'remapIdentity', prefix: 'a.example/b:c', signedPrefix: 'd.example' },
        }),
      ),
      'prefix',
    ],
    ['a key that is no base64', inDocker(signed({ keyData: '***' })), 'base64'],
    ['one key twice', '{"default":[{"type":"reject"}],"default":[{"type":"insecureAcceptAnything"}]}', 'policy.json'],
    ['YAML', 'default:\n- type: reject\n', 'not JSON'],
    ['nothing', '', 'not JSON'],
    ['null', 'null', 'policy.json'],
  ])('%s', async (_, policy, why) => {
    const text = typeof policy === 'string' ? policy : JSON.stringify(policy, null, 2);
    const theirs = await podman.ask({ policy: text === '' ? ' ' : text });
    expect(theirs.error ?? '').not.toBe('');
    const error = await rejectionOf(read(text));
    expect(error.code).toBe('IMAGE_POLICY_INVALID');
    expect(error.message).toContain(why);
    expect(error.place ?? '').toContain('policy.json');
  });

  it('and what podman reads is read', async () => {
    const texts = [
      inDocker(signed({ keyData: data(key) })),
      inDocker(signed({ fulcio, rekorPublicKeyDatas: [data(rekor)] })),
      inDocker(signed({ pki })),
      {
        default: [{ type: 'insecureAcceptAnything' }],
        transports: { 'docker-daemon': { '': [{ type: 'insecureAcceptAnything' }] } },
      },
      {
        default: [{ type: 'reject' }],
        transports: { dir: { '': [{ type: 'signedBy', keyType: 'GPGKeys', keyPath: '/k' }] } },
      },
    ].map((each) => JSON.stringify(each));
    for (const text of texts) {
      expect((await podman.ask({ policy: text })).error).toBeUndefined();
      expect((await read(text)).length).toBeGreaterThan(0);
    }
  });
});

describe('what podman takes and the gate does not', () => {
  const gpg = { type: 'signedBy', keyType: 'GPGKeys', keyPath: '/etc/pki/rpm.gpg' };
  const base = { type: 'signedBaseLayer', baseLayerIdentity: { type: 'matchExact' } };
  it.each([
    ['GPG in a scope', inDocker(gpg), 'IMAGE_POLICY_UNSUPPORTED', 'GPG signatures (signedBy)'],
    ['GPG as the default', { default: [gpg] }, 'IMAGE_POLICY_UNSUPPORTED', 'default[0]'],
    ['a base layer', inDocker(base), 'IMAGE_POLICY_UNSUPPORTED', 'signedBaseLayer'],
    [
      'a scope that nothing is in',
      { default: [{ type: 'reject' }], transports: { docker: { 'index.docker.io/a': [{ type: 'reject' }] } } },
      'IMAGE_POLICY_INVALID',
      'can match nothing',
    ],
    [
      'two subjects of a pki',
      inDocker(signed({ pki: { caRootsPath: 'ca.pem', subjectEmail: 'a@b', subjectHostname: 'c' } })),
      'IMAGE_POLICY_UNSUPPORTED',
      'two names',
    ],
    [
      'two keys in one text',
      inDocker(signed({ keyData: data(`${key}${other}`) })),
      'IMAGE_KEY_INVALID',
      '2 PEM blocks',
    ],
    ['a private key', inDocker(signed({ keyData: data(privatePem()) })), 'IMAGE_KEY_PRIVATE', 'private key'],
    ['a key that is no key', inDocker(signed({ keyData: data('nothing') })), 'IMAGE_KEY_INVALID', 'keyData'],
    [
      'a key file that is not there',
      inDocker(signed({ keyPath: '/nowhere.pub' })),
      'IMAGE_POLICY_MISSING',
      '/nowhere.pub',
    ],
    [
      'a log of another kind',
      inDocker(signed({ keyData: data(key), rekorPublicKeyData: data(publicPem('ed25519')) })),
      'IMAGE_KEY_INVALID',
      'ECDSA',
    ],
    [
      'authorities that are none',
      inDocker(signed({ pki: { caRootsData: data(key), subjectEmail: 'a@b' } })),
      'IMAGE_TRUST_ROOT_INVALID',
      'caRootsData',
    ],
    [
      'a repository with a tag',
      inDocker(
        signed({ keyData: data(key), signedIdentity: { type: 'exactRepository', dockerRepository: 'ghcr.io/a:b' } }),
      ),
      'IMAGE_POLICY_INVALID',
      'a repository has none',
    ],
    [
      'a short prefix',
      inDocker(
        signed({
          keyData: data(key),
          signedIdentity: { type: 'remapIdentity', prefix: 'org', signedPrefix: 'ghcr.io' },
        }),
      ),
      'IMAGE_POLICY_INVALID',
      'registry host',
    ],
  ])('%s', async (_, policy, code, why) => {
    const error = await rejectionOf(read(policy));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(why)]);
    expect(error.message).not.toContain('BEGIN');
  });
});
