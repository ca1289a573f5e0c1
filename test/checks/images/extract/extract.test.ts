import { describe, expect, it } from 'vitest';
import { extractImages } from '../../../../src/checks/images/extract/extract.ts';
import { thrownBy } from '../../../support/thrown.ts';
import { manifestOf } from '../support.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const metadata = { name: 'x' };

function extract(object: Record<string, unknown>, allowed: readonly string[] = []) {
  return extractImages(manifestOf({ metadata, ...object }), allowed);
}

/** What is known to run, as `path=text`. */
function known(object: Record<string, unknown>): string[] {
  return extract(object)
    .uses.filter((use) => use.suspected === undefined)
    .map((use) => `${use.path.join('.')}=${use.text}`);
}

function suspected(object: Record<string, unknown>): string[] {
  return extract(object)
    .uses.filter((use) => use.suspected !== undefined)
    .map((use) => `${use.suspected} ${use.path.join('.')}=${use.text}`);
}

const podSpec = {
  initContainers: [{ name: 'i', image: 'init' }],
  containers: [{ name: 'c', image: 'main' }],
  ephemeralContainers: [{ name: 'e', image: 'debug' }],
  volumes: [
    { name: 'v', image: { reference: 'data' } },
    { name: 'w', emptyDir: {} },
  ],
};

describe('built-in workloads', () => {
  it.each<[string, string, string, object]>([
    ['v1', 'Pod', 'spec', { spec: podSpec }],
    ['v1', 'PodTemplate', 'template.spec', { template: { spec: podSpec } }],
    ['v1', 'ReplicationController', 'spec.template.spec', { spec: { template: { spec: podSpec } } }],
    ['apps/v1', 'ReplicaSet', 'spec.template.spec', { spec: { template: { spec: podSpec } } }],
    ['apps/v1', 'Deployment', 'spec.template.spec', { spec: { template: { spec: podSpec } } }],
    ['apps/v1beta1', 'Deployment', 'spec.template.spec', { spec: { template: { spec: podSpec } } }],
    ['extensions/v1beta1', 'Deployment', 'spec.template.spec', { spec: { template: { spec: podSpec } } }],
    ['apps/v1', 'StatefulSet', 'spec.template.spec', { spec: { template: { spec: podSpec } } }],
    ['apps/v1', 'DaemonSet', 'spec.template.spec', { spec: { template: { spec: podSpec } } }],
    ['batch/v1', 'Job', 'spec.template.spec', { spec: { template: { spec: podSpec } } }],
    [
      'batch/v1',
      'CronJob',
      'spec.jobTemplate.spec.template.spec',
      { spec: { jobTemplate: { spec: { template: { spec: podSpec } } } } },
    ],
  ])('%s %s', (apiVersion, kind, path, object) => {
    expect(known({ apiVersion, kind, ...object }).sort()).toEqual([
      `${path}.containers.0.image=main`,
      `${path}.ephemeralContainers.0.image=debug`,
      `${path}.initContainers.0.image=init`,
      `${path}.volumes.0.image.reference=data`,
    ]);
  });

  it('are read though the object says that it is being deleted, or was verified', () => {
    const annotations = { 'kyverno.io/verify-images': '{"main":"pass"}' };
    const object = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x', deletionTimestamp: '2026-01-01T00:00:00Z', annotations },
      spec: podSpec,
    };
    expect(known(object)).toHaveLength(4);
  });

  it.each<[string, object, string[]]>([
    ['an image that is missing', { containers: [{ name: 'a' }] }, ['spec.containers.0.image']],
    ['null', { containers: [{ image: null }] }, ['spec.containers.0.image']],
    ['a number', { containers: [{ image: 7 }] }, ['spec.containers.0.image']],
    ['a boolean', { initContainers: [{ image: true }] }, ['spec.initContainers.0.image']],
    ['an object', { ephemeralContainers: [{ image: { name: 'nginx' } }] }, ['spec.ephemeralContainers.0.image']],
    ['a list', { containers: [{ image: ['nginx'] }] }, ['spec.containers.0.image']],
    ['containers that are an object', { containers: { image: 'nginx' } }, ['spec.containers']],
    ['containers that are a string', { containers: 'nginx' }, ['spec.containers']],
    ['a container that is a string', { containers: ['nginx'] }, ['spec.containers.0']],
    ['a container that is null', { containers: [null] }, ['spec.containers.0']],
    [
      'an image volume without reference',
      { containers: [], volumes: [{ image: {} }] },
      ['spec.volumes.0.image.reference'],
    ],
    ['an image volume that is a string', { containers: [], volumes: [{ image: 'nginx' }] }, ['spec.volumes.0.image']],
  ])('find fault with %s', (_, spec, paths) => {
    expect(extract({ apiVersion: 'v1', kind: 'Pod', spec }).problems.map(({ path }) => path.join('.'))).toEqual(paths);
  });

  it('find fault with a PodSpec that is none, and not with null lists', () => {
    expect(extract({ apiVersion: 'v1', kind: 'Pod', spec: 'nginx' }).problems).toHaveLength(1);
    expect(
      extract({
        apiVersion: 'v1',
        kind: 'Pod',
        spec: { containers: [{ image: 'a' }], initContainers: null, volumes: null },
      }).problems,
    ).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['a list', { template: [{ spec: podSpec }] }, 'spec.template'],
    ['a string', { template: 'nginx' }, 'spec.template'],
    ['a list further down', { template: { spec: [podSpec] } }, 'spec.template.spec'],
  ])('find fault with a template that is %s', (_, spec, path) => {
    const { problems } = extract({ apiVersion: 'apps/v1', kind: 'Deployment', spec });
    expect(problems.map((problem) => problem.path.join('.'))).toEqual([path]);
  });

  it('hand on an empty image, which is refused as a reference', () => {
    expect(known({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ image: '' }] } })).toEqual([
      'spec.containers.0.image=',
    ]);
  });

  it('have what looks like an image in args, command, env, CSI attributes and annotations suspected', () => {
    const container = {
      image: 'main',
      command: ['sh', '-c', 'run quay.io/a/command:v1'],
      args: ['--sidecar-image=quay.io/a/arg:v1', '--image', 'busybox', '--listen=0.0.0.0:80'],
      env: [
        { name: 'PROXY_IMAGE', value: 'proxy' },
        { name: 'URL', value: 'https://quay.io/a' },
        { name: 'FROM', valueFrom: {} },
      ],
    };
    const volumes = [{ name: 'v', csi: { driver: 'image.csi', volumeAttributes: { image: 'team/data:v1' } } }];
    const annotated = {
      name: 'x',
      annotations: { 'sidecar.istio.io/proxyImage': 'evil/proxy', 'example.com/note': 'nginx' },
    };
    const template = {
      metadata: { annotations: { 'vault.hashicorp.com/agent-image': 'evil/agent' } },
      spec: { containers: [container], volumes },
    };
    expect(
      suspected({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: annotated, spec: { template } }).sort(),
    ).toEqual([
      'argsAndEnv metadata.annotations.sidecar.istio.io/proxyImage=evil/proxy',
      'argsAndEnv spec.template.metadata.annotations.vault.hashicorp.com/agent-image=evil/agent',
      'argsAndEnv spec.template.spec.containers.0.args.0=quay.io/a/arg:v1',
      'argsAndEnv spec.template.spec.containers.0.args.2=busybox',
      'argsAndEnv spec.template.spec.containers.0.command.2=quay.io/a/command:v1',
      'argsAndEnv spec.template.spec.containers.0.env.0.value=proxy',
      'argsAndEnv spec.template.spec.volumes.0.csi.volumeAttributes.image=team/data:v1',
    ]);
  });
});

describe('what pods are made from besides', () => {
  it('a ControllerRevision, which a rollback makes pods of', () => {
    const object = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      data: { spec: { template: { spec: podSpec } } },
    };
    expect(known(object)).toContain('data.spec.template.spec.containers.0.image=main');
  });

  it('a PersistentVolume, of which some CSI drivers make an image’s content', () => {
    const csi = { driver: 'image.csi', volumeHandle: 'quay.io/evil/a:v1', volumeAttributes: { image: 'evil/data' } };
    expect(suspected({ apiVersion: 'v1', kind: 'PersistentVolume', spec: { csi } })).toEqual([
      'unknownKinds spec.csi.volumeHandle=quay.io/evil/a:v1',
      'unknownKinds spec.csi.volumeAttributes.image=evil/data',
    ]);
    const usual = { capacity: { storage: '1Gi' }, nfs: { server: '10.0.0.1', path: '/x' }, claimRef: { name: 'a' } };
    expect(suspected({ apiVersion: 'v1', kind: 'PersistentVolume', spec: usual })).toEqual([]);
  });

  it('the annotations of a Namespace, which injectors read for its pods', () => {
    const annotations = {
      'config.linkerd.io/proxy-image': 'evil/proxy',
      'config.linkerd.io/image-registry': 'evil.io/x',
    };
    expect(suspected({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'x', annotations } })).toEqual([
      'argsAndEnv metadata.annotations.config.linkerd.io/proxy-image=evil/proxy',
      'argsAndEnv metadata.annotations.config.linkerd.io/image-registry=evil.io/x',
    ]);
  });
});

describe('kinds that run nothing', () => {
  it.each([
    ['v1', 'ConfigMap', { data: { image: 'quay.io/a/b:v1' } }],
    ['policy.sigstore.dev/v1beta1', 'ClusterImagePolicy', { spec: { images: [{ glob: 'quay.io/a/b:v1' }] } }],
    [
      'kyverno.io/v1',
      'ClusterPolicy',
      { spec: { rules: [{ verifyImages: [{ imageReferences: ['quay.io/a/b:v1'] }] }] } },
    ],
    ['constraints.gatekeeper.sh/v1beta1', 'K8sAllowedRepos', { spec: { parameters: { repos: ['quay.io/a/b:v1'] } } }],
    ['v1', 'Secret', { stringData: { image: 'quay.io/a/b:v1' } }],
    ['apiextensions.k8s.io/v1', 'CustomResourceDefinition', { spec: { description: 'such as quay.io/a/b:v1' } }],
    ['rbac.authorization.k8s.io/v1', 'Role', { rules: [{ resourceNames: ['quay.io/a/b:v1'] }] }],
  ])('%s %s', (apiVersion, kind, object) =>
    expect(extract({ apiVersion, kind, ...object })).toEqual({ uses: [], problems: [], delivers: undefined }),
  );

  it('a kind that Kubernetes does not have is searched, whatever its group', () => {
    expect(suspected({ apiVersion: 'v1', kind: 'ConfigMaps', data: { image: 'quay.io/a/b:v1' } })).toHaveLength(1);
    expect(
      suspected({ apiVersion: 'example.com/v1', kind: 'ConfigMap', data: { image: 'quay.io/a/b:v1' } }),
    ).toHaveLength(1);
  });
});

describe('custom resources', () => {
  it.each<[string, string, object, string[]]>([
    ['argoproj.io/v1alpha1', 'Rollout', { spec: { template: { spec: podSpec } } }, ['init', 'main', 'debug', 'data']],
    [
      'argoproj.io/v1alpha1',
      'Workflow',
      {
        spec: {
          templates: [
            { container: { image: 'a' } },
            { script: { image: 'b' }, sidecars: [{ image: 'c' }], initContainers: [{ image: 'd' }] },
            { containerSet: { containers: [{ image: 'e' }] } },
          ],
        },
      },
      ['a', 'b', 'c', 'd', 'e'],
    ],
    [
      'argoproj.io/v1alpha1',
      'CronWorkflow',
      {
        spec: {
          workflowSpec: { templates: [{ container: { image: 'a' } }], templateDefaults: { script: { image: 'b' } } },
        },
      },
      ['a', 'b'],
    ],
    [
      'argoproj.io/v1alpha1',
      'AnalysisTemplate',
      {
        spec: { metrics: [{ provider: { job: { spec: { template: { spec: { containers: [{ image: 'a' }] } } } } } }] },
      },
      ['a'],
    ],
    [
      'tekton.dev/v1',
      'Task',
      { spec: { steps: [{ image: 'a' }], sidecars: [{ image: 'b' }], stepTemplate: { image: 'c' } } },
      ['a', 'b', 'c'],
    ],
    [
      'tekton.dev/v1',
      'Pipeline',
      {
        spec: {
          tasks: [{ taskSpec: { steps: [{ image: 'a' }] } }],
          finally: [{ taskSpec: { steps: [{ image: 'b' }] } }],
        },
      },
      ['a', 'b'],
    ],
    ['tekton.dev/v1beta1', 'StepAction', { spec: { image: 'a' } }, ['a']],
    ['serving.knative.dev/v1', 'Service', { spec: { template: { spec: { containers: [{ image: 'a' }] } } } }, ['a']],
    ['postgresql.cnpg.io/v1', 'Cluster', { spec: { imageName: 'a' } }, ['a']],
    ['postgresql.cnpg.io/v1', 'ImageCatalog', { spec: { images: [{ major: 16, image: 'a' }] } }, ['a']],
    [
      'kafka.strimzi.io/v1beta2',
      'Kafka',
      { spec: { kafka: { image: 'a' }, entityOperator: { topicOperator: { image: 'b' } } } },
      ['a', 'b'],
    ],
    [
      'monitoring.coreos.com/v1',
      'Prometheus',
      { spec: { image: 'a', thanos: { image: 'b' }, containers: [{ name: 'c', image: 'c' }, { name: 'patched' }] } },
      ['a', 'b', 'c'],
    ],
    [
      'kubevirt.io/v1',
      'VirtualMachine',
      {
        spec: {
          template: {
            spec: {
              volumes: [{ containerDisk: { image: 'a' } }],
              domain: { firmware: { kernelBoot: { container: { image: 'b' } } } },
            },
          },
        },
      },
      ['a', 'b'],
    ],
    ['cdi.kubevirt.io/v1beta1', 'DataVolume', { spec: { source: { registry: { url: 'docker://a/b' } } } }, ['a/b']],
    ['extensions.istio.io/v1alpha1', 'WasmPlugin', { spec: { url: 'oci://ghcr.io/a/b:v1' } }, ['ghcr.io/a/b:v1']],
    ['extensions.istio.io/v1alpha1', 'WasmPlugin', { spec: { url: 'ghcr.io/a/b:v1' } }, ['ghcr.io/a/b:v1']],
    ['extensions.istio.io/v1alpha1', 'WasmPlugin', { spec: { url: 'OCI://ghcr.io/a/b:v1' } }, ['ghcr.io/a/b:v1']],
    ['operators.coreos.com/v1alpha1', 'CatalogSource', { spec: { image: 'a' } }, ['a']],
    [
      'operators.coreos.com/v1alpha1',
      'ClusterServiceVersion',
      {
        spec: {
          install: { spec: { deployments: [{ spec: { template: { spec: { containers: [{ image: 'a' }] } } } }] } },
          relatedImages: [{ image: 'b' }],
        },
      },
      ['a', 'b'],
    ],
    ['pkg.crossplane.io/v1', 'Provider', { spec: { package: 'xpkg.upbound.io/a/b:v1' } }, ['xpkg.upbound.io/a/b:v1']],
    [
      'sparkoperator.k8s.io/v1beta2',
      'SparkApplication',
      { spec: { image: 'a', driver: { image: 'b' }, executor: { image: 'c' } } },
      ['a', 'b', 'c'],
    ],
    [
      'elasticsearch.k8s.elastic.co/v1',
      'Elasticsearch',
      { spec: { image: 'a', nodeSets: [{ podTemplate: { spec: { containers: [{ name: 'elasticsearch' }] } } }] } },
      ['a'],
    ],
    [
      'opentelemetry.io/v1alpha1',
      'Instrumentation',
      { spec: { java: { image: 'a' }, python: { image: 'b' } } },
      ['a', 'b'],
    ],
    [
      'example.com/v1',
      'Unknown',
      { anywhere: [{ at: { all: { containers: [{ image: 'a' }], initContainers: [{ image: 'b' }] } } }] },
      ['a', 'b'],
    ],
  ])('%s %s', (apiVersion, kind, object, images) => {
    expect(
      known({ apiVersion, kind, ...object })
        .map((line) => line.split('=')[1])
        .sort(),
    ).toEqual([...images].sort());
    expect(extract({ apiVersion, kind, ...object }).problems).toEqual([]);
  });

  it('what has a scheme keeps it beside the reference', () => {
    const { uses } = extract({
      apiVersion: 'extensions.istio.io/v1alpha1',
      kind: 'WasmPlugin',
      spec: { url: 'oci://ghcr.io/a/b:v1' },
    });
    expect(uses).toMatchObject([{ scheme: 'oci://', text: 'ghcr.io/a/b:v1', pinAs: 'tag-and-digest' }]);
    const importer = extract({
      apiVersion: 'cdi.kubevirt.io/v1beta1',
      kind: 'DataVolume',
      spec: { source: { registry: { url: 'docker://a/b:v1' } } },
    });
    expect(importer.uses).toMatchObject([{ scheme: 'docker://', text: 'a/b:v1', pinAs: 'digest' }]);
    expect(
      extract({
        apiVersion: 'extensions.istio.io/v1alpha1',
        kind: 'WasmPlugin',
        spec: { url: 'https://example.com/filter.wasm' },
      }).uses,
    ).toEqual([]);
  });

  it.each<[string, object]>([
    ['a number', { spec: { containers: [{ image: 7 }] } }],
    ['an object', { spec: { containers: [{ image: { repository: 'x' } }] } }],
  ])('a container image that is %s is a problem', (_, object) => {
    expect(extract({ apiVersion: 'example.com/v1', kind: 'Unknown', ...object }).problems).toHaveLength(1);
  });

  it.each<[string, object, string[]]>([
    ['by its looks', { spec: { sidecar: 'quay.io/a/b:v1' } }, ['unknownKinds spec.sidecar=quay.io/a/b:v1']],
    ['by its field', { spec: { image: 'nginx' } }, ['unknownKinds spec.image=nginx']],
    ['in a list', { spec: { images: ['nginx'] } }, ['unknownKinds spec.images.0=nginx']],
    ['at the top', { image: 'nginx' }, ['unknownKinds image=nginx']],
    [
      'in two parts',
      { spec: { image: { repository: 'quay.io/a/b', tag: 'v1' } } },
      ['unknownKinds spec.image.repository=quay.io/a/b:v1'],
    ],
    [
      'in three parts',
      { spec: { image: { registry: 'quay.io', repository: 'a/b', digest } } },
      [`unknownKinds spec.image.repository=quay.io/a/b@${digest}`],
    ],
    [
      'as a named value',
      {
        spec: {
          params: [
            { name: 'proxy-image', value: 'team/proxy:v1' },
            { name: 'IMAGE', value: '$(params.image)' },
          ],
        },
      },
      ['unknownKinds spec.params.0.value=team/proxy:v1'],
    ],
    ['by digest', { spec: { plugin: `team/app@${digest}` } }, [`unknownKinds spec.plugin=team/app@${digest}`]],
    [
      'in args of what has an image',
      { spec: { worker: { image: 'nginx', args: ['--helper=quay.io/a/b:v1'] } } },
      ['argsAndEnv spec.worker.args.0=quay.io/a/b:v1', 'unknownKinds spec.worker.image=nginx'],
    ],
  ])('anything else is suspected %s', (_, object, found) => {
    expect(suspected({ apiVersion: 'example.com/v1', kind: 'Unknown', ...object }).sort()).toEqual(found);
  });

  it.each<[string, object]>([
    [
      'label keys and groups',
      {
        spec: {
          selector: { 'app.kubernetes.io/name': 'x' },
          ref: { apiVersion: 'example.com/v1', group: 'networking.k8s.io' },
        },
      },
    ],
    ['pull policies', { spec: { imagePullPolicy: 'Always', imagePullSecrets: [{ name: 'regcred' }] } }],
    ['URLs', { spec: { url: 'https://quay.io/a/b:v1', endpoint: 'http://x.svc:80/path' } }],
    ['a repository of Git', { spec: { repository: 'org/repo', branch: 'main' } }],
    ['the metadata', { metadata: { name: 'x', labels: { image: 'nginx' } } }],
  ])('not %s', (_, object) =>
    expect(suspected({ apiVersion: 'example.com/v1', kind: 'Unknown', ...object })).toEqual([]),
  );
});

describe('objects that deliver other objects', () => {
  it.each<[string, string, object]>([
    ['argoproj.io/v1alpha1', 'Application', {}],
    ['argoproj.io/v1alpha1', 'ApplicationSet', {}],
    ['kustomize.toolkit.fluxcd.io/v1', 'Kustomization', {}],
    ['helm.toolkit.fluxcd.io/v2', 'HelmRelease', {}],
    ['source.toolkit.fluxcd.io/v1', 'OCIRepository', {}],
    ['work.open-cluster-management.io/v1', 'ManifestWork', {}],
    ['kubernetes.crossplane.io/v1alpha2', 'Object', {}],
    ['admissionregistration.k8s.io/v1', 'MutatingAdmissionPolicy', {}],
    ['admissionregistration.k8s.io/v1', 'MutatingWebhookConfiguration', {}],
    ['config.openshift.io/v1', 'ImageDigestMirrorSet', {}],
    ['mutations.gatekeeper.sh/v1', 'Assign', {}],
    ['policies.kyverno.io/v1alpha1', 'MutatingPolicy', {}],
    ['kyverno.io/v1', 'ClusterPolicy', { spec: { rules: [{ name: 'a', mutate: {} }] } }],
    [
      'kyverno.io/v1',
      'Policy',
      {
        spec: {
          rules: [
            { name: 'a', validate: {} },
            { name: 'b', generate: {} },
          ],
        },
      },
    ],
    [
      'argoproj.io/v1alpha1',
      'Workflow',
      { spec: { templates: [{ resource: { action: 'apply', manifest: 'kind: Pod' } }] } },
    ],
    ['argoproj.io/v1alpha1', 'Sensor', { spec: { triggers: [{ template: { k8s: {} } }] } }],
    ['tekton.dev/v1', 'PipelineRun', { spec: { pipelineRef: { resolver: 'git' } } }],
    ['argoproj.io/v1alpha1', 'Workflow', { spec: { podSpecPatch: '{"containers":[{"image":"evil"}]}' } }],
    ['argoproj.io/v1alpha1', 'WorkflowTemplate', { spec: { templates: [{ podSpecPatch: '{"im\\u0061ge":"x"}' }] } }],
    ['argoproj.io/v1alpha1', 'Workflow', { spec: { podSpecPatch: '{{inputs.parameters.patch}}' } }],
    ['argoproj.io/v1alpha1', 'Workflow', { spec: { podSpecPatch: '!!binary aW1hZ2U=: x' } }],
    [
      'apps.openshift.io/v1',
      'DeploymentConfig',
      { spec: { triggers: [{ type: 'ImageChange', imageChangeParams: {} }] } },
    ],
    ['apps/v1', 'Deployment', { metadata: { name: 'x', annotations: { 'image.openshift.io/triggers': '[]' } } }],
    ['apps/v1', 'StatefulSet', { metadata: { name: 'x', labels: { 'keel.sh/policy': 'force' } } }],
    ['configsync.gke.io/v1beta1', 'RootSync', {}],
    ['extensions.istio.io/v1alpha1', 'WasmPlugin', { spec: { url: 'HTTPS://example.com/filter.wasm' } }],
    ['apiextensions.crossplane.io/v1', 'CompositionRevision', {}],
    ['pkg.crossplane.io/v1beta1', 'ImageConfig', {}],
    ['velero.io/v1', 'Restore', {}],
  ])('%s %s, unless the platform allows the kind', (apiVersion, kind, object) => {
    const group = apiVersion.split('/')[0];
    expect(extract({ apiVersion, kind, ...object }).delivers).toMatch(/./);
    expect(extract({ apiVersion, kind, ...object }, [`${group}/${kind}`]).delivers).toBeUndefined();
    expect(extract({ apiVersion, kind, ...object }, [`other/${kind}`]).delivers).toMatch(/./);
  });

  it.each<[string, string, object]>([
    ['admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', {}],
    ['kyverno.io/v1', 'ClusterPolicy', { spec: { rules: [{ name: 'a', validate: {} }] } }],
    ['argoproj.io/v1alpha1', 'Workflow', { spec: { templates: [{ container: { image: 'a' } }] } }],
    ['tekton.dev/v1', 'PipelineRun', { spec: { pipelineRef: { name: 'local' } } }],
    ['argoproj.io/v1alpha1', 'AppProject', {}],
    ['extensions.istio.io/v1alpha1', 'WasmPlugin', { spec: { url: 'oci://ghcr.io/a/b:v1' } }],
    ['apps/v1', 'Deployment', {}],
    ['apps/v1', 'Deployment', { metadata: { name: 'x', annotations: { 'keel.sh/policy': 'never' } } }],
    ['apps.openshift.io/v1', 'DeploymentConfig', { spec: { triggers: [{ type: 'ConfigChange' }] } }],
    ['argoproj.io/v1alpha1', 'Workflow', { spec: { podSpecPatch: '{"containers":[{"name":"main","resources":{}}]}' } }],
  ])('%s %s does not', (apiVersion, kind, object) =>
    expect(extract({ apiVersion, kind, ...object }).delivers).toBeUndefined(),
  );

  it('are not searched for what looks like an image, and what is known to run in them counts', () => {
    const spec = { source: { kustomize: { images: ['quay.io/a/b:v1'] } }, image: 'nginx' };
    expect(suspected({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', spec })).toEqual([]);
    const workload = { manifests: [{ kind: 'Pod', spec: { containers: [{ image: 'main' }] } }] };
    const work = { apiVersion: 'work.open-cluster-management.io/v1', kind: 'ManifestWork', spec: { workload } };
    expect(known(work)).toEqual(['spec.workload.manifests.0.spec.containers.0.image=main']);
  });
});

describe('an object that is made to be slow', () => {
  const words = (make: (n: number) => string) => Array.from({ length: 200_000 }, (_, n) => make(n));
  it.each([
    ['of words in a field that is called image', 'Thing', { image: words((n) => `W${n}`).join(',') }],
    ['of words that look like images', 'Thing', { text: words((n) => `a.b/C${n}:1`).join(' ') }],
    ['of images in a text', 'Thing', { text: `containers:${words((n) => ` image: W${n}`).join('')}` }],
  ])('%s is itself the suspicion', (_, kind, spec) => {
    const { uses } = extract({ apiVersion: 'example.com/v1', kind, spec });
    expect(uses.map(({ suspected, text }) => [suspected, text.length])).toEqual([
      ['unknownKinds', Object.values(spec)[0]?.length],
    ]);
  });

  it('of arguments of a Pod is a suspicion too', () => {
    const containers = [{ name: 'a', image: 'b', args: [`--image=${words((n) => `w${n}=`).join(',')}`] }];
    expect(suspected({ apiVersion: 'v1', kind: 'Pod', spec: { containers } })).toHaveLength(1);
  });

  let deep: unknown = words(() => 'x');
  for (let depth = 0; depth < 150; depth++) deep = { deep };
  it.each<[string, unknown]>([
    ['of images', words((n) => `a.b/c${n}:1`)],
    ['of values', words(() => 'x').flatMap((x) => [{ x }, { x }])],
    ['that lies deep', deep],
  ])('%s is refused', (_, spec) => {
    expect(thrownBy(() => extract({ apiVersion: 'example.com/v1', kind: 'Thing', spec }))).toMatchObject({
      code: 'MANIFEST_TOO_MANY',
    });
  });

  it('is left at the deadline', () => {
    const manifest = manifestOf({
      metadata,
      apiVersion: 'example.com/v1',
      kind: 'Thing',
      spec: words(() => 'x').slice(0, 1000),
    });
    expect(thrownBy(() => extractImages(manifest, [], () => true))).toMatchObject({ code: 'CHECK_TIMEOUT' });
    expect(extractImages(manifest, [], () => false).uses).toEqual([]);
  });
});
