import { isObject, type JsonValue } from '../../../core/json.ts';
import { Fault } from './fault.ts';

const references = /^\$\(.[^ ]*\)|[^\\]\$\(.[^ ]*\)/g;
const escaped = /\\\$\(.[^ )]*\)/g;

/**
 * A value of a policy with its references, `$(./../name)`, replaced by what they point at in the same value. They
 * point at the policy alone, so this is done once. Throws Fault for one that leads nowhere.
 */
export function resolveReferences(value: JsonValue): JsonValue {
  if (!holdsReference(value)) return value;
  const leaves = leavesOf(value);
  return replaceStrings(value, '', (text, path) => resolveText(text, path, leaves));
}

function holdsReference(value: JsonValue): boolean {
  if (typeof value === 'string') return value.includes('$(');
  if (Array.isArray(value)) return (value as readonly JsonValue[]).some(holdsReference);
  return (
    isObject(value) && Object.keys(value).some((key) => key.includes('$(') || holdsReference(value[key] as JsonValue))
  );
}

/** Every string in a value and every key put through `replace`, with the path that Kyverno gives it. */
export function replaceStrings(
  value: JsonValue,
  path: string,
  replace: (text: string, path: string) => string,
): JsonValue {
  if (typeof value === 'string') return replace(value, path);
  if (Array.isArray(value)) {
    return (value as readonly JsonValue[]).map((each, index) => replaceStrings(each, `${path}/${index}`, replace));
  }
  if (!isObject(value)) return value;
  const made: Record<string, JsonValue> = Object.create(null);
  for (const key of Object.keys(value)) {
    made[replace(key, path)] = replaceStrings(value[key] as JsonValue, stepInto(path, key), replace);
  }
  return made;
}

/** Kyverno's path of a key: a slash in it is escaped. */
export function stepInto(path: string, key: string): string {
  return `${path}/${key.replaceAll('/', '\\/')}`;
}

function resolveText(text: string, path: string, leaves: ReadonlyMap<string, readonly JsonValue[]>): string {
  let made = text;
  for (const [found] of text.matchAll(references)) {
    const isFirst = found.startsWith('$(');
    const reference = isFirst ? found : found.slice(1);
    const value = resolve(reference, path, leaves);
    if (typeof value !== 'string') {
      throw new Fault(`NotResolvedReferenceErr,reference ${reference} not resolved at path ${path}`);
    }
    made = made.replace(found, () => (isFirst ? value : `${found.charAt(0)}${value}`));
  }
  return made.replaceAll(escaped, (each) => each.slice(1));
}

function resolve(reference: string, at: string, leaves: ReadonlyMap<string, readonly JsonValue[]>): JsonValue {
  const inner = reference.replace(/^[$()]+/, '').replace(/[$()]+$/, '');
  const operator = /^(>=|<=|>|<|!)/.exec(inner.length < 2 ? '' : inner)?.[0] ?? '';
  const pointed = inner.slice(operator.length);
  if (pointed === '') {
    throw new Fault(`failed to resolve ${reference} at path ${at}: expected path, found empty reference`);
  }
  const path = cleanPath(pointed.startsWith('/') ? pointed : `${at}/${pointed}`);
  const found = leaves.get(pointed.startsWith('/') ? pointed : path) ?? [];
  const value = found.at(-1);
  if (value === undefined || value === null) throw new Fault(`got nil resolved variable ${reference} at path ${at}`);
  if (new Set(found).size > 1) throw new Fault(`${reference} at path ${at} points at an object, not at one value`);
  if (operator === '') return value;
  if (typeof value === 'string') return `${operator}${value}`;
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))) return `${operator}${value}`;
  if (typeof value === 'number') return `${operator}${value.toFixed(6)}`;
  throw new Fault(`incorrect expression: operator ${operator} does not match with value ${String(value)}`);
}

/** Every value that is no map and no list, by its path without anchors; and every key, by the path of its map. */
function leavesOf(value: JsonValue): Map<string, JsonValue[]> {
  const leaves = new Map<string, JsonValue[]>();
  const add = (path: string, leaf: JsonValue) => {
    const plain = withoutAnchors(path);
    leaves.set(plain, [...(leaves.get(plain) ?? []), leaf]);
  };
  const visit = (each: JsonValue, path: string) => {
    if (Array.isArray(each)) {
      for (const [index, item] of (each as readonly JsonValue[]).entries()) visit(item, `${path}/${index}`);
    } else if (isObject(each)) {
      for (const key of Object.keys(each)) {
        add(path, key);
        visit(each[key] as JsonValue, stepInto(path, key));
      }
    } else {
      add(path, each);
    }
  };
  visit(value, '');
  return leaves;
}

function withoutAnchors(path: string): string {
  const parts = path.split('/').map((part) => /^[+<=X^]?\((.+)\)$/s.exec(part)?.[1] ?? part);
  return parts.length <= 1 ? path : cleanPath(parts.join('/'));
}

/** A path with `.` and `..` gone through, as Go's path.Clean. */
function cleanPath(path: string): string {
  const isAbsolute = path.startsWith('/');
  const made: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') made.push(part);
    else if (made.length > 0 && made.at(-1) !== '..') made.pop();
    else if (!isAbsolute) made.push('..');
  }
  return isAbsolute ? `/${made.join('/')}` : made.join('/');
}
