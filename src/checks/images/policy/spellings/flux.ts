import * as z from 'zod/mini';
import { GateError } from '../../../../core/errors.ts';
import { describePath, type JsonPath } from '../../../../core/json.ts';
import { type SettingsDocument, validateSettings } from '../../../../core/settings-file.ts';
import { at, atAsync, refusal } from '../complaint.ts';
import { identityHazards, readRegExp } from '../identity.ts';
import { parsePublicKey } from '../key.ts';
import type { Authority, Evidence, IdentityPair, ImagePolicy, ImageScope, TrustRoot } from '../model.ts';
import { Metadata } from '../schema.ts';
import { readTrustedRoot } from '../trusted-root.ts';
import type { SpellingContext } from './context.ts';
import { repositoryAt } from './reference.ts';
import { fieldOf, unsupported } from './refuse.ts';

const text = z.string().check(z.minLength(1));
/** Known, and about fetching: the gate judges images, and asks registries in its own way. */
const ignored = z.optional(z.unknown());
const SecretRef = z.strictObject({ name: text });

const Verify = z.strictObject({
  provider: z.optional(z.enum(['cosign', 'notation'])),
  secretRef: z.optional(SecretRef),
  matchOIDCIdentity: z.optional(z.array(z.strictObject({ issuer: text, subject: text }))),
  trustedRootSecretRef: z.optional(SecretRef),
});
type Verify = z.infer<typeof Verify>;

const apiVersion = z.enum(['source.toolkit.fluxcd.io/v1', 'source.toolkit.fluxcd.io/v1beta2']);

const OciRepository = z.strictObject({
  apiVersion,
  kind: z.literal('OCIRepository'),
  metadata: Metadata,
  spec: z.strictObject({
    url: text,
    verify: Verify,
    ref: ignored,
    layerSelector: ignored,
    provider: ignored,
    secretRef: ignored,
    serviceAccountName: ignored,
    certSecretRef: ignored,
    proxySecretRef: ignored,
    interval: ignored,
    timeout: ignored,
    ignore: ignored,
    insecure: ignored,
    suspend: ignored,
  }),
  status: ignored,
});

const HelmChart = z.strictObject({
  apiVersion,
  kind: z.literal('HelmChart'),
  metadata: Metadata,
  spec: z.strictObject({
    chart: text,
    sourceRef: z.strictObject({ apiVersion: ignored, kind: z.string(), name: text }),
    // trustedRootSecretRef is a field of OCIRepository alone.
    verify: z.omit(Verify, { trustedRootSecretRef: true }),
    version: ignored,
    interval: ignored,
    reconcileStrategy: ignored,
    valuesFiles: ignored,
    ignoreMissingValuesFiles: ignored,
    suspend: ignored,
  }),
  status: ignored,
});

const HelmRepository = z.strictObject({
  apiVersion,
  kind: z.literal('HelmRepository'),
  metadata: Metadata,
  spec: z.looseObject({ url: text, type: z.optional(z.string()) }),
  status: ignored,
});

/** Whether a document is a HelmRepository: no policy, and where HelmCharts beside it find their address. */
export function isHelmRepository(document: SettingsDocument): boolean {
  return fieldOf(document.value, 'kind') === 'HelmRepository';
}

/**
 * The policy that `spec.verify` of an OCIRepository or HelmChart stands for, over the repository that the object fetches
 * from. `beside` are the documents that it may refer to. Throws IMAGE_POLICY_* with line and column.
 */
export async function readFlux(
  document: SettingsDocument,
  beside: readonly SettingsDocument[],
  context: SpellingContext,
): Promise<ImagePolicy> {
  const kind = fieldOf(document.value, 'kind');
  if (kind !== 'OCIRepository' && kind !== 'HelmChart') {
    const mend = 'Of Flux, OCIRepository and HelmChart with spec.verify are trust policies.';
    const why = kind === 'GitRepository' ? 'its spec.verify is about commits, not images' : 'it says nothing of images';
    throw unsupported(document, ['kind'], why, mend);
  }
  if (fieldOf(fieldOf(document.value, 'spec'), 'verify') === undefined) {
    const why = `the ${kind} has no spec.verify, so it is not a trust policy`;
    throw refusal(document, ['spec'], 'IMAGE_POLICY_INVALID', why);
  }
  const { name, verify, repository } = read();
  const rule = `${kind} ${name}`;
  const { authorities, hazards } = await readVerify(document, verify, rule, context);
  return {
    rule,
    name,
    place: document.locate(['spec', 'verify']),
    scope: [repositoryScope(repository)],
    match: [],
    mode: 'enforce',
    authorities,
    quorum: 1,
    hazards,
  };

  function read() {
    if (kind === 'OCIRepository') {
      const { metadata, spec } = validateSettings(OciRepository, document, 'IMAGE_POLICY_INVALID');
      return { name: nameOf(metadata), verify: spec.verify, repository: readUrl(document, ['spec', 'url'], spec.url) };
    }
    const { metadata, spec } = validateSettings(HelmChart, document, 'IMAGE_POLICY_INVALID');
    const repository = chartRepository(document, spec.sourceRef, spec.chart, metadata.namespace, beside);
    return { name: nameOf(metadata), verify: spec.verify as Verify, repository };
  }
}

/** Names of namespaced objects repeat; `flux-system/app`. */
function nameOf({ name, namespace }: z.infer<typeof Metadata>): string {
  return typeof namespace === 'string' && namespace !== '' ? `${namespace}/${name}` : name;
}

function readUrl(document: SettingsDocument, path: JsonPath, url: string): string {
  const scheme = 'oci://';
  if (url.startsWith(scheme)) return repositoryAt(document, path, url.slice(scheme.length).replace(/\/$/, ''));
  const why = `${describePath(path)} does not begin with oci://, so it names no images`;
  throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
}

function chartRepository(
  document: SettingsDocument,
  source: { readonly kind: string; readonly name: string },
  chart: string,
  namespace: unknown,
  beside: readonly SettingsDocument[],
): string {
  const path = ['spec', 'sourceRef'];
  if (source.kind !== 'HelmRepository') {
    throw refusal(
      document,
      path,
      'IMAGE_POLICY_INVALID',
      `charts out of a ${source.kind} have no signatures to verify`,
    );
  }
  const found = beside.filter(isHelmRepository).filter(({ value }) => {
    const metadata = fieldOf(value, 'metadata');
    return fieldOf(metadata, 'name') === source.name && fieldOf(metadata, 'namespace') === namespace;
  });
  const [helm, ...more] = found;
  if (helm === undefined || more.length > 0) {
    const what = helm === undefined ? 'is not among the policies' : 'is there twice';
    const why = `the HelmRepository ${source.name} ${what}, and its url says where the chart is`;
    throw refusal(document, [...path, 'name'], 'IMAGE_POLICY_INVALID', why, 'Put it beside the HelmChart, once.');
  }
  const { spec } = validateSettings(HelmRepository, helm, 'IMAGE_POLICY_INVALID');
  if (spec.type !== 'oci') {
    throw refusal(
      helm,
      ['spec'],
      'IMAGE_POLICY_INVALID',
      'charts of a HelmRepository that is not of type oci have no signatures',
    );
  }
  return repositoryAt(document, ['spec', 'chart'], `${readUrl(helm, ['spec', 'url'], spec.url)}/${chart}`);
}

/** One repository, whatever tag or digest. */
function repositoryScope(repository: string): ImageScope {
  return {
    text: repository,
    matches: (name) => name.startsWith(`${repository}:`) || name.startsWith(`${repository}@`),
    couldMatchDigest: (name) => name === repository,
  };
}

type Read = Pick<ImagePolicy, 'authorities' | 'hazards'>;

async function readVerify(
  document: SettingsDocument,
  verify: Verify,
  rule: string,
  context: SpellingContext,
): Promise<Read> {
  const path = ['spec', 'verify'];
  const { provider = 'cosign', secretRef, matchOIDCIdentity = [], trustedRootSecretRef } = verify;
  if (provider === 'notation') {
    const mend = 'Give trustpolicy.json and its certificates as images.trust[] with trustPolicy and trustStore.';
    throw unsupported(document, [...path, 'provider'], 'Notation has a trust policy of its own', mend);
  }
  if (secretRef === undefined) return readKeyless(document, path, verify, rule, context);
  // Flux leaves both out where there is a key; a field that says who must have signed is never left out here.
  for (const [field, isThere] of [
    ['matchOIDCIdentity', matchOIDCIdentity.length > 0],
    ['trustedRootSecretRef', trustedRootSecretRef !== undefined],
  ] as const) {
    if (!isThere) continue;
    const why = `${describePath([...path, field])} has no meaning beside secretRef, whose keys are looked at alone`;
    throw refusal(document, [...path, field], 'IMAGE_POLICY_INVALID', why, 'Write one of the two.');
  }
  const field = [...path, 'secretRef', 'name'];
  const entries = await atAsync(document, field, () => context.secretEntries(secretRef.name));
  const keys = entries.filter(({ name }) => name.endsWith('.pub'));
  const authorities: Authority[] = [];
  for (const entry of keys) {
    const { text: pem, shown } = await atAsync(document, field, () => entry.read());
    const key = at(document, field, () => parsePublicKey(pem), shown);
    authorities.push({ ...plain, kind: 'key', name: entry.name, key });
  }
  const [first, ...rest] = authorities;
  if (first === undefined) {
    const why = `${describePath(field)}: the secret ${secretRef.name} has no entry that ends in .pub`;
    throw refusal(document, field, 'IMAGE_POLICY_INVALID', why);
  }
  return { authorities: [first, ...rest], hazards: [] };
}

/** Flux looks at no log where there is a key, and takes a signature in either form. */
const plain: Evidence = {
  log: { demand: 'ignored' },
  timestamp: { demand: 'ignored' },
  sources: [],
  format: 'any',
  attestations: [],
  annotations: {},
};

async function readKeyless(
  document: SettingsDocument,
  path: JsonPath,
  { matchOIDCIdentity = [], trustedRootSecretRef }: Verify,
  rule: string,
  context: SpellingContext,
): Promise<Read> {
  if (matchOIDCIdentity.length === 0) {
    const why = `${describePath(path)} names neither secretRef nor matchOIDCIdentity, so whoever has an account with Sigstore is trusted`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why, 'Write matchOIDCIdentity with issuer and subject.');
  }
  const identities = matchOIDCIdentity.map(({ issuer, subject }, i): IdentityPair => {
    const where = [...path, 'matchOIDCIdentity', i];
    return {
      issuer: at(document, [...where, 'issuer'], () => readRegExp(issuer)),
      subject: at(document, [...where, 'subject'], () => readRegExp(subject)),
    };
  });
  const roots =
    trustedRootSecretRef === undefined
      ? await atAsync(document, path, () => context.publicGood())
      : await atAsync(document, [...path, 'trustedRootSecretRef', 'name'], () =>
          readRootSecret(trustedRootSecretRef.name, rule, context),
        );
  const authority: Authority = {
    ...plain,
    kind: 'keyless',
    name: 'matchOIDCIdentity',
    identities,
    roots,
    log: { demand: 'required', roots },
    sct: 'required',
  };
  return { authorities: [authority], hazards: identityHazards('matchOIDCIdentity', identities) };
}

async function readRootSecret(secret: string, rule: string, context: SpellingContext): Promise<TrustRoot> {
  const entries = await context.secretEntries(secret);
  const entry = entries.find(({ name }) => name === 'trusted_root.json');
  if (entry === undefined) {
    throw new GateError('IMAGE_TRUST_ROOT_INVALID', `the secret ${secret} has no entry trusted_root.json`);
  }
  const { text: json, shown } = await entry.read();
  return readTrustedRoot(json, shown, `trusted_root.json of ${rule}`);
}
