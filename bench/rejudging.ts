/** The child of bench/rejudge.ts: judges what a store holds again after the rules have changed, and prints how long it took. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { packArtifact } from '../src/adapters/artifacts/pack.ts';
import { openArtifactStore } from '../src/adapters/artifacts/store.ts';
import { growHeapSlowly } from '../src/adapters/heap.ts';
import type { KubeObject, ObjectKey } from '../src/core/kube.ts';
import { NO_METRICS, SILENT_LOG } from '../src/core/telemetry.ts';
import type { Gates } from '../src/gates.ts';
import { createRejudge } from '../src/surfaces/flux/rejudge.ts';
import { openGates } from '../src/wiring/gates.ts';
import { shopObjects } from './shop.ts';

const [, , root = '', sourceCount = '300', objectCount = '30'] = process.argv;
growHeapSlowly();
const signal = new AbortController().signal;
// The watch of the files keeps no process alive.
const alive = setInterval(() => {}, 60_000);
const folder = join(root, 'storage');
mkdirSync(folder, { recursive: true });
const store = await openArtifactStore({ folder, clock: { now: Date.now } });

const keys: ObjectKey[] = Array.from({ length: Number(sourceCount) }, (_, i) => ({
  namespace: 'shop',
  name: `app-${i}`,
}));
const sources = new Map<string, KubeObject>();
for (const key of keys) {
  const manifests = shopObjects(Number(objectCount)).map((text) => text.replaceAll('shop-', `${key.name}-`));
  const packed = await packArtifact([
    { name: 'kustomization.yaml', bytes: Buffer.from('resources: [manifests.yaml]\n') },
    { name: 'manifests.yaml', bytes: Buffer.from(manifests.join('---\n')) },
  ]);
  const { digest, size } = await store.put(key, packed);
  const rest = { revision: 'main@sha256:0', sourceRevision: '', sourceDigest: '', originRevision: '', gate: 'bench' };
  const artifact = { ...rest, digest, size, decision: '', time: '', rules: 'those before' };
  sources.set(key.name, {
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'GatedSource',
    metadata: { ...key, uid: key.name, generation: 1 },
    spec: {},
    status: { artifact },
  });
}

const gates = await openGates(
  { folder: join(root, 'gates'), pollMs: 100 },
  { world: { env: {}, temporaryFolder: root, program: '' }, log: SILENT_LOG, metrics: NO_METRICS },
  signal,
);

/** From the change of a rule until the last answer under the new ones. */
async function rejudgeAll(): Promise<{ ms: number; verdicts: Record<string, number> }> {
  const verdicts: Record<string, number> = {};
  let left = keys.length;
  let allAnswered = () => {};
  const answered = new Promise<void>((done) => {
    allAnswered = done;
  });
  const rejudge = createRejudge(
    {
      gates,
      view: {
        gatedSource: ({ name }) => sources.get(name),
        artifact: () => undefined,
        source: () => 'unknown',
        namespace: (name) => ({ name, labels: {}, ending: false }),
        refusedConsumer: () => undefined,
      },
      store,
      readManifests: async (path) => manifestsIn(gunzipSync(readFileSync(join(folder, path)))),
      announce() {},
      log: SILENT_LOG,
      metrics: NO_METRICS,
      timers: {
        now: () => performance.now(),
        wallTime: Date.now,
        random: Math.random,
        after(delay, call) {
          const timer = setTimeout(call, delay);
          return () => clearTimeout(timer);
        },
      },
      onAnswer(key) {
        const [namespace = '', name = ''] = key.split('/');
        const verdict = rejudge.of({ namespace, name })?.verdict ?? 'none';
        verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
        left -= 1;
        if (left === 0) allAnswered();
      },
    },
    signal,
  );
  const changed = nextChange(gates);
  writeFileSync(
    join(root, 'gates/bench.yaml'),
    readFileSync(join(root, 'gates/bench.yaml'), 'utf8').concat('# once more\n'),
  );
  const start = performance.now();
  await changed;
  for (const key of keys) rejudge.ask(key);
  await answered;
  const ms = performance.now() - start;
  await rejudge.stop();
  return { ms, verdicts };
}

function nextChange(all: Gates): Promise<void> {
  return new Promise((done) => {
    const forget = all.onChange(() => {
      forget();
      done();
    });
  });
}

/** The second file of the archive, which is ours: two headers, each followed by its content in blocks of 512. */
function manifestsIn(tar: Buffer): Buffer {
  const sizeAt = (at: number) => Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
  const second = 512 + Math.ceil(sizeAt(0) / 512) * 512;
  return tar.subarray(second + 512, second + 512 + sizeAt(second));
}

const runs = [await rejudgeAll(), await rejudgeAll(), await rejudgeAll()];
process.stdout.write(JSON.stringify({ runs, memory: process.memoryUsage().rss }));
await gates.close();
store.close();
clearInterval(alive);
