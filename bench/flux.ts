/** (p) From a new revision of a source to an object that is applied: plain Flux beside the same with the gate in between. */
import { setTimeout as sleep } from 'node:timers/promises';
import { deployment } from '../test/support/flux/application.ts';
import { type Flux, startFlux } from '../test/support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../test/support/flux/gates.ts';
import { type GitServer, startGitServer } from '../test/support/flux/git-server.ts';
import { externalArtifact, gatedSource, gitRepository, kustomization } from '../test/support/flux/objects.ts';
import { applyShipped, type Syncgate, startSyncgate } from '../test/support/flux/syncgate.ts';
import type { Reference } from '../test/support/kubernetes/client.ts';
import { type Contender, compare, type Timing, treeMemory } from './measure.ts';
import { sectionText } from './table.ts';

const objects = 50;
const images = 10;
/** What the gate may add. */
const addedMs = 300;
const deadlineMs = 60_000;

export async function benchFlux(_scratch: string, quick: boolean): Promise<string> {
  await using gates = await startGateFiles();
  await using flux = await startFlux();
  await using git = await startGitServer();
  await applyShipped(flux);
  await flux.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bare' } });
  await using syncgate = await startSyncgate(flux, gates);
  await commitApplication(git, gates);
  const plain = await applyPlain(flux, git);
  const gated = await applyGated(flux, git);

  let revision = 0;
  const rollOut = (name: string, source: Reference, namespace: string): Contender => ({
    name,
    async run() {
      revision += 1;
      await git.commit(`revision ${revision}`, { 'app/marker.yaml': marker(`${revision}`) });
      const started = process.hrtime.bigint();
      await flux.admin.reconcile(source);
      await isApplied(flux, namespace, `${revision}`);
      const milliseconds = Number(process.hrtime.bigint() - started) / 1e6;
      // What follows an apply is no part of the next.
      await sleep(700);
      return milliseconds;
    },
  });
  const timings = await compare(
    [rollOut('Flux', plain, 'bare'), rollOut('Flux with the gate', gated, 'apps')],
    quick ? 2 : 15,
    2,
  );
  const [bare, withGate] = timings as [Timing, Timing];
  const added = withGate.median - bare.median;
  return sectionText({
    title: `(p) ${objects} objects, ${images} signed images: from a new revision of the source to an applied object`,
    lines: [
      { what: bare.name, timing: bare },
      {
        what: withGate.name,
        timing: withGate,
        against: bare,
        aim: { text: `≤ ${addedMs} ms more`, reached: added <= addedMs },
      },
    ],
    remarks: [
      `the gate itself, from the source's artifact to its own: ${judgingMs(syncgate)} ms at the median`,
      `its memory: ${treeMemory(syncgate.pid).toFixed(0)} MiB`,
    ],
  });
}

function marker(number: string): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'marker' }, data: { number } });
}

async function commitApplication(git: GitServer, gates: GateFiles): Promise<void> {
  const signed: string[] = [];
  for (let i = 0; i < images; i++) signed.push((await gates.sign(`team/app-${i}`, '1.0')).tagged);
  const files = Array.from({ length: objects - 1 }, (_, i) => {
    const object = JSON.parse(deployment(`web-${i}`, signed[i % images] ?? ''));
    // Each cluster has it in its own namespace.
    delete object.metadata.namespace;
    return [`app/web-${i}.yaml`, JSON.stringify(object)] as const;
  });
  await git.commit('first', { ...Object.fromEntries(files), 'app/marker.yaml': marker('0') });
}

async function applyPlain(flux: Flux, git: GitServer): Promise<Reference> {
  const source = gitRepository('shop', git.url, {}, 'bare');
  const consumer = kustomization('shop', source, { path: './app', targetNamespace: 'bare' }, 'bare');
  for (const object of [source, consumer]) await flux.admin.apply(object);
  await flux.admin.condition(consumer, { status: 'True' }, deadlineMs);
  return source;
}

async function applyGated(flux: Flux, git: GitServer): Promise<Reference> {
  const source = gitRepository('shop', git.url);
  const gated = gatedSource('shop', source, { path: './app', targetNamespace: 'apps' });
  const consumer = kustomization('shop', externalArtifact('shop'));
  for (const object of [source, gated, consumer]) await flux.admin.apply(object);
  await flux.admin.condition(consumer, { status: 'True' }, deadlineMs);
  return source;
}

async function isApplied(flux: Flux, namespace: string, number: string): Promise<void> {
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'marker', namespace } };
  for (const end = Date.now() + deadlineMs; Date.now() < end; await sleep(3)) {
    if ((await flux.admin.get(reference))?.['data'].number === number) return;
  }
  throw new Error(`revision ${number} was not applied in ${namespace}\n${flux.logs()}`);
}

/** What its log says of each verdict. */
function judgingMs(syncgate: Syncgate): number {
  const all = [...syncgate.log().matchAll(/"ms":(\d+),"msg":"judged"/g)].map(([, ms]) => Number(ms));
  // The first is cold.
  const sorted = all.slice(1).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
