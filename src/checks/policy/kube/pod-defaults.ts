import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { addQuantities, compareQuantities, formatQuantity, parseQuantity } from '../values/quantity.ts';
import { entriesOf, isFilled, type Site, text, withField } from './draft.ts';
import { newPodStatus, rewritePodSpec } from './pod-strategy.ts';
import type { Draft } from './typed-values.ts';

type Containers = readonly JsonObject[];
type Amounts = Readonly<Record<string, string>>;

/** The older name of the account is kept in step with the newer one. */
export function mirrorAccount(draft: Draft): void {
  const account = draft['serviceAccountName'] ?? draft['serviceAccount'];
  if (account === undefined) return;
  draft['serviceAccountName'] = account;
  draft['serviceAccount'] = account;
}

/**
 * What a Pod gets that templates do not: requests from limits, ports on the host, and what the API server's own plugins
 * add before any policy sees it: the service account with its token, tolerations of nodes that fail, the priority.
 */
export function finishPod(draft: Draft, { isWhole }: Site): void {
  if (!isWhole) return;
  const spec: Draft = { ...(draft['spec'] as JsonObject) };
  draft['spec'] = spec;
  for (const field of ['containers', 'initContainers']) {
    const containers = spec[field] as Containers | undefined;
    if (Array.isArray(containers)) spec[field] = containers.map((each) => completeContainer(each, spec));
  }
  fillPodResources(spec);
  if (spec['priorityClassName'] === undefined) spec['priority'] ??= 0;
  addTolerations(spec);
  addAccount(spec);
  const metadata = draft['metadata'] as JsonObject;
  rewritePodSpec(spec, metadata);
  draft['status'] = newPodStatus(spec, qosClassOf(spec), metadata['creationTimestamp'] ?? null);
}

function completeContainer(container: JsonValue, spec: Draft): JsonValue {
  if (!isObject(container)) return container;
  let made = container;
  const resources = made['resources'];
  if (isObject(resources) && isFilled(resources['limits'])) {
    const requests = objectFrom([...entriesOf(resources['limits']), ...entriesOf(resources['requests'])]);
    made = withField(made, 'resources', withField(resources, 'requests', requests));
  }
  const ports = made['ports'];
  if (spec['hostNetwork'] !== true || !Array.isArray(ports)) return made;
  const onHost = (ports as readonly JsonValue[]).map((port) =>
    isObject(port) && port['hostPort'] === undefined ? withField(port, 'hostPort', port['containerPort'] ?? 0) : port,
  );
  return withField(made, 'ports', onHost);
}

/** Of the Pod as a whole: what it does not ask for follows from its containers, and then from its limits. */
function fillPodResources(spec: Draft): void {
  const resources = spec['resources'];
  if (!isObject(resources)) return;
  let limits = entriesOf(resources['limits']);
  let requests = entriesOf(resources['requests']);
  if (limits.length + requests.length === 0) return;
  const huge = Object.entries(totalOf(spec, 'limits')).filter(
    ([name]) => name.startsWith('hugepages-') && !isAmong(requests, name) && !isAmong(limits, name),
  );
  limits = [...limits, ...huge];
  if (limits.length > 0) {
    const asked = Object.entries(totalOf(spec, 'requests')).filter(([name]) => name === 'cpu' || name === 'memory');
    requests = [...requests, ...asked.filter(([name]) => !isAmong(requests, name))];
    const limited = limits.filter(([name]) => isPodLevel(name) && !isAmong(requests, name));
    requests = [...requests, ...limited];
  }
  spec['resources'] = objectFrom([
    ...Object.entries(resources).filter(([name]) => name !== 'limits' && name !== 'requests'),
    ...(limits.length > 0 ? [['limits', objectFrom(limits)] as const] : []),
    ...(requests.length > 0 ? [['requests', objectFrom(requests)] as const] : []),
  ]);
}

function isAmong(amounts: readonly (readonly [string, JsonValue])[], name: string): boolean {
  return amounts.some(([each]) => each === name);
}

function isPodLevel(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/** What containers need together: those that stay, added up, or one that runs before them if it needs more. */
function totalOf(spec: Draft, which: 'limits' | 'requests'): Amounts {
  const of = (container: JsonObject) =>
    amountsOf(isObject(container['resources']) ? container['resources'][which] : {});
  let staying = ((spec['containers'] ?? []) as Containers).map(of).reduce(sum, {});
  let sidecars: Amounts = {};
  let before: Amounts = {};
  for (const container of (spec['initContainers'] ?? []) as Containers) {
    const needs = of(container);
    if (container['restartPolicy'] === 'Always') {
      staying = sum(staying, needs);
      sidecars = sum(sidecars, needs);
      before = larger(before, sidecars);
    } else {
      before = larger(before, sum(sidecars, needs));
    }
  }
  return larger(staying, before);
}

function amountsOf(value: JsonValue | undefined): Amounts {
  return Object.fromEntries(
    entriesOf(value).flatMap(([name, amount]) => (typeof amount === 'string' ? [[name, amount]] : [])),
  );
}

function sum(a: Amounts, b: Amounts): Amounts {
  return merged(a, b, (x, y) => {
    const [left, right] = [parseQuantity(x), parseQuantity(y)];
    return left === undefined || right === undefined ? x : formatQuantity(addQuantities(left, right));
  });
}

function larger(a: Amounts, b: Amounts): Amounts {
  return merged(a, b, (x, y) => {
    const [left, right] = [parseQuantity(x), parseQuantity(y)];
    return left === undefined || right === undefined || compareQuantities(left, right) >= 0 ? x : y;
  });
}

function merged(a: Amounts, b: Amounts, both: (x: string, y: string) => string): Amounts {
  const made: Record<string, string> = { ...a };
  for (const [name, amount] of Object.entries(b)) {
    const known = made[name];
    made[name] = known === undefined ? amount : both(known, amount);
  }
  return made;
}

const FAILING = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

function addTolerations(spec: Draft): void {
  const tolerations = (spec['tolerations'] ?? []) as readonly JsonObject[];
  const tolerated = (key: string) =>
    tolerations.some(
      (each) =>
        (each['key'] === key || each['key'] === undefined || each['key'] === '') &&
        (each['effect'] === 'NoExecute' || each['effect'] === undefined || each['effect'] === ''),
    );
  const added = FAILING.filter((key) => !tolerated(key)).map((key) => ({
    effect: 'NoExecute',
    key,
    operator: 'Exists',
    tolerationSeconds: 300,
  }));
  if (tolerations.length + added.length > 0) spec['tolerations'] = [...tolerations, ...added];
}

const TOKEN_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The server ends the name of the volume in five random letters. */
const TOKEN_VOLUME = 'kube-api-access-00000';

/** Where the account itself says that no token is wanted is not looked at: that is for the cluster to know. */
function addAccount(spec: Draft): void {
  spec['serviceAccountName'] ??= 'default';
  spec['serviceAccount'] = spec['serviceAccountName'];
  if (spec['automountServiceAccountToken'] === false) return;
  let mounted = false;
  for (const field of ['initContainers', 'containers']) {
    const containers = spec[field] as Containers | undefined;
    if (!Array.isArray(containers)) continue;
    spec[field] = containers.map((container: JsonObject) => {
      const mounts = (container['volumeMounts'] ?? []) as readonly JsonObject[];
      if (mounts.some((mount) => text(mount['mountPath']) === TOKEN_FOLDER)) return container;
      mounted = true;
      const mount = { mountPath: TOKEN_FOLDER, name: TOKEN_VOLUME, readOnly: true };
      return withField(container, 'volumeMounts', [...mounts, mount]);
    });
  }
  if (!mounted) return;
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { items: [{ key: 'ca.crt', path: 'ca.crt' }], name: 'kube-root-ca.crt' } },
    {
      downwardAPI: { items: [{ fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' }, path: 'namespace' }] },
    },
  ];
  const volume = { name: TOKEN_VOLUME, projected: { defaultMode: 420, sources } };
  spec['volumes'] = [...((spec['volumes'] ?? []) as readonly JsonValue[]), volume];
}

/** How much a Pod is guaranteed, by what it asks for of processor and memory. */
function qosClassOf(spec: Draft): string {
  const whole = isObject(spec['resources']) ? [{ resources: spec['resources'] }] : undefined;
  const parts = [...((spec['containers'] ?? []) as Containers), ...((spec['initContainers'] ?? []) as Containers)];
  let guaranteed = true;
  let requests: Amounts = {};
  let limits: Amounts = {};
  for (const part of whole ?? parts) {
    const resources = isObject(part['resources']) ? part['resources'] : {};
    const [asked, capped] = [computeAmounts(resources['requests']), computeAmounts(resources['limits'])];
    requests = sum(requests, asked);
    limits = sum(limits, capped);
    if (Object.keys(capped).length < 2) guaranteed = false;
  }
  if (Object.keys(requests).length + Object.keys(limits).length === 0) return 'BestEffort';
  const equal = Object.entries(requests).every(([name, amount]) => {
    const [left, right] = [parseQuantity(amount), parseQuantity(limits[name] ?? '')];
    return left !== undefined && right !== undefined && compareQuantities(left, right) === 0;
  });
  const sameNames = Object.keys(requests).length === Object.keys(limits).length;
  return guaranteed && equal && sameNames ? 'Guaranteed' : 'Burstable';
}

function computeAmounts(value: JsonValue | undefined): Amounts {
  const counted = Object.entries(amountsOf(value)).filter(([name, amount]) => {
    const parsed = parseQuantity(amount);
    return (name === 'cpu' || name === 'memory') && parsed !== undefined && parsed.value > 0n;
  });
  return Object.fromEntries(counted);
}
