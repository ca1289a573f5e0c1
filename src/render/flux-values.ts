/** Values for a chart, put together as helm-controller does (fluxcd/pkg/chartutil, values.go). */
import { GateError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import { Reading, type ReadingLimits } from './reading.ts';
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

/** Of all references and the inline values together; each is the key of an object, which has a MiB at most. */
const LIMITS: ReadingLimits = { values: 250_000, characters: 64 * 1024 * 1024, textCharacters: 4 * 1024 * 1024 };
/** What a value takes in a text, about. */
const VALUE_BYTES = 8;

/**
 * One YAML mapping: the references in their order, each over those before, and the inline values over all. '' where there
 * is nothing at all.
 *
 * Flux merges so that a single value at a `targetPath` wins over inline values below the same key where no reference
 * before it had that key, and loses to them otherwise; that is held here too (docs/decisions/0309). Throws FLUX_VALUES,
 * and RENDER_TIMEOUT, or what the signal aborts with, where the time is over.
 */
export async function mergeValues(
  references: readonly ValuesText[],
  inline: object | undefined,
  signal: AbortSignal,
): Promise<string> {
  const reading = new Reading(signal, LIMITS, 'FLUX_VALUES');
  const take = (name: string) => () => reading.takeValue(name);
  let ownValues = 0;
  const own = copied((inline ?? {}) as JsonValue, () => {
    ownValues++;
    reading.takeValue('the inline values');
  });
  if (!isMutableObject(own)) throw new GateError('FLUX_VALUES', 'the inline values are no mapping');
  const result = new Merged();
  for (const [index, reference] of references.entries()) {
    const name = reference.name ?? `entry ${index + 1} of the references to values`;
    const { text, targetPath } = reference;
    await reading.step(text.length);
    if (targetPath === undefined || targetPath === '') result.merge(readValues(text, name, reading));
    else {
      result.merge(own);
      await reading.step(text.length + ownValues * VALUE_BYTES);
      reading.take(text, name);
      setValue(result.values, targetPath, reference, name, take(name));
    }
  }
  await reading.step();
  result.merge(own);
  return Object.keys(result.values).length === 0 ? '' : writeJson(result.values);
}

function readValues(text: string, name: string, reading: Reading): MutableObject {
  const [document, another] = readYaml(text, name, 'FLUX_VALUES', reading);
  if (document === undefined) return newObject();
  if (another !== undefined) {
    throw new GateError('FLUX_VALUES', `${name}: there is more than one document, and only the first would count`);
  }
  if (!isObject(document.value)) throw new GateError('FLUX_VALUES', `${name}: it is no mapping of values`);
  return copied(document.value, () => {}) as MutableObject;
}

/** What is between quotes is a text, without them; everything else is read as `--set` reads it. */
function setValue(
  values: MutableObject,
  path: string,
  { text, literal = false }: ValuesText,
  name: string,
  take: () => void,
): void {
  try {
    if (literal) assign(`${path}=${text.replace(/[\\,[\]{}]/g, '\\$&')}`, values, true, take);
    else if (isBetween(text, "'") || isBetween(text, '"')) assign(`${path}=${unquoted(text)}`, values, true, take);
    else assign(`${path}=${text}`, values, false, take);
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

/** Without the quotes at both ends, however many. A pattern for those at the end would look at every other run of them. */
function unquoted(text: string): string {
  const isQuote = (at: number) => text[at] === '"' || text[at] === "'";
  let start = 0;
  let end = text.length;
  while (start < end && isQuote(start)) start++;
  while (end > start && isQuote(end - 1)) end--;
  return text.slice(start, end);
}

/**
 * Mappings are merged, everything else is replaced. What one side alone has is not copied: an assignment below it later
 * changes that side too, which is how Flux comes to its order. Flux makes every mapping that it merges anew, each time;
 * here one that was made anew before, which nobody else can hold, is gone on with.
 */
class Merged {
  readonly values = newObject();
  readonly #own = new Set<MutableObject>();

  merge(other: MutableObject): void {
    this.#into(this.values, other);
  }

  #into(values: MutableObject, other: MutableObject): void {
    for (const key of Object.keys(other)) {
      const value = other[key] as Mutable;
      const present = values[key];
      if (!isMutableObject(value) || !isMutableObject(present)) {
        values[key] = value;
        continue;
      }
      const merged = this.#own.has(present) ? present : Object.assign(newObject(), present);
      this.#own.add(merged);
      values[key] = merged;
      this.#into(merged, value);
    }
  }
}

function copied(value: JsonValue, take: () => void): Mutable {
  take();
  if (Array.isArray(value)) return value.map((each) => copied(each, take));
  if (!isObject(value)) return value as Mutable;
  const copy = newObject();
  for (const [key, each] of Object.entries(value)) copy[key] = copied(each, take);
  return copy;
}
