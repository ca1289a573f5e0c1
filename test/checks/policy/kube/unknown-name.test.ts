import { describe, expect, it } from 'vitest';
import { fitsMadeUpName, fitsOne } from '../../../../src/checks/policy/kube/unknown-name.ts';

describe('a pattern for a name of which only the beginning is known', () => {
  it.each([
    ['*', 'web-', 'yes'],
    ['web*', 'web-', 'yes'],
    ['web-*', 'web-', 'yes'],
    ['web-?*', 'web-', 'yes'],
    ['w?b-*?', 'web-', 'yes'],
    ['*b-*', 'web-', 'yes'],
    ['web-??*', 'web-', 'unknown'],
    ['web-0', 'web-', 'unknown'],
    ['web-*-*', 'web-', 'unknown'],
    ['*-0', 'web-', 'unknown'],
    ['*?-0*', 'a-', 'unknown'],
    ['web', 'web-', 'no'],
    ['web-', 'web-', 'no'],
    ['db-*', 'web-', 'no'],
    ['', 'web-', 'no'],
    ['web-x*', 'web-y', 'no'],
    ['\u{1f600}*', '\u{1f600}-', 'yes'],
  ])('%j and %j…: %s', (pattern, prefix, answer) => expect(fitsMadeUpName(pattern, prefix)).toBe(answer));

  it('of several is enough', () => {
    expect(fitsOne(['a', 'web-*'], 'web-')).toBe('yes');
    expect(fitsOne(['a', 'web-0'], 'web-')).toBe('unknown');
    expect(fitsOne(['a', 'b'], 'web-')).toBe('no');
  });

  it('of many stars ends', () => {
    expect(fitsMadeUpName('*a'.repeat(5000), 'a'.repeat(58))).toBe('unknown');
  });
});
