import {
  type Decl,
  type Type,
  Type_PrimitiveType,
  Type_WellKnownType,
} from '@bufbuild/cel-spec/cel/expr/checked_pb.js';
import type { SimpleTest } from '@bufbuild/cel-spec/cel/expr/conformance/test/simple_pb.js';
import type { Value } from '@bufbuild/cel-spec/cel/expr/value_pb.js';
import { getConformanceSuite } from '@bufbuild/cel-spec/testdata/tests.js';
import type { FunctionDeclaration, Overload } from '../../src/checks/policy/cel/declaration.ts';
import { evaluationError } from '../../src/checks/policy/cel/error.ts';
import {
  abstractType,
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  formatType,
  INT,
  listOf,
  mapOf,
  NULL,
  STRING,
  TIMESTAMP,
  typeOf,
  typeParameter,
  UINT,
} from '../../src/checks/policy/cel/types.ts';
import {
  ArrayList,
  CelDuration,
  type CelKey,
  CelTimestamp,
  CelTypeValue,
  CelUint,
  type CelValue,
  EntryMap,
} from '../../src/checks/policy/cel/values.ts';

/** A test of cel-spec in the words of this engine. */
export interface SpecTest {
  /** `file/section/name`, with a number where a section has the name twice. */
  readonly id: string;
  readonly expression: string;
  readonly container: string;
  readonly isChecked: boolean;
  readonly runs: boolean;
  readonly variables: ReadonlyMap<string, CelType>;
  readonly bindings: ReadonlyMap<string, CelValue>;
  /** What the test declares beyond the language; nothing is ever called. */
  readonly functions: readonly FunctionDeclaration[];
  readonly expected:
    | { readonly kind: 'value'; readonly value: CelValue; readonly type: string | undefined }
    | { readonly kind: 'type'; readonly type: string }
    | { readonly kind: 'error' };
}

/**
 * The tests that can be asked of an engine without protobuf messages: no test that names a message or an enumeration, or
 * expects one. Timestamps and durations are values of the language. `cel.block` is left out too: no source can call it,
 * it is how an optimiser writes a tree.
 */
export function specTests(): readonly SpecTest[] {
  const found: SpecTest[] = [];
  const seen = new Map<string, number>();
  for (const file of getConformanceSuite().suites) {
    for (const section of file.suites) {
      for (const { original } of section.tests) {
        if (file.name === 'block_ext' || needsMessages(original)) continue;
        const name = `${file.name}/${section.name}/${original.name}`;
        const count = (seen.get(name) ?? 0) + 1;
        seen.set(name, count);
        found.push(translate(count === 1 ? name : `${name}#${count}`, original));
      }
    }
  }
  return found;
}

const MESSAGES =
  /cel\.expr\.conformance\.proto|TestAllTypes|GlobalEnum|google\.protobuf\.(?!Timestamp|Duration)|"enumValue"|"objectValue"/;

function needsMessages(test: SimpleTest): boolean {
  if (test.container === 'google.protobuf') return true;
  const text = JSON.stringify(test, (key, value) => {
    if (key === '$typeName') return undefined;
    if (typeof value === 'bigint') return value.toString();
    return value instanceof Uint8Array ? '' : value;
  });
  const isTime = /type\.googleapis\.com\/google\.protobuf\.(Timestamp|Duration)/.test(text);
  return MESSAGES.test(isTime ? text.replaceAll('"objectValue"', '') : text);
}

function translate(id: string, test: SimpleTest): SpecTest {
  const bindings = new Map<string, CelValue>();
  for (const [name, { kind }] of Object.entries(test.bindings)) {
    if (kind.case === 'value') bindings.set(name, readValue(kind.value));
  }
  return {
    id,
    expression: test.expr,
    container: test.container,
    isChecked: !test.disableCheck,
    runs: !test.checkOnly,
    variables: new Map(test.typeEnv.flatMap(variableOf)),
    bindings,
    functions: test.typeEnv.flatMap(functionOf),
    expected: expectation(test.resultMatcher),
  };
}

function expectation(matcher: SimpleTest['resultMatcher']): SpecTest['expected'] {
  switch (matcher.case) {
    case 'value':
      return { kind: 'value', value: readValue(matcher.value), type: undefined };
    case 'typedResult': {
      const { result, deducedType } = matcher.value;
      const type = deducedType === undefined ? undefined : formatType(typeIn(deducedType));
      if (result !== undefined) return { kind: 'value', value: readValue(result), type };
      return { kind: 'type', type: type ?? 'dyn' };
    }
    case 'evalError':
      return { kind: 'error' };
    case undefined:
      // The default of the suite: the expression is true.
      return { kind: 'value', value: true, type: undefined };
    default:
      throw new Error(`no test has expected ${matcher.case} so far`);
  }
}

function variableOf(declaration: Decl): [string, CelType][] {
  if (declaration.declKind.case !== 'ident') return [];
  const { type } = declaration.declKind.value;
  return [[declaration.name, type === undefined ? DYN : typeIn(type)]];
}

function functionOf(declaration: Decl): FunctionDeclaration[] {
  if (declaration.declKind.case !== 'function') return [];
  const overloads = declaration.declKind.value.overloads.map((overload): Overload => {
    const parameters = overload.params.map(typeIn);
    const call = (): CelValue => {
      throw evaluationError('declared only');
    };
    return { id: overload.overloadId, parameters, result: elementType(overload.resultType), call };
  });
  return [{ name: declaration.name, overloads }];
}

function typeIn(type: Type): CelType {
  const { typeKind } = type;
  switch (typeKind.case) {
    case 'primitive':
      return primitive(typeKind.value);
    case 'wellKnown':
      if (typeKind.value === Type_WellKnownType.DURATION) return DURATION;
      return typeKind.value === Type_WellKnownType.TIMESTAMP ? TIMESTAMP : DYN;
    case 'listType':
      return listOf(elementType(typeKind.value.elemType));
    case 'mapType':
      return mapOf(elementType(typeKind.value.keyType), elementType(typeKind.value.valueType));
    case 'null':
      return NULL;
    case 'type':
      return typeOf(typeIn(typeKind.value));
    case 'abstractType':
      return abstractType(typeKind.value.name, ...typeKind.value.parameterTypes.map(typeIn));
    case 'typeParam':
      return typeParameter(typeKind.value);
    case 'wrapper':
      return { kind: 'wrapper', of: primitive(typeKind.value) };
    default:
      return DYN;
  }
}

function elementType(type: Type | undefined): CelType {
  return type === undefined ? DYN : typeIn(type);
}

function primitive(kind: Type_PrimitiveType): CelType {
  switch (kind) {
    case Type_PrimitiveType.BOOL:
      return BOOL;
    case Type_PrimitiveType.INT64:
      return INT;
    case Type_PrimitiveType.UINT64:
      return UINT;
    case Type_PrimitiveType.DOUBLE:
      return DOUBLE;
    case Type_PrimitiveType.STRING:
      return STRING;
    case Type_PrimitiveType.BYTES:
      return BYTES;
    default:
      return DYN;
  }
}

function readValue({ kind }: Value): CelValue {
  switch (kind.case) {
    case 'nullValue':
      return null;
    case 'boolValue':
    case 'int64Value':
    case 'doubleValue':
    case 'stringValue':
    case 'bytesValue':
      return kind.value;
    case 'uint64Value':
      return new CelUint(kind.value);
    case 'typeValue':
      return new CelTypeValue(kind.value);
    case 'listValue':
      return new ArrayList(kind.value.values.map(readValue));
    case 'mapValue':
      return new EntryMap(
        kind.value.entries.map(({ key, value }) => {
          return [key === undefined ? '' : (readValue(key) as CelKey), value === undefined ? null : readValue(value)];
        }),
      );
    case 'objectValue':
      return momentOf(kind.value.typeUrl, kind.value.value);
    default:
      throw new Error(`no test has held ${kind.case} so far`);
  }
}

/** A timestamp or a duration on the wire: seconds in its first field and nanoseconds in its second. */
function momentOf(typeUrl: string, bytes: Uint8Array): CelValue {
  const fields = [0n, 0n, 0n];
  for (let at = 0; at < bytes.length; ) {
    const field = (bytes[at++] ?? 0) >> 3;
    let value = 0n;
    for (let shift = 0n, more = true; more; shift += 7n) {
      const byte = bytes[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      more = byte >= 0x80;
    }
    fields[field] = BigInt.asIntN(64, value);
  }
  const nanoseconds = (fields[1] ?? 0n) * 1_000_000_000n + (fields[2] ?? 0n);
  return typeUrl.endsWith('Timestamp') ? new CelTimestamp(nanoseconds) : new CelDuration(nanoseconds);
}
