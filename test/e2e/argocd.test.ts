/**
 * A whole Argo CD (application-controller, repo-server, plugin server) with a real cluster API, a real Git repository
 * and images that the real cosign signed. Nothing is stubbed but the nodes.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type KubernetesObject, PatchStrategy } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type CmpServer, startCmpServer } from '../support/argocd/cmp-server.ts';
import { tail, waitFor } from '../support/argocd/component.ts';
import { type ControlPlane, isStatus, startControlPlane } from '../support/argocd/control-plane.ts';
import { createGitRepository, type GitRepository } from '../support/argocd/git-repository.ts';
import { type Platform, shippedPlugin, startPlatform } from '../support/argocd/platform.ts';

const patience = 90_000;

let platform: Platform;
let gate: CmpServer;
let argo: ControlPlane;
let repository: GitRepository;

beforeAll(async () => {
  platform = await startPlatform();
  gate = await startCmpServer({ plugin: shippedPlugin(), env: platform.env });
  argo = await startControlPlane({ pluginSockets: gate.socketFolder });
  repository = await createGitRepository();
  // As a platform would: everything below must work under the policy that requires the plugin.
  const policy = readFileSync(resolve(import.meta.dirname, '../../argocd/require-plugin/policy.yaml'), 'utf8');
  for (const document of parseAllDocuments(policy)) await argo.apply(document.toJS());
});

afterAll(async () => {
  await argo?.stop();
  await gate?.stop();
  await platform?.stop();
  repository?.[Symbol.dispose]();
});

interface Application extends KubernetesObject {
  readonly operation?: unknown;
  readonly status?: {
    readonly sync?: { readonly status?: string; readonly revision?: string };
    readonly health?: { readonly status?: string };
    readonly sourceType?: string;
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
    readonly operationState?: { readonly phase?: string; readonly message?: string };
  };
}

const refreshAnnotation = 'argocd.argoproj.io/refresh';
const argoApi = 'argoproj.io/v1alpha1';

async function createApplication(name: string, source: object = {}): Promise<void> {
  await argo.apply({
    apiVersion: argoApi,
    kind: 'Application',
    metadata: { name, namespace: 'argocd' },
    spec: {
      project: 'default',
      source: { repoURL: repository.url, path: name, targetRevision: 'main', plugin: { name: 'syncgate' }, ...source },
      destination: { server: 'https://kubernetes.default.svc', namespace: 'apps' },
      syncPolicy: {
        automated: { prune: true, selfHeal: true },
        // No garbage collector runs here, so what is deleted in the foreground would stay.
        syncOptions: ['PrunePropagationPolicy=background'],
      },
    },
  } as KubernetesObject);
}

async function application(name: string): Promise<Application> {
  return (await argo.api.read(reference(argoApi, 'Application', name, 'argocd'))) as Application;
}

/** Asks Argo CD to look again, as a webhook of the Git server does. */
async function refresh(name: string, kind: 'normal' | 'hard' = 'normal'): Promise<void> {
  const { metadata, ...type } = reference(argoApi, 'Application', name, 'argocd');
  const patch = { ...type, metadata: { ...metadata, annotations: { [refreshAnnotation]: kind } } };
  await argo.api.patch(patch, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch);
}

function reference(apiVersion: string, kind: string, name: string, namespace = 'apps') {
  return { apiVersion, kind, metadata: { name, namespace } };
}

async function live(kind: 'ConfigMap' | 'Deployment', name: string): Promise<KubernetesObject | undefined> {
  try {
    return await argo.api.read(reference(kind === 'Deployment' ? 'apps/v1' : 'v1', kind, name));
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

function imageOf(object: KubernetesObject | undefined): string | undefined {
  const deployment = object as { spec?: { template: { spec: { containers: { image: string }[] } } } } | undefined;
  return deployment?.spec?.template.spec.containers[0]?.image;
}

/** Waits until the Application answers for this commit in the expected way, asking Argo CD to look at it. */
async function settled(
  name: string,
  what: string,
  answer: (app: Application) => boolean,
  kind: 'normal' | 'hard' = 'normal',
): Promise<Application> {
  await refresh(name, kind);
  let last: Application | undefined;
  try {
    return await waitFor(
      `${name} to be ${what}`,
      patience,
      async () => {
        last = await application(name);
        // Argo CD takes the annotation away once it has looked.
        const looked = last.metadata?.annotations?.[refreshAnnotation] === undefined;
        return looked && answer(last) ? last : undefined;
      },
      250,
    );
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${JSON.stringify(last?.status, undefined, 1)}`);
  }
}

const isSynced = (revision: string) => (app: Application) =>
  app.status?.sync?.status === 'Synced' && app.status.sync.revision === revision;

function comparisonError(app: Application): string | undefined {
  return app.status?.conditions?.find(({ type }) => type === 'ComparisonError')?.message;
}

const hasError = (words: string) => (app: Application) => comparisonError(app)?.includes(words) === true;

function deployment(name: string, image: string, replicas = 1): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec: { containers: [{ name: main, image: "${image}" }] }
`;
}

const configMap = (name: string, value: string) =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { value: "${value}" }\n`;

function printLogsOnFailure(): void {
  onTestFailed(() => {
    process.stderr.write(`${argo.logs()}\n--- cmp-server\n${tail(gate.component.log())}\n`);
  });
}

describe('an Application with auto-sync, prune and self-heal', () => {
  const name = 'web';
  let pinned: string;

  it('syncs through the plugin, with its image pinned', async () => {
    printLogsOnFailure();
    pinned = `${platform.signed.tagged}@${platform.signed.digest}`;
    const revision = await repository.commit('first', {
      'web/kustomization.yaml': 'resources: [deployment.yaml, config.yaml]\n',
      'web/deployment.yaml': deployment('web', platform.signed.tagged),
      'web/config.yaml': configMap('web', 'one'),
    });
    await createApplication(name);
    const app = await settled(name, 'synced', isSynced(revision));
    expect(app.status?.sourceType).toBe('Plugin');
    expect(imageOf(await live('Deployment', 'web'))).toBe(pinned);
    expect(await live('ConfigMap', 'web')).toMatchObject({ data: { value: 'one' } });
  });

  it('keeps what runs when a commit brings an unsigned image, and says why in the condition', async () => {
    printLogsOnFailure();
    const before = [await live('Deployment', 'web'), await live('ConfigMap', 'web')];
    await repository.commit('unsigned', {
      'web/deployment.yaml': deployment('web', platform.unsigned.tagged),
      'web/config.yaml': configMap('web', 'two'),
    });
    const app = await settled(name, 'refused', hasError('IMAGE_UNSIGNED'));
    expect(comparisonError(app)).toMatch(
      /^Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = (Manifest generation error \(cached\): )?CMP processing failed for application "web": error generating manifests in cmp: rpc error: code = Unknown desc = error generating manifests: `syncgate generate` failed exit status 1: syncgate REJECTED this revision, 1 reason, no manifest was let out \| IMAGE_UNSIGNED \[ClusterImagePolicy release-keys\] Deployment web, image \S+, at web\/deployment\.yaml(:9:\d+)?: it has no signature/,
    );
    expect(app.status?.sync?.status).toBe('Unknown');
    // The object that would have been allowed alone was not applied either.
    expect([await live('Deployment', 'web'), await live('ConfigMap', 'web')]).toEqual(before);
  });

  it('heals drift no more than it applies, while it is refused', async () => {
    printLogsOnFailure();
    await settled(name, 'still refused', hasError('IMAGE_UNSIGNED'), 'hard');
    expect(imageOf(await live('Deployment', 'web'))).toBe(pinned);
  });

  it('says the same however often Argo CD looks, from its cache, too', async () => {
    printLogsOnFailure();
    await waitFor('the answer to come from the cache', patience, async () => {
      const app = await settled(name, 'refused again', hasError('IMAGE_UNSIGNED'));
      expect(comparisonError(app)).toContain('syncgate REJECTED this revision');
      // After three failures Argo CD stores the error and does not ask the plugin for an hour.
      return (
        comparisonError(app)?.includes('rpc error: code = Unknown desc = Manifest generation error (cached): ') ||
        undefined
      );
    });
  });

  it('syncs the commit that mends it', async () => {
    printLogsOnFailure();
    const revision = await repository.commit('mended', {
      'web/deployment.yaml': deployment('web', platform.signed.tagged, 2),
    });
    const app = await settled(name, 'synced', isSynced(revision));
    expect(comparisonError(app)).toBeUndefined();
    expect(await live('Deployment', 'web')).toMatchObject({ spec: { replicas: 2 } });
    expect(imageOf(await live('Deployment', 'web'))).toBe(pinned);
    expect(await live('ConfigMap', 'web')).toMatchObject({ data: { value: 'two' } });
  });

  it('is refused by policy, too', async () => {
    printLogsOnFailure();
    await repository.commit('greedy', { 'web/deployment.yaml': deployment('web', platform.signed.tagged, 6) });
    const app = await settled(name, 'refused', hasError('POLICY_DENIED'));
    expect(comparisonError(app)).toContain('web has 6 replicas, and at most 5 are allowed');
    expect(await live('Deployment', 'web')).toMatchObject({ spec: { replicas: 2 } });
  });

  it('prunes one object that a commit removes, and heals drift again', async () => {
    printLogsOnFailure();
    const revision = await repository.commit('without config', {
      'web/kustomization.yaml': 'resources: [deployment.yaml]\n',
      'web/config.yaml': null,
      'web/deployment.yaml': deployment('web', platform.signed.tagged, 2),
    });
    await settled(name, 'synced', isSynced(revision));
    await waitFor('the ConfigMap to be pruned', patience, async () =>
      (await live('ConfigMap', 'web')) === undefined ? true : undefined,
    );
    const drifted = (await live('Deployment', 'web')) as { spec: object } & KubernetesObject;
    await argo.api.replace({ ...drifted, spec: { ...drifted.spec, replicas: 4 } } as KubernetesObject);
    await waitFor('the drift to be healed', patience, async () => {
      const now = (await live('Deployment', 'web')) as { spec?: { replicas?: number } } | undefined;
      return now?.spec?.replicas === 2 ? true : undefined;
    });
  });

  it.each([
    ['an empty kustomization', { 'web/kustomization.yaml': 'resources: []\nnamePrefix: a-\n' }],
    [
      'a folder without a manifest',
      { 'web/kustomization.yaml': null, 'web/deployment.yaml': null, 'web/README.md': 'moved\n' },
    ],
  ])('is never wiped by a commit that renders to nothing: %s', async (_, files) => {
    printLogsOnFailure();
    await repository.commit('nothing', files);
    const app = await settled(name, 'refused', hasError('COULD NOT VERIFY'));
    expect(comparisonError(app)).toMatch(/RENDER_\w+/);
    expect(imageOf(await live('Deployment', 'web'))).toBe(pinned);
  });
});

describe('ways around the gate, out of the repository', () => {
  const unsigned = () => deployment('around', platform.unsigned.tagged);

  it.each([
    ['removes the plugin', 'plugin: null\n', 'IMAGE_UNSIGNED'],
    ['asks for plain YAML', 'directory: { recurse: true }\n', 'multiple application sources defined'],
    [
      'takes the plugin out and asks for plain YAML',
      'plugin: null\ndirectory: { recurse: true }\n',
      'multiple application sources defined',
    ],
    ['asks for Kustomize', 'plugin: null\nkustomize: { namePrefix: a- }\n', 'multiple application sources defined'],
    ['names another plugin', 'plugin: { name: cat }\n', 'cat'],
    ['names no plugin', 'plugin: { name: "" }\n', 'could not find plugin'],
    [
      'sets a configuration',
      'plugin: { env: [{ name: SYNCGATE_CONFIG, value: /tmp/lax.yaml }] }\n',
      'PLUGIN_ENV_REFUSED',
    ],
    [
      'sets a parameter that is none',
      'plugin: { parameters: [{ name: config, string: lax.yaml }] }\n',
      'PARAMETER_UNKNOWN',
    ],
  ])('.argocd-source.yaml %s', async (what, text, words) => {
    printLogsOnFailure();
    const name = `around-${what.replaceAll(/[^A-Za-z]+/g, '-').toLowerCase()}`;
    await repository.commit(what, {
      [`${name}/.argocd-source.yaml`]: text,
      [`${name}/deployment.yaml`]: unsigned(),
    });
    await createApplication(name);
    await settled(name, 'refused', hasError(words));
    expect(await live('Deployment', 'around')).toBeUndefined();
    await argo.api.delete(reference(argoApi, 'Application', name, 'argocd'));
  });

  it('.argocd-source.yaml may set a parameter, and the gate judges what comes of it', async () => {
    printLogsOnFailure();
    const parameters = '[{ name: kustomize-images, array: ["app=UNSIGNED"] }]'.replace(
      'UNSIGNED',
      platform.unsigned.tagged,
    );
    await repository.commit('parameters', {
      'overridden/.argocd-source-overridden.yaml': `plugin: { parameters: ${parameters} }\n`,
      'overridden/kustomization.yaml': 'resources: [deployment.yaml]\n',
      'overridden/deployment.yaml': deployment('around', 'app'),
    });
    await createApplication('overridden');
    await settled('overridden', 'refused', hasError('IMAGE_UNSIGNED'));
    expect(await live('Deployment', 'around')).toBeUndefined();
  });
});
