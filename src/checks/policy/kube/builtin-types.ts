import table from './builtin-types.json' with { type: 'json' };

/** How a value of a built-in type is decoded, and written. */
export type FieldType =
  | { readonly kind: 'string' | 'bool' | 'bytes' | 'quantity' | 'int-or-string' | 'duration' | 'any' }
  | { readonly kind: 'integer'; readonly min: bigint; readonly max: bigint }
  | { readonly kind: 'float' }
  | { readonly kind: 'time'; readonly fraction: boolean }
  | { readonly kind: 'list'; readonly item: FieldType }
  | { readonly kind: 'map'; readonly value: FieldType }
  | { readonly kind: 'pointer'; readonly to: FieldType }
  | { readonly kind: 'struct'; readonly name: string };

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** Left out where it is empty: `omitempty` in Go, which leaves no struct out. */
  readonly omitEmpty: boolean;
  /** Left out where it is Go's zero value. */
  readonly omitZero: boolean;
}

/** The minor version of Kubernetes, after `1.`, whose types the table holds. */
export const TABLE_MINOR = 36;

const roots = table.kinds as Readonly<Record<string, string>>;
const spelled = table.types as Readonly<Record<string, string>>;
const read = new Map<string, readonly Field[]>();

/** The name of a built-in kind's type; undefined for every other kind. */
export function typeOfKind(apiVersion: string, kind: string): string | undefined {
  const key = `${apiVersion}/${kind}`;
  return Object.hasOwn(roots, key) ? roots[key] : undefined;
}

/** The fields of a struct of the table, in the order of their names. */
export function fieldsOf(struct: string): readonly Field[] {
  const known = read.get(struct);
  if (known !== undefined) return known;
  const fields = (spelled[struct] ?? '').split(', ').filter((text) => text !== '');
  const made = fields.map(readField);
  read.set(struct, made);
  return made;
}

function readField(text: string): Field {
  const [marked = '', type = ''] = text.split(' ');
  const name = marked.replace(/[?!]+$/, '');
  return { name, type: readType(type), omitEmpty: marked.includes('?'), omitZero: marked.endsWith('!') };
}

const SCALARS: Readonly<Record<string, FieldType>> = {
  string: { kind: 'string' },
  bool: { kind: 'bool' },
  bytes: { kind: 'bytes' },
  quantity: { kind: 'quantity' },
  'int-or-string': { kind: 'int-or-string' },
  duration: { kind: 'duration' },
  any: { kind: 'any' },
  uint8: { kind: 'integer', min: 0n, max: 255n },
  int32: { kind: 'integer', min: -(2n ** 31n), max: 2n ** 31n - 1n },
  int64: { kind: 'integer', min: -(2n ** 63n), max: 2n ** 63n - 1n },
  float32: { kind: 'float' },
  float64: { kind: 'float' },
  time: { kind: 'time', fraction: false },
  'micro-time': { kind: 'time', fraction: true },
};

function readType(text: string): FieldType {
  if (text.startsWith('*')) return { kind: 'pointer', to: readType(text.slice(1)) };
  if (text.startsWith('[]')) return { kind: 'list', item: readType(text.slice(2)) };
  if (text.startsWith('{}')) return { kind: 'map', value: readType(text.slice(2)) };
  return SCALARS[text] ?? { kind: 'struct', name: text };
}
