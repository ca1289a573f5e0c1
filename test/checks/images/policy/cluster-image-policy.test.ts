import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Evidence, KeylessAuthority } from '../../../../src/checks/images/policy/model.ts';
import { GateError } from '../../../../src/core/errors.ts';
import type { ContentJudge, ContentQuestion } from '../../../../src/core/ports.ts';
import { rejectionOf } from '../../../support/thrown.ts';
import { loadFiles } from '../trust-files.ts';
import {
  authorityOf,
  identity,
  keyPem,
  policyOf,
  rootCertificate,
  sigstoreKeys,
  timestampLeaf,
  trustRootOf,
} from './documents.ts';

const key = { data: keyPem() };
const corp = { 'corp.yaml': trustRootOf({ sigstoreKeys }), 'other.yaml': trustRootOf({ sigstoreKeys }, 'other') };

async function authority(spec: object, files: Record<string, string> = corp): Promise<KeylessAuthority> {
  const { policies } = await loadFiles({ ...files, 'a.yaml': authorityOf(spec) });
  return policies[0]?.authorities[0] as KeylessAuthority;
}

/** What an authority demands, in words. */
function demandOf({ log, timestamp, format }: Evidence): string {
  const nameOf = (part: Evidence['log']) =>
    part.demand === 'ignored' ? 'none' : part.roots.name.replace(/ of \d{4}-\d\d-\d\d$/, '').replace('the ', '');
  return `log ${nameOf(log)}, time ${nameOf(timestamp)}, ${format}`;
}

const keyless = { identities: [identity] };
const keylessCorp = { identities: [identity], trustRootRef: 'corp' };
const log = { url: 'https://rekor.sigstore.dev' };

describe('log and time are demanded as policy-controller does, or more', () => {
  it.each<[string, object, string]>([
    ['a key', { key }, 'log none, time none, any'],
    ['a key and an empty ctlog', { key, ctlog: {} }, 'log none, time none, any'],
    ['a key and the address of a log', { key, ctlog: log }, 'log public-good instance, time none, any'],
    ['a key and the log of a root', { key, ctlog: { trustRootRef: 'corp' } }, 'log TrustRoot corp, time none, any'],
    [
      'a root before an address',
      { key, ctlog: { ...log, trustRootRef: 'corp' } },
      'log TrustRoot corp, time none, any',
    ],
    [
      'a key and a timestamp',
      { key, rfc3161timestamp: { trustRootRef: 'corp' } },
      'log none, time TrustRoot corp, any',
    ],
    [
      'a log that is written down beside a timestamp, which upstream ignores',
      { key, ctlog: log, rfc3161timestamp: { trustRootRef: 'corp' } },
      'log public-good instance, time TrustRoot corp, any',
    ],
    ['keyless', { keyless }, 'log public-good instance, time none, any'],
    [
      'keyless and an empty ctlog, which v1beta1 loses',
      { keyless, ctlog: {} },
      'log public-good instance, time none, any',
    ],
    [
      'bundles and a timestamp without a root',
      { keyless, rfc3161timestamp: {}, signatureFormat: 'bundle' },
      'log public-good instance, time public-good instance, bundle',
    ],
    ['keyless and an address', { keyless, ctlog: log }, 'log public-good instance, time none, any'],
    ['keyless of a root, without a log', { keyless: keylessCorp }, 'log none, time none, any'],
    [
      'keyless of a root, and its log',
      { keyless: keylessCorp, ctlog: { trustRootRef: 'corp' } },
      'log TrustRoot corp, time none, any',
    ],
    [
      'keyless and a timestamp in the place of the log',
      { keyless, rfc3161timestamp: { trustRootRef: 'corp' } },
      'log none, time TrustRoot corp, any',
    ],
    [
      'keyless and a timestamp without a root, which upstream ignores',
      { keyless, rfc3161timestamp: {} },
      'log public-good instance, time public-good instance, any',
    ],
    [
      'keyless of a root and a timestamp without one',
      { keyless: keylessCorp, rfc3161timestamp: {} },
      'log none, time TrustRoot corp, any',
    ],
    [
      'bundles: the log of the same root, whether it is written down or not',
      { keyless: keylessCorp, signatureFormat: 'bundle' },
      'log TrustRoot corp, time none, bundle',
    ],
    [
      'bundles and an empty ctlog',
      { keyless, ctlog: {}, signatureFormat: 'bundle' },
      'log public-good instance, time none, bundle',
    ],
    [
      'bundles and a timestamp in the place of the log',
      { keyless: keylessCorp, rfc3161timestamp: { trustRootRef: 'corp' }, signatureFormat: 'bundle' },
      'log none, time TrustRoot corp, bundle',
    ],
    ['bundles by a key', { key, signatureFormat: 'bundle' }, 'log none, time none, bundle'],
    ['the old format alone', { key, signatureFormat: 'legacy' }, 'log none, time none, legacy'],
    ['any format where none is named', { key, signatureFormat: '' }, 'log none, time none, any'],
  ])('%s', async (_, spec, demand) => expect(demandOf(await authority(spec))).toBe(demand));

  it.each<[string, object, RegExp]>([
    ['another text', { key, signatureFormat: 'bundel' }, /signatureFormat is neither legacy nor bundle/],
    [
      'bundles of two roots',
      { keyless: keylessCorp, ctlog: { trustRootRef: 'other' }, signatureFormat: 'bundle' },
      /ctlog must have the trustRootRef of keyless/,
    ],
    [
      'bundles with timestamps of another root',
      { keyless, rfc3161timestamp: { trustRootRef: 'corp' }, signatureFormat: 'bundle' },
      /rfc3161timestamp must have the trustRootRef of keyless/,
    ],
    ['an address that is none', { key, ctlog: { url: 'rekor' } }, /ctlog\.url is not an http/],
  ])('and refused: %s', async (_, spec, message) => {
    const error = await rejectionOf(authority(spec));
    expect(error.code).toBe('IMAGE_POLICY_INVALID');
    expect(error.message).toMatch(message);
  });

  it.each<[string, object]>([
    ['keyless', { keyless: { ...keyless, trustRootRef: 'nobody' } }],
    ['ctlog', { key, ctlog: { trustRootRef: 'nobody' } }],
    ['rfc3161timestamp', { key, rfc3161timestamp: { trustRootRef: 'nobody' } }],
  ])('a root that is not there is named with its place: %s', async (field, spec) => {
    const error = await rejectionOf(authority(spec));
    expect(error.code).toBe('IMAGE_TRUST_ROOT_MISSING');
    expect(error.message).toMatch(new RegExp(`a\\.yaml:1:\\d+: .*${field}\\.trustRootRef: .*"nobody"`));
    expect(error.mend).toContain('corp, other');
  });
});

it('an empty ctlog of v1alpha1 demands no log of keyless, and of bundles it names another root', async () => {
  const policy = (more: object) => authorityOf({ keyless, ctlog: {}, ...more }).replace('v1beta1', 'v1alpha1');
  const { policies } = await loadFiles({ 'a.yaml': policy({}) });
  expect(demandOf(policies[0]?.authorities[0] as KeylessAuthority)).toBe('log none, time none, any');
  const bundles = policy({ keyless: keylessCorp, signatureFormat: 'bundle' });
  expect((await rejectionOf(loadFiles({ ...corp, 'a.yaml': bundles }))).message).toMatch(
    /ctlog must have the trustRootRef/,
  );
});

describe('keyless', () => {
  it('takes certificates of the public-good instance where no root is named', async () => {
    const { roots, sct } = await authority({ keyless });
    expect(roots.name).toMatch(/^the public-good instance of \d{4}-\d\d-\d\d$/);
    expect(sct).toBe('required');
  });

  it('takes those of the root that is named, and no others', async () => {
    const { roots } = await authority({ keyless: { ...keylessCorp, url: 'https://fulcio.corp.example' } });
    expect(roots.name).toBe('TrustRoot corp');
    expect(JSON.stringify(roots.json)).toContain(rootCertificate.der.toString('base64'));
  });

  it('asks for no certificate log where the policy says so', async () => {
    expect((await authority({ keyless: { ...keyless, insecureIgnoreSCT: true } })).sct).toBe('ignored');
    expect((await authority({ keyless: { ...keyless, insecureIgnoreSCT: false } })).sct).toBe('required');
  });

  it('keeps issuers and subjects in pairs', async () => {
    const identities = [identity, { issuerRegExp: '^https://a\\.example$', subjectRegExp: '^b@c\\.example$' }];
    expect((await authority({ keyless: { identities } })).identities).toEqual([
      { issuer: { equal: identity.issuer }, subject: { equal: identity.subject } },
      { issuer: { regExp: '^https://a\\.example$' }, subject: { regExp: '^b@c\\.example$' } },
    ]);
  });

  it.each<[string, object]>([
    ['in the policy', { 'ca-cert': { data: rootCertificate.pem } }],
    ['in a Secret', { 'ca-cert': { secretRef: { name: 'ca' } } }],
  ])('takes the certificates of ca-cert, %s', async (_, more) => {
    const spec = { keyless: { ...keyless, ...more }, ctlog: {} };
    const { roots } = await authority(spec, { 'ca.pem': rootCertificate.pem });
    expect(roots.name).toBe('ca-cert of ClusterImagePolicy release, authority authority-0');
    expect(roots.json).toMatchObject({
      certificateAuthorities: [{ certChain: { certificates: [{ rawBytes: rootCertificate.der.toString('base64') }] } }],
      ctlogs: [],
      tlogs: [],
    });
  });

  it('takes logs from the root, and certificates from ca-cert', async () => {
    const { roots } = await authority({ keyless: { ...keylessCorp, 'ca-cert': { data: rootCertificate.pem } } });
    expect(roots.json).toMatchObject({ ctlogs: [{ baseUrl: 'https://ctfe.corp.example' }] });
  });

  it.each<[string, object, string, RegExp]>([
    ['no identities', {}, 'IMAGE_POLICY_INVALID', /keyless\.identities is required/],
    ['an empty list of them', { identities: [] }, 'IMAGE_POLICY_INVALID', /keyless\.identities is required/],
    ['no issuer', { identities: [{ subject: 'a' }] }, 'IMAGE_POLICY_INVALID', /has neither issuer nor issuerRegExp/],
    ['no subject', { identities: [{ issuer: 'a' }] }, 'IMAGE_POLICY_INVALID', /has neither subject nor subjectRegExp/],
    [
      'an empty subject',
      { identities: [{ issuer: 'a', subject: '' }] },
      'IMAGE_POLICY_INVALID',
      /has neither subject nor subjectRegExp/,
    ],
    [
      'two spellings of one',
      { identities: [{ ...identity, issuerRegExp: 'a' }] },
      'IMAGE_POLICY_INVALID',
      /has both issuer and issuerRegExp/,
    ],
    [
      'an expression that is none',
      { identities: [{ issuer: 'a', subjectRegExp: 'a(' }] },
      'IMAGE_POLICY_INVALID',
      /subjectRegExp: "a\(" is not a Go regular expression/,
    ],
    [
      'an expression that Go does not have',
      { identities: [{ issuer: 'a', subjectRegExp: '^(?!evil)' }] },
      'IMAGE_POLICY_INVALID',
      /is not a Go regular expression/,
    ],
    [
      'an expression without end',
      { identities: [{ issuer: 'a', subjectRegExp: 'a'.repeat(3000) }] },
      'IMAGE_POLICY_INVALID',
      /longer than 2048/,
    ],
    ['an unknown field', { identities: [{ ...identity, issuerRegex: 'a' }] }, 'IMAGE_POLICY_INVALID', /issuerRegExp\?/],
    ['an address that is none', { ...keyless, url: 'fulcio' }, 'IMAGE_POLICY_INVALID', /keyless\.url is not an http/],
    [
      'both url and ca-cert',
      { ...keyless, url: 'https://fulcio.example', 'ca-cert': { data: rootCertificate.pem } },
      'IMAGE_POLICY_INVALID',
      /has both url and ca-cert/,
    ],
    [
      'ca-cert without anything',
      { ...keyless, 'ca-cert': {} },
      'IMAGE_POLICY_INVALID',
      /ca-cert has neither data nor secretRef/,
    ],
    [
      'a hash beside a certificate',
      { ...keyless, 'ca-cert': { data: rootCertificate.pem, hashAlgorithm: 'sha256' } },
      'IMAGE_POLICY_INVALID',
      /hashAlgorithm has no meaning/,
    ],
    ['a key service', { ...keyless, 'ca-cert': { kms: 'awskms:///a' } }, 'IMAGE_POLICY_UNSUPPORTED', /kms is not/],
    [
      'a key in ca-cert',
      { ...keyless, 'ca-cert': { data: keyPem() } },
      'IMAGE_TRUST_ROOT_INVALID',
      /ca-cert\.data: it holds a PEM block of type PUBLIC KEY/,
    ],
    [
      'a certificate that is no authority',
      { ...keyless, 'ca-cert': { data: timestampLeaf.pem } },
      'IMAGE_TRUST_ROOT_INVALID',
      /not one of an authority/,
    ],
    ['a word for a yes', { ...keyless, insecureIgnoreSCT: 'true' }, 'IMAGE_POLICY_INVALID', /insecureIgnoreSCT/],
  ])('is refused with %s', async (_, spec, code, message) => {
    const error = await rejectionOf(authority({ keyless: spec }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/^trust\/a\.yaml:1:\d+: /);
  });
});

describe('match, mode and static', () => {
  it('are read', async () => {
    const spec = {
      mode: 'warn',
      match: [
        { group: 'apps', version: 'v1', resource: 'deployments' },
        {
          version: '*',
          resource: 'pods',
          selector: {
            matchLabels: { 'app.kubernetes.io/name': 'shop' },
            matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }],
          },
        },
      ],
    };
    const { policies } = await loadFiles({ 'a.yaml': authorityOf({ key }, spec) });
    expect(policies[0]).toMatchObject({
      mode: 'warn',
      match: [
        { group: 'apps', version: 'v1', resource: 'deployments' },
        {
          group: '',
          version: '*',
          resource: 'pods',
          selector: {
            matchLabels: { 'app.kubernetes.io/name': 'shop' },
            matchExpressions: [{ key: 'tier', operator: 'In', values: ['web'] }],
          },
        },
      ],
    });
    expect(policies[0]?.match[0]).not.toHaveProperty('selector');
  });

  const selector = (value: object) => ({ match: [{ version: 'v1', resource: 'pods', selector: value }] });
  it.each<[string, object, object, RegExp]>([
    ['an unknown resource', { key }, { match: [{ resource: 'apples' }] }, /match\[0\]\.resource "apples" is none of/],
    ['a selector of nothing', { key }, { match: [{ selector: {} }] }, /selector needs a resource/],
    [
      'an unknown operator',
      { key },
      selector({ matchExpressions: [{ key: 'a', operator: 'Equals', values: ['b'] }] }),
      /operator is none of In/,
    ],
    ['In without values', { key }, selector({ matchExpressions: [{ key: 'a', operator: 'In' }] }), /needs values/],
    [
      'Exists with values',
      { key },
      selector({ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }),
      /has values/,
    ],
    ['a label that is none', { key }, selector({ matchLabels: { 'a b': 'c' } }), /not the name of a label/],
    ['a value that is none', { key }, selector({ matchLabels: { a: 'b c' } }), /not the value of a label/],
    ['a selector that is misspelt', { key }, selector({ matchLabel: {} }), /matchLabels\?/],
    ['an unknown mode', { key }, { mode: 'audit' }, /mode is neither enforce nor warn/],
    ['null for a list', { key }, { match: null }, /match/],
    [
      'static and attestations',
      { static: { action: 'pass' }, attestations: [{ name: 'a', predicateType: 'b' }] },
      {},
      /attestations has no meaning beside static/,
    ],
    ['static and ctlog', { static: { action: 'pass' }, ctlog: {} }, {}, /ctlog has no meaning beside static/],
    ['static and source', { static: { action: 'pass' }, source: [{ tagPrefix: 'a' }] }, {}, /source has no meaning/],
    ['static and a timestamp', { static: { action: 'pass' }, rfc3161timestamp: {} }, {}, /rfc3161timestamp has no/],
    ['static and a format', { static: { action: 'pass' }, signatureFormat: 'legacy' }, {}, /signatureFormat has no/],
    ['static and keyless', { static: { action: 'pass' }, keyless }, {}, /has both keyless and static/],
    ['all three', { static: { action: 'pass' }, key, keyless }, {}, /has key and keyless and static/],
  ])('are refused: %s', async (_, spec, more, message) => {
    const error = await rejectionOf(loadFiles({ 'a.yaml': authorityOf(spec, more) }));
    expect(error.code).toBe('IMAGE_POLICY_INVALID');
    expect(error.message).toMatch(message);
  });
});

describe('source', () => {
  it.each<[string, object[], object[]]>([
    ['nothing', [], []],
    [
      'another repository, in canonical spelling',
      [{ oci: 'GHCR.io/org/signatures' }],
      [{ repository: 'ghcr.io/org/signatures', tagPrefix: '', pullSecrets: [] }],
    ],
    [
      'a prefix and credentials',
      [{ tagPrefix: 'v1-', signaturePullSecrets: [{ name: 'pull' }] }],
      [{ tagPrefix: 'v1-', pullSecrets: ['pull'] }],
    ],
  ])('is read: %s', async (_, source, expected) => {
    expect((await authority({ key, source })).sources).toEqual(expected);
  });

  it.each<[string, object[], RegExp]>([
    ['two', [{ oci: 'ghcr.io/a/b' }, { oci: 'ghcr.io/a/c' }], /has 2 entries/],
    ['a host alone, which upstream takes for a repository of Docker Hub', [{ oci: 'ghcr.io' }], /not a registry host/],
    ['a repository without a host', [{ oci: 'org/signatures' }], /not a registry host/],
    ['a tag', [{ oci: 'ghcr.io/org/signatures:v1' }], /has a tag/],
    ['a URL', [{ oci: 'oci://ghcr.io/org/signatures' }], /oci/],
    [
      'letters that no repository has',
      [{ oci: 'ghcr.io/Org/signatures' }],
      /^trust\/a\.yaml:1:\d+: spec.authorities\[0\].source\[0\].oci: /,
    ],
    [
      'a placeholder',
      [{ oci: 'ghcr.io/{{ org }}/signatures' }],
      /^trust\/a\.yaml:1:\d+: spec.authorities\[0\].source\[0\].oci: /,
    ],
    ['nothing behind the host', [{ oci: 'ghcr.io/' }], /source\[0\].oci: /],
    ['a digest that is none', [{ oci: 'ghcr.io/org/signatures@sha256:0' }], /source\[0\].oci: /],
    ['a path that climbs', [{ oci: 'ghcr.io/org/../signatures' }], /source\[0\].oci: /],
    ['a prefix that cannot begin a tag', [{ tagPrefix: '../' }], /cannot begin a tag/],
    ['a nameless secret', [{ signaturePullSecrets: [{ name: '' }] }], /name/],
    ['an unknown field', [{ oic: 'ghcr.io/a/b' }], /did you mean oci/],
  ])('is refused: %s', async (_, source, message) => {
    const error = await rejectionOf(authority({ key, source }));
    expect(error.code).toBe('IMAGE_POLICY_INVALID');
    expect(error.message).toMatch(message);
  });
});

/** An engine that keeps what it was asked. */
function engine(check: (question: ContentQuestion) => void = () => {}): ContentJudge & { asked: ContentQuestion[] } {
  const asked: ContentQuestion[] = [];
  return {
    asked,
    async check(question) {
      asked.push(question);
      check(question);
    },
    judge: async () => ({ kind: 'failed', message: 'not asked here' }),
  };
}

const rego = { type: 'rego', data: 'package sigstore\nisCompliant { true }' };
const provenance = { name: 'provenance', predicateType: 'slsaprovenance1' };

describe('attestations and policies', () => {
  it.each([
    ['custom', 'https://cosign.sigstore.dev/attestation/v1'],
    ['slsaprovenance', 'https://slsa.dev/provenance/v0.2'],
    ['slsaprovenance02', 'https://slsa.dev/provenance/v0.2'],
    ['slsaprovenance1', 'https://slsa.dev/provenance/v1'],
    ['spdx', 'https://spdx.dev/Document'],
    ['spdxjson', 'https://spdx.dev/Document'],
    ['cyclonedx', 'https://cyclonedx.org/bom'],
    ['link', 'https://in-toto.io/Link/v1'],
    ['vuln', 'https://cosign.sigstore.dev/attestation/vuln/v1'],
    ['openvex', 'https://openvex.dev/ns'],
    ['https://example.com/Review/v1', 'https://example.com/Review/v1'],
  ])('the type %s is %s', async (written, meant) => {
    const { attestations } = await authority({ key, attestations: [{ name: 'a', predicateType: written }] });
    expect(attestations).toMatchObject([{ name: 'a', predicateType: meant, place: { file: 'trust/a.yaml', line: 1 } }]);
  });

  it('are read with their policies, and the engine is asked about each', async () => {
    const judge = engine();
    const spec = {
      authorities: [{ name: 'ci', key, attestations: [{ ...provenance, policy: rego }] }],
      policy: { type: 'cue', data: 'config: {}', fetchConfigFile: true, includeSpec: true },
    };
    const { policies } = await loadFiles({ 'a.yaml': policyOf(spec) }, undefined, { ports: { judge } });
    expect(policies[0]?.authorities[0]).toMatchObject({
      attestations: [
        {
          content: {
            language: 'rego',
            text: rego.data,
            name: 'ClusterImagePolicy release, attestation provenance',
            place: { file: 'trust/a.yaml' },
          },
        },
      ],
    });
    expect(policies[0]?.content).toMatchObject({
      rule: { language: 'cue', text: 'config: {}', name: 'ClusterImagePolicy release' },
      fetchConfigFile: true,
      includeSpec: true,
      includeObjectMeta: false,
      includeTypeMeta: false,
    });
    expect(judge.asked.map(({ language, name }) => `${language} ${name}`)).toEqual([
      'rego ClusterImagePolicy release, attestation provenance',
      'cue ClusterImagePolicy release',
    ]);
  });

  const text = 'package sigstore\nisCompliant := true\n';
  const sha256 = createHash('sha256').update(text).digest('hex');
  const contents = { ports: { judge: engine() }, source: { contents: 'trust/.contents' } };
  it.each<[string, object, string]>([
    ['a ConfigMap that is mounted', { configMapRef: { name: 'rules', key: 'a.rego' } }, '.contents/rules/a.rego'],
    [
      'a file under its hash',
      { remote: { url: 'https://example.com/a.rego', sha256sum: sha256 } },
      `.contents/${sha256}`,
    ],
  ])('are read from %s', async (_, where, file) => {
    const files = { 'a.yaml': authorityOf({ key }, { policy: { type: 'rego', ...where } }), [file]: text };
    const { policies } = await loadFiles(files, undefined, contents);
    expect(policies[0]?.content?.rule.text).toBe(text);
  });

  const remote = { url: 'https://example.com/a.rego', sha256sum: sha256 };
  it.each<[string, object, string, RegExp]>([
    ['nothing', {}, 'IMAGE_POLICY_INVALID', /has none of data, configMapRef and remote/],
    ['two of them', { data: text, remote }, 'IMAGE_POLICY_INVALID', /has several of data/],
    ['another language', { type: 'cel', data: text }, 'IMAGE_POLICY_INVALID', /type/],
    ['an address without a hash', { remote: { url: remote.url } }, 'IMAGE_POLICY_INVALID', /has no sha256sum/],
    [
      'an address without TLS',
      { remote: { ...remote, url: 'http://example.com' } },
      'IMAGE_POLICY_INVALID',
      /no https/,
    ],
    [
      'a text that has another hash',
      { remote: { ...remote, sha256sum: '0'.repeat(64) } },
      'IMAGE_POLICY_INVALID',
      /has another sha256/,
    ],
    ['a ConfigMap without a key', { configMapRef: { name: 'rules' } }, 'IMAGE_POLICY_INVALID', /has no key/],
    [
      'a ConfigMap whose key climbs',
      { configMapRef: { name: 'rules', key: '..' } },
      'IMAGE_POLICY_INVALID',
      /not a ConfigMap and a key/,
    ],
    [
      'a ConfigMap that is not there',
      { configMapRef: { name: 'others', key: 'a' } },
      'IMAGE_POLICY_MISSING',
      /others\/a does not exist/,
    ],
  ])('are refused: %s', async (_, policy, code, message) => {
    const files = {
      'a.yaml': authorityOf({ key }, { policy: { type: 'rego', ...policy } }),
      [`.contents/${'0'.repeat(64)}`]: text,
    };
    const error = await rejectionOf(loadFiles(files, undefined, contents));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('/tmp');
  });

  it.each<[string, object]>([
    ['a server', { remote }],
    ['a cluster', { configMapRef: { name: 'rules', key: 'a.rego' } }],
  ])('are refused where they lie in %s and no folder stands for it', async (_, policy) => {
    const file = authorityOf({ key }, { policy: { type: 'rego', ...policy } });
    const error = await rejectionOf(loadFiles({ 'a.yaml': file }, undefined, { ports: { judge: engine() } }));
    expect(error.code).toBe('IMAGE_POLICY_UNSUPPORTED');
    expect(error.mend).toContain('images.trust[].contents');
  });

  it('are refused without an engine, and with what the engine says', async () => {
    const file = authorityOf({ key, attestations: [{ ...provenance, policy: rego }] });
    const without = await rejectionOf(loadFiles({ 'a.yaml': file }));
    expect(without).toMatchObject({ code: 'IMAGE_POLICY_UNSUPPORTED' });
    const judge = engine(() => {
      throw new GateError('REGO_INVALID', 'line 2: no such function');
    });
    const refused = await rejectionOf(loadFiles({ 'a.yaml': file }, undefined, { ports: { judge } }));
    expect(refused.code).toBe('REGO_INVALID');
    expect(refused.message).toMatch(
      /^trust\/a\.yaml:1:\d+: spec\.authorities\[0\]\.attestations\[0\]\.policy\.data: line 2: no such function$/,
    );
  });

  it.each<[string, object, object, RegExp]>([
    [
      'a flag of spec.policy at an attestation',
      { key, attestations: [{ ...provenance, policy: { ...rego, includeSpec: false } }] },
      {},
      /includeSpec belongs to spec\.policy/,
    ],
    ['an attestation without a name', { key, attestations: [{ predicateType: 'custom' }] }, {}, /name/],
    ['an attestation without a type', { key, attestations: [{ name: 'a' }] }, {}, /predicateType/],
    ['two of one name', { key, attestations: [provenance, provenance] }, {}, /has the name of another attestation/],
  ])('are refused: %s', async (_, spec, more, message) => {
    const file = authorityOf(spec, more);
    const error = await rejectionOf(loadFiles({ 'a.yaml': file }, undefined, { ports: { judge: engine() } }));
    expect(error.code).toBe('IMAGE_POLICY_INVALID');
    expect(error.message).toMatch(message);
  });

  it('want authorities of different names where spec.policy tells them apart, and not otherwise', async () => {
    const authorities = [
      { name: 'ci', key },
      { name: 'ci', key: { data: keyPem() } },
    ];
    expect((await loadFiles({ 'a.yaml': policyOf({ authorities }) })).policies).toHaveLength(1);
    const file = policyOf({ authorities, policy: rego });
    const error = await rejectionOf(loadFiles({ 'a.yaml': file }, undefined, { ports: { judge: engine() } }));
    expect(error.message).toMatch(/spec\.authorities\[1\] has the name of another authority, "ci"/);
  });
});
