/** The admission policy on a real kube-apiserver: which Applications, sets and operations it lets in. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type KubernetesObject, PatchStrategy } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { waitFor } from '../support/argocd/component.ts';
import { applyArgoCrds } from '../support/argocd/control-plane.ts';
import { type KubernetesServer, startKubernetes } from '../support/kubernetes/cluster.ts';

const policy = resolve(import.meta.dirname, '../../argocd/require-plugin/policy.yaml');
const source = { repoURL: 'https://git.example/app.git', path: '.', targetRevision: 'main' };
const gated = { ...source, plugin: { name: 'syncgate' } };

let kubernetes: KubernetesServer;
let made = 0;

beforeAll(async () => {
  kubernetes = await startKubernetes();
  await applyArgoCrds(kubernetes.api);
  // An Application of the time before the policy, made in a way that it now forbids.
  await create(application({ source }, 'old'));
  for (const document of parseAllDocuments(readFileSync(policy, 'utf8'))) await kubernetes.api.create(document.toJS());
  await waitFor('the policy to be enforced', 60_000, async () => {
    const refused = await create(application({ source }), true).then(
      () => false,
      () => true,
    );
    const set = await create(applicationSet({ source }), true).then(
      () => false,
      () => true,
    );
    return refused && set ? true : undefined;
  });
});

afterAll(async () => kubernetes?.stop());

function object(kind: string, spec: object, name: string, more: object = {}): KubernetesObject {
  return {
    apiVersion: 'argoproj.io/v1alpha1',
    kind,
    metadata: { name, namespace: 'default' },
    spec,
    ...more,
  } as KubernetesObject;
}

function application(spec: object, name = `app-${made++}`, more: object = {}): KubernetesObject {
  return object('Application', { project: 'default', destination: { namespace: 'apps' }, ...spec }, name, more);
}

function applicationSet(template: object, more: object = {}): KubernetesObject {
  const spec = { project: 'default', destination: { namespace: 'apps' }, ...template };
  return object(
    'ApplicationSet',
    { generators: [], template: { metadata: { name: 'x' }, spec }, ...more },
    `set-${made++}`,
  );
}

async function create(each: KubernetesObject, dryRun = false): Promise<void> {
  await kubernetes.api.create(each, undefined, dryRun ? 'All' : undefined);
}

/** The message of the refusal; undefined if it was let in. */
async function refusal(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    const { code, body } = error as { code?: number; body?: string };
    if (code !== 422 && code !== 403) throw error;
    return (JSON.parse(String(body)) as { message: string }).message;
  }
}

describe('Applications', () => {
  it.each([
    ['one source', { source: gated }],
    [
      'one source with parameters',
      { source: { ...gated, plugin: { name: 'syncgate', parameters: [{ name: 'tool', string: 'helm' }] } } },
    ],
    ['several sources', { sources: [gated, gated] }],
  ])('are let in: %s', async (_, spec) => expect(await refusal(create(application(spec)))).toBeUndefined());

  it.each([
    ['no tool', { source }, 'spec.source must be rendered by the plugin'],
    ['another tool', { source: { ...source, kustomize: { namePrefix: 'a-' } } }, 'spec.source must be'],
    ['another plugin', { source: { ...source, plugin: { name: 'other' } } }, 'spec.source must be'],
    ['a plugin that is to be found', { source: { ...source, plugin: {} } }, 'spec.source must be'],
    ['a version of its own', { source: { ...source, plugin: { name: 'syncgate-v1' } } }, 'spec.source must be'],
    ['one of several sources', { sources: [gated, source] }, 'each of spec.sources must be'],
    ['a source beside sources', { source, sources: [gated] }, 'spec.source must be'],
    [
      'hydrated branches',
      {
        sourceHydrator: {
          drySource: { repoURL: 'https://git.example/a', path: 'a', targetRevision: 'main' },
          syncSource: { targetBranch: 'env', path: 'a' },
        },
      },
      'spec.sourceHydrator syncs a branch',
    ],
  ])('are kept out: %s', async (_, spec, words) => {
    const message = await refusal(create(application(spec)));
    expect(message).toContain('syncgate-applications');
    expect(message).toContain(words);
  });

  it.each([
    ['a sync', { revision: 'HEAD' }, undefined],
    ['a sync with the same tool', { source: gated, sources: [gated], manifests: [] }, undefined],
    ['a sync of another source', { source }, 'operation.sync.source must be'],
    ['a sync of other sources', { sources: [gated, source] }, 'each of operation.sync.sources must be'],
    ['a sync of local manifests', { manifests: ['{}'] }, 'a sync of local manifests'],
  ])('with an operation: %s', async (_, sync, words) => {
    const message = await refusal(create(application({ source: gated }, undefined, { operation: { sync } })));
    if (words === undefined) expect(message).toBeUndefined();
    else expect(message).toContain(words);
  });

  const patch = (name: string, body: object) =>
    refusal(
      kubernetes.api.patch(
        { ...object('Application', {}, name), ...body } as KubernetesObject,
        undefined,
        undefined,
        undefined,
        undefined,
        PatchStrategy.MergePatch,
      ),
    );

  it('of the time before keep their status and annotations, and are mended when they change', async () => {
    const metadata = { name: 'old', namespace: 'default', annotations: { 'argocd.argoproj.io/refresh': 'normal' } };
    const status = { sync: { status: 'Synced', comparedTo: { source, destination: {} } } };
    expect(await patch('old', { metadata, status, spec: undefined })).toBeUndefined();
    expect(await patch('old', { spec: { source: { path: 'elsewhere' } } })).toContain('spec.source must be');
    expect(
      await patch('old', { spec: { source: { path: 'elsewhere', plugin: { name: 'syncgate' } } } }),
    ).toBeUndefined();
    expect(await patch('old', { spec: { source: { plugin: null } } })).toContain('spec.source must be');
  });
});

describe('ApplicationSets', () => {
  it.each([
    ['one source', { source: gated }, undefined],
    ['several sources', { sources: [gated] }, undefined],
    ['no tool', { source }, 'the template’s source must be'],
    ['one of several sources', { sources: [gated, source] }, 'each of the template’s sources must be'],
    [
      'a tool that a generator chooses',
      { source: { ...source, plugin: { name: '{{ .plugin }}' } } },
      'the template’s source',
    ],
  ])('%s', async (_, template, words) => {
    const message = await refusal(create(applicationSet(template)));
    if (words === undefined) expect(message).toBeUndefined();
    else expect(message).toContain(words.replaceAll('’', "'"));
  });
});
