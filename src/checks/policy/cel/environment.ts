import type { Macro } from './ast.ts';
import type { ConstantDeclaration, FunctionDeclaration, ObjectDeclaration } from './declaration.ts';
import type { CelType } from './types.ts';

/** What may be said in a language, and what not: a profile with its variables is an environment. */
export interface CelProfile {
  /** For messages: `kubernetes 1.36`. */
  readonly name: string;
  readonly functions: readonly FunctionDeclaration[];
  readonly macros: readonly Macro[];
  readonly constants: readonly ConstantDeclaration[];
  readonly objects: readonly ObjectDeclaration[];
  /** `[1, 'a']` and `{'a': 1, 'b': 'c'}` are errors, but for the arguments of `format`; `dyn` is a type of its own. */
  readonly homogeneousAggregates: boolean;
  /** `.?field`, `[?index]` and `{?key: …}`. */
  readonly optionalSyntax: boolean;
  /** Fields in backticks: `` a.`b-c` ``. */
  readonly quotedFields: boolean;
  /** Names are looked for in this namespace first: `a.b` in `x.y` is `x.y.a.b`, `x.a.b` or `a.b`. */
  readonly container: string;
  /** A conversion of a literal that fails (`duration('x')`), or a bad pattern, is an error when it is compiled. */
  readonly checkedLiterals: boolean;
  /** What `x.orValue(y)` and `x.or(y)` give for an `x` that is no optional: an error, or (in cel-go 0.26) `x` itself. */
  readonly plainOptional?: 'itself';
  /** What becomes of `{'a': 1, 'a': 2}`: an error, as the language has it, or its last entry, as Go does. */
  readonly repeatedKeys?: 'last';
  /** What `has(…)` costs of its own. */
  readonly presenceCost: 0 | 1;
  /** Without it every expression is parsed and run unchecked, as with `dyn` everywhere. */
  readonly typeChecked: boolean;
}

export interface CelEnvironment extends CelProfile {
  readonly variables: ReadonlyMap<string, CelType>;
}
