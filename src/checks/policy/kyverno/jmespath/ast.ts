import type { JsonValue } from '../../../../core/json.ts';

export type Comparator = '==' | '!=' | '<' | '<=' | '>' | '>=';

/** What a query was parsed into. `offset` is where it starts in the text. */
export type Node =
  | { readonly kind: 'identity' }
  | { readonly kind: 'field'; readonly name: string; readonly offset: number }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly start?: number; readonly stop?: number; readonly step?: number }
  | { readonly kind: 'literal'; readonly value: JsonValue; readonly offset: number }
  /** `right` is put to the value of `left`: `a.b`, `a[0]`. A key that is missing on the left is missing for both. */
  | { readonly kind: 'chain'; readonly left: Node; readonly right: Node }
  /** As a chain, but what is missing on the left is null. */
  | { readonly kind: 'pipe'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'flatten'; readonly of: Node }
  | { readonly kind: 'projection'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'values'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'filter'; readonly left: Node; readonly right: Node; readonly condition: Node }
  | { readonly kind: 'comparison'; readonly operator: Comparator; readonly left: Node; readonly right: Node }
  | { readonly kind: 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'and'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'not'; readonly of: Node }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [key: string, value: Node])[] }
  | { readonly kind: 'expression'; readonly of: Node; readonly offset: number }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Node[]; readonly offset: number };
