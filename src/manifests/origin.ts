/**
 * Where the renderers say that an object came from. What they say is text that the application's author can write too,
 * so it names a file in messages and nothing else; what does not look like a path inside the source is passed over.
 */
import { isObject, type JsonObject, type JsonValue, objectFrom } from '../core/json.ts';
import { OUTSIDE } from '../core/rendered.ts';
import { Budget } from './budget.ts';
import { TextProblem } from './problem.ts';
import { composeYaml } from './yaml/composer.ts';

/** A path that may stand in a message: one line, printable, inside the source root. */
const printable = /^[^\p{C}\p{Zl}\p{Zp}]{1,256}$/u;

const helmMark = '---\n# Source: ';

/**
 * The templates that the parts of `helm template`'s output came from: Helm prints `# Source: <chart>/templates/web.yaml`
 * below the separator of each part. A part that holds several documents has one mark for all. To be asked in the order
 * of the text.
 */
export class HelmMarks {
  readonly #text: string;
  readonly #base: string | undefined;
  #next: number;
  #file: string | undefined;

  constructor(text: string, base: string | undefined) {
    this.#text = text;
    this.#base = base;
    this.#next = this.#find(0);
  }

  /** The template of what stands at an offset; undefined where no mark precedes it, or it names no file inside. */
  before(offset: number): string | undefined {
    while (this.#next < offset) {
      const start = this.#next + helmMark.length;
      const end = this.#text.indexOf('\n', start);
      this.#file = this.#fileOf(this.#text.slice(start, end === -1 ? undefined : end).trimEnd());
      this.#next = this.#find(start);
    }
    return this.#file;
  }

  /** The chart's own folder stands for its name, if it is in the source at all. */
  #fileOf(path: string): string | undefined {
    if (this.#base === undefined) return joinInside('.', path);
    const slash = path.indexOf('/');
    return slash === -1 ? undefined : joinInside(this.#base, path.slice(slash + 1));
  }

  #find(from: number): number {
    let at = this.#text.indexOf(helmMark, from);
    while (at > 0 && this.#text[at - 1] !== '\n') at = this.#text.indexOf(helmMark, at + 1);
    return at === -1 ? Number.POSITIVE_INFINITY : at;
  }
}

const originKey = 'config.kubernetes.io/origin';

export interface Unmarked {
  readonly object: JsonObject;
  readonly file: string | undefined;
}

/**
 * Takes kustomize's origin annotation out of an object: what is left is what kustomize prints without being asked for
 * origins. An object that kustomize generated names the kustomization that configured it.
 */
export function takeKustomizeOrigin(object: JsonObject, base: string | undefined): Unmarked {
  const metadata = object['metadata'];
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  if (!isObject(metadata) || !isObject(annotations) || !Object.hasOwn(annotations, originKey)) {
    return { object, file: undefined };
  }
  const rest = without(annotations, originKey);
  const left =
    Object.keys(rest).length === 0 ? without(metadata, 'annotations') : replace(metadata, 'annotations', rest);
  return { object: replace(object, 'metadata', left), file: readOrigin(annotations[originKey], base) };
}

function readOrigin(text: JsonValue | undefined, base: string | undefined): string | undefined {
  if (typeof text !== 'string' || text.length > 4096) return undefined;
  let origin: JsonValue;
  try {
    origin = composeYaml(text, {
      maxDepth: 10,
      maxAliasNodes: 0,
      maxAliasCharacters: 0,
      budget: new Budget(100),
    }).value;
  } catch (thrown) {
    if (thrown instanceof TextProblem) return undefined;
    throw thrown;
  }
  if (!isObject(origin)) return undefined;
  const path = origin['path'] ?? origin['configuredIn'];
  if (typeof path !== 'string') return undefined;
  const { repo, ref } = origin as { readonly repo?: JsonValue; readonly ref?: JsonValue };
  if (typeof repo !== 'string') {
    const moved = path.lastIndexOf(`${OUTSIDE}/`);
    return moved === -1 ? joinInside(base ?? '.', path) : joinInside('.', path.slice(moved + OUTSIDE.length + 1));
  }
  const remote = `${repo}//${path}${typeof ref === 'string' ? `?ref=${ref}` : ''}`;
  // An address may carry a password.
  return printable.test(remote) && !remote.includes('@') ? remote : undefined;
}

/** `path` as seen from the source root; undefined where it leads out of it or could not be printed. */
function joinInside(base: string, path: string): string | undefined {
  if (path.startsWith('/') || !printable.test(path)) return undefined;
  const joined: string[] = [];
  for (const part of `${base}/${path}`.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') joined.push(part);
    else if (joined.pop() === undefined) return undefined;
  }
  return joined.length === 0 ? undefined : joined.join('/');
}

function without(object: JsonObject, key: string): JsonObject {
  return objectFrom(Object.entries(object).filter(([each]) => each !== key));
}

function replace(object: JsonObject, key: string, value: JsonValue): JsonObject {
  return objectFrom(Object.entries(object).map(([each, old]) => [each, each === key ? value : old] as const));
}
