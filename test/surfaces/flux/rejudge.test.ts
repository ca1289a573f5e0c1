import { afterEach, describe, expect, it } from 'vitest';
import { GateError } from '../../../src/core/errors.ts';
import { NO_METRICS, SILENT_LOG } from '../../../src/core/telemetry.ts';
import { createRejudge } from '../../../src/surfaces/flux/rejudge.ts';
import {
  commit,
  condition,
  gatedSource,
  givenShop,
  judged,
  memoryStore,
  openScene,
  type Scene,
  type SceneOptions,
} from '../../support/gated/scene.ts';
import { handTimers, turns } from '../../support/gated/timers.ts';

const opened: Scene[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((scene) => scene.end()));
});

async function openAccepted(options: SceneOptions = {}, spec = {}): Promise<Scene> {
  const scene = await openScene(options);
  opened.push(scene);
  await givenShop(scene.kube, spec);
  await scene.lead();
  expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  return scene;
}

const denies = (scene: Scene) => {
  scene.answers.judge = async () => judged({ denied: ['too old'] });
  scene.answers.judgeAgain = async () => judged({ denied: ['too old'] }).decision;
};

async function changeRules(scene: Scene, rules = 'rules-2'): Promise<void> {
  await scene.changeRules(rules);
  await scene.timers.advance(2000);
}

describe('after rules have changed', () => {
  it('what is served is judged again as it is, and not rendered', async () => {
    const scene = await openAccepted();
    await changeRules(scene);
    expect(scene.gate.askedAgain).toEqual(['kind: A\n']);
    expect(scene.gate.asked).toHaveLength(1);
    expect(condition(scene.source(), 'Compliant')).toMatchObject({ status: 'True' });
    expect(scene.status().artifact?.rules).toBe('rules-2');
    await scene.timers.advance(100_000);
    expect(scene.gate.askedAgain).toHaveLength(1);
  });

  it('what no longer passes is told, and stays', async () => {
    const scene = await openAccepted();
    const before = scene.served();
    denies(scene);
    await changeRules(scene);
    expect(scene.served()).toEqual(before);
    expect(scene.store.list()).toHaveLength(1);
    expect(condition(scene.source(), 'Compliant')).toMatchObject({
      status: 'False',
      reason: 'Denied',
      message: expect.stringContaining('too old'),
    });
    // The revision is judged by the same rules, and refused too.
    expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason: 'Denied' });
    expect(scene.told.map(({ reason }) => reason)).toEqual(['Succeeded', 'NoLongerCompliant', 'Denied']);
  });

  it('what no longer passes is taken back where that is set', async () => {
    const scene = await openAccepted({ settings: { withdraw: true } });
    denies(scene);
    await changeRules(scene);
    expect(scene.served()).toBeUndefined();
    expect(scene.store.list()).toEqual([]);
    expect(scene.status().artifact).toBeUndefined();
    expect(condition(scene.artifact(), 'Ready')?.status).toBe('False');
    expect(scene.told.map(({ reason }) => reason)).toContain('Withdrawn');
    scene.answers.judge = async () => judged({ manifests: 'kind: B\n' });
    await commit(scene.kube, 'two');
    await scene.timers.advance(1000);
    expect(scene.served()).toBeDefined();
    expect(condition(scene.source(), 'Compliant')?.status).toBe('True');
  });

  it('what is served of a suspended source is told, and taken back where that is set', async () => {
    for (const withdraw of [false, true]) {
      const scene = await openAccepted({ settings: { withdraw } });
      await gatedSource(scene.kube, { suspend: true });
      await scene.settle();
      denies(scene);
      await changeRules(scene);
      expect(condition(scene.source(), 'Compliant')).toMatchObject({ status: 'False' });
      expect(scene.served() === undefined).toBe(withdraw);
      expect(scene.gate.asked).toHaveLength(1);
    }
  });

  it.each([
    ['cannot be judged', async () => judged({ error: new GateError('REGISTRY_UNREACHABLE', 'no network') }).decision],
    ['throws', async () => Promise.reject(new Error('crash'))],
    ['answers nothing', async () => undefined as never],
    [
      'allows with reasons against it',
      async () => ({ ...judged({ denied: ['x'] }).decision, verdict: 'allowed' }) as never,
    ],
  ])('what %s is neither passed nor taken back', async (_, judgeAgain) => {
    const scene = await openAccepted({ settings: { withdraw: true } });
    scene.answers.judgeAgain = judgeAgain;
    scene.answers.judge = async () => judged({ error: new GateError('REGISTRY_UNREACHABLE', 'no network') });
    await changeRules(scene);
    expect(condition(scene.source(), 'Compliant')).toMatchObject({ status: 'Unknown', reason: 'Unevaluated' });
    expect(scene.served()).toBeDefined();
    expect(scene.status().artifact?.rules).toBe('rules-1');
    scene.answers.judgeAgain = async () => judged({ manifests: '' }).decision;
    scene.answers.judge = async () => judged({ manifests: 'kind: A\n' });
    await scene.timers.advance(60_000);
    expect(condition(scene.source(), 'Compliant')).toMatchObject({ status: 'True' });
  });

  it('what hangs is given up', async () => {
    const scene = await openAccepted();
    scene.answers.judgeAgain = () => new Promise(() => {});
    scene.answers.judge = () => new Promise(() => {});
    await changeRules(scene);
    await scene.timers.advance(310_000);
    expect(condition(scene.source(), 'Compliant')).toMatchObject({ status: 'Unknown' });
  });

  it('what was refused is judged anew, for it may pass now', async () => {
    const scene = await openAccepted();
    scene.answers.judge = async () => judged({ denied: ['too new'] });
    await commit(scene.kube, 'two');
    await scene.settle();
    scene.answers.judge = async () => judged({ manifests: 'kind: B\n' });
    await changeRules(scene);
    expect(scene.status()).toMatchObject({
      verdict: 'allowed',
      rules: 'rules-2',
      lastAcceptedRevision: 'main@sha1:two',
    });
  });

  it('what was served while the newest revision is refused is judged again too', async () => {
    const scene = await openAccepted();
    denies(scene);
    await commit(scene.kube, 'bad');
    await scene.settle();
    await changeRules(scene);
    expect(scene.gate.askedAgain).toEqual(['kind: A\n']);
    expect(condition(scene.source(), 'Compliant')).toMatchObject({ status: 'False' });
  });

  it('a process that starts after the change judges again', async () => {
    const first = await openAccepted();
    await first.end();
    const second = await openScene({ kube: first.kube, store: first.store, timers: first.timers });
    opened.push(second);
    second.gate.rules = 'rules-2';
    await second.lead();
    await second.timers.advance(1000);
    expect(second.gate.askedAgain).toHaveLength(1);
    expect(second.status().artifact?.rules).toBe('rules-2');
  });

  it('the name of the Gate counts too', async () => {
    const scene = await openAccepted();
    scene.gate.name = 'staging';
    await changeRules(scene);
    expect(scene.gate.askedAgain.length + scene.gate.asked.length).toBeGreaterThan(1);
  });

  it('nobody says that what is served passes while there are no rules', async () => {
    const scene = await openAccepted();
    scene.governing = { kind: 'unavailable', why: 'line 3' };
    await changeRules(scene);
    expect(condition(scene.source(), 'Compliant')).toMatchObject({ status: 'Unknown', reason: 'GateUnavailable' });
    scene.governing = undefined;
    await changeRules(scene, 'rules-1');
    expect(condition(scene.source(), 'Compliant')).toMatchObject({ status: 'True' });
    expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'True' });
  });
});

it('verdicts of one namespace that take long leave a turn to the others', async () => {
  const timers = handTimers();
  const rest = { revision: 'main@sha256:0', sourceRevision: '', sourceDigest: '', originRevision: '', decision: '' };
  const digest = `sha256:${'0'.repeat(64)}`;
  const artifact = { ...rest, digest, size: 1, time: '', gate: 'production', rules: 'rules-1' };
  const answered: string[] = [];
  const over = new AbortController();
  const gate = {
    name: 'production',
    rules: 'rules-2',
    judge: () => Promise.reject(new Error('nothing is rendered')),
    judgeObject: () => Promise.reject(new Error('nothing is admitted')),
    judgeAgain: async (manifests: Uint8Array) =>
      Buffer.from(manifests).includes('/slow/') ? new Promise<never>(() => {}) : judged({ manifests: '' }).decision,
  };
  const store = { ...memoryStore(timers.wallTime), get: () => ({}) as never };
  const rejudge = createRejudge(
    {
      gates: {
        of: () => ({ kind: 'one', gate }),
        ofCluster: () => ({ kind: 'none' }),
        onChange: () => () => {},
        close: async () => {},
      },
      view: {
        gatedSource: (key) => ({
          apiVersion: 'syncgate.dev/v1alpha1',
          kind: 'GatedSource',
          metadata: { ...key },
          status: { artifact },
        }),
        artifact: () => undefined,
        source: () => undefined,
        namespace: (name) => ({ name, labels: {}, ending: false }),
        refusedConsumer: () => undefined,
      },
      store,
      readManifests: async (path) => Buffer.from(path),
      announce() {},
      log: SILENT_LOG,
      metrics: NO_METRICS,
      timers,
      onAnswer: (key) => void answered.push(key),
    },
    over.signal,
  );
  for (let i = 0; i < 5; i++) rejudge.ask({ namespace: 'slow', name: `${i}` });
  await turns();
  for (let i = 0; i < 3; i++) rejudge.ask({ namespace: 'quick', name: `${i}` });
  await timers.advance(1000);
  expect(answered).toEqual(['quick/0', 'quick/1', 'quick/2']);
  over.abort();
  const stopped = rejudge.stop();
  await timers.advance(10_000);
  await stopped;
});
