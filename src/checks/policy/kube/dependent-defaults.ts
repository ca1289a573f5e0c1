import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { entriesOf, isFilled, isFilledList, labelsIn, madeUpUid, type Site, text, withField } from './draft.ts';
import { finishPod, mirrorAccount } from './pod-defaults.ts';
import { pullPolicyFor } from './pull-policy.ts';
import type { Draft } from './typed-values.ts';

/** Defaults that depend on other fields, by the struct that they are set in; nothing else is code. */
export const DEPENDENT: Readonly<Record<string, (draft: Draft, site: Site) => void>> = {
  'core.v1.Container': pullPolicy,
  'core.v1.EphemeralContainer': pullPolicy,
  'core.v1.ImageVolumeSource': (draft) => {
    draft['pullPolicy'] ??= pullPolicyFor(text(draft['reference']));
  },
  'core.v1.Volume': (draft, { empty }) => {
    if (Object.keys(draft).every((key) => key === 'name')) draft['emptyDir'] = empty('core.v1.EmptyDirVolumeSource');
  },
  'core.v1.PodSpec': mirrorAccount,
  'core.v1.Pod': finishPod,
  'core.v1.ServicePort': (draft) => {
    const target = draft['targetPort'];
    if (target === undefined || target === 0 || target === '') draft['targetPort'] = draft['port'] ?? 0;
  },
  'core.v1.ServiceSpec': finishService,
  'core.v1.ReplicationController': finishReplicationController,
  'core.v1.Secret': mergeStringData,
  'core.v1.Namespace': labelWithOwnName,
  'core.v1.LimitRangeItem': fillLimits,
  'core.v1.PersistentVolumeClaimSpec': mirrorDataSource,
  'core.v1.PersistentVolume': (draft) => {
    const time = (draft['metadata'] as JsonObject)['creationTimestamp'];
    if (time !== undefined) draft['status'] = withField(draft['status'] as JsonObject, 'lastPhaseTransitionTime', time);
  },
  'core.v1.PersistentVolumeClaim': (draft, { isWhole }) => {
    // Claims inside of a StatefulSet are written with their type; of one of its own the server clears the status.
    if (isWhole) {
      draft['status'] = Object.create(null);
      return;
    }
    draft['apiVersion'] ??= 'v1';
    draft['kind'] ??= 'PersistentVolumeClaim';
  },
  'apps.v1.DeploymentStrategy': (draft, site) => rolling(draft, 'apps.v1.RollingUpdateDeployment', site),
  'apps.v1.DaemonSetUpdateStrategy': (draft, site) => rolling(draft, 'apps.v1.RollingUpdateDaemonSet', site),
  'apps.v1.StatefulSetUpdateStrategy': (draft, site) => {
    // Only where the type is left out too.
    if (draft['type'] !== undefined) return;
    draft['type'] = 'RollingUpdate';
    rolling(draft, 'apps.v1.RollingUpdateStatefulSetStrategy', site);
  },
  'apps.v1.DaemonSet': (draft) => annotate(draft, 'deprecated.daemonset.template.generation', '1'),
  'batch.v1.Job': finishJob,
  'networking.v1.NetworkPolicySpec': (draft) => {
    if (isFilledList(draft['policyTypes'])) return;
    draft['policyTypes'] = isFilledList(draft['egress']) ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  'autoscaling.v2.HorizontalPodAutoscalerBehavior': fillBehaviour,
  'core.v1.Node': (draft) => {
    const spec = draft['spec'] as JsonObject;
    const taints = (spec['taints'] ?? []) as readonly JsonObject[];
    const notReady = { effect: 'NoSchedule', key: 'node.kubernetes.io/not-ready' };
    if (taints.some(({ key, effect }) => key === notReady.key && effect === notReady.effect)) return;
    draft['spec'] = withField(spec, 'taints', [...taints, notReady]);
  },
  'rbac.v1.Subject': (draft) => {
    const kind = draft['kind'];
    if (kind === 'User' || kind === 'Group') draft['apiGroup'] ??= 'rbac.authorization.k8s.io';
  },
};

/** The fields above, which no table may hold; the script that harvests defaults asks for them. */
export const DEPENDENT_FIELDS: ReadonlySet<string> = new Set([
  'meta.v1.LabelSelector.matchLabels',
  'meta.v1.ObjectMeta.labels',
  'meta.v1.ObjectMeta.annotations',
  'meta.v1.LabelSelector.matchExpressions',
  'core.v1.Container.securityContext',
  'core.v1.SecurityContext.appArmorProfile',
  'core.v1.PodStatus.conditions',
  'core.v1.Container.imagePullPolicy',
  'core.v1.EphemeralContainer.imagePullPolicy',
  'core.v1.ImageVolumeSource.pullPolicy',
  'core.v1.Volume.emptyDir',
  'core.v1.ContainerPort.hostPort',
  'core.v1.ResourceRequirements.requests',
  'core.v1.ResourceRequirements.limits',
  'core.v1.PodSpec.serviceAccount',
  'core.v1.PodSpec.serviceAccountName',
  'core.v1.PodSpec.tolerations',
  'core.v1.PodSpec.volumes',
  'core.v1.PodSpec.priority',
  'core.v1.Container.volumeMounts',
  'core.v1.PodStatus.qosClass',
  'core.v1.ServicePort.targetPort',
  'core.v1.ServicePort.nodePort',
  ...['sessionAffinityConfig', 'externalTrafficPolicy', 'internalTrafficPolicy', 'allocateLoadBalancerNodePorts'].map(
    (name) => `core.v1.ServiceSpec.${name}`,
  ),
  ...['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'healthCheckNodePort'].map(
    (name) => `core.v1.ServiceSpec.${name}`,
  ),
  'core.v1.ReplicationControllerSpec.selector',
  'core.v1.Secret.data',
  'core.v1.LimitRangeItem.default',
  'core.v1.LimitRangeItem.defaultRequest',
  'core.v1.PersistentVolumeStatus.lastPhaseTransitionTime',
  'core.v1.PersistentVolumeClaimSpec.dataSourceRef',
  'core.v1.PersistentVolumeClaim.apiVersion',
  'core.v1.PersistentVolumeClaim.kind',
  'apps.v1.DeploymentStrategy.rollingUpdate',
  'apps.v1.DaemonSetUpdateStrategy.rollingUpdate',
  'apps.v1.StatefulSetUpdateStrategy.rollingUpdate',
  'apps.v1.StatefulSetUpdateStrategy.type',
  ...['completions', 'parallelism', 'backoffLimit', 'podReplacementPolicy', 'selector'].map(
    (name) => `batch.v1.JobSpec.${name}`,
  ),
  'networking.v1.NetworkPolicySpec.policyTypes',
  'autoscaling.v2.HorizontalPodAutoscalerBehavior.scaleUp',
  'autoscaling.v2.HorizontalPodAutoscalerBehavior.scaleDown',
  ...['policies', 'selectPolicy', 'stabilizationWindowSeconds'].map((name) => `autoscaling.v2.HPAScalingRules.${name}`),
  'rbac.v1.Subject.apiGroup',
]);

function pullPolicy(draft: Draft): void {
  draft['imagePullPolicy'] ??= pullPolicyFor(text(draft['image']));
}

function rolling(draft: Draft, struct: string, { empty }: Site): void {
  if (draft['type'] !== 'RollingUpdate') return;
  draft['rollingUpdate'] ??= empty(struct);
}

/** The address is made up: in a cluster the server takes a free one. */
function finishService(draft: Draft): void {
  const type = draft['type'];
  if (draft['sessionAffinity'] !== 'ClientIP') delete draft['sessionAffinityConfig'];
  else if (!hasTimeout(draft['sessionAffinityConfig'])) {
    draft['sessionAffinityConfig'] = { clientIP: { timeoutSeconds: 10_800 } };
  }
  const balanced = type === 'LoadBalancer';
  if (balanced || type === 'NodePort' || (type === 'ClusterIP' && isFilledList(draft['externalIPs']))) {
    draft['externalTrafficPolicy'] ??= 'Cluster';
  }
  if (type !== 'ExternalName') draft['internalTrafficPolicy'] ??= 'Cluster';
  if (balanced) draft['allocateLoadBalancerNodePorts'] ??= true;
  if (type === 'ExternalName') return;
  draft['clusterIP'] ??= '10.0.0.1';
  draft['clusterIPs'] ??= [draft['clusterIP']];
  if (draft['clusterIP'] === 'None' && !isFilled(draft['selector']) && draft['ipFamilyPolicy'] === undefined) {
    // Nothing can be known of where it leads.
    draft['ipFamilies'] ??= ['IPv4', 'IPv6'];
    draft['ipFamilyPolicy'] = 'RequireDualStack';
  }
  draft['ipFamilies'] ??= [text(draft['clusterIP']).includes(':') ? 'IPv6' : 'IPv4'];
  draft['ipFamilyPolicy'] ??= 'SingleStack';
  if (type === 'NodePort' || (balanced && draft['allocateLoadBalancerNodePorts'] === true)) allocateNodePorts(draft);
  if (balanced && draft['externalTrafficPolicy'] === 'Local') draft['healthCheckNodePort'] ??= 30_000;
}

function allocateNodePorts(draft: Draft): void {
  const ports = (draft['ports'] ?? []) as readonly JsonObject[];
  draft['ports'] = ports.map((port, index) =>
    isObject(port) && port['nodePort'] === undefined ? withField(port, 'nodePort', 30_000 + index) : port,
  );
}

function hasTimeout(config: JsonValue | undefined): boolean {
  const client = isObject(config) ? config['clientIP'] : undefined;
  return isObject(client) && client['timeoutSeconds'] !== undefined;
}

function finishReplicationController(draft: Draft): void {
  const spec = draft['spec'] as JsonObject;
  const template = spec['template'];
  const labels = isObject(template) ? labelsIn(template) : undefined;
  if (labels === undefined) return;
  if (!isFilled(spec['selector'])) draft['spec'] = withField(spec, 'selector', labels);
  const metadata = draft['metadata'] as JsonObject;
  if (!isFilled(metadata['labels'])) draft['metadata'] = withField(metadata, 'labels', labels);
}

/** `stringData` is written into `data`, and never read again. */
function mergeStringData(draft: Draft): void {
  const plain = draft['stringData'];
  delete draft['stringData'];
  if (!isObject(plain)) return;
  const encoded = Object.keys(plain).map((key) => [key, Buffer.from(text(plain[key])).toString('base64')] as const);
  draft['data'] = objectFrom([...entriesOf(draft['data']), ...encoded]);
}

function labelWithOwnName(draft: Draft): void {
  const metadata = draft['metadata'] as JsonObject;
  if (text(metadata['name']) === '') return;
  const labels = [...entriesOf(metadata['labels']), ['kubernetes.io/metadata.name', text(metadata['name'])] as const];
  draft['metadata'] = withField(metadata, 'labels', objectFrom(labels));
}

function fillLimits(draft: Draft): void {
  if (draft['type'] !== 'Container') return;
  const limits = objectFrom([...entriesOf(draft['max']), ...entriesOf(draft['default'])]);
  if (isFilled(limits)) draft['default'] = limits;
  const requests = [...entriesOf(draft['min']), ...entriesOf(limits), ...entriesOf(draft['defaultRequest'])];
  if (requests.length > 0) draft['defaultRequest'] = objectFrom(requests);
}

function mirrorDataSource(draft: Draft): void {
  if (!isOldDataSource(draft['dataSource'])) delete draft['dataSource'];
  const [source, reference] = [draft['dataSource'], draft['dataSourceRef']];
  if (reference === undefined && isObject(source)) draft['dataSourceRef'] = source;
  if (
    source === undefined &&
    isOldDataSource(reference) &&
    isObject(reference) &&
    reference['namespace'] === undefined
  ) {
    draft['dataSource'] = withField(reference, 'apiGroup', reference['apiGroup'] ?? null);
  }
}

/** All that the older of the two fields ever meant; anything else in it is dropped. */
function isOldDataSource(source: JsonValue | undefined): boolean {
  if (!isObject(source)) return false;
  const { kind, apiGroup } = source;
  if (kind === 'PersistentVolumeClaim') return apiGroup === undefined || apiGroup === null || apiGroup === '';
  return kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io';
}

function finishJob(draft: Draft): void {
  const spec: Draft = objectFrom(Object.entries(draft['spec'] as JsonObject));
  const template = spec['template'] as JsonObject;
  const metadata = draft['metadata'] as JsonObject;
  // The server gives both one and the same map, if the template has labels at all: what it adds to one is in both.
  const shared = labelsIn(template) !== undefined && !isFilled(metadata['labels']);
  if (spec['completions'] === undefined && spec['parallelism'] === undefined) spec['completions'] = 1;
  spec['parallelism'] ??= 1;
  spec['backoffLimit'] ??= spec['backoffLimitPerIndex'] === undefined ? 6 : 2_147_483_647;
  spec['podReplacementPolicy'] ??= spec['podFailurePolicy'] === undefined ? 'TerminatingOrFailed' : 'Failed';
  if (spec['manualSelector'] !== true) selectOwnPods(spec, template, text(metadata['name']));
  draft['spec'] = spec;
  const labels = labelsIn(spec['template'] as JsonObject);
  if (shared && labels !== undefined) draft['metadata'] = withField(metadata, 'labels', labels);
}

/** A Job's Pods are found by labels that the server makes of its uid. */
function selectOwnPods(spec: Draft, template: JsonObject, name: string): void {
  const own = [
    ['batch.kubernetes.io/controller-uid', madeUpUid],
    ['batch.kubernetes.io/job-name', name],
    ['controller-uid', madeUpUid],
    ['job-name', name],
  ] as const;
  const metadata = isObject(template['metadata']) ? template['metadata'] : Object.create(null);
  const labels = objectFrom([...entriesOf(metadata['labels']), ...own]);
  spec['template'] = withField(template, 'metadata', withField(metadata, 'labels', labels));
  const selector = isObject(spec['selector']) ? spec['selector'] : Object.create(null);
  const wanted = objectFrom([...entriesOf(selector['matchLabels']), own[0]]);
  spec['selector'] = withField(selector, 'matchLabels', wanted);
}

function fillBehaviour(draft: Draft): void {
  const percent = { periodSeconds: 15, type: 'Percent', value: 100 };
  const pods = { periodSeconds: 15, type: 'Pods', value: 4 };
  const up = { policies: [pods, percent], selectPolicy: 'Max', stabilizationWindowSeconds: 0 };
  const down = { policies: [percent], selectPolicy: 'Max' };
  for (const [name, rules] of Object.entries({ scaleUp: up, scaleDown: down })) {
    draft[name] = objectFrom([...Object.entries(rules), ...entriesOf(draft[name])]);
  }
}

function annotate(draft: Draft, key: string, value: string): void {
  const metadata = draft['metadata'] as JsonObject;
  const annotations = objectFrom([...entriesOf(metadata['annotations']), [key, value] as const]);
  draft['metadata'] = withField(metadata, 'annotations', annotations);
}
