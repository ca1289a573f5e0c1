import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CompiledPolicy } from '../../src/checks/policy/rule.ts';
import { GateError } from '../../src/core/errors.ts';
import { isObject, type JsonObject } from '../../src/core/json.ts';
import { type AdmissionCase, admissionCase } from '../support/kubernetes/admission-cases.ts';
import { type Comparison, startComparison } from '../support/kubernetes/comparison.ts';
import { readDocuments } from '../support/kubernetes/documents.ts';
import { isError, nameOf } from '../support/kubernetes/judged.ts';
import { sampleObjects } from '../support/kubernetes/server.ts';
import { variantsOf } from '../support/kubernetes/variants.ts';
import { suiteFolder, suitesAbsent } from '../support/suites.ts';

const suite = suiteFolder('kyverno-policies');
const perPolicy = 40;
const tally = { taken: 0, refused: 0, pairs: 0, denied: 0, errors: 0 };
/** What ValidatingAdmissionPolicies have of a ValidatingPolicy of Kyverno. */
const shared = ['matchConstraints', 'matchConditions', 'variables', 'validations', 'auditAnnotations', 'failurePolicy'];

interface SuiteCase extends AdmissionCase {
  readonly folder: string;
}

function documentsIn(file: string): readonly JsonObject[] {
  try {
    return readDocuments(readFileSync(file, 'utf8')).filter(isObject);
  } catch {
    return [];
  }
}

/** ValidatingPolicies of the suite as the admission policies that Kyverno would make of them. */
function suiteCases(folder: string): SuiteCase[] {
  const seen = new Set<string>();
  return globSync('**/*.yaml', { cwd: folder })
    .sort()
    .flatMap((file): SuiteCase[] =>
      documentsIn(join(folder, file)).flatMap((document): SuiteCase[] => {
        const { kind, metadata, spec } = document;
        const name = isObject(metadata) ? String(metadata['name']) : '';
        if (kind !== 'ValidatingPolicy' || !isObject(spec) || seen.has(name)) return [];
        seen.add(name);
        const kept = Object.fromEntries(Object.entries(spec).filter(([key]) => shared.includes(key)));
        return [{ ...admissionCase(name, kept), folder: join(folder, dirname(file)) }];
      }),
    );
}

/** What lies beside a policy, and the samples, each with one value less in some places. */
function objectsFor({ folder }: SuiteCase, policy: CompiledPolicy, { typeOf }: Comparison): JsonObject[] {
  const beside = globSync('**/*.yaml', { cwd: folder })
    .sort()
    .flatMap((file) => documentsIn(join(folder, file)));
  const concerned = [...beside, ...sampleObjects()].filter((object) => {
    if (typeof object['apiVersion'] !== 'string' || typeof object['kind'] !== 'string') return false;
    const { kind, resource, source } = typeOf(object);
    return source === 'builtin' && policy.concerns(kind, resource, '');
  });
  const placed = concerned.map(inHome);
  const mutants = placed.flatMap((object) => variantsOf(object).map((variant) => variant.object));
  const step = Math.max(1, Math.floor(mutants.length / perPolicy));
  return [...placed, ...mutants.filter((_, index) => index % step === 0)];
}

/** In the one namespace and with the account that are there. */
function inHome(object: JsonObject): JsonObject {
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const { namespace: _, ...kept } = metadata as Record<string, JsonObject[string]>;
  return { ...object, metadata: { ...kept, name: kept['name'] ?? kept['generateName'] ?? 'unnamed' } };
}

if (suite === undefined) it.skip(`kyverno-policies: ${suitesAbsent}`);
else {
  describe('the ValidatingPolicies of the suite, as admission policies', () => {
    let comparison: Comparison;
    beforeAll(async () => {
      comparison = await startComparison([], ['Namespace', 'ConfigMap']);
    });
    afterAll(async () => {
      await comparison[Symbol.asyncDispose]();
    });

    it.each(suiteCases(suite).map((each) => [each.name, each] as const))('%s', async (_, admission) => {
      const { status, body } = await comparison.server.create(admission.policy, { dryRun: true });
      let policy: CompiledPolicy;
      try {
        policy = comparison.compile(admission);
      } catch (error) {
        if (!(error instanceof GateError)) throw error;
        expect(status, `${error.message}: the server takes it`).toBe(422);
        tally.refused += 1;
        return;
      }
      expect(status, `the server: ${String(body['message'])}`).toBe(201);
      const pairs = await comparison.judge(admission, policy, objectsFor(admission, policy, comparison));
      tally.taken += 1;
      for (const { object, ours, theirs } of pairs) {
        expect(ours, nameOf(object)).toEqual(theirs);
        tally.pairs += 1;
        if (theirs.kind === 'denied') tally.denied += 1;
        if (theirs.kind === 'denied' && isError(theirs.message)) tally.errors += 1;
      }
    });

    it('over enough of them', () => {
      expect(tally.taken).toBeGreaterThan(50);
      expect(tally.pairs).toBeGreaterThan(1_500);
      expect(tally.denied / tally.pairs).toBeGreaterThan(0.3);
    });
  });
}
