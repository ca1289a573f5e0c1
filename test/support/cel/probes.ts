/** Expressions put to a real server and to the gate as policies: refused when they are loaded, or what they say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../../src/core/json.ts';

/** One expression a line. `variables.d` holds a value of each kind, of a type that is not known before. */
export const EXPRESSIONS: readonly string[] = readFileSync(join(import.meta.dirname, 'expressions.txt'), 'utf8')
  .trimEnd()
  .split('\n');

const DATA =
  '{"x": dyn(1), "s": dyn("%d a1"), "p": dyn("[a-z]+"), "l": dyn(["b", "a"]), "m": dyn({"a": 1}), "n": dyn(2.5),' +
  ' "t": dyn("2024-03-01T10:00:00Z"), "du": dyn("90s"), "ns": dyn([1, 3, 2])}';

/** What an object must be for the probe of this number to speak. */
export function probeObject(number: number): JsonObject {
  const metadata = { name: `probe-${number}`, namespace: 'default' };
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { x: '1' } };
}

/**
 * The spec of a policy that denies its own object, and only that one: with the value of the expression where it can be
 * printed, with the error where it has none.
 */
export function probeSpec(number: number): JsonObject {
  const expression = EXPRESSIONS[number] ?? '';
  return {
    matchConstraints: {
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
    },
    matchConditions: [{ name: 'own', expression: `object.metadata.name == 'probe-${number}'` }],
    variables: [
      { name: 'd', expression: DATA },
      { name: 'v', expression },
    ],
    validations: [{ expression: '[variables.v].size() == 0', messageExpression: "'value: %s'.format([variables.v])" }],
  };
}

/** The same as a policy of Kyverno: it is about any object, because each is asked alone. */
export function kyvernoProbe(number: number): JsonObject {
  const { matchConditions: _, ...spec } = probeSpec(number);
  const metadata = { name: `probe-${number}` };
  return { apiVersion: 'policies.kyverno.io/v1', kind: 'ValidatingPolicy', metadata, spec };
}
