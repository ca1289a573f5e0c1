import type { JsonValue } from '../../../core/json.ts';
import { LimitError } from '../values/limit.ts';
import { Fault } from './fault.ts';
import { JmesError } from './jmespath/error.ts';
import type { JmesPorts } from './jmespath/function.ts';
import { compileQuery, type Query } from './jmespath/query.ts';
import { Unanswerable } from './unanswerable.ts';

/** An expression of a policy, compiled, with what is to be loaded before it can be looked up. */
export interface ContextQuery {
  readonly text: string;
  /** Where Kyverno looks for a context entry's name in the text, and loads the entry if it is there. */
  mentions(name: string): boolean;
  /** Throws Fault, Unanswerable and LimitError. */
  search(root: JsonValue, ports: JmesPorts): JsonValue;
  /** The names at the top that it reads; `@` is the whole of what it is put to. */
  readonly roots: ReadonlySet<string>;
}

/**
 * Compiles an expression. Throws JmesError for what is none, or uses a function that does not exist or has no place in a
 * gate.
 */
export function compileContextQuery(text: string): ContextQuery {
  const trimmed = text.trim();
  if (trimmed === '') throw new JmesError('syntax', 'the expression is empty');
  const query: Query = compileQuery(trimmed);
  const mentioned = new Map<string, boolean>();
  return {
    text,
    mentions(name) {
      let found = mentioned.get(name);
      if (found === undefined) {
        found = mentionsName(text, name);
        mentioned.set(name, found);
      }
      return found;
    },
    search(root, ports) {
      try {
        return query.search(root, ports);
      } catch (error) {
        if (error instanceof JmesError && error.cause instanceof Unanswerable) throw error.cause;
        if (error instanceof JmesError) throw faultOf(error, `JMESPath query failed: ${error.message}`);
        throw error;
      }
    },
    roots: query.roots,
  };
}

/**
 * The fault that Kyverno would have met too. What only this gate cannot do is none: a default, a condition that is passed
 * over or `failurePolicy: Ignore` would make something of it that Kyverno would not.
 */
function faultOf({ kind, cause }: JmesError, message: string): unknown {
  if (kind === 'limit') return new LimitError(message);
  if (kind === 'unsupported') return new Unanswerable(message, undefined);
  return cause === undefined || cause instanceof JmesError ? new Fault(message) : cause;
}

/** So many expressions that only objects could spell are kept: they are made of the objects' own text. */
const maxDynamic = 1_000;
const dynamic = new Map<string, ContextQuery>();

/** An expression that was put together from values. Throws Fault where it is none. */
export function dynamicQuery(text: string): ContextQuery {
  const known = dynamic.get(text);
  if (known !== undefined) return known;
  const trimmed = text.trim();
  if (trimmed === '') throw new Fault('invalid query (nil)');
  let query: ContextQuery;
  try {
    query = compileContextQuery(text);
  } catch (error) {
    if (error instanceof JmesError) throw faultOf(error, `incorrect query ${trimmed}: ${error.message}`);
    throw error;
  }
  if (dynamic.size >= maxDynamic) dynamic.clear();
  dynamic.set(text, query);
  return query;
}

/**
 * Whether a name stands in an expression as a word that no dot, letter or digit leads up to: `x` in `x.y`, not in `y.x`.
 * A dot in the name is any character, as in the regular expression that Kyverno makes of it.
 */
function mentionsName(text: string, name: string): boolean {
  for (let at = 0; at + name.length <= text.length; at += 1) {
    if (!standsAt(text, at, name)) continue;
    if (at > 0 && /[.0-9A-Za-z]/.test(text.charAt(at - 1))) continue;
    const end = at + name.length;
    if (isWord(text.charAt(end - 1)) !== (end < text.length && isWord(text.charAt(end)))) return true;
  }
  return false;
}

function standsAt(text: string, at: number, name: string): boolean {
  if (!name.includes('.')) return text.startsWith(name, at);
  for (let i = 0; i < name.length; i += 1) {
    if (name[i] !== '.' && name[i] !== text[at + i]) return false;
  }
  return true;
}

function isWord(character: string): boolean {
  return /^[0-9A-Za-z_]$/.test(character);
}
