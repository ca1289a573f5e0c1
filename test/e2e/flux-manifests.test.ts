/** What is shipped for Flux, applied by the real kubectl to a real kube-apiserver with RBAC on. */
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { authoritiesOf } from '../../src/adapters/certificates/authority.ts';
import { createRotation } from '../../src/adapters/certificates/rotation.ts';
import { openKube } from '../../src/adapters/kube/open.ts';
import { NO_METRICS, SILENT_LOG } from '../../src/core/telemetry.ts';
import { waitFor } from '../support/argocd/component.ts';
import { applyFluxKinds } from '../support/flux/flux.ts';
import { composedObjects, shippedObjects } from '../support/flux/syncgate.ts';
import { moduleFolder } from '../support/go-modules.ts';
import { type Client, type Live, openClient, type Writable } from '../support/kubernetes/client.ts';
import { type KubernetesServer, serviceAccount, startKubernetes } from '../support/kubernetes/cluster.ts';
import { findTool, tool } from '../support/tools/resolve.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const overlays = ['source', 'admission', 'both'] as const;
const accounts = {
  syncgate: serviceAccount('syncgate-system', 'syncgate'),
  admission: serviceAccount('syncgate-system', 'syncgate-admission'),
};
let server: KubernetesServer;
let admin: Client;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'syncgate-manifests-'));
  server = await startKubernetes({ users: Object.values(accounts) });
  admin = openClient(server);
  for (const name of ['flux-system', 'apps', 'team']) {
    await admin.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  await applyFluxKinds(admin);
});

afterAll(async () => {
  admin?.[Symbol.dispose]();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function kubectl(...args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const env = { KUBECONFIG: server.kubeconfigFile, HOME: folder, PATH: '/usr/bin:/bin' };
  return await run(await tool('kubectl'), args, { cwd: root, env, maxBuffer: 1e8, timeout: 120_000 });
}

const all = async () => (await Promise.all(overlays.map((name) => shippedObjects(`flux/overlays/${name}`)))).flat();
const workloads = async () => (await all()).filter(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment');

describe('the overlays', () => {
  it.each(overlays)('%s is applied by `kubectl apply -k`, server-side, and again', async (name) => {
    const args = ['apply', '-k', `flux/overlays/${name}`, '--server-side', '--validate=strict'];
    for (const _ of [1, 2]) {
      // Warnings of the API server (unknown fields, Pod Security, old versions) come on stderr.
      expect((await kubectl(...args)).stderr).toBe('');
    }
  });

  it('are applied in the old way too, over what the gate itself has written', async () => {
    const slice = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', ...at('syncgate-artifacts') };
    const secret = { apiVersion: 'v1', kind: 'Secret', ...at('syncgate-admission-tls') };
    const webhook = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'syncgate' },
    };
    const by = { fieldManager: 'syncgate' };
    const endpoints = [{ addresses: ['10.1.2.3'], conditions: { ready: true } }];
    await admin.apply({ ...slice, addressType: 'IPv4', endpoints } as Writable, by);
    await admin.apply({ ...secret, data: { 'tls.crt': 'YQ==' } } as Writable, by);
    const caBundle = Buffer.from(server.authority).toString('base64');
    const live = await admin.get(webhook);
    await admin.merge(
      webhook,
      {
        webhooks: live?.['webhooks'].map((each: Record<string, object>) => ({
          ...each,
          clientConfig: { ...each['clientConfig'], caBundle },
        })),
      },
      by,
    );
    for (const more of [['--server-side', '--force-conflicts'], []]) {
      await kubectl('apply', '-k', 'flux/overlays/both', ...more);
      expect((await admin.get(slice))?.['endpoints'], more.join(' ')).toMatchObject(endpoints);
      expect((await admin.get(secret))?.['data'], more.join(' ')).toEqual({ 'tls.crt': 'YQ==' });
      const bundles = (await admin.get(webhook))?.['webhooks'].map((each: Live) => each['clientConfig'].caBundle);
      expect(bundles, more.join(' ')).toEqual([caBundle]);
    }
  });

  it('say of every object where it goes', async () => {
    const inNone = new Set([
      ...['Namespace', 'CustomResourceDefinition', 'ClusterRole', 'ClusterRoleBinding'],
      ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding', 'ValidatingWebhookConfiguration'],
    ]);
    for (const { kind, metadata } of await all()) {
      const places = inNone.has(kind) ? [undefined] : ['syncgate-system', 'flux-system'];
      expect(places, `${kind} ${metadata.name}`).toContain(metadata.namespace);
    }
  });

  it('put one thing into the namespace of Flux: what lets the gate in', async () => {
    const elsewhere = (await all()).filter(({ metadata }) => metadata.namespace === 'flux-system');
    expect([...new Set(elsewhere.map(({ kind, metadata }) => `${kind} ${metadata.name}`))]).toEqual([
      'NetworkPolicy allow-syncgate',
    ]);
  });

  it('label all that they hold, so that it can be listed', async () => {
    for (const { kind, metadata } of await all()) {
      expect((metadata as Live['metadata']).labels, `${kind} ${metadata.name}`).toMatchObject({
        'app.kubernetes.io/part-of': 'syncgate',
      });
    }
  });

  it('name nobody’s image: a digest that nobody published is none', async () => {
    for (const each of await workloads()) {
      const template = podTemplate(each);
      expect(template.spec.containers.map(({ image }) => image)).toEqual(['registry.invalid/syncgate']);
    }
  });

  // The tool of somebody's that is down holds up what he has labelled, and nothing else.
  it('ask the webhook about labelled namespaces alone', async () => {
    const webhooks = (await all()).flatMap((each) => (each as unknown as Live)['webhooks'] ?? []);
    expect(webhooks).toHaveLength(2);
    for (const { name, rules, namespaceSelector } of webhooks) {
      expect(name).toBe('objects.syncgate.dev');
      expect(rules.map(({ scope }: { scope: string }) => scope)).toEqual(['Namespaced']);
      expect(namespaceSelector.matchExpressions).toContainEqual({
        ...{ key: 'syncgate.dev/gated', operator: 'In', values: ['true'] },
      });
    }
  });

  it('take the image of a kustomization, by digest', async () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    writeKustomization({
      images: [{ name: 'registry.invalid/syncgate', newName: 'registry.example/syncgate', digest }],
    });
    const { stdout } = await run(await tool('kustomize'), ['build', folder]);
    expect(stdout.split(`image: registry.example/syncgate@${digest}`)).toHaveLength(3);
    expect(stdout).not.toContain('registry.invalid');
  });
});

function at(name: string) {
  return { metadata: { name, namespace: 'syncgate-system' } };
}

interface PodTemplate {
  readonly metadata: { readonly labels: Readonly<Record<string, string>> };
  readonly spec: {
    readonly containers: readonly { readonly image: string; readonly args: readonly string[] }[];
    readonly volumes: readonly object[];
  };
}

const podTemplate = (workload: Writable) => (workload as unknown as { spec: { template: PodTemplate } }).spec.template;

function writeKustomization(more: object): void {
  const resources = [relative(folder, join(root, 'flux/overlays/both'))];
  writeFileSync(join(folder, 'kustomization.yaml'), stringify({ resources, ...more }));
}

describe('the Pods', () => {
  it('are what the namespace lets in: its Pod Security level is `restricted`', async () => {
    const found = await workloads();
    expect(found).toHaveLength(4);
    for (const workload of found) {
      const { metadata, spec } = podTemplate(workload);
      const volumes = [...spec.volumes, { name: 'data', emptyDir: {} }];
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, ...at('probe').metadata } };
      await admin.create({ ...pod, spec: { ...spec, volumes } } as Writable, { dryRun: true });
      const rooted = structuredClone(spec) as { securityContext?: { runAsNonRoot?: boolean; runAsUser?: number } };
      rooted.securityContext = { runAsNonRoot: false, runAsUser: 0 };
      await expect(
        admin.create({ ...pod, spec: { ...rooted, volumes } } as Writable, { dryRun: true }),
      ).rejects.toThrow('violates PodSecurity "restricted:latest"');
    }
  });

  it('write to their own folders alone', async () => {
    for (const workload of await workloads()) {
      const [container] = podTemplate(workload).spec.containers as readonly unknown[];
      const { securityContext, volumeMounts, resources } = container as {
        securityContext: object;
        volumeMounts: readonly { mountPath: string; readOnly?: boolean }[];
        resources: { requests: object; limits: object };
      };
      expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
      const writable = volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath);
      expect(writable.filter((path) => path !== '/tmp')).toEqual(workload.kind === 'StatefulSet' ? ['/data'] : []);
      expect(Object.keys(resources)).toEqual(expect.arrayContaining(['requests', 'limits']));
    }
  });

  it('start with arguments that the command takes', async () => {
    const { readServe, serveFlags } = await import('../../src/surfaces/cli/serve-arguments.ts');
    const { parseArgs } = await import('node:util');
    const env = { POD_NAME: 'syncgate-0', POD_NAMESPACE: 'syncgate-system', POD_IP: '10.0.0.1' };
    for (const workload of await workloads()) {
      const [program, command, ...args] = podTemplate(workload).spec.containers[0]?.args ?? [];
      expect([program, command]).toEqual(['syncgate', 'serve']);
      const { values, positionals } = parseArgs({ args, options: serveFlags, allowPositionals: true });
      const { options } = readServe(values, positionals, env);
      expect(options.flux).toBe(workload.kind === 'StatefulSet');
      expect(options.admission).toBe(workload.kind === 'Deployment');
      expect(options.namespace).toBe('syncgate-system');
    }
  });

  it('are chosen by the Services, budgets and policies that are about them', async () => {
    for (const name of overlays) {
      const objects = await shippedObjects(`flux/overlays/${name}`);
      const labels = objects
        .filter(({ kind }) => kind === 'StatefulSet' || kind === 'Deployment')
        .map((each) => podTemplate(each).metadata.labels);
      const selectors = objects.flatMap((each) => {
        const { spec } = each as unknown as { spec: Record<string, { matchLabels?: object }> };
        if (each.metadata.namespace !== 'syncgate-system') return [];
        if (each.kind === 'Service') return spec['selector'] === undefined ? [] : [spec['selector']];
        if (each.kind === 'PodDisruptionBudget') return [spec['selector']?.matchLabels];
        if (each.kind === 'NetworkPolicy') return [spec['podSelector']?.matchLabels ?? {}];
        return [];
      });
      expect(selectors.length).toBeGreaterThan(4);
      for (const selector of selectors) {
        const chosen = labels.filter((each) =>
          Object.entries(selector ?? {}).every(([key, value]) => each[key] === value),
        );
        expect(chosen, JSON.stringify(selector)).not.toEqual([]);
      }
    }
  });
});

describe('what the accounts may do', () => {
  it('is enough to make an authority in the Secret that is shipped, and to have it trusted', async () => {
    await kubectl('apply', '-k', 'flux/overlays/both', '--server-side', '--force-conflicts');
    const clock = { now: () => Date.now() };
    const kubeconfig = server.kubeconfigFileOf(accounts.admission.name);
    const kube = await openKube({ kubeconfig, log: SILENT_LOG, clock });
    try {
      const rotation = createRotation({
        ...{ kube, clock, log: SILENT_LOG, metrics: NO_METRICS, namespace: 'syncgate-system' },
        ...{ secret: 'syncgate-admission-tls', configuration: 'syncgate' },
        names: ['syncgate-admission.syncgate-system.svc'],
      });
      await rotation.step(AbortSignal.timeout(30_000));
      const served = new X509Certificate(rotation.current()?.cert ?? '');
      const live = await admin.get({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingWebhookConfiguration',
        metadata: { name: 'syncgate' },
      });
      for (const { clientConfig } of live?.['webhooks'] ?? []) {
        const trusted = authoritiesOf(Buffer.from(clientConfig.caBundle, 'base64').toString('utf8'));
        expect(trusted.some((cert) => served.verify(new X509Certificate(cert).publicKey))).toBe(true);
        expect(served.checkHost(`${clientConfig.service.name}.${clientConfig.service.namespace}.svc`)).toBeDefined();
      }
    } finally {
      kube.close();
    }
  });

  const source = 'source.toolkit.fluxcd.io';
  const kinds = ['buckets', 'externalartifacts', 'gitrepositories', 'helmcharts', 'ocirepositories'];
  const clusterWide = [
    ...kinds.flatMap((kind) => ['get', 'list', 'watch'].map((verb) => `${verb} ${kind}.${source}`)),
    ...['create', 'delete', 'patch', 'update'].map((verb) => `${verb} externalartifacts.${source}`),
    ...['get', 'patch', 'update'].map((verb) => `${verb} externalartifacts/status.${source}`),
    ...['get', 'list', 'patch', 'update', 'watch'].map((verb) => `${verb} gatedsources.syncgate.dev`),
    ...['get', 'patch', 'update'].flatMap((verb) =>
      ['finalizers', 'status'].map((part) => `${verb} gatedsources/${part}.syncgate.dev`),
    ),
    ...['get', 'list', 'watch'].map((verb) => `${verb} kustomizations.kustomize.toolkit.fluxcd.io`),
    ...['get', 'list', 'watch'].map((verb) => `${verb} namespaces.`),
    ...['create', 'patch'].flatMap((verb) => [`${verb} events.`, `${verb} events.events.k8s.io`]),
  ];
  const own = [
    'create leases.coordination.k8s.io',
    ...['get', 'patch', 'update'].map((verb) => `${verb} leases.coordination.k8s.io syncgate`),
    ...['get', 'patch', 'update'].map((verb) => `${verb} endpointslices.discovery.k8s.io syncgate-artifacts`),
  ];
  const webhook = [
    ...['get', 'list', 'watch'].map((verb) => `${verb} namespaces.`),
    ...['get', 'list', 'patch', 'update', 'watch'].map(
      (verb) => `${verb} validatingwebhookconfigurations.admissionregistration.k8s.io syncgate`,
    ),
  ];
  const certificates = ['get', 'list', 'patch', 'update', 'watch'].map(
    (verb) => `${verb} secrets. syncgate-admission-tls`,
  );

  it.each([
    ['syncgate', 'apps', clusterWide],
    ['syncgate', 'syncgate-system', [...clusterWide, ...own]],
    ['syncgate', 'flux-system', clusterWide],
    ['admission', 'apps', webhook],
    ['admission', 'syncgate-system', [...webhook, ...certificates]],
  ] as const)('%s in %s: this, and nothing else', async (who, namespace, expected) => {
    using client = openClient(server, accounts[who].name);
    expect(await rights(client, namespace)).toEqual([...new Set(expected)].sort());
  });

  it('includes values of a namespace only where somebody binds the role', async () => {
    using client = openClient(server, accounts.syncgate.name);
    await admin.create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'values', namespace: 'team' } });
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'values', namespace: 'team' } };
    await expect(client.get(secret)).rejects.toThrow('403');
    await admin.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'syncgate-values-reader', namespace: 'team' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'syncgate-values-reader' },
      subjects: [{ kind: 'ServiceAccount', name: 'syncgate', namespace: 'syncgate-system' }],
    } as Writable);
    const read = await waitFor('the role to be bound', 30_000, () => client.get(secret).catch(() => undefined));
    expect(read.metadata.name).toBe('values');
    await expect(client.list('v1', 'Secret', 'team')).rejects.toThrow('403');
    await expect(client.merge(secret, { data: {} })).rejects.toThrow('403');
    await expect(client.get({ ...secret, metadata: { ...secret.metadata, namespace: 'apps' } })).rejects.toThrow('403');
  });

  it('includes what a chart may ask of a cluster: its version and its kinds', async () => {
    using client = openClient(server, accounts.syncgate.name);
    for (const path of ['/version', '/api', '/apis', '/api/v1', '/apis/apps/v1', '/openapi/v3']) {
      expect((await client.send('GET', path)).status, path).toBe(200);
    }
  });
});

/** The rules of an account in a namespace, but for those that everybody has: `verb resource.group name`. */
async function rights(client: Client, namespace: string): Promise<string[]> {
  const { body } = await client.send('POST', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectRulesReview',
    spec: { namespace },
  });
  const rules = body['status'].resourceRules as readonly {
    readonly verbs: readonly string[];
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly resourceNames?: readonly string[];
  }[];
  const found = rules.flatMap(({ verbs, apiGroups, resources, resourceNames = [''] }) =>
    verbs.flatMap((verb) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => resourceNames.map((name) => `${verb} ${resource}.${group} ${name}`.trim())),
      ),
    ),
  );
  // What every account may ask about itself.
  return [...new Set(found)]
    .filter((each) => !/^create self\w+\.(authorization|authentication)\.k8s\.io$/.test(each))
    .sort();
}

describe('the patch for Flux', () => {
  it.each([[[]], [['--feature-gates=DisableStatusPollerCache=true']]])(
    'turns ExternalArtifacts on in the controllers, beside %j',
    async (args) => {
      const module = await moduleFolder(
        `github.com/fluxcd/kustomize-controller@${findTool('kustomize-controller').version}`,
      );
      const text = readFileSync(join(module, 'config/manager/deployment.yaml'), 'utf8');
      const deployment = parseAllDocuments(text)[0]?.toJS();
      deployment.spec.template.spec.containers[0].args.push(...args);
      const other = { ...deployment, metadata: { name: 'source-controller' } };
      writeFileSync(join(folder, 'controllers.yaml'), [deployment, other].map((each) => stringify(each)).join('---\n'));
      copyFileSync(join(root, 'flux/patches/external-artifact.yaml'), join(folder, 'external-artifact.yaml'));
      const target = { kind: 'Deployment', name: '(kustomize-controller|helm-controller)' };
      const patches = [{ path: 'external-artifact.yaml', target }];
      writeFileSync(join(folder, 'kustomization.yaml'), stringify({ resources: ['controllers.yaml'], patches }));
      const { stdout } = await run(await tool('kustomize'), ['build', folder]);
      const [patched, untouched] = parseAllDocuments(stdout).map((document) => podTemplate(document.toJS()));
      const given = deployment.spec.template.spec.containers[0].args;
      expect(patched?.spec.containers[0]?.args).toEqual([...given, '--feature-gates=ExternalArtifact=true']);
      expect(untouched?.spec.containers[0]?.args).toEqual(given);
    },
  );
});

describe('the components', () => {
  const built = (...names: readonly string[]) => composedObjects('both', names);
  const bindings = (objects: readonly Writable[]) =>
    objects.filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding') as unknown as readonly Live[];

  it.each([
    ['allow-helm-releases', 'syncgate-helm-releases'],
    ['allow-remote-clusters', 'syncgate-remote-clusters'],
  ])('%s has the policy refuse nothing, and no other', async (component, name) => {
    for (const { metadata, spec } of bindings(await built(component))) {
      const expected = metadata.name === name ? ['Audit'] : ['Deny'];
      expect(spec.validationActions, metadata.name).toEqual(expected);
    }
  });

  // `kubectl apply` deletes nothing: a component that took an object away would change nothing where it is already.
  it.each(['source', 'admission', 'both'] as const)(
    'take nothing away from %s but a Secret of keys',
    async (overlay) => {
      const named = (objects: readonly Writable[]) => objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      const shipped = named(await shippedObjects(`flux/overlays/${overlay}`));
      for (const [name] of fits.filter(([, of]) => of.includes(overlay))) {
        const left = new Set(named(await composedObjects(overlay, [name])));
        const missing = shipped.filter((each) => !left.has(each));
        expect(missing, name).toEqual(name === 'own-certificates' ? ['Secret syncgate-admission-tls'] : []);
      }
    },
  );

  // As on a cluster in use, where the gate has written `caBundle` of every webhook that is there.
  it('are put on and taken off where the overlay is in use', async () => {
    const webhook = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'syncgate' },
    };
    const caBundle = Buffer.from(server.authority).toString('base64');
    const binding = (name: string): Writable => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: `syncgate-${name}` },
    });
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', ...at('syncgate-admission') };
    const allow = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'allow-syncgate', namespace: 'flux-system' },
    };
    const live = async () => ({
      actions: await Promise.all(
        ['helm-releases', 'remote-clusters', 'accounts'].map(
          async (name) => (await admin.get(binding(name)))?.['spec'].validationActions,
        ),
      ),
      rules: ((await admin.get(role))?.['rules'] ?? []).length,
      pods: (await admin.get(allow))?.['spec'].podSelector.matchExpressions[0].values,
      webhooks: (await admin.get(webhook))?.['webhooks'].map(({ name }: { readonly name: string }) => name),
    });
    const off = {
      actions: [['Deny'], ['Deny'], ['Deny']],
      rules: 1,
      pods: ['source-controller', 'source-watcher', 'notification-controller'],
      webhooks: ['objects.syncgate.dev'],
    };
    const on = {
      actions: [['Audit'], ['Audit'], ['Warn', 'Audit']],
      rules: 0,
      pods: ['none-of-flux'],
      webhooks: ['objects.syncgate.dev', 'cluster-objects.syncgate.dev'],
    };
    const every = fits.map(([name]) => name).filter((name) => name !== 'ipv6');
    for (const [components, expected] of [
      [[], off],
      [every, on],
      [[], off],
    ] as const) {
      writeKustomization({
        components: components.map((name) => relative(folder, join(root, 'flux/components', name))),
      });
      await kubectl('apply', '-k', folder, '--server-side');
      expect(await live(), components.join()).toEqual(expected);
      const webhooks = (await admin.get(webhook))?.['webhooks'].map((each: Record<string, object>) => ({
        ...each,
        clientConfig: { ...each['clientConfig'], caBundle },
      }));
      await admin.merge(webhook, { webhooks }, { fieldManager: 'syncgate' });
    }
  });

  it('flux-without-policies has no Pod of Flux chosen by a policy', async () => {
    const policies = (await built('flux-without-policies')).filter(
      ({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.namespace === 'flux-system',
    ) as unknown as readonly Live[];
    expect(policies.map(({ metadata }) => metadata.name)).toEqual(['allow-syncgate']);
    expect(policies[0]?.['spec'].podSelector).toEqual({
      matchExpressions: [{ key: 'app', operator: 'In', values: ['none-of-flux'] }],
    });
  });

  it.each([
    ['the overlay refuses', [], ['Deny']],
    ['trust-flux-account warns of', ['trust-flux-account'], ['Warn', 'Audit']],
  ])('%s Kustomizations without an account', async (_, names, actions) => {
    const [binding] = bindings(await built(...names)).filter(({ metadata }) => metadata.name === 'syncgate-accounts');
    expect(binding?.['spec'].validationActions).toEqual(actions);
  });

  /** Of every namespace already. */
  const clusterWide = ['syncgate-gated-sources', 'syncgate-namespaces', 'syncgate-origins'];

  it('every-namespace looks at no label, and all of them together are taken', async () => {
    const objects = await built(
      ...['allow-remote-clusters', 'trust-flux-account', 'every-namespace', 'admit-everyone'],
      ...['cluster-objects', 'own-certificates', 'allow-helm-releases', 'ipv6', 'flux-without-policies'],
    );
    for (const { metadata, spec } of bindings(objects)) {
      if (clusterWide.includes(metadata.name)) continue;
      expect(spec.matchResources.namespaceSelector, metadata.name).toEqual({
        matchExpressions: [
          {
            key: 'kubernetes.io/metadata.name',
            operator: 'NotIn',
            values: ['syncgate-system', 'flux-system', 'kube-system'],
          },
        ],
      });
    }
    const file = join(folder, 'composed.yaml');
    // The address type of an EndpointSlice that is there never changes.
    const others = objects.filter(({ kind }) => kind !== 'EndpointSlice');
    writeFileSync(file, others.map((each) => stringify(each)).join('---\n'));
    expect((await kubectl('apply', '-f', file, '--server-side', '--force-conflicts')).stderr).toBe('');
  });

  const fits: readonly (readonly [string, readonly string[]])[] = [
    ['admit-everyone', ['admission', 'both']],
    ['allow-helm-releases', ['both']],
    ['allow-remote-clusters', ['source', 'both']],
    ['cluster-objects', ['admission', 'both']],
    ['every-namespace', ['source', 'admission', 'both']],
    ['flux-without-policies', ['source', 'both']],
    ['ipv6', ['source', 'both']],
    ['own-certificates', ['admission', 'both']],
    ['trust-flux-account', ['source', 'admission', 'both']],
  ];

  it('are these', () => {
    expect(readdirSync(join(root, 'flux/components')).sort()).toEqual(fits.map(([name]) => name));
    const page = readFileSync(join(root, 'docs/flux-reference.md'), 'utf8');
    for (const [name, of] of fits) {
      const [, said = ''] = new RegExp(`^\\| \`${name}\` \\| ([^|]*) \\|`, 'm').exec(page) ?? [];
      expect(said.replaceAll('`', '').split(', ').sort(), name).toEqual([...of].sort());
    }
  });

  it.each(fits.flatMap(([name, of]) => overlays.map((overlay) => [name, overlay, of.includes(overlay)] as const)))(
    '%s over %s: %s',
    async (name, overlay, isFitting) => {
      const building = composedObjects(overlay, [name]);
      // What would change nothing is said, and not done.
      if (isFitting) expect(await building).not.toEqual(await shippedObjects(`flux/overlays/${overlay}`));
      else await expect(building).rejects.toThrow('no resource matches strategic merge patch');
    },
  );

  it('own-certificates serves a mounted Secret, and leaves the gate no right to write one', async () => {
    const objects = await built('own-certificates');
    const deployment = objects.find(({ kind }) => kind === 'Deployment') as unknown as Live;
    const { containers, volumes } = deployment['spec'].template.spec;
    const [{ args, volumeMounts }] = containers;
    const { readServe, serveFlags } = await import('../../src/surfaces/cli/serve-arguments.ts');
    const { parseArgs } = await import('node:util');
    const { values } = parseArgs({ args: args.slice(2), options: serveFlags, allowPositionals: true });
    const { admissionCertificates } = readServe(values, [], {}).options;
    const mount = volumeMounts.find(({ mountPath }: { mountPath: string }) => mountPath === admissionCertificates);
    const volume = volumes.find(({ name }: { name: string }) => name === mount.name);
    const [, certificate] = /^syncgate-system\/(.*)$/.exec(annotationOf(objects)) ?? [];
    expect(volume.secret).toEqual({ secretName: certificate });
    expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const roles = objects.filter(
      ({ metadata }) => metadata.name === 'syncgate-admission',
    ) as unknown as readonly Live[];
    const rules = roles.flatMap((each) => each['rules'] ?? []) as readonly { resources: readonly string[] }[];
    expect(rules.flatMap(({ resources }) => resources)).toEqual(['namespaces']);
  });

  const annotationOf = (objects: readonly Writable[]) => {
    const found = objects.find(({ kind }) => kind === 'ValidatingWebhookConfiguration') as unknown as Live;
    return found.metadata.annotations?.['cert-manager.io/inject-ca-from'] ?? '';
  };
});
