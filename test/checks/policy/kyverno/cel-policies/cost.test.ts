import { describe, expect, it } from 'vitest';
import { ask, compile } from './ask.ts';

function policy(spec: string): string {
  return `
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: { name: p }
spec:
  matchConstraints:
    resourceRules: [{ apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [configmaps] }]
${spec}`;
}

const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'default' } };
/** About six times its number in thousands. */
const costly = (count: number) => `lists.range(${count}).all(x, lists.range(1000).all(y, true))`;

describe('an expression has a bound of its own, as in Kyverno', () => {
  it('that one expression may not exceed', () => {
    const [result] = ask(compile(policy(`  validations: [{ expression: '${costly(1000)}' }]`)), { object });
    expect(result).toMatchObject({
      status: 'error',
      message: 'error: operation cancelled: actual cost limit exceeded',
    });
  });

  it('that a variable may not exceed either', () => {
    const spec = `  variables: [{ name: v, expression: '${costly(1000)}' }]\n  validations: [{ expression: variables.v }]`;
    const [result] = ask(compile(policy(spec)), { object });
    expect(result?.status).toBe('error');
    expect(result?.message).toContain('actual cost limit exceeded');
  });

  it('that several stay within, each alone', () => {
    const one = `{ expression: '${costly(100)}' }`;
    const [result] = ask(compile(policy(`  validations: [${one}, ${one}, ${one}]`)), { object });
    expect(result?.status).toBe('pass');
  });

  it('and all together one that is ten times as high', () => {
    const many = Array.from({ length: 40 }, () => `{ expression: '${costly(150)}' }`).join(', ');
    const [result] = ask(compile(policy(`  validations: [${many}]`)), { object });
    expect(result?.status).toBe('error');
  });
});
