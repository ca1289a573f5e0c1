import type { JsonPath, JsonValue } from '../../../../core/json.ts';
import { LimitError } from '../../values/limit.ts';
import { isSkip, printPath } from './fault.ts';
import { Matching } from './match.ts';
import type { PatternNumbers } from './scalar.ts';
import { type PatternNode, readPattern } from './tree.ts';

/** What a `pattern` says of an object, as the engine of Kyverno 1.19 answers it. */
type PatternResult =
  | { readonly kind: 'pass' }
  /** The rule does not apply to the object: a condition does not hold. */
  | { readonly kind: 'skip'; readonly message: string }
  /** `at` is how Kyverno's messages print the place: `/spec/containers/0/image/`. */
  | { readonly kind: 'fail'; readonly path: JsonPath; readonly at: string; readonly message: string }
  /** Failed, where Kyverno cannot say where: the verdict of the rule is an error. */
  /** `isOurs`: it met a bound of this gate's. */
  | { readonly kind: 'error'; readonly message: string; readonly isOurs?: true };

export interface Pattern {
  /** Compares an object. Never throws: what takes too long to compare, or is nested too deep, is an error. */
  match(resource: JsonValue): PatternResult;
}

const PASS: PatternResult = { kind: 'pass' };
const MESSAGE_LIMIT = 65_536;

/**
 * Reads a pattern in which no variable is left. Reading the same parts again costs next to nothing: they are known by
 * identity, so a pattern whose variables were just substituted is read only where they stood.
 */
export function compilePattern(pattern: JsonValue, numbers: PatternNumbers = 'int64'): Pattern {
  const node = readPattern(pattern, numbers);
  return {
    match(resource) {
      try {
        return matchNode(node, resource, numbers);
      } catch (error) {
        if (error instanceof LimitError || error instanceof RangeError)
          return { kind: 'error', message: error.message, isOurs: true };
        throw error;
      }
    },
  };
}

function matchNode(node: PatternNode, resource: JsonValue, numbers: PatternNumbers): PatternResult {
  const matching = new Matching(numbers);
  const fault = matching.match(node, resource);
  if (!fault) return PASS;
  const message = clipped(fault.message());
  if (isSkip(fault)) return { kind: 'skip', message };
  if (fault.path === undefined || (fault.kind !== 'negation' && matching.isMissingAnchor())) {
    return { kind: 'error', message };
  }
  return { kind: 'fail', path: fault.path, at: printPath(fault.path), message };
}

/** A list of a thousand items that all skip has a thousand reasons; nobody reads them. */
function clipped(message: string): string {
  return message.length > MESSAGE_LIMIT ? `${message.slice(0, MESSAGE_LIMIT)}…` : message;
}

/** What an `anyPattern` says: it passes with the first pattern that passes, and skips only where none failed. */
export type AnyPatternResult =
  | { readonly kind: 'pass'; readonly index: number }
  /** An empty list says nothing, and passes. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'skip'; readonly message: string }
  /** `message`: why each pattern failed, in Kyverno's words; `path`: where the first one did. */
  | { readonly kind: 'fail'; readonly path: JsonPath | undefined; readonly message: string };

/** Compares an object with the patterns of a rule's `anyPattern`. The rule's name is part of the message. */
export function matchAnyPattern(patterns: readonly JsonValue[], resource: JsonValue, rule: string): AnyPatternResult {
  const failed: string[] = [];
  const skips: string[] = [];
  let path: JsonPath | undefined;
  for (const [index, pattern] of patterns.entries()) {
    const result = compilePattern(pattern, 'float64').match(resource);
    switch (result.kind) {
      case 'pass':
        return { kind: 'pass', index };
      case 'skip':
        skips.push(`rule ${rule}[${index}] skipped: ${result.message}`);
        break;
      case 'error':
        failed.push(`rule ${rule}[${index}] failed: ${result.message}`);
        break;
      case 'fail':
        path ??= result.path;
        failed.push(`rule ${rule}[${index}] failed at path ${result.at}`);
        break;
      default:
        result satisfies never;
    }
  }
  if (failed.length > 0) return { kind: 'fail', path, message: failed.join(' ') };
  return skips.length > 0 ? { kind: 'skip', message: skips.join(' ') } : { kind: 'empty' };
}
