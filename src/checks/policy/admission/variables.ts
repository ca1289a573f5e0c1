import type { CelProgram } from '../cel/compile.ts';
import { CostBudget } from '../cel/cost.ts';
import type { CelEnvironment } from '../cel/environment.ts';
import { CelError } from '../cel/error.ts';
import { type CelType, DYN, listOf, mapOf, objectType } from '../cel/types.ts';
import { type CelKey, CelMap, type CelValue } from '../cel/values.ts';
import type { Variable } from './schema.ts';

const VARIABLES = 'kubernetes.variables';
const PER_EXPRESSION = 1_000_000;

/** `variables` during one pass over the expressions of a policy. */
export interface LazyVariables {
  readonly map: CelMap;
  /** What was spent on variables since it was asked last. */
  takeCost(): number;
}

export interface DeclaredVariables {
  /** The language in which `variables` has a field for each. */
  readonly environment: CelEnvironment;
  /** Fresh variables, none of them evaluated. */
  open(bindings: (name: string) => CelValue | undefined): LazyVariables;
}

/** Compiles variables in their order: each may read those before it, by the type that they have. */
export function declareVariables(
  variables: readonly Variable[],
  base: CelEnvironment,
  compile: (index: number, source: string, environment: CelEnvironment) => CelProgram,
): DeclaredVariables {
  const fields: Record<string, CelType> = Object.create(null);
  const programs = new Map<string, CelProgram>();
  let environment = withFields(base, fields);
  for (const [index, { name, expression }] of variables.entries()) {
    const program = compile(index, expression, environment);
    programs.set(name, program);
    fields[name] = declared(program.resultType);
    environment = withFields(base, fields);
  }
  return { environment, open: (bindings) => openVariables(programs, bindings) };
}

function withFields(base: CelEnvironment, fields: Readonly<Record<string, CelType>>): CelEnvironment {
  return {
    ...base,
    objects: [...base.objects, { name: VARIABLES, fields: { ...fields } }],
    variables: new Map([...base.variables, ['variables', objectType(VARIABLES)]]),
  };
}

/** The API server keeps the types that its schemas have, and forgets every other. */
function declared(type: CelType): CelType {
  switch (type.kind) {
    case 'list':
      return listOf(declared(type.element));
    case 'map':
      return mapOf(declared(type.key), declared(type.value));
    case 'bool':
    case 'bytes':
    case 'double':
    case 'duration':
    case 'int':
    case 'null':
    case 'string':
    case 'timestamp':
    case 'uint':
      return type;
    default:
      return DYN;
  }
}

function openVariables(
  programs: ReadonlyMap<string, CelProgram>,
  bindings: (name: string) => CelValue | undefined,
): LazyVariables {
  let spent = 0;
  const map = new VariableMap(programs, (name, program) => {
    const cost = new CostBudget(PER_EXPRESSION);
    try {
      return program.evaluate((each) => (each === 'variables' ? map : bindings(each)), cost);
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      const message = `composited variable "${name}" fails to evaluate: ${error.message}`;
      // A cost that is spent is an error like any other there; a bound of this engine is none of theirs.
      const kind = error.kind === 'work' ? 'work' : 'evaluation';
      return new CelError(kind, message, undefined, error.lacks, error.isOurs);
    } finally {
      spent += cost.spent;
    }
  });
  return {
    map,
    takeCost() {
      const since = spent;
      spent = 0;
      return since;
    },
  };
}

/** Variables by name; each is evaluated when it is read first, and its value or its error is kept. */
class VariableMap extends CelMap {
  readonly #programs: ReadonlyMap<string, CelProgram>;
  readonly #evaluate: (name: string, program: CelProgram) => CelValue | CelError;
  readonly #known = new Map<string, CelValue | CelError>();

  constructor(
    programs: ReadonlyMap<string, CelProgram>,
    evaluate: (name: string, program: CelProgram) => CelValue | CelError,
  ) {
    super();
    this.#programs = programs;
    this.#evaluate = evaluate;
  }

  override get size(): number {
    return this.#programs.size;
  }

  override get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string') return undefined;
    const program = this.#programs.get(key);
    if (program === undefined) return undefined;
    let value = this.#known.get(key);
    if (value === undefined) {
      value = this.#evaluate(key, program);
      this.#known.set(key, value);
    }
    if (value instanceof CelError) throw value;
    return value;
  }

  override has(key: CelValue): boolean {
    return typeof key === 'string' && this.#programs.has(key);
  }

  override *keys(): IterableIterator<CelKey> {
    yield* this.#programs.keys();
  }
}
