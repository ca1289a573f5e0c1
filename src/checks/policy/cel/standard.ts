import { readElement } from './access.ts';
import { add, divide, modulo, multiply, negate, subtract } from './arithmetic.ts';
import { Operator } from './ast.ts';
import { toBoolValue, toBytesValue, toDoubleValue, toIntValue, toStringValue, toUintValue } from './conversions.ts';
import { patternCost, sizeForCost, traversalCost } from './cost.ts';
import type { CallCost, ConstantDeclaration, FunctionDeclaration, Overload } from './declaration.ts';
import { parseDuration } from './duration.ts';
import { compare, equals } from './equality.ts';
import { evaluationError, noSuchOverload } from './error.ts';
import { matchesPattern } from './pattern.ts';
import { STANDARD_TIME_FUNCTIONS } from './standard-time.ts';
import { parseStrictTimestamp, parseTimestamp } from './timestamp.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  NULL,
  runtimeTypeName,
  STRING,
  TIMESTAMP,
  TYPE,
  typeOf,
  typeParameter,
  UINT,
} from './types.ts';
import { typeNameOf } from './value-types.ts';
import { CelDuration, CelList, CelMap, CelTimestamp, CelTypeValue, type CelValue, codePointCount } from './values.ts';

const A = typeParameter('A');
const B = typeParameter('B');

type Call = Overload['call'];
type Row = readonly [id: string, parameters: readonly CelType[], result: CelType, cost?: CallCost];

/** A function whose overloads share one implementation that looks at the values itself. */
function shared(name: string, call: Call, rows: readonly Row[]): FunctionDeclaration {
  const overloads = rows.map(([id, parameters, result, cost]) =>
    unguarded(overload(id, parameters, result, call, cost)),
  );
  return { name, overloads };
}

function overload(id: string, parameters: readonly CelType[], result: CelType, call: Call, cost?: CallCost): Overload {
  const base: Overload = { id, parameters, result, call };
  return cost === undefined ? base : { ...base, cost, costIfResolved: true };
}

function unguarded(made: Overload): Overload {
  return { ...made, unguarded: true };
}

function member(made: Overload): Overload {
  return { ...made, member: true };
}

const walkFirst: CallCost = (args) => traversalCost(sizeForCost(args[0] as CelValue));
const walkShorter: CallCost = ([a, b]) =>
  traversalCost(Math.min(sizeForCost(a as CelValue), sizeForCost(b as CelValue)));
const walkBoth: CallCost = ([a, b]) => traversalCost(sizeForCost(a as CelValue) + sizeForCost(b as CelValue));

/** An operator on two operands. The order of its overloads is Go's: the first that fits decides about type variables. */
function arithmetic(name: string, word: string, call: Binary, rows: readonly Row[]): FunctionDeclaration {
  return shared(
    name,
    (a, b) => call(a as CelValue, b as CelValue),
    rows.map(([kind, parameters, result, cost]) => {
      const id = `${word}_${kind}`;
      return cost === undefined ? [id, parameters, result] : [id, parameters, result, cost];
    }),
  );
}

type Binary = (a: CelValue, b: CelValue) => CelValue;

const DOUBLE_ROW: Row = ['double', [DOUBLE, DOUBLE], DOUBLE];
const INT_ROW: Row = ['int64', [INT, INT], INT];
const UINT_ROW: Row = ['uint64', [UINT, UINT], UINT];
const DURATION_ROW: Row = ['duration_duration', [DURATION, DURATION], DURATION];

const ORDERED: readonly (readonly [string, CelType])[] = [
  ['bool', BOOL],
  ['int64', INT],
  ['uint64', UINT],
  ['double', DOUBLE],
  ['string', STRING],
  ['bytes', BYTES],
  ['timestamp', TIMESTAMP],
  ['duration', DURATION],
];
/** The numbers of other types that a number is compared with. */
const ACROSS: ReadonlyMap<CelType, readonly (readonly [string, CelType])[]> = new Map([
  [INT, [['double', DOUBLE] as const, ['uint64', UINT] as const]],
  [UINT, [['double', DOUBLE] as const, ['int64', INT] as const]],
  [DOUBLE, [['int64', INT] as const, ['uint64', UINT] as const]],
]);

function ordering(name: string, word: string, holds: (order: number) => boolean): FunctionDeclaration {
  const rows = ORDERED.flatMap(([kind, type]): Row[] => {
    const isLong = type === STRING || type === BYTES;
    const same: Row = isLong
      ? [`${word}_${kind}`, [type, type], BOOL, walkShorter]
      : [`${word}_${kind}`, [type, type], BOOL];
    const others = ACROSS.get(type) ?? [];
    return [same, ...others.map(([other, second]): Row => [`${word}_${kind}_${other}`, [type, second], BOOL])];
  });
  return shared(name, (a, b) => holds(compare(a as CelValue, b as CelValue, name)), rows);
}

/** Operators that are compiled apart, because they do not evaluate all their arguments. */
const neverCalled: Call = () => {
  throw noSuchOverload();
};

const OPERATORS: readonly FunctionDeclaration[] = [
  shared(Operator.conditional, neverCalled, [['conditional', [BOOL, A, A], A]]),
  shared(Operator.and, neverCalled, [['logical_and', [BOOL, BOOL], BOOL]]),
  shared(Operator.or, neverCalled, [['logical_or', [BOOL, BOOL], BOOL]]),
  shared(Operator.notStrictlyFalse, neverCalled, [['not_strictly_false', [BOOL], BOOL]]),
  shared(Operator.not, (a) => not(a as CelValue), [['logical_not', [BOOL], BOOL]]),
  shared(Operator.equals, (a, b) => equals(a as CelValue, b as CelValue), [['equals', [A, A], BOOL, walkShorter]]),
  shared(Operator.notEquals, (a, b) => !equals(a as CelValue, b as CelValue), [
    ['not_equals', [A, A], BOOL, walkShorter],
  ]),
  arithmetic(Operator.add, 'add', add, [
    ['bytes', [BYTES, BYTES], BYTES, walkBoth],
    DOUBLE_ROW,
    DURATION_ROW,
    ['duration_timestamp', [DURATION, TIMESTAMP], TIMESTAMP],
    ['timestamp_duration', [TIMESTAMP, DURATION], TIMESTAMP],
    INT_ROW,
    ['list', [listOf(A), listOf(A)], listOf(A)],
    ['string', [STRING, STRING], STRING, walkBoth],
    UINT_ROW,
  ]),
  arithmetic(Operator.subtract, 'subtract', subtract, [
    DOUBLE_ROW,
    DURATION_ROW,
    INT_ROW,
    ['timestamp_duration', [TIMESTAMP, DURATION], TIMESTAMP],
    ['timestamp_timestamp', [TIMESTAMP, TIMESTAMP], DURATION],
    UINT_ROW,
  ]),
  arithmetic(Operator.multiply, 'multiply', multiply, [DOUBLE_ROW, INT_ROW, UINT_ROW]),
  arithmetic(Operator.divide, 'divide', divide, [DOUBLE_ROW, INT_ROW, UINT_ROW]),
  arithmetic(Operator.modulo, 'modulo', modulo, [INT_ROW, UINT_ROW]),
  shared(Operator.negate, (a) => negate(a as CelValue), [
    ['negate_double', [DOUBLE], DOUBLE],
    ['negate_int64', [INT], INT],
  ]),
  ordering(Operator.less, 'less', (order) => order < 0),
  ordering(Operator.lessEquals, 'less_equals', (order) => order <= 0),
  ordering(Operator.greater, 'greater', (order) => order > 0),
  ordering(Operator.greaterEquals, 'greater_equals', (order) => order >= 0),
  shared(Operator.index, (a, b) => readElement(a as CelValue, b as CelValue), [
    ['index_list', [listOf(A), INT], A],
    ['index_map', [mapOf(A, B), A], B],
  ]),
  shared(Operator.in, (a, b) => isIn(a as CelValue, b as CelValue), [
    ['in_list', [A, listOf(A)], BOOL, (args) => sizeForCost(args[1] as CelValue)],
    ['in_map', [A, mapOf(A, B)], BOOL],
  ]),
];

function not(value: CelValue): boolean {
  if (typeof value !== 'boolean') throw noSuchOverload();
  return !value;
}

function isIn(value: CelValue, container: CelValue): boolean {
  if (container instanceof CelMap) return container.has(value);
  if (!(container instanceof CelList)) throw noSuchOverload();
  const { size } = container;
  for (let i = 0; i < size; i++) if (equals(value, container.at(i))) return true;
  return false;
}

function size(value: CelValue): bigint {
  if (typeof value === 'string') return BigInt(codePointCount(value));
  if (value instanceof CelList || value instanceof CelMap) return BigInt(value.size);
  if (value instanceof Uint8Array) return BigInt(value.length);
  throw noSuchOverload('size');
}

function sizes(): FunctionDeclaration {
  const call: Call = (value) => size(value as CelValue);
  const kinds = [
    ['bytes', BYTES],
    ['list', listOf(A)],
    ['map', mapOf(A, B)],
    ['string', STRING],
  ] as const;
  const overloads = kinds.flatMap(([kind, type]) => [
    unguarded(overload(`size_${kind}`, [type], INT, call)),
    unguarded(member(overload(`${kind}_size`, [type], INT, call))),
  ]);
  return { name: 'size', overloads };
}

function conversion(
  name: string,
  to: string,
  result: CelType,
  convert: (value: CelValue) => CelValue,
  from: readonly (readonly [string, CelType])[],
): FunctionDeclaration {
  const rows: Row[] = from.map(([kind, type]) => {
    const walks = (type === STRING && result === BYTES) || (type === BYTES && result === STRING);
    return walks ? [`${kind}_to_${to}`, [type], result, walkFirst] : [`${kind}_to_${to}`, [type], result];
  });
  const overloads = rows.map(([id, parameters, type, cost]) =>
    overload(id, parameters, type, (value) => convert(value as CelValue), cost),
  );
  return { name, overloads };
}

const INTS = ['int64', INT] as const;
const UINTS = ['uint64', UINT] as const;
const DOUBLES = ['double', DOUBLE] as const;
const STRINGS = ['string', STRING] as const;
const BYTE_STRINGS = ['bytes', BYTES] as const;
const DURATIONS = ['duration', DURATION] as const;
const TIMESTAMPS = ['timestamp', TIMESTAMP] as const;

const CONVERSIONS: readonly FunctionDeclaration[] = [
  shared('type', (value) => new CelTypeValue(typeNameOf(value as CelValue)), [['type', [A], typeOf(A)]]),
  shared('dyn', (value) => value as CelValue, [['to_dyn', [A], DYN]]),
  conversion('bool', 'bool', BOOL, toBoolValue, [['bool', BOOL], STRINGS]),
  conversion('bytes', 'bytes', BYTES, toBytesValue, [BYTE_STRINGS, STRINGS]),
  conversion('double', 'double', DOUBLE, toDoubleValue, [DOUBLES, INTS, STRINGS, UINTS]),
  conversion('int', 'int64', INT, toIntValue, [INTS, DOUBLES, DURATIONS, STRINGS, TIMESTAMPS, UINTS]),
  conversion('uint', 'uint64', UINT, toUintValue, [UINTS, DOUBLES, INTS, STRINGS]),
  conversion('string', 'string', STRING, toStringValue, [
    STRINGS,
    ['bool', BOOL],
    BYTE_STRINGS,
    DOUBLES,
    DURATIONS,
    INTS,
    TIMESTAMPS,
    UINTS,
  ]),
  conversion('duration', 'duration', DURATION, toDuration, [DURATIONS, INTS, STRINGS]),
  conversion('timestamp', 'timestamp', TIMESTAMP, (value) => toTimestamp(value, parseTimestamp), [
    TIMESTAMPS,
    INTS,
    STRINGS,
  ]),
];

function toDuration(value: CelValue): CelValue {
  if (value instanceof CelDuration) return value;
  if (typeof value === 'bigint') {
    // Declared, and never implemented: the Go implementation accepts the call and always fails.
    throw evaluationError("type conversion error from 'int' to 'google.protobuf.Duration'");
  }
  if (typeof value === 'string') return parseDuration(value);
  throw noSuchOverload();
}

function toTimestamp(value: CelValue, parse: (text: string) => CelTimestamp): CelValue {
  if (value instanceof CelTimestamp) return value;
  if (typeof value === 'bigint') return new CelTimestamp(value * 1_000_000_000n);
  if (typeof value === 'string') return parse(value);
  throw noSuchOverload();
}

const matchesCost: CallCost = ([text, pattern]) =>
  patternCost(sizeForCost(text as CelValue), sizeForCost(pattern as CelValue));

function onText(name: string, id: string, test: (text: string, part: string) => boolean, cost: CallCost) {
  const call = onStrings(test);
  return { name, overloads: [unguarded(member(overload(id, [STRING, STRING], BOOL, call, cost)))] };
}

function onStrings(test: (text: string, part: string) => boolean): Call {
  return (text, part) => {
    if (typeof text !== 'string' || typeof part !== 'string') throw noSuchOverload();
    return test(text, part);
  };
}

const matchesCall = onStrings(matchesPattern);

const TEXTS: readonly FunctionDeclaration[] = [
  onText(
    'contains',
    'contains_string',
    (text, part) => text.includes(part),
    ([text, part]) => {
      return traversalCost(sizeForCost(text as CelValue)) * traversalCost(sizeForCost(part as CelValue));
    },
  ),
  onText('endsWith', 'ends_with_string', (text, part) => text.endsWith(part), walkFirst),
  onText('startsWith', 'starts_with_string', (text, part) => text.startsWith(part), walkFirst),
  {
    name: 'matches',
    overloads: [
      unguarded(overload('matches', [STRING, STRING], BOOL, matchesCall)),
      unguarded(member(overload('matches_string', [STRING, STRING], BOOL, matchesCall, matchesCost))),
    ],
  },
];

/** The functions of the language itself, without optional values. */
export const STANDARD_FUNCTIONS: readonly FunctionDeclaration[] = [
  ...OPERATORS,
  sizes(),
  ...CONVERSIONS,
  ...TEXTS,
  ...STANDARD_TIME_FUNCTIONS,
];

/** The same as cel-go 0.30 has them: a stricter `timestamp`, and no `duration` of an int. */
export const STANDARD_FUNCTIONS_0_30: readonly FunctionDeclaration[] = [
  ...STANDARD_FUNCTIONS.filter(({ name }) => name !== 'timestamp' && name !== 'duration'),
  conversion('duration', 'duration', DURATION, toDuration, [DURATIONS, STRINGS]),
  conversion('timestamp', 'timestamp', TIMESTAMP, (value) => toTimestamp(value, parseStrictTimestamp), [
    TIMESTAMPS,
    INTS,
    STRINGS,
  ]),
];

/** The names of the types, which are values: `type(1) == int`. */
export const STANDARD_TYPES: readonly ConstantDeclaration[] = [
  ...[BOOL, BYTES, DOUBLE, INT, STRING, UINT, DURATION, TIMESTAMP, NULL].map((type) => typeConstant(type)),
  typeConstant(listOf(DYN)),
  typeConstant(mapOf(DYN, DYN)),
  { name: 'type', type: typeOf(TYPE), value: new CelTypeValue('type') },
];

/** A type's name as a constant of an environment. */
export function typeConstant(type: CelType): ConstantDeclaration {
  const name = runtimeTypeName(type);
  return { name, type: typeOf(type), value: new CelTypeValue(name) };
}
