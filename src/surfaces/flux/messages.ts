import type { Decision, Finding } from '../../core/decision.ts';
import { findingText } from '../../report/text.ts';

/** One line of a finding, in bytes; what is longer is cut. */
const MAX_LINE = 1024;
/** How many findings the status keeps, and how many of them stand in a condition and in an event. */
const MAX_FINDINGS = 20;
const MAX_TOLD = 3;
const MAX_WARNINGS = 5;

/** The first reasons of a decision, a line each, as people read them in the status. */
export function findingLines({ reasons }: Decision): readonly string[] {
  return linesOf(reasons, MAX_FINDINGS);
}

/** The first warnings of a decision, in the same words. */
export function warningLines({ warnings }: Decision): readonly string[] {
  return linesOf(warnings, MAX_WARNINGS);
}

function linesOf(findings: readonly Finding[], most: number): readonly string[] {
  return findings.slice(0, most).map((finding) => cutBytes(findingText(finding), MAX_LINE));
}

/** A verdict as it is counted, in one word on every surface: what nobody could say is an error. */
export function decisionOf(verdict: 'allowed' | 'denied' | 'unevaluated'): 'allowed' | 'denied' | 'errored' {
  return verdict === 'unevaluated' ? 'errored' : verdict;
}

/** The first few in one line, and how many more there are. */
export function inOneLine(lines: readonly string[], all: number): string {
  const told = lines.slice(0, MAX_TOLD);
  const more = all - told.length;
  return more > 0 ? [...told, `and ${more} more`].join(' | ') : told.join(' | ');
}

/** At most so many bytes of UTF-8, with an ellipsis where something was cut; never half a character. */
export function cutBytes(text: string, most: number): string {
  if (text.length <= most / 4 || Buffer.byteLength(text) <= most) return text;
  const bytes = Buffer.from(text).subarray(0, most - 3);
  let end = bytes.length;
  // Bytes of the form 10xxxxxx go on a character; one that was cut ends before its first byte.
  while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end -= 1;
  const lead = bytes[end - 1] ?? 0;
  const whole = lead < 0x80 || end - 1 + (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2) <= bytes.length;
  return `${bytes.subarray(0, whole ? bytes.length : end - 1).toString('utf8')}…`;
}
