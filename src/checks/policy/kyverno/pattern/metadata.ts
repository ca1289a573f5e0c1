import { byUtf8, isObject, type JsonObject, type JsonValue, objectFrom } from '../../../../core/json.ts';
import { hasWildcard, matchesWildcard } from '../../values/wildcard.ts';
import { parseAnchor, withAnchor } from './anchor.ts';

const TAGS = ['labels', 'annotations'] as const;

/**
 * Whether the keys under `metadata.labels` or `metadata.annotations` of a pattern depend on the object: they hold
 * wildcards, or values that are no strings (which Kyverno forgets wherever the object has labels at all).
 */
export function hasOpenMetadata(pattern: JsonObject): boolean {
  const metadata = entryOf(pattern, 'metadata')?.value;
  if (!isObject(metadata)) return false;
  return TAGS.some((tag) => {
    const tagged = entryOf(metadata, tag)?.value;
    return (
      isObject(tagged) &&
      Object.keys(tagged).some((key) => hasWildcard(key) || typeof tagged[key as string] !== 'string')
    );
  });
}

/**
 * The pattern with the wildcards in keys of labels and annotations replaced by the object's own keys.
 *
 * Kyverno takes one matching key, whichever its map yields first, so with several its verdict varies. Here a plain
 * key, an equality and a negation stand for every matching key, which passes only what passes whichever is taken.
 */
export function closeMetadata(pattern: JsonObject, resource: JsonObject): JsonObject {
  const metadata = entryOf(pattern, 'metadata');
  const own = ownValue(resource, 'metadata');
  if (!metadata || !isObject(metadata.value) || !isObject(own)) return pattern;
  const replaced = new Map<string, JsonValue>();
  for (const tag of TAGS) {
    const patterns = entryOf(metadata.value, tag);
    const values = entryOf(own, tag)?.value;
    if (!patterns || !isObject(patterns.value) || !isObject(values)) continue;
    replaced.set(patterns.key, closeKeys(patterns.value, stringKeys(values)));
  }
  if (replaced.size === 0) return pattern;
  const closed = withEntries(metadata.value, replaced);
  return withEntries(pattern, new Map([[metadata.key, closed]]));
}

function closeKeys(patterns: JsonObject, keys: readonly string[]): JsonObject {
  const open: [string, JsonValue][] = [];
  const fixed: [string, JsonValue][] = [];
  for (const key of Object.keys(patterns).sort(byUtf8)) {
    const value = patterns[key] as JsonValue;
    if (typeof value !== 'string') continue;
    if (!hasWildcard(key)) {
      fixed.push([key, value]);
      continue;
    }
    const anchor = parseAnchor(key);
    const wildcard = anchor?.key ?? key;
    const matching = keys.filter((candidate) => matchesWildcard(wildcard, candidate));
    const takesAll = !anchor || anchor.kind === 'equality' || anchor.kind === 'negation';
    const taken = matching.length === 0 ? [wildcard] : takesAll ? matching : matching.slice(0, 1);
    for (const name of taken) open.push([anchor ? withAnchor(anchor, name) : name, value]);
  }
  // A key that is written out says more than one that a wildcard reached.
  return objectFrom([...open, ...fixed]);
}

function stringKeys(values: JsonObject): readonly string[] {
  return Object.keys(values)
    .filter((key) => typeof values[key] === 'string')
    .sort(byUtf8);
}

/** The entry under a key, or under an anchor on that key. */
function entryOf(object: JsonObject, key: string): { readonly key: string; readonly value: JsonValue } | undefined {
  const exact = ownValue(object, key);
  if (exact !== undefined) return { key, value: exact };
  for (const candidate of Object.keys(object).sort(byUtf8)) {
    if (parseAnchor(candidate)?.key === key) return { key: candidate, value: object[candidate] as JsonValue };
  }
  return undefined;
}

function ownValue(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function withEntries(object: JsonObject, replaced: ReadonlyMap<string, JsonValue>): JsonObject {
  return objectFrom(Object.keys(object).map((key) => [key, replaced.get(key) ?? (object[key] as JsonValue)]));
}
