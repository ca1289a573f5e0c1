/** As much of merging as the double of an API server needs. */
import { isDeepStrictEqual } from 'node:util';

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7386. */
export function mergePatched(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const merged: Record<string, unknown> = { ...(isFields(target) ? target : {}) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatched(merged[name], value);
  }
  return merged;
}

/**
 * Server-side apply by one manager, where lists are exchanged whole: what is applied is set, what was applied before and is
 * not now is taken away, and everything else stays.
 */
export function applied(live: unknown, now: unknown, before: unknown): unknown {
  if (!isFields(now) || !isFields(live)) return now;
  const merged: Record<string, unknown> = { ...live };
  for (const [name, value] of Object.entries(isFields(before) ? before : {})) {
    if (Object.hasOwn(now, name) || !Object.hasOwn(merged, name)) continue;
    const left = withoutOwned(merged[name], value);
    if (left === undefined) delete merged[name];
    else merged[name] = left;
  }
  for (const [name, value] of Object.entries(now)) {
    merged[name] = applied(merged[name], value, isFields(before) ? before[name] : undefined);
  }
  return merged;
}

function withoutOwned(live: unknown, owned: unknown): unknown {
  if (!isFields(live) || !isFields(owned)) return undefined;
  const left = Object.entries(live).flatMap(([name, value]) => {
    const rest = Object.hasOwn(owned, name) ? withoutOwned(value, owned[name]) : value;
    return rest === undefined ? [] : [[name, rest] as const];
  });
  return left.length === 0 ? undefined : Object.fromEntries(left);
}

/** Server-side apply of a list whose items have an identity, as finalizers (themselves) and owners (their uid) have. */
export function appliedSet(
  live: readonly unknown[],
  now: readonly unknown[],
  before: readonly unknown[],
  identity: (item: unknown) => unknown,
): readonly unknown[] {
  const has = (list: readonly unknown[], item: unknown) => list.some((each) => identity(each) === identity(item));
  const kept = live.filter((item) => has(now, item) || !has(before, item));
  const changed = kept.map((item) => now.find((each) => identity(each) === identity(item)) ?? item);
  return [...changed, ...now.filter((item) => !has(kept, item))];
}

/** `a=b,c!=d,e in (f,g),h notin (i),j,!k` */
export function selects(selector: string | undefined, labels: Readonly<Record<string, string>> = {}): boolean {
  if (selector === undefined || selector.trim() === '') return true;
  return selector.split(/,(?![^(]*\))/).every((text) => {
    const part = text.trim();
    const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(part);
    if (set !== null) {
      const values = String(set[3])
        .split(',')
        .map((value) => value.trim());
      return values.includes(labels[String(set[1])] ?? '\0') === (set[2] === 'in');
    }
    const equal = /^([^=!\s]+)\s*(==?|!=)\s*(\S*)$/.exec(part);
    if (equal !== null) return (labels[String(equal[1])] === equal[3]) === (equal[2] !== '!=');
    return part.startsWith('!') ? !Object.hasOwn(labels, part.slice(1)) : Object.hasOwn(labels, part);
  });
}

export const isSame: (a: unknown, b: unknown) => boolean = isDeepStrictEqual;
