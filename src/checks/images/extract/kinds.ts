/**
 * Where kinds hold images. Groups are matched whole and versions not at all: a path that a version does not have finds
 * nothing. Everything the tables do not know is searched by shape (see extract.ts).
 */

/** The PodSpec of every built-in kind that has one. */
export const workloads: Readonly<Record<string, readonly string[]>> = {
  '/Pod': ['spec'],
  '/PodTemplate': ['template', 'spec'],
  '/ReplicationController': ['spec', 'template', 'spec'],
  'apps/ReplicaSet': ['spec', 'template', 'spec'],
  'apps/Deployment': ['spec', 'template', 'spec'],
  'apps/StatefulSet': ['spec', 'template', 'spec'],
  'apps/DaemonSet': ['spec', 'template', 'spec'],
  'extensions/ReplicaSet': ['spec', 'template', 'spec'],
  'extensions/Deployment': ['spec', 'template', 'spec'],
  'extensions/DaemonSet': ['spec', 'template', 'spec'],
  'batch/Job': ['spec', 'template', 'spec'],
  'batch/CronJob': ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};

/**
 * Kinds that run no image, built in or of policy engines, whose objects hold names of images to judge by. Their strings
 * are not searched: a ConfigMap or Secret may hold any text, programs read it as they like, and to guess would deny half
 * of all ConfigMaps. A kind that is not here is searched, so one that Kubernetes adds is not overlooked. A
 * ControllerRevision is not here either: a StatefulSet with a partition, and every rollback, makes pods of what it holds;
 * nor is a PersistentVolume, because some CSI drivers mount the image that it names.
 */
const withoutImages: ReadonlySet<string> = new Set([
  ...['Binding', 'ConfigMap', 'Endpoints', 'Event', 'LimitRange', 'Namespace', 'Node'].map(inCore),
  ...['PersistentVolumeClaim', 'ResourceQuota', 'Secret', 'Service', 'ServiceAccount', 'ComponentStatus'].map(inCore),
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'apiregistration.k8s.io/APIService',
  'autoscaling/HorizontalPodAutoscaler',
  'certificates.k8s.io/CertificateSigningRequest',
  'certificates.k8s.io/ClusterTrustBundle',
  'coordination.k8s.io/Lease',
  'discovery.k8s.io/EndpointSlice',
  'events.k8s.io/Event',
  'extensions/Ingress',
  'flowcontrol.apiserver.k8s.io/FlowSchema',
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration',
  'networking.k8s.io/Ingress',
  'networking.k8s.io/IngressClass',
  'networking.k8s.io/IPAddress',
  'networking.k8s.io/NetworkPolicy',
  'networking.k8s.io/ServiceCIDR',
  'node.k8s.io/RuntimeClass',
  'policy/PodDisruptionBudget',
  'policy/PodSecurityPolicy',
  'rbac.authorization.k8s.io/ClusterRole',
  'rbac.authorization.k8s.io/ClusterRoleBinding',
  'rbac.authorization.k8s.io/Role',
  'rbac.authorization.k8s.io/RoleBinding',
  'resource.k8s.io/DeviceClass',
  'resource.k8s.io/ResourceClaim',
  'resource.k8s.io/ResourceClaimTemplate',
  'resource.k8s.io/ResourceSlice',
  'scheduling.k8s.io/PriorityClass',
  'storage.k8s.io/CSIDriver',
  'storage.k8s.io/CSINode',
  'storage.k8s.io/CSIStorageCapacity',
  'storage.k8s.io/StorageClass',
  'storage.k8s.io/VolumeAttachment',
  'storage.k8s.io/VolumeAttributesClass',
  'policy.sigstore.dev/ClusterImagePolicy',
  'policy.sigstore.dev/TrustRoot',
  'kyverno.io/ClusterPolicy',
  'kyverno.io/Policy',
  'kyverno.io/PolicyException',
  'policies.kyverno.io/ValidatingPolicy',
  'policies.kyverno.io/ImageValidatingPolicy',
  'policies.kyverno.io/PolicyException',
  'templates.gatekeeper.sh/ConstraintTemplate',
  'constraints.gatekeeper.sh/*',
]);

/** Whether a kind runs no image. */
export function runsNothing(groupKind: string): boolean {
  return withoutImages.has(groupKind) || withoutImages.has(`${groupKind.split('/')[0]}/*`);
}

function inCore(kind: string): string {
  return `/${kind}`;
}

/**
 * A field of a custom resource that holds an image. `*` is every element of a list or map, and `**` any depth. PodSpecs
 * need no entry: anything with a list of containers is read as one, wherever it stands.
 */
export interface CustomField {
  /** `group/Kind`; a kind of `*` is every kind of the group. */
  readonly kind: string;
  readonly path: readonly string[];
  /** Only a value with this scheme is an image. */
  readonly scheme?: string;
  readonly pinAs?: 'digest';
}

export const customFields: readonly CustomField[] = [
  // Argo Workflows, Rollouts and Events: Workflow, WorkflowTemplate, ClusterWorkflowTemplate, CronWorkflow, Sensor …
  ...every('argoproj.io/*', [
    '**.container.image',
    '**.script.image',
    '**.sidecars.*.image',
    '**.initContainers.*.image',
    '**.containerSet.containers.*.image',
  ]),
  // Tekton: Task, TaskRun, Pipeline, PipelineRun, ClusterTask, StepAction; specs nest in each other.
  ...every('tekton.dev/*', ['**.steps.*.image', '**.sidecars.*.image', '**.stepTemplate.image']),
  ...every('tekton.dev/StepAction', ['spec.image']),
  // CloudNativePG
  ...every('postgresql.cnpg.io/Cluster', ['spec.imageName', 'spec.postgresql.extensions.*.image.reference']),
  ...every('postgresql.cnpg.io/ImageCatalog', ['spec.images.*.image']),
  ...every('postgresql.cnpg.io/ClusterImageCatalog', ['spec.images.*.image']),
  // Strimzi: Kafka, KafkaConnect, KafkaBridge, KafkaMirrorMaker2 …; the image that a build pushes is no image that runs
  ...every('kafka.strimzi.io/*', [
    'spec.image',
    'spec.kafka.image',
    'spec.zookeeper.image',
    'spec.cruiseControl.image',
    'spec.kafkaExporter.image',
    'spec.jmxTrans.image',
    'spec.entityOperator.topicOperator.image',
    'spec.entityOperator.userOperator.image',
    'spec.entityOperator.tlsSidecar.image',
    'spec.cruiseControl.tlsSidecar.image',
    'spec.clientRackInitImage',
    'spec.kafka.brokerRackInitImage',
  ]),
  // Prometheus operator
  ...every('monitoring.coreos.com/*', ['spec.image', 'spec.thanos.image']),
  // KubeVirt and its importer, which refuses a reference with both tag and digest
  ...every('kubevirt.io/*', ['**.containerDisk.image', '**.kernelBoot.container.image']),
  ...every('pool.kubevirt.io/*', ['**.containerDisk.image', '**.kernelBoot.container.image']),
  { kind: 'cdi.kubevirt.io/*', path: '**.source.registry.url'.split('.'), scheme: 'docker://', pinAs: 'digest' },
  { kind: 'kubevirt.io/*', path: '**.source.registry.url'.split('.'), scheme: 'docker://', pinAs: 'digest' },
  // Istio
  { kind: 'extensions.istio.io/WasmPlugin', path: ['spec', 'url'], scheme: 'oci://' },
  // Operator Lifecycle Manager
  ...every('operators.coreos.com/CatalogSource', ['spec.image']),
  ...every('operators.coreos.com/ClusterServiceVersion', ['spec.relatedImages.*.image']),
  ...every('olm.operatorframework.io/*', ['spec.source.image.ref']),
  // Crossplane packages are images whose content is applied and run
  ...['Provider', 'Configuration', 'Function'].flatMap((kind) => every(`pkg.crossplane.io/${kind}`, ['spec.package'])),
  // Spark, Flink, Ray (Ray's are PodSpecs)
  ...every('sparkoperator.k8s.io/*', ['**.spec.image', '**.driver.image', '**.executor.image', '**.template.image']),
  ...every('flink.apache.org/*', ['spec.image']),
  // Elastic
  ...['elasticsearch', 'kibana', 'apm', 'beat', 'agent', 'logstash', 'enterprisesearch', 'maps'].flatMap((product) =>
    every(`${product}.k8s.elastic.co/*`, ['spec.image']),
  ),
  // OpenTelemetry
  ...every('opentelemetry.io/*', ['spec.image', 'spec.*.image', 'spec.targetAllocator.image']),
  // OpenKruise
  ...every('apps.kruise.io/*', ['spec.image']),
];

function every(kind: string, paths: readonly string[]): CustomField[] {
  return paths.map((path) => ({ kind, path: path.split('.') }));
}
