import type { JsonPath } from '../../core/json.ts';
import { type CelProgram, compileCel } from './cel/compile.ts';
import type { CelEnvironment } from './cel/environment.ts';
import { CelError } from './cel/error.ts';
import { BOOL, type CelType, formatType, STRING } from './cel/types.ts';
import { type PolicyDocument, policyError } from './document.ts';

/** What an expression must give, by what the checker knows of it: `dyn` is not enough, as in Kyverno. */
export type Wanted = 'bool' | 'string' | 'string or null' | 'list of strings' | 'anything';

/** Where the expressions of a policy are compiled, and what its complaints name. */
export interface Compiling {
  readonly document: PolicyDocument;
  readonly environment: CelEnvironment;
  /** Variables that nobody gives a value, and why: an expression that reads one is refused. */
  readonly unanswered?: ReadonlyMap<string, string>;
}

/**
 * An expression of a policy, compiled. Throws POLICY_INVALID with its place, and in it the place inside the expression,
 * for whatever cannot be compiled or gives something else than is wanted.
 */
export function compileExpression(
  { document, environment, unanswered }: Compiling,
  path: JsonPath,
  source: string,
  wanted: Wanted,
): CelProgram {
  const field = describe(path);
  let program: CelProgram;
  try {
    program = compileCel(source, environment);
  } catch (error) {
    if (!(error instanceof CelError)) throw error;
    const at = error.offset === undefined ? '' : ` (${positionIn(source, error.offset)} of the expression)`;
    throw policyError(document, path, `${field}: ${error.message}${at}`, 'POLICY_INVALID', { cause: error });
  }
  for (const [name, why] of unanswered ?? []) {
    if (!program.variables.has(name)) continue;
    throw policyError(document, path, `${field}: it reads ${name}, and ${why}`, 'POLICY_UNSUPPORTED');
  }
  if (isWanted(program.resultType, wanted)) return program;
  const found = formatType(program.resultType);
  throw policyError(document, path, `${field}: it gives ${found}, and ${wanted} is wanted here`, 'POLICY_INVALID', {
    mend: wanted === 'bool' ? 'Compare the value, or write bool(…) around it.' : 'Convert the value, as in string(…).',
  });
}

function isWanted(type: CelType, wanted: Wanted): boolean {
  switch (wanted) {
    case 'anything':
      return true;
    case 'bool':
      return type.kind === BOOL.kind;
    case 'string':
      return type.kind === STRING.kind;
    case 'string or null':
      return type.kind === 'string' || type.kind === 'null';
    case 'list of strings':
      return type.kind === 'dyn' || (type.kind === 'list' && ['string', 'dyn'].includes(type.element.kind));
    default:
      return wanted satisfies never;
  }
}

/** `line 2, column 5` */
function positionIn(source: string, offset: number): string {
  const before = source.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/** `spec.validations[0].expression` */
export function describe(path: JsonPath): string {
  return path.reduce<string>(
    (shown, step) => (typeof step === 'number' ? `${shown}[${step}]` : shown === '' ? step : `${shown}.${step}`),
    '',
  );
}
