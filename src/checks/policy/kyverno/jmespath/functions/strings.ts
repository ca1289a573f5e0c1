import { byUtf8 } from '../../../../../core/json.ts';
import { invalidCall } from '../error.ts';
import type { JmesFunction, Run } from '../function.ts';
import { equalFold, lowerCase, upperCase } from '../letters.ts';
import { spendOnText } from './standard.ts';

const text = ['string'] as const;

/** Kyverno's functions of texts. A character is a code point. */
export const strings: readonly JmesFunction[] = [
  // Upstream gives an int, which equals no number of a query.
  { name: 'compare', parameters: [text, text], call: ([a, b]) => BigInt(Math.sign(byUtf8(a as string, b as string))) },
  { name: 'equal_fold', parameters: [text, text], call: ([a, b]) => equalFold(a as string, b as string) },
  {
    name: 'replace',
    parameters: [text, text, text, ['number']],
    call: ([within, old, by, count], run) =>
      replaced(within as string, old as string, by as string, goInt(count as number), run),
  },
  {
    name: 'replace_all',
    parameters: [text, text, text],
    call: ([within, old, by], run) => replaced(within as string, old as string, by as string, -1, run),
  },
  { name: 'to_upper', parameters: [text], call: ([value]) => upperCase(value as string) },
  { name: 'to_lower', parameters: [text], call: ([value]) => lowerCase(value as string) },
  { name: 'trim', parameters: [text, text], call: ([value, set]) => trimmed(value as string, set as string) },
  {
    name: 'trim_prefix',
    parameters: [text, text],
    call: ([value, prefix]) =>
      (value as string).startsWith(prefix as string)
        ? (value as string).slice((prefix as string).length)
        : (value as string),
  },
  { name: 'split', parameters: [text, text], call: ([value, at], run) => split(value as string, at as string, run) },
  {
    name: 'truncate',
    parameters: [text, ['number']],
    call: ([value, length]) => truncated(value as string, Math.max(0, goInt(length as number))),
  },
  { name: 'path_canonicalize', parameters: [text], call: ([path]) => canonicalPath(path as string) },
  { name: 'to_boolean', parameters: [text], call: ([value]) => toBoolean(value as string) },
];

/** A float64 made an int: what has no place in one becomes the least. */
export function goInt(value: number): number {
  const whole = Math.trunc(value);
  return whole >= -(2 ** 63) && whole < 2 ** 63 ? whole : -(2 ** 63);
}

function replaced(within: string, old: string, by: string, count: number, run: Run): string {
  if (old === by || count === 0) return within;
  if (old === '') return interspersed(within, by, count, run);
  const parts = within.split(old);
  const times = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  spendOnText(run, within.length + times * Math.max(0, by.length - old.length));
  if (times === parts.length - 1) return parts.join(by);
  return `${parts.slice(0, times + 1).join(by)}${old}${parts.slice(times + 1).join(old)}`;
}

/** The empty text stands before every character and after the last. */
function interspersed(within: string, by: string, count: number, run: Run): string {
  const characters = Array.from(within);
  const times = count < 0 ? characters.length + 1 : Math.min(count, characters.length + 1);
  spendOnText(run, within.length + times * by.length);
  let made = '';
  for (const [index, character] of characters.entries()) made += (index < times ? by : '') + character;
  return times > characters.length ? made + by : made;
}

function trimmed(value: string, set: string): string {
  const cut = new Set(Array.from(set));
  const characters = Array.from(value);
  let start = 0;
  let end = characters.length;
  while (start < end && cut.has(characters[start] as string)) start++;
  while (end > start && cut.has(characters[end - 1] as string)) end--;
  return characters.slice(start, end).join('');
}

function split(value: string, at: string, run: Run): string[] {
  const parts = at === '' ? Array.from(value) : value.split(at);
  run.spend(parts.length);
  return parts;
}

function truncated(value: string, length: number): string {
  if (value.length <= length) return value;
  const characters = Array.from(value);
  return characters.length <= length ? value : characters.slice(0, length).join('');
}

/** The shortest path that means the same, as Go's `filepath.Join` on Linux; the empty one stays empty. */
function canonicalPath(path: string): string {
  if (path === '') return '';
  const rooted = path.startsWith('/');
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!rooted) kept.push(part);
  }
  return (rooted ? '/' : '') + kept.join('/') || '.';
}

function toBoolean(value: string): boolean {
  const lower = lowerCase(value);
  if (lower === 'true' || lower === 'false') return lower === 'true';
  throw invalidCall('to_boolean', `lowercase argument must be 'true' or 'false' (provided: '${value}')`);
}
