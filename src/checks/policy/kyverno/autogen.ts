/**
 * Autogen: how Kyverno 1.19 carries rules about Pods over to what creates Pods. It happens for each kind of object on its
 * own, and works on the text of the rules.
 */
import { isObject, type JsonValue } from '../../../core/json.ts';
import { namesKind } from './kind-selector.ts';
import { replaceStrings } from './references.ts';
import type { KyvernoPolicy, MatchResources, ResourceFilter, Rule, Spec, Validation } from './schema.ts';

/** One rule as it is applied to objects of a kind, and which rule of the policy it was made of. */
export interface AppliedRule {
  readonly rule: Rule;
  /** Its place in `spec.rules`. */
  readonly index: number;
  readonly isGenerated: boolean;
}

const controllers: Readonly<Record<string, string>> = {
  DaemonSet: 'apps/v1/DaemonSet',
  Deployment: 'apps/v1/Deployment',
  Job: 'batch/v1/Job',
  StatefulSet: 'apps/v1/StatefulSet',
  ReplicaSet: 'apps/v1/ReplicaSet',
  ReplicationController: 'v1/ReplicationController',
  CronJob: 'batch/v1/CronJob',
};
const annotation = 'pod-policies.kyverno.io/autogen-controllers';
const maxName = 63;

/** The kinds that rules of a policy about Pods are carried over to; none where Kyverno does not do it. */
export function autogenKinds(policy: KyvernoPolicy): readonly string[] {
  if (!canGenerate(policy.spec)) return [];
  const asked = policy.metadata.annotations?.[annotation];
  return asked === undefined ? Object.keys(controllers) : asked.split(',').filter((kind) => kind !== 'none');
}

/** The rules of a policy as they are applied to objects of a kind. */
export function rulesFor(policy: KyvernoPolicy, kinds: readonly string[], kind: string): readonly AppliedRule[] {
  const raw = policy.spec.rules.map((rule, index) => ({ rule, index, isGenerated: false }));
  if (!kinds.includes(kind)) return raw;
  const generated = raw.flatMap(({ rule, index }) => {
    const made = generate(rule, kind);
    return made === undefined ? [] : [{ rule: made, index, isGenerated: true }];
  });
  if (generated.length === 0) return raw;
  return [...raw.filter(({ rule }) => !isGeneratedName(rule.name)), ...generated];
}

/** Whether a rule of a policy is carried over to a kind. */
export function isCarriedOver(rule: Rule, kinds: readonly string[], kind: string): boolean {
  return kinds.includes(kind) && generate(rule, kind) !== undefined;
}

function isGeneratedName(name: string): boolean {
  return name.startsWith('autogen-');
}

/** One rule that selects by what a template need not have, and the whole policy is left as it is. */
function canGenerate({ rules }: Spec): boolean {
  let isNeeded = false;
  for (const rule of rules) {
    if (rule.generate !== undefined && Object.keys(rule.generate).length > 0) return false;
    if (patchesByPath(rule.mutate)) return false;
    for (const block of [rule.match, ...(rule.exclude === undefined ? [] : [rule.exclude])]) {
      for (const { resources } of [block, ...(block.any ?? []), ...(block.all ?? [])]) {
        if (resources === undefined) continue;
        const { kinds = [], name, names = [], selector, annotations } = resources;
        if (name !== undefined && name !== '') return false;
        if (names.length > 0 || selector !== undefined || annotations !== undefined) return false;
        if (kinds.length > 1 && namesKind(kinds, 'Pod')) return false;
        isNeeded ||= kinds.some((kind) => kind === 'Pod' || Object.hasOwn(controllers, kind));
      }
    }
  }
  return isNeeded;
}

function patchesByPath(mutate: Rule['mutate']): boolean {
  if (mutate === undefined) return false;
  const isPatched = (value: JsonValue | undefined) => {
    const patch = isObject(value) ? value['patchesJson6902'] : undefined;
    return patch !== undefined && patch !== null && patch !== '';
  };
  const loops = mutate['foreach'];
  return isPatched(mutate) || (Array.isArray(loops) && (loops as readonly JsonValue[]).some(isPatched));
}

function kindsOf(block: MatchResources | undefined): string[] {
  if (block === undefined) return [];
  return [block, ...(block.all ?? []), ...(block.any ?? [])].flatMap(({ resources }) => resources?.kinds ?? []);
}

/** The rule as it is applied to one kind of controller; undefined where it is not. */
function generate(rule: Rule, kind: string): Rule | undefined {
  if (isGeneratedName(rule.name)) return undefined;
  const excluded = kindsOf(rule.exclude);
  if (!namesKind(kindsOf(rule.match), 'Pod')) return undefined;
  if (excluded.length > 0 && !namesKind(excluded, 'Pod')) return undefined;
  const forTemplate = carry(rule, `autogen-${rule.name}`, kind, 'template', 'spec/template', true);
  if (kind !== 'CronJob') return forTemplate && rewrite(forTemplate, 'spec.template');
  if (forTemplate === undefined) return undefined;
  const name = `autogen-cronjob-${rule.name}`;
  const made = carry(forTemplate, name, kind, 'jobTemplate', 'spec/jobTemplate/spec/template', false);
  return made && rewrite(made, 'spec.jobTemplate.spec.template');
}

function shortened(name: string): string {
  return name.slice(0, maxName);
}

function carry(
  rule: Rule,
  name: string,
  kind: string,
  key: string,
  shift: string,
  onlyPods: boolean,
): Rule | undefined {
  const { validate, verifyImages } = rule;
  const carried = validate === undefined ? undefined : carryValidation(validate, key, shift);
  if (carried === undefined && verifyImages === undefined) return undefined;
  const { imageExtractors: _, ...rest } = rule;
  return {
    ...rest,
    name: shortened(name),
    match: carryBlock(rule.match, kind, onlyPods, true),
    ...(rule.exclude !== undefined && { exclude: carryBlock(rule.exclude, kind, onlyPods, false) }),
    ...(carried !== undefined && { validate: carried }),
  };
}

function carryBlock(block: MatchResources, kind: string, onlyPods: boolean, isMatch: boolean): MatchResources {
  const kinds = [controllers[kind] ?? kind];
  const carryFilter = (filter: ResourceFilter): ResourceFilter =>
    !onlyPods || namesKind(filter.resources?.kinds, 'Pod')
      ? { ...filter, resources: { ...filter.resources, kinds } }
      : filter;
  if ((block.any ?? []).length > 0) return { ...block, any: (block.any ?? []).map(carryFilter) };
  if ((block.all ?? []).length > 0) return { ...block, all: (block.all ?? []).map(carryFilter) };
  if (!isMatch && (block.resources?.kinds ?? []).length === 0) return block;
  return { ...block, resources: { ...block.resources, kinds } };
}

/** Only what is named here is carried over: of several bodies, the first in Kyverno's order. */
function carryValidation(validate: Validation, key: string, shift: string): Validation | undefined {
  const { failureAction, failureActionOverrides, allowExistingViolations, message = '' } = validate;
  const kept = {
    ...(failureAction !== undefined && { failureAction }),
    ...(failureActionOverrides !== undefined && { failureActionOverrides }),
    ...(allowExistingViolations !== undefined && { allowExistingViolations }),
  };
  const wrap = (pattern: JsonValue): JsonValue => record('spec', record(key, pattern));
  const { pattern = null, deny, podSecurity, anyPattern, foreach = [], cel } = validate;
  if (pattern !== null) return { ...kept, message: shiftReferences(message, shift, 'pattern'), pattern: wrap(pattern) };
  if (deny !== undefined) return { ...kept, message: shiftReferences(message, shift, 'deny'), deny };
  if (podSecurity !== undefined) {
    return { ...kept, message: shiftReferences(message, shift, 'podSecurity'), podSecurity };
  }
  if (anyPattern !== undefined) {
    return { ...kept, message: shiftReferences(message, shift, 'anyPattern'), anyPattern: anyPattern.map(wrap) };
  }
  if (foreach.length > 0) return { ...kept, message: shiftReferences(message, shift, 'pattern'), foreach };
  return cel === undefined ? undefined : validate;
}

function record(key: string, value: JsonValue): JsonValue {
  const made: Record<string, JsonValue> = Object.create(null);
  made[key] = value;
  return made;
}

/** References in a message lead through what is now one step deeper. */
function shiftReferences(message: string, shift: string, body: string): string {
  let made = message;
  let pivot = body;
  for (const [found] of message.matchAll(/^\$\(.[^ ]*\)|[^\\]\$\(.[^ ]*\)/g)) {
    const isFirst = found.startsWith('$(');
    const reference = isFirst ? found : found.slice(1);
    const index = reference.indexOf(pivot);
    if (index < 0) continue;
    if (pivot === 'anyPattern') pivot = `${pivot}/${reference.slice(index + pivot.length + 1).split('/')[0] ?? ''}`;
    const shifted = reference.replaceAll(pivot, () => `${pivot}/${shift}`);
    made = made.replace(found, () => (isFirst ? shifted : `${found.charAt(0)}${shifted}`));
  }
  return made;
}

/** Expressions that speak of a Pod speak of the template: wherever the words stand, also in messages. */
function rewrite(rule: Rule, template: string): Rule {
  const prefix = rule.validate?.cel === undefined ? 'request.' : '';
  const pairs = ['spec', 'metadata'].flatMap((part) =>
    ['object', 'oldObject'].map(
      (object) => [`${prefix}${object}.${part}`, `${prefix}${object}.${template}.${part}`] as const,
    ),
  );
  const replace = (text: string) => pairs.reduce((made, [from, to]) => made.replaceAll(from, to), text);
  return replaceStrings(rule as unknown as JsonValue, '', replace) as unknown as Rule;
}
