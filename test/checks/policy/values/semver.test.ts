import { describe, expect, it } from 'vitest';
import {
  compareSemver,
  formatSemver,
  parseSemver,
  parseSemverTolerantly,
  type Semver,
  semverRange,
} from '../../../../src/checks/policy/values/semver.ts';

function version(text: string): Semver {
  const parsed = parseSemver(text);
  if (parsed === undefined) throw new Error(`${text} is no version`);
  return parsed;
}

describe('reading versions', () => {
  it.each(['0.0.0', '1.2.3', '1.2.3-rc.1', '1.2.3-0.a.-', '1.2.3+b.01', '1.2.3-a+b-c', '18446744073709551615.0.0'])(
    'reads %s',
    (text) => {
      expect(formatSemver(version(text))).toBe(text);
    },
  );

  it.each([
    '',
    '1',
    '1.2',
    'v1.2.3',
    '01.2.3',
    '1.2.3-',
    '1.2.3-01',
    '1.2.3+',
    '1.2.3-a..b',
    '1.2.x',
    ' 1.2.3',
    '1.2.3 ',
    '1.2.3-é',
    '18446744073709551616.0.0',
    '-1.0.0',
  ])('refuses %j', (text) => {
    expect(parseSemver(text)).toBeUndefined();
  });

  it.each([
    ['v1', '1.0.0'],
    ['v01.02', '1.2.0'],
    ['1.2.003', '1.2.3'],
    ['00.00.00', '0.0.0'],
    ['1.2.3-rc', '1.2.3-rc'],
  ])('reads %s tolerantly as %s', (text, printed) => {
    const parsed = parseSemverTolerantly(text);
    expect(parsed && formatSemver(parsed)).toBe(printed);
  });

  it.each(['', 'vv1', '1-rc', '1.2+b', ' 1.2.3', 'x'])('refuses %j even tolerantly', (text) => {
    expect(parseSemverTolerantly(text)).toBeUndefined();
  });
});

it('orders versions by precedence', () => {
  const ordered = [
    '1.0.0-0',
    '1.0.0-2',
    '1.0.0-10',
    '1.0.0-a',
    '1.0.0-a.1',
    '1.0.0-b',
    '1.0.0',
    '1.0.1',
    '1.10.0',
    '2.0.0',
  ];
  for (const [i, a] of ordered.entries()) {
    for (const [j, b] of ordered.entries()) expect(compareSemver(version(a), version(b))).toBe(Math.sign(i - j));
  }
  expect(compareSemver(version('1.0.0+a'), version('1.0.0+b'))).toBe(0);
});

describe('ranges', () => {
  it.each([
    ['1.2.3', '1.2.3', true],
    ['=1.2.3', '1.2.4', false],
    ['>=1.0.0 <2.0.0', '1.9.9', true],
    ['>= 1.0.0 < 2.0.0', '2.0.0', false],
    ['<1.0.0 || >=2.0.0', '1.5.0', false],
    ['<1.0.0 || >=2.0.0', '2.0.0', true],
    ['!1.0.0', '1.0.0', false],
    ['1.x', '1.7.3', true],
    ['1.2.x', '1.3.0', false],
    ['>1.x', '1.9.9', false],
    ['<=1.2.x', '1.2.9', true],
    ['!=1.x', '2.0.0', false],
    ['>1.0.0-rc.1', '1.0.0-rc.2', true],
  ])('%s holds of %s: %s', (range, text, holds) => {
    expect(semverRange(range)?.(version(text))).toBe(holds);
  });

  it.each(['', '||', '1.0.0 ||', '|| 1.0.0', '1.0.0 || || 2.0.0', '>', '1.0', '^1.0.0', '1.0.0||2.0.0', '>=é1.0.0'])(
    'refuses %j',
    (range) => {
      expect(semverRange(range)).toBeUndefined();
    },
  );
});
