/** Values for a chart, put together as helm-controller does (fluxcd/pkg/chartutil, values.go). */
import { GateError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import { AssignmentProblem, assign, isMutableObject, type Mutable, type MutableObject, newObject } from './strvals.ts';
import { readYaml, writeJson } from './yaml.ts';

/** The content of one key of a ConfigMap or a Secret. References to what is absent and optional are left out before. */
export interface ValuesText {
  /** What messages call it, such as `ConfigMap web-values (values.yaml)`. */
  readonly name?: string;
  readonly text: string;
  /** Where a single value goes, as `helm --set` names it; undefined where the text is a whole file of values. */
  readonly targetPath: string | undefined;
  /** Whether the value is a text as it stands, with no lists, types and commas in it. */
  readonly literal?: boolean;
}

/**
 * One YAML mapping: the references in their order, each over those before, and the inline values over all. '' where there
 * is nothing at all.
 *
 * Flux merges so that a single value at a `targetPath` wins over inline values below the same key where no reference
 * before it had that key, and loses to them otherwise; that is held here too (docs/decisions/0309). Throws FLUX_VALUES.
 */
export function mergeValues(references: readonly ValuesText[], inline: object | undefined): string {
  const own = inline === undefined ? newObject() : copied(inline as JsonValue);
  if (!isMutableObject(own)) throw new GateError('FLUX_VALUES', 'the inline values are no mapping');
  let result = newObject();
  for (const [index, reference] of references.entries()) {
    const name = reference.name ?? `entry ${index + 1} of the references to values`;
    const { text, targetPath } = reference;
    if (targetPath === undefined || targetPath === '') result = merge(result, readValues(text, name));
    else {
      result = merge(result, own);
      setValue(result, targetPath, reference, name);
    }
  }
  const merged = merge(result, own);
  return Object.keys(merged).length === 0 ? '' : writeJson(merged);
}

function readValues(text: string, name: string): MutableObject {
  const [document, another] = readYaml(text, name, 'FLUX_VALUES');
  if (document === undefined) return newObject();
  if (another !== undefined) {
    throw new GateError('FLUX_VALUES', `${name}: there is more than one document, and only the first would count`);
  }
  if (!isObject(document.value)) throw new GateError('FLUX_VALUES', `${name}: it is no mapping of values`);
  return copied(document.value) as MutableObject;
}

/** What is between quotes is a text, without them; everything else is read as `--set` reads it. */
function setValue(values: MutableObject, path: string, { text, literal = false }: ValuesText, name: string): void {
  try {
    if (literal) assign(`${path}=${text.replace(/[\\,[\]{}]/g, '\\$&')}`, values, true);
    else if (isBetween(text, "'") || isBetween(text, '"')) {
      assign(`${path}=${text.replace(/^['"]+|['"]+$/g, '')}`, values, true);
    } else assign(`${path}=${text}`, values, false);
  } catch (thrown) {
    if (!(thrown instanceof AssignmentProblem)) throw thrown;
    throw new GateError('FLUX_VALUES', `${name} cannot be put at ${JSON.stringify(path)}: ${thrown.message}`, {
      cause: thrown,
    });
  }
}

function isBetween(text: string, sign: string): boolean {
  return text.startsWith(sign) && text.endsWith(sign);
}

/**
 * Mappings are merged, everything else is replaced. What one side alone has is not copied: an assignment below it later
 * changes that side too, which is how Flux comes to its order.
 */
function merge(a: MutableObject, b: MutableObject): MutableObject {
  const merged = newObject();
  for (const [key, value] of Object.entries(a)) merged[key] = value;
  for (const [key, value] of Object.entries(b)) {
    const present = merged[key];
    merged[key] = isMutableObject(value) && isMutableObject(present) ? merge(present, value) : value;
  }
  return merged;
}

function copied(value: JsonValue): Mutable {
  if (Array.isArray(value)) return value.map(copied);
  if (!isObject(value)) return value as Mutable;
  const copy = newObject();
  for (const [key, each] of Object.entries(value)) copy[key] = copied(each);
  return copy;
}
