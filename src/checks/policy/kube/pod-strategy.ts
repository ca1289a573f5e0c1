import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { text, withField } from './draft.ts';
import type { Draft } from './typed-values.ts';

const CONTAINERS = ['containers', 'initContainers', 'ephemeralContainers'];
const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/';

/** What the server writes into a new Pod because of what else stands in it: labels into selectors, annotations into fields. */
export function rewritePodSpec(spec: Draft, metadata: JsonObject): void {
  const labels = isObject(metadata['labels']) ? metadata['labels'] : {};
  const annotations = isObject(metadata['annotations']) ? metadata['annotations'] : {};
  addLabelKeys(spec, labels);
  if (!isObject(spec['os']) || spec['os']['name'] !== 'windows') applyAppArmor(spec, annotations);
}

function addLabelKeys(spec: Draft, labels: JsonObject): void {
  const spread = spec['topologySpreadConstraints'];
  if (Array.isArray(spread)) spec['topologySpreadConstraints'] = spread.map((each) => selecting(each, labels));
  const affinity = spec['affinity'];
  if (!isObject(affinity)) return;
  spec['affinity'] = mapFields(affinity, (kind, name) =>
    name === 'podAffinity' || name === 'podAntiAffinity' ? mapFields(kind, (terms) => mapTerms(terms, labels)) : kind,
  );
}

function mapTerms(terms: JsonValue, labels: JsonObject): JsonValue {
  if (!Array.isArray(terms)) return terms;
  return terms.map((term: JsonValue) => {
    if (!isObject(term)) return term;
    const inner = term['podAffinityTerm'];
    return isObject(inner) ? withField(term, 'podAffinityTerm', selecting(inner, labels)) : selecting(term, labels);
  });
}

/** `matchLabelKeys` become requirements of the selector, with the values of the Pod's own labels. */
function selecting(term: JsonValue, labels: JsonObject): JsonValue {
  if (!isObject(term) || !isObject(term['labelSelector'])) return term;
  const requirements = (keys: JsonValue | undefined, operator: string) =>
    (Array.isArray(keys) ? keys : []).flatMap((key: JsonValue) =>
      typeof key === 'string' && Object.hasOwn(labels, key)
        ? [{ key, operator, values: [labels[key] as JsonValue] }]
        : [],
    );
  const added = [...requirements(term['matchLabelKeys'], 'In'), ...requirements(term['mismatchLabelKeys'], 'NotIn')];
  if (added.length === 0) return term;
  const selector = term['labelSelector'];
  const given = (selector['matchExpressions'] ?? []) as readonly JsonValue[];
  return withField(term, 'labelSelector', withField(selector, 'matchExpressions', [...given, ...added]));
}

/** The annotation of old is written into the field, unless the field is there or the whole Pod says the same. */
function applyAppArmor(spec: Draft, annotations: JsonObject): void {
  const whole = isObject(spec['securityContext']) ? spec['securityContext']['appArmorProfile'] : undefined;
  for (const field of CONTAINERS) {
    const containers = spec[field];
    if (!Array.isArray(containers)) continue;
    spec[field] = containers.map((container: JsonValue) => {
      if (!isObject(container)) return container;
      const key = `${APPARMOR}${text(container['name'])}`;
      const profile = Object.hasOwn(annotations, key) ? profileOf(text(annotations[key])) : undefined;
      const context = isObject(container['securityContext']) ? container['securityContext'] : Object.create(null);
      if (profile === undefined || context['appArmorProfile'] !== undefined || isSame(profile, whole)) return container;
      return withField(container, 'securityContext', withField(context, 'appArmorProfile', profile));
    });
  }
}

function profileOf(annotation: string): JsonObject | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' };
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' };
  const name = annotation.startsWith('localhost/') ? annotation.slice('localhost/'.length) : '';
  return name === '' || name !== name.trim() ? undefined : { localhostProfile: name, type: 'Localhost' };
}

function isSame(a: JsonObject, b: JsonValue | undefined): boolean {
  return isObject(b) && a['type'] === b['type'] && a['localhostProfile'] === b['localhostProfile'];
}

/** What is known of a Pod that nothing has scheduled yet. */
export function newPodStatus(spec: Draft, qosClass: string, created: JsonValue): JsonObject {
  const gated = Array.isArray(spec['schedulingGates']) && spec['schedulingGates'].length > 0;
  const condition = {
    lastProbeTime: null,
    lastTransitionTime: created,
    message: 'Scheduling is blocked due to non-empty scheduling gates',
    reason: 'SchedulingGated',
    status: 'False',
    type: 'PodScheduled',
  };
  return objectFrom([
    ...(gated ? [['conditions', [condition]] as const] : []),
    ['phase', 'Pending'],
    ['qosClass', qosClass],
  ]);
}

function mapFields(object: JsonValue, change: (value: JsonValue, name: string) => JsonValue): JsonValue {
  if (!isObject(object)) return object;
  return objectFrom(Object.keys(object).map((name) => [name, change(object[name] as JsonValue, name)] as const));
}
