import { isObject, type JsonObject, type JsonValue, valueAt } from '../../../core/json.ts';
import { valuesAt } from './walk.ts';

/**
 * Objects that make a controller apply or change other objects. What those run is in no field that the gate sees, so
 * they are denied unless the platform allows the kind: it knows whether what they deliver is judged elsewhere.
 */
const deliveringKinds: readonly string[] = [
  'argoproj.io/Application',
  'argoproj.io/ApplicationSet',
  'kustomize.toolkit.fluxcd.io/Kustomization',
  'helm.toolkit.fluxcd.io/HelmRelease',
  // A source is where an existing Kustomization or HelmRelease gets its objects from.
  'source.toolkit.fluxcd.io/*',
  'source.extensions.fluxcd.io/*',
  'fluxcd.controlplane.io/ResourceSet',
  'fluxcd.controlplane.io/ResourceSetInputProvider',
  'fluxcd.controlplane.io/FluxInstance',
  'infra.contrib.fluxcd.io/Terraform',
  'work.open-cluster-management.io/*',
  'work.karmada.io/*',
  'policy.karmada.io/OverridePolicy',
  'policy.karmada.io/ClusterOverridePolicy',
  'addon.open-cluster-management.io/AddOnTemplate',
  'apps.open-cluster-management.io/*',
  'policy.open-cluster-management.io/*',
  'kubernetes.crossplane.io/Object',
  'kubernetes.m.crossplane.io/Object',
  'helm.crossplane.io/Release',
  'helm.m.crossplane.io/Release',
  'apiextensions.crossplane.io/Composition',
  'apiextensions.crossplane.io/CompositionRevision',
  'ops.crossplane.io/*',
  // It rewrites where packages are pulled from.
  'pkg.crossplane.io/ImageConfig',
  'tf.upbound.io/*',
  'opentofu.upbound.io/*',
  'ansible.crossplane.io/*',
  'admissionregistration.k8s.io/MutatingAdmissionPolicy',
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/MutatingWebhookConfiguration',
  'policies.kyverno.io/MutatingPolicy',
  'policies.kyverno.io/NamespacedMutatingPolicy',
  'policies.kyverno.io/GeneratingPolicy',
  'policies.kyverno.io/NamespacedGeneratingPolicy',
  'kyverno.io/UpdateRequest',
  'mutations.gatekeeper.sh/*',
  'config.openshift.io/ImageDigestMirrorSet',
  'config.openshift.io/ImageTagMirrorSet',
  'config.openshift.io/ImageContentPolicy',
  'operator.openshift.io/ImageContentSourcePolicy',
  // It writes files of the nodes, the list of mirrors among them.
  'machineconfiguration.openshift.io/*',
  'hive.openshift.io/*',
  'image.openshift.io/*',
  'build.openshift.io/*',
  'template.openshift.io/*',
  'helm.cattle.io/*',
  'k3s.cattle.io/Addon',
  'fleet.cattle.io/*',
  'catalog.cattle.io/App',
  'kappctrl.k14s.io/App',
  'packaging.carvel.dev/*',
  'data.packaging.carvel.dev/*',
  'config.projectsveltos.io/*',
  'addons.cluster.x-k8s.io/*',
  'configsync.gke.io/*',
  'configmanagement.gke.io/*',
  'clusterconfig.azure.com/*',
  'types.kubefed.io/*',
  'apps.clusternet.io/*',
  'resources.gardener.cloud/*',
  'gitops.kluctl.io/*',
  'templates.kluctl.io/*',
  'helm.k0sproject.io/*',
  'operator.knative.dev/*',
  'operator.tekton.dev/*',
  'triggers.tekton.dev/TriggerTemplate',
  'pipelinesascode.tekton.dev/*',
  'install.istio.io/IstioOperator',
  'sailoperator.io/*',
  'velero.io/Restore',
  'capsule.clastix.io/TenantResource',
  'capsule.clastix.io/GlobalTenantResource',
  'redhatcop.redhat.io/*',
  'core.oam.dev/*',
  'kro.run/*',
  'metacontroller.k8s.io/*',
  'operators.coreos.com/Subscription',
  'operators.coreos.com/InstallPlan',
  'olm.operatorframework.io/ClusterExtension',
  'pulumi.com/*',
  'app.terraform.io/*',
];

/** Kinds that deliver only if they say something certain. Each answers what they do, or undefined. */
const sometimes: Readonly<Record<string, (object: JsonObject) => string | undefined>> = {
  'kyverno.io/ClusterPolicy': mutatingRule,
  'kyverno.io/Policy': mutatingRule,
  'argoproj.io/Workflow': createdManifest,
  'argoproj.io/WorkflowTemplate': createdManifest,
  'argoproj.io/ClusterWorkflowTemplate': createdManifest,
  'argoproj.io/CronWorkflow': createdManifest,
  'argoproj.io/Sensor': sensorTrigger,
  'apps.openshift.io/DeploymentConfig': imageTrigger,
  'extensions.istio.io/WasmPlugin': remoteModule,
  'tekton.dev/TaskRun': remoteTask,
  'tekton.dev/Task': remoteTask,
  'tekton.dev/Pipeline': remoteTask,
  'tekton.dev/PipelineRun': remoteTask,
};

/** What the object delivers, as a clause; undefined if nothing, or if the platform allows its kind. */
export function deliveryOf(groupKind: string, object: JsonObject, allowed: readonly string[]): string | undefined {
  if (allowed.includes(groupKind)) return undefined;
  if (isDelivering(groupKind)) {
    return 'makes a controller apply or change objects that are not in this set';
  }
  return (Object.hasOwn(sometimes, groupKind) ? sometimes[groupKind]?.(object) : undefined) ?? imageUpdate(object);
}

/** Annotations by which a controller writes another image into the object, after the gate. */
const updatingAnnotations = ['image.openshift.io/triggers', 'keel.sh/policy'];

function imageUpdate(object: JsonObject): string | undefined {
  const annotations = valueAt(object, ['metadata', 'annotations']);
  const labels = valueAt(object, ['metadata', 'labels']);
  const found = updatingAnnotations.find((name) =>
    // Keel reads labels too.
    [annotations, labels].some((map) => isObject(map) && Object.hasOwn(map, name) && map[name] !== 'never'),
  );
  return found === undefined ? undefined : `has a controller write other images into it (${found})`;
}

function remoteModule(object: JsonObject): string | undefined {
  const url = valueAt(object, ['spec', 'url']);
  return typeof url === 'string' && /^https?:/i.test(url) ? 'runs code from a URL, which nobody can sign' : undefined;
}

function imageTrigger(object: JsonObject): string | undefined {
  for (const [trigger] of valuesAt(object, ['spec', 'triggers', '*'])) {
    if (isObject(trigger) && isPresent(trigger['imageChangeParams'])) {
      return 'has a controller write other images into it (an ImageChange trigger)';
    }
  }
  return undefined;
}

/** Whether every object of the kind delivers others. */
export function isDelivering(groupKind: string): boolean {
  return deliveringKinds.includes(groupKind) || deliveringKinds.includes(`${groupKind.split('/')[0]}/*`);
}

function mutatingRule(object: JsonObject): string | undefined {
  for (const [rule] of valuesAt(object, ['spec', 'rules', '*'])) {
    if (!isObject(rule)) continue;
    if (isPresent(rule['mutate'])) return 'changes other objects (a mutate rule)';
    if (isPresent(rule['generate'])) return 'creates other objects (a generate rule)';
  }
  return undefined;
}

function createdManifest(object: JsonObject): string | undefined {
  for (const [resource] of valuesAt(object, ['**', 'resource'])) {
    if (isObject(resource) && (isPresent(resource['manifest']) || isPresent(resource['manifestFrom']))) {
      return 'applies a manifest of its own (a resource template)';
    }
  }
  for (const [patch] of valuesAt(object, ['**', 'podSpecPatch'])) {
    // A text of YAML: without these marks it cannot say `image`, in whatever spelling.
    if (isPresent(patch) && (typeof patch !== 'string' || /image|\{\{|[\\!]/i.test(patch))) {
      return 'patches the images of its pods (podSpecPatch)';
    }
  }
  return undefined;
}

function sensorTrigger(object: JsonObject): string | undefined {
  for (const [template] of valuesAt(object, ['spec', 'triggers', '*', 'template'])) {
    if (isObject(template) && (isPresent(template['k8s']) || isPresent(template['argoWorkflow']))) {
      return 'creates objects when it is triggered';
    }
  }
  return undefined;
}

function remoteTask(object: JsonObject): string | undefined {
  for (const name of ['taskRef', 'pipelineRef', 'ref']) {
    for (const [reference] of valuesAt(object, ['**', name])) {
      if (isObject(reference) && (isPresent(reference['resolver']) || isPresent(reference['bundle']))) {
        return 'runs a task that is fetched from elsewhere';
      }
    }
  }
  return undefined;
}

function isPresent(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null;
}
