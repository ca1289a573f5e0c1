import { createHash } from 'node:crypto';
import type { PolicyCase, Verdict } from './cases.ts';

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

/** The report of `kyverno apply` puts words of its own before a message. */
export function plainMessage(message: string): string {
  return message.replace(/^validation failure: /, '');
}

/** A message, short enough to be kept by the thousand. */
export function digestOf(message: string): string {
  return createHash('sha256').update(plainMessage(message)).digest('hex').slice(0, 10);
}

function detailed(all: readonly Verdict[]): string {
  return all.map(({ rule, status, message }) => `${rule} ${status} (${message.slice(0, 300)})`).join('; ') || 'nothing';
}
