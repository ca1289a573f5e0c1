import type { Decision, Finding } from '../../core/decision.ts';
import { count, findingText, visible } from '../../report/text.ts';

/** The API sets no bound. Flux carries the message into a condition (32 KiB) and an event (39 KB), and people read it. */
export const messageLimit = 4096;
/** admission/v1: a warning should not be longer; beyond 256 it may be cut. */
export const warningLimit = 120;
const maxWarnings = 10;
const findingLimit = 1000;

/**
 * Flux takes a refusal whose text matches `is\simmutable` or `immutable\sfield` for one of a field that cannot change,
 * and with `force` deletes the live object to create it anew (fluxcd/pkg ssa/errors/immutable.go). Policies' authors
 * choose our words, so the word itself never leaves: neither spaces nor line breaks nor another letter case can put it together
 * again. kubectl and Flux look for ASCII letters alone.
 */
export function withoutTrigger(text: string): string {
  return text.replace(/immutable/gi, 'unchangeable');
}

/** Why an object is refused: whose rules, what was found, and how each is mended. Never the words that Flux deletes for. */
export function denialMessage(decision: Decision, object: string, gate: string | undefined): string {
  const by = gate === undefined ? '' : ` by Gate ${gate}`;
  const reasons = count(decision.reasons.length, 'reason');
  const head =
    decision.verdict === 'denied'
      ? `syncgate refuses ${object}${by}, ${reasons}:`
      : `syncgate could not judge ${object}${by}, and what is not judged is refused, ${reasons}:`;
  const said = decision.reasons.map((reason) => cut(lineOf(reason), findingLimit));
  const lines = [cut(visible(head), findingLimit)];
  let room = messageLimit - (lines[0]?.length ?? 0) - 40;
  for (const [index, line] of said.entries()) {
    room -= line.length + 3;
    if (room < 0) {
      lines.push(`and ${count(said.length - index, 'more reason')}`);
      break;
    }
    lines.push(`- ${line}`);
  }
  return cut(withoutTrigger(lines.join('\n')), messageLimit);
}

/** Warnings as kubectl prints them, the first of them only. Those about the platform's own files are in the log. */
export function warningsOf(decision: Decision): string[] {
  const said = decision.warnings
    .filter(({ code }) => !code.endsWith('_HAZARD') && code !== 'IMAGE_TRUST_ROOT_AGED')
    .map((finding) => cut(withoutTrigger(lineOf(finding)), warningLimit));
  const different = [...new Set(said)];
  if (different.length <= maxWarnings) return different;
  return [...different.slice(0, maxWarnings - 1), `syncgate: ${different.length - maxWarnings + 1} more warnings`];
}

/** What the object is, the API server says itself. */
function lineOf({ object: _object, place: _place, ...finding }: Finding): string {
  const where = finding.field === undefined ? '' : `${finding.field}: `;
  return withoutPasswords(findingText({ ...finding, message: where + finding.message }));
}

/** The last guard, behind the messages' own care: a URL may hold a password. */
function withoutPasswords(text: string): string {
  return text.replace(/(:\/\/)[^\s/@]{1,500}@/g, '$1…@');
}

/** So many characters and no half of one. */
export function cut(text: string, limit: number): string {
  return text.length <= limit
    ? text
    : `${text
        .slice(0, limit - 1)
        .toWellFormed()
        .replace(/�$/, '')}…`;
}
