/** A storage that answers nothing, not even an error: a volume whose node or network is gone. */
import { expect, it } from 'vitest';
import { GATED_SOURCE } from '../../../src/surfaces/flux/gated-source.ts';
import {
  commit,
  condition,
  gatedSource,
  givenShop,
  judged,
  KEY,
  memoryStore,
  openScene,
  type Scene,
} from '../../support/gated/scene.ts';
import { handTimers, turns } from '../../support/gated/timers.ts';

const never = () => new Promise<never>(() => {});
const MINUTE = 60_000;

/** A replica that leads and has accepted one revision, with a store whose calls a test can have hang. */
async function openLeader() {
  const timers = handTimers();
  const real = memoryStore(timers.wallTime);
  const hangs = new Set<string>();
  const call = <Answer>(name: string, work: () => Promise<Answer>): Promise<Answer> =>
    hangs.has(name) ? never() : work();
  const store: typeof real = {
    ...real,
    put: (...args) => call('put', () => real.put(...args)),
    adopt: (...args) => call('adopt', () => real.adopt(...args)),
    collect: (...args) => call('collect', () => real.collect(...args)),
    remove: (...args) => call('remove', () => real.remove(...args)),
  };
  const scene = await openScene({ timers, store });
  await givenShop(scene.kube);
  await scene.lead();
  expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  /** Has the storage hang, and a new revision come. */
  const hang = async (name: string) => {
    hangs.add(name);
    scene.answers.judge = async () => judged({ manifests: 'kind: B\n' });
    await commit(scene.kube, 'two');
    await scene.settle();
  };
  return { scene, hangs, hang };
}

function outcomeOf(promise: Promise<unknown>): { readonly is: () => string } {
  let outcome = 'pending';
  promise.then(
    () => {
      outcome = 'ended';
    },
    (error: { code?: string }) => {
      outcome = String(error.code);
    },
  );
  return { is: () => outcome };
}

const acceptedBy = (scene: Scene) => scene.status().lastAcceptedRevision;

it('that hangs is told, and used again once it answers', async () => {
  const { scene, hang, hangs } = await openLeader();
  const before = scene.served();
  await hang('put');
  await scene.timers.advance(MINUTE);
  expect(condition(scene.source(), 'Ready')).toMatchObject({
    status: 'False',
    reason: 'StorageOperationFailed',
    message: expect.stringContaining('STORE_FAILED'),
  });
  expect(scene.served()).toEqual(before);
  hangs.clear();
  await scene.timers.advance(10_000);
  expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  expect(acceptedBy(scene)).toBe('main@sha1:two');
  await scene.end();
});

it('that hangs while old files are removed holds no turn for ever', async () => {
  const { scene, hang, hangs } = await openLeader();
  await hang('collect');
  await commit(scene.kube, 'three');
  await scene.timers.advance(MINUTE);
  hangs.clear();
  await scene.timers.advance(MINUTE);
  expect(acceptedBy(scene)).toBe('main@sha1:three');
  await scene.end();
});

it('that hangs while files of a deleted source are removed is asked again', async () => {
  const { scene, hangs } = await openLeader();
  hangs.add('remove');
  await scene.kube.delete(GATED_SOURCE, KEY, { signal: new AbortController().signal });
  await scene.timers.advance(MINUTE);
  expect(scene.source()).toBeDefined();
  hangs.clear();
  // Another call was under way by then.
  await scene.timers.advance(MINUTE + 10_000);
  expect(scene.source()).toBeUndefined();
  await scene.end();
});

it.each([
  ['a private folder', { removeFolder: never }],
  ['what packs', { pack: never }],
])('%s that hangs holds no turn for ever', async (_, hanging) => {
  const { scene, hang } = await openLeader();
  const { pack, removeFolder } = scene;
  Object.assign(scene, hanging);
  await hang('nothing');
  await scene.timers.advance(MINUTE);
  expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False' });
  Object.assign(scene, { pack, removeFolder });
  await scene.timers.advance(10_000);
  expect(acceptedBy(scene)).toBe('main@sha1:two');
  await scene.end();
});

it('lets a reign come to its end, and the next begin', async () => {
  const { scene, hang, hangs } = await openLeader();
  await hang('put');
  const ended = outcomeOf(scene.depose());
  await scene.timers.advance(MINUTE);
  expect(ended.is()).toBe('ended');
  hangs.clear();
  await scene.lead();
  expect(acceptedBy(scene)).toBe('main@sha1:two');
  await scene.end();
});

it('that answers nothing again and again ends the reign, with what is wrong', async () => {
  const { scene, hang, hangs } = await openLeader();
  hangs.add('collect').add('remove');
  await hang('put');
  const ended = outcomeOf(scene.reign());
  await scene.timers.advance(MINUTE + 10_000);
  expect(ended.is()).toBe('pending');
  await scene.timers.advance(3 * MINUTE);
  expect(ended.is()).toBe('STORE_FAILED');
});

it('that answers in between does not', async () => {
  const { scene, hang, hangs } = await openLeader();
  await hang('put');
  const ended = outcomeOf(scene.reign());
  for (let at = 0; at < 5; at++) {
    await scene.timers.advance(MINUTE + 30_000);
    hangs.clear();
    await scene.timers.advance(MINUTE);
    hangs.add('put');
    scene.answers.judge = async () => judged({ manifests: `kind: C${at}\n` });
    await commit(scene.kube, `next-${at}`);
    await gatedSource(scene.kube);
  }
  expect(ended.is()).toBe('pending');
  hangs.clear();
  await scene.timers.advance(MINUTE);
  await scene.end();
});

it('work that does not end at all does not keep the Lease: the reign rejects', async () => {
  const { scene, hang } = await openLeader();
  scene.reached = (step) => (step === 'packed' ? never() : undefined);
  await hang('nothing');
  const ended = outcomeOf(scene.depose());
  await scene.timers.advance(70_000);
  expect(ended.is()).toBe('pending');
  await scene.timers.advance(10_000);
  await turns();
  expect(ended.is()).toBe('STORE_FAILED');
});
