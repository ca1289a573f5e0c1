import type { Decision, Finding } from '../core/decision.ts';
import { describeObject, describePlace } from '../core/manifest.ts';

/** Colours for a terminal; `plainPalette` leaves text as it is. */
export interface Palette {
  readonly bad: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly good: (text: string) => string;
  readonly dim: (text: string) => string;
}

const same = (text: string) => text;
export const plainPalette: Palette = { bad: same, warn: same, good: same, dim: same };
export const colourPalette: Palette = {
  bad: (text) => `\u001b[31m${text}\u001b[39m`,
  warn: (text) => `\u001b[33m${text}\u001b[39m`,
  good: (text) => `\u001b[32m${text}\u001b[39m`,
  dim: (text) => `\u001b[2m${text}\u001b[22m`,
};

/** One finding on one line: rule, object, image, place, reason, mend. Control characters cannot leave it. */
export function findingText(finding: Finding): string {
  const subject = [
    finding.object === undefined ? undefined : describeObject(finding.object),
    finding.image === undefined ? undefined : `image ${finding.image}`,
    finding.place === undefined ? undefined : `at ${describePlace(finding.place)}`,
  ].filter((part) => part !== undefined);
  const where = subject.length === 0 ? '' : `${subject.join(', ')}: `;
  return visible(`${finding.code} [${finding.rule}] ${where}${withMend(finding)}`);
}

/** What is wrong and what to do, as two sentences. */
export function withMend({ message, mend }: { readonly message: string; readonly mend: string }): string {
  return `${cut(message)}${/[.?!]$/.test(message) ? '' : '.'} ${mend}`;
}

/** The whole decision for a person: a line a finding, then one line that sums up. */
export function decisionText(decision: Decision, palette: Palette = plainPalette): string {
  const lines = [
    ...decision.reasons.map((f) => `${palette.bad(f.effect === 'deny' ? 'denied' : 'unevaluated')} ${findingText(f)}`),
    ...decision.warnings.map((finding) => `${palette.warn('warning')} ${findingText(finding)}`),
    ...unevaluatedLines(decision.notEvaluated, palette),
    summaryText(decision, palette),
  ];
  return `${lines.join('\n')}\n`;
}

/** More than these are told by their number: a folder may hold hundreds of rules that change objects. */
const maxUnevaluated = 20;

/** Rules that gave no verdict, by name: nobody shall take them for passed. */
function unevaluatedLines(rules: Decision['notEvaluated'], palette: Palette): string[] {
  const lines = rules
    .slice(0, maxUnevaluated)
    .map(
      ({ policy, rule, why }) =>
        `${palette.dim('not evaluated')} ${visible(`${rule === '' ? policy : `${policy}/${rule}`}: ${cut(why)}`)}`,
    );
  const more = rules.length - maxUnevaluated;
  return more > 0
    ? [...lines, `${palette.dim('not evaluated')} ${count(more, 'more rule')} (--output json names them)`]
    : lines;
}

/** On a line of its own nobody reads more; the JSON has all of it. */
function cut(text: string): string {
  return text.length <= maxMessage ? text : `${text.slice(0, maxMessage - 1).toWellFormed()}…`;
}

const maxMessage = 1000;

function summaryText(decision: Decision, palette: Palette): string {
  const objects = decision.objects === undefined ? 'nothing rendered' : count(decision.objects, 'object');
  const verified = decision.images.filter(({ by, unsigned }) => by.length > 0 && unsigned !== true).length;
  const others = decision.images.length - verified;
  const letThrough = others === 0 ? '' : `, ${others} let through unverified`;
  const images = decision.images.length === 0 ? undefined : `${count(verified, 'image')} verified${letThrough}`;
  const checks = decision.checks.map((each) => `${each.check} ${each.status}`).join(', ');
  const silent =
    decision.notEvaluated.length === 0 ? undefined : `${count(decision.notEvaluated.length, 'rule')} not evaluated`;
  const facts = [objects, images, checks === '' ? undefined : checks, silent]
    .filter((part) => part !== undefined)
    .join('; ');
  switch (decision.verdict) {
    case 'allowed':
      return `${palette.good('allowed')} ${palette.dim(facts)}`;
    case 'denied':
      return `${palette.bad('DENIED')} ${count(decision.reasons.length, 'reason')}; no manifest was emitted ${palette.dim(`(${facts})`)}`;
    case 'unevaluated':
    case 'usage':
      return `${palette.bad('NOT EVALUATED')} ${count(decision.reasons.length, 'reason')}; no manifest was emitted ${palette.dim(`(${facts})`)}`;
    default:
      return decision.verdict satisfies never;
  }
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Controls, line breaks, what changes the direction of text, and what nobody sees; of pairs, both halves. */
const unseen =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Text with every control, line-breaking and direction-changing character spelled out, so that data cannot forge a line. */
export function visible(text: string): string {
  return text.replace(unseen, spelledOut);
}

/**
 * A value as JSON in lines. Such characters are escaped in it too: a reader gets them back, and a terminal that shows the
 * text does not obey them (JSON itself leaves U+0080 to U+009F, which begin commands, as they are).
 */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2).replace(unseen, (char) => (char === '\n' ? char : spelledOut(char)))}\n`;
}

/** One character, which is one unit of UTF-16 or two. */
function spelledOut(character: string): string {
  const first = escaped(character.charCodeAt(0));
  return character.length === 1 ? first : first + escaped(character.charCodeAt(1));
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`;
}
