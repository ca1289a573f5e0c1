import { describe, expect, it } from 'vitest';
import type { Gates, Governing, NamespaceFacts, StandingGate } from '../../../src/gates.ts';
import { belongsTo } from '../../../src/surfaces/flux/resolve.ts';
import type { ClusterView } from '../../../src/surfaces/flux/run.ts';

const gate = (name: string) => ({ name, rules: 'r' }) as StandingGate;
const one = (name: string): Governing => ({ kind: 'one', gate: gate(name) });

/** What may be in a set of `apps`, whose Gate is `mild`. */
function belongs(namespace: string | undefined, governing: Governing, labels: Record<string, string> = {}) {
  const asked: (NamespaceFacts | 'cluster')[] = [];
  const gates = {
    of(facts: NamespaceFacts) {
      asked.push(facts);
      return governing;
    },
    ofCluster() {
      asked.push('cluster');
      return governing;
    },
  } as unknown as Gates;
  const view = {
    namespace: (name: string) => (name === 'there' ? { name, labels: { a: 'b' }, ending: false } : undefined),
  } as unknown as ClusterView;
  const answer = belongsTo(gate('mild'), { name: 'apps', labels }, gates, view)(namespace);
  return { answer, asked };
}

describe('what a GatedSource may hold', () => {
  it.each<[string, string | undefined, Governing, string | undefined]>([
    ['what is in its own namespace', 'apps', { kind: 'unavailable', why: 'not asked' }, undefined],
    ['what the same Gate governs', 'there', one('mild'), undefined],
    ['what no Gate governs', 'there', { kind: 'none' }, undefined],
    ['not what another Gate governs', 'there', one('strict'), 'GATE_ELSEWHERE'],
    ['not what another Gate would govern', 'to-be-made', one('strict'), 'GATE_ELSEWHERE'],
    ['not what two Gates govern', 'there', { kind: 'several', names: ['a', 'b'] }, 'GATE_SEVERAL'],
    ['not what nobody knows of', 'there', { kind: 'unavailable', why: 'line 3' }, 'GATE_UNAVAILABLE'],
    ['objects of the cluster where no Gate judges them', undefined, { kind: 'none' }, undefined],
    ['objects of the cluster of the same Gate', undefined, one('mild'), undefined],
    ['no objects of the cluster of another Gate', undefined, one('strict'), 'GATE_ELSEWHERE'],
  ])('%s', (_, namespace, governing, code) => {
    expect(belongs(namespace, governing).answer?.code).toBe(code);
  });

  it('is asked of the namespaces as they are', () => {
    expect(belongs('there', one('mild')).asked).toEqual([{ name: 'there', labels: { a: 'b' }, ending: false }]);
    expect(belongs('to-be-made', one('mild')).asked).toEqual([{ name: 'to-be-made', labels: {} }]);
    expect(belongs(undefined, one('mild')).asked).toEqual(['cluster']);
  });
});
