/**
 * `node scripts/kyverno-queries.ts [--count N] [--seed S] [--record]`: puts random queries of JMESPath to Kyverno's own
 * engine and to ours, and prints where they differ. It exits with 1 if they do. `--record` writes Kyverno's answers where
 * the tests read them.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { goJson } from '../src/checks/policy/kyverno/jmespath/value.ts';
import type { JsonValue } from '../src/core/json.ts';
import { differenceFrom, type RecordedQuery, writeRecord } from '../test/support/kyverno/query-record.ts';
import { randomQuery, randomRoot } from '../test/support/kyverno/random-queries.ts';
import { tool } from '../test/support/tools/resolve.ts';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false },
  },
});

interface Answer {
  readonly value?: JsonValue;
  readonly error?: string;
}

const from = Number(options.seed) * 10_000_000;
const queries = [...new Set(Array.from({ length: Number(options.count) }, (_, at) => randomQuery(from + at)))];
const program = await tool('kyverno-queries');
const [first, second] = [ask(), ask()];
// Go goes through the keys of an object in a random order: what it does not answer twice alike says nothing.
const record = queries.flatMap((query, at) => (first[at] === second[at] ? [recorded(query, first[at] ?? '')] : []));
const differences = record.map(differenceFrom).filter((one) => one !== undefined);
const refused = differences.filter((one) => one === 'refused').length;
for (const difference of differences) if (difference !== 'refused') process.stdout.write(`${difference}\n`);
process.stdout.write(`${record.length} queries, ${differences.length - refused} differ, ${refused} refused\n`);
if (options.record) writeRecord(record);
if (differences.length > refused) process.exitCode = 1;

function ask(): readonly string[] {
  const input = queries.map((query) => JSON.stringify({ query, root: randomRoot })).join('\n');
  const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 2 ** 30 });
  if (status !== 0) throw new Error(stderr.toString());
  return stdout.toString().trimEnd().split('\n');
}

function recorded(query: string, line: string): RecordedQuery {
  const answer = JSON.parse(line) as Answer;
  if (answer.value !== undefined) return [query, goJson(answer.value) ?? null];
  const missing = /^Unknown key "(.*)" in path$/s.exec(answer.error ?? '')?.[1];
  return missing === undefined ? [query, null] : [query, null, missing];
}
