import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { PolicyCase, Verdict } from './cases.ts';
import { crashed } from './cli.ts';

/** What two programs say of one object; undefined where it is the same. */
export interface Disagreement {
  readonly about: 'verdict' | 'message';
  readonly kyverno: string;
  readonly syncgate: string;
}

/**
 * Compares the answers of every rule, and of failures the message too. Errors have the words of each program. A policy in
 * CEL is one rule, whatever it is called.
 */
export function disagreement(
  { kind }: Pick<PolicyCase, 'kind'>,
  kyverno: readonly Verdict[],
  syncgate: readonly Verdict[],
): Disagreement | undefined {
  if (kyverno.some(({ status }) => status === crashed)) return undefined;
  const hasRules = kind === 'ClusterPolicy' || kind === 'Policy';
  const verdicts = (all: readonly Verdict[]) =>
    all
      .map(({ rule, status }) => (hasRules ? `${rule} ${status}` : status))
      .sort()
      .join(', ');
  const [theirs, ours] = [verdicts(kyverno), verdicts(syncgate)];
  if (theirs !== ours) return { about: 'verdict', kyverno: detailed(kyverno), syncgate: detailed(syncgate) };
  const messages = (all: readonly Verdict[]) => all.flatMap(failureOf).sort().join('\n');
  const [theirWords, ourWords] = [messages(kyverno), messages(syncgate)];
  return theirWords === ourWords ? undefined : { about: 'message', kyverno: theirWords, syncgate: ourWords };
}

function failureOf({ status, message }: Verdict): string[] {
  return status === 'fail' ? [plainMessage(message)] : [];
}

/**
 * A message without what says nothing: words that the report of `kyverno apply` puts before it, the order of what a Pod
 * violates, which is another one each time, and that its command has made every number of an object a double.
 */
export function plainMessage(message: string): string {
  const plain = message
    .replace(/^validation failure: /, '')
    .replaceAll("'types.Double'", "'types.Int'")
    .replaceAll('found float64', 'found int64');
  const [before = '', ...violations] = plain.split('(Forbidden reason: ');
  return [before, ...violations.sort()].join('(Forbidden reason: ');
}

/** A message, short enough to be kept by the thousand. */
export function digestOf(message: string): string {
  return createHash('sha256').update(plainMessage(message)).digest('hex').slice(0, 10);
}

function detailed(all: readonly Verdict[]): string {
  return all.map(({ rule, status, message }) => `${rule} ${status} (${message.slice(0, 300)})`).join('; ') || 'nothing';
}

/** Where the two differ for a reason that is known: by the policy, and the numbers of its mutants. */
interface Listed {
  readonly policy: string;
  readonly mutants: readonly number[];
  readonly reason: string;
}

/** The reasons for which verdicts may differ, by the policy's file and the number of the mutant. */
export function listedDifferences(): ReadonlyMap<string, string> {
  const file = resolve(import.meta.dirname, '../../conformance/kyverno-verdicts-listed.json');
  const listed = JSON.parse(readFileSync(file, 'utf8')) as readonly Listed[];
  return new Map(
    listed.flatMap(({ policy, mutants, reason }) => mutants.map((number) => [`${policy} ${number}`, reason] as const)),
  );
}
