import { describe, expect, it } from 'vitest';
import { loadFiles } from '../trust-files.ts';
import { authorityOf, identity, keyPem, rootCertificate, sigstoreKeys, trustRootOf } from './documents.ts';

const key = { data: keyPem() };
const files = {
  'corp.yaml': trustRootOf({ sigstoreKeys }),
  'bare.yaml': trustRootOf({ sigstoreKeys: { certificateAuthorities: sigstoreKeys.certificateAuthorities } }, 'bare'),
  'times.yaml': trustRootOf({ sigstoreKeys: { timestampAuthorities: sigstoreKeys.timestampAuthorities } }, 'times'),
};

async function warningsOf(authority: object, spec: object = {}): Promise<string[]> {
  const { warnings } = await loadFiles({ ...files, 'a.yaml': authorityOf(authority, spec) });
  expect(warnings.every(({ effect, code }) => effect === 'warn' && code === 'IMAGE_POLICY_HAZARD')).toBe(true);
  return warnings.map(({ message }) => message);
}

const keylessBy = (part: object) => ({ keyless: { identities: [{ ...identity, ...part }] } });
const issuerBy = (issuerRegExp: string) => keylessBy({ issuer: undefined, issuerRegExp });
const subjectBy = (subjectRegExp: string) => keylessBy({ subject: undefined, subjectRegExp });
const corp = { keyless: { identities: [identity], trustRootRef: 'corp' } };

describe('nothing is said of', () => {
  it.each<[string, object, object?]>([
    ['a key whose log is named', { key, ctlog: { url: 'https://rekor.sigstore.dev' } }],
    ['a key of which no log is meant', { key, ctlog: {} }],
    ['a key and a timestamp', { key, rfc3161timestamp: { trustRootRef: 'corp' } }],
    ['keyless as it is usual', { keyless: { identities: [identity] } }],
    ['keyless and its log by name', { keyless: { identities: [identity], url: 'https://fulcio.sigstore.dev' } }],
    ['a private Sigstore and its log', { ...corp, ctlog: { url: 'https://rekor.corp.example', trustRootRef: 'corp' } }],
    [
      'a private Sigstore of bundles',
      { ...corp, signatureFormat: 'bundle', attestations: [{ name: 'a', predicateType: 'custom' }] },
    ],
    ['an anchored expression', subjectBy('^https://github\\.com/org/.+$')],
    ['anchors by letters', subjectBy('\\Ahttps://github\\.com/org/app\\z')],
    ['alternatives that are anchored each', subjectBy('^https://a\\.example/x$|^https://b\\.example/y$')],
    ['alternatives within anchors', subjectBy('^https://(?:a|b)\\.example/[$|]$')],
    [
      'a match of what there is',
      { key, ctlog: {} },
      { match: [{ group: 'apps', version: 'v1', resource: 'deployments' }] },
    ],
    ['a match of everything', { key, ctlog: {} }, { match: [] }],
  ])('%s', async (_, authority, spec) => expect(await warningsOf(authority, spec)).toEqual([]));
});

describe('a warning is given of', () => {
  it.each<[string, object, RegExp, object?]>([
    ['a key without a log', { key }, /without ctlog no log entry is demanded.*ctlog: \{url: https:\/\/rekor/],
    [
      'an issuer that matches within',
      issuerBy('token.example'),
      /issuerRegExp "token\.example" is not anchored.*write issuer: "token\.example"/,
    ],
    [
      'a subject that matches within',
      subjectBy('https://github\\.com/org/app'),
      /not anchored.*write subjectRegExp: "\^\(\?:https:/,
    ],
    ['half an anchor', subjectBy('^https://github\\.com/org/'), /not anchored.*write subjectRegExp/],
    ['an anchor that is escaped', subjectBy('^https://github\\.com/org\\$'), /not anchored/],
    ['an alternative without one', subjectBy('^a$|b'), /not anchored/],
    ['any text around', subjectBy('.*@corp\\.example'), /write out what stands before and after/],
    ['an expression that everything matches', subjectBy('.*'), /subjectRegExp "\.\*" matches every subject/],
    ['an expression that everything matches, anchored', subjectBy('^.*$'), /matches every subject/],
    [
      'certificates that no log has seen',
      { keyless: { identities: [identity], insecureIgnoreSCT: true } },
      /insecureIgnoreSCT takes/,
    ],
    [
      'a Fulcio that names no certificates',
      { keyless: { identities: [identity], url: 'https://fulcio.corp.example' } },
      /url .* names no certificates/,
    ],
    ['a Rekor that names no key', { key, ctlog: { url: 'https://rekor.corp.example' } }, /ctlog\.url .* names no key/],
    [
      'a private Sigstore without its log',
      corp,
      /without ctlog no log and no timestamp.*add ctlog: \{url: …, trustRootRef: corp\}/,
    ],
    [
      'a log of v1beta1 that its conversion loses',
      { key, ctlog: { trustRootRef: 'corp' } },
      /drops a ctlog of v1beta1 that has no url/,
    ],
    [
      'ca-cert',
      { keyless: { identities: [identity], 'ca-cert': { data: rootCertificate.pem } } },
      /ca-cert alone is not evaluated by policy-controller/,
    ],
    [
      'ca-cert without certificate logs',
      { keyless: { identities: [identity], 'ca-cert': { data: rootCertificate.pem } } },
      /has no certificate log/,
    ],
    [
      'a root without certificates',
      { keyless: { identities: [identity], trustRootRef: 'times' } },
      /has no certificate authority/,
    ],
    ['a root without a log', { key, ctlog: { trustRootRef: 'bare' } }, /TrustRoot bare has no transparency log/],
    [
      'a root without timestamps',
      { key, rfc3161timestamp: { trustRootRef: 'bare' } },
      /TrustRoot bare has no timestamp authority/,
    ],
    ['a timestamp without a root', { key, rfc3161timestamp: {} }, /rfc3161timestamp names no trustRootRef/],
    [
      'bundles by a key',
      { key, ctlog: {}, signatureFormat: 'bundle' },
      /bundle with a key fails every image in policy-controller/,
    ],
    ['bundles that are signatures', { ...corp, signatureFormat: 'bundle' }, /cosign\/sign\/v1/],
    [
      'a type that nobody knows',
      { key, ctlog: {}, attestations: [{ name: 'a', predicateType: 'vulnz' }] },
      /predicateType "vulnz" is neither a URI/,
    ],
    ['a match that names no resource', { key }, /match\[0\] names no resource/, { match: [{}] }],
    ['a match that names no version', { key }, /match\[0\] names no version/, { match: [{ resource: 'pods' }] }],
    [
      'a match in another group',
      { key },
      /deployments are in the group "apps"/,
      { match: [{ version: 'v1', resource: 'deployments' }] },
    ],
  ])('%s', async (_, authority, message, spec) => {
    expect(await warningsOf(authority, spec)).toEqual(expect.arrayContaining([expect.stringMatching(message)]));
  });
});

it('a warning is given of keyless without any log, as v1alpha1 can say it', async () => {
  const text = authorityOf({ keyless: { identities: [identity] }, ctlog: {} }).replace('v1beta1', 'v1alpha1');
  const { warnings } = await loadFiles({ 'a.yaml': text });
  expect(warnings.map(({ message }) => message)).toEqual([
    expect.stringMatching(/with an empty ctlog no log and no timestamp.*leave ctlog out/),
  ]);
});
