/** What a leader does when it begins: each source is looked at once. */
import { afterEach, expect, it } from 'vitest';
import { givenShop, openScene, type Scene, type SceneOptions } from '../../support/gated/scene.ts';

const opened: Scene[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((scene) => scene.end()));
});

async function openReplica(options: SceneOptions = {}): Promise<Scene> {
  const scene = await openScene(options);
  opened.push(scene);
  return scene;
}

it.each(['allowed before', 'new'])(
  'tells once of a source that was %s while no Gate can be loaded',
  async (history) => {
    const first = await openReplica();
    await givenShop(first.kube);
    if (history === 'allowed before') await first.lead();
    await first.end();
    const second = await openReplica({ kube: first.kube, store: first.store, timers: first.timers });
    second.governing = { kind: 'unavailable', why: 'CONFIG_INVALID a.yaml' };
    await second.lead();
    for (let i = 0; i < 20; i++) await second.timers.advance(50);
    expect(second.steps.filter((step) => step === 'own-status')).toHaveLength(1);
  },
);
