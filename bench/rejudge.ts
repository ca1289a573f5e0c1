/** (o) What was let out, judged again after a rule has changed: 300 sources of 30 objects under 150 policies. */
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { suiteFolder, suitesAbsent } from '../test/support/suites.ts';
import { writePolicies } from './kyverno.ts';
import { peakMemory } from './measure.ts';
import { alignedText } from './table.ts';

/** As the shipped StatefulSet starts it. */
const flags = ['--max-semi-space-size=8'];
const objects = 30;
const policies = 150;

interface Measured {
  readonly runs: readonly { readonly ms: number; readonly verdicts: Readonly<Record<string, number>> }[];
}

export async function benchRejudge(scratch: string, quick: boolean): Promise<string> {
  if (suiteFolder('kyverno-policies') === undefined) return `(o) ${suitesAbsent}\n`;
  const sources = quick ? 30 : 300;
  writePolicies(scratch, 'ClusterPolicy', policies);
  mkdirSync(join(scratch, 'gates'));
  const spec = { namespaces: { names: ['*'] }, policies: [{ path: '../policies' }], images: 'unchecked' };
  const gate = { apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'bench' }, spec };
  writeFileSync(join(scratch, 'gates/bench.yaml'), `${JSON.stringify(gate)}\n`);
  const child = join(import.meta.dirname, 'rejudging.ts');
  const aim = (reached: boolean, text: string) => `${text} ${reached ? 'reached' : 'MISSED'}`;
  const second = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const args = [...flags, child, scratch, String(sources), String(objects)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 600_000 });
  const { runs } = JSON.parse(stdout) as Measured;
  const memory = await peakMemory({ argv: [process.execPath, ...args] });
  const [least = 0, median = 0, most = 0] = runs.map(({ ms }) => ms).sort((a, b) => a - b);
  const rows = [
    ['all of them', second(median), `${second(least)}–${second(most)}`, aim(median <= 60_000, '≤ 60 s')],
    ['memory', `${Math.round(memory)} MiB`, '', aim(memory <= 300, '≤ 300 MiB')],
  ];
  return [
    `(o) ${sources} sources × ${objects} objects × ${policies} policies judged again after a rule changed, ${JSON.stringify(runs[0]?.verdicts)}`,
    alignedText([['', 'median', 'spread', 'aim'], ...rows]),
    '',
  ].join('\n');
}
