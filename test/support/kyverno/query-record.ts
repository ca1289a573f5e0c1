import { readFileSync, writeFileSync } from 'node:fs';
import { JmesError } from '../../../src/checks/policy/kyverno/jmespath/error.ts';
import { compileQuery } from '../../../src/checks/policy/kyverno/jmespath/query.ts';
import { goJson } from '../../../src/checks/policy/kyverno/jmespath/value.ts';
import type { JsonValue } from '../../../src/core/json.ts';
import { randomRoot } from './random-queries.ts';

/** A query, and the JSON of what it finds; no JSON where it fails. `missing` names the key that it does not know. */
export type RecordedQuery = readonly [query: string, json: string | null, missing?: string];

const file = new URL('../../checks/policy/kyverno/jmespath/recorded.json', import.meta.url);

export function readRecord(): readonly RecordedQuery[] {
  return JSON.parse(readFileSync(file, 'utf8')) as readonly RecordedQuery[];
}

export function writeRecord(record: readonly RecordedQuery[]): void {
  writeFileSync(file, `[\n${record.map((row) => JSON.stringify(row)).join(',\n')}\n]\n`);
}

const root = withInts(randomRoot);
const ports = { now: 0, random: () => 0 };

/**
 * What is wrong with our answer to a recorded query; undefined where it is the same. Where Kyverno fails, so must we.
 * Where it does not, and we refuse the query itself, that is `refused`: we refuse calls that fail whenever they are
 * reached, and a few texts that its parser takes by accident, and what is
 * known not to be read in the same way.
 */
export function differenceFrom([query, json, missing]: RecordedQuery): string | 'refused' | undefined {
  try {
    const found = goJson(compileQuery(query).search(root, ports));
    return found === (json ?? undefined) ? undefined : `${query}: ${found}, and not ${json ?? 'an error'}`;
  } catch (error) {
    if (!(error instanceof JmesError)) return `${query}: ${String(error)}`;
    if (error.offset !== undefined) return json === null ? undefined : 'refused';
    if (json !== null) return error.kind === 'unsupported' ? 'refused' : `${query}: ${error.message}, and not ${json}`;
    if (missing === undefined)
      return error.kind === 'not-found' ? `${query}: a missing key, and not an error` : undefined;
    return error.message === `Unknown key "${missing}" in path`
      ? undefined
      : `${query}: not the missing key ${missing}`;
  }
}

function withInts(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(withInts);
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  const entries = Object.entries(value);
  if (entries.length === 1 && entries[0]?.[0] === '$int') return BigInt(entries[0][1] as number);
  return Object.fromEntries(entries.map(([key, one]) => [key, withInts(one)]));
}
