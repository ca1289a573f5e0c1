import { isSameType } from './assignability.ts';
import { convertedLiteral } from './call.ts';
import type { CelProfile } from './environment.ts';
import { CelError } from './error.ts';
import { checkFormat } from './format-check.ts';
import { regexpOf } from './pattern.ts';
import { partsOf, type Resolved } from './resolved.ts';
import { type CelType, formatType, optionalElement } from './types.ts';
import type { CelValue } from './values.ts';

/** Whose arguments may hold lists of anything. */
const EXEMPT = 'format';

/**
 * What an environment asks of an expression beyond its types, as the validators of the Go implementation: literals of
 * durations, timestamps and patterns that can be read, and lists and maps whose elements have one type, where `dyn` is
 * a type like any other. Throws CelError (`type`). `typeOf` gives the type of a part as the checker knows it at the end.
 */
export function validate(root: Resolved, profile: CelProfile, typeOf: (node: Resolved) => CelType): void {
  if (profile.checkedLiterals || profile.homogeneousAggregates) visit(root, profile, typeOf, false);
}

function visit(node: Resolved, profile: CelProfile, typeOf: (node: Resolved) => CelType, exempt: boolean): void {
  if (node.kind === 'call' && profile.checkedLiterals) checkLiteral(node, typeOf);
  const isExempt = exempt || !profile.homogeneousAggregates;
  if (node.kind === 'list' && !isExempt) checkSame(node.elements, typeOf);
  if (node.kind === 'map' && !isExempt) {
    checkSame(
      node.entries.map((entry) => ({ value: entry.key, optional: false })),
      typeOf,
    );
    checkSame(node.entries, typeOf);
  }
  const exempts = exempt || (node.kind === 'call' && node.name === EXEMPT);
  for (const part of partsOf(node)) visit(part, profile, typeOf, exempts);
}

function checkSame(
  elements: readonly { readonly value: Resolved; readonly optional: boolean }[],
  typeOf: (node: Resolved) => CelType,
): void {
  let common: CelType | undefined;
  for (const { value, optional } of elements) {
    const type = typeOf(value);
    const found = optional ? optionalElement(type) : type;
    if (found === undefined) {
      throw new CelError('type', `expected an optional value but found '${formatType(type)}'`, value.offset);
    }
    common ??= found;
    if (!isSameType(common, found)) {
      const words = `expected type '${formatType(common)}' but found '${formatType(found)}'`;
      throw new CelError('type', words, value.offset);
    }
  }
}

function checkLiteral(node: Resolved & { kind: 'call' }, typeOf: (node: Resolved) => CelType): void {
  const { name } = node;
  if (name === 'duration' || name === 'timestamp') {
    refuseAs(node, () => convertedLiteral(node, literalOf));
  } else if (name === 'matches') {
    for (const argument of node.arguments.slice(-1)) {
      const pattern = literalOf(argument);
      if (typeof pattern === 'string') refuseAs(node, () => regexpOf(pattern));
    }
  } else if (name === 'find' || name === 'findAll') {
    const pattern = node.arguments[1] && literalOf(node.arguments[1]);
    if (typeof pattern === 'string') refusePattern(node, pattern);
  } else if (name === 'format') {
    checkFormat(node, typeOf);
  }
}

function refusePattern(node: Resolved, pattern: string): void {
  try {
    regexpOf(pattern);
  } catch (cause) {
    throw new CelError('type', cause instanceof CelError ? cause.message : 'illegal pattern', node.offset);
  }
}

function literalOf(node: Resolved): CelValue | undefined {
  return node.kind === 'constant' ? node.value : undefined;
}

function refuseAs(node: Resolved & { kind: 'call' }, run: () => unknown): void {
  try {
    run();
  } catch (cause) {
    if (!(cause instanceof CelError)) throw cause;
    throw new CelError('type', `invalid ${node.name} argument`, node.offset);
  }
}
