/** Flux as it is without a gate: what the tests beside this one build on. */
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { type Flux, startFlux, USERS } from '../support/flux/flux.ts';
import { gitRepository, kustomization } from '../support/flux/objects.ts';
import { startArtifactServer, tarball } from '../support/flux/tarball.ts';

let flux: Flux;

beforeAll(async () => {
  flux = await startFlux();
});
afterAll(async () => flux?.stop());

const configMap = (name: string, data: Record<string, string>) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
const reference = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'apps' } });

it('applies what is in a Git repository, and what is committed later', async () => {
  onTestFailed(() => void process.stderr.write(flux.logs()));
  await flux.git.commit('first', { 'plain/one.yaml': configMap('plain', { says: 'first' }) });
  const source = gitRepository('plain', flux.git.url);
  await flux.admin.apply(source);
  const applied = kustomization('plain', source, { path: './plain', targetNamespace: 'apps' });
  await flux.admin.apply(applied);
  await flux.admin.condition(applied, { status: 'True' });
  expect((await flux.admin.get(reference('plain')))?.['data']).toEqual({ says: 'first' });

  const commit = await flux.git.commit('second', { 'plain/one.yaml': configMap('plain', { says: 'second' }) });
  await flux.admin.reconcile(source);
  await flux.admin.until(applied, 'to have the second', (live) => live['status'].lastAppliedRevision?.includes(commit));
  expect((await flux.admin.get(reference('plain')))?.['data']).toEqual({ says: 'second' });
});

it('applies what an ExternalArtifact leads to, whatever its conditions say', async () => {
  onTestFailed(() => void process.stderr.write(flux.logs()));
  await using files = await startArtifactServer();
  const external = {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'ExternalArtifact',
    metadata: { name: 'by-hand', namespace: 'apps' },
  };
  await flux.admin.apply({ ...external, spec: {} });
  const applied = kustomization('by-hand', external, { targetNamespace: 'apps' });
  await flux.admin.apply(applied);
  await flux.admin.condition(applied, { status: 'False', reason: 'ArtifactFailed' });

  const artifact = files.put('one', tarball([['manifests.yaml', configMap('by-hand', { says: 'hello' })]]));
  const refused = { type: 'Ready', status: 'False', reason: 'VerificationFailed', message: 'no' };
  const conditions = [{ ...refused, lastTransitionTime: artifact.lastUpdateTime }];
  await flux.admin.merge(external, { status: { artifact, conditions } }, { subresource: 'status' });
  await flux.admin.condition(applied, { status: 'True' });
  expect((await flux.admin.get(reference('by-hand')))?.['data']).toEqual({ says: 'hello' });
});

it('and knows its users', async () => {
  const tenant = flux.as(USERS.tenant);
  await tenant.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'mine', namespace: 'apps' } });
  const elsewhere = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'theirs', namespace: 'flux-system' } };
  await expect(tenant.create(elsewhere)).rejects.toThrow('403 Forbidden');
  await expect(flux.as(USERS.syncgate).list('v1', 'Secret')).rejects.toThrow('403 Forbidden');
  await expect(flux.as(USERS.admission).list('v1', 'Secret')).rejects.toThrow('403 Forbidden');
});
