import type { JsonPath } from '../../../core/json.ts';
import type { CelProgram } from '../cel/compile.ts';
import { CostBudget } from '../cel/cost.ts';
import type { CelEnvironment } from '../cel/environment.ts';
import { CelError } from '../cel/error.ts';
import type { CelValue } from '../cel/values.ts';
import type { Lacks } from '../lacks.ts';
import { trimSpace } from '../values/go-space.ts';
import type { AuditAnnotation, MatchCondition, Validation, Variable } from './schema.ts';
import { declareVariables, type LazyVariables } from './variables.ts';

/** The parts of a policy that are expressions; where Kyverno's `cel` rule stands, its conditions and expressions. */
export interface ValidatorSource {
  readonly failurePolicy: 'Fail' | 'Ignore';
  readonly matchConditions: readonly MatchCondition[];
  readonly variables: readonly Variable[];
  readonly validations: readonly Validation[];
  readonly auditAnnotations: readonly AuditAnnotation[];
}

/** What an expression must give: exactly that, and not `dyn`. */
export type Wanted = 'bool' | 'string' | 'string or null' | 'anything';

export interface ValidatorContext {
  /** The dialect's language, with `object`, `request` and what else it declares; `variables` is added here. */
  readonly environment: CelEnvironment;
  /** Where the parts stand in the document: `['spec']`. */
  readonly path: JsonPath;
  /** Compiles one expression, and throws the dialect's error with its place. */
  compile(path: JsonPath, source: string, wanted: Wanted, environment: CelEnvironment): CelProgram;
}

/** The values of `object`, `request` and what else is declared; undefined for a name that has none. */
export type Bindings = (name: string) => CelValue | undefined;

/**
 * What became of one validation, or of the whole where nothing could be evaluated (`index` is then undefined). An
 * `error` is admitted by `failurePolicy: Ignore`, and denied otherwise.
 */
export interface ValidationOutcome {
  readonly index: number | undefined;
  readonly kind: 'admitted' | 'denied' | 'error';
  /** Exactly the API server's; empty where it is admitted. */
  readonly message: string;
  /** The error comes from an audit annotation: whoever fails closed denies, whatever the binding wants done. */
  readonly fromAnnotation?: true;
  /** What the platform did not say, where that is the error. */
  readonly lacks?: Lacks;
  /** The API server may not have met the error, so `failurePolicy: Ignore` admits nothing for its sake. */
  readonly isOurs?: true;
}

export interface Validator {
  /** Undefined where the match conditions leave the request out. Never throws. */
  validate(bindings: Bindings): readonly ValidationOutcome[] | undefined;
}

/** Of one expression (k8s.io/apiserver, apis/cel). */
const PER_EXPRESSION = 1_000_000;
/** Of all expressions of one binding together. */
const PER_BINDING = 10_000_000;
const PER_CONDITIONS = 2_500_000;
const MAX_MESSAGE_BYTES = 5 * 1024;
const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run';

interface Expression {
  readonly source: string;
  readonly program: CelProgram;
}

interface CompiledValidation extends Expression {
  readonly message: string;
  readonly messageExpression: Expression | undefined;
}

/**
 * Compiles the expressions of a policy into what the API server's validator is: conditions that must all hold, where one
 * that is false beats one that errs; validations that are all evaluated; variables that are evaluated when first read,
 * once in each of the passes; and budgets of cost.
 */
export function compileValidator(source: ValidatorSource, context: ValidatorContext): Validator {
  const { environment, path, compile } = context;
  const expression = (at: JsonPath, text: string, wanted: Wanted, within: CelEnvironment): Expression => ({
    source: text,
    program: compile([...path, ...at], text, wanted, within),
  });
  const conditions = source.matchConditions.map((condition, index) =>
    expression(['matchConditions', index, 'expression'], condition.expression, 'bool', environment),
  );
  const variables = declareVariables(source.variables, environment, (index, text, within) =>
    compile([...path, 'variables', index, 'expression'], text, 'anything', within),
  );
  const validations = source.validations.map((validation, index): CompiledValidation => {
    const at = ['validations', index] as const;
    const told = validation.messageExpression ?? '';
    return {
      ...expression([...at, 'expression'], validation.expression, 'bool', variables.environment),
      message: trimSpace(validation.message ?? ''),
      messageExpression:
        told === '' ? undefined : expression([...at, 'messageExpression'], told, 'string', variables.environment),
    };
  });
  const annotations = source.auditAnnotations.map((annotation, index) => {
    const at = ['auditAnnotations', index, 'valueExpression'];
    return expression(at, annotation.valueExpression, 'string or null', variables.environment);
  });
  const messages = validations.map(({ messageExpression }) => messageExpression);
  /** What the messages can cost at most: where so much is left, they need not be evaluated to know that they fit. */
  const messagesAtMost =
    (messages.filter((each) => each !== undefined).length + source.variables.length) * 2 * PER_EXPRESSION;

  return {
    validate(bindings) {
      const matched = matches(conditions, bindings);
      if (matched !== true) {
        if (matched === false || (source.failurePolicy === 'Ignore' && matched.isOurs !== true)) return undefined;
        return [erred(undefined, matched)];
      }
      const pass = run(validations, variables.open(bindings), bindings, PER_BINDING);
      if (pass.kind === 'spent') return [whole(OUT_OF_BUDGET)];
      const anyDenied = pass.results.some((result) => 'value' in result && result.value !== true);
      const told =
        anyDenied || pass.left < messagesAtMost
          ? run(messages, variables.open(bindings), bindings, pass.left)
          : undefined;
      const outcomes = validations.map((validation, index) =>
        outcomeOf(
          validation,
          index,
          pass.results[index],
          told,
          told?.kind === 'done' ? told.results[index] : undefined,
        ),
      );
      if (annotations.length === 0) return outcomes;
      const noted = run(annotations, variables.open(bindings), bindings, PER_BINDING);
      if (noted.kind === 'spent') return [whole(OUT_OF_BUDGET)];
      return [...outcomes, ...noted.results.flatMap(annotationOutcome)];
    },
  };
}

/** True, false, or why it cannot be said. */
function matches(conditions: readonly Expression[], bindings: Bindings): boolean | Erred {
  if (conditions.length === 0) return true;
  // The API server gives no namespace to match conditions.
  const bound: Bindings = (name) => (name === 'namespaceObject' ? null : bindings(name));
  const pass = run(conditions, undefined, bound, PER_CONDITIONS);
  if (pass.kind === 'spent') return { error: OUT_OF_BUDGET };
  if (pass.results.some((result) => 'value' in result && result.value === false)) return false;
  const found = pass.results.filter((result) => 'error' in result);
  const errors = new Set(found.map(({ error }) => error));
  if (errors.size === 0) return true;
  // One error of the server's own is enough: with `Ignore` it leaves the request out, whatever the others would be.
  const isOurs = found.every((each) => each.isOurs === true);
  const lacks = found.find((each) => each.lacks !== undefined)?.lacks;
  return { error: errors.size === 1 ? ([...errors][0] as string) : `[${[...errors].join(', ')}]`, lacks, isOurs };
}

interface Erred {
  readonly error: string;
  readonly lacks?: Lacks | undefined;
  readonly isOurs?: boolean;
}
type Result = { readonly value: CelValue } | Erred;
type Pass =
  | { readonly kind: 'done'; readonly results: readonly Result[]; readonly left: number }
  | { readonly kind: 'spent' };

const NONE: Result = { value: null };

/** Evaluates one after the other; once the budget is spent, nothing of it counts. */
function run(
  expressions: readonly (Expression | undefined)[],
  variables: LazyVariables | undefined,
  bindings: Bindings,
  budget: number,
): Pass {
  const results: Result[] = [];
  let left = budget;
  const bound: Bindings = (name) => (name === 'variables' && variables !== undefined ? variables.map : bindings(name));
  for (const expression of expressions) {
    if (expression === undefined) {
      results.push(NONE);
      continue;
    }
    const cost = new CostBudget(PER_EXPRESSION);
    let result: Result;
    try {
      result = { value: expression.program.evaluate(bound, cost) };
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      const { lacks, isOurs } = error;
      result = { error: `expression '${expression.source}' resulted in error: ${error.message}`, lacks, isOurs };
    }
    left -= cost.spent + (variables?.takeCost() ?? 0);
    if (left < 0) return { kind: 'spent' };
    results.push(result);
  }
  return { kind: 'done', results, left };
}

function outcomeOf(
  validation: CompiledValidation,
  index: number,
  result: Result | undefined,
  told: Pass | undefined,
  message: Result | undefined,
): ValidationOutcome {
  if (result === undefined) return { index, kind: 'error', message: 'it was not evaluated', isOurs: true };
  if ('error' in result) return erred(index, result);
  if (told?.kind === 'spent') return { index, kind: 'error', message: `failed messageExpression: ${OUT_OF_BUDGET}` };
  if (result.value === true) return { index, kind: 'admitted', message: '' };
  return { index, kind: 'denied', message: messageOf(validation, message) };
}

/** The expression's message where it is one line of a bearable length; else the written one; else the expression. */
function messageOf(validation: CompiledValidation, told: Result | undefined): string {
  const spoken = told !== undefined && 'value' in told && typeof told.value === 'string' ? trimSpace(told.value) : '';
  const usable = spoken !== '' && !spoken.includes('\n') && Buffer.byteLength(spoken) <= MAX_MESSAGE_BYTES;
  if (usable) return spoken;
  return validation.message === '' ? `failed expression: ${trimSpace(validation.source)}` : validation.message;
}

/** What an annotation says is for the audit log; only its error concerns the verdict. */
function annotationOutcome(result: Result): ValidationOutcome[] {
  if (!('error' in result)) return [];
  return [{ ...erred(undefined, result), fromAnnotation: true }];
}

function erred(index: number | undefined, { error, lacks, isOurs }: Erred): ValidationOutcome {
  return {
    index,
    kind: 'error',
    message: error,
    ...(lacks !== undefined && { lacks }),
    ...(isOurs === true && { isOurs }),
  };
}

function whole(message: string): ValidationOutcome {
  return { index: undefined, kind: 'error', message };
}
