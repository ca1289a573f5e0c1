import { afterEach, describe, expect, it } from 'vitest';
import { KUSTOMIZATION } from '../../../src/surfaces/flux/sources.ts';
import { condition, givenShop, KEY, openScene, type Scene } from '../../support/gated/scene.ts';

const opened: Scene[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((scene) => scene.end()));
});

async function open(): Promise<Scene> {
  const scene = await openScene();
  opened.push(scene);
  await givenShop(scene.kube);
  return scene;
}

const message = "can't access 'ExternalArtifact/apps/shop', ExternalArtifact feature gate is disabled";

function kustomization(scene: Scene, more: { reason?: string; status?: string; namespace?: string; kind?: string }) {
  const { reason = 'AccessDenied', status = 'False', namespace = KEY.namespace, kind = 'ExternalArtifact' } = more;
  scene.kube.put(KUSTOMIZATION, {
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'consumer', namespace },
    spec: { sourceRef: { kind, name: 'shop', ...(namespace !== KEY.namespace && { namespace: KEY.namespace }) } },
    status: { conditions: [{ type: 'Ready', status, reason, message, lastTransitionTime: '2026-03-01T12:00:00Z' }] },
  });
}

describe('a Kustomization that may not read the artifact', () => {
  it.each(['before', 'after'])('is told on the GatedSource, with the mend: refused %s it is let out', async (when) => {
    const scene = await open();
    if (when === 'before') kustomization(scene, {});
    await scene.lead();
    if (when === 'after') kustomization(scene, {});
    await scene.timers.advance(1000);
    expect(condition(scene.source(), 'ConsumerReady')).toMatchObject({
      status: 'False',
      reason: 'AccessDenied',
      message: expect.stringContaining('--feature-gates=ExternalArtifact=true'),
    });
    expect(condition(scene.source(), 'Ready')?.status).toBe('True');
    expect(scene.gate.asked).toHaveLength(1);

    kustomization(scene, { status: 'True', reason: 'ReconciliationSucceeded' });
    await scene.timers.advance(1000);
    expect(condition(scene.source(), 'ConsumerReady')).toBeUndefined();
  });

  it.each([
    ['that is ready', { status: 'True', reason: 'ReconciliationSucceeded' }],
    ['that failed otherwise', { reason: 'BuildFailed' }],
    ['of another kind of source', { kind: 'GitRepository' }],
    ['of another namespace', { namespace: 'other' }],
  ])('one %s is not', async (_, more) => {
    const scene = await open();
    kustomization(scene, more);
    await scene.lead();
    await scene.timers.advance(1000);
    expect(condition(scene.source(), 'Ready')?.status).toBe('True');
    expect(condition(scene.source(), 'ConsumerReady')).toBeUndefined();
  });

  it('one that is deleted is forgotten', async () => {
    const scene = await open();
    kustomization(scene, {});
    await scene.lead();
    scene.kube.remove(KUSTOMIZATION, { namespace: KEY.namespace, name: 'consumer' });
    await scene.timers.advance(1000);
    expect(condition(scene.source(), 'ConsumerReady')).toBeUndefined();
  });
});
