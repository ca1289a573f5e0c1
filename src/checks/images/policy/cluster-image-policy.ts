import * as z from 'zod/mini';
import { GateError } from '../../../core/errors.ts';
import { isObject, type JsonPath } from '../../../core/json.ts';
import { describePlace } from '../../../core/manifest.ts';
import { type SettingsDocument, validateSettings } from '../../../core/settings-file.ts';
import { globHazards, globScope, parseGlob } from './glob.ts';
import { type HashName, parsePublicKey } from './key.ts';
import type { Authority, Evidence, ImagePolicy } from './model.ts';

/** Reads the key that a `secretRef` names. */
export type SecretReader = (name: string) => Promise<{ readonly text: string; readonly shown: string }>;

const text = z.string().check(z.minLength(1));
const anything = z.unknown();

const KeyRef = z.strictObject({
  data: z.optional(text),
  secretRef: z.optional(z.strictObject({ name: text, namespace: z.optional(z.string()) })),
  hashAlgorithm: z.optional(z.string()),
  kms: z.optional(anything),
});

const AuthoritySchema = z.strictObject({
  name: z.optional(z.string()),
  key: z.optional(KeyRef),
  static: z.optional(z.strictObject({ action: z.enum(['pass', 'fail']), message: z.optional(z.string()) })),
  keyless: z.optional(anything),
  source: z.optional(anything),
  ctlog: z.optional(anything),
  attestations: z.optional(anything),
  rfc3161timestamp: z.optional(anything),
  signatureFormat: z.optional(anything),
});
type AuthoritySchema = z.infer<typeof AuthoritySchema>;

/** Every field of the kind (v1alpha1 and v1beta1 differ in comments only), so that a mistyped one is told from a known one. */
const ClusterImagePolicySchema = z.strictObject({
  apiVersion: z.enum(['policy.sigstore.dev/v1beta1', 'policy.sigstore.dev/v1alpha1']),
  kind: z.literal('ClusterImagePolicy'),
  metadata: z.strictObject({
    name: text,
    namespace: z.optional(anything),
    labels: z.optional(anything),
    annotations: z.optional(anything),
    // What the API server adds to an exported object; none of it changes what the policy says.
    uid: z.optional(anything),
    resourceVersion: z.optional(anything),
    generation: z.optional(anything),
    creationTimestamp: z.optional(anything),
    managedFields: z.optional(anything),
    finalizers: z.optional(anything),
    ownerReferences: z.optional(anything),
    selfLink: z.optional(anything),
  }),
  spec: z.strictObject({
    images: z.array(z.strictObject({ glob: text })).check(z.minLength(1)),
    authorities: z.array(AuthoritySchema).check(z.minLength(1)),
    mode: z.optional(z.string()),
    match: z.optional(anything),
    policy: z.optional(anything),
  }),
  status: z.optional(anything),
});

/** Fields that change the verdict and are not evaluated: a policy that has one is refused whole. */
const unsupportedInSpec = ['policy', 'match'];
const unsupportedInAuthority = ['keyless', 'source', 'ctlog', 'attestations', 'rfc3161timestamp', 'signatureFormat'];

/**
 * A ClusterImagePolicy as it stands in the document. Throws IMAGE_POLICY_INVALID, IMAGE_POLICY_UNSUPPORTED, IMAGE_KEY_*
 * with file, line and column: whatever cannot be evaluated as written is refused here, never skipped later.
 */
export async function readClusterImagePolicy(document: SettingsDocument, secrets: SecretReader): Promise<ImagePolicy> {
  refuseOtherKinds(document);
  refuseUnsupported(document);
  const { metadata, spec } = validateSettings(ClusterImagePolicySchema, document, 'IMAGE_POLICY_INVALID');
  const globs = spec.images.map(({ glob }, i) => {
    return at(document, ['spec', 'images', i, 'glob'], () => parseGlob(glob));
  });
  const authorities: Authority[] = [];
  for (const [i, authority] of spec.authorities.entries()) {
    authorities.push(await readAuthority(document, authority, i, secrets));
  }
  return {
    rule: `ClusterImagePolicy ${metadata.name}`,
    name: metadata.name,
    place: document.locate(['metadata', 'name']),
    scope: globs.map(globScope),
    match: [],
    mode: 'enforce',
    quorum: 1,
    // The schema demands at least one.
    authorities: authorities as [Authority, ...Authority[]],
    hazards: [...globs.flatMap(globHazards), ...authorityHazards(authorities)],
  };
}

function refuseOtherKinds(document: SettingsDocument): void {
  const { value } = document;
  const kind = isObject(value) ? value['kind'] : undefined;
  const apiVersion = isObject(value) ? value['apiVersion'] : undefined;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') {
    throw refusal(document, [], 'IMAGE_POLICY_INVALID', 'it has no apiVersion and kind, so it is not a trust policy');
  }
  const group = apiVersion.split('/')[0];
  if (group === 'policy.sigstore.dev' && kind === 'TrustRoot') {
    throw refusal(document, ['kind'], 'IMAGE_POLICY_UNSUPPORTED', 'TrustRoot is not supported yet');
  }
  if (group !== 'policy.sigstore.dev' || kind !== 'ClusterImagePolicy') {
    const shown = JSON.stringify(`${apiVersion} ${kind}`.slice(0, 100));
    throw refusal(
      document,
      ['kind'],
      'IMAGE_POLICY_INVALID',
      `${shown} is not a trust policy; only ClusterImagePolicy is`,
    );
  }
}

function refuseUnsupported(document: SettingsDocument): void {
  const spec = isObject(document.value) ? document.value['spec'] : undefined;
  if (!isObject(spec)) return;
  for (const field of unsupportedInSpec) if (Object.hasOwn(spec, field)) throw unsupported(document, ['spec', field]);
  if (Object.hasOwn(spec, 'mode') && spec['mode'] !== 'enforce') {
    if (spec['mode'] === 'warn') throw unsupported(document, ['spec', 'mode'], 'mode: warn');
    throw refusal(document, ['spec', 'mode'], 'IMAGE_POLICY_INVALID', 'spec.mode is neither enforce nor warn');
  }
  const authorities = Array.isArray(spec['authorities']) ? spec['authorities'] : [];
  for (const [i, authority] of authorities.entries()) {
    if (!isObject(authority)) continue;
    for (const field of unsupportedInAuthority) {
      if (Object.hasOwn(authority, field)) throw unsupported(document, ['spec', 'authorities', i, field]);
    }
    if (isObject(authority['key']) && Object.hasOwn(authority['key'], 'kms')) {
      throw unsupported(document, ['spec', 'authorities', i, 'key', 'kms']);
    }
  }
}

async function readAuthority(
  document: SettingsDocument,
  authority: AuthoritySchema,
  index: number,
  secrets: SecretReader,
): Promise<Authority> {
  const path = ['spec', 'authorities', index];
  const name = authority.name === undefined || authority.name === '' ? `authority-${index}` : authority.name;
  if ((authority.key === undefined) === (authority.static === undefined)) {
    const what = authority.key === undefined ? 'has neither key nor static' : 'has both key and static';
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describe(path)} ${what}; exactly one says who vouches`);
  }
  if (authority.static !== undefined) {
    return { kind: 'static', name, action: authority.static.action, message: authority.static.message ?? '' };
  }
  const keyPath = [...path, 'key'];
  const { data, secretRef, hashAlgorithm } = authority.key ?? {};
  if ((data === undefined) === (secretRef === undefined)) {
    const what = data === undefined ? 'has neither data nor secretRef' : 'has both data and secretRef';
    throw refusal(document, keyPath, 'IMAGE_POLICY_INVALID', `${describe(keyPath)} ${what}; exactly one names the key`);
  }
  const hash = readHash(document, [...keyPath, 'hashAlgorithm'], hashAlgorithm);
  if (data !== undefined)
    return { ...plain, kind: 'key', name, key: at(document, [...keyPath, 'data'], () => parsePublicKey(data, hash)) };
  const secretPath = [...keyPath, 'secretRef', 'name'];
  const secret = await secrets(secretRef?.name ?? '').catch((error: unknown) => {
    throw placed(document, secretPath, error);
  });
  const key = at(document, secretPath, () => parsePublicKey(secret.text, hash), secret.shown);
  return { ...plain, kind: 'key', name, key };
}

/** A signature by the key, and nothing besides. */
const plain: Evidence = {
  log: { demand: 'ignored' },
  timestamp: { demand: 'ignored' },
  sources: [],
  format: 'any',
  attestations: [],
  annotations: {},
};

/** As upstream: any case, blanks around it, sha256 where there is none. */
function readHash(document: SettingsDocument, path: JsonPath, written: string | undefined): HashName {
  const name = written?.trim().toLowerCase() ?? '';
  if (name === '') return 'sha256';
  if (name === 'sha224' || name === 'sha256' || name === 'sha384' || name === 'sha512') return name;
  throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describe(path)} is not sha224, sha256, sha384 or sha512`);
}

function authorityHazards(authorities: readonly Authority[]): string[] {
  const passes = authorities.find((each) => each.kind === 'static' && each.action === 'pass');
  if (passes === undefined || authorities.length === 1) return [];
  return [`authority ${passes.name} passes everything, so the other authorities are never needed`];
}

function at<T>(document: SettingsDocument, path: JsonPath, read: () => T, file?: string): T {
  try {
    return read();
  } catch (error) {
    throw placed(document, path, error, file);
  }
}

/** The same complaint, with the line of the policy that it belongs to. */
function placed(document: SettingsDocument, path: JsonPath, error: unknown, file?: string): unknown {
  if (!(error instanceof GateError)) return error;
  const where = describePlace(document.locate(path));
  const message = `${where}: ${describe(path)}${file === undefined ? '' : ` (${file})`}: ${error.message}`;
  return new GateError(error.code, message, { mend: error.mend, place: where, cause: error.cause });
}

function refusal(
  document: SettingsDocument,
  path: JsonPath,
  code: 'IMAGE_POLICY_INVALID' | 'IMAGE_POLICY_UNSUPPORTED',
  why: string,
): GateError {
  const where = describePlace(document.locate(path, 'key'));
  return new GateError(code, `${where}: ${why}`, { place: where });
}

function unsupported(document: SettingsDocument, path: JsonPath, what = describe(path)): GateError {
  return refusal(
    document,
    path,
    'IMAGE_POLICY_UNSUPPORTED',
    `${what} is not supported yet, and a policy is never read without a part of it`,
  );
}

function describe(path: JsonPath): string {
  return path.reduce<string>(
    (shown, step) => (typeof step === 'number' ? `${shown}[${step}]` : shown === '' ? step : `${shown}.${step}`),
    '',
  );
}
