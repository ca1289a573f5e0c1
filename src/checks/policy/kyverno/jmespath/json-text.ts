import type { JsonValue } from '../../../../core/json.ts';
import { objectFrom } from '../../../../core/json.ts';

/** Go's decoder gives up at 10,000; nothing in a cluster is a tenth as deep. */
const maxDepth = 1_000;

/**
 * JSON as Go's `encoding/json` reads it into untyped values: every number a float64 (one beyond its range is an error),
 * of two equal keys the last counts. Undefined where it is not JSON, or nested deeper than 1,000.
 */
export function parseJsonText(text: string): JsonValue | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  return plain(parsed, 0);
}

/** The same without prototypes; lone surrogates become U+FFFD, as in Go. */
function plain(value: unknown, depth: number): JsonValue | undefined {
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (value === null || typeof value === 'boolean') return value;
  if (depth >= maxDepth) return undefined;
  if (Array.isArray(value)) {
    const list: JsonValue[] = [];
    for (const one of value as unknown[]) {
      const made = plain(one, depth + 1);
      if (made === undefined) return undefined;
      list.push(made);
    }
    return list;
  }
  const entries: (readonly [string, JsonValue])[] = [];
  for (const [key, one] of Object.entries(value as Record<string, unknown>)) {
    const made = plain(one, depth + 1);
    if (made === undefined) return undefined;
    entries.push([key.toWellFormed(), made]);
  }
  return objectFrom(entries);
}
