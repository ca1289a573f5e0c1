import type { JsonValue } from '../../../../core/json.ts';
import { LimitError } from '../../values/limit.ts';
import { matchesWildcard } from '../../values/wildcard.ts';
import { worked } from '../../values/work.ts';
import { compileStringPattern, isRange } from '../pattern/string-pattern.ts';
import { itemText, type Operand, operandText } from './operand.ts';

export type Membership = 'AnyIn' | 'AllIn' | 'AnyNotIn' | 'AllNotIn';

/** Two lists of an object are compared pair by pair; honest ones stay far below this. */
const MAX_COMPARISONS = 20_000_000;

/**
 * `AnyIn` and its like. Wildcards count on both sides. The value may be a list, one text, a list written as JSON in a
 * text, or a range (`1-10`). A value of another kind satisfies no operator, not even a negated one.
 */
export function isMember(operator: Membership, key: Operand, value: Operand): boolean {
  const negated = operator === 'AnyNotIn' || operator === 'AllNotIn';
  if (Array.isArray(key.value)) {
    return listIsMember(operator, (key.value as readonly JsonValue[]).map(itemText), value);
  }
  if (key.value === null || typeof key.value === 'object') return false;
  const found = findText(operandText(key), value.value);
  return found !== undefined && found !== negated;
}

/** Whether one text is in a value; undefined where the value cannot hold texts. */
function findText(key: string, value: JsonValue): boolean | undefined {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).some((item) => matchEitherWay(itemText(item), key));
  if (typeof value !== 'string') return undefined;
  if (matchesWildcard(value, key)) return true;
  if (isRange(value)) return compileStringPattern(value)(key);
  return textsOf(value)?.includes(key);
}

function listIsMember(operator: Membership, keys: readonly string[], value: Operand): boolean {
  const negated = operator === 'AnyNotIn' || operator === 'AllNotIn';
  const other = value.value;
  if (Array.isArray(other)) return compareLists(operator, keys, (other as readonly JsonValue[]).map(itemText));
  if (typeof other === 'string') {
    if (keys.length === 1 && keys[0] === other) return !negated;
    if (isRange(other)) return listInRange(operator, keys, other);
    const texts = textsOf(other);
    return texts !== undefined && compareLists(operator, keys, texts);
  }
  // A single number or truth value is a list of one for the operators that ask for any, and for the others nothing.
  if (other === null || typeof other === 'object' || operator === 'AllIn' || operator === 'AllNotIn') return false;
  return compareLists(operator, keys, [operandText(value)]);
}

function listInRange(operator: Membership, keys: readonly string[], range: string): boolean {
  const test = compileStringPattern(operator === 'AnyNotIn' ? range.replace('-', '!-') : range);
  switch (operator) {
    case 'AnyIn':
    case 'AnyNotIn':
      return keys.some((key) => test(key));
    case 'AllIn':
      return keys.every((key) => test(key));
    case 'AllNotIn':
      return !keys.some((key) => test(key));
    default:
      return operator satisfies never;
  }
}

function compareLists(operator: Membership, keys: readonly string[], values: readonly string[]): boolean {
  if (keys.length * values.length > MAX_COMPARISONS) throw new LimitError('the lists of a condition are too long');
  const isIn = (key: string): boolean => {
    worked(values.length);
    return values.some((value) => matchEitherWay(key, value));
  };
  switch (operator) {
    case 'AnyIn':
      return keys.some(isIn);
    case 'AllIn':
      return keys.every(isIn);
    case 'AnyNotIn':
      return !keys.every(isIn);
    case 'AllNotIn':
      return !keys.some(isIn);
    default:
      return operator satisfies never;
  }
}

export function matchEitherWay(a: string, b: string): boolean {
  return a === b || matchesWildcard(a, b) || matchesWildcard(b, a);
}

/** A list of texts written as JSON, or else the text itself; undefined for JSON of another shape. */
function textsOf(text: string): readonly string[] | undefined {
  const parsed = parseJson(text);
  return parsed === undefined ? [text] : textsOfJson(parsed.value);
}

/** The texts of a JSON list, in which null stands for an empty one; undefined where it holds anything else. */
export function textsOfJson(value: unknown): readonly string[] | undefined {
  if (value === null) return [];
  if (!Array.isArray(value)) return undefined;
  const texts: string[] = [];
  for (const item of value) {
    if (item === null) texts.push('');
    else if (typeof item === 'string') texts.push(item);
    else return undefined;
  }
  return texts;
}

/** A text as JSON; undefined where it is none. */
export function parseJson(text: string): { readonly value: unknown } | undefined {
  // Most values are words: it costs more to have the parser throw.
  if (!/^[\s{["\d\-tfn]/.test(text)) return undefined;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw new LimitError('a value of a condition is nested too deep');
  }
}
