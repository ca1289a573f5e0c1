import { afterEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { EXTERNAL_ARTIFACT } from '../../../src/surfaces/flux/sources.ts';
import {
  commit,
  givenShop,
  HOST,
  judged,
  KEY,
  memoryStore,
  openScene,
  type Scene,
  type SceneOptions,
} from '../../support/gated/scene.ts';

const opened: Scene[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((scene) => scene.end()));
});

async function replica(options: SceneOptions = {}): Promise<Scene> {
  const scene = await openScene(options);
  opened.push(scene);
  return scene;
}

/** A standby with a volume of its own, which downloads from the leader's. */
async function pair(): Promise<{ readonly leader: Scene; readonly standby: Scene }> {
  const leader = await replica();
  await givenShop(leader.kube);
  const standby = await replica({
    kube: leader.kube,
    timers: leader.timers,
    store: memoryStore(leader.timers.wallTime),
  });
  standby.download = async ({ url, file }) => {
    const stored = leader.store.files.get(url.replace(`http://${HOST}/`, ''));
    if (stored === undefined) return { kind: 'absent' };
    standby.store.downloads.set(file, stored.bytes);
    return { kind: 'stored' };
  };
  await leader.lead();
  await leader.timers.advance(1000);
  return { leader, standby };
}

const paths = (scene: Scene) => [...scene.store.files.keys()].sort();

describe('a standby', () => {
  it('keeps a copy of what was let out, and asks the address that the ExternalArtifact says', async () => {
    const { leader, standby } = await pair();
    expect(paths(standby)).toEqual(paths(leader));
    expect(standby.downloads.map(({ url }) => url)).toEqual([leader.served()?.['url']]);
    expect(standby.steps).toEqual([]);
  });

  it('gives up a download that hears no signal, asks again, and ends all the same', async () => {
    const leader = await replica();
    await givenShop(leader.kube);
    const standby = await openScene({ kube: leader.kube, timers: leader.timers });
    standby.download = () => new Promise(() => {});
    await leader.lead();
    await standby.timers.advance(70_000);
    expect(standby.downloads.length).toBeGreaterThan(1);
    let ended = false;
    void standby.end().then(() => {
      ended = true;
    });
    await leader.timers.advance(10_000);
    await leader.settle();
    expect(ended).toBe(true);
  });

  it('leads with it though the newest revision is refused and the volume of the other is gone', async () => {
    const { leader, standby } = await pair();
    leader.answers.judge = async () => judged({ denied: ['no'] });
    await commit(leader.kube, 'bad');
    await leader.settle();
    const served = leader.served();
    await leader.end();
    standby.answers.judge = leader.answers.judge;
    standby.download = async () => ({ kind: 'stored' });
    await standby.lead();
    await standby.timers.advance(1000);
    expect(standby.served()).toEqual(served);
    expect(standby.store.get(String(served?.['path']))).toBeDefined();
  });

  it('asks again where the leader does not have it yet', async () => {
    const leader = await replica();
    await givenShop(leader.kube);
    const standby = await replica({
      kube: leader.kube,
      timers: leader.timers,
      store: memoryStore(leader.timers.wallTime),
    });
    standby.download = async () => ({ kind: 'absent' });
    await leader.lead();
    await leader.timers.advance(1000);
    expect(paths(standby)).toEqual([]);
    standby.download = async ({ file }) => {
      standby.store.downloads.set(file, [...leader.store.files.values()][0]?.bytes ?? Buffer.alloc(0));
      return { kind: 'stored' };
    };
    await leader.timers.advance(10_000);
    expect(paths(standby)).toEqual(paths(leader));
  });

  it.each([
    ['bytes of another digest', (_: Scene) => {}, 'evil'],
    ['an address that is not the gate’s', (scene: Scene) => tamper(scene, { url: 'http://evil.example/x' }), undefined],
  ])('keeps no copy of %s', async (_, change, bytes) => {
    const leader = await replica();
    await givenShop(leader.kube);
    await leader.lead();
    await leader.end();
    change(leader);
    const standby = await replica({
      kube: leader.kube,
      timers: leader.timers,
      store: memoryStore(leader.timers.wallTime),
    });
    standby.download = async ({ file }) => {
      standby.store.downloads.set(file, Buffer.from(bytes ?? ''));
      return { kind: 'stored' };
    };
    await standby.timers.advance(10_000);
    expect(paths(standby)).toEqual([]);
    expect(standby.downloads.length > 0).toBe(bytes !== undefined);
  });
});

function tamper(scene: Scene, change: JsonObject): void {
  const artifact = { ...scene.served(), ...change };
  const status = { ...(scene.artifact()?.['status'] as JsonObject), artifact };
  scene.kube.put(EXTERNAL_ARTIFACT, { ...(scene.artifact() as unknown as JsonObject), status });
}

describe('old files', () => {
  it('go after a while, on every replica, and those that are named stay', async () => {
    const { leader, standby } = await pair();
    for (const name of ['B', 'C', 'D', 'E']) {
      leader.answers.judge = async () => judged({ manifests: `kind: ${name}\n` });
      await commit(leader.kube, name);
      await leader.timers.advance(1000);
    }
    // As many as are kept by their number are there at least as long as they are young.
    expect(paths(leader).length).toBeGreaterThanOrEqual(2);
    await leader.timers.advance(200_000);
    expect(paths(leader)).toEqual([leader.served()?.['path']]);
    expect(paths(standby)).toEqual([leader.served()?.['path']]);
  });

  it('of a source that is gone go too', async () => {
    const { leader, standby } = await pair();
    expect(paths(standby)).toHaveLength(1);
    leader.kube.remove(EXTERNAL_ARTIFACT, KEY);
    await leader.end();
    const { GATED_SOURCE } = await import('../../../src/surfaces/flux/gated-source.ts');
    leader.kube.remove(GATED_SOURCE, KEY);
    await standby.timers.advance(200_000);
    expect(paths(standby)).toEqual([]);
  });

  it('stay while nobody knows what is named', async () => {
    const { standby, leader } = await pair();
    await leader.end();
    standby.kube.disconnect();
    standby.kube.remove(EXTERNAL_ARTIFACT, KEY);
    await standby.timers.advance(500_000);
    expect(paths(standby)).toHaveLength(1);
  });
});
