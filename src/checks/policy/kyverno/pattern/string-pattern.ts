import { isObject, type JsonValue } from '../../../../core/json.ts';
import { parseGoDuration } from '../../values/go-duration.ts';
import { compareQuantities, parseQuantity, type Quantity } from '../../values/quantity.ts';
import { matchesWildcard } from '../../values/wildcard.ts';
import { trimSpace } from './anchor.ts';
import { formatExponent, formatFixed, isInt64 } from './go-number.ts';

/** Whether a value of a manifest satisfies a pattern. */
export type ValueTest = (value: JsonValue) => boolean;

type Comparison = '' | '!' | '>' | '>=' | '<' | '<=';

const RANGE = /^([-|+]?\d+(?:\.\d+)?[A-Za-z]*)-([-|+]?\d+(?:\.\d+)?[A-Za-z]*)$/;
const OUTSIDE_RANGE = /^([-|+]?\d+(?:\.\d+)?[A-Za-z]*)!-([-|+]?\d+(?:\.\d+)?[A-Za-z]*)$/;

/** Whether a text is a range of Kyverno's patterns: `1-10`, `64Mi-1Gi`. It is none where an operator stands before it. */
export function isRange(text: string): boolean {
  return comparisonOf(text) === '' && text.length >= 2 && !OUTSIDE_RANGE.test(text) && RANGE.test(text);
}

/**
 * A test for a string pattern: alternatives parted by `|`, each of conditions parted by `&`, each of them an operator
 * (`>=`, `<=`, `>`, `<`, `!`) before a value, a range (`a-b`, `a!-b`) or a text with wildcards. Values are compared as
 * durations, then as quantities, then as texts.
 */
export function compileStringPattern(pattern: string): ValueTest {
  const alternatives = pattern.split('|').map((alternative) =>
    allOf(
      trimSpaces(alternative)
        .split('&')
        .map((part) => compileCondition(trimSpaces(part))),
    ),
  );
  const test = anyOf(alternatives);
  return (value) => value === pattern || test(value);
}

function anyOf(tests: readonly ValueTest[]): ValueTest {
  const [only] = tests;
  if (tests.length === 1 && only) return only;
  return (value) => tests.some((test) => test(value));
}

function allOf(tests: readonly ValueTest[]): ValueTest {
  const [only] = tests;
  if (tests.length === 1 && only) return only;
  return (value) => tests.every((test) => test(value));
}

/** Takes away blanks alone, as the separators do; operators take any white space. */
function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === ' ') start++;
  while (end > start && text[end - 1] === ' ') end--;
  return text.slice(start, end);
}

function comparisonOf(text: string): Comparison {
  // A sign alone is a text, and so is any single letter.
  if (text.length < 2) return '';
  const two = text.slice(0, 2);
  if (two === '>=' || two === '<=') return two;
  const one = text[0];
  return one === '>' || one === '<' || one === '!' ? one : '';
}

function compileCondition(text: string): ValueTest {
  const comparison = comparisonOf(text);
  if (comparison === '' && text.length >= 2) {
    const outside = OUTSIDE_RANGE.exec(text);
    if (outside) {
      const below = compileComparison('<', outside[1] ?? '');
      const above = compileComparison('>', outside[2] ?? '');
      return (value) => below(value) || above(value);
    }
    const inside = RANGE.exec(text);
    if (inside) {
      const from = compileComparison('>=', inside[1] ?? '');
      const to = compileComparison('<=', inside[2] ?? '');
      return (value) => from(value) && to(value);
    }
  }
  return compileComparison(comparison, trimSpace(text.slice(comparison.length)));
}

function compileComparison(comparison: Comparison, operand: string): ValueTest {
  const duration = parseGoDuration(operand);
  const quantity = parseQuantity(operand);
  if (duration === undefined && quantity === undefined) return (value) => compareText(value, comparison, operand);
  return (value) => {
    const text = numberText(value);
    if (text !== undefined) {
      const order = orderOf(text, duration, quantity);
      if (order !== undefined) return satisfies(order, comparison);
    }
    return compareText(value, comparison, operand);
  };
}

/** How a value's text compares with a duration, or else with a quantity; undefined where it is neither. */
function orderOf(text: string, duration: bigint | undefined, quantity: Quantity | undefined): number | undefined {
  if (duration !== undefined) {
    const own = parseGoDuration(text);
    if (own !== undefined) return own < duration ? -1 : own > duration ? 1 : 0;
  }
  if (quantity === undefined) return undefined;
  const own = parseQuantity(text);
  return own === undefined ? undefined : compareQuantities(own, quantity);
}

function satisfies(order: number, comparison: Comparison): boolean {
  switch (comparison) {
    case '':
      return order === 0;
    case '!':
      return order !== 0;
    case '>':
      return order > 0;
    case '<':
      return order < 0;
    case '>=':
      return order >= 0;
    case '<=':
      return order <= 0;
    default:
      return comparison satisfies never;
  }
}

/** The text that is read as a duration or a quantity: what is absent counts as 0. */
function numberText(value: JsonValue): string | undefined {
  if (typeof value === 'string') return value;
  if (value === null) return '0';
  if (typeof value === 'number' || typeof value === 'bigint') {
    return isInt64(value) ? value.toString() : formatFixed(Number(value));
  }
  return undefined;
}

function compareText(value: JsonValue, comparison: Comparison, pattern: string): boolean {
  if (comparison !== '' && comparison !== '!') return false;
  const text = plainText(value);
  // What has no text satisfies neither: `!foo` does not hold of an absent field.
  if (text === undefined) return false;
  return matchesWildcard(pattern, text) === (comparison === '');
}

function plainText(value: JsonValue): string | undefined {
  if (typeof value === 'string') return value;
  if (value === null || Array.isArray(value) || isObject(value)) return undefined;
  if (typeof value === 'number' || typeof value === 'bigint') {
    return isInt64(value) ? value.toString() : formatExponent(Number(value));
  }
  return String(value);
}
