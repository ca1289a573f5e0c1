/** How a key of a pattern binds what stands under it; `plain` keys have no anchor. */
type AnchorKind = 'condition' | 'global' | 'negation' | 'addition' | 'equality' | 'existence';

export interface Anchor {
  readonly kind: AnchorKind;
  /** The key it stands for. */
  readonly key: string;
  /** The letter before the parenthesis; empty for a condition. */
  readonly modifier: string;
}

const KINDS: ReadonlyMap<string, AnchorKind> = new Map([
  ['<', 'global'],
  ['X', 'negation'],
  ['+', 'addition'],
  ['=', 'equality'],
  ['^', 'existence'],
]);

/** The anchor that a key of a pattern is written as (`^(containers)`), or undefined for a plain key. */
export function parseAnchor(key: string): Anchor | undefined {
  // Nearly every key is plain, and every anchor ends in a parenthesis.
  if (!key.includes(')')) return undefined;
  const text = trimSpace(key);
  if (!text.endsWith(')')) return undefined;
  const modifier = text.startsWith('(') ? '' : text.slice(0, 1);
  const kind = modifier === '' ? 'condition' : KINDS.get(modifier);
  if (kind === undefined || text[modifier.length] !== '(') return undefined;
  const inner = text.slice(modifier.length + 1, -1);
  return inner === '' || inner.includes('\n') ? undefined : { kind, key: inner, modifier };
}

/** The key written as the same anchor on another key. */
export function withAnchor(anchor: Anchor, key: string): string {
  return `${anchor.modifier}(${key})`;
}

/** What Go's `strings.TrimSpace` leaves: JavaScript's own `trim` also takes a byte order mark and leaves U+0085. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start++;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

function isSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 9 && code <= 13);
  if (code < 0x1680) return code === 0x85 || code === 0xa0;
  if (code >= 0x2000 && code <= 0x200a) return true;
  return code === 0x1680 || code === 0x2028 || code === 0x2029 || code === 0x202f || code === 0x205f || code === 0x3000;
}
