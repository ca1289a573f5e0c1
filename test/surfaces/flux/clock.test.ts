/** The clock of the machine is set, forward and back: what lasts goes on lasting as long as it does. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  commit,
  condition,
  givenShop,
  judged,
  openScene,
  type Scene,
  type SceneOptions,
} from '../../support/gated/scene.ts';

const HOUR = 3600_000;
const INTERVAL = 600_000;

const opened: Scene[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((scene) => scene.end()));
});

async function openAccepted(options: SceneOptions = {}): Promise<Scene> {
  const scene = await openScene(options);
  opened.push(scene);
  await givenShop(scene.kube);
  await scene.lead();
  expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  return scene;
}

describe.each([
  ['forward', 2 * HOUR],
  ['back', -2 * HOUR],
])('after the clock was set %s', (_, by) => {
  it('what is served is judged again as soon as rules change', async () => {
    const scene = await openAccepted();
    await scene.timers.advance(60_000);
    scene.timers.setClock(by);
    await scene.changeRules('rules-2');
    await scene.timers.advance(2000);
    expect(scene.gate.askedAgain).toHaveLength(1);
  });

  it('a source is judged anew at its interval, neither before nor much later', async () => {
    const scene = await openAccepted();
    scene.timers.setClock(by);
    await scene.timers.advance(INTERVAL * 0.9);
    expect(scene.gate.asked).toHaveLength(1);
    await scene.timers.advance(INTERVAL * 0.2);
    expect(scene.gate.asked).toHaveLength(2);
  });

  it('a process that had started before has judged what it found within one interval', async () => {
    const first = await openAccepted();
    await first.end();
    const second = await openScene({ kube: first.kube, store: first.store, timers: first.timers });
    opened.push(second);
    await second.lead();
    second.timers.setClock(by);
    await second.timers.advance(INTERVAL * 1.1);
    expect(second.gate.asked).toHaveLength(1);
  });

  it('an image that is not signed yet is looked for at least once a minute, and no more often than every six seconds', async () => {
    const scene = await openAccepted();
    scene.answers.judge = async () => judged({ denied: ['nobody has signed it'], code: 'IMAGE_UNSIGNED' });
    await commit(scene.kube, 'two');
    await scene.settle();
    scene.timers.setClock(by);
    const before = scene.gate.asked.length;
    await scene.timers.advance(10 * 60_000);
    const looks = scene.gate.asked.length - before;
    expect(looks).toBeGreaterThanOrEqual(9);
    expect(looks).toBeLessThanOrEqual(13);
  });
});

it('a step of the clock while it is judged is no time that the verdict took', async () => {
  const scene = await openAccepted();
  scene.answers.judge = async () => {
    scene.timers.setClock(2 * HOUR);
    return judged({ manifests: 'kind: B\n' });
  };
  await commit(scene.kube, 'two');
  await scene.settle();
  expect(scene.status()).toMatchObject({ verdict: 'allowed', lastAcceptedRevision: 'main@sha1:two' });
});
