import { byUtf8 } from '../../../../core/json.ts';
import { toDoubleValue, toStringValue } from '../conversions.ts';
import { evaluationError } from '../error.ts';
import { formatPlain } from '../number-format.ts';
import { typeNameOf } from '../value-types.ts';
import {
  CelDuration,
  CelList,
  CelMap,
  CelObject,
  CelOptional,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
} from '../values.ts';
import { fixedText, scientificParts } from './decimal-text.ts';
import { quoted } from './go-quote.ts';
import { checkSize } from './overload.ts';

/** How the clauses of one version of `format` print values. */
interface Printer {
  text(value: CelValue): string;
  decimal(value: CelValue): string;
  fixed(value: CelValue, precision: number): string;
  scientific(value: CelValue, precision: number): string;
  binary(value: CelValue): string;
  octal(value: CelValue): string;
  hexadecimal(value: CelValue): string;
}

const DEFAULT_PRECISION = 6;
const MAX_PRECISION = 1000;

/** `format` of the fourth version of the string functions on: numbers are printed plainly. */
export function formatString(format: string, args: CelList): string {
  return fill(format, args, PLAIN);
}

/** `format` of the versions one to three: numbers in the English way, values inside of lists as literals. */
export function formatStringLocalised(format: string, args: CelList): string {
  return fill(format, args, LOCALISED);
}

export interface Clause {
  readonly kind: 's' | 'd' | 'f' | 'e' | 'b' | 'o' | 'x' | 'X';
  readonly precision: number;
}

/**
 * Replaces the clauses of a format. `hasArgument` is asked before a clause is read, because a missing argument is
 * reported before a clause that is wrong. Throws an error of the evaluation.
 */
export function expandFormat(
  format: string,
  hasArgument: (index: number) => boolean,
  expand: (clause: Clause, index: number) => string,
): string {
  let made = '';
  let index = 0;
  for (let i = 0; i < format.length; ) {
    const percent = format.indexOf('%', i);
    if (percent < 0) return made + format.slice(i);
    made += format.slice(i, percent);
    if (format.charAt(percent + 1) === '%') {
      made += '%';
      i = percent + 2;
      continue;
    }
    if (!hasArgument(index)) throw evaluationError(`index ${index} out of range`);
    if (percent + 1 >= format.length) throw evaluationError('unexpected end of string');
    const [clause, length] = readClause(format.slice(percent + 1));
    made += expand(clause, index++);
    checkSize(made.length);
    i = percent + 1 + length;
  }
  return made;
}

function readClause(text: string): readonly [Clause, number] {
  const precision = /^\.([0-9]*)/.exec(text);
  const length = precision === null ? 0 : precision[0].length;
  if (precision !== null && length === text.length) throw badPrecision('could not find end of precision specifier');
  const digits = precision?.[1];
  if (digits === '')
    throw badPrecision('error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax');
  const size = digits === undefined ? DEFAULT_PRECISION : Number(digits);
  if (size > MAX_PRECISION)
    throw badPrecision(`precision ${digits} exceeds maximum allowed precision ${MAX_PRECISION}`);
  const letter = String.fromCodePoint(text.codePointAt(length) ?? 0);
  if (!'sdfeboxX'.includes(letter)) {
    throw evaluationError(`could not parse formatting clause: unrecognized formatting clause "${letter}"`);
  }
  return [{ kind: letter as Clause['kind'], precision: size }, length + 1];
}

function badPrecision(why: string): Error {
  return evaluationError(`could not parse formatting clause: error while parsing precision: ${why}`);
}

function fill(format: string, args: CelList, printer: Printer): string {
  const hasArgument = (index: number): boolean => index < args.size;
  return expandFormat(format, hasArgument, (clause, index) => print(printer, clause, args.at(index)));
}

function print(printer: Printer, { kind, precision }: Clause, value: CelValue): string {
  switch (kind) {
    case 's':
      return printer.text(value);
    case 'd':
      return printer.decimal(value);
    case 'f':
      return printer.fixed(value, precision);
    case 'e':
      return printer.scientific(value, precision);
    case 'b':
      return printer.binary(value);
    case 'o':
      return printer.octal(value);
    case 'x':
      return printer.hexadecimal(value);
    case 'X':
      return printer.hexadecimal(value).toUpperCase();
  }
}

/** What the two versions call the types that a clause takes, in their messages. */
export const WANTED = {
  text: 'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  plain: {
    decimal: 'decimal clause can only be used on ints, uints, and doubles',
    fixed: 'fixed-point clause can only be used on ints, uints, and doubles',
    scientific: 'scientific clause can only be used on ints, uints, and doubles',
    binary: 'only ints, uints, and bools can be formatted as binary',
    octal: 'octal clause can only be used on ints and uints',
    hexadecimal: 'only ints, uints, bytes, and strings can be formatted as hex',
  },
  localised: {
    decimal: 'decimal clause can only be used on integers',
    fixed: 'fixed-point clause can only be used on doubles',
    scientific: 'scientific clause can only be used on doubles',
    binary: 'only integers and bools can be formatted as binary',
    octal: 'octal clause can only be used on integers',
    hexadecimal: 'only integers, byte buffers, and strings can be formatted as hex',
  },
} as const;

function refused(wanted: string, value: CelValue): Error {
  return evaluationError(`error during formatting: ${wanted}, was given ${typeNameOf(value)}`);
}

function integerOf(value: CelValue): bigint | undefined {
  return typeof value === 'bigint' ? value : value instanceof CelUint ? value.value : undefined;
}

function inBase(base: 2 | 8 | 16, wanted: string) {
  return (value: CelValue): string => {
    const integer = integerOf(value);
    if (integer !== undefined) return integer.toString(base);
    if (base === 2 && typeof value === 'boolean') return value ? '1' : '0';
    if (base === 16 && typeof value === 'string') return Buffer.from(value).toString('hex');
    if (base === 16 && value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    throw refused(wanted, value);
  };
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return undefined;
  return value > 0 ? 'Infinity' : '-Infinity';
}

const PLAIN: Printer = {
  text: plainText,
  decimal(value) {
    if (typeof value === 'number') return special(value) ?? formatPlain(value);
    return integerTextOr(value, WANTED.plain.decimal);
  },
  fixed(value, precision) {
    const number = numberOr(value, WANTED.plain.fixed);
    return special(number) ?? fixedText(number, precision);
  },
  scientific(value, precision) {
    const number = numberOr(value, WANTED.plain.scientific);
    if (special(number) !== undefined) return special(number) as string;
    const { mantissa, exponent } = scientificParts(number, precision);
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${twoDigits(exponent)}`;
  },
  binary: inBase(2, WANTED.plain.binary),
  octal: inBase(8, WANTED.plain.octal),
  hexadecimal: inBase(16, WANTED.plain.hexadecimal),
};

function integerTextOr(value: CelValue, wanted: string): string {
  const integer = integerOf(value);
  if (integer === undefined) throw refused(wanted, value);
  return integer.toString();
}

function numberOr(value: CelValue, wanted: string): number {
  const integer = integerOf(value);
  if (integer !== undefined) return Number(integer);
  if (typeof value !== 'number') throw refused(wanted, value);
  return value;
}

function plainText(value: CelValue): string {
  if (typeof value === 'number') return special(value) ?? formatPlain(value);
  if (value === null) return 'null';
  if (value instanceof CelTypeValue) return value.name;
  if (value instanceof CelList) return `[${Array.from(value, plainText).join(', ')}]`;
  if (value instanceof CelMap) {
    const entries = Array.from(value.keys(), (key) => [plainText(key), plainText(value.get(key) as CelValue)] as const);
    entries.sort(([a], [b]) => byUtf8(a, b));
    return `{${entries.map(([key, entry]) => `${key}: ${entry}`).join(', ')}}`;
  }
  if (value instanceof CelObject || value instanceof CelOptional) throw refused(WANTED.text, value);
  return toStringValue(value);
}

const LOCALISED: Printer = {
  text: localisedText,
  decimal: (value) => integerTextOr(value, WANTED.localised.decimal),
  fixed(value, precision) {
    const number = doubleOr(value, WANTED.localised.fixed);
    return infinity(number) ?? grouped(fixedText(withoutSignOfZero(number), precision));
  },
  // The precision that is asked for is left unheard upstream.
  scientific(value) {
    const number = doubleOr(value, WANTED.localised.scientific);
    const { mantissa, exponent } = scientificParts(withoutSignOfZero(number), DEFAULT_PRECISION);
    const power = `${exponent < 0 ? '⁻' : ''}${superscript(twoDigits(exponent))}`;
    return infinity(number) ?? `${mantissa}×10${power}`;
  },
  binary: inBase(2, WANTED.localised.binary),
  octal: inBase(8, WANTED.localised.octal),
  hexadecimal: inBase(16, WANTED.localised.hexadecimal),
};

/** A double, or one of the texts that stand for the doubles that have no literal. */
function doubleOr(value: CelValue, wanted: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return toDoubleValue(value);
  throw refused(wanted, value);
}

function infinity(value: number): string | undefined {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return undefined;
  return value > 0 ? '∞' : '-∞';
}

function grouped(fixed: string): string {
  const [whole = '', fraction] = fixed.split('.');
  const groups = whole.replace(/\B(?=(?:[0-9]{3})+$)/g, ',');
  return fraction === undefined ? groups : `${groups}.${fraction}`;
}

/** A zero below zero prints as zero; what is rounded to zero keeps its sign. */
function withoutSignOfZero(value: number): number {
  return value === 0 ? 0 : value;
}

function superscript(digits: string): string {
  return digits.replace(/[0-9]/g, (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'.charAt(Number(digit)));
}

function localisedText(value: CelValue): string {
  if (value instanceof CelList || value instanceof CelMap) return literal(value);
  if (value === null) return 'null';
  if (value instanceof CelTypeValue) return value.name;
  if (value instanceof CelObject || value instanceof CelOptional) throw refused(WANTED.text, value);
  return toStringValue(value);
}

/** A value inside of a list or a map, much as it would be written in a source. */
function literal(value: CelValue): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') {
    const text = infinity(value) === undefined ? fixedText(value, DEFAULT_PRECISION) : goSpecial(value);
    return Number.isFinite(value) ? text : quoted(text);
  }
  if (value instanceof Uint8Array) return `b${quoted(toStringValue(value))}`;
  if (value instanceof CelTimestamp) return `timestamp(${quoted(toStringValue(value))})`;
  if (value instanceof CelDuration) return `duration(${quoted(toStringValue(value))})`;
  if (value instanceof CelList) return `[${Array.from(value, literal).join(', ')}]`;
  if (value instanceof CelMap) {
    const entries = Array.from(value.keys(), (key) => [literal(key), literal(value.get(key) as CelValue)] as const);
    entries.sort(([a], [b]) => byUtf8(a, b));
    return `{${entries.map(([key, entry]) => `${key}:${entry}`).join(', ')}}`;
  }
  if (value instanceof CelObject || value instanceof CelOptional) {
    throw evaluationError(`error during formatting: no formatting function for ${typeNameOf(value)}`);
  }
  return localisedText(value);
}

function goSpecial(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

function twoDigits(exponent: number): string {
  return Math.abs(exponent).toString().padStart(2, '0');
}
