import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  fingerprint,
  mutantsOf,
  type PolicyCase,
  policyCases,
  syncgateVerdicts,
} from '../../../support/kyverno/cases.ts';
import { digestOf } from '../../../support/kyverno/compare.ts';
import { languageFolder, languageMutants, languageRecord } from '../../../support/kyverno/language.ts';
import type { PolicyRecord } from '../../../support/kyverno/record.ts';

const records = JSON.parse(readFileSync(languageRecord, 'utf8')) as readonly PolicyRecord[];
const cases = policyCases(languageFolder);

it('has a record of every policy', () => {
  expect(records.map(({ policy }) => policy)).toEqual(cases.map(({ file }) => file));
  expect(records.flatMap(({ verdicts }) => verdicts.flat()).length).toBeGreaterThan(1_000);
});

it.each(records.map((record) => [record.policy, record] as const))('says of %s what Kyverno says', (file, record) => {
  const policy = cases.find((each) => each.file === file) as PolicyCase;
  const mutants = mutantsOf(policy, 0, policy.objects.length + languageMutants);
  const objects = mutants.map(({ object }) => object);
  expect(fingerprint(objects)).toBe(record.fingerprint);
  const said = syncgateVerdicts(policy, objects).map((verdicts, i) => {
    const recorded = record.verdicts[i];
    // Kyverno itself says now this, now that.
    if (recorded === null) return null;
    return verdicts.map(({ rule, status, message }, j) => {
      const isSteady = (recorded?.[j]?.[2] ?? '') !== '';
      return [rule, status, isSteady ? digestOf(message) : ''];
    });
  });
  expect(said).toEqual(record.verdicts);
});
