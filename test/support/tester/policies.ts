/** ClusterImagePolicies that use every field which a tester outside of a cluster evaluates. */
import { type KeyPair, pemOf, spkiOf } from '../sigstore/mock.ts';
import { dev, issuer, ops, otherIssuer, provenance, sbom } from './images.ts';

export interface Keys {
  readonly key: KeyPair;
  readonly otherKey: KeyPair;
}

type Spec = Readonly<Record<string, unknown>>;

const pem = ({ publicKey }: KeyPair) => pemOf(spkiOf(publicKey), 'PUBLIC KEY');
const corp = { trustRootRef: 'corp' };

function rego(condition: string): object {
  return {
    type: 'rego',
    data: `package sigstore\nimport rego.v1\ndefault isCompliant := false\nisCompliant if ${condition}\n`,
  };
}

/** Policies by name; the images that they match are below `oracle/` of the registry, unless they say otherwise. */
export function policiesFor(host: string, keys: Keys): ReadonlyMap<string, string> {
  const key = (more: object = {}, of = keys.key) => ({ name: 'key', key: { data: pem(of) }, ...more });
  const keyless = (identities: readonly object[], more: object = {}, of: object = {}) => ({
    name: 'keyless',
    keyless: { url: 'https://fulcio.test.example', ...corp, identities, ...of },
    ctlog: { url: 'https://rekor.test.example', ...corp },
    ...more,
  });
  const exact = { issuer, subject: dev };
  const attestation = (predicateType: string, policy?: object, name = predicateType.replaceAll(/[^a-z]+/gi, '-')) => ({
    name,
    predicateType,
    ...(policy === undefined ? {} : { policy }),
  });
  const specs: Record<string, Spec> = {
    key: { authorities: [key()] },
    'other key': { authorities: [key({}, keys.otherKey)] },
    'either key': { authorities: [key(), key({ name: 'other' }, keys.otherKey)] },
    'key, logged': { authorities: [key({ ctlog: { url: 'https://rekor.test.example', ...corp } })] },
    'key, empty ctlog': { authorities: [key({ ctlog: {} })] },
    'key, sha512': { authorities: [{ name: 'key', key: { data: pem(keys.key), hashAlgorithm: 'sha512' } }] },
    'key, timestamp': { authorities: [key({ rfc3161timestamp: corp })] },
    'key, elsewhere': { authorities: [key({ source: [{ oci: `${host}/oracle/signatures` }] })] },
    'key, prefix': { authorities: [key({ source: [{ oci: `${host}/oracle/signatures`, tagPrefix: 'other-' }] })] },
    'key, legacy format': { authorities: [key({ signatureFormat: 'legacy' })] },
    'key, warn': { mode: 'warn', authorities: [key()] },
    'key, match pods': { match: [{ resource: 'pods', version: 'v1' }], authorities: [key()] },
    'key, match labels': {
      match: [{ resource: 'pods', version: 'v1', selector: { matchLabels: { stage: 'prod' } } }],
      authorities: [key()],
    },
    'key, other glob': { images: [{ glob: `${host}/other/**` }], authorities: [key()] },
    'key, by-key glob': { images: [{ glob: `${host}/oracle/by-*` }], authorities: [key()] },
    'key or pass': { authorities: [key(), { name: 'pass', static: { action: 'pass' } }] },
    pass: { authorities: [{ name: 'pass', static: { action: 'pass' } }] },
    fail: { authorities: [{ name: 'fail', static: { action: 'fail' } }] },
    keyless: { authorities: [keyless([exact])] },
    'keyless, expressions': {
      authorities: [keyless([{ issuerRegExp: '^https://issuer\\.example$', subjectRegExp: '^[a-z]+@example\\.com$' }])],
    },
    'keyless, not anchored': { authorities: [keyless([{ issuerRegExp: 'example', subjectRegExp: 'ex.mple' }])] },
    'keyless, two pairs': { authorities: [keyless([exact, { issuer: otherIssuer, subject: ops }])] },
    'keyless, no SCT': { authorities: [keyless([exact], {}, { insecureIgnoreSCT: true })] },
    'keyless, timestamp': { authorities: [keyless([exact], { ctlog: undefined, rfc3161timestamp: corp })] },
    'keyless or key': { authorities: [keyless([exact]), key()] },
    'key attests': { authorities: [key({ attestations: [attestation(provenance)] })] },
    'key attests, short name': { authorities: [key({ attestations: [attestation('slsaprovenance')] })] },
    'key attests two': { authorities: [key({ attestations: [attestation(provenance), attestation(sbom)] })] },
    'key attests, rego': {
      authorities: [
        key({
          attestations: [attestation(provenance, rego('input.predicate.builder.id == "https://builder.example"'))],
        }),
      ],
    },
    'keyless attests': { authorities: [keyless([exact], { attestations: [attestation(provenance)] })] },
    'key, policy over signatures': {
      authorities: [key()],
      policy: rego('count(input.authorityMatches.key.signatures) > 0'),
    },
    'key, policy never': { authorities: [key()], policy: rego('input.authorityMatches.none') },
    'key, policy over the object': {
      authorities: [key()],
      policy: { ...rego('input.metadata.name == "web"'), includeObjectMeta: true },
    },
    'key, policy over its spec': {
      authorities: [key()],
      policy: { ...rego('input.spec.containers[0].name == "other"'), includeSpec: true },
    },
    'key, policy over its type': {
      authorities: [key()],
      policy: { ...rego('input.typemeta.kind == "Pod"'), includeTypeMeta: true },
    },
    'key, log of the root alone': { authorities: [key({ ctlog: corp })] },
    'key, logged and stamped': {
      authorities: [key({ ctlog: { url: 'https://rekor.test.example', ...corp }, rfc3161timestamp: corp })],
    },
    'key, bundles': { authorities: [key({ signatureFormat: 'bundle' })] },
    'key, deployments': { match: [{ group: 'apps', resource: 'deployments', version: 'v1' }], authorities: [key()] },
    'key, match no label': {
      match: [
        {
          resource: 'pods',
          version: '*',
          selector: { matchExpressions: [{ key: 'stage', operator: 'NotIn', values: ['prod'] }] },
        },
      ],
      authorities: [key()],
    },
    'keyless, crossed pairs': {
      authorities: [
        keyless([
          { issuer, subject: 'nobody@example.com' },
          { issuer: 'https://nobody.example', subject: dev },
        ]),
      ],
    },
    'keyless, no ctlog': { authorities: [keyless([exact], { ctlog: undefined })] },
    'keyless, empty ctlog': { authorities: [keyless([exact], { ctlog: {} })] },
    'keyless, log of the root alone': { authorities: [keyless([exact], { ctlog: corp })] },
    'keyless, logged and stamped': { authorities: [keyless([exact], { rfc3161timestamp: corp })] },
    'keyless, bundles': { authorities: [keyless([exact], { signatureFormat: 'bundle' })] },
    'keyless, signed in bundles': {
      authorities: [
        keyless([exact], {
          signatureFormat: 'bundle',
          attestations: [attestation('https://sigstore.dev/cosign/sign/v1')],
        }),
      ],
    },
    'keyless attests in bundles': {
      authorities: [keyless([exact], { signatureFormat: 'bundle', attestations: [attestation(provenance)] })],
    },
    'keyless attests in bundles, timestamp': {
      authorities: [
        keyless([exact], {
          ctlog: undefined,
          rfc3161timestamp: corp,
          signatureFormat: 'bundle',
          attestations: [attestation('https://sigstore.dev/cosign/sign/v1')],
        }),
      ],
    },
    'key attests, cue': {
      authorities: [
        key({
          attestations: [
            attestation(provenance, { type: 'cue', data: 'predicate: builder: id: "https://builder.example"' }),
          ],
        }),
      ],
    },
    'key and keyless': {
      authorities: [key(), keyless([exact])],
      policy: rego(
        '{\n  count(input.authorityMatches.key.signatures) > 0\n  count(input.authorityMatches.keyless.signatures) > 0\n}',
      ),
    },
    'key, policy over the configuration': {
      authorities: [key()],
      policy: { ...rego('count(input.config) == 1'), fetchConfigFile: true },
    },
    'key, policy over another configuration': {
      authorities: [key()],
      policy: { ...rego('input.config["plan9/arm"]'), fetchConfigFile: true },
    },
    'v1alpha1 key, log of the root alone': { authorities: [key({ ctlog: corp })] },
    'v1alpha1 keyless, log of the root alone': { authorities: [keyless([exact], { ctlog: corp })] },
    'v1alpha1 keyless, empty ctlog': { authorities: [keyless([exact], { ctlog: {} })] },
    'v1alpha1 keyless': { authorities: [keyless([exact])] },
    'no identities': { authorities: [{ name: 'keyless', keyless: { ...corp, identities: [] } }] },
    'two kinds in one': { authorities: [{ name: 'x', key: { data: pem(keys.key) }, static: { action: 'pass' } }] },
    'unknown hash': { authorities: [{ name: 'x', key: { data: pem(keys.key), hashAlgorithm: 'md5' } }] },
  };
  return new Map(
    Object.entries(specs).map(([name, spec]) => {
      const metadata = { name: name.replaceAll(/[^a-z0-9]+/gi, '-').toLowerCase() };
      const images = [{ glob: `${host}/oracle/**` }];
      return [
        name,
        JSON.stringify({
          apiVersion: `policy.sigstore.dev/${name.startsWith('v1alpha1 ') ? 'v1alpha1' : 'v1beta1'}`,
          kind: 'ClusterImagePolicy',
          metadata,
          spec: { images, ...spec },
        }),
      ];
    }),
  );
}
