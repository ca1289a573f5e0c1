import { posix } from 'node:path';
import type { GateError } from '../../../core/errors.ts';
import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { nearest } from '../../../core/settings-file.ts';
import type { Operation } from '../kube/request.ts';
import type { CompiledPolicy, PolicyIdentity, RuleResult } from '../rule.ts';
import { matchesWildcard } from '../values/wildcard.ts';
import { describeTested, type TestedObject } from './objects.ts';
import type { LoadedTest } from './read-test.ts';
import type { RowDifference, RowReport } from './report.ts';
import type { ExpectedResult, ResourceSpec } from './settings.ts';

/** Which rows are run: `*` stands for any run of characters, `?` for one. Undefined takes all. */
export interface RowFilter {
  readonly policy: string | undefined;
  readonly rule: string | undefined;
  /** By name, or by namespace/name; of a row that names several, only those that fit are looked at. */
  readonly resource: string | undefined;
}

export type Asked = (
  policy: CompiledPolicy,
  object: TestedObject,
  operation: Operation | undefined,
) => readonly RuleResult[];

export function takesRow(filter: RowFilter, row: ExpectedResult): boolean {
  if (filter.policy !== undefined && !matchesWildcard(filter.policy, row.policy)) return false;
  if (filter.rule !== undefined && !matchesWildcard(filter.rule, row.rule ?? '')) return false;
  if (filter.resource === undefined) return true;
  const { resource } = filter;
  const names = [...(row.resources ?? []), ...(row.resourceSpecs ?? []).map(({ name = '' }) => name)];
  return names.length === 0 || names.some((name) => matchesWildcard(resource, name));
}

export interface RowQuestion {
  readonly row: ExpectedResult;
  readonly place: string;
  readonly test: LoadedTest;
  readonly policies: readonly CompiledPolicy[];
  readonly refused: readonly { readonly identity: PolicyIdentity; readonly error: GateError }[];
  readonly asked: Asked;
  readonly filter: RowFilter;
}

type Verdict = Pick<RowReport, 'outcome' | 'reason' | 'differences'>;

/**
 * Judges one row. It passes when every resource that it names gives that result by every rule that it names. A resource
 * that is not there, and a rule that says nothing, fail it: what was not judged has not passed.
 */
export function judgeRow(question: RowQuestion): RowReport {
  const { row, place } = question;
  return {
    place,
    policy: row.policy,
    rule: row.rule ?? '',
    kind: row.kind ?? '',
    resources: [...(row.resources ?? []), ...(row.resourceSpecs ?? []).map(specText)],
    expected: row.result,
    operation: row.operation ?? '',
    ...verdictOf(question),
  };
}

function verdictOf(question: RowQuestion): Verdict {
  const { row, test, refused, asked } = question;
  const reader = unreadExpectation(row);
  if (reader !== undefined) return notEvaluated(reader);
  const { httpPayloads = [], envoyPayloads = [] } = test.settings;
  if (test.objects.length === 0 && httpPayloads.length + envoyPayloads.length > 0) {
    return notEvaluated('it is about requests of a proxy, and not about objects');
  }
  const policies = question.policies.filter(({ identity }) => isNamed(row, identity));
  if (policies.length === 0) {
    const refusal = refused.find(({ identity }) => isNamed(row, identity));
    if (refusal !== undefined) return failedFor(`the policy cannot judge: ${refusal.error.message}`);
    const known = [...question.policies, ...refused].map(({ identity }) => policyText(identity, row));
    return failedFor(`no policy of the test is called ${JSON.stringify(row.policy)}${didYouMean([row.policy], known)}`);
  }
  const unjudged = policies.map((policy) => unjudgedBy(policy, row.rule));
  // Of a policy that judges nothing at all (a mutation), a row cannot be wrong about a verdict.
  if (unjudged.every((reason) => reason !== undefined)) return notEvaluated(unjudged[0] ?? '');
  const { objects, missing, known } = objectsOf(question);
  if (missing.length > 0) {
    const what = `no ${row.kind || 'resource'} of the test is called ${missing.join(', ')}`;
    return failedFor(`${what}${known.length === 0 ? nearKind(question) : didYouMean(missing, known)}`);
  }
  if (objects.length === 0) return failedFor(`the test has no ${row.kind || 'resource'}${nearKind(question)}`);
  const differences: RowDifference[] = [];
  const documents = test.policies.filter(({ value }) => policies.some(({ identity }) => isDocumentOf(value, identity)));
  const scored = !documents.some(({ value }) => isUnscored(value));
  for (const object of objects) {
    const results = policies.flatMap((policy) => namedResults(policy, row.rule, asked(policy, object, row.operation)));
    if (results.length === 0) {
      const message =
        'the rule does not match this resource, and so says nothing about it' +
        (row.result === 'skip' ? ' (skip is what a rule says that matches, and whose conditions do not hold)' : '');
      differences.push({ object: describeTested(object), rule: '', got: 'nothing', message });
    }
    for (const { rule, status: said, message } of results) {
      const status = said === 'fail' && !scored ? 'warn' : said;
      if (status === row.result) continue;
      differences.push({ object: describeTested(object), rule: rule === row.rule ? '' : rule, got: status, message });
    }
  }
  if (differences.length === 0) return { outcome: 'passed', reason: '', differences };
  const asksRegistry = documents.some(({ value }) => verifiesImages(value, row.rule));
  if (asksRegistry && differences.every(({ got }) => got === 'nothing' || got === 'error')) {
    return notEvaluated('it verifies images, and a test asks no registry');
  }
  const nothing = differences.every(({ got }) => got === 'nothing') && differences.length === objects.length;
  if (nothing && !policies.some((policy) => hasRule(policy, row.rule))) {
    const { rule = '' } = row;
    const rules = policies.flatMap((policy) => policy.rules.map(({ name }) => name));
    return failedFor(`the policy has no rule ${JSON.stringify(rule)}${didYouMean([rule], rules)}`);
  }
  const others = new Set(differences.map(({ got }) => got));
  return { outcome: 'failed', reason: `expected ${row.result}, got ${[...others].join(' and ')}`, differences };
}

/** What a row asks for that is no verdict. */
function unreadExpectation(row: ExpectedResult): string | undefined {
  if ((row.patchedResources ?? '') !== '') return 'it compares a patched resource, and mutation is not evaluated';
  if ((row.generatedResource ?? '') !== '' || (row.generatedResources ?? []).length > 0)
    return 'it compares a generated resource, and generation is not evaluated';
  if ((row.cloneSourceResource ?? '') !== '')
    return 'it is about a resource to be cloned, and generation is not evaluated';
  if (row.isMutatingPolicy || row.isMutatingAdmissionPolicy) return 'it is about a policy that mutates';
  if (row.isGeneratingPolicy) return 'it is about a policy that generates';
  if (row.isDeletingPolicy) return 'it is about a policy that deletes';
  return undefined;
}

/** A row says `name`, or `namespace/name` for a policy that lies in a namespace. */
function isNamed(row: ExpectedResult, { kind, namespace, name }: PolicyIdentity): boolean {
  const slash = row.policy.lastIndexOf('/');
  if (row.policy.slice(slash + 1) !== name) return false;
  if (slash >= 0 && row.policy.slice(0, slash) !== namespace) return false;
  if (row.isValidatingAdmissionPolicy) return kind === 'ValidatingAdmissionPolicy';
  if (row.isValidatingPolicy) return kind.endsWith('ValidatingPolicy') && !kind.endsWith('ImageValidatingPolicy');
  if (row.isImageValidatingPolicy) return kind.endsWith('ImageValidatingPolicy');
  return true;
}

/** Rules have names in these kinds alone; a row about another kind means the whole policy, whatever it calls its rule. */
function hasNamedRules({ identity }: CompiledPolicy): boolean {
  return identity.kind === 'ClusterPolicy' || identity.kind === 'Policy';
}

function namedResults(
  policy: CompiledPolicy,
  rule: string | undefined,
  results: readonly RuleResult[],
): readonly RuleResult[] {
  if (rule === undefined || rule === '' || !hasNamedRules(policy)) return results;
  const names = [rule, `autogen-${rule}`, `autogen-cronjob-${rule}`];
  return results.filter((result) => names.includes(result.rule));
}

function isDocumentOf(document: JsonObject, { kind, name, namespace }: PolicyIdentity): boolean {
  const metadata = mapAt(document, 'metadata');
  return (
    document['kind'] === kind &&
    metadata['name'] === name &&
    (namespace === '' || (metadata['namespace'] ?? 'default') === namespace)
  );
}

/** A failure of such a policy is reported as a warning. */
export function isUnscored(document: JsonObject): boolean {
  return mapAt(mapAt(document, 'metadata'), 'annotations')['policies.kyverno.io/scored'] === 'false';
}

/** Whether the rule that a row names, or the policy where it names none, is about signatures of images. */
function verifiesImages(document: JsonObject, rule: string | undefined): boolean {
  if (String(document['kind']).endsWith('ImageValidatingPolicy')) return true;
  const rules = mapAt(document, 'spec')['rules'];
  return (
    Array.isArray(rules) &&
    rules.some((each: JsonValue) => {
      if (!isObject(each) || !Object.hasOwn(each, 'verifyImages')) return false;
      return rule === undefined || rule === '' || isRule(String(each['name']), rule);
    })
  );
}

function mapAt(object: JsonObject, key: string): JsonObject {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return isObject(value) ? value : objectFrom([]);
}

/** Rules that autogen makes of one are cut to the length of a name. */
function isRule(described: string, rule: string): boolean {
  return [described, `autogen-${described}`, `autogen-cronjob-${described}`].some(
    (name) => name === rule || name.slice(0, 63) === rule,
  );
}

function hasRule(policy: CompiledPolicy, rule: string | undefined): boolean {
  if (rule === undefined || rule === '' || !hasNamedRules(policy)) return true;
  return policy.rules.some(({ name }) => isRule(name, rule));
}

/** Why nothing that the row is about can be judged; undefined where something can. */
function unjudgedBy(policy: CompiledPolicy, rule: string | undefined): string | undefined {
  const all = policy.rules.map(({ notEvaluated: reason }) => reason);
  if (all.length > 0 && all.every((reason) => reason !== undefined && isOtherWork(reason))) return all[0];
  if (rule === undefined || rule === '' || !hasNamedRules(policy)) return undefined;
  const reasons = policy.rules.filter(({ name }) => isRule(name, rule)).map(({ notEvaluated: reason }) => reason);
  if (reasons.length === 0) return undefined;
  return reasons.every((reason) => reason !== undefined && isOtherWork(reason)) ? reasons[0] : undefined;
}

/** A rule that a gate leaves out because of the request (only on DELETE) is judged in a test that makes such a request. */
function isOtherWork(reason: string): boolean {
  return !/^only\b/.test(reason);
}

interface Named {
  readonly objects: readonly TestedObject[];
  readonly missing: readonly string[];
  /** What could have been named. */
  readonly known: readonly string[];
}

function objectsOf({ row, test, filter }: RowQuestion): Named {
  const ofKind = (row.kind ?? '') === '' ? test.objects : test.objects.filter(({ kind }) => kind.kind === row.kind);
  const wanted = filter.resource;
  const names = (row.resources ?? []).filter((name) => wanted === undefined || matchesWildcard(wanted, name));
  const specs = (row.resourceSpecs ?? []).filter(
    ({ name = '' }) => wanted === undefined || matchesWildcard(wanted, name),
  );
  if ((row.resources ?? []).length + (row.resourceSpecs ?? []).length === 0) {
    return { objects: ofKind, missing: [], known: [] };
  }
  const objects = new Set<TestedObject>();
  const missing: string[] = [];
  const take = (called: string, fits: (object: TestedObject) => boolean) => {
    const found = ofKind.filter(fits);
    if (found.length === 0) missing.push(called);
    for (const each of found) objects.add(each);
  };
  for (const payload of names.filter((name) => test.objects.some((each) => isPayload(each, name)))) {
    take(payload, (each) => isPayload(each, payload));
  }
  for (const called of names.filter((name) => !test.objects.some((each) => isPayload(each, name)))) {
    const [namespace, name] = called.includes('/') ? called.split('/', 2) : [undefined, called];
    take(called, (each) => each.name === name && (namespace === undefined || each.namespace === namespace));
  }
  for (const spec of specs) take(specText(spec), (each) => fitsSpec(each, spec));
  const known = missing.length === 0 ? [] : ofKind.flatMap((each) => namesOf(each, row));
  return { objects: [...objects], missing, known };
}

/** A payload is called by its file. */
function isPayload({ kind, name }: TestedObject, called: string): boolean {
  return kind.kind === '' && name === posix.normalize(called);
}

function fitsSpec(object: TestedObject, { group = '', version = '', namespace = '', name = '', kind }: ResourceSpec) {
  return (
    object.kind.group === group &&
    object.kind.version === version &&
    object.namespace === namespace &&
    object.name === name &&
    (kind === undefined || object.kind.kind === kind)
  );
}

/** What a row may call an object, in the forms that it uses. */
function namesOf({ kind, namespace, name }: TestedObject, row: ExpectedResult): string[] {
  const names = (row.resources ?? []).some((called) => called.includes('/')) ? [name, `${namespace}/${name}`] : [name];
  return (row.resourceSpecs ?? []).length === 0 ? names : [...names, specText({ ...kind, namespace, name })];
}

function specText({ group = '', version = '', kind = '', namespace = '', name = '' }: ResourceSpec): string {
  const type = [group, version, kind].filter((part) => part !== '').join('/');
  return `${type} ${namespace === '' ? '' : `${namespace}/`}${name}`.trim();
}

/** As the row would have to write it. */
function policyText({ namespace, name }: PolicyIdentity, row: ExpectedResult): string {
  return row.policy.includes('/') && namespace !== '' ? `${namespace}/${name}` : name;
}

function nearKind({ row, test }: RowQuestion): string {
  const { kind = '' } = row;
  return kind === ''
    ? ''
    : didYouMean(
        [kind],
        test.objects.map((each) => each.kind.kind),
      );
}

/** What was probably meant by names that are none. One that is known, and was refused for another reason, is no hint. */
function didYouMean(wrong: readonly string[], known: readonly string[]): string {
  const near = wrong.flatMap((name) => (known.includes(name) ? [] : (nearest(name, known) ?? [])));
  return near.length === 0 ? '' : `; did you mean ${[...new Set(near)].join(', ')}?`;
}

function notEvaluated(reason: string): Verdict {
  return { outcome: 'not evaluated', reason, differences: [] };
}

function failedFor(reason: string): Verdict {
  return { outcome: 'failed', reason, differences: [] };
}
