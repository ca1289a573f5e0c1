/** The gated source between a real source-controller and a real kustomize-controller. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import { type Application, configMap, deployment, live, startApplication } from '../support/flux/application.ts';
import { type Flux, startFlux } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { applyShipped, type Syncgate, startSyncgate } from '../support/flux/syncgate.ts';
import { conditionOf } from '../support/kubernetes/client.ts';

let flux: Flux;
let gates: GateFiles;
let syncgate: Syncgate;

beforeAll(async () => {
  [flux, gates] = await Promise.all([startFlux(), startGateFiles()]);
  await applyShipped(flux);
  syncgate = await startSyncgate(flux, gates);
});

afterAll(async () => {
  await syncgate?.stop();
  await gates?.stop();
  await flux?.stop();
});

beforeEach(() => {
  onTestFailed(() => void process.stderr.write(`${flux.logs()}\n--- syncgate\n${syncgate.log().slice(-4000)}\n`));
});

describe('one application, commit by commit', () => {
  let shop: Application & { readonly first: string };

  beforeAll(async () => {
    shop = await startApplication(flux, 'shop', {
      'web.yaml': deployment('shop', gates.signed.tagged),
      'settings.yaml': configMap('shop', { colour: 'green' }),
    });
  });
  afterAll(async () => shop?.[Symbol.asyncDispose]());

  it('what is signed is applied, with the image at the digest that was verified', async () => {
    await shop.applied(shop.first);
    const web = await flux.admin.get(live('Deployment', 'shop'));
    expect(web?.['spec'].template.spec.containers[0].image).toBe(`${gates.signed.tagged}@${gates.signed.digest}`);
    expect((await flux.admin.get(live('ConfigMap', 'shop')))?.['data']).toEqual({ colour: 'green' });
  });

  it('both of its objects say which commit it was', async () => {
    const gated = await shop.accepted(shop.first);
    const artifact = await shop.artifact();
    expect(gated['status']).toMatchObject({
      verdict: 'allowed',
      gate: 'apps',
      lastAttemptedRevision: expect.stringContaining(shop.first),
      artifactRevision: artifact?.revision,
      observedGeneration: 1,
      counts: { objects: 2, images: 1, denied: 0, errors: 0 },
    });
    expect(artifact).toMatchObject({
      metadata: { 'org.opencontainers.image.revision': expect.stringContaining(shop.first) },
      revision: expect.stringMatching(/^main@sha1:|^main.*@sha256:[0-9a-f]{64}$/),
    });
  });

  it('an unsigned image leaves what is live as it was, and both objects say why', async () => {
    const before = await flux.admin.get(live('Deployment', 'shop'));
    const artifact = await shop.artifact();
    const bad = await shop.push({
      'web.yaml': deployment('shop', gates.unsigned.tagged),
      'settings.yaml': configMap('shop', { colour: 'red' }),
    });
    const { gated, external } = await shop.refused(bad);
    for (const object of [gated, external]) {
      const ready = object && conditionOf(object);
      expect(ready).toMatchObject({ status: 'False' });
      expect(ready?.message).toContain(gates.unsigned.tagged);
    }
    expect(await shop.artifact()).toEqual(artifact);
    // Flux is asked to look at once, and has nothing new to apply.
    const token = await flux.admin.reconcile(shop.consumer);
    await flux.admin.until(
      shop.consumer,
      'to have looked',
      (each) => each['status'].lastHandledReconcileAt === token && conditionOf(each)?.status === 'True',
    );
    const after = await flux.admin.get(live('Deployment', 'shop'));
    expect(after?.['spec']).toEqual(before?.['spec']);
    // Nothing of a revision that was refused is applied, not even what nobody objects to.
    expect((await flux.admin.get(live('ConfigMap', 'shop')))?.['data']).toEqual({ colour: 'green' });
    expect(gated['status']).toMatchObject({
      verdict: 'denied',
      lastAcceptedRevision: expect.stringContaining(shop.first),
    });
  });

  it('the fix goes through', async () => {
    const fixed = await shop.push({ 'web.yaml': deployment('shop', gates.signed.tagged, { replicas: 3 }) });
    await shop.applied(fixed);
    const web = await flux.admin.get(live('Deployment', 'shop'));
    expect(web?.['spec'].replicas).toBe(3);
    expect((await flux.admin.get(live('ConfigMap', 'shop')))?.['data']).toEqual({ colour: 'red' });
    const external = await flux.admin.get(shop.external);
    expect(external && conditionOf(external)).toMatchObject({ status: 'True' });
  });

  it('a policy refuses as a signature does', async () => {
    const bad = await shop.push({ 'web.yaml': deployment('shop', gates.signed.tagged, { replicas: 9 }) });
    const { gated } = await shop.refused(bad);
    expect(conditionOf(gated)?.message).toContain('shop has 9 replicas, and at most 5 are allowed');
    expect(gated['status'].history.map(({ verdict }: { verdict: string }) => verdict)).toEqual([
      'denied',
      'allowed',
      'denied',
      'allowed',
    ]);
    const good = await shop.push({ 'web.yaml': deployment('shop', gates.signed.tagged, { replicas: 2 }) });
    await shop.applied(good);
  });

  it('what cannot be rendered is refused, and says so', async () => {
    const broken = await shop.push({ 'web.yaml': 'kind: [' });
    const { gated } = await shop.refused(broken);
    expect(gated['status'].verdict).toBe('unevaluated');
    expect((await flux.admin.get(live('Deployment', 'shop')))?.['spec'].replicas).toBe(2);
    const good = await shop.push({ 'web.yaml': deployment('shop', gates.signed.tagged, { replicas: 1 }) });
    await shop.applied(good);
  });

  it('what is no longer in the repository is removed', async () => {
    const commit = await shop.push({ 'settings.yaml': null });
    await shop.applied(commit);
    await flux.admin.gone(live('ConfigMap', 'shop'));
  });
});
