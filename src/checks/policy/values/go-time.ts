import { maxDuration, minDuration, nanosecondsPerSecond } from './go-duration.ts';
import { nextLayoutField } from './go-time-layout.ts';
import { type GoTime, parseTimeFields } from './go-time-parse.ts';

export type { GoTime } from './go-time-parse.ts';

/** The layout of RFC 3339, in which Kubernetes writes times. */
export const rfc3339 = '2006-01-02T15:04:05Z07:00';

const monthNames = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** Nanoseconds from the first day of year 1, which Go counts from, to 1970. */
const sinceYearOne = 62_135_596_800n * nanosecondsPerSecond;

/**
 * A text read by a layout as Go's `time.Parse` reads it: undefined where it does not fit, or names a moment that does
 * not exist. What has no zone is UTC; an abbreviation that Go does not know is kept, with offset zero, as Go does where
 * the machine's own zone is UTC.
 */
export function parseGoTime(layout: string, text: string): GoTime | undefined {
  return parseTimeFields(layout, text);
}

/** A moment in UTC. */
export function utcTime(nanoseconds: bigint): GoTime {
  return { nanoseconds, offset: 0, zone: 'UTC' };
}

/** `milliseconds` since the epoch, as the gate's clock gives them, in UTC. */
export function timeFromMilliseconds(milliseconds: number): GoTime {
  return utcTime(BigInt(Math.trunc(milliseconds)) * 1_000_000n);
}

/** The later moment (or with a negative duration the earlier one), in the same zone. */
export function addToTime(time: GoTime, duration: bigint): GoTime {
  return { ...time, nanoseconds: time.nanoseconds + duration };
}

/** `a - b` in nanoseconds, cut to what 64 bits hold, as Go's `Time.Sub`. */
export function durationBetween(a: GoTime, b: GoTime): bigint {
  const difference = a.nanoseconds - b.nanoseconds;
  if (difference > maxDuration) return maxDuration;
  if (difference < minDuration) return minDuration;
  return difference;
}

/** The moment rounded down to a multiple of a duration since year 1. A duration that is not positive changes nothing. */
export function truncateTime(time: GoTime, duration: bigint): GoTime {
  if (duration <= 0n) return time;
  const rest = (time.nanoseconds + sinceYearOne) % duration;
  return { ...time, nanoseconds: time.nanoseconds - (rest < 0n ? rest + duration : rest) };
}

/** The fields of a time in its own zone. `weekday` counts from Sunday, `month` and `yearDay` from 1. */
export function timeFields(time: GoTime): {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly yearDay: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly nanosecond: number;
} {
  const nanosecond = Number(mod(time.nanoseconds, nanosecondsPerSecond));
  const seconds = Number((time.nanoseconds - BigInt(nanosecond)) / nanosecondsPerSecond) + time.offset;
  const date = new Date(seconds * 1000);
  const year = date.getUTCFullYear();
  const start = new Date(0).setUTCFullYear(year, 0, 1);
  return {
    year,
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    yearDay: Math.floor((seconds * 1000 - start) / 86_400_000) + 1,
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    nanosecond,
  };
}

function mod(value: bigint, by: bigint): bigint {
  const rest = value % by;
  return rest < 0n ? rest + by : rest;
}

/** A time written by a layout, as Go's `Time.Format`. */
export function formatGoTime(layout: string, time: GoTime): string {
  const at = timeFields(time);
  let written = '';
  let rest = layout;
  while (rest !== '') {
    const next = nextLayoutField(rest);
    written += next.prefix;
    if (next.field === undefined) break;
    rest = next.rest;
    written += formatField(next.field, next.digits, next.separator, at, time);
  }
  return written;
}

function formatField(
  field: string,
  digits: number,
  separator: string,
  at: ReturnType<typeof timeFields>,
  time: GoTime,
): string {
  switch (field) {
    case 'year2':
      return padded(Math.abs(at.year) % 100, 2);
    case 'year':
      return padded(at.year, 4);
    case 'monthShort':
      return (monthNames[at.month - 1] as string).slice(0, 3);
    case 'monthLong':
      return monthNames[at.month - 1] as string;
    case 'month':
      return `${at.month}`;
    case 'month0':
      return padded(at.month, 2);
    case 'weekdayShort':
      return (dayNames[at.weekday] as string).slice(0, 3);
    case 'weekdayLong':
      return dayNames[at.weekday] as string;
    case 'day':
      return `${at.day}`;
    case 'dayUnder':
      return `${at.day}`.padStart(2, ' ');
    case 'day0':
      return padded(at.day, 2);
    case 'yearDayUnder':
      return `${at.yearDay}`.padStart(3, ' ');
    case 'yearDay0':
      return padded(at.yearDay, 3);
    case 'hour':
      return padded(at.hour, 2);
    case 'hour12':
      return `${at.hour % 12 || 12}`;
    case 'hour120':
      return padded(at.hour % 12 || 12, 2);
    case 'minute':
      return `${at.minute}`;
    case 'minute0':
      return padded(at.minute, 2);
    case 'second':
      return `${at.second}`;
    case 'second0':
      return padded(at.second, 2);
    case 'PM':
      return at.hour >= 12 ? 'PM' : 'AM';
    case 'pm':
      return at.hour >= 12 ? 'pm' : 'am';
    case 'fraction0':
      return separator + padded(at.nanosecond, 9).slice(0, digits);
    case 'fraction9':
      return trimmedFraction(at.nanosecond, digits, separator);
    case 'zoneName':
      return time.zone !== '' ? time.zone : formatOffset(time.offset, '', true, false);
    default:
      return formatZone(field, time.offset);
  }
}

function trimmedFraction(nanosecond: number, digits: number, separator: string): string {
  let text = padded(nanosecond, 9).slice(0, digits);
  while (text.endsWith('0')) text = text.slice(0, -1);
  return text === '' ? '' : separator + text;
}

function formatZone(field: string, offset: number): string {
  if (field.startsWith('Z') && offset === 0) return 'Z';
  const layout = field.slice(1);
  const colon = layout.includes(':') ? ':' : '';
  return formatOffset(offset, colon, layout !== '07', layout.length >= 6 && layout !== '07:00');
}

function formatOffset(offset: number, colon: string, minutes: boolean, seconds: boolean): string {
  // The sign is that of the whole minutes: what lies less than a minute west of Greenwich is written with a plus.
  const zone = Math.trunc(offset / 60);
  const size = Math.abs(zone);
  let text = (zone < 0 ? '-' : '+') + padded(Math.trunc(size / 60), 2) + colon;
  if (minutes) text += padded(size % 60, 2);
  if (seconds) text += colon + padded((zone < 0 ? -offset : offset) % 60, 2);
  return text;
}

function padded(value: number, width: number): string {
  return value < 0 ? `-${String(-value).padStart(width, '0')}` : String(value).padStart(width, '0');
}
