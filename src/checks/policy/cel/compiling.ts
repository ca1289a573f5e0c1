import type { Evaluate } from './frame.ts';
import type { Resolved } from './resolved.ts';
import type { CelValue } from './values.ts';

/** What compiles the parts of an expression. */
export interface Compiling {
  /** A conversion of a literal that fails is an error now, and what is known is not evaluated. */
  readonly checkedLiterals: boolean;
  compile(node: Resolved): Evaluate;
  /** The value of an expression that needs nothing to be evaluated, and costs nothing; undefined for any other. */
  constantOf(node: Resolved): CelValue | undefined;
}
