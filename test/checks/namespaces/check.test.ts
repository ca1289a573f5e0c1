import { describe, expect, it } from 'vitest';
import { checkNamespaces } from '../../../src/checks/namespaces/check.ts';
import { GateError } from '../../../src/core/errors.ts';
import type { Manifest } from '../../../src/core/manifest.ts';

function placed(name: string, namespace: string | undefined): { manifest: Manifest; namespace: string | undefined } {
  const origin = { file: 'all.yaml', line: 1, column: 1 };
  const identity = { apiVersion: 'v1', kind: 'ConfigMap', name, namespace };
  const locate = (path: readonly unknown[]) => ({ file: path.join('.') });
  return { manifest: { index: 0, identity, object: {}, origin, locate }, namespace };
}

const elsewhere = new GateError('GATE_ELSEWHERE', 'namespace prod is governed by Gate strict, and this by mild');
const belongs = (namespace: string | undefined) => (namespace === 'prod' ? elsewhere : undefined);

describe('where objects are', () => {
  it('is no matter where it belongs', () => {
    expect(checkNamespaces([placed('a', 'apps'), placed('b', undefined)], belongs)).toEqual({
      kind: 'completed',
      examined: 2,
      findings: [],
    });
  });

  it('is told once for each namespace, at its first object', () => {
    const set = [placed('a', 'apps'), placed('b', 'prod'), placed('c', 'prod'), placed('d', 'prod')];
    const outcome = checkNamespaces(set, belongs);
    expect(outcome).toMatchObject({
      examined: 4,
      findings: [
        {
          effect: 'deny',
          code: 'GATE_ELSEWHERE',
          rule: 'namespaces',
          object: { name: 'b' },
          place: { file: 'metadata.namespace' },
          message: `${elsewhere.message} (and 2 more objects like it)`,
        },
      ],
    });
  });

  it('is not evaluated where nobody knows whose rules hold', () => {
    const unknown = () => new GateError('GATE_UNAVAILABLE', 'line 3');
    expect(checkNamespaces([placed('a', undefined)], unknown)).toMatchObject({
      findings: [{ effect: 'error', code: 'GATE_UNAVAILABLE', place: { file: 'kind' } }],
    });
  });
});
