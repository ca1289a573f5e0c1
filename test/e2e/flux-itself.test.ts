/** Flux as it is without a gate: what the gate is built on, and why it is built as it is. */
import { afterAll, beforeAll, beforeEach, expect, it, onTestFailed } from 'vitest';
import { waitFor } from '../support/argocd/component.ts';
import { configMap, live } from '../support/flux/application.ts';
import { type Flux, startFlux, USERS } from '../support/flux/flux.ts';
import { type GitServer, startGitServer } from '../support/flux/git-server.ts';
import { externalArtifact, gitRepository, kustomization } from '../support/flux/objects.ts';
import { type Artifact, type ArtifactServer, digestOf, startArtifactServer, tarball } from '../support/flux/tarball.ts';
import { conditionOf, type Reference, type Writable } from '../support/kubernetes/client.ts';

let flux: Flux;
let git: GitServer;
let files: ArtifactServer;

beforeAll(async () => {
  [flux, git, files] = await Promise.all([startFlux(), startGitServer(), startArtifactServer()]);
});
afterAll(async () => {
  await files?.stop();
  await git?.stop();
  await flux?.stop();
});
beforeEach(() => onTestFailed(() => void process.stderr.write(flux.logs())));

const dataOf = async (name: string) => (await flux.admin.get(live('ConfigMap', name)))?.['data'];

/** An ExternalArtifact and a Kustomization that applies what it leads to. */
async function external(name: string, spec: object = {}): Promise<{ artifact: Reference; consumer: Writable }> {
  const artifact = externalArtifact(name);
  await flux.admin.apply({ ...artifact, spec: {} });
  const consumer = kustomization(name, artifact, spec);
  await flux.admin.apply(consumer);
  return { artifact, consumer };
}

async function point(
  artifact: Reference,
  to: Partial<Artifact> | null,
  ready: 'True' | 'False' = 'True',
): Promise<void> {
  const condition = { type: 'Ready', status: ready, reason: 'AsWritten', message: 'by hand' };
  const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
  await flux.admin.merge(artifact, { status: { artifact: to, conditions } }, { subresource: 'status' });
}

const says = (name: string, text: string) => tarball([['manifests.yaml', configMap(name, { says: text })]]);

it('applies what is in a Git repository, and what is committed later', async () => {
  await git.commit('first', { 'plain/one.yaml': configMap('plain', { says: 'first' }) });
  const source = gitRepository('plain', git.url);
  await flux.admin.apply(source);
  const applied = kustomization('plain', source, { path: './plain' });
  await flux.admin.apply(applied);
  await flux.admin.condition(applied, { status: 'True' });
  expect(await dataOf('plain')).toEqual({ says: 'first' });

  const commit = await git.commit('second', { 'plain/one.yaml': configMap('plain', { says: 'second' }) });
  await flux.admin.reconcile(source);
  await flux.admin.until(applied, 'to have the second', (each) => each['status'].lastAppliedRevision?.includes(commit));
  expect(await dataOf('plain')).toEqual({ says: 'second' });
});

it('applies what an ExternalArtifact leads to, whatever its conditions say', async () => {
  const { artifact, consumer } = await external('by-hand');
  await flux.admin.condition(consumer, { status: 'False', reason: 'ArtifactFailed' });
  await point(artifact, files.put('by-hand', says('by-hand', 'hello')), 'False');
  await flux.admin.condition(consumer, { status: 'True' });
  expect(await dataOf('by-hand')).toEqual({ says: 'hello' });
});

it('keeps what is live when an artifact is taken away, and does not notice another digest of the same revision', async () => {
  const { artifact, consumer } = await external('kept');
  const first = files.put('kept', says('kept', 'first'), 'main@sha256:1');
  await point(artifact, first);
  await flux.admin.condition(consumer, { status: 'True' });
  const second = files.put('kept-second', says('kept', 'second'), first.revision);
  await point(artifact, second);
  // Another object is changed after it and applied: nobody has looked at the digest by then.
  const other = await external('witness');
  await point(other.artifact, files.put('witness', says('witness', 'hello')));
  await flux.admin.condition(other.consumer, { status: 'True' });
  expect(await dataOf('kept')).toEqual({ says: 'first' });

  await point(artifact, null);
  await flux.admin.reconcile(consumer);
  await flux.admin.condition(consumer, { status: 'False', reason: 'ArtifactFailed' });
  expect(await dataOf('kept')).toEqual({ says: 'first' });
});

it('applies nothing whose digest is not the one that the status says', async () => {
  const { artifact, consumer } = await external('digest');
  await point(artifact, { ...files.put('digest', says('digest', 'hello')), digest: digestOf(Buffer.from('other')) });
  await flux.admin.condition(consumer, { status: 'False', reason: 'ArtifactFailed' });
  expect(await dataOf('digest')).toBeUndefined();
});

/** An admission policy that refuses what says `bad`, in words of its own. */
async function refuseBad(name: string, message: string, reason = 'Forbidden'): Promise<void> {
  const api = 'admissionregistration.k8s.io/v1';
  await flux.admin.apply({
    apiVersion: api,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
        ],
      },
      // What Flux does is told from what others do by its field manager alone.
      matchConditions: [
        {
          name: 'flux',
          expression:
            "has(request.options) && has(request.options.fieldManager) && request.options.fieldManager == 'kustomize-controller'",
        },
        { name: 'this', expression: `object.metadata.name == '${name}'` },
      ],
      validations: [{ expression: "object.data.says != 'bad'", message, reason }],
    },
  });
  await flux.admin.apply({
    apiVersion: api,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  });
  const asFlux = { fieldManager: 'kustomize-controller', dryRun: true };
  const bad: Writable = { ...live('ConfigMap', name), data: { says: 'bad' } };
  await waitFor('the policy to hold', 20_000, () =>
    flux.admin.apply(bad, asFlux).then(
      () => undefined,
      () => true,
    ),
  );
}

it.each([
  ['policy-words', 'not today', 'Forbidden', true],
  ['policy-danger', 'field is immutable', 'Forbidden', false],
  ['policy-invalid', 'not today', 'Invalid', false],
])('with force, %s (%s, %s) keeps the live object: %s', async (name, message, reason, kept) => {
  const { artifact, consumer } = await external(name, { force: true });
  await point(artifact, files.put(name, says(name, 'good')));
  await flux.admin.condition(consumer, { status: 'True' });
  await refuseBad(name, message, reason);
  await point(artifact, files.put(`${name}-bad`, says(name, 'bad')));
  await flux.admin.condition(consumer, { status: 'False', reason: 'ReconciliationFailed', message });
  expect(await dataOf(name)).toEqual(kept ? { says: 'good' } : undefined);
});

it('says of the refusal what it was, and applies nothing of that stage', async () => {
  const name = 'policy-stage';
  const { artifact, consumer } = await external(name);
  await refuseBad(name, 'not today');
  const archive = tarball([
    ['a.yaml', configMap('a-before-it', { says: 'hello' })],
    ['b.yaml', configMap(name, { says: 'bad' })],
  ]);
  await point(artifact, files.put(name, archive));
  await flux.admin.condition(consumer, {
    status: 'False',
    reason: 'ReconciliationFailed',
    message: /ConfigMap\/apps\/policy-stage dry-run failed \(Forbidden\): .*not today/,
  });
  expect(await dataOf('a-before-it')).toBeUndefined();
});

it('refuses every ExternalArtifact if nobody has turned them on', async () => {
  await flux.kustomizeController.stop();
  await flux.kustomizeController.start(['--feature-gates=ExternalArtifact=false']);
  const { artifact, consumer } = await external('off');
  await point(artifact, files.put('off', says('off', 'hello')));
  const refused = await flux.admin.condition(consumer, { status: 'False', reason: 'AccessDenied' });
  expect(conditionOf(refused, 'Stalled')?.status).toBe('True');
  expect(await dataOf('off')).toBeUndefined();
});

it('and knows its users', async () => {
  const tenant = flux.as(USERS.tenant);
  await tenant.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'mine', namespace: 'apps' } });
  const elsewhere = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'theirs', namespace: 'flux-system' } };
  await expect(tenant.create(elsewhere)).rejects.toThrow('403 Forbidden');
  await expect(flux.as(USERS.syncgate).list('v1', 'Secret')).rejects.toThrow('403 Forbidden');
  await expect(flux.as(USERS.admission).list('v1', 'Secret')).rejects.toThrow('403 Forbidden');
});
