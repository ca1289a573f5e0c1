import type { Finding } from '../../../core/decision.ts';
import { CODES, type Code } from '../../../core/errors.ts';
import type { JsonPath } from '../../../core/json.ts';
import type { Manifest } from '../../../core/manifest.ts';
import { oneLine } from '../message.ts';
import type { CompiledPolicy, RuleResult } from '../rule.ts';
import type { Created } from './created.ts';

/** What a result is about: an object of the set, or something that it would create. */
export interface Subject {
  readonly manifest: Manifest;
  readonly created?: Pick<Created, 'what' | 'place' | 'createsPods'>;
}

/** `ClusterPolicy require-labels`, or with its namespace. */
export function policyName({ identity: { kind, namespace, name } }: Pick<CompiledPolicy, 'identity'>): string {
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`}`;
}

/** The finding that a result is, or undefined where it says nothing that anybody has to know. */
export function findingOf(policy: CompiledPolicy, result: RuleResult, subject: Subject): Finding | undefined {
  switch (result.status) {
    case 'pass':
      return undefined;
    case 'skip':
      if (result.exceptedBy === undefined) return undefined;
      return finding('warn', 'POLICY_EXCEPTED', policy, result, subject, `excepted by ${result.exceptedBy.join(', ')}`);
    case 'warn':
      return finding('warn', 'POLICY_WARNED', policy, result, subject);
    case 'fail':
      return result.action === 'deny'
        ? finding('deny', 'POLICY_DENIED', policy, result, subject)
        : finding('warn', 'POLICY_WARNED', policy, result, subject);
    case 'error':
      // What the platform did not say is no error that a cluster would have ignored.
      return result.ignoreErrors === true && result.lacks === undefined
        ? finding('warn', 'POLICY_ERROR_IGNORED', policy, result, subject)
        : finding('error', 'POLICY_EVALUATION_FAILED', policy, result, subject);
    default:
      return result.status satisfies never;
  }
}

/** A rule that refuses the object as it was written and passes what will be applied. */
export function onlyPinnedPasses(
  policy: CompiledPolicy,
  written: RuleResult,
  subject: Subject,
  effect: 'warn' | 'deny',
): Finding {
  return finding(effect, 'POLICY_PINNED_PASSES', policy, written, subject);
}

/** A rule that would change an object before the others judge it in a cluster. */
export interface Mutation {
  readonly policy: CompiledPolicy;
  readonly rule: string;
}

/** Collects the mutations of a set: a rule that would change a thousand objects is one warning, about the first of them. */
export function createMutations(): {
  add(mutations: readonly Mutation[], subject: Subject): void;
  findings(): Finding[];
} {
  const known = new Map<string, Mutation & { readonly subject: Subject; count: number }>();
  return {
    add(mutations, subject) {
      for (const mutation of mutations) {
        const key = `${policyName(mutation.policy)}/${mutation.rule}`;
        const entry = known.get(key);
        if (entry === undefined) known.set(key, { ...mutation, subject, count: 1 });
        else entry.count += 1;
      }
    },
    findings: () =>
      [...known.values()].map(({ policy, rule, subject, count }) => {
        const others = count === 1 ? '' : ` and ${count - 1} more`;
        const message = `it would change this object${others} in a cluster before other rules judge it, and changes are not made here`;
        return finding(
          'warn',
          'POLICY_NOT_EVALUATED',
          policy,
          { rule, status: 'warn', message, action: 'warn' },
          subject,
        );
      }),
  };
}

/** Pod Security says all that is wrong with a Pod in one message; a report in text cuts it, one in JSON has all of it. */
const MAX_MESSAGE = 8000;

function finding(
  effect: Finding['effect'],
  code: Code,
  policy: CompiledPolicy,
  result: RuleResult,
  { manifest, created }: Subject,
  message: string = result.message,
): Finding {
  const rule = `${policyName(policy)}${result.rule === '' ? '' : `/${result.rule}`}`;
  const path = result.path === undefined ? undefined : (created?.place(result.path) ?? result.path);
  const mend = result.lacks === undefined ? CODES[code].mend : lackMends[result.lacks];
  const about = created === undefined ? '' : `${created.what} that it creates: `;
  return {
    effect,
    code,
    rule: oneLine(rule, 300),
    message: about + (oneLine(message, MAX_MESSAGE) || 'the rule gives no reason'),
    mend: `${mend.replace(/\.$/, '')}; the rule is in ${oneLine(policy.source, 300)}.`,
    object: manifest.identity,
    place: path === undefined ? manifest.origin : manifest.locate(path),
    ...(path !== undefined && { field: fieldText(path) }),
    ...(policy.title !== undefined && { title: oneLine(policy.title, 200) }),
    ...(policy.severity !== undefined && { severity: oneLine(policy.severity, 50) }),
    ...(policy.category !== undefined && { category: oneLine(policy.category, 200) }),
  };
}

const lackMends = {
  snapshot: 'Add it to spec.cluster.objects, or name its kind in spec.cluster.complete if it does not exist.',
  identity: 'Say in spec.cluster.identity who applies the manifests.',
} as const;

/** `spec.containers[0].image`; a key that is no plain word stands in quotes. */
function fieldText(path: JsonPath): string {
  const text = path
    .map((step) => {
      if (typeof step === 'number') return `[${step}]`;
      return /^[A-Za-z_][\w-]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    })
    .join('');
  return oneLine(text.replace(/^\./, ''), 300);
}
