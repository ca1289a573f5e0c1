import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  NULL,
  runtimeTypeName,
  STRING,
  TIMESTAMP,
  UINT,
} from './types.ts';
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
} from './values.ts';

/** The type of a literal. */
export function typeOfConstant(value: CelValue): CelType {
  switch (typeof value) {
    case 'boolean':
      return BOOL;
    case 'bigint':
      return INT;
    case 'number':
      return DOUBLE;
    case 'string':
      return STRING;
    default:
      if (value === null) return NULL;
      if (value instanceof CelUint) return UINT;
      if (value instanceof Uint8Array) return BYTES;
      if (value instanceof CelDuration) return DURATION;
      return value instanceof CelTimestamp ? TIMESTAMP : DYN;
  }
}

/** The name of a value's type: what `type(x)` gives. */
export function typeNameOf(value: CelValue): string {
  if (value instanceof CelList) return 'list';
  if (value instanceof CelMap) return 'map';
  if (value instanceof CelTypeValue) return 'type';
  if (value instanceof CelOptional) return 'optional_type';
  if (value instanceof CelObject) return runtimeTypeName(value.type);
  return runtimeTypeName(typeOfConstant(value));
}

/** Whether a value can be given for a parameter of a type. What lists, maps and optionals hold is not looked at. */
export function admits(type: CelType): (value: CelValue) => boolean {
  switch (type.kind) {
    case 'dyn':
    case 'error':
    case 'parameter':
      return () => true;
    case 'null':
      return (value) => value === null;
    case 'bool':
      return (value) => typeof value === 'boolean';
    case 'int':
      return (value) => typeof value === 'bigint';
    case 'uint':
      return (value) => value instanceof CelUint;
    case 'double':
      return (value) => typeof value === 'number';
    case 'string':
      return (value) => typeof value === 'string';
    case 'bytes':
      return (value) => value instanceof Uint8Array;
    case 'duration':
      return (value) => value instanceof CelDuration;
    case 'timestamp':
      return (value) => value instanceof CelTimestamp;
    case 'list':
      return (value) => value instanceof CelList;
    case 'map':
      return (value) => value instanceof CelMap;
    case 'type':
      return (value) => value instanceof CelTypeValue;
    case 'wrapper': {
      const inner = admits(type.of);
      return (value) => value === null || inner(value);
    }
    case 'abstract':
      if (type.name === 'optional_type') return (value) => value instanceof CelOptional;
      return (value) => value instanceof CelObject && runtimeTypeName(value.type) === type.name;
    case 'object':
      // A document stands for an object whose fields are declared.
      return (value) =>
        value instanceof CelMap || (value instanceof CelObject && runtimeTypeName(value.type) === type.name);
  }
}
