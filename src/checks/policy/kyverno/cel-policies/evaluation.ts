import type { CelProgram } from '../../cel/compile.ts';
import { CostBudget } from '../../cel/cost.ts';
import type { CelHost } from '../../cel/declaration.ts';
import { CelError } from '../../cel/error.ts';
import type { Bindings } from '../../cel/frame.ts';
import { fromJson } from '../../cel/json.ts';
import { type CelKey, CelMap, type CelValue } from '../../cel/values.ts';
import type { Lacks } from '../../lacks.ts';
import { type CelException, isExpired } from './exception.ts';
import type { CompiledException, CompiledSpec } from './spec.ts';

/** `lacks`: what the platform did not say, where that is why. */
export interface ErrorVerdict {
  readonly kind: 'error';
  readonly message: string;
  readonly lacks?: Lacks | undefined;
}

/** What a policy says of one object. `error` holds the words of Kyverno, and before them what it was about. */
export type Verdict =
  | { readonly kind: 'pass' }
  | { readonly kind: 'fail'; readonly message: string; readonly index: number }
  | ErrorVerdict
  /** A condition of the policy takes the object out. */
  | { readonly kind: 'unmatched' }
  | { readonly kind: 'excepted'; readonly by: readonly CelException[] };

/** Evaluates programs over one object, with one budget for all of them. */
export interface Evaluator {
  readonly budget: CostBudget;
  readonly host: CelHost;
}

/** What one expression may cost, as on an API server. */
const PER_EXPRESSION = 1_000_000;

/** The value of one expression, which has a limit of its own, and counts for the budget of all. Throws CelError. */
export function evaluate({ budget, host }: Evaluator, program: CelProgram, bindings: Bindings): CelValue {
  const own = new CostBudget(Math.min(PER_EXPRESSION, Math.max(0, budget.limit - budget.spent)));
  try {
    return program.evaluate(bindings, own, host);
  } catch (error) {
    // The budget of all is ours: Kyverno bounds each expression alone.
    const isSpent = error instanceof CelError && error.kind === 'cost' && own.limit < PER_EXPRESSION;
    throw isSpent ? new CelError('work', error.message, error.offset) : error;
  } finally {
    budget.spent += own.spent;
  }
}

/** The message of what went wrong, and what the platform did not say, where that is why. */
interface Erred {
  readonly error: string;
  readonly lacks?: Lacks | undefined;
  readonly isOurs?: boolean;
}

export type Tried = { readonly value: CelValue } | Erred;

export function attempt(evaluator: Evaluator, program: CelProgram, bindings: Bindings): Tried {
  try {
    return { value: evaluate(evaluator, program, bindings) };
  } catch (error) {
    if (error instanceof CelError) return { error: error.message, lacks: error.lacks, isOurs: error.isOurs };
    throw error;
  }
}

/**
 * Whether every condition holds. One that is false decides, whatever others are errors; with `failurePolicy: Ignore` an
 * error that Kyverno meets too takes the object out.
 */
export function holdsAll(
  evaluator: Evaluator,
  conditions: readonly CelProgram[],
  bindings: Bindings,
  ignoreErrors: boolean,
): boolean | Erred {
  const errors: Erred[] = [];
  for (const condition of conditions) {
    const tried = attempt(evaluator, condition, bindings);
    if ('error' in tried) errors.push(tried);
    else if (tried.value !== true) return false;
  }
  if (errors.length === 0) return true;
  if (ignoreErrors && errors.some(({ isOurs }) => isOurs !== true)) return false;
  const lacks = errors.find((each) => each.lacks !== undefined)?.lacks;
  return { error: errors.map(({ error }) => error).join('; '), lacks };
}

/** What exceptions grant: all of the object, or images and values for the policy to compare with. */
export type Grant =
  | { readonly kind: 'all'; readonly by: readonly CelException[] }
  | { readonly kind: 'some'; readonly images: readonly string[]; readonly values: readonly string[] }
  | ErrorVerdict;

/** An exception that was granted stays so, whatever a later one says. */
export function grantOf(
  evaluator: Evaluator,
  exceptions: readonly CompiledException[],
  bindings: Bindings,
  ignoreErrors: boolean,
  now: number,
): Grant {
  const by: CelException[] = [];
  const images: string[] = [];
  const values: string[] = [];
  let isWhole = false;
  for (const { exception, conditions } of exceptions) {
    if (isExpired(exception, now)) continue;
    const holds = holdsAll(evaluator, conditions, bindings, ignoreErrors);
    if (typeof holds === 'object') {
      if (isWhole) continue;
      return { kind: 'error', message: holds.error, lacks: holds.lacks };
    }
    if (!holds) continue;
    by.push(exception);
    if (exception.images.length === 0 && exception.allowedValues.length === 0) isWhole = true;
    images.push(...exception.images);
    values.push(...exception.allowedValues);
  }
  return isWhole ? { kind: 'all', by } : { kind: 'some', images, values };
}

/** Validations in their order: the first that does not hold is the verdict. */
export function validate(evaluator: Evaluator, spec: CompiledSpec, bindings: Bindings): Verdict {
  const { validations } = spec;
  for (const [index, { program, message, messageExpression }] of validations.entries()) {
    const tried = attempt(evaluator, program, bindings);
    if ('error' in tried) return { kind: 'error', message: `error: ${tried.error}`, lacks: tried.lacks };
    if (tried.value === true) continue;
    const said = messageExpression === undefined ? message : expressed(evaluator, messageExpression, bindings);
    const annotation = annotationError(evaluator, spec, bindings);
    if (annotation !== undefined)
      return { kind: 'error', message: `error: ${annotation.error}`, lacks: annotation.lacks };
    return { kind: 'fail', message: said === '' ? `CEL expression validation failed at index ${index}` : said, index };
  }
  const annotation = annotationError(evaluator, spec, bindings);
  return annotation === undefined
    ? { kind: 'pass' }
    : { kind: 'error', message: `failed to load context: ${annotation.error}`, lacks: annotation.lacks };
}

function expressed(evaluator: Evaluator, program: CelProgram, bindings: Bindings): string {
  const tried = attempt(evaluator, program, bindings);
  if ('error' in tried) return `failed to evaluate message expression: ${tried.error}`;
  return typeof tried.value === 'string' ? tried.value : 'failed to convert message expression to string';
}

/** Annotations are nowhere to be written; what is wrong with them is wrong with the policy all the same. */
function annotationError(
  evaluator: Evaluator,
  { auditAnnotations }: CompiledSpec,
  bindings: Bindings,
): Erred | undefined {
  for (const { key, program } of auditAnnotations) {
    const tried = attempt(evaluator, program, bindings);
    if ('error' in tried) return { ...tried, error: `failed to evaluate auditAnnotation '${key}': ${tried.error}` };
    if (typeof tried.value !== 'string') {
      return {
        error: `failed to convert auditAnnotation '${key}' expression: type conversion error from 'null_type' to 'string'`,
      };
    }
  }
  return undefined;
}

/** `variables`: each is evaluated when it is first read, once. */
export class VariableMap extends CelMap {
  readonly #programs: ReadonlyMap<string, CelProgram>;
  readonly #evaluate: (program: CelProgram) => CelValue;
  readonly #known = new Map<string, { readonly value: CelValue } | { readonly error: CelError } | 'evaluating'>();

  constructor(programs: ReadonlyMap<string, CelProgram>, evaluate: (program: CelProgram) => CelValue) {
    super();
    this.#programs = programs;
    this.#evaluate = evaluate;
  }

  override get size(): number {
    return this.#programs.size;
  }

  override get(key: CelValue): CelValue | undefined {
    const program = typeof key === 'string' ? this.#programs.get(key) : undefined;
    if (program === undefined) return undefined;
    const known = this.#known.get(key as string);
    if (known === 'evaluating') throw new CelError('work', `the variable ${String(key)} refers to itself`);
    if (known !== undefined) {
      if ('error' in known) throw known.error;
      return known.value;
    }
    this.#known.set(key as string, 'evaluating');
    try {
      const value = this.#evaluate(program);
      this.#known.set(key as string, { value });
      return value;
    } catch (error) {
      if (error instanceof CelError) this.#known.set(key as string, { error });
      throw error;
    }
  }

  override has(key: CelValue): boolean {
    return typeof key === 'string' && this.#programs.has(key);
  }

  override *keys(): IterableIterator<CelKey> {
    yield* this.#programs.keys();
  }
}

/** `exceptions`: what exceptions grant without granting all. */
export function grantValue(images: readonly string[], values: readonly string[]): CelValue {
  return fromJson({ allowedImages: images, allowedValues: values });
}
