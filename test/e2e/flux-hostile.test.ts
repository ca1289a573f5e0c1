/**
 * Sources whose artifact is not what Flux makes: nobody but source-controller should write their status, and the gate
 * does not rely on it.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it, onTestFailed } from 'vitest';
import { configMap } from '../support/flux/application.ts';
import { type Flux, startFlux } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { externalArtifact, gatedSource, gitRepository } from '../support/flux/objects.ts';
import { applyShipped, type Syncgate, startSyncgate } from '../support/flux/syncgate.ts';
import {
  type Artifact,
  type ArtifactServer,
  digestOf,
  type Entry,
  offer,
  startArtifactServer,
  tar,
  tarball,
} from '../support/flux/tarball.ts';
import { conditionOf } from '../support/kubernetes/client.ts';

let flux: Flux;
let gates: GateFiles;
let syncgate: Syncgate;
let files: ArtifactServer;
let made = 0;

const source = gitRepository('hostile', 'http://git.example/app.git');
const gated = gatedSource('hostile', source);
const external = externalArtifact('hostile');
const secret = randomBytes(16).toString('hex');

beforeAll(async () => {
  [flux, gates, files] = await Promise.all([
    startFlux({ controllers: false }),
    startGateFiles(),
    startArtifactServer('gitrepository/apps/hostile'),
  ]);
  await applyShipped(flux);
  syncgate = await startSyncgate(flux, gates);
  await flux.admin.apply(source);
  await flux.admin.apply(gated);
});

afterAll(async () => {
  await syncgate?.stop();
  await files?.stop();
  await gates?.stop();
  await flux?.stop();
});

async function offerBytes(bytes: Buffer, more: Partial<Artifact> = {}): Promise<Artifact> {
  const name = `a${made++}`;
  const artifact = { ...files.put(name, bytes, `main@sha1:${digestOf(Buffer.from(name)).slice(7, 47)}`), ...more };
  await offer(flux.admin, source, artifact);
  return artifact;
}

const honest = (): Entry[] => [['manifests.yaml', configMap('honest', { number: `${made}` })]];

async function refused({ revision }: Artifact) {
  return await flux.admin.until(
    gated,
    `to refuse ${revision}`,
    (live) => live['status']?.lastAttemptedRevision === revision && conditionOf(live)?.status === 'False',
  );
}

async function accepted({ revision }: Artifact) {
  return await flux.admin.until(
    gated,
    `to accept ${revision}`,
    (live) => live['status']?.lastAcceptedRevision === revision && conditionOf(live)?.status === 'True',
  );
}

const zeros = (bytes: number) => gzipSync(tar([{ name: 'zeros.yaml', content: Buffer.alloc(bytes) }]), { level: 9 });
const beside = [['kustomization.yaml', 'resources: [manifests.yaml]'], ...honest()] as const;

type Row = readonly [what: string, bytes: () => Buffer, more: Partial<Artifact>];
const rows: readonly Row[] = (
  [
    ['a name that climbs out', () => tarball([['../../evil.yaml', secret], ...beside])],
    ['a name that climbs out from within', () => tarball([['a/../../evil.yaml', secret], ...beside])],
    ['an absolute name', () => tarball([['/var/evil.yaml', secret], ...beside])],
    ['a name with a backslash', () => tarball([['..\\evil.yaml', secret], ...beside])],
    ['an empty name', () => tarball([['', secret], ...beside])],
    ['a hard link', () => tarball([{ name: 'passwd.yaml', type: '1', linkname: '/etc/passwd' }, ...beside])],
    ['a device', () => tarball([{ name: 'null', type: '3' }, ...beside])],
    ['a fifo', () => tarball([{ name: 'pipe.yaml', type: '6' }, ...beside])],
    [
      'a link that resources name',
      () =>
        tarball([
          ['kustomization.yaml', 'resources: [passwd.yaml]'],
          { name: 'passwd.yaml', type: '2', linkname: '/etc/passwd' },
        ]),
    ],
    [
      'a file written through a link',
      () => tarball([{ name: 'out', type: '2', linkname: '/tmp' }, ['out/evil.yaml', secret], ...beside]),
    ],
    ['a name twice', () => tarball([...beside, ['manifests.yaml', configMap('other', {})]])],
    ['a bomb of one file', () => zeros(1024 ** 3)],
    [
      '100,000 entries',
      () =>
        tarball(
          (function* () {
            for (let i = 0; i < 100_000; i++) yield [`f/${i}.yaml`, ''] as const;
            yield* beside;
          })(),
        ),
    ],
    [
      'a file that is shorter than it says',
      () => gzipSync(tar([{ name: 'a.yaml', content: 'a', size: 4096 }]).subarray(0, 1024)),
    ],
    ['an archive that is cut off', () => tarball(beside).subarray(0, 60)],
    ['no archive', () => Buffer.from(configMap('honest', {}))],
    ['an archive that is empty', () => Buffer.alloc(0)],
    ['another content than its digest says', () => tarball(beside), { digest: digestOf(Buffer.from('another')) }],
    [
      'a base beside the archive',
      () => tarball([['kustomization.yaml', `resources: [../../../../../../../../etc/passwd]`], ...honest()]),
    ],
  ] as readonly (readonly [string, () => Buffer, Partial<Artifact>?])[]
).map(([what, bytes, more = {}]) => [what, bytes, more]);

it('what is honest is let out', async () => {
  onTestFailed(() => void process.stderr.write(syncgate.log()));
  await accepted(await offerBytes(tarball(honest())));
});

it.each(rows)('%s is refused, and what was let out stays', async (_, bytes, more) => {
  onTestFailed(() => void process.stderr.write(syncgate.log().slice(-6000)));
  const before = (await flux.admin.get(external))?.['status'].artifact;
  const artifact = await offerBytes(bytes(), more);
  const ready = conditionOf(await refused(artifact));
  expect(ready?.message).not.toContain('INTERNAL');
  // Whoever reads it is a tenant: nothing of this machine is told.
  expect(ready?.message).not.toMatch(/\/tmp\/|root:|node:/);
  const after = await flux.admin.get(external);
  expect(after?.['status'].artifact).toEqual(before);
  expect(after && conditionOf(after)?.status).toBe('False');
  const served = Buffer.from(await (await fetch(before.url)).arrayBuffer());
  expect(digestOf(served)).toBe(before.digest);
});

it('nothing of it has been stored, no memory was kept, and what is honest is let out again', async () => {
  await accepted(await offerBytes(tarball(honest())));
  const stored = readdirSync(syncgate.storage, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
    .map((bytes) => (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes));
  expect(stored.some((bytes) => bytes.includes(secret))).toBe(false);
  expect(residentBytes(syncgate.pid)).toBeLessThan(700 * 1024 * 1024);
});

it('an artifact that is not there yet is asked for again', async () => {
  const artifact = files.put('later', tarball(honest()), 'main@sha1:0000000000000000000000000000000000000001');
  const absent = { ...artifact, url: `${files.url}/not-yet.tar.gz` };
  await offer(flux.admin, source, absent);
  await flux.admin.until(gated, 'to say that it waits', (live) => conditionOf(live)?.status !== 'True');
  files.put('not-yet', tarball(honest()));
  await offer(flux.admin, source, { ...absent, digest: files.put('not-yet', tarball(honest())).digest });
  await accepted(absent);
});

it.each<readonly [string, Partial<Artifact>]>([
  ['a file', { url: 'file:///etc/passwd' }],
  ['another protocol', { url: 'gopher://127.0.0.1/x' }],
  ['a name and a password', { url: 'http://user:pass@127.0.0.1:1/x' }],
  ['no address', { url: 'nonsense' }],
  ['the file of another source', { url: 'http://127.0.0.1:1/gitrepository/other/private/1.tar.gz' }],
  ['a way up', { url: 'http://127.0.0.1:1/gitrepository/apps/hostile/..%2f..%2fother/gitrepository/apps/hostile/x' }],
  ['a digest of a kind that nobody knows', { digest: 'md5:d41d8cd98f00b204e9800998ecf8427e' }],
])('%s is asked for nothing', async (_, more) => {
  const before = (await flux.admin.get(gated))?.['status'].lastAttemptedRevision;
  const known = files.asked.length;
  await offerBytes(tarball(honest()), more);
  const token = await flux.admin.reconcile(gated);
  const hindered = await flux.admin.until(
    gated,
    'to say why it reads nothing',
    (live) => live['status'].lastHandledReconcileAt === token && conditionOf(live)?.status === 'False',
  );
  // Nothing was judged, and nobody was asked.
  expect(hindered['status'].lastAttemptedRevision).toBe(before);
  expect(files.asked.length).toBe(known);
  expect(conditionOf(hindered)?.message).not.toMatch(/root:|INTERNAL|pass@/);
});

function residentBytes(pid: number): number {
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
