/** How go-yaml v2 writes one scalar: the style that it chooses, and what it escapes. */
import { resolvePlain } from './resolve.ts';

/** Where a node stands: this decides how it may be written. */
export type Context = 'root' | 'item' | 'value' | 'key';

export type Style = 'plain' | 'single' | 'double' | 'literal';

/** What the encoder asks for; the emitter may have to choose another. */
export function styleOf(text: string): Style {
  if (text.includes('\n')) return 'literal';
  return isString(text) ? 'plain' : 'double';
}

const base60 = /^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$/;

/** Whether the text, unquoted, is nothing but itself to go-yaml. */
function isString(text: string): boolean {
  return resolvePlain(text).type === 'string' && !base60.test(text) && !isTimestamp(text);
}

const timestamp =
  /^([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt ]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?)?$/;

/** The four layouts by which go-yaml tries time.Parse, which takes days that exist and no others. */
function isTimestamp(text: string): boolean {
  const match = timestamp.exec(text);
  if (match === null) return false;
  const [, year, month, day, hour = '0', minute = '0', second = '0', zone] = match;
  const separator = /[Tt ]/.exec(text)?.[0];
  // With a T there is a zone; with a space there is none.
  if (separator !== undefined && (separator === ' ') !== (zone === undefined)) return false;
  const days = new Date(Date.UTC(2000, Number(month), 0));
  days.setUTCFullYear(Number(year), Number(month), 0);
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > days.getUTCDate()) return false;
  if (zone !== undefined && zone !== 'Z' && (Number(zone.slice(1, 3)) > 24 || Number(zone.slice(4)) > 60)) return false;
  return Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
}

interface Analysis {
  readonly empty: boolean;
  readonly multiline: boolean;
  readonly plain: boolean;
  readonly single: boolean;
  readonly block: boolean;
}

/** yaml_emitter_analyze_scalar, for block context. */
export function analyze(value: readonly string[]): Analysis {
  if (value.length === 0) return { empty: true, multiline: false, plain: true, single: true, block: false };
  const start = value.slice(0, 3).join('');
  let indicators = start === '---' || start === '...';
  let multiline = false;
  let special = false;
  let breakSpace = false;
  let spaceBreak = false;
  let previous: 'space' | 'break' | 'other' = 'other';
  let preceded = true;
  for (const [i, c] of value.entries()) {
    const next = value[i + 1];
    const followed = next === undefined || next === ' ' || next === '\t';
    if (i === 0) {
      if (',[]{}#&*!|>\'"%@`'.includes(c)) indicators = true;
      else if ((c === '?' || c === ':' || c === '-') && followed) indicators = true;
    } else if ((c === ':' && followed) || (c === '#' && preceded)) indicators = true;
    if (!isPrintable(c)) special = true;
    if (c === ' ') {
      if (previous === 'break') breakSpace = true;
      previous = 'space';
    } else if (isBreak(c)) {
      multiline = true;
      if (previous === 'space') spaceBreak = true;
      previous = 'break';
    } else previous = 'other';
    preceded = c === ' ' || c === '\t' || c === '\0' || isBreak(c);
  }
  const first = value[0] as string;
  const last = value.at(-1) as string;
  const bare = [first, last].every((c) => c !== ' ' && !isBreak(c));
  const free = !spaceBreak && !special;
  return {
    empty: false,
    multiline,
    plain: bare && !breakSpace && free && !multiline && !indicators,
    single: !breakSpace && free,
    block: last !== ' ' && free,
  };
}

/** The style that a scalar gets: the one that is wanted, or the next that can carry it. */
export function selectStyle(analysis: Analysis, wanted: Style, context: Context): Style {
  let style = context === 'key' && analysis.multiline ? 'double' : wanted;
  if (style === 'plain' && (!analysis.plain || (analysis.empty && context === 'key'))) style = 'single';
  if (style === 'single' && !analysis.single) style = 'double';
  if (style === 'literal' && (!analysis.block || context === 'key')) style = 'double';
  return style;
}

/** Whether a character ends a line to YAML 1.1. */
export function isBreak(c: string): boolean {
  return c === '\n' || c === '\r' || c === '\x85' || c === '\u2028' || c === '\u2029';
}

/** Whether a text has more than one line to YAML 1.1. */
export function hasBreak(text: string): boolean {
  return /[\n\r\x85\u2028\u2029]/.test(text);
}

/** The emitter calls nothing beyond the Basic Multilingual Plane printable. */
export function isPrintable(c: string): boolean {
  const code = c.codePointAt(0) as number;
  return (
    code === 0x0a ||
    (code >= 0x20 && code <= 0x7e) ||
    (code >= 0xa0 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd && code !== 0xfeff)
  );
}

const named: Readonly<Record<string, string>> = {
  '\0': '0',
  '\x07': 'a',
  '\b': 'b',
  '\t': 't',
  '\n': 'n',
  '\v': 'v',
  '\f': 'f',
  '\r': 'r',
  '\x1b': 'e',
  '"': '"',
  '\\': '\\',
  '\x85': 'N',
  '\xa0': '_',
  '\u2028': 'L',
  '\u2029': 'P',
};

/** A character as it stands between double quotes where it may not stand as it is. */
export function escaped(c: string): string {
  const name = named[c];
  if (name !== undefined) return `\\${name}`;
  const hex = (c.codePointAt(0) as number).toString(16).toUpperCase();
  if (hex.length <= 2) return `\\x${hex.padStart(2, '0')}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
}

const twoTo64 = 2 ** 64;

/** A value that is no text, as Go spells it. */
export function spellScalar(value: boolean | number | bigint): string {
  if (typeof value !== 'number') return value.toString();
  if (Object.is(value, -0)) return '0';
  return Number.isInteger(value) && Math.abs(value) < twoTo64 ? value.toString() : spellFloat(value);
}

/** strconv.FormatFloat(value, 'g', -1, 64), which writes an exponent from 1e6 on and below 1e-4. */
function spellFloat(value: number): string {
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return value.toString();
  return `${mantissa}e${power < 0 ? '-' : '+'}${Math.abs(power).toString().padStart(2, '0')}`;
}
