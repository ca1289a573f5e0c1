import type { Overload } from './declaration.ts';
import type { CelType } from './types.ts';
import type { CelValue } from './values.ts';

/** An expression with every name resolved: what the compiler makes closures of. */
export type Resolved = ResolvedKind & {
  /** Where it begins in the source. */
  readonly offset: number;
  /** What the checker knows of the value; `dyn` where it knows nothing. */
  readonly type: CelType;
};

type ResolvedKind =
  | { readonly kind: 'constant'; readonly value: CelValue }
  /** A variable that the caller binds; the first of the names that is bound, where the checker was not asked. */
  | { readonly kind: 'variable'; readonly names: readonly string[] }
  /** A variable of a comprehension. */
  | { readonly kind: 'local'; readonly slot: number }
  | {
      readonly kind: 'select';
      readonly operand: Resolved;
      readonly field: string;
      readonly mode: 'value' | 'optional' | 'test';
    }
  | {
      readonly kind: 'call';
      readonly name: string;
      /** The receiver first. */
      readonly arguments: readonly Resolved[];
      /** Those that the types leave: the values choose among them. */
      readonly overloads: readonly Overload[];
    }
  | { readonly kind: 'list'; readonly elements: readonly { readonly value: Resolved; readonly optional: boolean }[] }
  | {
      readonly kind: 'map';
      readonly entries: readonly { readonly key: Resolved; readonly value: Resolved; readonly optional: boolean }[];
    }
  | {
      readonly kind: 'struct';
      readonly name: string;
      readonly fields: readonly { readonly name: string; readonly value: Resolved; readonly optional: boolean }[];
    }
  | ResolvedFold;

export interface ResolvedFold {
  readonly kind: 'fold';
  readonly range: Resolved;
  readonly variable: number;
  readonly second: number | undefined;
  readonly accumulator: number;
  /** Whether no source can name the accumulator, so that nobody sees how it is built. */
  readonly hidden: boolean;
  readonly initial: Resolved;
  readonly condition: Resolved;
  readonly step: Resolved;
  readonly result: Resolved;
}

/** The expressions right under one. */
export function partsOf(node: Resolved): readonly Resolved[] {
  switch (node.kind) {
    case 'select':
      return [node.operand];
    case 'call':
      return node.arguments;
    case 'list':
      return node.elements.map((element) => element.value);
    case 'map':
      return node.entries.flatMap((entry) => [entry.key, entry.value]);
    case 'struct':
      return node.fields.map((field) => field.value);
    case 'fold':
      return [node.range, node.initial, node.condition, node.step, node.result];
    default:
      return [];
  }
}
