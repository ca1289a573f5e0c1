import { readFileSync } from 'node:fs';
import type { JsonObject, JsonValue } from '../../../../src/core/json.ts';

/** What the Go implementation, in the environment of an API server, made of one expression. */
export interface Vector {
  readonly expr: string;
  /** Why it is refused when a policy is created. */
  readonly refused?: string;
  readonly type?: string;
  readonly value?: JsonValue;
  readonly error?: string;
  readonly cost?: number;
}

/** The objects that every expression sees. */
export const VARIABLES: JsonObject = {
  object: {
    metadata: { name: 'abc', labels: { a: 'b', abc: 'd' } },
    spec: {
      replicas: 3,
      f: 1.5,
      big: 12345678901234567890n,
      containers: [
        { name: 'a', image: 'x:1' },
        { name: 'b', image: 'y:2' },
        { name: 'c', image: 'z' },
      ],
    },
  },
  s: 'abc',
  n: 3,
  l: ['xx', 'yy'],
  m: { a: 1, b: 2 },
};

const beside = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');

/** The expressions that were asked, one a line. */
export function expressions(): readonly string[] {
  return beside('kubernetes-expressions.txt').split('\n').filter(Boolean);
}

/** The answers as `node scripts/cel-vectors.ts` recorded them, in the order of the expressions. */
export function vectors(): readonly Vector[] {
  const lines = beside('kubernetes-vectors.jsonl').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Vector);
}
