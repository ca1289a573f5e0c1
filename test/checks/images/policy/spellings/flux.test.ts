import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../../support/thrown.ts';
import { loadFiles } from '../../trust-files.ts';
import { publicPem } from './support.ts';

const key = publicPem();
const other = publicPem();
const flux = 'source.toolkit.fluxcd.io/v1';
const identity = {
  issuer: '^https://token\\.actions\\.githubusercontent\\.com$',
  subject: '^https://github\\.com/org/.*$',
};

function repository(verify: unknown, spec: object = {}, top: object = {}): string {
  return JSON.stringify(
    {
      apiVersion: flux,
      kind: 'OCIRepository',
      metadata: { name: 'app', namespace: 'flux-system' },
      spec: { interval: '5m', url: 'oci://ghcr.io/org/app', ref: { semver: '*' }, verify, ...spec },
      ...top,
    },
    null,
    1,
  );
}
const keyed = { provider: 'cosign', secretRef: { name: 'keys' } };
const load = (text: string, secrets: Record<string, string> = { 'keys/a.pub': key }) =>
  loadFiles(
    {
      'policies/a.json': text,
      ...Object.fromEntries(Object.entries(secrets).map(([name, content]) => [`secrets/${name}`, content])),
    },
    'trust/secrets',
    { source: { path: 'trust/policies' } },
  );

describe('an OCIRepository', () => {
  it('is about its own repository, whatever tag or digest', async () => {
    const { policies } = await load(repository(keyed));
    expect(policies).toMatchObject([
      {
        rule: 'OCIRepository flux-system/app',
        mode: 'enforce',
        quorum: 1,
        match: [],
        authorities: [{ kind: 'key', name: 'a.pub', log: { demand: 'ignored' }, format: 'any' }],
      },
    ]);
    const scope = policies[0]?.scope[0];
    expect(['ghcr.io/org/app:v1', 'ghcr.io/org/app@sha256:ab'].map((name) => scope?.matches(name))).toEqual([
      true,
      true,
    ]);
    expect(
      ['ghcr.io/org/apps:v1', 'ghcr.io/org/app/x:v1', 'ghcr.io/org:v1'].map((name) => scope?.matches(name)),
    ).toEqual([false, false, false]);
    expect(scope?.couldMatchDigest('ghcr.io/org/app')).toBe(true);
    expect(scope?.couldMatchDigest('ghcr.io/org/apps')).toBe(false);
  });

  it('any one of the keys is enough, and nothing else in the Secret is one', async () => {
    const secrets = { 'keys/a.pub': key, 'keys/b.pub': other, 'keys/note.txt': 'words' };
    const { policies } = await load(repository(keyed), secrets);
    expect(policies[0]?.authorities.map(({ name }) => name)).toEqual(['a.pub', 'b.pub']);
  });

  it('keyless: Go expressions, the public-good log and certificate log', async () => {
    const { policies, warnings } = await load(repository({ provider: 'cosign', matchOIDCIdentity: [identity] }));
    expect(policies).toMatchObject([
      {
        authorities: [
          {
            kind: 'keyless',
            identities: [{ issuer: { regExp: identity.issuer }, subject: { regExp: identity.subject } }],
            log: { demand: 'required' },
            sct: 'required',
          },
        ],
        hazards: [],
      },
    ]);
    expect(warnings.filter(({ code }) => code === 'IMAGE_POLICY_HAZARD')).toEqual([]);
  });

  it('an expression that is not anchored is warned about', async () => {
    const open = { issuer: 'token.actions.githubusercontent.com', subject: 'github.com/org' };
    const { warnings } = await load(repository({ matchOIDCIdentity: [open] }));
    expect(warnings.map(({ message }) => message).join('\n')).toContain('not anchored');
  });

  it('with a root of its own', async () => {
    const root = readFileSync(new URL('../../../../../trust/public-good/trusted_root.json', import.meta.url), 'utf8');
    const verify = { matchOIDCIdentity: [identity], trustedRootSecretRef: { name: 'root' } };
    const { policies } = await load(repository(verify), { 'root/trusted_root.json': root });
    expect(policies[0]?.authorities[0]).toMatchObject({
      roots: { name: 'trusted_root.json of OCIRepository flux-system/app' },
    });
  });

  it.each([
    ['no verify', repository(undefined), 'IMAGE_POLICY_INVALID', 'no spec.verify'],
    ['nobody', repository({ provider: 'cosign' }), 'IMAGE_POLICY_INVALID', 'whoever has an account'],
    ['nobody, in a list', repository({ matchOIDCIdentity: [] }), 'IMAGE_POLICY_INVALID', 'whoever has an account'],
    [
      'keys and identities',
      repository({ ...keyed, matchOIDCIdentity: [identity] }),
      'IMAGE_POLICY_INVALID',
      'no meaning beside secretRef',
    ],
    [
      'keys and a root',
      repository({ ...keyed, trustedRootSecretRef: { name: 'root' } }),
      'IMAGE_POLICY_INVALID',
      'no meaning beside secretRef',
    ],
    [
      'an expression that is none',
      repository({ matchOIDCIdentity: [{ ...identity, subject: '(?!a)' }] }),
      'IMAGE_POLICY_INVALID',
      'not a Go regular expression',
    ],
    [
      'an empty expression',
      repository({ matchOIDCIdentity: [{ ...identity, subject: '' }] }),
      'IMAGE_POLICY_INVALID',
      'subject',
    ],
    ['an unknown provider', repository({ ...keyed, provider: 'pgp' }), 'IMAGE_POLICY_INVALID', 'provider'],
    ['Notation', repository({ ...keyed, provider: 'notation' }), 'IMAGE_POLICY_UNSUPPORTED', 'trust policy of its own'],
    [
      'an unknown field',
      repository({ ...keyed, matchOIDCIdentities: [] }),
      'IMAGE_POLICY_INVALID',
      'matchOIDCIdentity',
    ],
    [
      'an address that is not of images',
      repository(keyed, { url: 'https://ghcr.io/org/app' }),
      'IMAGE_POLICY_INVALID',
      'oci://',
    ],
    [
      'an address with a tag',
      repository(keyed, { url: 'oci://ghcr.io/org/app:v1' }),
      'IMAGE_POLICY_INVALID',
      'has a tag',
    ],
    ['an address without a host', repository(keyed, { url: 'oci://org/app' }), 'IMAGE_POLICY_INVALID', 'registry host'],
    ['a secret that is not there', repository({ secretRef: { name: 'nowhere' } }), 'IMAGE_KEY_INVALID', 'not there'],
    [
      'commits',
      JSON.stringify({ apiVersion: flux, kind: 'GitRepository', metadata: { name: 'a' }, spec: { verify: {} } }),
      'IMAGE_POLICY_UNSUPPORTED',
      'commits',
    ],
    [
      'a bucket',
      JSON.stringify({ apiVersion: flux, kind: 'Bucket', metadata: { name: 'a' }, spec: {} }),
      'IMAGE_POLICY_UNSUPPORTED',
      'nothing of images',
    ],
    [
      'another version',
      repository(keyed, {}, { apiVersion: 'source.toolkit.fluxcd.io/v9' }),
      'IMAGE_POLICY_INVALID',
      'apiVersion',
    ],
  ])('%s is refused', async (_, text, code, why) => {
    const error = await rejectionOf(load(text));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(why)]);
    expect(error.place).toMatch(/a\.json:\d+:\d+/);
  });

  it.each([
    ['without a key', { 'keys/key.pem': key }, 'no entry that ends in .pub'],
    ['with a key that is none', { 'keys/a.pub': 'nothing' }, 'not a PEM public key'],
    ['with one good and one bad key', { 'keys/a.pub': key, 'keys/b.pub': 'nothing' }, 'b.pub'],
  ])('a Secret %s is refused', async (_, secrets, why) => {
    expect((await rejectionOf(load(repository(keyed), secrets))).message).toContain(why);
  });

  it('a root that is not there is refused', async () => {
    const verify = { matchOIDCIdentity: [identity], trustedRootSecretRef: { name: 'keys' } };
    expect((await rejectionOf(load(repository(verify)))).code).toBe('IMAGE_TRUST_ROOT_INVALID');
  });
});

describe('a HelmChart', () => {
  const chart = (spec: object = {}) => ({
    apiVersion: flux,
    kind: 'HelmChart',
    metadata: { name: 'web', namespace: 'apps' },
    spec: {
      chart: 'web',
      version: '1.x',
      sourceRef: { kind: 'HelmRepository', name: 'charts' },
      verify: keyed,
      ...spec,
    },
  });
  const helm = (spec: object = {}, metadata: object = {}) => ({
    apiVersion: flux,
    kind: 'HelmRepository',
    metadata: { name: 'charts', namespace: 'apps', ...metadata },
    spec: { type: 'oci', url: 'oci://ghcr.io/org/charts', interval: '5m', ...spec },
  });
  const both = (...documents: object[]) => documents.map((each) => JSON.stringify(each)).join('\n---\n');

  it('is about the chart in the HelmRepository beside it', async () => {
    const { policies } = await load(both(chart(), helm()));
    expect(policies.map(({ rule, scope }) => [rule, scope[0]?.text])).toEqual([
      ['HelmChart apps/web', 'ghcr.io/org/charts/web'],
    ]);
  });

  it.each([
    ['without its repository', both(chart()), 'is not among the policies'],
    [
      'whose repository is in another namespace',
      both(chart(), helm({}, { namespace: 'other' })),
      'is not among the policies',
    ],
    ['whose repository is there twice', both(chart(), helm(), helm()), 'there twice'],
    [
      'of another kind of repository',
      both(chart(), helm({ type: 'default', url: 'https://charts.example' })),
      'not of type oci',
    ],
    ['out of Git', both(chart({ sourceRef: { kind: 'GitRepository', name: 'a' } })), 'no signatures'],
    [
      'with a root of its own',
      both(chart({ verify: { matchOIDCIdentity: [identity], trustedRootSecretRef: { name: 'r' } } }), helm()),
      'trustedRootSecretRef',
    ],
    ['with a name that leads elsewhere', both(chart({ chart: '../evil' }), helm()), 'spec.chart'],
  ])('%s is refused', async (_, text, why) => {
    const error = await rejectionOf(load(text));
    expect([error.code, error.message]).toEqual(['IMAGE_POLICY_INVALID', expect.stringContaining(why)]);
  });
});
