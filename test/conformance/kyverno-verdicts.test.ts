import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fingerprint, policyCases, syncgateVerdicts } from '../support/kyverno/cases.ts';
import { digestOf, listedDifferences } from '../support/kyverno/compare.ts';
import { type PolicyRecord, type RecordedVerdict, recordedMutants, recordFile } from '../support/kyverno/record.ts';
import { suiteFolder, suitesAbsent } from '../support/suites.ts';

/**
 * What the real Kyverno said of mutants of the objects of its own policies' tests (scripts/kyverno-differential.ts
 * --record): the same verdicts here, and of failures the same messages.
 */

const records = readFileSync(recordFile, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as PolicyRecord);
const listed = listedDifferences();
const suite = suiteFolder('kyverno-policies');

if (suite === undefined) it.skip(`kyverno-policies: ${suitesAbsent}`);
else
  describe('verdicts that Kyverno gave', () => {
    const cases = new Map(policyCases(suite).map((policy) => [policy.file, policy]));

    it('are more than a thousand, of every status', () => {
      const verdicts = records.flatMap((record) => record.verdicts.map((each) => each ?? []));
      expect(verdicts.length).toBeGreaterThan(1000);
      const statuses = verdicts.flat().map(([, status]) => status);
      for (const status of ['pass', 'fail', 'error', 'skip']) expect(statuses).toContain(status);
    });

    it.each(records)('$policy', ({ policy: file, fingerprint: print, verdicts }) => {
      const policy = cases.get(file);
      if (policy === undefined) throw new Error(`the suite has no ${file}`);
      const mutants = recordedMutants(policy);
      const objects = mutants.map(({ object }) => object);
      expect(fingerprint(objects), 'the suite is another one than was asked about').toBe(print);
      const hasRules = policy.kind === 'ClusterPolicy' || policy.kind === 'Policy';
      for (const [i, ours] of syncgateVerdicts(policy, objects).entries()) {
        const theirs = verdicts[i] ?? null;
        if (theirs === null || listed.has(`${file} ${mutants[i]?.number}`)) continue;
        // A message that Kyverno varies is not compared.
        const steady = theirs.every(([, status, message]) => status !== 'fail' || message !== '');
        const plain = (all: readonly RecordedVerdict[]) =>
          all.map(([rule, status, message]) => `${hasRules ? rule : ''} ${status} ${steady ? message : ''}`).sort();
        const said = ours.map(
          ({ rule, status, message }): RecordedVerdict => [rule, status, status === 'fail' ? digestOf(message) : ''],
        );
        expect(plain(said), JSON.stringify(objects[i])).toEqual(plain(theirs));
      }
    });
  });
