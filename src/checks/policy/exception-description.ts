import { nearest } from '../../core/settings-file.ts';
import type { CelException } from './kyverno/cel-policies/load.ts';
import type { CompiledException } from './kyverno/exceptions.ts';
import type { PolicyIdentity, RuleDescription } from './rule.ts';
import { matchesWildcard } from './values/wildcard.ts';

/** A loaded exception, for the list that `syncgate policies` prints. */
export interface ExceptionDescription {
  /** `platform/old-pods`, or the name alone. */
  readonly key: string;
  readonly source: string;
  /** What it takes objects out of: `require-labels: team, owner`, `ValidatingPolicy pods`. */
  readonly excepts: readonly string[];
  /** As RFC 3339; undefined where it has no end. */
  readonly until: string | undefined;
  /** Policies and rules that it names and that are not loaded. */
  readonly warnings: readonly string[];
}

/** A policy that exceptions may name; one that was refused has no rules. */
interface Named {
  readonly identity: PolicyIdentity;
  readonly rules?: readonly RuleDescription[];
}

/** An exception of kyverno.io, and whether the policies and rules that it names are among these. */
export function describeKyvernoException(
  { key, source, excepts }: CompiledException,
  policies: readonly Named[],
): ExceptionDescription {
  const known = policies.filter(({ identity }) => identity.apiVersion.startsWith('kyverno.io/'));
  const byKey = new Map(known.map((each) => [keyOf(each.identity), each]));
  const warnings = excepts.flatMap(({ policy, rules, place }) => {
    const found = byKey.get(policy);
    if (found === undefined) return [`${place}: the policy ${policy} is not loaded${hint(policy, [...byKey.keys()])}`];
    const names = found.rules?.map(({ name }) => name);
    if (names === undefined) return [];
    return rules
      .filter((rule) => !names.some((name) => spellings(name).some((each) => matchesWildcard(rule, each))))
      .map((rule) => `${place}: the policy ${policy} has no rule ${rule}${hint(rule, names)}`);
  });
  return {
    key,
    source,
    excepts: excepts.map(({ policy, rules }) => `${policy}: ${rules.join(', ')}`),
    until: undefined,
    warnings,
  };
}

/** An exception of policies.kyverno.io, and whether the policies that it names are among these. */
export function describeCelException(
  { key, document, policies: named, expiresAt }: CelException,
  policies: readonly Named[],
): ExceptionDescription {
  const known = policies
    .filter(({ identity }) => identity.apiVersion.startsWith('policies.kyverno.io/'))
    .map(({ identity: { kind, name } }) => `${kind} ${name}`);
  const excepts = named.map(({ kind, name }) => `${kind} ${name}`);
  return {
    key,
    source: document.locate(['metadata', 'name']),
    excepts,
    until: expiresAt === undefined ? undefined : new Date(expiresAt).toISOString(),
    warnings: named.flatMap(({ path }, i) => {
      const policy = excepts[i] as string;
      return known.includes(policy) ? [] : [`${document.locate(path)}: ${policy} is not loaded${hint(policy, known)}`];
    }),
  };
}

/** As an exception names a rule: also what autogen made of it. */
function spellings(rule: string): readonly string[] {
  return [rule, `autogen-${rule}`, `autogen-cronjob-${rule}`];
}

function keyOf({ namespace, name }: PolicyIdentity): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

function hint(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? '' : `; did you mean ${near}?`;
}
