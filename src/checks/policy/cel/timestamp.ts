import { formatGoTime, type GoTime, parseGoTime, rfc3339, timeFields, utcTime } from '../values/go-time.ts';
import { evaluationError } from './error.ts';
import { CelTimestamp } from './values.ts';

const RFC3339_NANO = '2006-01-02T15:04:05.999999999Z07:00';

/** A timestamp in RFC 3339, by the rules of Go's `time.Parse`. */
export function parseTimestamp(text: string): CelTimestamp {
  const time = text.length > 100 ? undefined : parseGoTime(rfc3339, text);
  if (time === undefined) {
    throw evaluationError("type conversion error from 'string' to 'google.protobuf.Timestamp'");
  }
  return new CelTimestamp(time.nanoseconds, time.offset);
}

/** RFC 3339 to the letter, which Go's `time.Parse` is not: it takes a comma, single digits and offsets of 99 hours. */
const STRICT =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** As `parseTimestamp`, for what RFC 3339 itself allows: so read cel-go 0.30 and later. */
export function parseStrictTimestamp(text: string): CelTimestamp {
  if (text.length > 100 || !STRICT.test(text)) {
    throw evaluationError(`invalid RFC 3339 timestamp ${JSON.stringify(text.slice(0, 100))}`);
  }
  return parseTimestamp(text);
}

/** In RFC 3339 and the zone in which it was written, with as many digits of a second as there are. */
export function timestampToText({ nanoseconds, zone }: CelTimestamp): string {
  const time: GoTime = { nanoseconds, offset: zone, zone: '' };
  return formatGoTime(RFC3339_NANO, time);
}

/** Seconds since 1970, rounded down. */
export function unixSeconds({ nanoseconds }: CelTimestamp): bigint {
  const seconds = nanoseconds / 1_000_000_000n;
  return nanoseconds % 1_000_000_000n < 0n ? seconds - 1n : seconds;
}

export type TimeFields = ReturnType<typeof timeFields>;

/** The fields of a timestamp in UTC, or in a zone: the name of one (`Europe/Berlin`) or an offset (`-08:00`). */
export function fieldsOf(timestamp: CelTimestamp, zone?: string): TimeFields {
  const time = utcTime(timestamp.nanoseconds);
  if (zone === undefined) return timeFields(time);
  return timeFields({ ...time, offset: zone.includes(':') ? fixedOffset(zone) : namedOffset(zone, timestamp) });
}

function fixedOffset(zone: string): number {
  const parts = /^([+-]?\d{1,4}):([+-]?\d{1,4})$/.exec(zone);
  if (parts === null) throw evaluationError(`strconv.Atoi: parsing ${JSON.stringify(zone)}: invalid syntax`);
  const hours = Number(parts[1]);
  const minutes = Number(parts[2]);
  return (zone.startsWith('-') ? hours * 60 - minutes : hours * 60 + minutes) * 60;
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** More than there are zones: names are case-insensitive to Intl, so objects could bring any number of spellings. */
const MAX_FORMATS = 1000;

function namedOffset(zone: string, timestamp: CelTimestamp): number {
  if (zone === '' || zone === 'UTC') return 0;
  const format = formats.get(zone) ?? zoneFormat(zone);
  const instant = new Date(Number(unixSeconds(timestamp) * 1000n));
  const name = format.formatToParts(instant).find((part) => part.type === 'timeZoneName')?.value ?? '';
  const parts = /^GMT(?:([+-])(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?)?$/.exec(name);
  if (parts === null) throw evaluationError(`unknown time zone ${zone}`);
  const seconds = Number(parts[2] ?? 0) * 3600 + Number(parts[3] ?? 0) * 60 + Number(parts[4] ?? 0);
  return parts[1] === '-' ? -seconds : seconds;
}

function zoneFormat(zone: string): Intl.DateTimeFormat {
  // Go reads zones from a data base of names, which begin with a capital; Intl takes offsets and any case as well.
  if (zone.length > 64 || !/^[A-Z][A-Za-z0-9_+\-/]*$/.test(zone)) throw evaluationError(`unknown time zone ${zone}`);
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
    if (formats.size < MAX_FORMATS) formats.set(zone, format);
    return format;
  } catch {
    throw evaluationError(`unknown time zone ${zone}`);
  }
}
