import type { FunctionDeclaration, Overload } from './declaration.ts';
import { fieldsOf, type TimeFields } from './timestamp.ts';
import { DURATION, INT, STRING, TIMESTAMP } from './types.ts';
import type { CelDuration, CelTimestamp } from './values.ts';

/** A field of a timestamp, in UTC or in the zone that is named. Months, and most days, count from 0. */
function field(name: string, id: string, read: (fields: TimeFields) => number, more: Overload[] = []) {
  const overloads: Overload[] = [
    {
      id: `timestamp_to_${id}`,
      member: true,
      parameters: [TIMESTAMP],
      result: INT,
      call: (timestamp) => BigInt(read(fieldsOf(timestamp as CelTimestamp))),
    },
    {
      id: `timestamp_to_${id}_with_tz`,
      member: true,
      parameters: [TIMESTAMP, STRING],
      result: INT,
      call: (timestamp, zone) => BigInt(read(fieldsOf(timestamp as CelTimestamp, zone as string))),
    },
  ];
  return { name, overloads: [...overloads, ...more] };
}

/** A duration in whole units, cut towards zero. */
function whole(id: string, unit: bigint): Overload {
  return {
    id: `duration_to_${id}`,
    member: true,
    parameters: [DURATION],
    result: INT,
    call: (duration) => (duration as CelDuration).nanoseconds / unit,
  };
}

export const STANDARD_TIME_FUNCTIONS: readonly FunctionDeclaration[] = [
  field('getFullYear', 'year', ({ year }) => year),
  field('getMonth', 'month', ({ month }) => month - 1),
  field('getDayOfYear', 'day_of_year', ({ yearDay }) => yearDay - 1),
  field('getDayOfMonth', 'day_of_month', ({ day }) => day - 1),
  field('getDate', 'day_of_month_1_based', ({ day }) => day),
  field('getDayOfWeek', 'day_of_week', ({ weekday }) => weekday),
  field('getHours', 'hours', ({ hour }) => hour, [whole('hours', 3_600_000_000_000n)]),
  field('getMinutes', 'minutes', ({ minute }) => minute, [whole('minutes', 60_000_000_000n)]),
  field('getSeconds', 'seconds', ({ second }) => second, [whole('seconds', 1_000_000_000n)]),
  field('getMilliseconds', 'milliseconds', ({ nanosecond }) => Math.floor(nanosecond / 1_000_000), [
    whole('milliseconds', 1_000_000n),
  ]),
];
