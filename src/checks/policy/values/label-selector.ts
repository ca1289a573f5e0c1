import { isObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import { hasWildcard, matchesWildcard } from './wildcard.ts';

export type Labels = Readonly<Record<string, string>>;
export type LabelMatcher = (labels: Labels) => boolean;

/** A label selector that the API server would not take. `path` says where in the selector. */
export class SelectorError extends Error {
  readonly path: readonly (string | number)[];
  constructor(message: string, path: readonly (string | number)[]) {
    super(message);
    this.name = 'SelectorError';
    this.path = path;
  }
}

const maxLabel = 63;
const maxPrefix = 253;

/**
 * A `metav1.LabelSelector` as a question about labels. Without a requirement it matches everything. `NotIn` and
 * `DoesNotExist` hold where the label is absent. Throws SelectorError for an unknown field or operator, a value of the
 * wrong type, and every key or value that cannot be a label's.
 *
 * With `wildcards`, keys and values of `matchLabels` may hold `*` and `?`, and one label of the object must fit both,
 * as in Kyverno's match blocks; in a cluster's own selectors they are errors.
 */
export function compileSelector(selector: JsonObject, options: { readonly wildcards?: boolean } = {}): LabelMatcher {
  const requirements: LabelMatcher[] = [];
  for (const field of Object.keys(selector)) {
    const value = selector[field] as JsonValue;
    if (field === 'matchLabels') requirements.push(...matchLabels(value, options.wildcards ?? false));
    else if (field === 'matchExpressions') requirements.push(...matchExpressions(value));
    else throw new SelectorError(`a label selector has no field ${JSON.stringify(field)}`, [field]);
  }
  const [only, second] = requirements;
  if (only === undefined) return () => true;
  if (second === undefined) return only;
  return (labels) => requirements.every((holds) => holds(labels));
}

function matchLabels(value: JsonValue, wildcards: boolean): LabelMatcher[] {
  if (value === null) return [];
  if (!isObject(value)) throw new SelectorError('matchLabels must be an object', ['matchLabels']);
  return Object.entries(value).map(([key, wanted]) => {
    const path = ['matchLabels', key];
    if (typeof wanted !== 'string') throw new SelectorError('the value of a label must be a string', path);
    if (wildcards && (hasWildcard(key) || hasWildcard(wanted))) return wildcardLabel(key, wanted, path);
    checkKey(key, path);
    checkValue(wanted, path);
    return (labels) => Object.hasOwn(labels, key) && labels[key] === wanted;
  });
}

function wildcardLabel(key: string, wanted: string, path: readonly string[]): LabelMatcher {
  // What fits no label is put to the cluster's own selector with every wildcard read as 0, so the rest must be valid.
  checkKey(key.replaceAll('*', '0').replaceAll('?', '0'), path);
  checkValue(wanted.replaceAll('*', '0').replaceAll('?', '0'), path);
  return (labels) =>
    Object.keys(labels).some((name) => {
      const value = labels[name] as string;
      // It takes the place of the wildcards, and a selector with what can be no label selects nothing.
      return matchesWildcard(key, name) && matchesWildcard(wanted, value) && isLabel(name, value);
    });
}

function matchExpressions(value: JsonValue): LabelMatcher[] {
  if (value === null) return [];
  if (!Array.isArray(value)) throw new SelectorError('matchExpressions must be a list', ['matchExpressions']);
  return (value as readonly JsonValue[]).map((expression, index) =>
    requirement(expression, ['matchExpressions', index]),
  );
}

function requirement(expression: JsonValue, path: readonly (string | number)[]): LabelMatcher {
  if (!isObject(expression)) throw new SelectorError('a requirement must be an object', path);
  for (const field of Object.keys(expression)) {
    if (field !== 'key' && field !== 'operator' && field !== 'values') {
      throw new SelectorError(`a requirement has no field ${JSON.stringify(field)}`, [...path, field]);
    }
  }
  const key = own(expression, 'key');
  if (typeof key !== 'string') throw new SelectorError('a requirement needs a key', [...path, 'key']);
  checkKey(key, [...path, 'key']);
  const listed = own(expression, 'values') ?? [];
  if (!Array.isArray(listed) || !listed.every((one) => typeof one === 'string')) {
    throw new SelectorError('values must be a list of strings', [...path, 'values']);
  }
  const values: ReadonlySet<string> = new Set(listed as readonly string[]);
  for (const [index, one] of (listed as readonly string[]).entries()) checkValue(one, [...path, 'values', index]);
  const operator = own(expression, 'operator');
  switch (operator) {
    case 'In':
    case 'NotIn': {
      if (values.size === 0) throw new SelectorError(`${operator} needs at least one value`, [...path, 'values']);
      const whenIn = operator === 'In';
      return (labels) => (Object.hasOwn(labels, key) ? values.has(labels[key] as string) === whenIn : !whenIn);
    }
    case 'Exists':
    case 'DoesNotExist': {
      if (values.size !== 0) throw new SelectorError(`${operator} takes no values`, [...path, 'values']);
      const whenThere = operator === 'Exists';
      return (labels) => Object.hasOwn(labels, key) === whenThere;
    }
    default:
      throw new SelectorError(`${JSON.stringify(operator ?? null)} is not an operator of a label selector`, [
        ...path,
        'operator',
      ]);
  }
}

function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isLabel(key: string, value: string): boolean {
  return isKey(key) && (value === '' || isLabelName(value));
}

function isKey(key: string): boolean {
  const slash = key.indexOf('/');
  const name = slash < 0 ? key : key.slice(slash + 1);
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  return isLabelName(name) && (prefix === undefined || isSubdomain(prefix));
}

function checkKey(key: string, path: readonly (string | number)[]): void {
  if (!isKey(key)) {
    throw new SelectorError(`${JSON.stringify(key)} cannot be the key of a label`, path);
  }
}

function checkValue(value: string, path: readonly (string | number)[]): void {
  if (value !== '' && !isLabelName(value)) {
    throw new SelectorError(`${JSON.stringify(value)} cannot be the value of a label`, path);
  }
}

function isLabelName(text: string): boolean {
  return text.length <= maxLabel && /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text);
}

function isSubdomain(text: string): boolean {
  if (text.length > maxPrefix) return false;
  return text.split('.').every((label) => /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(label));
}
