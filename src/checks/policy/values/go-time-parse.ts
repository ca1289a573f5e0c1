import { nanosecondsPerSecond } from './go-duration.ts';
import { nextLayoutField } from './go-time-layout.ts';

/** A moment, and the zone in which it is shown. */
export interface GoTime {
  /** Nanoseconds since 1970-01-01T00:00:00Z. */
  readonly nanoseconds: bigint;
  /** Seconds east of Greenwich. */
  readonly offset: number;
  /** The zone's abbreviation; empty where only its offset is known. */
  readonly zone: string;
}

const months = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const daysBefore = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

/** What was read so far. -1 is "not in the layout". */
interface Reading {
  year: number;
  month: number;
  day: number;
  yearDay: number;
  hour: number;
  minute: number;
  second: number;
  nanosecond: number;
  half: 'am' | 'pm' | undefined;
  utc: boolean;
  offset: number | undefined;
  zone: string;
}

/** Thrown inside this file alone: the text does not fit the layout. */
const misfit = Symbol('misfit');

/** A text read field by field, as Go's `time.Parse`. Undefined where it does not fit or is no moment. */
export function parseTimeFields(layout: string, text: string): GoTime | undefined {
  try {
    return moment(read(layout, text));
  } catch (thrown) {
    if (thrown === misfit) return undefined;
    throw thrown;
  }
}

function read(layout: string, text: string): Reading {
  const reading: Reading = {
    year: 0,
    month: -1,
    day: -1,
    yearDay: -1,
    hour: 0,
    minute: 0,
    second: 0,
    nanosecond: 0,
    half: undefined,
    utc: false,
    offset: undefined,
    zone: '',
  };
  let value = text;
  let rest = layout;
  for (;;) {
    const next = nextLayoutField(rest);
    value = skip(value, next.prefix);
    if (next.field === undefined) break;
    rest = next.rest;
    value = readField(next.field, next.digits, value, rest, reading);
  }
  if (value !== '') throw misfit;
  return reading;
}

/** Text between fields must be there as it is, but a run of blanks stands for any run of blanks, and for none at the end. */
function skip(text: string, prefix: string): string {
  let at = 0;
  let wanted = 0;
  while (wanted < prefix.length) {
    if (prefix[wanted] === ' ') {
      if (at < text.length && text[at] !== ' ') throw misfit;
      while (prefix[wanted] === ' ') wanted++;
      while (text[at] === ' ') at++;
      continue;
    }
    if (text[at] !== prefix[wanted]) throw misfit;
    at++;
    wanted++;
  }
  return text.slice(at);
}

function readField(field: string, digits: number, text: string, layout: string, into: Reading): string {
  switch (field) {
    case 'year2': {
      if (text.length < 2) throw misfit;
      const year = integer(text.slice(0, 2));
      into.year = year >= 69 ? year + 1900 : year + 2000;
      return text.slice(2);
    }
    case 'year':
      if (text.length < 4 || !isDigit(text, 0)) throw misfit;
      into.year = integer(text.slice(0, 4));
      return text.slice(4);
    case 'monthShort':
      return name(months, 3, text, (index) => (into.month = index + 1));
    case 'monthLong':
      return name(months, undefined, text, (index) => (into.month = index + 1));
    case 'weekdayShort':
      return name(days, 3, text, () => undefined);
    case 'weekdayLong':
      return name(days, undefined, text, () => undefined);
    case 'month':
    case 'month0':
      return number(text, field === 'month0', 1, 12, (value) => (into.month = value));
    case 'day':
    case 'dayUnder':
    case 'day0': {
      const from = field === 'dayUnder' && text[0] === ' ' ? text.slice(1) : text;
      return number(from, field === 'day0', 0, 99, (value) => (into.day = value));
    }
    case 'yearDayUnder':
    case 'yearDay0':
      return yearDay(text, field === 'yearDay0', into);
    case 'hour':
      return number(text, false, 0, 23, (value) => (into.hour = value));
    case 'hour12':
    case 'hour120':
      return number(text, field === 'hour120', 0, 12, (value) => (into.hour = value));
    case 'minute':
    case 'minute0':
      return number(text, field === 'minute0', 0, 59, (value) => (into.minute = value));
    case 'second':
    case 'second0':
      return fractionBesides(
        number(text, field === 'second0', 0, 59, (value) => (into.second = value)),
        layout,
        into,
      );
    case 'PM':
    case 'pm': {
      const half = text.slice(0, 2);
      const [morning, evening] = field === 'PM' ? ['AM', 'PM'] : ['am', 'pm'];
      if (half !== morning && half !== evening) throw misfit;
      // Both may be in one layout; the evening then counts.
      if (half === evening) into.half = 'pm';
      else into.half ??= 'am';
      return text.slice(2);
    }
    case 'fraction0':
      if (text.length < 1 + digits) throw misfit;
      into.nanosecond = nanoseconds(text.slice(0, 1 + digits));
      return text.slice(1 + digits);
    case 'fraction9': {
      if (!isPoint(text[0]) || !isDigit(text, 1)) return text;
      const end = digitsEnd(text, 1);
      into.nanosecond = nanoseconds(text.slice(0, end));
      return text.slice(end);
    }
    case 'zoneName':
      return zoneName(text, into);
    default:
      return zoneOffset(field, text, into);
  }
}

/** A fraction of a second is taken where the text has one, also if the layout has none. */
function fractionBesides(text: string, layout: string, into: Reading): string {
  if (!isPoint(text[0]) || !isDigit(text, 1)) return text;
  const next = nextLayoutField(layout).field;
  if (next === 'fraction0' || next === 'fraction9') return text;
  const end = digitsEnd(text, 1);
  into.nanosecond = nanoseconds(text.slice(0, end));
  return text.slice(end);
}

function zoneName(text: string, into: Reading): string {
  if (text.startsWith('UTC')) {
    into.utc = true;
    return text.slice(3);
  }
  const length = zoneNameLength(text);
  if (length === 0) throw misfit;
  into.zone = text.slice(0, length);
  return text.slice(length);
}

/** How many characters look like a zone's abbreviation; 0 for none. */
function zoneNameLength(text: string): number {
  if (text.length < 3) return 0;
  if (text.startsWith('ChST') || text.startsWith('MeST')) return 4;
  if (text.startsWith('GMT')) return 3 + signedHours(text.slice(3));
  if (text[0] === '+' || text[0] === '-') return signedHours(text);
  let letters = 0;
  while (letters < 6 && letters < text.length && /[A-Z]/.test(text[letters] as string)) letters++;
  if (letters === 3) return 3;
  if (letters === 4) return text[3] === 'T' || text.startsWith('WITA') ? 4 : 0;
  return letters === 5 && text[4] === 'T' ? 5 : 0;
}

function signedHours(text: string): number {
  if (text[0] !== '+' && text[0] !== '-') return 0;
  const end = digitsEnd(text, 1);
  return end > 1 && Number(text.slice(1, end)) <= 23 ? end : 0;
}

function zoneOffset(field: string, text: string, into: Reading): string {
  if (field.startsWith('Z') && text.startsWith('Z')) {
    into.utc = true;
    return text.slice(1);
  }
  const length = field.length;
  if (text.length < length) throw misfit;
  const sign = text[0];
  if (sign !== '+' && sign !== '-') throw misfit;
  const parts: number[] = [];
  for (let at = 1; at < length; ) {
    if (field[at] === ':') {
      if (text[at] !== ':') throw misfit;
      at++;
      continue;
    }
    if (!isDigit(text, at) || !isDigit(text, at + 1)) throw misfit;
    parts.push(Number(text.slice(at, at + 2)));
    at += 2;
  }
  const [hours = 0, minutes = 0, seconds = 0] = parts;
  // 24 hours and 60 minutes are let through: some people write them.
  if (hours > 24 || minutes > 60 || seconds > 60) throw misfit;
  const offset = (hours * 60 + minutes) * 60 + seconds;
  into.offset = sign === '-' ? -offset : offset;
  return text.slice(length);
}

function yearDay(text: string, fixed: boolean, into: Reading): string {
  let from = text;
  for (let blank = 0; blank < 2 && !fixed && from[0] === ' '; blank++) from = from.slice(1);
  const end = Math.min(digitsEnd(from, 0), 3);
  if (end === 0 || (fixed && end !== 3)) throw misfit;
  into.yearDay = Number(from.slice(0, end));
  return from.slice(end);
}

function name(names: readonly string[], length: number | undefined, text: string, found: (at: number) => void): string {
  for (const [index, whole] of names.entries()) {
    const wanted = length === undefined ? whole : whole.slice(0, length);
    // Only the case of letters of ASCII is ignored; what lower-cases into them from elsewhere has another length or place.
    const given = text.slice(0, wanted.length);
    if (/^[A-Za-z]+$/.test(given) && given.toLowerCase() === wanted) {
      found(index);
      return text.slice(wanted.length);
    }
  }
  throw misfit;
}

function number(text: string, fixed: boolean, least: number, most: number, found: (value: number) => void): string {
  if (!isDigit(text, 0) || (fixed && !isDigit(text, 1))) throw misfit;
  const length = isDigit(text, 1) ? 2 : 1;
  const value = Number(text.slice(0, length));
  if (value < least || value > most) throw misfit;
  found(value);
  return text.slice(length);
}

function nanoseconds(text: string): number {
  if (!isPoint(text[0])) throw misfit;
  // Nine digits count; a sign among them is read as Go's atoi does, and a negative fraction is none.
  const digits = text.slice(1, 10);
  const value = integer(digits);
  if (value < 0) throw misfit;
  return value * 10 ** (9 - digits.length);
}

function integer(text: string): number {
  if (!/^[-+]?[0-9]+$/.test(text)) throw misfit;
  return Number(text);
}

function isDigit(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0x30 && unit <= 0x39;
}

function digitsEnd(text: string, start: number): number {
  let at = start;
  while (isDigit(text, at)) at++;
  return at;
}

function isPoint(text: string | undefined): boolean {
  return text === '.' || text === ',';
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function moment(reading: Reading): GoTime {
  const { year, minute, second, nanosecond } = reading;
  let { hour } = reading;
  if (reading.half === 'pm' && hour < 12) hour += 12;
  else if (reading.half === 'am' && hour === 12) hour = 0;
  const [month, day] = dayOfYear(reading);
  const daysInMonth =
    month === 2 && isLeap(year) ? 29 : (daysBefore[month] as number) - (daysBefore[month - 1] as number);
  if (day < 1 || day > daysInMonth) throw misfit;
  const milliseconds = new Date(0).setUTCFullYear(year, month - 1, day) + ((hour * 60 + minute) * 60 + second) * 1000;
  const utc = BigInt(milliseconds) * 1_000_000n + BigInt(nanosecond);
  if (reading.utc) return { nanoseconds: utc, offset: 0, zone: 'UTC' };
  // Go takes one second west of Greenwich for "no offset".
  if (reading.offset !== undefined && reading.offset !== -1) {
    const { offset } = reading;
    const zone = offset === 0 && reading.zone === '' ? 'UTC' : reading.zone;
    return { nanoseconds: utc - BigInt(offset) * nanosecondsPerSecond, offset, zone };
  }
  // An abbreviation alone says nothing of the offset, except after GMT; the clock's reading is taken for UTC.
  if (reading.zone !== '') {
    const hours = reading.zone.length > 3 && reading.zone.startsWith('GMT') ? Number(reading.zone.slice(3)) : 0;
    return { nanoseconds: utc, offset: hours * 3600, zone: reading.zone };
  }
  return { nanoseconds: utc, offset: 0, zone: 'UTC' };
}

function dayOfYear(reading: Reading): readonly [month: number, day: number] {
  if (reading.yearDay < 0) return [reading.month < 0 ? 1 : reading.month, reading.day < 0 ? 1 : reading.day];
  let ordinal = reading.yearDay;
  let found: readonly [number, number] | undefined;
  if (isLeap(reading.year)) {
    if (ordinal === 60) found = [2, 29];
    else if (ordinal > 60) ordinal--;
  }
  if (ordinal < 1 || ordinal > 365) throw misfit;
  if (found === undefined) {
    const month = daysBefore.findIndex((before) => before >= ordinal);
    found = [month, ordinal - (daysBefore[month - 1] as number)];
  }
  if (reading.month >= 0 && reading.month !== found[0]) throw misfit;
  if (reading.day >= 0 && reading.day !== found[1]) throw misfit;
  return found;
}
