import { formatGoDuration, parseGoDuration } from '../../../values/go-duration.ts';
import {
  addToTime,
  durationBetween,
  formatGoTime,
  type GoTime,
  parseGoTime,
  rfc3339,
  timeFields,
  timeFromMilliseconds,
  truncateTime,
  utcTime,
} from '../../../values/go-time.ts';
import { invalidCall } from '../error.ts';
import type { JmesFunction } from '../function.ts';

const text = ['string'] as const;

/** Kyverno's functions of times in RFC 3339, and of durations. The clock is the gate's own, in UTC. */
export const times: readonly JmesFunction[] = [
  {
    name: 'time_since',
    parameters: [text, text, text],
    call: ([layout, from, to], run) => {
      const by = layout === '' ? rfc3339 : (layout as string);
      const start = timeBy('time_since', by, from as string);
      const end = to === '' ? timeFromMilliseconds(run.now) : timeBy('time_since', by, to as string);
      return formatGoDuration(durationBetween(end, start));
    },
  },
  // Upstream declares no arguments for these two, and then checks none.
  { name: 'time_now', parameters: [], arity: 'unchecked', call: (_, run) => written(timeFromMilliseconds(run.now)) },
  {
    name: 'time_now_utc',
    parameters: [],
    arity: 'unchecked',
    call: (_, run) => written(timeFromMilliseconds(run.now)),
  },
  {
    name: 'time_to_cron',
    parameters: [text],
    call: ([at]) => {
      const { minute, hour, day, month, weekday } = timeFields(time('time_to_cron', at as string));
      return `${minute} ${hour} ${day} ${month} ${weekday}`;
    },
  },
  {
    name: 'time_add',
    parameters: [text, text],
    call: ([at, by]) => written(addToTime(time('time_add', at as string), duration('time_add', by as string))),
  },
  { name: 'time_parse', parameters: [text, text], call: ([layout, at]) => parsed(layout as string, at as string) },
  {
    name: 'time_utc',
    parameters: [text],
    call: ([at]) => written(utcTime(time('time_utc', at as string).nanoseconds)),
  },
  {
    name: 'time_diff',
    parameters: [text, text],
    call: ([from, to]) =>
      formatGoDuration(durationBetween(...later(time('time_diff', from as string), time('time_diff', to as string)))),
  },
  {
    name: 'time_before',
    parameters: [text, text],
    call: ([a, b]) => time('time_before', a as string).nanoseconds < time('time_before', b as string).nanoseconds,
  },
  {
    name: 'time_after',
    parameters: [text, text],
    call: ([a, b]) => time('time_after', a as string).nanoseconds > time('time_after', b as string).nanoseconds,
  },
  {
    name: 'time_between',
    parameters: [text, text, text],
    call: ([at, from, to]) => {
      const [moment, start, end] = [at, from, to].map((one) => time('time_between', one as string).nanoseconds);
      return (moment as bigint) > (start as bigint) && (moment as bigint) < (end as bigint);
    },
  },
  {
    name: 'time_truncate',
    parameters: [text, text],
    call: ([at, to]) =>
      written(truncateTime(time('time_truncate', at as string), duration('time_truncate', to as string))),
  },
];

function later(from: GoTime, to: GoTime): readonly [GoTime, GoTime] {
  return [to, from];
}

function written(at: GoTime): string {
  return formatGoTime(rfc3339, at);
}

function time(name: string, value: string): GoTime {
  return timeBy(name, rfc3339, value);
}

function timeBy(name: string, layout: string, value: string): GoTime {
  const read = parseGoTime(layout, value);
  if (read !== undefined) return read;
  throw invalidCall(name, `parsing time ${JSON.stringify(value)} as ${JSON.stringify(layout)}: cannot be parsed`);
}

function duration(name: string, value: string): bigint {
  const read = parseGoDuration(value);
  if (read === undefined) throw invalidCall(name, `time: invalid duration ${JSON.stringify(value)}`);
  return read;
}

const int64 = /^[+-]?[0-9]+$/;

/** A time of any layout in RFC 3339. A layout that is a whole number says that the time is seconds since the epoch. */
function parsed(layout: string, value: string): string {
  if (!isInt64(layout)) return written(timeBy('time_parse', layout, value));
  if (!isInt64(value)) throw invalidCall('time_parse', `${JSON.stringify(value)} is no number of seconds`);
  const seconds = BigInt(value.replace(/^\+/, ''));
  // Beyond this the year has more digits than a date of JavaScript can have; nothing that is a time lies there.
  if (seconds > 8_000_000_000_000n || seconds < -8_000_000_000_000n) {
    throw invalidCall('time_parse', `${value} seconds since the epoch are out of range`);
  }
  return written(utcTime(seconds * 1_000_000_000n));
}

function isInt64(value: string): boolean {
  if (value.length > 40 || !int64.test(value)) return false;
  const number = BigInt(value.replace(/^\+/, ''));
  return number >= -(2n ** 63n) && number < 2n ** 63n;
}
