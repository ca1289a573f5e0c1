import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatGoDuration, parseGoDuration } from '../../../../src/checks/policy/values/go-duration.ts';

describe('durations of Go', () => {
  it.each([
    ['0', 0n, '0s'],
    ['-0', 0n, '0s'],
    ['0s', 0n, '0s'],
    ['1ns', 1n, '1ns'],
    ['1.5us', 1_500n, '1.5\u00b5s'],
    ['2\u00b5s', 2_000n, '2\u00b5s'],
    ['2\u03bcs', 2_000n, '2\u00b5s'],
    ['1500ms', 1_500_000_000n, '1.5s'],
    ['.5s', 500_000_000n, '500ms'],
    ['5.s', 5_000_000_000n, '5s'],
    ['90s', 90_000_000_000n, '1m30s'],
    ['+1h', 3_600_000_000_000n, '1h0m0s'],
    ['-1.5h', -5_400_000_000_000n, '-1h30m0s'],
    ['1h1h', 7_200_000_000_000n, '2h0m0s'],
    ['100h30m1ms', 361_800_001_000_000n, '100h30m0.001s'],
    ['0.100000000000000000000h', 360_000_000_000n, '6m0s'],
    ['0.3333333333333333333h', 1_200_000_000_000n, '20m0s'],
    ['9223372036854775807ns', 9_223_372_036_854_775_807n, '2562047h47m16.854775807s'],
    ['-9223372036854775808ns', -9_223_372_036_854_775_808n, '-2562047h47m16.854775808s'],
    ['00000000000000000000000001s', 1_000_000_000n, '1s'],
  ])('%s is %d nanoseconds, printed %s', (text, nanoseconds, printed) => {
    expect(parseGoDuration(text)).toBe(nanoseconds);
    expect(formatGoDuration(nanoseconds)).toBe(printed);
  });

  it.each([
    '',
    '+',
    '-',
    '1',
    '1.5',
    's',
    '.s',
    '-.s',
    '1 s',
    ' 1s',
    '1s ',
    '1d',
    '1S',
    '1e3s',
    '--1s',
    '00',
    '1h-1m',
    '9223372036854775808ns',
    '-9223372036854775809ns',
    '2562048h',
    '99999999999999999999s',
    '1.1.1s',
    '1Mi',
  ])('%j is no duration', (text) => {
    expect(parseGoDuration(text)).toBeUndefined();
  });

  it('reads what it prints', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (nanoseconds) => {
        // Fractions of the largest numbers go through float64 in Go as well: only short ones come back exactly.
        const whole = (nanoseconds / 1_000_000_000n) * 1_000_000_000n;
        expect(parseGoDuration(formatGoDuration(whole))).toBe(whole);
      }),
    );
  });

  it('takes no time over a number of a megabyte', () => {
    expect(parseGoDuration(`${'9'.repeat(1_000_000)}s`)).toBeUndefined();
    expect(parseGoDuration(`0.${'1'.repeat(1_000_000)}s`)).toBe(111_111_111n);
  });
});
