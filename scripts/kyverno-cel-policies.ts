/** `node scripts/kyverno-cel-policies.ts`: records what the real `kyverno apply` says of the policies in CEL that tests judge by. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { celRecords, celVerdictKey } from '../test/support/kyverno/cel-record.ts';
import { tool } from '../test/support/tools/resolve.ts';

interface Report {
  readonly results: readonly {
    readonly policy: string;
    readonly result: string;
    readonly message?: string;
    readonly resources: readonly { readonly kind: string; readonly name?: string }[];
  }[];
}

const file = (name: string) => join(celRecords, name);
const options = [
  '--exceptions',
  file('exceptions.yaml'),
  '--policy-report',
  '--output-format',
  'json',
  '--remove-color',
];
const args = ['apply', file('policies.yaml'), '--resource', file('objects.yaml'), ...options];
const { stdout } = await promisify(execFile)(await tool('kyverno'), args, { maxBuffer: 1 << 28 }).catch(
  (error: { readonly stdout: string }) => error,
);
const report = JSON.parse(stdout.slice(stdout.search(/^\{/m))) as Report;
const verdicts = report.results.flatMap(({ policy, result, message = '', resources }) =>
  resources.map(({ kind, name = '' }) => [celVerdictKey(policy, kind, name), `${result} ${message}`] as const),
);
verdicts.sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(file('verdicts.json'), `${JSON.stringify(Object.fromEntries(verdicts), undefined, 2)}\n`);
process.stdout.write(`${verdicts.length} verdicts\n`);
