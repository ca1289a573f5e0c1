import { isObject, type JsonPath, type JsonValue } from '../../../../core/json.ts';
import { parseAnchor } from './anchor.ts';

export interface PatternFault {
  /** Where in the pattern. */
  readonly path: JsonPath;
  readonly message: string;
}

/**
 * What makes a pattern unusable for a check, found when the policy is loaded: an anchor that only changes objects, an
 * existence anchor over what is no list of maps, an empty list, which nothing can satisfy.
 */
export function checkPattern(pattern: JsonValue, path: JsonPath = []): PatternFault[] {
  if (Array.isArray(pattern)) {
    const items = pattern as readonly JsonValue[];
    if (items.length === 0) return [{ path, message: 'an empty list matches nothing' }];
    return items.flatMap((item, index) => checkPattern(item, [...path, index]));
  }
  if (!isObject(pattern)) return [];
  return Object.keys(pattern).flatMap((key) => {
    const value = pattern[key] as JsonValue;
    const at = [...path, key];
    return [...checkKey(key, value, at), ...checkPattern(value, at)];
  });
}

function checkKey(key: string, value: JsonValue, path: JsonPath): PatternFault[] {
  const anchor = parseAnchor(key);
  if (!anchor) return [];
  if (anchor.kind === 'addition')
    return [{ path, message: `the anchor +(${anchor.key}) changes objects and checks nothing` }];
  if (anchor.kind !== 'existence') return [];
  if (!Array.isArray(value)) return [{ path, message: `the existence anchor ^(${anchor.key}) needs a list` }];
  const items = value as readonly JsonValue[];
  return items.some((item) => !isObject(item))
    ? [{ path, message: `the existence anchor ^(${anchor.key}) needs a list of maps` }]
    : [];
}
