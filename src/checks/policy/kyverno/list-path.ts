import { isObject, type JsonPath, type JsonValue } from '../../../core/json.ts';

/** Where the list of a foreach stands, below the object or below the element of the loop around it. */
export interface ListPath {
  readonly from: 'object' | 'element';
  readonly steps: readonly string[];
  /** Written with `[]` or `[*]` behind: such a list may have fewer or other places than what it was made of. */
  readonly isProjected: boolean;
}

const plain = /^(request\.object|element)((?:\.[A-Za-z_][A-Za-z0-9_]*|\."[^"\\]*")*)(\[\*?\])?$/;

/** Reads `request.object.spec.containers`, `element.ports`; undefined for an expression that is no plain path. */
export function readListPath(expression: string): ListPath | undefined {
  const found = plain.exec(expression.trim());
  if (found === null) return undefined;
  const [, root, steps = '', projection] = found;
  return {
    from: root === 'element' ? 'element' : 'object',
    steps: [...steps.matchAll(/\.(?:"([^"]*)"|([^."]+))/g)].map(([, quoted, word]) => quoted ?? word ?? ''),
    isProjected: projection !== undefined,
  };
}

/** The path of the list in the value that it was looked up in; undefined where its places are not those of the value. */
export function pathIn(list: ListPath, root: JsonValue): JsonPath | undefined {
  let value: JsonValue | undefined = root;
  for (const step of list.steps) value = isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  if (value === undefined) return undefined;
  if (!list.isProjected) return list.steps;
  const keepsPlaces =
    Array.isArray(value) && (value as readonly JsonValue[]).every((each) => each !== null && !Array.isArray(each));
  return keepsPlaces ? list.steps : undefined;
}
