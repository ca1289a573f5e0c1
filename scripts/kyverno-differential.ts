/**
 * `node scripts/kyverno-differential.ts [--pairs N] [--only TEXT] [--suite FOLDER] [--keep FOLDER] [--record]`: asks
 * the real `kyverno apply` and syncgate about mutants of the objects of a suite of `kyverno test` (the public policies of
 * Kyverno, unless another is named), and prints where they disagree. It exits
 * with 1 if they do. `--keep` leaves Kyverno's answers in a folder, to be read the next time. `--record` writes a part of
 * them where the tests read it.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { JsonObject } from '../src/core/json.ts';
import {
  fingerprint,
  mutantsOf,
  type PolicyCase,
  policyCases,
  syncgateVerdicts,
  type Verdict,
} from '../test/support/kyverno/cases.ts';
import { kyvernoVerdicts } from '../test/support/kyverno/cli.ts';
import { disagreement, listedDifferences } from '../test/support/kyverno/compare.ts';
import { type PolicyRecord, recordedMutants, recordFile, recordOf } from '../test/support/kyverno/record.ts';
import { suiteFolder, suitesAbsent } from '../test/support/suites.ts';

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '20000' },
    only: { type: 'string', default: '' },
    suite: { type: 'string', default: suiteFolder('kyverno-policies') ?? '' },
    keep: { type: 'string' },
    record: { type: 'boolean', default: false },
    'no-compare': { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const { suite } = options;
if (suite === '') throw new Error(suitesAbsent);

const cases = policyCases(suite).filter(({ file, objects }) => file.includes(options.only) && objects.length > 0);
const each = Math.ceil(Number(options.pairs) / policyCases(suite).length);
const tally = { pairs: 0, verdicts: 0, messages: 0, refused: 0, listed: 0, varying: 0 };
const listed = listedDifferences();
const records: PolicyRecord[] = [];
for (const policy of cases) {
  const mutants = mutantsOf(policy, 0, each);
  const objects = mutants.map(({ object }) => object);
  const kyverno = await answers(policy, objects);
  if (kyverno === undefined) continue;
  if (options.record) records.push(await record(policy));
  if (options['no-compare']) continue;
  tally.pairs += objects.length;
  let syncgate: Verdict[][];
  try {
    syncgate = syncgateVerdicts(policy, objects);
  } catch (error) {
    tally.refused += objects.length;
    print(`${policy.file}: refused: ${(error as Error).message}`);
    continue;
  }
  let shown = 0;
  const differing = objects.flatMap((_, i) =>
    disagreement(policy, kyverno[i] ?? [], syncgate[i] ?? []) && !listed.has(`${policy.file} ${i}`) ? [i] : [],
  );
  tally.listed += objects.filter((_, i) => listed.has(`${policy.file} ${i}`)).length;
  const varying = await varies(policy, differing, objects, syncgate);
  tally.varying += varying.size;
  for (const i of differing) {
    const found = disagreement(policy, kyverno[i] ?? [], syncgate[i] ?? []);
    if (found === undefined || varying.has(i)) continue;
    tally[found.about === 'verdict' ? 'verdicts' : 'messages'] += 1;
    shown += 1;
    if (shown > 3 && !options.verbose) continue;
    print(`${policy.file} mutant ${i}, ${found.about}\n  kyverno:  ${found.kyverno}\n  syncgate: ${found.syncgate}`);
    if (options.verbose) print(`  ${JSON.stringify(objects[i])}`);
  }
  if (shown > 0) print(`${policy.file}: ${shown} of ${objects.length} differ`);
}
if (options.record) writeFileSync(recordFile, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
const { pairs, verdicts, messages, refused } = tally;
print(
  `${tally.listed} objects are listed with the reason for a difference; of ${tally.varying} Kyverno itself says now this, now that`,
);
print(`${pairs} pairs: ${verdicts} verdicts and ${messages} messages differ, ${refused} pairs of refused policies`);
process.exitCode = verdicts + messages + refused > 0 ? 1 : 0;

/** Asked three times, so that what varies is not kept. */
async function record(policy: PolicyCase): Promise<PolicyRecord> {
  const mutants = recordedMutants(policy);
  const objects = mutants.map(({ object }) => object);
  const asked = [];
  for (let i = 0; i < 3; i++) asked.push(await kyvernoVerdicts(policy, objects));
  return recordOf(policy, mutants, asked);
}

/** Those of the objects about which Kyverno, asked again, says what syncgate says: its maps have no order. */
async function varies(
  policy: PolicyCase,
  differing: readonly number[],
  objects: readonly JsonObject[],
  syncgate: readonly Verdict[][],
): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  for (let round = 0; round < 8; round++) {
    const left = differing.filter((i) => !found.has(i));
    if (left.length === 0) break;
    const again = await kyvernoVerdicts(
      policy,
      left.map((i) => objects[i] as JsonObject),
    );
    for (const [at, i] of left.entries()) {
      if (disagreement(policy, again[at] ?? [], syncgate[i] ?? []) === undefined) found.add(i);
    }
  }
  return found;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Undefined where Kyverno itself gives up on the policy. */
async function answers(
  policy: PolicyCase,
  objects: Parameters<typeof fingerprint>[0],
): Promise<Verdict[][] | undefined> {
  const kept = options.keep && join(options.keep, `${policy.file.replaceAll('/', '__')}-${fingerprint(objects)}.json`);
  if (kept && existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as Verdict[][];
  try {
    const found = await kyvernoVerdicts(policy, objects);
    if (kept && options.keep) {
      mkdirSync(options.keep, { recursive: true });
      writeFileSync(kept, JSON.stringify(found));
    }
    return found;
  } catch (error) {
    print(`${policy.file}: ${(error as Error).message.slice(0, 600)}`);
    return undefined;
  }
}
