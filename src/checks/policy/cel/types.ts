/**
 * Types as the checker sees them. Two types are the same if they print the same (`formatType`).
 *
 * `parameter` is a type variable of an overload (`list(T)`); the checker replaces it afresh in every call. `abstract` is
 * a type that a library brings, known by its name alone (`kubernetes.Quantity`), with parameters where it has any
 * (`optional_type(T)`). `object` has fields that the environment declares.
 */
export type CelType =
  | { readonly kind: PrimitiveKind }
  | { readonly kind: 'list'; readonly element: CelType }
  | { readonly kind: 'map'; readonly key: CelType; readonly value: CelType }
  | { readonly kind: 'type'; readonly of: CelType | undefined }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'wrapper'; readonly of: CelType }
  | { readonly kind: 'abstract'; readonly name: string; readonly parameters: readonly CelType[] }
  | { readonly kind: 'object'; readonly name: string };

type PrimitiveKind =
  | 'dyn'
  | 'error'
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'duration'
  | 'timestamp';

export const DYN: CelType = { kind: 'dyn' };
/** The type of what could not be checked; it never leaves the checker. */
export const ERROR: CelType = { kind: 'error' };
export const NULL: CelType = { kind: 'null' };
export const BOOL: CelType = { kind: 'bool' };
export const INT: CelType = { kind: 'int' };
export const UINT: CelType = { kind: 'uint' };
export const DOUBLE: CelType = { kind: 'double' };
export const STRING: CelType = { kind: 'string' };
export const BYTES: CelType = { kind: 'bytes' };
export const DURATION: CelType = { kind: 'duration' };
export const TIMESTAMP: CelType = { kind: 'timestamp' };
export const TYPE: CelType = { kind: 'type', of: undefined };

export function listOf(element: CelType): CelType {
  return { kind: 'list', element };
}

export function mapOf(key: CelType, value: CelType): CelType {
  return { kind: 'map', key, value };
}

export function typeOf(of: CelType): CelType {
  return { kind: 'type', of };
}

/** A type variable: every use in one overload stands for the same type. */
export function typeParameter(name: string): CelType {
  return { kind: 'parameter', name };
}

export function abstractType(name: string, ...parameters: readonly CelType[]): CelType {
  return { kind: 'abstract', name, parameters };
}

export function objectType(name: string): CelType {
  return { kind: 'object', name };
}

export function optionalOf(of: CelType): CelType {
  return abstractType('optional_type', of);
}

/** The type inside an optional, or undefined for any other type. */
export function optionalElement(type: CelType): CelType | undefined {
  return type.kind === 'abstract' && type.name === 'optional_type' ? type.parameters[0] : undefined;
}

/** The name of a type at run time, where type parameters are erased: what `type(x)` is compared with. */
export function runtimeTypeName(type: CelType): string {
  switch (type.kind) {
    case 'null':
      return 'null_type';
    case 'duration':
      return 'google.protobuf.Duration';
    case 'timestamp':
      return 'google.protobuf.Timestamp';
    case 'abstract':
    case 'object':
    case 'parameter':
      return type.name;
    case 'wrapper':
      return runtimeTypeName(type.of);
    default:
      return type.kind;
  }
}

/** As the Go implementation writes types in its messages: `list(int)`, `map(string, dyn)`. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${formatType(type.element)})`;
    case 'map':
      return `map(${formatType(type.key)}, ${formatType(type.value)})`;
    case 'type':
      return type.of === undefined ? 'type' : `type(${formatType(type.of)})`;
    case 'null':
      return 'null';
    case 'error':
      return '!error!';
    case 'wrapper':
      return `wrapper(${formatType(type.of)})`;
    case 'abstract':
      return type.parameters.length === 0 ? type.name : `${type.name}(${type.parameters.map(formatType).join(', ')})`;
    case 'duration':
    case 'timestamp':
      return type.kind;
    default:
      return runtimeTypeName(type);
  }
}
