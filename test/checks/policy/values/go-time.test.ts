import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addToTime,
  durationBetween,
  formatGoTime,
  parseGoTime,
  rfc3339,
  truncateTime,
  utcTime,
} from '../../../../src/checks/policy/values/go-time.ts';

const whole = 'Monday 2006-01-02T15:04:05.000000000Z07:00 MST __2';

describe('times of Go', () => {
  it.each([
    [rfc3339, '2021-01-02T15:04:05Z', 'Saturday 2021-01-02T15:04:05.000000000Z UTC   2'],
    [rfc3339, '2021-01-02T15:04:05-07:00', 'Saturday 2021-01-02T15:04:05.000000000-07:00 -0700   2'],
    [rfc3339, '2021-01-02T15:04:05.12345Z', 'Saturday 2021-01-02T15:04:05.123450000Z UTC   2'],
    [rfc3339, '2021-01-02T15:04:05,5+00:00', 'Saturday 2021-01-02T15:04:05.500000000Z UTC   2'],
    [rfc3339, '2021-01-02T5:04:05Z', 'Saturday 2021-01-02T05:04:05.000000000Z UTC   2'],
    [rfc3339, '2024-02-29T00:00:00+24:60', 'Thursday 2024-02-29T00:00:00.000000000+25:00 +2500  60'],
    ['Mon Jan _2 15:04:05 MST 2006', 'Thu Feb  4 21:00:57 PST 2010', 'Thursday 2010-02-04T21:00:57.000000000Z PST  35'],
    [
      'Mon Jan _2 15:04:05 MST 2006',
      'THU feb 4 21:00:57 GMT-3 2010',
      'Thursday 2010-02-04T18:00:57.000000000-03:00 GMT-3  35',
    ],
    ['02 Jan 06 15:04 -0700', '04 Feb 10 21:00 -0800', 'Thursday 2010-02-04T21:00:00.000000000-08:00 -0800  35'],
    [
      'Monday, 02-Jan-06 15:04:05 MST',
      'Thursday, 04-Feb-69 21:00:57 UTC',
      'Tuesday 1969-02-04T21:00:57.000000000Z UTC  35',
    ],
    ['3:04PM', '12:00AM', 'Saturday 0000-01-01T00:00:00.000000000Z UTC   1'],
    ['3:04pm', '1:30pm', 'Saturday 0000-01-01T13:30:00.000000000Z UTC   1'],
    ['2006-002', '2024-060', 'Thursday 2024-02-29T00:00:00.000000000Z UTC  60'],
    ['2006-002', '2023-365', 'Sunday 2023-12-31T00:00:00.000000000Z UTC 365'],
    ['2006 __2', '2024   1', 'Monday 2024-01-01T00:00:00.000000000Z UTC   1'],
    ['15:04:05.000', '10:20:30.123', 'Saturday 0000-01-01T10:20:30.123000000Z UTC   1'],
    ['15:04:05.999', '10:20:30', 'Saturday 0000-01-01T10:20:30.000000000Z UTC   1'],
    ['2006-01-02 -070000', '2020-05-06 +013045', 'Wednesday 2020-05-06T00:00:00.000000000+01:30 +0130 127'],
    ['Janvier 1 2', 'Janvier 3 4', 'Saturday 0000-03-04T00:00:00.000000000Z UTC  64'],
    ['_2006', '_1999', 'Friday 1999-01-01T00:00:00.000000000Z UTC   1'],
    ['', '', 'Saturday 0000-01-01T00:00:00.000000000Z UTC   1'],
  ])('layout %j reads %j', (layout, text, shown) => {
    const time = parseGoTime(layout, text);
    expect(time).toBeDefined();
    expect(time && formatGoTime(whole, time)).toBe(shown);
  });

  it.each([
    [rfc3339, '2021-01-02'],
    [rfc3339, '2021-02-30T00:00:00Z'],
    [rfc3339, '2023-02-29T00:00:00Z'],
    [rfc3339, '2021-13-01T00:00:00Z'],
    [rfc3339, '2021-00-01T00:00:00Z'],
    [rfc3339, '2021-01-00T00:00:00Z'],
    [rfc3339, '2021-01-02T24:00:00Z'],
    [rfc3339, '2021-01-02T23:60:00Z'],
    [rfc3339, '2021-01-02T23:59:60Z'],
    [rfc3339, '2021-01-02T15:04:05'],
    [rfc3339, '2021-01-02T15:04:05z'],
    [rfc3339, '2021-01-02T15:04:05Z '],
    [rfc3339, ' 2021-01-02T15:04:05Z'],
    [rfc3339, '2021-01-02T15:04:05+25:00'],
    [rfc3339, '2021-01-02T15:04:05*01:00'],
    ['Jan', 'Foo'],
    ['2006-002', '2023-366'],
    ['2006-002 Jan', '2023-001 Feb'],
    ['15:04:05.000', '10:20:30.12'],
    ['MST', 'abc'],
    ['3PM', '13PM'],
    ['2006', '99'],
  ])('layout %j does not read %j', (layout, text) => {
    expect(parseGoTime(layout, text)).toBeUndefined();
  });

  it.each([
    ['Jan January 1 01 Mon Monday 2 _2 02 __2 002', 'Mar March 3 03 Sat Saturday 7  7 07  67 067'],
    ['15 3 03 4 04 5 05 2006 06 PM pm', '09 9 09 8 08 7 07 2020 20 AM am'],
    ['.000 ,00 .999 .999999999 .9', '.012 ,01 .012 .0123 '],
    [
      'Z0700 Z07:00 Z07 -0700 -07:00 -07 -070000 -07:00:00 Z070000',
      '+0530 +05:30 +05 +0530 +05:30 +05 +053000 +05:30:00 +053000',
    ],
    ['no fields, _3', 'no fields, _9'],
  ])('layout %j prints %j', (layout, printed) => {
    const time = parseGoTime(rfc3339, '2020-03-07T09:08:07.0123+05:30');
    expect(time && formatGoTime(layout, time)).toBe(printed);
  });

  it('rounds down from the first day of year 1, as Go does', () => {
    const time = utcTime(1_600_000_001_500_000_000n);
    expect(formatGoTime(rfc3339, truncateTime(time, 3_600_000_000_000n))).toBe('2020-09-13T12:00:00Z');
    expect(formatGoTime(rfc3339, truncateTime(time, 7n * 24n * 3_600_000_000_000n))).toBe('2020-09-07T00:00:00Z');
    expect(truncateTime(time, 0n)).toEqual(time);
    expect(truncateTime(time, -1n)).toEqual(time);
  });

  it('cuts differences to 64 bits', () => {
    const early = utcTime(-62_000_000_000n * 1_000_000_000n);
    const late = utcTime(62_000_000_000n * 1_000_000_000n);
    expect(durationBetween(late, early)).toBe(2n ** 63n - 1n);
    expect(durationBetween(early, late)).toBe(-(2n ** 63n));
    expect(durationBetween(addToTime(late, 5n), late)).toBe(5n);
  });

  it('reads what it prints, whatever the moment', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }),
        fc.integer({ min: -86399, max: 86399 }),
        (seconds, offset) => {
          const time = {
            nanoseconds: BigInt(seconds) * 1_000_000_000n,
            offset: Math.trunc(offset / 60) * 60,
            zone: '',
          };
          const text = formatGoTime(rfc3339, time);
          if (/^\d{4}-/.test(text)) expect(parseGoTime(rfc3339, text)?.nanoseconds).toBe(time.nanoseconds);
        },
      ),
    );
  });

  it('throws nothing, whatever the layout and the text', () => {
    const parts = fc.constantFrom(
      '2006',
      '01',
      'Jan',
      '_2',
      '15',
      '.000',
      ' ',
      'Z07:00',
      'MST',
      '-',
      '9',
      '\u00e9',
      'PM',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(parts).map((list) => list.join('')),
    );
    fc.assert(fc.property(text, text, (layout, value) => void parseGoTime(layout, value)));
  });
});
