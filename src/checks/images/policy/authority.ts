import { describePath, type JsonPath } from '../../../core/json.ts';
import type { SettingsDocument } from '../../../core/settings-file.ts';
import { rootOfCertificates } from './certificate.ts';
import { at, atAsync, refusal } from './complaint.ts';
import type { PolicyContext } from './context.ts';
import { readEvidence } from './evidence.ts';
import { readIdentities } from './identity.ts';
import { type HashName, type PolicyKey, parsePublicKey } from './key.ts';
import type { Authority, TrustRoot } from './model.ts';
import type { AuthoritySpec, KeylessRef, KeyRef } from './schema.ts';

const kinds = ['key', 'keyless', 'static'] as const;
/** Upstream refuses these beside `static`: nothing is looked at there. */
const beside = ['source', 'ctlog', 'attestations', 'rfc3161timestamp', 'signatureFormat'] as const;

/** One entry of `spec.authorities`. `rule` is what findings call the policy. */
export async function readAuthority(
  document: SettingsDocument,
  authority: AuthoritySpec,
  index: number,
  rule: string,
  context: PolicyContext,
): Promise<Authority> {
  const path = ['spec', 'authorities', index];
  const name = authority.name === undefined || authority.name === '' ? `authority-${index}` : authority.name;
  const given = kinds.filter((kind) => authority[kind] !== undefined);
  if (given.length !== 1) {
    const what =
      given.length === 0
        ? 'has neither key nor keyless nor static'
        : `has ${given.length === 2 ? 'both ' : ''}${given.join(' and ')}`;
    throw refusal(
      document,
      path,
      'IMAGE_POLICY_INVALID',
      `${describePath(path)} ${what}; exactly one says who vouches`,
    );
  }
  if (authority.static !== undefined) {
    const [field] = beside.filter((each) => isThere(authority[each]));
    if (field !== undefined) {
      const why = `${describePath([...path, field])} has no meaning beside static, where nothing is verified`;
      throw refusal(document, [...path, field], 'IMAGE_POLICY_INVALID', why);
    }
    return { kind: 'static', name, action: authority.static.action, message: authority.static.message ?? '' };
  }
  checkUrl(document, [...path, 'ctlog'], authority.ctlog ?? {});
  if (authority.key !== undefined) {
    const key = await readKey(document, [...path, 'key'], authority.key, context);
    return { ...(await readEvidence(document, path, authority, rule, context)), kind: 'key', name, key };
  }
  const keyless = authority.keyless ?? {};
  const keylessPath = [...path, 'keyless'];
  checkUrl(document, keylessPath, keyless);
  const identities = readIdentities(document, [...keylessPath, 'identities'], keyless.identities);
  const roots = await readRoots(document, keylessPath, keyless, `${rule}, authority ${name}`, context);
  const evidence = await readEvidence(document, path, authority, rule, context);
  const sct = keyless.insecureIgnoreSCT === true ? 'ignored' : 'required';
  return { ...evidence, kind: 'keyless', name, identities, roots, sct };
}

function isThere(value: unknown): boolean {
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

function checkUrl(document: SettingsDocument, path: JsonPath, part: { readonly url?: string | undefined }): void {
  if (part.url === undefined || part.url === '') return;
  if (URL.canParse(part.url) && /^https?:$/.test(new URL(part.url).protocol)) return;
  const where = [...path, 'url'];
  throw refusal(document, where, 'IMAGE_POLICY_INVALID', `${describePath(where)} is not an http or https address`);
}

/** Whose certificates count: the named root's, those of `ca-cert`, or the public-good instance's. */
async function readRoots(
  document: SettingsDocument,
  path: JsonPath,
  keyless: KeylessRef,
  owner: string,
  context: PolicyContext,
): Promise<TrustRoot> {
  const { url, trustRootRef } = keyless;
  const caCert = keyless['ca-cert'];
  if (url && caCert !== undefined) {
    throw refusal(
      document,
      path,
      'IMAGE_POLICY_INVALID',
      `${describePath(path)} has both url and ca-cert; one says who certifies`,
    );
  }
  const named = trustRootRef
    ? await atAsync(document, [...path, 'trustRootRef'], () => context.trustRoot(trustRootRef))
    : undefined;
  if (caCert === undefined) return named ?? (await atAsync(document, path, () => context.publicGood()));
  const field = [...path, 'ca-cert'];
  const { data, secretRef, kms } = caCert;
  if (kms !== undefined) throw kmsRefusal(document, field);
  if (caCert.hashAlgorithm !== undefined) {
    const why = `${describePath([...field, 'hashAlgorithm'])} has no meaning: a certificate says how it signs`;
    throw refusal(document, [...field, 'hashAlgorithm'], 'IMAGE_POLICY_INVALID', why);
  }
  if ((data === undefined) === (secretRef === undefined)) throw oneOf(document, field, data, 'the certificate');
  const name = `ca-cert of ${owner}`;
  if (data !== undefined) {
    return at(document, [...field, 'data'], () => rootOfCertificates(name, data, named));
  }
  const secret = await atAsync(document, [...field, 'secretRef', 'name'], () => context.secret(secretRef?.name ?? ''));
  return at(document, [...field, 'secretRef', 'name'], () => rootOfCertificates(name, secret.text, named));
}

async function readKey(
  document: SettingsDocument,
  path: JsonPath,
  { data, secretRef, hashAlgorithm, kms }: KeyRef,
  context: PolicyContext,
): Promise<PolicyKey> {
  if (kms !== undefined) throw kmsRefusal(document, path);
  if ((data === undefined) === (secretRef === undefined)) throw oneOf(document, path, data, 'the key');
  const hash = readHash(document, [...path, 'hashAlgorithm'], hashAlgorithm);
  if (data !== undefined) return at(document, [...path, 'data'], () => parsePublicKey(data, hash));
  const secretPath = [...path, 'secretRef', 'name'];
  const secret = await atAsync(document, secretPath, () => context.secret(secretRef?.name ?? ''));
  return at(document, secretPath, () => parsePublicKey(secret.text, hash), secret.shown);
}

function oneOf(document: SettingsDocument, path: JsonPath, data: string | undefined, what: string) {
  const found = data === undefined ? 'has neither data nor secretRef' : 'has both data and secretRef';
  return refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)} ${found}; exactly one names ${what}`);
}

function kmsRefusal(document: SettingsDocument, path: JsonPath) {
  return refusal(
    document,
    [...path, 'kms'],
    'IMAGE_POLICY_UNSUPPORTED',
    `${describePath([...path, 'kms'])} is not supported: the gate asks no key service`,
    'Export the public key of the service (cosign public-key --key …) and give it as data or secretRef.',
  );
}

/** As upstream: any case, blanks around it, sha256 where there is none. */
function readHash(document: SettingsDocument, path: JsonPath, written: string | undefined): HashName {
  const name = written?.trim().toLowerCase() ?? '';
  if (name === '') return 'sha256';
  if (name === 'sha224' || name === 'sha256' || name === 'sha384' || name === 'sha512') return name;
  throw refusal(
    document,
    path,
    'IMAGE_POLICY_INVALID',
    `${describePath(path)} is not sha224, sha256, sha384 or sha512`,
  );
}
