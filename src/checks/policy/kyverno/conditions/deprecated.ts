import type { JsonValue } from '../../../../core/json.ts';
import { matchesWildcard } from '../../values/wildcard.ts';
import { ConditionError } from './error.ts';
import { matchEitherWay, parseJson, textsOfJson } from './membership.ts';
import { itemText, type Operand, operandText } from './operand.ts';

/**
 * `In` and `NotIn`, which Kyverno keeps for old policies. Lists are compared without wildcards, and `NotIn` of a list
 * holds where any of its items is missing. As upstream, a list of one text compared with that very text is both in it
 * and not in it.
 */
export function isInDeprecated(negated: boolean, key: Operand, value: Operand): boolean {
  if (Array.isArray(key.value)) {
    const keys = (key.value as readonly JsonValue[]).map(text);
    return listIsIn(negated, keys, value.value);
  }
  if (key.value === null || typeof key.value === 'object') return false;
  const found = textIsIn(operandText(key), value.value);
  return found !== undefined && found !== negated;
}

/** Kyverno itself breaks down on such a list. */
function text(item: JsonValue): string {
  if (typeof item === 'string') return item;
  throw new ConditionError('In and NotIn take lists of strings; use AnyIn, AllIn, AnyNotIn or AllNotIn');
}

function textIsIn(key: string, value: JsonValue): boolean | undefined {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).some((item) => matchEitherWay(itemText(item), key));
  if (typeof value !== 'string') return undefined;
  return matchesWildcard(value, key) || jsonTexts(value)?.includes(key);
}

function listIsIn(negated: boolean, keys: readonly string[], value: JsonValue): boolean {
  let values: readonly string[] | undefined;
  if (Array.isArray(value)) {
    if (!value.every((item) => typeof item === 'string')) return false;
    values = value as readonly string[];
  } else if (typeof value === 'string') {
    if (keys.length === 1 && keys[0] === value) return true;
    values = jsonTexts(value);
  }
  if (!values) return false;
  const known = new Set(values);
  return keys.every((key) => known.has(key)) !== negated;
}

/** Only a list written as JSON counts here. */
function jsonTexts(value: string): readonly string[] | undefined {
  const parsed = parseJson(value);
  return parsed === undefined ? undefined : textsOfJson(parsed.value);
}
