/** The policies and objects of a suite of `kyverno test`, and mutants of the objects, each asked about by its policy. */
import { createHash } from 'node:crypto';
import { relative } from 'node:path';
import { compilePolicies } from '../../../src/checks/policy/compile.ts';
import type { PolicyDocument, ReadDocuments } from '../../../src/checks/policy/document.ts';
import { createResourceTable } from '../../../src/checks/policy/kube/resources.ts';
import type { CompiledPolicy, RuleResult } from '../../../src/checks/policy/rule.ts';
import { clusterOf } from '../../../src/checks/policy/testing/cluster.ts';
import { fit, readFile, readObjects } from '../../../src/checks/policy/testing/documents.ts';
import { findTests, namedFiles } from '../../../src/checks/policy/testing/files.ts';
import { testedObject } from '../../../src/checks/policy/testing/objects.ts';
import { isUnscored } from '../../../src/checks/policy/testing/rows.ts';
import { judgeOne } from '../../../src/checks/policy/testing/run-test.ts';
import { KyvernoTest } from '../../../src/checks/policy/testing/settings.ts';
import { GateError } from '../../../src/core/errors.ts';
import { canonicalJson, isObject, type JsonObject, objectFrom } from '../../../src/core/json.ts';
import { parseDocuments } from '../../../src/manifests/parse.ts';
import { isClusterScoped } from '../../../src/manifests/scope.ts';
import { defaultManifestSettings } from '../../../src/manifests/settings.ts';
import { mutantOf, seedOf } from './mutants.ts';

export const readDocuments: ReadDocuments = (file, bytes) =>
  parseDocuments({ file, bytes, marks: 'none' }, defaultManifestSettings);

/** One policy of a suite (`file#name` where its file holds several), and the objects of the tests that name it. */
export interface PolicyCase {
  /** Seen from the suite's folder. */
  readonly file: string;
  readonly document: PolicyDocument;
  readonly kind: string;
  readonly name: string;
  readonly objects: readonly JsonObject[];
}

export interface Mutant {
  readonly number: number;
  /** Which object of the case it was made of. */
  readonly base: number;
  readonly seed: number;
  readonly object: JsonObject;
}

const judgingKinds = ['ClusterPolicy', 'Policy', 'ValidatingPolicy', 'NamespacedValidatingPolicy'];

/** Every policy that judges and whose test supplies nothing (values, user, context), in the order of its file's name. */
export function policyCases(suite: string): PolicyCase[] {
  const cases = new Map<string, PolicyCase>();
  for (const test of findTests([suite])) {
    const [document] = readFile(test, readDocuments);
    if (document === undefined) continue;
    const settings = fit(KyvernoTest, document, 'the test');
    const { variables, userinfo, context, values, exceptions, clusterResources, paramResources } = settings;
    if (variables ?? userinfo ?? context ?? values ?? exceptions ?? clusterResources ?? paramResources) continue;
    if (!namesFiles(test, settings)) continue;
    const objects = [...new Set(settings.resources ?? [])]
      .flatMap((entry) => namedFiles(test, entry, test, false))
      .flatMap((file) => readObjects(file, readDocuments))
      .map(({ value }) => value);
    for (const entry of settings.policies ?? []) {
      for (const path of namedFiles(test, entry, test, true)) {
        for (const policy of readObjects(path, readDocuments)) {
          const name = String((policy.value['metadata'] as JsonObject | undefined)?.['name']);
          const plain = relative(suite, path);
          const file = cases.has(plain) && cases.get(plain)?.name !== name ? `${plain}#${name}` : plain;
          const kind = String(policy.value['kind']);
          if (!judgingKinds.includes(kind) || cases.has(file) || !validates(policy.value)) continue;
          cases.set(file, { file, document: policy, kind, name, objects });
        }
      }
    }
  }
  return [...cases.values()].sort((a, b) => (a.file < b.file ? -1 : 1));
}

/** Suites hold tests of what a test may not be. */
function namesFiles(test: string, { policies = [], resources = [] }: KyvernoTest): boolean {
  try {
    for (const entry of [...policies, ...resources]) namedFiles(test, entry, test, true);
    return true;
  } catch (error) {
    if (error instanceof GateError) return false;
    throw error;
  }
}

/** Mutation changes the object before it is judged: such a policy's verdicts are not about the object that was given. */
function validates({ spec, kind }: JsonObject): boolean {
  if (!String(kind).endsWith('Policy') || !isObject(spec)) return false;
  if (String(kind).includes('Validating')) return true;
  const rules = (spec['rules'] ?? []) as readonly JsonObject[];
  return rules.length > 0 && rules.every((rule) => Object.hasOwn(rule, 'validate'));
}

/** The n-th mutant of a case: of each object in turn. Number 0 of each object is the object itself. */
export function mutantsOf(policy: PolicyCase, from: number, to: number): Mutant[] {
  const { objects, file } = policy;
  if (objects.length === 0) return [];
  return Array.from({ length: to - from }, (_, i) => {
    const number = from + i;
    const base = number % objects.length;
    const seed = (seedOf(file) + number * 7919) >>> 0;
    const original = objects[base] as JsonObject;
    const object = number < objects.length ? original : mutantOf(original, seed);
    return { number, base, seed, object: named(object, `x${number}`) };
  });
}

/** Two mutants of one name would be one object to a report. */
function named(object: JsonObject, suffix: string): JsonObject {
  const metadata = isObject(object['metadata']) ? object['metadata'] : objectFrom([]);
  const { name: old } = metadata;
  const name = `${typeof old === 'string' && old !== '' ? old : 'unnamed'}-${suffix}`;
  const made = objectFrom([...Object.entries(metadata).filter(([key]) => key !== 'name'), ['name', name]]);
  return objectFrom([...Object.entries(object).filter(([key]) => key !== 'metadata'), ['metadata', made]]);
}

export function nameOf(object: JsonObject): string {
  return String((object['metadata'] as JsonObject)['name']);
}

/** So that a record notices when its mutants are no longer those that were judged. */
export function fingerprint(objects: readonly JsonObject[]): string {
  return createHash('sha256')
    .update(objects.map((object) => canonicalJson(object)).join('\n'))
    .digest('hex')
    .slice(0, 16);
}

/** One rule's answer, as both programs give it. */
export interface Verdict {
  readonly rule: string;
  readonly status: string;
  readonly message: string;
}

/** What syncgate says of objects by the policy, as in a test that supplies nothing. Throws what loading throws. */
export function syncgateVerdicts(policy: PolicyCase, objects: readonly JsonObject[]): Verdict[][] {
  const resources = createResourceTable({
    isClusterScoped: (group, kind) => isClusterScoped(group === '' ? 'v1' : `${group}/v1`, kind, { clusterScoped: [] }),
    guess: true,
  });
  const cluster = clusterOf([]);
  const compiled = compilePolicies({
    documents: [policy.document],
    resources,
    cluster,
    kubernetes: '1.36',
    isTest: true,
  });
  for (const { error } of compiled.refused) throw error;
  const only = compiled.policies[0] as CompiledPolicy;
  const data = { values: undefined, hasCluster: false, images: [], responses: [], globalContext: new Map() };
  return objects.map((value) => {
    const document: PolicyDocument = { value, file: 'mutant', document: 0, locate: () => 'mutant' };
    const object = testedObject(document, resources);
    const results = judgeOne({ data, resources, cluster, userInfo: undefined }, only, object, undefined, {
      now: Date.now(),
      random: () => 0.5,
    });
    return results.map(({ rule, status, message }: RuleResult) => ({
      rule,
      // What Kyverno reports of a policy that is not scored.
      status: status === 'fail' && isUnscored(policy.document.value) ? 'warn' : status,
      message,
    }));
  });
}
