import fc from 'fast-check';
import type { JsonValue } from '../../src/core/json.ts';

type Path = readonly (string | number)[];

/** A place between the begin and the end, every one as likely. */
function anywhere(): fc.Arbitrary<number> {
  return fc.noBias(fc.integer({ min: 0, max: 999_999 })).map((millionths) => millionths / 1_000_000);
}

/** A change of bytes: one flipped, some taken out, some put in, some said twice, or the end cut off. */
export function byteMutations(): fc.Arbitrary<(bytes: Uint8Array) => Buffer> {
  const place = anywhere();
  const length = fc.integer({ min: 1, max: 16 });
  return fc.oneof(
    fc.tuple(place, fc.integer({ min: 1, max: 255 })).map(([at, mask]) => (bytes: Uint8Array) => {
      const copy = Buffer.from(bytes);
      const i = Math.floor(at * copy.length);
      if (copy.length > 0) copy[i] = (copy[i] as number) ^ mask;
      return copy;
    }),
    fc.tuple(place, length).map(([at, take]) => (bytes: Uint8Array) => {
      const i = Math.floor(at * bytes.length);
      return Buffer.concat([bytes.subarray(0, i), bytes.subarray(i + take)]);
    }),
    fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 16 })).map(([at, more]) => (bytes: Uint8Array) => {
      const i = Math.floor(at * bytes.length);
      return Buffer.concat([bytes.subarray(0, i), more, bytes.subarray(i)]);
    }),
    fc.tuple(place, length).map(([at, size]) => (bytes: Uint8Array) => {
      const i = Math.floor(at * bytes.length);
      return Buffer.concat([bytes.subarray(0, i + size), bytes.subarray(i)]);
    }),
    place.map((at) => (bytes: Uint8Array) => Buffer.from(bytes.subarray(0, Math.floor(at * bytes.length)))),
  );
}

/**
 * A change of one value somewhere in a document: gone, another value, one of the other document's, or, where it is
 * base64, other bytes.
 */
export function treeMutations(other: JsonValue): fc.Arbitrary<(document: JsonValue) => JsonValue> {
  const theirs = paths(other);
  const isLeaf = (value: JsonValue | undefined) => typeof value !== 'object' || value === null;
  const change = fc.oneof(
    { weight: 1, arbitrary: fc.constant(() => undefined) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }).map((value) => () => value as JsonValue) },
    {
      weight: 2,
      arbitrary: fc.nat(theirs.length - 1).map((i) => () => valueAt(other, theirs[i] as Path)),
    },
    {
      weight: 6,
      arbitrary: byteMutations().map((mutate) => (value: JsonValue) => {
        if (typeof value !== 'string') return null;
        const bytes = Buffer.from(value, 'base64');
        return bytes.length > 0 && bytes.toString('base64') === value
          ? mutate(bytes).toString('base64')
          : mutate(Buffer.from(value)).toString();
      }),
    },
  );
  const place = anywhere();
  return fc
    .tuple(place, change, fc.noBias(fc.integer({ min: 0, max: 4 })))
    .map(([at, to, deep]) => (document: JsonValue) => {
      const all = paths(document);
      const leaves = all.filter((path) => isLeaf(valueAt(document, path)));
      const own = deep ? leaves : all;
      const path = own[Math.floor(at * own.length)] as Path;
      return withChange(document, path, to);
    });
}

/** The same value of the other document in the place of one's own: signature, payload, certificate, entry. */
export function crossings(document: JsonValue, other: JsonValue): fc.Arbitrary<JsonValue> {
  const shared = paths(document).filter((path) => path.length > 0 && valueAt(other, path) !== undefined);
  return fc
    .subarray(shared, { minLength: 1, maxLength: 3 })
    .map((chosen) => chosen.reduce((made, path) => withChange(made, path, () => valueAt(other, path)), document));
}

function paths(value: JsonValue, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, each]) => paths(each as JsonValue, [...at, key]))];
}

function valueAt(value: JsonValue | undefined, path: Path): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>(
    (from, key) =>
      typeof from === 'object' && from !== null ? (from as Record<string, JsonValue | undefined>)[key] : undefined,
    value,
  );
}

function withChange(value: JsonValue, path: Path, to: (value: JsonValue) => JsonValue | undefined): JsonValue {
  const [key, ...rest] = path;
  if (key === undefined) return to(value) ?? null;
  if (typeof value !== 'object' || value === null) return value;
  const copy = structuredClone(value) as Record<string, JsonValue>;
  if (!(key in copy)) return value;
  const changed = rest.length === 0 ? to(copy[key] as JsonValue) : withChange(copy[key] as JsonValue, rest, to);
  if (changed !== undefined) copy[key] = changed;
  else if (Array.isArray(copy)) copy.splice(Number(key), 1);
  else delete copy[key];
  return copy as JsonValue;
}
