/** The functions of the JMESPath specification, as kyverno/go-jmespath has them. */
import { byUtf8, objectFrom } from '../../../../../core/json.ts';
import { JmesError } from '../error.ts';
import { type ByExpression, type JmesFunction, orNull, type Run } from '../function.ts';
import { goJson, isList, isMap, isRecordList, sortedKeys, type Value } from '../value.ts';
import { parseGoFloat } from './go-float.ts';

type List = readonly Value[];

export const standard: readonly JmesFunction[] = [
  { name: 'abs', parameters: [['number']], call: ([n]) => Math.abs(n as number) },
  { name: 'ceil', parameters: [['number']], call: ([n]) => Math.ceil(n as number) },
  { name: 'floor', parameters: [['number']], call: ([n]) => Math.floor(n as number) },
  {
    name: 'avg',
    parameters: [['array[number]']],
    call: ([list]) => (list as readonly number[]).reduce((sum, one) => sum + one, 0) / (list as List).length,
  },
  {
    name: 'contains',
    parameters: [['array', 'string'], ['any']],
    call: ([within, wanted], run) => contains(within as List | string, wanted as Value, run),
  },
  {
    name: 'starts_with',
    parameters: [['string'], ['string']],
    call: ([text, start]) => (text as string).startsWith(start as string),
  },
  {
    name: 'ends_with',
    parameters: [['string'], ['string']],
    call: ([text, end]) => (text as string).endsWith(end as string),
  },
  {
    name: 'join',
    parameters: [['string'], ['array[string]']],
    call: ([between, list], run) => join(between as string, list as readonly string[], run),
  },
  {
    name: 'keys',
    parameters: [['object']],
    call: ([object]) => (isMap(object as Value) ? sortedKeys(object as never) : null),
  },
  { name: 'values', parameters: [['object']], call: ([object]) => valuesOf(object as Value) },
  { name: 'length', parameters: [['string', 'array', 'object']], call: ([value]) => length(value as Value) },
  { name: 'map', expressionFirst: true, callBy: (list, by) => plainList(list, 'map').map((one) => orNull(by(one))) },
  { name: 'max', parameters: [['array[number]', 'array[string]']], call: ([list]) => extreme(list as List, 1) },
  { name: 'min', parameters: [['array[number]', 'array[string]']], call: ([list]) => extreme(list as List, -1) },
  { name: 'max_by', expressionFirst: false, callBy: (list, by) => extremeBy(plainList(list, 'max_by'), by, 1) },
  { name: 'min_by', expressionFirst: false, callBy: (list, by) => extremeBy(plainList(list, 'min_by'), by, -1) },
  { name: 'sort_by', expressionFirst: false, callBy: (list, by, run) => sortBy(plainList(list, 'sort_by'), by, run) },
  { name: 'merge', parameters: [['object']], arity: 'variadic', call: (objects, run) => merge(objects, run) },
  {
    name: 'not_null',
    parameters: [['any']],
    arity: 'variadic',
    call: (values) => values.find((one) => one !== null) ?? null,
  },
  { name: 'reverse', parameters: [['array', 'string']], call: ([value]) => reverse(value as List | string) },
  { name: 'sort', parameters: [['array[string]', 'array[number]']], call: ([list], run) => sorted(list as List, run) },
  {
    name: 'to_array',
    parameters: [['any']],
    call: ([value]) => (isList(value as Value) && !isRecordList(value as Value) ? (value as List) : [value as Value]),
  },
  { name: 'to_number', parameters: [['any']], call: ([value]) => toNumber(value as Value) },
  { name: 'to_string', parameters: [['any']], call: ([value], run) => toText(value as Value, run) },
  { name: 'type', parameters: [['any']], call: ([value]) => typeName(value as Value) },
];

/** Go cannot take a list of objects for a list of anything here, and gives up. */
function plainList(list: Value, name: string): List {
  if (!isList(list) || isRecordList(list))
    throw new JmesError('crash', `${name}() cannot take the list that items() gives`);
  return list;
}

function contains(within: List | string, wanted: Value, run: Run): boolean {
  if (typeof within === 'string') return typeof wanted === 'string' && within.includes(wanted);
  const list = plainList(within, 'contains');
  run.spend(list.length);
  for (const one of list) {
    if (typeof wanted !== 'object' || wanted === null) {
      if (one === wanted) return true;
    } else if (
      typeof one === 'object' &&
      one !== null &&
      isList(one) === isList(wanted) &&
      isRecordList(one) === isRecordList(wanted)
    ) {
      // Go's == panics on two objects, or on two lists, whether they are equal or not.
      throw new JmesError('crash', 'contains() cannot compare objects or lists');
    }
  }
  return false;
}

function join(between: string, list: readonly string[], run: Run): string {
  let size = 0;
  for (const one of list) size += one.length + between.length;
  spendOnText(run, size);
  return list.join(between);
}

/** No text of a cluster has more than a few megabytes, and making one costs time in proportion. */
export function spendOnText(run: Run, length: number): void {
  if (length > 16_000_000) throw new JmesError('limit', 'a text becomes longer than 16,000,000 characters');
  run.spend(length >> 4);
}

function valuesOf(object: Value): Value {
  if (!isMap(object)) return null;
  return sortedKeys(object).map((key) => object[key] as Value);
}

function length(value: Value): number {
  if (typeof value === 'string') return characterCount(value);
  return isList(value) ? value.length : Object.keys(value as object).length;
}

function characterCount(text: string): number {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdbff) continue;
    const next = text.charCodeAt(at + 1);
    if (next >= 0xdc00 && next <= 0xdfff) count--;
  }
  return count;
}

/** The larger of two values of one type is positive; texts compare by their bytes. */
function compare(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a > b ? 1 : a < b ? -1 : 0;
  return byUtf8(a as string, b as string);
}

function extreme(list: List, sign: 1 | -1): Value {
  let best = list[0] ?? null;
  for (const one of list) if (compare(one, best) * sign > 0) best = one;
  return best;
}

/** The key of each element, all of the type of the first one's. */
function keysBy(list: List, by: ByExpression): (number | string)[] {
  const first = orNull(by(list[0] as Value));
  if (typeof first !== 'number' && typeof first !== 'string') {
    throw new JmesError('invalid', 'invalid type, must be number of string');
  }
  return list.map((one, index) => {
    const key = index === 0 ? first : orNull(by(one));
    if (typeof key !== typeof first) throw new JmesError('invalid', `invalid type, must be ${typeof first}`);
    return key as number | string;
  });
}

function extremeBy(list: List, by: ByExpression, sign: 1 | -1): Value {
  if (list.length < 2) return list[0] ?? null;
  const keys = keysBy(list, by);
  let best = 0;
  for (const [index, key] of keys.entries()) if (compare(key, keys[best] as Value) * sign > 0) best = index;
  return list[best] as Value;
}

function sortBy(list: List, by: ByExpression, run: Run): Value {
  if (list.length < 2) return list;
  run.spend(list.length * 8);
  const keys = keysBy(list, by);
  const order = keys.map((_, index) => index);
  order.sort((a, b) => compare(keys[a] as Value, keys[b] as Value));
  return order.map((index) => list[index] as Value);
}

function sorted(list: List, run: Run): Value {
  run.spend(list.length * 8);
  return [...list].sort(compare);
}

function merge(objects: List, run: Run): Value {
  const entries: (readonly [string, Value])[] = [];
  for (const object of objects) {
    if (!isMap(object)) throw new JmesError('crash', 'merge() takes objects');
    for (const key of Object.keys(object)) entries.push([key, object[key] as Value]);
  }
  run.spend(entries.length);
  return objectFrom(entries);
}

function reverse(value: List | string): Value {
  if (typeof value === 'string') return Array.from(value).reverse().join('');
  return [...plainList(value, 'reverse')].reverse();
}

function toNumber(value: Value): Value {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return parseGoFloat(value) ?? null;
  if (typeof value === 'bigint' || isRecordList(value)) throw new JmesError('invalid', 'unknown type');
  return null;
}

function toText(value: Value, run: Run): string {
  if (typeof value === 'string') return value;
  const text = goJson(value);
  if (text === undefined) throw new JmesError('invalid', 'json: unsupported value: a number that is not finite');
  spendOnText(run, text.length);
  return text;
}

function typeName(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint' || isRecordList(value)) throw new JmesError('invalid', 'unknown type');
  if (isList(value)) return 'array';
  return typeof value;
}
