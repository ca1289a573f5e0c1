/**
 * `node scripts/kyverno-language.ts`: asks the real `kyverno apply` about policies that use every part of the language,
 * over a few objects and mutants of them, and writes what it says where the tests read it.
 */
import { writeFileSync } from 'node:fs';
import { mutantsOf, policyCases } from '../test/support/kyverno/cases.ts';
import { kyvernoVerdicts } from '../test/support/kyverno/cli.ts';
import { languageFolder, languageMutants, languageRecord } from '../test/support/kyverno/language.ts';
import { recordOf } from '../test/support/kyverno/record.ts';

const records = [];
for (const policy of policyCases(languageFolder)) {
  const mutants = mutantsOf(policy, 0, policy.objects.length + languageMutants);
  const objects = mutants.map(({ object }) => object);
  const answers = [];
  for (let i = 0; i < 3; i += 1) answers.push(await kyvernoVerdicts(policy, objects));
  const record = recordOf(policy, mutants, answers);
  process.stdout.write(`${policy.name}: ${record.verdicts.flat().length} verdicts of ${objects.length} objects\n`);
  records.push(record);
}
writeFileSync(languageRecord, `[\n${records.map((record) => JSON.stringify(record)).join(',\n')}\n]\n`);
