/**
 * `node scripts/kyverno-functions.ts [--count N] [--seed S] [--record]`: puts random patterns, conditions and Pods to
 * Kyverno's own functions and to ours, and prints where they differ. It exits with 1 if they do. `--record` writes
 * Kyverno's answers where the tests read them.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import {
  type FunctionAnswer,
  functionDifference,
  type RecordedQuestion,
  writeFunctionRecord,
} from '../test/support/kyverno/function-record.ts';
import { randomQuestion } from '../test/support/kyverno/random-questions.ts';
import { tool } from '../test/support/tools/resolve.ts';

const { values: options } = parseArgs({
  options: {
    count: { type: 'string', default: '30000' },
    seed: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false },
  },
});

const from = Number(options.seed) * 10_000_000;
const kinds = ['pattern', 'pattern', 'operator', 'operator', 'pod'] as const;
const questions = Array.from({ length: Number(options.count) }, (_, at) =>
  randomQuestion(kinds[at % kinds.length] ?? 'pod', from + at),
);
const input = questions.map((question) => JSON.stringify(question)).join('\n');
const { status, stdout, stderr } = spawnSync(await tool('kyverno-functions'), { input, maxBuffer: 2 ** 30 });
if (status !== 0) throw new Error(stderr.toString());
const answers = stdout.toString().trimEnd().split('\n');
const record = questions.map((question, at): RecordedQuestion => {
  return [question, JSON.parse(answers[at] ?? '') as FunctionAnswer];
});
const differences = record.map(functionDifference).filter((one) => one !== undefined);
for (const difference of differences) process.stdout.write(`${difference}\n`);
process.stdout.write(`${record.length} questions, ${differences.length} differ\n`);
if (options.record) writeFunctionRecord(record);
if (differences.length > 0) process.exitCode = 1;
