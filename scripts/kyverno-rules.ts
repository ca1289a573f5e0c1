/**
 * `node scripts/kyverno-rules.ts [--policies N] [--rules N] [--objects N] [--seed S] [--record]`: asks the real `kyverno
 * apply` and syncgate about random rules of ClusterPolicies over mutants of workloads, and prints where they disagree. It
 * exits with 1 if they do. `--record` writes Kyverno's verdicts where the tests read them.
 */
import { parseArgs } from 'node:util';
import { syncgateVerdicts } from '../test/support/kyverno/cases.ts';
import { kyvernoVerdicts } from '../test/support/kyverno/cli.ts';
import { randomRules } from '../test/support/kyverno/random-rules.ts';
import {
  keptVerdicts,
  type RuleRecord,
  ruleDifferences,
  ruleMutants,
  writeRuleRecord,
} from '../test/support/kyverno/rule-record.ts';

const { values: options } = parseArgs({
  options: {
    policies: { type: 'string', default: '10' },
    rules: { type: 'string', default: '60' },
    objects: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false },
  },
});
const rules = Number(options.rules);
const records: RuleRecord[] = [];
const tally = { verdicts: 0, differences: 0 };
for (let i = 0; i < Number(options.policies); i++) {
  const seed = Number(options.seed) * 1000 + i;
  const policy = randomRules(seed, rules);
  const objects = ruleMutants(seed, rules, Number(options.objects)).map(({ object }) => object);
  const theirs = await kyvernoVerdicts(policy, objects);
  const ours = syncgateVerdicts(policy, objects);
  for (const [at, verdicts] of theirs.entries()) {
    tally.verdicts += verdicts.length;
    for (const difference of ruleDifferences(verdicts, ours[at] ?? [])) {
      tally.differences += 1;
      process.stdout.write(`${policy.name} object ${at}, ${difference}\n`);
    }
  }
  records.push({ seed, rules, verdicts: theirs.map(keptVerdicts) });
}
process.stdout.write(`${tally.verdicts} verdicts, ${tally.differences} differ\n`);
if (options.record) writeRuleRecord(records);
if (tally.differences > 0) process.exitCode = 1;
