import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { GateError } from '../../../src/core/errors.ts';
import { KubeError } from '../../../src/core/kube.ts';
import { EXTERNAL_ARTIFACT, sourceResource } from '../../../src/surfaces/flux/sources.ts';
import {
  annotate,
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

async function open(spec = {}, options: SceneOptions = {}): Promise<Scene> {
  const scene = await openScene(options);
  opened.push(scene);
  await givenShop(scene.kube, spec);
  return scene;
}

/** A scene in which the first commit was let out. */
async function openAccepted(spec = {}, options: SceneOptions = {}): Promise<Scene> {
  const scene = await open(spec, options);
  await scene.lead();
  expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  return scene;
}

function writes(scene: Scene) {
  return scene.kube.calls.filter(({ verb }) => !['get', 'list', 'capabilities'].includes(verb));
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex');

describe('what is allowed', () => {
  it('is stored, and then named by the ExternalArtifact', async () => {
    const scene = await openAccepted();
    const [file] = scene.store.list();
    const tar = gunzipSync(file ? (scene.store.files.get(file.path)?.bytes ?? '') : '').toString();
    expect(tar).toContain('kind: A\n');
    expect(tar).toContain('resources:\n- manifests.yaml\n');
    expect(scene.served()).toMatchObject({
      url: `http://${HOST}/${file?.path}`,
      path: file?.path,
      digest: file?.digest,
      size: file?.size,
      revision: `main@sha256:${hash('kind: A\n')}`,
      metadata: {
        'org.opencontainers.image.revision': 'main@sha1:one',
        'syncgate.dev/source-revision': 'main@sha1:one',
        'syncgate.dev/gate': 'production',
      },
    });
    expect(scene.artifact()).toMatchObject({
      metadata: {
        labels: { 'app.kubernetes.io/managed-by': 'syncgate' },
        ownerReferences: [{ kind: 'GatedSource', name: 'shop', uid: scene.source()?.metadata.uid, controller: true }],
      },
      spec: { sourceRef: { kind: 'GatedSource', name: 'shop', namespace: 'apps' } },
    });
    expect(condition(scene.artifact(), 'Ready')).toMatchObject({ status: 'True', reason: 'Succeeded' });
  });

  it('is told by the GatedSource', async () => {
    const scene = await openAccepted();
    expect(scene.status()).toMatchObject({
      observedGeneration: 1,
      verdict: 'allowed',
      gate: 'production',
      rules: 'rules-1',
      lastAttemptedRevision: 'main@sha1:one',
      lastAcceptedRevision: 'main@sha1:one',
      artifactRevision: `main@sha256:${hash('kind: A\n')}`,
      counts: { objects: 2, denied: 0, errors: 0 },
      history: [{ revision: 'main@sha1:one', verdict: 'allowed' }],
    });
    expect(condition(scene.source(), 'Compliant')?.status).toBe('True');
    expect(condition(scene.source(), 'Reconciling')).toBeUndefined();
    expect(condition(scene.source(), 'Stalled')).toBeUndefined();
    expect(scene.told).toMatchObject([{ severity: 'info', originRevision: 'main@sha1:one' }]);
    expect(scene.source()?.metadata.finalizers).toEqual(['syncgate.dev/finalizer']);
  });

  it('goes through every step in order, and leaves no folder', async () => {
    const scene = await openAccepted();
    expect(scene.steps).toEqual([
      'downloaded',
      'unpacked',
      'judged',
      'packed',
      'stored',
      'artifact-object',
      'artifact-status',
      'own-status',
      'collected',
    ]);
    expect([...scene.folders]).toEqual([]);
  });

  it('is asked for as its spec says', async () => {
    const scene = await openAccepted({
      path: './deploy',
      targetNamespace: 'shop',
      postBuild: { substitute: { colour: 'green\n' } },
    });
    expect(scene.gate.asked[0]).toMatchObject({
      tool: 'flux',
      source: { kind: 'folder', path: './deploy' },
      destinationNamespace: 'shop',
      flux: { targetNamespace: 'shop', postBuild: { variables: { colour: 'green' }, strategy: 'WithVariables' } },
    });
  });
});

describe('where nothing has changed', () => {
  it('nothing is downloaded, judged or written', async () => {
    const scene = await openAccepted();
    await scene.timers.advance(1000);
    const before = writes(scene).length;
    await annotate(scene.kube, 'now');
    await scene.settle();
    expect(scene.gate.asked.length).toBe(2);
    await scene.timers.advance(1000);
    const [asked, written] = [scene.gate.asked.length, writes(scene).length];
    await commit(scene.kube, 'one');
    scene.kube.disconnect();
    scene.kube.reconnect();
    await scene.timers.advance(60_000);
    expect(scene.gate.asked.length).toBe(asked);
    expect(writes(scene).length).toBe(written);
    expect(before).toBeLessThan(written);
  });

  it('it is judged anew once the interval is over, and nothing is written for the same answer', async () => {
    const scene = await openAccepted();
    await scene.timers.advance(1000);
    const before = writes(scene).length;
    await scene.timers.advance(700_000);
    expect(scene.gate.asked.length).toBe(2);
    expect(writes(scene).length).toBe(before);
  });

  it('a process that starts anew asks nobody either, until the interval is over', async () => {
    const first = await openAccepted();
    await first.end();
    const second = await openScene({ kube: first.kube, store: first.store, timers: first.timers });
    opened.push(second);
    const before = writes(second).length;
    await second.lead();
    expect(second.gate.asked.length).toBe(0);
    expect(writes(second).length).toBe(before);
    await second.timers.advance(600_000);
    expect(second.gate.asked.length).toBe(1);
  });

  it('a commit that renders to the same gives the same artifact, with its own origin', async () => {
    const scene = await openAccepted();
    const before = scene.served();
    await commit(scene.kube, 'two');
    await scene.settle();
    expect(scene.served()).toMatchObject({
      revision: before?.['revision'],
      digest: before?.['digest'],
      lastUpdateTime: before?.['lastUpdateTime'],
      metadata: { 'org.opencontainers.image.revision': 'main@sha1:two' },
    });
    expect(scene.status()).toMatchObject({ lastAcceptedRevision: 'main@sha1:two' });
    expect(scene.store.list()).toHaveLength(1);
    expect(scene.told.map(({ originRevision }) => originRevision)).toEqual(['main@sha1:one', 'main@sha1:two']);
  });
});

describe('what the API server does not do', () => {
  it.each([
    [403, 'Forbidden', 'CLUSTER_FORBIDDEN', 'Apply the roles'],
    [404, 'NotFound', 'CLUSTER_KIND_MISSING', 'Install Flux 2.7 or newer'],
    [503, 'ServiceUnavailable', 'CLUSTER_UNAVAILABLE', 'Look at the API server'],
    [0, 'Unreachable', 'CLUSTER_UNAVAILABLE', 'Look at the API server'],
  ])('%i %s is told by what mends it, and tried again', async (status, reason, code, mend) => {
    const scene = await open();
    scene.kube.onCall = ({ verb, resource }) => {
      if (verb === 'create' && resource === 'externalartifacts') throw new KubeError(status, reason, 'no');
    };
    await scene.lead();
    const ready = condition(scene.source(), 'Ready');
    expect(ready).toMatchObject({ status: 'False', reason: 'ReconciliationFailed' });
    expect(ready?.message).toContain(`${code}: the API server: ${reason} no`);
    expect(ready?.message).toContain(mend);
    scene.kube.onCall = () => {};
    await scene.timers.advance(30_000);
    expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  });
});

it('what only warns is said, and holds nothing back', async () => {
  const scene = await open();
  scene.answers.judge = async () => judged({ manifests: 'kind: A\n', warnings: ['it has no ctlog'] });
  await scene.lead();
  expect(scene.status()).toMatchObject({
    verdict: 'allowed',
    counts: { warnings: 1 },
    warnings: [expect.stringContaining('it has no ctlog')],
  });
  scene.answers.judge = async () => judged({ manifests: 'kind: B\n' });
  await commit(scene.kube, 'quiet');
  await scene.settle();
  expect(scene.status().warnings).toBeUndefined();
});

describe('what is denied', () => {
  async function openDenied(): Promise<Scene> {
    const scene = await openAccepted();
    scene.answers.judge = async () => judged({ denied: ['an image is not signed', 'a port is privileged'] });
    await commit(scene.kube, 'bad');
    await scene.settle();
    return scene;
  }

  it('leaves the artifact where it was, and both objects say why', async () => {
    const scene = await openAccepted();
    const before = scene.served();
    scene.answers.judge = async () => judged({ denied: ['an image is not signed'] });
    await commit(scene.kube, 'bad');
    await scene.settle();
    expect(scene.served()).toEqual(before);
    expect(scene.store.list()).toHaveLength(1);
    for (const object of [scene.source(), scene.artifact()]) {
      expect(condition(object, 'Ready')).toMatchObject({
        status: 'False',
        message: expect.stringContaining('an image is not signed'),
      });
    }
    expect(scene.status()).toMatchObject({
      verdict: 'denied',
      lastAttemptedRevision: 'main@sha1:bad',
      lastAcceptedRevision: 'main@sha1:one',
      findings: [expect.stringContaining('an image is not signed')],
      history: [{ verdict: 'denied' }, { verdict: 'allowed' }],
    });
    expect(scene.told.at(-1)).toMatchObject({ severity: 'error', reason: 'Denied', originRevision: 'main@sha1:bad' });
  });

  it('is not tried again before anything changes, or the interval is over', async () => {
    const scene = await openDenied();
    const asked = scene.gate.asked.length;
    await scene.timers.advance(300_000);
    expect(scene.gate.asked.length).toBe(asked);
    await scene.timers.advance(400_000);
    expect(scene.gate.asked.length).toBe(asked + 1);
  });

  it('for an image is tried again soon, and then within a minute: it may have been signed meanwhile', async () => {
    const scene = await open();
    await scene.lead();
    scene.answers.judge = async () => judged({ denied: ['it has no signature'], code: 'IMAGE_UNSIGNED' });
    await commit(scene.kube, 'unsigned');
    await scene.settle();
    expect(scene.status()).toMatchObject({ verdict: 'denied', findings: [expect.stringMatching(/^IMAGE_UNSIGNED /)] });
    const asked = scene.gate.asked.length;
    const again = async (milliseconds: number) => {
      await scene.timers.advance(milliseconds);
      return scene.gate.asked.length - asked;
    };
    expect(await again(5_000)).toBe(0);
    expect(await again(2_000)).toBe(1);
    // As long again as it has been waited for, and at last once a minute.
    expect(await again(120_000)).toBe(5);
    expect(await again(20_000)).toBe(5);
    scene.answers.judge = async () => judged({ manifests: 'kind: B\n' });
    expect(await again(20_000)).toBe(6);
    expect(scene.status().verdict).toBe('allowed');
    expect(await again(300_000)).toBe(6);
  });

  it('for an image is tried again soon after somebody asked, who has often just signed it', async () => {
    const scene = await open();
    await scene.lead();
    scene.answers.judge = async () => judged({ denied: ['it has no signature'], code: 'IMAGE_UNSIGNED' });
    await commit(scene.kube, 'unsigned');
    await scene.settle();
    await scene.timers.advance(200_000);
    await annotate(scene.kube, 'now');
    await scene.settle();
    scene.answers.judge = async () => judged({ manifests: 'kind: B\n' });
    await scene.timers.advance(7_000);
    expect(scene.status().verdict).toBe('allowed');
  });

  it('is no hindrance for what is mended', async () => {
    const scene = await openDenied();
    scene.answers.judge = async () => judged({ manifests: 'kind: B\n' });
    await commit(scene.kube, 'good');
    await scene.settle();
    expect(scene.served()).toMatchObject({ revision: `main@sha256:${hash('kind: B\n')}` });
    expect(condition(scene.artifact(), 'Ready')?.status).toBe('True');
    expect(scene.status().findings).toBeUndefined();
  });

  it('at first sight gives an ExternalArtifact without an artifact', async () => {
    const scene = await open();
    scene.answers.judge = async () => judged({ denied: ['no'] });
    await scene.lead();
    expect(scene.served()).toBeUndefined();
    expect(condition(scene.artifact(), 'Ready')).toMatchObject({ status: 'False', reason: 'VerificationFailed' });
    expect(scene.store.list()).toEqual([]);
  });

  it('is told in lines that the API server takes, however much there is to say', async () => {
    const scene = await open();
    scene.answers.judge = async () => judged({ denied: Array.from({ length: 500 }, () => 'ä'.repeat(5000)) });
    await scene.lead();
    const { findings = [] } = scene.status();
    expect(findings).toHaveLength(20);
    for (const line of findings) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(1024);
    const message = condition(scene.source(), 'Ready')?.message ?? '';
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(8192);
    expect(message).toContain('and 497 more');
  });

  it('is remembered as often as is asked for', async () => {
    const scene = await openAccepted({ history: 2 });
    for (const name of ['two', 'three', 'four']) {
      scene.answers.judge = async () => judged({ denied: [name] });
      await commit(scene.kube, name);
      await scene.settle();
    }
    expect(scene.status().history?.map(({ revision }) => revision)).toEqual(['main@sha1:four', 'main@sha1:three']);
  });
});

describe('what has no verdict is withheld', () => {
  const allowed = judged({ manifests: 'kind: A\n' });
  it.each([
    ['a gate that throws', async () => Promise.reject(new Error('crash'))],
    ['a gate that answers nothing', async () => undefined as never],
    ['a gate that answers something else', async () => ({}) as never],
    ['an allowance without manifests', async () => ({ decision: allowed.decision }) as never],
    ['other manifests than those that were judged', async () => ({ ...allowed, manifests: 'kind: Evil\n' }) as never],
    [
      'an allowance with reasons against it',
      async () => ({ ...allowed, decision: { ...allowed.decision, reasons: [1] } }) as never,
    ],
    [
      'a check that could not finish',
      async () => judged({ error: new GateError('REGISTRY_UNREACHABLE', 'no network') }),
    ],
    ['rules that are wrong', async () => judged({ error: new GateError('POLICY_INVALID', 'line 3') })],
  ])('%s', async (_, judge) => {
    const scene = await open();
    scene.answers.judge = judge;
    await scene.lead();
    expect(scene.store.files.size).toBe(0);
    expect(scene.served()).toBeUndefined();
    expect(scene.status()).toMatchObject({ verdict: 'unevaluated' });
    expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason: 'Unevaluated' });
    expect(condition(scene.source(), 'Reconciling')).toMatchObject({ reason: 'ProgressingWithRetry' });
    expect([...scene.folders]).toEqual([]);
  });

  it('a gate that hangs, past the timeout of the spec', async () => {
    const scene = await open({ timeout: '30s' });
    scene.answers.judge = () => new Promise(() => {});
    await scene.lead();
    await scene.timers.advance(2_000);
    expect(condition(scene.source(), 'Reconciling')).toMatchObject({ status: 'True', reason: 'Progressing' });
    await scene.timers.advance(40_000);
    expect(scene.status()).toMatchObject({ verdict: 'unevaluated' });
    expect(condition(scene.source(), 'Ready')?.message).toContain('within 30 s');
    expect(scene.store.files.size).toBe(0);
  });

  it('and is tried again, ever later', async () => {
    const scene = await open();
    scene.answers.judge = async () => judged({ error: new GateError('REGISTRY_UNREACHABLE', 'no network') });
    await scene.lead();
    await scene.timers.advance(10_000);
    const soon = scene.gate.asked.length;
    expect(soon).toBeGreaterThan(3);
    scene.answers.judge = async () => judged({ manifests: 'kind: A\n' });
    await scene.timers.advance(20_000);
    expect(condition(scene.source(), 'Ready')?.status).toBe('True');
    expect(condition(scene.source(), 'Reconciling')).toBeUndefined();
  });
});

describe('which Gate judges', () => {
  it('and what may be in its set: nothing of a namespace that another one governs', async () => {
    const scene = await open();
    const answers: (string | undefined)[] = [];
    scene.answers.judge = async (_, __, belongs) => {
      answers.push(belongs?.('apps')?.code, belongs?.('elsewhere')?.code);
      scene.governing = { kind: 'one', gate: { ...scene.gate, name: 'another' } };
      answers.push(belongs?.('elsewhere')?.code);
      scene.governing = undefined;
      return judged({ manifests: 'kind: A\n' });
    };
    await scene.lead();
    expect(answers).toEqual([undefined, undefined, 'GATE_ELSEWHERE']);
  });

  it.each([
    ['none', { kind: 'none' } as const, 'NoGate', 'GATE_NONE'],
    ['several', { kind: 'several', names: ['a', 'b'] } as const, 'SeveralGates', 'GATE_SEVERAL'],
    [
      'one that cannot be loaded',
      { kind: 'unavailable', why: 'line 3' } as const,
      'GateUnavailable',
      'GATE_UNAVAILABLE',
    ],
  ])('%s: denied', async (_, governing, reason, code) => {
    const scene = await open();
    scene.governing = governing;
    await scene.lead();
    expect(scene.gate.asked).toEqual([]);
    expect(scene.store.files.size).toBe(0);
    expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason });
    expect(condition(scene.source(), 'Ready')?.message).toContain(code);
    expect(condition(scene.artifact(), 'Ready')).toMatchObject({ status: 'False' });
    expect(scene.status()).toMatchObject({ verdict: 'unevaluated' });
    scene.governing = undefined;
    await scene.changeRules('rules-2');
    await scene.timers.advance(100);
    expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  });

  it('what was let out stays while no Gate can be had', async () => {
    const scene = await openAccepted();
    const before = scene.served();
    scene.governing = { kind: 'unavailable', why: 'line 3' };
    await commit(scene.kube, 'two');
    await scene.settle();
    expect(scene.served()).toEqual(before);
    expect(condition(scene.source(), 'Ready')?.status).toBe('False');
    expect(scene.status()).toMatchObject({ lastAcceptedRevision: 'main@sha1:one' });
  });

  it('rules that change while it judges have it judge again', async () => {
    const scene = await open();
    scene.answers.judge = async () => {
      if (scene.gate.asked.length === 1) scene.gate.rules = 'rules-2';
      return judged({ manifests: `kind: ${scene.gate.rules}\n` });
    };
    await scene.lead();
    expect(scene.gate.asked.length).toBe(2);
    expect(scene.status()).toMatchObject({ rules: 'rules-2' });
    expect(scene.store.list()).toHaveLength(1);
  });
});

describe('a source', () => {
  it.each([
    ['that is not there', { sourceRef: { kind: 'GitRepository', name: 'other' } }, 'SourceNotFound', false],
    [
      'of another namespace',
      { sourceRef: { kind: 'GitRepository', name: 'shop', namespace: 'x' } },
      'AccessDenied',
      true,
    ],
    ['that it makes itself', { sourceRef: { kind: 'ExternalArtifact', name: 'shop' } }, 'InvalidSpec', true],
    ['of a spec that cannot be', { sourceRef: { kind: 'Nothing', name: 'shop' } }, 'InvalidSpec', true],
    ['with an interval that is none', { interval: 'often' }, 'InvalidSpec', true],
  ])('%s is not judged', async (_, spec, reason, stalled) => {
    const scene = await open(spec);
    await scene.lead();
    expect(scene.gate.asked).toEqual([]);
    expect(scene.downloads).toEqual([]);
    expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason });
    expect(condition(scene.source(), 'Stalled')?.status).toBe(stalled ? 'True' : undefined);
    const before = writes(scene).length;
    await scene.timers.advance(700_000);
    expect(writes(scene).length).toBe(before);
    await gatedSource(scene.kube);
    await scene.settle();
    expect(condition(scene.source(), 'Ready')?.status).toBe('True');
    expect(condition(scene.source(), 'Stalled')).toBeUndefined();
  });

  it('of another namespace is judged where that is allowed', async () => {
    const scene = await openScene({ settings: { allowCrossNamespaceSources: true } });
    opened.push(scene);
    await givenShop(scene.kube, { sourceRef: { kind: 'GitRepository', name: 'shop', namespace: 'apps' } });
    await scene.lead();
    expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  });

  it('whose file is not there yet is asked for again', async () => {
    const scene = await open();
    scene.download = async () => ({ kind: 'absent' });
    await scene.lead();
    expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason: 'ArtifactNotFound' });
    expect(scene.status().verdict).toBeUndefined();
    scene.download = async () => ({ kind: 'stored' });
    await scene.timers.advance(1000);
    expect(condition(scene.source(), 'Ready')?.status).toBe('True');
  });

  it.each([
    ['cannot be reached', new GateError('ARTIFACT_FETCH_FAILED', 'refused'), 'FetchFailed', undefined],
    ['has another digest', new GateError('ARTIFACT_DIGEST_MISMATCH', 'another'), 'SourceRefused', 'denied'],
  ])('that %s is not judged', async (_, error, reason, verdict) => {
    const scene = await open();
    scene.download = async () => Promise.reject(error);
    await scene.lead();
    expect(scene.gate.asked).toEqual([]);
    expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason });
    expect(scene.status().verdict).toBe(verdict);
    expect([...scene.folders]).toEqual([]);
  });

  it('that holds what no archive may is refused, and not asked for again', async () => {
    const scene = await open();
    scene.unpack = async () => Promise.reject(new GateError('SOURCE_OUTSIDE', 'it leads out'));
    await scene.lead();
    expect(scene.status()).toMatchObject({ verdict: 'denied', findings: [expect.stringContaining('SOURCE_OUTSIDE')] });
    expect(condition(scene.artifact(), 'Ready')?.status).toBe('False');
    const asked = scene.downloads.length;
    await scene.timers.advance(60_000);
    expect(scene.downloads.length).toBe(asked);
  });

  it.each([
    'http://source.example/gitrepository/other/shop/one.tar.gz',
    'http://source.example/gitrepository/apps/other/one.tar.gz',
    'http://source.example/bucket/apps/shop/one.tar.gz',
    'http://source.example/gitrepository/apps/shop/../../other/shop/one.tar.gz',
    'http://source.example/gitrepository/other/shop/one.tar.gz?/gitrepository/apps/shop/one.tar.gz',
    'http://169.254.169.254/latest/meta-data',
  ])('is not fetched from %s, which is not its own', async (url) => {
    const scene = await open();
    const status = { artifact: { url, digest: `sha256:${hash('one')}`, revision: 'main@sha1:1' } };
    const source = scene.kube.at(sourceResource('GitRepository'), { ...KEY, name: 'shop' });
    scene.kube.put(sourceResource('GitRepository'), { ...(source as never as object), status });
    await scene.settle();
    await scene.lead();
    expect(scene.downloads).toEqual([]);
    expect(condition(scene.source(), 'Ready')).toMatchObject({
      reason: 'AccessDenied',
      message: expect.stringContaining('FLUX_SOURCE_ELSEWHERE'),
    });
  });

  it('whose server drips holds its turn no longer than a minute, whatever the GatedSource asks for', async () => {
    const scene = await open({ timeout: '24h' });
    scene.download = ({ signal }) =>
      new Promise((_, fail) => {
        signal.addEventListener('abort', () => fail(new GateError('ARTIFACT_TIMEOUT', 'too late')));
      });
    await scene.lead();
    await scene.timers.advance(59_000);
    expect(condition(scene.source(), 'Ready')?.reason).not.toBe('FetchFailed');
    await scene.timers.advance(2_000);
    expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason: 'FetchFailed' });
  });

  it.each(['file:///etc/passwd', 'no url', 'ftp://x/y'])('is not fetched from %s', async (url) => {
    const scene = await open();
    const source = scene.kube.all({ ...EXTERNAL_ARTIFACT, kind: 'GitRepository', plural: 'gitrepositories' })[0];
    const status = { artifact: { url, digest: 'sha256:1', revision: 'main@sha1:1' } };
    scene.kube.put(
      { ...EXTERNAL_ARTIFACT, kind: 'GitRepository', plural: 'gitrepositories' },
      {
        ...(source as never as object),
        status,
      },
    );
    await scene.settle();
    await scene.lead();
    expect(scene.downloads).toEqual([]);
    expect(condition(scene.source(), 'Ready')).toMatchObject({ reason: 'FetchFailed' });
  });
});

describe('a request to reconcile', () => {
  it('has it judged though nothing has changed, and is noted', async () => {
    const scene = await openAccepted();
    await annotate(scene.kube, '2026-03-01T12:00:00Z');
    await scene.settle();
    expect(scene.gate.asked.length).toBe(2);
    expect(scene.status().lastHandledReconcileAt).toBe('2026-03-01T12:00:00Z');
  });

  it('waits while it is suspended', async () => {
    const scene = await openAccepted();
    await gatedSource(scene.kube, { suspend: true });
    await scene.settle();
    const [asked, written] = [scene.gate.asked.length, writes(scene).length];
    await annotate(scene.kube, 'now');
    await commit(scene.kube, 'two');
    await scene.timers.advance(1_000_000);
    expect(scene.gate.asked.length).toBe(asked);
    expect(writes(scene).length).toBe(written);
    await gatedSource(scene.kube);
    await scene.settle();
    expect(scene.status()).toMatchObject({ lastAcceptedRevision: 'main@sha1:two', lastHandledReconcileAt: 'now' });
  });
});

it('a spec that changes while it is judged has it judged again', async () => {
  const scene = await open();
  scene.reached = async (step) => {
    if (step === 'judged' && scene.gate.asked.length === 1) await gatedSource(scene.kube, { path: './other' });
  };
  await scene.lead();
  expect(scene.gate.asked.length).toBe(2);
  expect(scene.status()).toMatchObject({ observedGeneration: 2, verdict: 'allowed' });
  expect(scene.steps.filter((step) => step === 'stored')).toHaveLength(1);
});

it('a store that is full is told, and tried again', async () => {
  const scene = await open();
  scene.store.failure = new GateError('STORE_FULL', 'no space is left');
  await scene.lead();
  expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason: 'StorageOperationFailed' });
  expect(scene.served()).toBeUndefined();
  scene.store.failure = undefined;
  await scene.timers.advance(2000);
  expect(condition(scene.source(), 'Ready')?.status).toBe('True');
});

it('an ExternalArtifact of somebody else is left alone', async () => {
  const scene = await open();
  scene.kube.put(EXTERNAL_ARTIFACT, {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'ExternalArtifact',
    metadata: { ...KEY },
    spec: { sourceRef: { kind: 'ArtifactGenerator', name: 'theirs' } },
  });
  const before = scene.artifact();
  await scene.lead();
  expect(scene.artifact()).toEqual(before);
  expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason: 'ArtifactNameTaken' });
});

it('what the gate made of one source is no source of another', async () => {
  const scene = await open({ sourceRef: { kind: 'ExternalArtifact', name: 'other' } });
  const hex = hash('x');
  scene.kube.put(EXTERNAL_ARTIFACT, {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'ExternalArtifact',
    metadata: { namespace: 'apps', name: 'other', labels: { 'app.kubernetes.io/managed-by': 'syncgate' } },
    status: {
      artifact: {
        url: `http://${HOST}/externalartifact/apps/other/${hex}.tar.gz`,
        digest: `sha256:${hex}`,
        revision: 'main@sha256:1',
      },
    },
  });
  await scene.settle();
  await scene.lead();
  expect(scene.gate.asked).toEqual([]);
  expect(condition(scene.source(), 'Ready')).toMatchObject({ status: 'False', reason: 'InvalidSpec' });
});

it('what holds a source up is told once, but for what passes by itself', async () => {
  const scene = await open({ sourceRef: { kind: 'GitRepository', name: 'other' } });
  await scene.lead();
  await scene.timers.advance(2_000_000);
  expect(scene.told).toMatchObject([{ severity: 'error', reason: 'SourceNotFound' }]);
  scene.download = async () => ({ kind: 'absent' });
  await gatedSource(scene.kube);
  await scene.timers.advance(1000);
  expect(condition(scene.source(), 'Ready')?.reason).toBe('ArtifactNotFound');
  expect(scene.told).toHaveLength(1);
});
