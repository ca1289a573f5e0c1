import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isFilter, rowsIn, unmatchedError } from '../../../../src/checks/policy/testing/unmatched.ts';
import { readDocuments } from '../../../support/kyverno/cases.ts';

const rows = [
  { policy: 'require-team', rule: 'team-label', resources: ['web'], result: 'pass' as const },
  { policy: 'limits', rule: 'memory', resourceSpecs: [{ name: 'worker' }], result: 'fail' as const },
];
const none = { policy: undefined, rule: undefined, resource: undefined };

describe('a filter that takes no row', () => {
  it.each<[object, string]>([
    [{ rule: 'nosuch' }, 'no row matches --rule nosuch'],
    [{ rule: 'team-labl' }, 'no row matches --rule team-labl; did you mean team-label?'],
    [{ policy: 'x*' }, 'no row matches --policy x*'],
    [{ policy: 'require-taem' }, 'no row matches --policy require-taem; did you mean require-team?'],
    [{ resource: 'wroker' }, 'no row matches --resource wroker; did you mean worker?'],
    [{ policy: 'limits', rule: 'memroy' }, 'no row matches --rule memroy; did you mean memory?'],
    [
      { policy: 'limit', rule: 'memroy' },
      'no row matches --policy limit --rule memroy; did you mean limits and memory?',
    ],
    [{ policy: 'limits', rule: 'team-label' }, 'no row matches --policy limits --rule team-label together'],
  ])('%j', (filter, message) => {
    const error = unmatchedError({ ...none, ...filter }, rows);
    expect([error.code, error.message]).toEqual(['USAGE', message]);
  });

  it('has no name to propose where there is no row', () => {
    expect(unmatchedError({ ...none, rule: 'a' }, []).message).toBe('no row matches --rule a');
  });

  it('is one only if something is asked for', () => {
    expect([isFilter(none), isFilter({ ...none, rule: '*' })]).toEqual([false, true]);
  });
});

describe('the rows of a file', () => {
  it.each([
    ['{results: [{policy: a, result: pass}]}\n---\n{results: [{policy: b, result: fail}]}', ['a', 'b']],
    ['policies: []', []],
    ['results: [', []],
    ['results: 1', []],
  ])('%j', (text, policies) => {
    const folder = mkdtempSync(join(tmpdir(), 'unmatched-'));
    try {
      const file = join(folder, 'kyverno-test.yaml');
      writeFileSync(file, text);
      expect(rowsIn(file, readDocuments).map(({ policy }) => policy)).toEqual(policies);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
