import type { JsonValue } from '../../../../core/json.ts';
import { LimitError } from '../../values/limit.ts';
import { worked } from '../../values/work.ts';
import type { Node } from './ast.ts';
import { wellFormed } from './bytes.ts';
import { compileNode } from './compile.ts';
import { JmesError } from './error.ts';
import { type JmesPorts, NotFound, type Run } from './function.ts';
import { jmesFunction } from './functions/table.ts';
import { parse } from './parser.ts';

/** A compiled query. It holds nothing of any run, so one serves everybody. */
export interface Query {
  readonly source: string;
  /**
   * What the query reads of the value it is put to, as paths of keys: `request.object.metadata.name || serviceAccountName`
   * reads two. A path ends where the query goes on by anything but a plain key; whoever asks must take a path for all
   * that lies below it. The empty path is the whole value.
   */
  readonly reads: readonly (readonly string[])[];
  /** The first keys of `reads`; `@` stands for the whole value. */
  readonly roots: ReadonlySet<string>;
  /** The names of the functions that it calls. */
  readonly functions: ReadonlySet<string>;
  /**
   * The value of the query for `root`. Throws JmesError: of kind `not-found` where a key that it asks for is missing,
   * `invalid` where a function cannot take what it gets, `limit` where it would take too long.
   */
  search(root: JsonValue, ports: JmesPorts): JsonValue;
}

/** Work of one run, in elements visited and texts handled: some tenths of a second. */
const maxSteps = 5_000_000;
/** A query is written by hand; only what outside text was put into could be longer. */
const maxLength = 1_000_000;
const maxCached = 2_000;
const cache = new Map<string, Query>();

/**
 * Compiles a query of Kyverno's JMESPath. Throws JmesError of kind `syntax`, `unknown-function`, `unsupported`, or
 * `invalid` for a call that could never succeed. Equal texts share one query.
 */
export function compileQuery(source: string): Query {
  const known = cache.get(source);
  if (known !== undefined) return known;
  if (source.length > maxLength) throw new JmesError('limit', `a query is longer than ${maxLength} characters`);
  const query = compileUncached(source);
  // Long texts were put together at run time and hardly come again.
  if (source.length <= 10_000) {
    if (cache.size >= maxCached) cache.clear();
    cache.set(source, query);
  }
  return query;
}

function compileUncached(source: string): Query {
  const tree = parse(source);
  const evaluate = compileNode(tree, jmesFunction);
  const seen: Seen = { reads: [], functions: new Set() };
  visit(tree, [], seen);
  return {
    source,
    reads: seen.reads,
    roots: new Set(seen.reads.map(([first = '@']) => first)),
    functions: seen.functions,
    search(root, ports) {
      const run = new BoundedRun(ports);
      let found: JsonValue | NotFound;
      try {
        found = evaluate(root, run);
      } catch (error) {
        throw asJmesError(error);
      }
      if (found instanceof NotFound) throw new JmesError('not-found', `Unknown key "${found.key}" in path`);
      if (typeof found === 'number' && !Number.isFinite(found)) {
        throw new JmesError('invalid', 'the value of the query is no finite number');
      }
      return seen.functions.has('base64_decode') ? wellFormed(found) : found;
    },
  };
}

class BoundedRun implements Run {
  readonly now: number;
  readonly random: () => number;
  readonly images?: NonNullable<JmesPorts['images']>;
  #left = maxSteps;

  constructor(ports: JmesPorts) {
    this.now = ports.now;
    this.random = ports.random;
    if (ports.images !== undefined) this.images = ports.images;
  }

  spend(steps: number): void {
    worked(steps);
    this.#left -= steps;
    if (this.#left < 0) throw new JmesError('limit', 'the query takes too long');
  }
}

function asJmesError(error: unknown): JmesError {
  if (error instanceof JmesError) return error;
  if (error instanceof LimitError) return new JmesError('limit', error.message, { cause: error });
  // The stack or the longest possible string: both only by values made for it.
  if (error instanceof RangeError)
    return new JmesError('limit', 'a value is nested too deep, or too large', { cause: error });
  return new JmesError('invalid', error instanceof Error ? error.message : String(error), { cause: error });
}

interface Seen {
  readonly reads: (readonly string[])[];
  readonly functions: Set<string>;
}

/**
 * Notes what a node reads, where it is put to the value at `base` (undefined: to something that was made of other
 * values). Gives the path of its own value, where that is one.
 */
function visit(node: Node, base: readonly string[] | undefined, seen: Seen): void {
  const path = pathOf(node, base, seen);
  if (path !== undefined) seen.reads.push(path);
}

function pathOf(node: Node, base: readonly string[] | undefined, seen: Seen): readonly string[] | undefined {
  const read = (one: Node): void => visit(one, base, seen);
  const within = (one: Node): void => visit(one, undefined, seen);
  switch (node.kind) {
    case 'identity':
      return base;
    case 'field':
      return base === undefined ? undefined : [...base, node.name];
    case 'index':
    case 'slice':
      if (base !== undefined) seen.reads.push(base);
      return undefined;
    case 'literal':
      if (base !== undefined && base.length > 0) seen.reads.push(base);
      return undefined;
    case 'chain':
    case 'pipe':
      return pathOf(node.right, pathOf(node.left, base, seen), seen);
    case 'flatten':
    case 'not':
    case 'expression':
      read(node.of);
      return undefined;
    case 'projection':
    case 'values':
      read(node.left);
      within(node.right);
      return undefined;
    case 'filter':
      read(node.left);
      within(node.condition);
      within(node.right);
      return undefined;
    case 'comparison':
    case 'or':
    case 'and':
      read(node.left);
      read(node.right);
      return undefined;
    case 'list':
      for (const item of node.items) read(item);
      return undefined;
    case 'object':
      for (const [, entry] of node.entries) read(entry);
      return undefined;
    case 'call':
      seen.functions.add(node.name);
      if (base !== undefined && base.length > 0 && node.arguments.length === 0) seen.reads.push(base);
      for (const argument of node.arguments) {
        if (argument.kind === 'expression') within(argument.of);
        else read(argument);
      }
      return undefined;
  }
}
