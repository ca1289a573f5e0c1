import { describe, expect, it } from 'vitest';
import { kyverno } from '../../../../src/checks/policy/cel/profiles.ts';
import { createResourceTable } from '../../../../src/checks/policy/kube/resources.ts';
import { compileCelPolicy } from '../../../../src/checks/policy/kyverno/cel-policies/load.ts';
import type { CompiledPolicy } from '../../../../src/checks/policy/rule.ts';
import { readProbes } from '../../../support/cel/kyverno-record.ts';
import { EXPRESSIONS, kyvernoProbe, probeObject } from '../../../support/cel/probes.ts';
import { policyDocument } from '../../../support/kubernetes/documents.ts';
import { requestOf, worldOf } from '../kyverno/cel-policies/ask.ts';

const resources = createResourceTable();
const recorded = readProbes();

/** Where we differ, and why. */
const LISTED: Readonly<Record<string, 'refused here' | 'other words'>> = {
  // Its bytes are those of Go's compressor alone.
  'string(gzip.compress("a")).size() > 0': 'refused here',
  // Errors in both; the words are those of Go's readers, and of ours.
  'json.unmarshal("{")': 'other words',
  'yaml.parse("a: [")': 'other words',
  'gzip.decompress(b"x")': 'other words',
};

function compile(number: number): CompiledPolicy | Error {
  try {
    return compileCelPolicy(policyDocument(kyvernoProbe(number)), {
      resources,
      language: (namespace) => kyverno('1.19', namespace),
      isTest: false,
      exceptions: [],
    });
  } catch (error) {
    return error as Error;
  }
}

it('every expression was put to the real Kyverno', () => {
  expect(recorded.map(({ expression }) => expression)).toEqual(EXPRESSIONS);
  expect(recorded.filter((probe) => 'refused' in probe).length).toBeGreaterThanOrEqual(40);
});

describe('expressions are what they are to Kyverno', () => {
  it.each(recorded.map((probe, number) => [number, probe.expression, probe] as const))(
    '%i: %s',
    (number, expression, probe) => {
      const ours = compile(number);
      const listed = LISTED[expression];
      if (listed === 'refused here') {
        expect(ours).toBeInstanceOf(Error);
        return;
      }
      expect(ours instanceof Error, ours instanceof Error ? ours.message : JSON.stringify(probe)).toBe(
        'refused' in probe,
      );
      if (ours instanceof Error || 'refused' in probe) return;
      const [result] = ours.judge(requestOf({ object: probeObject(0) }), worldOf({}));
      expect(result?.status).toBe(probe.status);
      if (listed !== 'other words') expect(result?.message).toBe(probe.message);
    },
  );
});
