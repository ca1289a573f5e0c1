import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTrust } from '../../../../src/checks/images/policy/trust.ts';
import { rejectionOf } from '../../../support/thrown.ts';
import { loadFiles, policyText, trustPorts } from '../support.ts';

const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicPem = keys.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const privatePem = keys.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const indented = publicPem.trim().replaceAll('\n', '\n          ');

/** A policy as people write it; the line to look at is replaced by each test. */
function policy(changes: { spec?: string; authority?: string; metadata?: string; head?: string } = {}): string {
  return `${changes.head ?? 'apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy'}
metadata:
  name: release${changes.metadata === undefined ? '' : `\n  ${changes.metadata}`}
spec:${changes.spec === undefined ? '' : `\n  ${changes.spec}`}
  images:
    - glob: ghcr.io/org/**
  authorities:
    - name: team${changes.authority === undefined ? '' : `\n      ${changes.authority}`}
      key:
        data: |
          ${indented}
`;
}

describe('a policy is read', () => {
  it.each([
    ['v1beta1', policy()],
    ['v1alpha1', policy({ head: 'apiVersion: policy.sigstore.dev/v1alpha1\nkind: ClusterImagePolicy' })],
    ['with the default mode written out', policy({ spec: 'mode: enforce' })],
    ['as a cluster exports it', `${policy({ metadata: 'uid: 1234' })}status: { conditions: [] }\n`],
    ['as JSON', policyText({ keys: [publicPem] })],
  ])('%s', async (_, text) => {
    const { policies, warnings } = await loadFiles({ 'a.yaml': text });
    expect(policies).toMatchObject([{ name: 'release', authorities: [{ kind: 'key', key: { kind: 'ecdsa' } }] }]);
    expect(warnings.filter(({ code }) => code !== 'IMAGE_POLICY_HAZARD')).toEqual([]);
  });

  it('several a file, several files, subfolders, with keys and words beside them', async () => {
    const two = `${policyText({ name: 'one', keys: [publicPem] })}\n---\n${policyText({ name: 'two', keys: [publicPem] })}\n---\n`;
    const { policies } = await loadFiles({
      'b/three.yml': policyText({ name: 'three', keys: [publicPem] }),
      'a.yaml': two,
      'c.json': policyText({ name: 'four', keys: [publicPem] }),
      'README.md': 'words',
      'release.pub': publicPem,
      '..data/hidden.yaml': 'not: read',
    });
    expect(policies.map(({ name }) => name)).toEqual(['one', 'two', 'three', 'four']);
  });

  it.each([
    ['a folder of one file, as a Secret is mounted', { 'release-key/cosign.pub': publicPem }],
    ['a file', { 'release-key.pub': publicPem }],
  ])('with its key in %s', async (_, files) => {
    const text = policyText({
      authorities: [{ key: { secretRef: { name: 'release-key', namespace: 'cosign-system' } } }],
    });
    const { policies } = await loadFiles({ 'a.yaml': text, ...files });
    expect(policies[0]?.authorities[0]).toMatchObject({ kind: 'key', name: 'authority-0' });
  });

  it('with its key in the folder that the settings name', async () => {
    const files = { 'a.yaml': secretPolicy(), 'keys/release.pub': publicPem };
    expect((await rejectionOf(loadFiles(files))).code).toBe('IMAGE_KEY_INVALID');
    expect((await loadFiles(files, 'trust/keys')).policies).toHaveLength(1);
  });

  it('from a single file, with its key beside it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-trust-'));
    writeFileSync(join(folder, 'release.yaml'), secretPolicy());
    writeFileSync(join(folder, 'release.pub'), publicPem);
    writeFileSync(join(folder, 'other.yaml'), 'not: read');
    try {
      const { policies } = await loadTrust([{ path: 'release.yaml' }], (path) => join(folder, path), trustPorts);
      expect(policies).toMatchObject([{ name: 'release', place: { file: 'release.yaml' } }]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('through the links that Kubernetes mounts are made of', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-trust-'));
    mkdirSync(join(folder, '..2026'));
    writeFileSync(join(folder, '..2026', 'release.yaml'), policyText({ keys: [publicPem] }));
    symlinkSync('..2026', join(folder, '..data'));
    symlinkSync('..data/release.yaml', join(folder, 'release.yaml'));
    try {
      expect((await loadTrust([{ path: 'mounted' }], () => folder, trustPorts)).policies).toHaveLength(1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('with static authorities', async () => {
    const authorities = [
      { static: { action: 'fail', message: 'retired' } },
      { name: 'ok', static: { action: 'pass' } },
    ];
    const { policies } = await loadFiles({ 'a.yaml': policyText({ authorities }) });
    expect(policies[0]?.authorities).toEqual([
      { kind: 'static', name: 'authority-0', action: 'fail', message: 'retired' },
      { kind: 'static', name: 'ok', action: 'pass', message: '' },
    ]);
  });

  it('and warned about where it says what was hardly meant', async () => {
    const authorities = [{ key: { data: publicPem }, ctlog: {} }];
    const { warnings } = await loadFiles({ 'a.yaml': policyText({ globs: ['docker.io/**'], authorities }) });
    expect(warnings).toMatchObject([
      { effect: 'warn', code: 'IMAGE_POLICY_HAZARD', rule: 'ClusterImagePolicy release' },
    ]);
  });
});

describe('what cannot be evaluated is refused by name, with its line', () => {
  it('a key service', async () => {
    const text = policyText({ authorities: [{ key: { kms: 'awskms:///alias/x' } }] });
    const error = await rejectionOf(loadFiles({ 'a.yaml': text }));
    expect(error.code).toBe('IMAGE_POLICY_UNSUPPORTED');
    expect(error.message).toMatch(/^trust\/a\.yaml:1:\d+: spec\.authorities\[0\]\.key\.kms is not supported/);
  });
});

describe('a policy is refused', () => {
  const authority = (value: object) => policyText({ authorities: [value] });
  it.each<[string, string, RegExp]>([
    ['an unknown key, with the nearest known', policy({ spec: 'imagez: []' }), /a\.yaml:6:3: .*"imagez".*images/],
    ['an unknown key of an authority', policy({ authority: 'statik: {}' }), /a\.yaml:10:7: .*"statik".*static/],
    ['an unknown key of the metadata', policy({ metadata: 'lables: {}' }), /a\.yaml:5:3: .*"lables".*labels/],
    ['an unknown key at the top', `${policy()}specs: {}\n`, /"specs"/],
    ['a key twice', policy({ spec: 'images: []' }), /a\.yaml:\d+:\d+/],
    [
      'another kind',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: x }\n',
      /a\.yaml:2:1: .*ConfigMap.*not a trust policy/,
    ],
    [
      'the kind in another group',
      policy({ head: 'apiVersion: example.com/v1\nkind: ClusterImagePolicy' }),
      /not a trust policy/,
    ],
    [
      'a version that is not known',
      policy({ head: 'apiVersion: policy.sigstore.dev/v1\nkind: ClusterImagePolicy' }),
      /apiVersion/,
    ],
    ['a list', `apiVersion: v1\nkind: List\nitems: []\n`, /not a trust policy/],
    ['no kind', 'a: b\n', /no apiVersion and kind/],
    ['a scalar', 'words\n', /no apiVersion and kind/],
    ['not YAML', 'a: [\n', /a\.yaml/],
    ['no name', policyText({ name: '', keys: [publicPem] }), /metadata\.name/],
    ['no images', policyText({ globs: [], keys: [publicPem] }), /spec\.images/],
    ['no authorities', policyText({ authorities: [] }), /spec\.authorities/],
    ['an empty glob', policyText({ globs: [''], keys: [publicPem] }), /spec\.images\.0\.glob|glob/],
    [
      'a glob that is none',
      policyText({ globs: ['a(b)'], keys: [publicPem] }),
      /spec\.images\[0\]\.glob: .*not a glob/,
    ],
    ['an authority without anything', authority({ name: 'x' }), /has neither key nor keyless nor static/],
    [
      'an authority with both',
      authority({ key: { data: publicPem }, static: { action: 'pass' } }),
      /has both key and static/,
    ],
    ['a key without anything', authority({ key: {} }), /has neither data nor secretRef/],
    [
      'a key with both',
      authority({ key: { data: publicPem, secretRef: { name: 'x' } } }),
      /has both data and secretRef/,
    ],
    ['an unknown hash', authority({ key: { data: publicPem, hashAlgorithm: 'md5' } }), /hashAlgorithm is not sha224/],
    ['an unknown action', authority({ static: { action: 'maybe' } }), /action/],
    ['an unknown mode', policy({ spec: 'mode: audit' }), /mode is neither enforce nor warn/],
    ['data that is a number', authority({ key: { data: 7 } }), /data/],
  ])('%s', async (_, text, message) => {
    const error = await rejectionOf(loadFiles({ 'a.yaml': text }));
    expect(error.code).toBe('IMAGE_POLICY_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/\n|\/tmp/);
  });

  it.each<[string, Record<string, string>, string, RegExp]>([
    [
      'a private key in data',
      { 'a.yaml': policyText({ keys: [privatePem] }) },
      'IMAGE_KEY_PRIVATE',
      /a\.yaml:1:\d+: spec\.authorities\[0\]\.key\.data: a private key/,
    ],
    [
      'a private key in a secret',
      { 'a.yaml': secretPolicy(), 'release.pub': privatePem },
      'IMAGE_KEY_PRIVATE',
      /secretRef\.name \(release\.pub\): a private key/,
    ],
    ['data that is no key', { 'a.yaml': policyText({ keys: ['words'] }) }, 'IMAGE_KEY_INVALID', /not a PEM public key/],
    [
      'two keys in one',
      { 'a.yaml': policyText({ keys: [publicPem + publicPem] }) },
      'IMAGE_KEY_INVALID',
      /2 PEM blocks/,
    ],
    [
      'a secret that is not there',
      { 'a.yaml': secretPolicy() },
      'IMAGE_KEY_INVALID',
      /the secret release is not there/,
    ],
    [
      'a secret with two entries',
      { 'a.yaml': secretPolicy(), 'release/a.pub': publicPem, 'release/b.pub': publicPem },
      'IMAGE_KEY_INVALID',
      /2 entries/,
    ],
    [
      'a secret there twice',
      { 'a.yaml': secretPolicy(), 'release/a.pub': publicPem, 'release.pub': publicPem },
      'IMAGE_KEY_INVALID',
      /twice/,
    ],
    [
      'a secret whose name climbs',
      { 'a.yaml': secretPolicy('../release') },
      'IMAGE_KEY_INVALID',
      /not the name of a Secret/,
    ],
    [
      'two policies of one name',
      { 'a.yaml': policyText({ keys: [publicPem] }), 'b.yaml': policyText({ keys: [publicPem] }) },
      'IMAGE_POLICY_INVALID',
      /b\.yaml:1:\d+: .*release is also in trust\/a\.yaml/,
    ],
    ['a file without a policy', { 'a.yaml': '# nothing\n' }, 'IMAGE_POLICY_MISSING', /a\.yaml holds no policy/],
    ['a folder without a policy', { 'README.md': '' }, 'IMAGE_POLICY_MISSING', /trust\/? holds no policy file/],
    [
      'a file that may be a policy by another name',
      { 'a.yaml': policyText({ keys: [publicPem] }), 'b.yaml.bak': '' },
      'IMAGE_POLICY_INVALID',
      /b\.yaml\.bak is neither/,
    ],
  ])('%s', async (_, files, code, message) => {
    const error = await rejectionOf(loadFiles(files));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(`${error.message} ${error.mend}`).not.toContain(privatePem.split('\n')[1]);
    expect(error.message).not.toMatch(/\n|\/tmp/);
  });

  it('a pipe in the place of a policy, which nobody waits for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-trust-'));
    execFileSync('mkfifo', [join(folder, 'a.yaml')]);
    const error = await rejectionOf(loadTrust([{ path: 'trust' }], () => folder, trustPorts));
    expect(`${error.code}: ${error.message}`).toBe('IMAGE_POLICY_MISSING: trust/a.yaml is not a file');
    rmSync(folder, { recursive: true });
  });

  it('a file that is not UTF-8', async () => {
    expect((await rejectionOf(loadFiles({ 'a.yaml': Buffer.from([0xff, 0xfe, 0x41, 0x00]) }))).code).toBe(
      'IMAGE_POLICY_INVALID',
    );
  });

  it('a folder that is not there', async () => {
    const error = await rejectionOf(loadTrust([{ path: 'trust' }], () => '/nowhere/at/all', trustPorts));
    expect(error.code).toBe('IMAGE_POLICY_MISSING');
    expect(error.message).toBe('trust does not exist or cannot be read');
  });

  it('nothing, where there are no sources: the settings say what becomes of unmatched images', async () => {
    expect(await loadTrust([], (path) => path, trustPorts)).toMatchObject({ policies: [], warnings: [] });
  });
});

function secretPolicy(name = 'release'): string {
  return policyText({ authorities: [{ key: { secretRef: { name } } }] });
}
