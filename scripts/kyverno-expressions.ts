/**
 * `node scripts/kyverno-expressions.ts`: puts each expression of `test/support/cel/expressions.txt` to the real `kyverno
 * apply` as a ValidatingPolicy of its own, and writes what it says where the tests read it.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RecordedProbe, writeProbes } from '../test/support/cel/kyverno-record.ts';
import { EXPRESSIONS, kyvernoProbe, probeObject } from '../test/support/cel/probes.ts';
import { tool } from '../test/support/tools/resolve.ts';

interface Report {
  readonly results?: readonly { readonly policy: string; readonly result: string; readonly message?: string }[];
}

/** So many policies are put to one process. One that cannot be compiled fails it, and is taken out by its name. */
const BATCH = 25;
const program = await tool('kyverno');
const folder = mkdtempSync(join(tmpdir(), 'kyverno-'));
const found = new Map<number, RecordedProbe>();
try {
  const numbers = EXPRESSIONS.map((_, number) => number);
  const batches = Array.from({ length: Math.ceil(numbers.length / BATCH) }, (_, i) =>
    numbers.slice(i * BATCH, (i + 1) * BATCH),
  );
  await Promise.all(
    [0, 1].map(async () => {
      for (let batch = batches.pop(); batch !== undefined; batch = batches.pop()) {
        await ask(batch);
        process.stderr.write(`${found.size} of ${numbers.length}\n`);
      }
    }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
writeProbes(EXPRESSIONS.map((_, number) => found.get(number) as RecordedProbe));

async function ask(numbers: readonly number[]): Promise<void> {
  let left = numbers;
  while (left.length > 0) {
    const output = await apply(left);
    const refused = /failed to compile policy probe-([0-9]+) .*?(ERROR: [^\n]*|error: [^\n]*)/s.exec(output);
    if (refused === null && left.length > 1 && !output.includes('{\n')) {
      // One of them made it end without a word.
      const half = left.length >> 1;
      await ask(left.slice(0, half));
      return ask(left.slice(half));
    }
    if (refused === null) return read(output, left);
    const number = Number(refused[1]);
    const words = (refused[2] ?? '').replace(/^ERROR: <input>:[0-9]+:[0-9]+: /, '');
    found.set(number, { expression: EXPRESSIONS[number] ?? '', refused: words });
    left = left.filter((each) => each !== number);
  }
}

function read(output: string, numbers: readonly number[]): void {
  const start = output.search(/^\{/m);
  if (start < 0 && numbers.length === 1) {
    const [number = 0] = numbers;
    found.set(number, { expression: EXPRESSIONS[number] ?? '', status: 'silent', message: output.trim() });
    return;
  }
  if (start < 0) throw new Error(`kyverno gave no report:\n${output.slice(-2000)}`);
  const { results = [] } = JSON.parse(output.slice(start)) as Report;
  for (const number of numbers) {
    const result = results.find(({ policy }) => policy === `probe-${number}`);
    if (result === undefined) throw new Error(`kyverno says nothing of ${EXPRESSIONS[number]}`);
    const { result: status, message = '' } = result;
    found.set(number, { expression: EXPRESSIONS[number] ?? '', status, message });
  }
}

function apply(numbers: readonly number[]): Promise<string> {
  const policies = join(folder, `policies-${numbers[0]}.yaml`);
  const resource = join(folder, `resource-${numbers[0]}.yaml`);
  writeFileSync(policies, numbers.map((number) => JSON.stringify(kyvernoProbe(number))).join('\n---\n'));
  writeFileSync(resource, JSON.stringify(probeObject(0)));
  const args = [
    'apply',
    policies,
    '--resource',
    resource,
    '--policy-report',
    '--output-format',
    'json',
    '--remove-color',
  ];
  return new Promise((done) => {
    execFile(program, args, { maxBuffer: 1 << 28, env: { HOME: folder, PATH: '' } }, (_error, stdout, stderr) =>
      done(stdout + stderr),
    );
  });
}
