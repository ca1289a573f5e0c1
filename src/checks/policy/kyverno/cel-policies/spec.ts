import type { JsonPath } from '../../../../core/json.ts';
import type { CelProgram } from '../../cel/compile.ts';
import type { CelType } from '../../cel/types.ts';
import type { PolicyDocument } from '../../document.ts';
import { type Compiling, compileExpression } from '../../expression.ts';
import { environmentWith, type Vocabulary } from './environment.ts';
import type { CelException } from './exception.ts';
import type { Validation } from './schema.ts';

/** The expressions of a policy, as far as all kinds have them. */
export interface SpecSource {
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[] | undefined;
  readonly variables?: readonly { readonly name: string; readonly expression: string }[] | undefined;
  readonly validations?: readonly Validation[] | undefined;
  readonly auditAnnotations?: readonly { readonly key: string; readonly valueExpression: string }[] | undefined;
}

interface CompiledValidation {
  readonly program: CelProgram;
  readonly message: string;
  readonly messageExpression: CelProgram | undefined;
  readonly path: JsonPath;
}

export interface CompiledSpec {
  readonly matchConditions: readonly CelProgram[];
  readonly variables: ReadonlyMap<string, CelProgram>;
  readonly validations: readonly CompiledValidation[];
  readonly auditAnnotations: readonly { readonly key: string; readonly program: CelProgram }[];
  /** What the last expression could name: for what else a kind of policy compiles. */
  readonly environment: Compiling['environment'];
}

/** Throws POLICY_INVALID with the line of the first expression that cannot be compiled. */
export function compileSpec(document: PolicyDocument, spec: SpecSource, vocabulary: Vocabulary): CompiledSpec {
  const { unanswered } = vocabulary;
  const bare = { document, unanswered, environment: environmentWith(vocabulary, {}) };
  const matchConditions = (spec.matchConditions ?? []).map(({ expression }, i) =>
    compileExpression(bare, ['spec', 'matchConditions', i, 'expression'], expression, 'bool'),
  );
  let compiling = bare;
  const fields: Record<string, CelType> = Object.create(null);
  const variables = new Map<string, CelProgram>();
  for (const [i, { name, expression }] of (spec.variables ?? []).entries()) {
    const program = compileExpression(compiling, ['spec', 'variables', i, 'expression'], expression, 'anything');
    variables.set(name, program);
    fields[name] = program.resultType;
    compiling = { document, unanswered, environment: environmentWith(vocabulary, { ...fields }) };
  }
  const validations = (spec.validations ?? []).map((validation, i): CompiledValidation => {
    const path = ['spec', 'validations', i];
    const { expression, message = '', messageExpression } = validation;
    return {
      path,
      message,
      program: compileExpression(compiling, [...path, 'expression'], expression, 'bool'),
      messageExpression:
        messageExpression === undefined
          ? undefined
          : compileExpression(compiling, [...path, 'messageExpression'], messageExpression, 'string'),
    };
  });
  const auditAnnotations = (spec.auditAnnotations ?? []).map(({ key, valueExpression }, i) => ({
    key,
    program: compileExpression(
      compiling,
      ['spec', 'auditAnnotations', i, 'valueExpression'],
      valueExpression,
      'string or null',
    ),
  }));
  return { matchConditions, variables, validations, auditAnnotations, environment: compiling.environment };
}

/** An exception in the language of one policy. */
export interface CompiledException {
  readonly exception: CelException;
  readonly conditions: readonly CelProgram[];
}

/** The exceptions that name a policy. Throws POLICY_INVALID with the line of an expression that the policy's language lacks. */
export function compileExceptions(
  exceptions: readonly CelException[],
  policy: { readonly kind: string; readonly name: string },
  vocabulary: Vocabulary,
): readonly CompiledException[] {
  const environment = environmentWith(vocabulary, {});
  return exceptions
    .filter(({ policies }) => policies.some(({ kind, name }) => kind === policy.kind && name === policy.name))
    .map((exception) => ({
      exception,
      conditions: exception.conditions.map(({ expression, path }) =>
        compileExpression(
          { document: exception.document, environment, unanswered: vocabulary.unanswered },
          path,
          expression,
          'bool',
        ),
      ),
    }));
}
