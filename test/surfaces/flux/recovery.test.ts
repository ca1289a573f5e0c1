/** What happens at the wrong moment: ends, losses, deletions and strangers, at every step. */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { GATED_SOURCE } from '../../../src/surfaces/flux/gated-source.ts';
import { STEPS } from '../../../src/surfaces/flux/ports.ts';
import { EXTERNAL_ARTIFACT, NAMESPACE } from '../../../src/surfaces/flux/sources.ts';
import {
  commit,
  condition,
  gatedSource,
  givenShop,
  HOST,
  judged,
  KEY,
  openScene,
  type Scene,
  type SceneOptions,
} from '../../support/gated/scene.ts';

const opened: Scene[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((scene) => scene.end()));
});

async function openReplica(options: SceneOptions = {}): Promise<Scene> {
  const scene = await openScene(options);
  opened.push(scene);
  return scene;
}

/** A leader that has let out the first commit. */
async function openAccepted(options: SceneOptions = {}): Promise<Scene> {
  const scene = await openReplica(options);
  await givenShop(scene.kube);
  await scene.lead();
  expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  return scene;
}

/** Another process with the same cluster and, where it is a new one in the same Pod, the same volume. */
async function after(scene: Scene, options: SceneOptions = {}): Promise<Scene> {
  return openReplica({ kube: scene.kube, store: scene.store, timers: scene.timers, ...options });
}

function writes(scene: Scene) {
  return scene.kube.calls.filter(({ verb }) => !['get', 'list', 'capabilities'].includes(verb));
}

const answer = (name: string) => async () => judged({ manifests: `kind: ${name}\n` });
const revisionOf = (name: string) => `main@sha256:${createHash('sha256').update(`kind: ${name}\n`).digest('hex')}`;

/** The artifact that is served is one of those that were let out, and its file can be had. */
function isWhole(scene: Scene, ...names: readonly string[]): void {
  const served = scene.served();
  expect(names.map(revisionOf)).toContain(served?.['revision']);
  expect(scene.store.get(String(served?.['path']))?.digest).toBe(served?.['digest']);
}

describe.each(STEPS)('at the step %s', (step) => {
  it('a process that ends there leaves what was let out, and the next one goes on', async () => {
    const first = await openAccepted();
    first.answers.judge = answer('B');
    first.reached = (at) => (at === step ? new Promise(() => {}) : undefined);
    await commit(first.kube, 'two');
    await first.settle();
    isWhole(first, 'A', 'B');
    // It hangs for ever, as a process that was killed does nothing more.
    opened.splice(opened.indexOf(first), 1);

    const second = await after(first);
    second.answers.judge = answer('B');
    await second.lead();
    await second.timers.advance(700_000);
    isWhole(second, 'B');
    expect(second.status()).toMatchObject({ verdict: 'allowed', lastAcceptedRevision: 'main@sha1:two' });
    expect(condition(second.artifact(), 'Ready')?.status).toBe('True');
  });

  it('a process that ends there, and a bad commit afterwards', async () => {
    const first = await openAccepted();
    first.answers.judge = answer('B');
    first.reached = (at) => (at === step ? new Promise(() => {}) : undefined);
    await commit(first.kube, 'two');
    await first.settle();
    const served = first.served();
    opened.splice(opened.indexOf(first), 1);

    const second = await after(first);
    second.answers.judge = async () => judged({ denied: ['no'] });
    await commit(second.kube, 'bad');
    await second.lead();
    expect(second.served()).toEqual(served);
    isWhole(second, 'A', 'B');
    expect(second.status()).toMatchObject({ verdict: 'denied' });
    expect(condition(second.artifact(), 'Ready')?.status).toBe('False');
    expect(second.status().artifact?.digest).toBe(served?.['digest']);
  });

  it('whoever loses the leadership there writes nothing more', async () => {
    const scene = await openAccepted();
    scene.answers.judge = answer('B');
    let written = 0;
    scene.reached = (at) => {
      if (at !== step) return;
      scene.loseAtOnce();
      written = writes(scene).length;
    };
    await commit(scene.kube, 'two');
    await scene.settle();
    await scene.depose();
    expect(writes(scene).length).toBe(written);
    isWhole(scene, 'A', 'B');

    scene.reached = () => {};
    await scene.lead();
    await scene.timers.advance(700_000);
    isWhole(scene, 'B');
  });

  it('a GatedSource that is deleted there leaves nothing behind', async () => {
    const scene = await openAccepted();
    scene.answers.judge = answer('B');
    scene.reached = async (at) => {
      if (at !== step) return;
      scene.reached = () => {};
      await scene.kube.delete(GATED_SOURCE, KEY, { signal: AbortSignal.timeout(1000) });
    };
    await commit(scene.kube, 'two');
    await scene.settle();
    await scene.timers.advance(10_000);
    expect(scene.source()).toBeUndefined();
    expect(scene.artifact()).toBeUndefined();
    expect(scene.store.list()).toEqual([]);
  });

  it('a GatedSource that is torn out there, finalizer and all, leaves nothing behind', async () => {
    const scene = await openAccepted();
    scene.answers.judge = answer('B');
    scene.reached = (at) => {
      if (at !== step) return;
      scene.reached = () => {};
      scene.kube.remove(GATED_SOURCE, KEY);
    };
    await commit(scene.kube, 'two');
    await scene.settle();
    await scene.timers.advance(10_000);
    expect(scene.artifact()).toBeUndefined();
    expect(scene.store.list()).toEqual([]);
  });

  it('an API server that fails there is tried again', async () => {
    const scene = await openAccepted();
    scene.answers.judge = answer('B');
    scene.reached = (at) => {
      if (at !== step) return;
      scene.reached = () => {};
      scene.kube.onCall = () => {
        throw Object.assign(new Error('connection refused'), { status: 0, reason: 'Unreachable' });
      };
    };
    await commit(scene.kube, 'two');
    await scene.settle();
    await scene.timers.advance(2_000);
    isWhole(scene, 'A', 'B');
    scene.kube.onCall = () => {};
    await scene.timers.advance(700_000);
    isWhole(scene, 'B');
    expect(scene.status()).toMatchObject({ verdict: 'allowed', lastAcceptedRevision: 'main@sha1:two' });
  });

  it('a namespace that is about to go is left alone', async () => {
    const scene = await openAccepted();
    scene.answers.judge = answer('B');
    scene.reached = (at) => {
      if (at !== step) return;
      scene.reached = () => {};
      const metadata = { name: KEY.namespace, finalizers: ['kubernetes'] };
      scene.kube.put(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata });
      void scene.kube.delete(NAMESPACE, { namespace: '', name: KEY.namespace }, { signal: AbortSignal.timeout(1000) });
    };
    await commit(scene.kube, 'two');
    await scene.settle();
    isWhole(scene, 'A', 'B');
    await scene.kube.delete(GATED_SOURCE, KEY, { signal: AbortSignal.timeout(1000) });
    await scene.timers.advance(10_000);
    expect(scene.source()).toBeUndefined();
    expect(scene.artifact()).toBeUndefined();
  });
});

it('a leader of yesterday cannot write over what another has written since', async () => {
  const old = await openAccepted();
  old.answers.judge = answer('Old');
  let hold = () => {};
  old.reached = (at) =>
    at === 'stored'
      ? new Promise<void>((done) => {
          hold = () => done();
        })
      : undefined;
  await commit(old.kube, 'two');
  await old.settle();

  // It has not heard yet that it leads no more.
  const next = await after(old);
  next.answers.judge = answer('New');
  await next.lead();
  await next.settle();
  isWhole(next, 'New');
  hold();
  await old.settle();
  isWhole(next, 'New');
});

describe('an ExternalArtifact', () => {
  it('that somebody deleted is there again', async () => {
    const scene = await openAccepted();
    const before = scene.served();
    scene.kube.remove(EXTERNAL_ARTIFACT, KEY);
    await scene.timers.advance(1000);
    expect(scene.served()).toEqual(before);
  });

  it('that somebody deleted is there again though the newest revision is refused', async () => {
    const scene = await openAccepted();
    const before = scene.served();
    scene.answers.judge = async () => judged({ denied: ['no'] });
    await commit(scene.kube, 'bad');
    await scene.settle();
    scene.kube.remove(EXTERNAL_ARTIFACT, KEY);
    await scene.timers.advance(1000);
    expect(scene.served()).toEqual(before);
    expect(condition(scene.artifact(), 'Ready')?.status).toBe('False');
  });

  it.each([
    ['another address', { url: 'http://evil.example/x.tar.gz' }],
    ['another digest', { digest: `sha256:${'0'.repeat(64)}` }],
    ['another revision', { revision: 'main@sha256:1' }],
  ])('that somebody gave %s gets its own back, whether the newest revision passes or not', async (_, change) => {
    const scene = await openAccepted();
    for (const verdict of ['allowed', 'denied'] as const) {
      if (verdict === 'denied') {
        scene.answers.judge = async () => judged({ denied: ['no'] });
        await commit(scene.kube, 'bad');
        await scene.settle();
      }
      const before = scene.served() as JsonObject;
      scene.kube.put(EXTERNAL_ARTIFACT, {
        ...(scene.artifact() as unknown as JsonObject),
        status: { ...(scene.artifact()?.['status'] as JsonObject), artifact: { ...before, ...change } },
      });
      await scene.timers.advance(1000);
      expect(scene.served()).toEqual(before);
    }
  });

  it('whose artifact was never let out loses it', async () => {
    const scene = await openReplica();
    await givenShop(scene.kube);
    scene.answers.judge = async () => judged({ denied: ['no'] });
    await scene.lead();
    const digest = `sha256:${'1'.repeat(64)}`;
    for (const url of [
      'http://evil.example/x.tar.gz',
      `http://${HOST}/externalartifact/apps/shop/${'1'.repeat(64)}.tar.gz`,
    ]) {
      const artifact = { url, digest, revision: 'main@sha256:1', path: 'x', lastUpdateTime: '2026-03-01T12:00:00Z' };
      const status = { ...(scene.artifact()?.['status'] as JsonObject), artifact };
      scene.kube.put(EXTERNAL_ARTIFACT, { ...(scene.artifact() as unknown as JsonObject), status });
      await scene.timers.advance(1000);
      expect(scene.served()).toBeUndefined();
    }
  });

  it('of which the owner or the label was taken gets them back', async () => {
    const scene = await openAccepted();
    const { ownerReferences: _, ...metadata } = scene.artifact()?.metadata ?? { name: '' };
    scene.kube.put(EXTERNAL_ARTIFACT, {
      ...(scene.artifact() as unknown as JsonObject),
      metadata: { ...metadata } as JsonObject,
    });
    await commit(scene.kube, 'two');
    await scene.timers.advance(1000);
    expect(scene.artifact()?.metadata.ownerReferences).toHaveLength(1);
  });

  it('that is left of a source of the same name is made anew', async () => {
    const scene = await openAccepted();
    await scene.depose();
    scene.kube.remove(GATED_SOURCE, KEY);
    await gatedSource(scene.kube);
    await scene.lead();
    await scene.timers.advance(1000);
    expect(scene.artifact()?.metadata.ownerReferences).toMatchObject([{ uid: scene.source()?.metadata.uid }]);
    isWhole(scene, 'A');
  });

  it('that is left of a source of the same name is not kept by one that is suspended', async () => {
    const scene = await openAccepted();
    await scene.depose();
    scene.kube.remove(GATED_SOURCE, KEY);
    await gatedSource(scene.kube, { suspend: true });
    await scene.lead();
    expect(scene.artifact()).toBeUndefined();
    expect(scene.store.list()).toEqual([]);
  });

  it('of a source that is suspended stays', async () => {
    const scene = await openAccepted();
    await gatedSource(scene.kube, { suspend: true });
    await scene.depose();
    await scene.lead();
    isWhole(scene, 'A');
  });

  it('that is left of a source which went while nobody looked is removed', async () => {
    const scene = await openAccepted();
    await scene.depose();
    scene.kube.remove(GATED_SOURCE, KEY);
    await scene.lead();
    await scene.timers.advance(1000);
    expect(scene.artifact()).toBeUndefined();
    expect(scene.store.list()).toEqual([]);
  });
});

describe('a file that is lost', () => {
  it('is made again of a source that passes', async () => {
    const scene = await openAccepted();
    scene.store.files.clear();
    await scene.timers.advance(700_000);
    isWhole(scene, 'A');
  });

  it('is told where the newest revision is refused and nobody else has it, and what is live stays', async () => {
    const scene = await openAccepted();
    const before = scene.served();
    scene.answers.judge = async () => judged({ denied: ['no'] });
    await commit(scene.kube, 'bad');
    await scene.settle();
    scene.store.files.clear();
    await scene.timers.advance(1_300_000);
    expect(scene.served()).toEqual(before);
    expect(condition(scene.source(), 'Ready')?.message).toContain('FLUX_ARTIFACT_LOST');
  });

  it('is had from another replica where the newest revision is refused', async () => {
    const scene = await openAccepted({ peers: ['peer:9090'] });
    scene.answers.judge = async () => judged({ denied: ['no'] });
    await commit(scene.kube, 'bad');
    await scene.settle();
    const bytes = [...scene.store.files.values()][0]?.bytes ?? Buffer.alloc(0);
    scene.store.files.clear();
    scene.download = async ({ url, file }) => {
      if (url.startsWith('http://peer:9090/externalartifact/apps/shop/')) scene.store.downloads.set(file, bytes);
      return { kind: 'stored' };
    };
    await scene.timers.advance(300_000);
    await commit(scene.kube, 'worse');
    await scene.timers.advance(700_000);
    isWhole(scene, 'A');
  });
});

it('a spec without a finalizer gets it, and others stay', async () => {
  const scene = await openReplica();
  await givenShop(scene.kube);
  const source = scene.source() as unknown as JsonObject;
  scene.kube.put(GATED_SOURCE, { ...source, metadata: { ...KEY, finalizers: ['example.com/theirs'] } });
  await scene.settle();
  await scene.lead();
  expect(scene.source()?.metadata.finalizers).toEqual(['example.com/theirs', 'syncgate.dev/finalizer']);
});
