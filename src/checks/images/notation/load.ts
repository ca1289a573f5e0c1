import { createHash } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { GateError } from '../../../core/errors.ts';
import { describePlace } from '../../../core/manifest.ts';
import { readSettings } from '../../../core/settings-file.ts';
import type { Authority, ImagePolicy, ImageScope } from '../policy/model.ts';
import { bytesOf } from './folder.ts';
import type { NotationPolicy } from './model.ts';
import type { NotationTrust } from './settings.ts';
import { levels, readTrustPolicy, type TrustStatement } from './trust-policy.ts';
import { checkAnchor, readLists, readStore, type StoreType, storeTypes } from './trust-store.ts';

const maxPolicyBytes = 4 * 1024 * 1024;

/**
 * A trust policy of the Notary Project, its trust store and its revocation lists as policies, one a statement. Exactly
 * one statement of the document applies to an image: that for all repositories (`*`) leaves out those that others name.
 * An image that none names is one that this document has no policy for. `resolvePath` makes an absolute path of one in
 * the configuration. Throws IMAGE_POLICY_* with file and line for anything that cannot be evaluated as it is written.
 */
export async function loadNotation(
  trust: NotationTrust,
  resolvePath: (path: string) => string,
): Promise<readonly ImagePolicy[]> {
  const path = resolvePath(trust.trustPolicy);
  const file = { path, shown: basename(trust.trustPolicy) };
  const bytes = await bytesOf(file, { path: dirname(path), shown: 'the folder of the trust policy' }, maxPolicyBytes);
  const statements = readTrustPolicy(documentOf(bytes, file.shown));
  const root = mounted(trust.trustStore);
  const lists = trust.crls === undefined ? [] : await readLists(mounted(trust.crls));
  const policies: ImagePolicy[] = [];
  for (const statement of statements) {
    const policy = await policyOf(statement);
    policies.push({
      rule: `Notation trust policy ${statement.name}`,
      name: statement.name,
      place: statement.place,
      scope: scopeOf(statement, statements),
      match: [],
      mode: 'enforce',
      authorities: [authorityOf(statement, policy)],
      quorum: 1,
      hazards: [...statement.hazards, ...(await hazardsOf(policy))],
    });
  }
  return policies;

  function mounted(given: string) {
    return { path: resolvePath(given), shown: given.replace(/\/+$/, '') };
  }

  async function hazardsOf(policy: NotationPolicy | undefined): Promise<string[]> {
    if (policy?.enforcement.revocation !== 'enforce' || trust.crls !== undefined) return [];
    return ['revocation is enforced and there are no crls, so certificates that name a place to ask are denied'];
  }

  async function policyOf({ name, verification }: TrustStatement): Promise<NotationPolicy | undefined> {
    if (verification === undefined) return undefined;
    const read: Partial<Record<StoreType, Uint8Array[]>> = {};
    for (const store of verification.stores) {
      const into = read[store.type] ?? [];
      read[store.type] = into;
      try {
        into.push(...(await readStore(root, store.type, store.name)));
      } catch (error) {
        if (!(error instanceof GateError)) throw error;
        const where = describePlace(store.place);
        throw new GateError(error.code, `${where}: trust store ${store.type}:${store.name}: ${error.message}`, {
          mend: error.mend,
          place: where,
        });
      }
    }
    const { enforcement, verifyTimestamp, identities } = verification;
    const stores = { ca: read.ca, signingAuthority: read.signingAuthority, tsa: read.tsa };
    const policy = { name, enforcement, verifyTimestamp, identities, stores, revocationLists: lists };
    return { ...policy, digest: digestOf(policy) };
  }
}

/**
 * A policy of level strict for whoever has a certificate below `ca`, with timestamps of authorities below `tsa` if there
 * are any. Certificates are in DER. Throws IMAGE_POLICY_INVALID for one that nobody could trust.
 */
export function certificatePolicy(name: string, ca: readonly Uint8Array[], tsa: readonly Uint8Array[]): NotationPolicy {
  for (const [type, certificates] of [
    ['ca', ca],
    ['tsa', tsa],
  ] as const) {
    for (const der of certificates) checkAnchor(der, type);
  }
  const policy: Omit<NotationPolicy, 'digest'> = {
    name,
    enforcement: levels.strict,
    verifyTimestamp: 'always',
    identities: 'any',
    stores: { ca, signingAuthority: undefined, tsa: tsa.length === 0 ? undefined : tsa },
    revocationLists: [],
  };
  return { ...policy, digest: digestOf(policy) };
}

function documentOf(bytes: Buffer, shown: string) {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new GateError('IMAGE_POLICY_INVALID', `${shown} is not UTF-8 text`, { place: shown, cause: error });
  }
  const [document, ...more] = readSettings(text, shown, 'IMAGE_POLICY_INVALID');
  if (document === undefined || more.length > 0) {
    throw new GateError('IMAGE_POLICY_INVALID', `${shown} is not one trust policy document`, { place: shown });
  }
  return document;
}

function authorityOf(statement: TrustStatement, policy: NotationPolicy | undefined): Authority {
  if (policy === undefined) return { kind: 'static', name: statement.name, action: 'pass', message: 'level skip' };
  return { kind: 'notation', name: statement.name, policy };
}

/** As texts of whole repositories: a scope has no patterns in it. */
function scopeOf(statement: TrustStatement, statements: readonly TrustStatement[]): ImageScope[] {
  const { repositories } = statement;
  if (repositories !== 'any') {
    return repositories.map((own) => ({
      text: own,
      matches: (name) => repositoryOf(name) === own,
      couldMatchDigest: (repository) => repository === own,
    }));
  }
  const named = new Set(statements.flatMap((each) => (each.repositories === 'any' ? [] : each.repositories)));
  return [
    {
      text: '*',
      matches: (name) => !named.has(repositoryOf(name)),
      couldMatchDigest: (repository) => !named.has(repository),
    },
  ];
}

/** The repository in a canonical name: what stands before `@`, or before the colon of a tag. */
function repositoryOf(name: string): string {
  const at = name.indexOf('@');
  if (at >= 0) return name.slice(0, at);
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
}

function digestOf(policy: Omit<NotationPolicy, 'digest'>): string {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([policy.name, policy.enforcement, policy.verifyTimestamp, policy.identities]));
  for (const type of storeTypes) {
    hash.update(`\n${type} ${policy.stores[type]?.length ?? '-'}\n`);
    for (const der of policy.stores[type] ?? []) hash.update(createHash('sha256').update(der).digest());
  }
  for (const list of policy.revocationLists)
    hash.update(createHash('sha256').update(list.signed).update(list.signature).digest());
  return hash.digest('hex');
}
