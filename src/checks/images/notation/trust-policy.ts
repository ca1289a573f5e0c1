import * as z from 'zod/mini';
import { GateError } from '../../../core/errors.ts';
import { parseImageReference, repositoryName } from '../../../core/image.ts';
import type { JsonPath } from '../../../core/json.ts';
import { describePlace, type Place } from '../../../core/manifest.ts';
import { type SettingsDocument, validateSettings } from '../../../core/settings-file.ts';
import { Malformed } from '../verify/json.ts';
import { isPartOf, parseDistinguishedName } from './distinguished-name.ts';
import type { DistinguishedName, Enforcement, NotationPolicy } from './model.ts';
import { type StoreType, storeTypes } from './trust-store.ts';

const text = z.string().check(z.minLength(1));
const action = z.enum(['enforce', 'log']);

const Document = z.strictObject({
  version: z.literal('1.0'),
  trustPolicies: z
    .array(
      z.strictObject({
        name: text,
        registryScopes: z.array(text).check(z.minLength(1)),
        signatureVerification: z.strictObject({
          level: z.enum(['strict', 'permissive', 'audit', 'skip']),
          override: z.optional(
            z.strictObject({
              authenticity: z.optional(action),
              authenticTimestamp: z.optional(action),
              expiry: z.optional(action),
              revocation: z.optional(z.enum(['enforce', 'log', 'skip'])),
            }),
          ),
          verifyTimestamp: z.optional(z.enum(['always', 'afterCertExpiry'])),
        }),
        trustStores: z.optional(z.array(text)),
        trustedIdentities: z.optional(z.array(text)),
      }),
    )
    .check(z.minLength(1)),
});
type Statement = z.infer<typeof Document>['trustPolicies'][number];

/** One statement of a trust policy, with its stores by name only. */
export interface TrustStatement {
  readonly name: string;
  readonly place: Place;
  /** `any` stands for `*`: what no other statement names. Else canonical repositories (`repositoryName`). */
  readonly repositories: 'any' | readonly string[];
  /** Undefined where the level is `skip`: nothing is verified. */
  readonly verification:
    | (Pick<NotationPolicy, 'enforcement' | 'verifyTimestamp' | 'identities'> & {
        readonly stores: readonly { readonly type: StoreType; readonly name: string; readonly place: Place }[];
      })
    | undefined;
  /** What a person should know of, each a clause. */
  readonly hazards: readonly string[];
}

/** What the levels of a trust policy enforce. */
export const levels: Readonly<Record<'strict' | 'permissive' | 'audit', Enforcement>> = {
  strict: { authenticity: 'enforce', authenticTimestamp: 'enforce', expiry: 'enforce', revocation: 'enforce' },
  permissive: { authenticity: 'enforce', authenticTimestamp: 'log', expiry: 'log', revocation: 'log' },
  audit: { authenticity: 'log', authenticTimestamp: 'log', expiry: 'log', revocation: 'log' },
};

/**
 * The statements of a trust policy, by the rules of trust-store-trust-policy.md. Throws IMAGE_POLICY_INVALID and
 * IMAGE_POLICY_UNSUPPORTED with file, line and column.
 */
export function readTrustPolicy(document: SettingsDocument): readonly TrustStatement[] {
  const { trustPolicies } = validateSettings(Document, document, 'IMAGE_POLICY_INVALID');
  const statements = trustPolicies.map((statement, i) => readStatement(document, statement, i));
  const names = new Set<string>();
  const scopes = new Set<string>();
  for (const [i, { name, repositories }] of statements.entries()) {
    if (names.has(name))
      throw refusal(document, [...under(i), 'name'], `the name ${JSON.stringify(name)} is there twice`);
    names.add(name);
    for (const each of repositories === 'any' ? ['*'] : repositories) {
      if (scopes.has(each))
        throw refusal(
          document,
          [...under(i), 'registryScopes'],
          `the scope ${each} is in more than one statement or there twice`,
        );
      scopes.add(each);
    }
  }
  return statements;
}

function readStatement(document: SettingsDocument, statement: Statement, i: number): TrustStatement {
  const { name, signatureVerification, trustStores = [], trustedIdentities = [] } = statement;
  const place = document.locate([...under(i), 'name']);
  const repositories = readScopes(document, statement.registryScopes, i);
  const { level, override, verifyTimestamp = 'always' } = signatureVerification;
  if (level === 'skip') {
    const path = [...under(i), 'signatureVerification'];
    if (Object.keys(override ?? {}).length > 0) throw refusal(document, path, 'level skip has nothing to override');
    if (trustStores.length > 0 || trustedIdentities.length > 0) {
      throw refusal(document, path, 'level skip goes without trustStores and trustedIdentities');
    }
    if (repositories === 'any') throw refusal(document, path, 'level skip cannot be for all repositories (*)');
    return {
      name,
      place,
      repositories,
      verification: undefined,
      hazards: ['level skip lets every image of its scopes pass unverified'],
    };
  }
  const { enforcement, hazards } = enforcementOf(levels[level], override ?? {});
  const identities = readIdentities(document, trustedIdentities, i);
  if (trustStores.length === 0) throw refusal(document, [...under(i), 'trustStores'], 'it names no trust store');
  const stores = trustStores.map((each, at) => readStoreName(document, each, [...under(i), 'trustStores', at]));
  if (stores.every(({ type }) => type === 'tsa')) {
    throw refusal(
      document,
      [...under(i), 'trustStores'],
      'it names trust stores for timestamps only, and none for signers',
    );
  }
  if (identities === 'any')
    hazards.push('trustedIdentities is *, so whoever has a certificate of the trust stores may sign');
  return { name, place, repositories, verification: { enforcement, verifyTimestamp, identities, stores }, hazards };
}

function enforcementOf(
  level: Enforcement,
  override: NonNullable<Statement['signatureVerification']['override']>,
): { enforcement: Enforcement; hazards: string[] } {
  const enforcement: Enforcement = {
    authenticity: override.authenticity ?? level.authenticity,
    authenticTimestamp: override.authenticTimestamp ?? level.authenticTimestamp,
    expiry: override.expiry ?? level.expiry,
    revocation: override.revocation ?? level.revocation,
  };
  const hazards: string[] = [];
  if (enforcement.authenticity === 'log') {
    hazards.push('authenticity is only logged, so a signature by anybody at all lets an image pass');
  }
  if (enforcement.revocation === 'skip') hazards.push('revocation is skipped, so a stolen key goes on signing');
  return { enforcement, hazards };
}

function readScopes(document: SettingsDocument, scopes: readonly string[], i: number): 'any' | string[] {
  const path = [...under(i), 'registryScopes'];
  if (scopes.includes('*')) {
    if (scopes.length > 1) throw refusal(document, path, 'the scope * goes with no other');
    return 'any';
  }
  return scopes.map((scope, at) => {
    // Notation compares texts: the host must be written, where others would fill in that of Docker Hub.
    const host = scope.split('/')[0] ?? '';
    if (!/[.:]/.test(host) && host !== 'localhost') {
      throw refusal(
        document,
        [...path, at],
        `${JSON.stringify(scope.slice(0, 100))} has no registry; a scope is written registry/namespace/repository`,
      );
    }
    const { repository, tag, digest } = placed(document, [...path, at], () => parseImageReference(scope));
    if (tag !== undefined || digest !== undefined || scope.includes('*')) {
      throw refusal(document, [...path, at], `${JSON.stringify(scope.slice(0, 100))} is not a repository`);
    }
    return repositoryName(repository);
  });
}

function readIdentities(
  document: SettingsDocument,
  identities: readonly string[],
  i: number,
): 'any' | DistinguishedName[] {
  const path = [...under(i), 'trustedIdentities'];
  if (identities.length === 0) throw refusal(document, path, 'it names no trusted identity');
  if (identities.includes('*')) {
    if (identities.length > 1) throw refusal(document, path, 'the identity * goes with no other');
    return 'any';
  }
  const names = identities.map((identity, at) => {
    const [prefix = ''] = identity.split(':', 1);
    if (prefix !== 'x509.subject' || !identity.includes(':')) {
      throw new GateError(
        'IMAGE_POLICY_UNSUPPORTED',
        `${where(document, [...path, at])}: ${JSON.stringify(identity.slice(0, 100))} is not an identity that starts with x509.subject:`,
        {
          mend: 'Write x509.subject: and the name. Other kinds of identities need a plugin, and plugins are not supported.',
          place: where(document, [...path, at]),
        },
      );
    }
    return placed(document, [...path, at], () => parseDistinguishedName(identity.slice(prefix.length + 1)));
  });
  for (const [a, one] of names.entries()) {
    if (names.some((other, b) => a !== b && isPartOf(one, other))) {
      throw refusal(document, [...path, a], 'what it allows includes what another identity of the list allows');
    }
  }
  return names;
}

function readStoreName(
  document: SettingsDocument,
  written: string,
  path: JsonPath,
): { type: StoreType; name: string; place: Place } {
  const found = /^([A-Za-z]+):([A-Za-z0-9_.-]{1,200})$/.exec(written);
  const type = storeTypes.find((each) => each === found?.[1]);
  const name = found?.[2] ?? '';
  if (type === undefined || name === '.' || name === '..') {
    throw refusal(
      document,
      path,
      `${JSON.stringify(written.slice(0, 100))} is not a trust store; it is written ca:NAME, signingAuthority:NAME or tsa:NAME`,
    );
  }
  return { type, name, place: document.locate(path) };
}

function under(i: number): (string | number)[] {
  return ['trustPolicies', i];
}

function where(document: SettingsDocument, path: JsonPath): string {
  return describePlace(document.locate(path));
}

function refusal(document: SettingsDocument, path: JsonPath, why: string): GateError {
  return new GateError('IMAGE_POLICY_INVALID', `${where(document, path)}: ${why}`, { place: where(document, path) });
}

function placed<T>(document: SettingsDocument, path: JsonPath, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed || error instanceof GateError) throw refusal(document, path, error.message);
    throw error;
  }
}
