import { type JsonObject, objectFrom } from '../../../../../core/json.ts';
import { invalidCall } from '../error.ts';
import type { JmesFunction, Run } from '../function.ts';
import { isList, isMap, isRecordList, recordList, sortedKeys, type Value } from '../value.ts';
import { scalarText } from './scalar-text.ts';
import { goInt } from './strings.ts';

/** Kyverno's functions of lists and objects. */
export const collections: readonly JmesFunction[] = [
  {
    name: 'lookup',
    parameters: [
      ['object', 'array'],
      ['string', 'number'],
    ],
    call: ([within, key]) => lookup(within as Value, key as string | number),
  },
  {
    name: 'items',
    parameters: [['object', 'array'], ['string'], ['string']],
    call: ([of, key, value], run) => items(of as Value, key as string, value as string, run),
  },
  {
    name: 'object_from_lists',
    parameters: [['array'], ['array']],
    call: ([keys, values]) => objectFromLists(keys as Value, values as Value),
  },
];

function lookup(within: Value, key: string | number): Value {
  if (isMap(within)) {
    if (typeof key !== 'string') throw invalidCall('lookup', 'argument #2 is not of type String');
    return Object.hasOwn(within, key) ? (within[key] as Value) : null;
  }
  if (!isList(within) || isRecordList(within))
    throw invalidCall('lookup', 'argument #1 is not of type Object or Array');
  if (typeof key !== 'number') throw invalidCall('lookup', 'argument #2 is not of type Number');
  if (key !== goInt(key)) throw invalidCall('lookup', `argument #2: expected an integer number but got: ${key}`);
  return within[key] ?? null;
}

/** An object's entries by their keys, or a list's by their indices, each as an object of two fields. */
function items(of: Value, key: string, value: string, run: Run): Value {
  if (isMap(of)) {
    const keys = sortedKeys(of);
    run.spend(keys.length);
    return recordList(
      keys.map(
        (name): JsonObject =>
          objectFrom([
            [key, name],
            [value, of[name] as Value],
          ]),
      ),
    );
  }
  if (!isList(of) || isRecordList(of)) throw invalidCall('items', 'argument #1 is not of type Object or Array');
  run.spend(of.length);
  return recordList(
    of.map(
      (one, index): JsonObject =>
        objectFrom([
          [key, index],
          [value, one],
        ]),
    ),
  );
}

function objectFromLists(keys: Value, values: Value): Value {
  const name = 'object_from_lists';
  if (!isList(keys) || isRecordList(keys)) throw invalidCall(name, 'argument #1 is not of type Array');
  if (!isList(values) || isRecordList(values)) throw invalidCall(name, 'argument #2 is not of type Array');
  return objectFrom(
    keys.map((one, index) => {
      const key = scalarText(one);
      if (key === undefined) throw invalidCall(name, 'argument #1 is not of type StringArray');
      return [key, values[index] ?? null] as const;
    }),
  );
}
