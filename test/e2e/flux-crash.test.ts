/**
 * The gate is killed, wherever it is in its work: what its ExternalArtifact leads to is always something that was let out,
 * and when it is started again it goes on.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFailed, onTestFinished } from 'vitest';
import { STEPS } from '../../src/surfaces/flux/ports.ts';
import { waitFor } from '../support/argocd/component.ts';
import { configMap, deployment, live } from '../support/flux/application.ts';
import { controllerProgram, STORE_STEPS } from '../support/flux/controller.ts';
import { type Flux, startFlux } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { externalArtifact, gatedSource, gitRepository, kustomization } from '../support/flux/objects.ts';
import { applyShipped, type SyncgateOptions, startSyncgate } from '../support/flux/syncgate.ts';
import {
  type Artifact,
  type ArtifactServer,
  digestOf,
  offer,
  startArtifactServer,
  tarball,
} from '../support/flux/tarball.ts';
import { conditionOf } from '../support/kubernetes/client.ts';

let flux: Flux;
let gates: GateFiles;
let files: ArtifactServer;
/** The volume of the Pod: it outlives its process. */
let storage: string;
let port: number;
let made = 0;

const source = gitRepository('shop', 'http://git.example/app.git');
const gated = gatedSource('shop', source);
const external = externalArtifact('shop');
const consumer = kustomization('shop', external);

beforeAll(async () => {
  storage = mkdtempSync(join(tmpdir(), 'syncgate-volume-'));
  [flux, gates, files] = await Promise.all([
    startFlux(),
    startGateFiles(),
    startArtifactServer('gitrepository/apps/shop'),
  ]);
  // It writes statuses of sources, and here the test does.
  await flux.sourceController.stop();
  // Of a process that is killed nothing can be asked, and so not to end its children: a Pod's end with it.
  gates.setGate('apps', { namespaces: { names: ['apps'] }, spec: { policies: [] } });
  await applyShipped(flux);
  for (const object of [source, gated, consumer]) await flux.admin.apply(object);
  // A Service keeps its address: here that is a port.
  await using first = await start();
  port = first.port;
  await offerNext('good');
  await isAccepted();
});

afterAll(async () => {
  await files?.stop();
  await gates?.stop();
  await flux?.stop();
  rmSync(storage, { recursive: true, force: true });
});

async function start(options: SyncgateOptions = {}) {
  return await startSyncgate(flux, gates, { storage, ...(port !== undefined && { port }), ...options });
}

let offered: Artifact & { readonly kind: 'good' | 'bad' };

/** A revision that must be let out, or one that must not: its marker says which it is. */
async function offerNext(kind: 'good' | 'bad'): Promise<void> {
  const number = ++made;
  const image = kind === 'good' ? gates.signed.tagged : gates.unsigned.tagged;
  const bytes = tarball([
    ['web.yaml', deployment('shop', image)],
    ['marker.yaml', configMap('marker', { kind, number: `${number}` })],
  ]);
  const revision = `main@sha1:${digestOf(Buffer.from(`${number}`)).slice(7, 47)}`;
  offered = { ...files.put(`${number}`, bytes, revision), kind };
  await offer(flux.admin, source, offered);
}

async function isAccepted(): Promise<void> {
  const { revision } = offered;
  const until = (reference: typeof external, what: string, holds: Parameters<typeof flux.admin.until>[2]) =>
    flux.admin.until(reference, what, holds, 60_000);
  await until(gated, `to have let ${revision} out`, (each) => each['status']?.lastAcceptedRevision === revision);
  const { status } = await until(external, 'to be ready', (each) => conditionOf(each)?.status === 'True');
  await until(consumer, 'to be applied', (each) => each['status']?.lastAppliedRevision === status.artifact.revision);
}

async function isRefused(): Promise<void> {
  const { revision } = offered;
  await flux.admin.until(
    gated,
    `to have refused ${revision}`,
    (each) => each['status']?.lastAttemptedRevision === revision && conditionOf(each)?.status === 'False',
    60_000,
  );
}

/** What the ExternalArtifact names lies in the volume, is what the digest says, and was let out. */
async function holds(): Promise<void> {
  const artifact = (await flux.admin.get(external))?.['status']?.artifact as Artifact | undefined;
  if (artifact === undefined) throw new Error('the artifact is gone');
  const stored = join(storage, artifact.path);
  expect(existsSync(stored), artifact.path).toBe(true);
  isGood(readFileSync(stored), artifact);
  const applied = await flux.admin.get(live('ConfigMap', 'marker'));
  expect(applied?.['data'].kind).toBe('good');
}

function isGood(bytes: Buffer, { digest }: Artifact): void {
  expect(digestOf(bytes)).toBe(digest);
  const text = gunzipSync(bytes).toString('latin1');
  expect(text).toMatch(/kind: "?good"?\n/);
  expect(text).not.toContain(gates.unsigned.tagged);
}

describe('killed at a step', () => {
  const reachedByBad = ['downloaded', 'unpacked', 'judged', 'artifact-object', 'artifact-status', 'own-status'];
  it.each([...[...STEPS, ...STORE_STEPS].map((step) => `${step} good`), ...reachedByBad.map((step) => `${step} bad`)])(
    '%s',
    async (row) => {
      const [step = '', kind] = row.split(' ') as [string, 'good' | 'bad'];
      const reached = { env: { SYNCGATE_TEST_KILL_AT: step } };
      // It may come to the step, and to its end, before it serves.
      await using doomed = await start({ program: controllerProgram, wait: false, ...reached });
      onTestFailed(() => void process.stderr.write(doomed.log()));
      await offerNext(kind);
      await waitFor('the kill', 30_000, () => (isRunning(doomed.pid) ? undefined : true));
      await holds();

      await using next = await start();
      onTestFailed(() => void process.stderr.write(next.log()));
      await (kind === 'good' ? isAccepted() : isRefused());
      await holds();
    },
  );
});

it('killed 200 times, at any moment, while good and bad revisions alternate', { timeout: 900_000 }, async () => {
  const random = seeded(20_260_901);
  let logs = '';
  onTestFailed(() => void process.stderr.write(logs.slice(-8000)));
  // Asks as a consumer does, all the time; a connection that breaks off tells it nothing.
  const over = new AbortController();
  onTestFinished(() => over.abort());
  let served = 0;
  const asking = (async () => {
    while (!over.signal.aborted) {
      const artifact = (await flux.admin.get(external))?.['status']?.artifact as Artifact | undefined;
      const bytes = artifact && (await fetched(artifact.url));
      if (artifact !== undefined && bytes !== undefined) {
        isGood(bytes, artifact);
        served += 1;
      }
      await sleep(20);
    }
  })();
  asking.catch(() => {});
  const kills = 200;
  let judged = 0;
  for (let kill = 0; kill < kills; kill++) {
    // Some are killed while they start, the others soon after they were given work.
    const early = kill % 4 === 3;
    const doomed = await start({ wait: !early });
    await offerNext(kill % 2 === 0 ? 'bad' : 'good');
    await sleep(random() * (early ? 800 : 300));
    await doomed.stop('SIGKILL');
    logs = doomed.log();
    await holds();
    if ((await flux.admin.get(gated))?.['status'].lastAttemptedRevision === offered.revision) judged += 1;
  }
  await using last = await start();
  logs = last.log();
  await offerNext('bad');
  await isRefused();
  await offerNext('good');
  await isAccepted();
  over.abort();
  await asking;
  // The proof is worth something only if it was at work, and consumers were answered meanwhile.
  expect(judged).toBeGreaterThan(kills / 20);
  expect(judged).toBeLessThan(kills);
  expect(served).toBeGreaterThan(kills / 4);
  // Nor do those that were killed fill the disk: each one removes what others left.
  const left = readdirSync(gates.env['TMPDIR'] ?? '').filter((entry) => entry.startsWith('syncgate-'));
  expect(left.length).toBeLessThan(20);
});

async function fetched(url: string): Promise<Buffer | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    return response.status === 200 ? Buffer.from(await response.arrayBuffer()) : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The same moments every time, as far as a machine is the same every time (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
