import { check } from './checker.ts';
import { compile } from './closures.ts';
import type { CostBudget } from './cost.ts';
import type { CelHost } from './declaration.ts';
import type { CelEnvironment } from './environment.ts';
import { CelError, evaluationError } from './error.ts';
import { type Bindings, type Evaluate, Frame } from './frame.ts';
import { parse } from './parser.ts';
import { partsOf, type Resolved } from './resolved.ts';
import type { CelType } from './types.ts';
import { validate } from './validation.ts';
import type { CelValue } from './values.ts';

/** An expression that was read whole, and may be evaluated any number of times. */
export interface CelProgram {
  readonly source: string;
  /** What the checker knows of the value; `dyn` where only the evaluation will tell. */
  readonly resultType: CelType;
  /** The variables of the environment that it reads, each once. */
  readonly variables: ReadonlySet<string>;
  /** The functions that it calls, with their namespaces; operators are among them. */
  readonly functions: ReadonlySet<string>;
  /**
   * The value. Throws CelError and nothing else: `evaluation` for what the language calls an error, `cost` where the
   * budget is spent, `work` where a bound of this engine is met. `host` serves the functions that need the gate.
   */
  evaluate(bindings: Bindings, budget: CostBudget, host?: CelHost): CelValue;
}

/** Without a host there is no clock and no chance: what asks for them is an error. */
const NO_HOST: CelHost = {
  get now(): number {
    throw evaluationError('the time is not known here');
  },
  random: () => {
    throw evaluationError('random values are not available here');
  },
};

/** Parses, checks and compiles. Throws CelError (`syntax`, `type`, `limit`) with the offset of what is wrong. */
export function compileCel(source: string, environment: CelEnvironment): CelProgram {
  return guarded(() => {
    const checked = check(parse(source, environment), environment);
    validate(checked.root, environment, checked.typeOf);
    const used = usedNames(checked.root);
    const evaluate = compile(checked.root, environment);
    return new Program(source, checked.type, used, evaluate, checked.slots);
  });
}

class Program implements CelProgram {
  readonly source: string;
  readonly resultType: CelType;
  readonly variables: ReadonlySet<string>;
  readonly functions: ReadonlySet<string>;
  readonly #evaluate: Evaluate;
  readonly #slots: number;

  constructor(source: string, resultType: CelType, used: UsedNames, evaluate: Evaluate, slots: number) {
    this.source = source;
    this.resultType = resultType;
    this.variables = used.variables;
    this.functions = used.functions;
    this.#evaluate = evaluate;
    this.#slots = slots;
  }

  evaluate(bindings: Bindings, budget: CostBudget, host: CelHost = NO_HOST): CelValue {
    const frame = new Frame(this.#slots, bindings, budget, host);
    try {
      return this.#evaluate(frame);
    } catch (cause) {
      throw asCelError(cause);
    }
  }
}

function guarded<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    throw asCelError(cause);
  }
}

/** A stack that ran out, or a string that grew beyond what there can be, is a bound like any other. */
function asCelError(cause: unknown): unknown {
  if (cause instanceof CelError) return cause;
  if (cause instanceof RangeError) return new CelError('work', 'the expression needs more room than it may have');
  return cause;
}

interface UsedNames {
  readonly variables: Set<string>;
  readonly functions: Set<string>;
}

function usedNames(root: Resolved): UsedNames {
  const used: UsedNames = { variables: new Set(), functions: new Set() };
  const visit = (node: Resolved): void => {
    if (node.kind === 'variable') for (const name of node.names) used.variables.add(name);
    if (node.kind === 'call') used.functions.add(node.name);
    for (const part of partsOf(node)) visit(part);
  };
  visit(root);
  return used;
}
