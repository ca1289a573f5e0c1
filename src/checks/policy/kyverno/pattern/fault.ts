import type { JsonPath } from '../../../../core/json.ts';

/**
 * Why a part of a pattern does not hold.
 *
 * `plain`: the values differ. `negation`: a forbidden key is there. `condition` and `global`: the anchor does not hold,
 * so the rule does not apply here. `skipped`: nothing under this place applied.
 *
 * Kyverno tells a skip from a failure by looking for its own words in the text of the error, which also holds the
 * object's values: an object with the words `conditional anchor mismatch` in a field is skipped there. Here the kind
 * alone counts.
 */
export interface Fault {
  readonly kind: 'plain' | 'negation' | 'condition' | 'global' | 'skipped';
  /** Where in the object; undefined where Kyverno gives no place, which makes the verdict an error. */
  readonly path: JsonPath | undefined;
  /** The text in Kyverno's words; made when it is asked for, since most faults are never shown. */
  readonly message: () => string;
}

/** Whether the fault takes the object out of the rule rather than failing it. */
export function isSkip(fault: Fault): boolean {
  return fault.kind === 'condition' || fault.kind === 'global' || fault.kind === 'skipped';
}

/** A place as Kyverno prints it: `/spec/containers/0/image/`. */
export function printPath(path: JsonPath): string {
  return path.length === 0 ? '/' : `/${path.join('/')}/`;
}

/** Several skips as one. */
export function skipped(path: JsonPath, faults: readonly Fault[]): Fault {
  return { kind: 'skipped', path, message: () => faults.map((fault) => fault.message()).join('; ') };
}
