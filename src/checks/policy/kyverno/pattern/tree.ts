import { byUtf8, isObject, type JsonObject, type JsonValue } from '../../../../core/json.ts';
import { type Anchor, parseAnchor } from './anchor.ts';
import { formatGeneral, printGo } from './go-number.ts';
import { hasOpenMetadata } from './metadata.ts';
import { compileScalar, type PatternNumbers } from './scalar.ts';
import type { ValueTest } from './string-pattern.ts';

/** A pattern read once: its keys sorted in the order in which they are looked at, its texts parsed. */
export type PatternNode = MapNode | ListNode | ScalarNode;

export interface PatternEntry {
  readonly anchor: Anchor | undefined;
  /** The key in the object. */
  readonly key: string;
  readonly node: PatternNode;
}

export interface MapNode {
  readonly kind: 'map';
  readonly pattern: JsonObject;
  /** Conditions, existences, equalities and negations, which are looked at first. */
  readonly anchors: readonly PatternEntry[];
  /** Every other key. */
  readonly entries: readonly PatternEntry[];
  /** The anchors whose absence turns a failure into an error, as they are written. */
  readonly required: readonly { readonly written: string; readonly key: string }[];
  /** Whether wildcards in keys of labels or annotations are to be replaced by the object's keys first. */
  readonly openMetadata: boolean;
  readonly hasAnchors: boolean;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly PatternNode[];
  readonly hasAnchors: boolean;
}

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly pattern: null | boolean | number | bigint | string;
  readonly test: ValueTest;
  /** As messages print it. */
  readonly text: () => string;
  readonly hasAnchors: false;
}

/**
 * Patterns are read-only, and substituting variables keeps the parts that have none: what was read once is found again
 * by the identity of the part.
 */
const KNOWN: Record<PatternNumbers, WeakMap<object, PatternNode>> = { int64: new WeakMap(), float64: new WeakMap() };

/** Reads a pattern. */
export function readPattern(pattern: JsonValue, numbers: PatternNumbers): PatternNode {
  if (!isObject(pattern) && !Array.isArray(pattern)) {
    return readScalar(pattern as ScalarNode['pattern'], numbers);
  }
  const known = KNOWN[numbers].get(pattern);
  if (known) return known;
  const node = isObject(pattern) ? readMap(pattern, numbers) : readList(pattern as readonly JsonValue[], numbers);
  KNOWN[numbers].set(pattern, node);
  return node;
}

function readScalar(pattern: ScalarNode['pattern'], numbers: PatternNumbers): ScalarNode {
  const asFloat = numbers === 'float64' && (typeof pattern === 'number' || typeof pattern === 'bigint');
  const text = () => (asFloat ? formatGeneral(Number(pattern)) : printGo(pattern));
  return { kind: 'scalar', pattern, test: compileScalar(pattern, numbers), text, hasAnchors: false };
}

function readList(pattern: readonly JsonValue[], numbers: PatternNumbers): ListNode {
  const items = pattern.map((item) => readPattern(item, numbers));
  return { kind: 'list', items, hasAnchors: items.some((item) => item.hasAnchors) };
}

function readMap(pattern: JsonObject, numbers: PatternNumbers): MapNode {
  const anchors: PatternEntry[] = [];
  const first: PatternEntry[] = [];
  const last: PatternEntry[] = [];
  const required: { written: string; key: string }[] = [];
  let hasAnchors = false;
  for (const written of Object.keys(pattern).sort(byUtf8)) {
    const anchor = parseAnchor(written);
    const node = readPattern(pattern[written] as JsonValue, numbers);
    hasAnchors ||= node.hasAnchors || (anchor !== undefined && anchor.kind !== 'addition');
    if (!anchor || anchor.kind === 'addition') {
      // What adds a field means nothing to a check: the key is taken as it is written, and loading refuses it.
      const entry = { anchor: undefined, key: written, node };
      if (node.hasAnchors) first.unshift(entry);
      else last.push(entry);
      continue;
    }
    const entry = { anchor, key: anchor.key, node };
    if (anchor.kind === 'global') first.unshift(entry);
    else anchors.push(entry);
    if (anchor.kind === 'condition' || anchor.kind === 'existence') required.push({ written, key: anchor.key });
  }
  const openMetadata = hasOpenMetadata(pattern);
  return { kind: 'map', pattern, anchors, entries: [...first, ...last], required, openMetadata, hasAnchors };
}
