/** A hundred images, by managed keys and keyless: cold beside cosign, then warm in one process, and what registries are asked. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createExec, findLaunchers } from '../src/adapters/exec.ts';
import { createWorkspace, makeFolder } from '../src/adapters/workspace.ts';
import { loadConfig } from '../src/config.ts';
import type { Manifest } from '../src/core/manifest.ts';
import { parseManifests } from '../src/manifests/parse.ts';
import { defaultManifestSettings } from '../src/manifests/settings.ts';
import { type OpenImages, openImages } from '../src/wiring/images.ts';
import { type Cosign, openCosign } from '../test/support/cosign.ts';
import { type PushedImage, startRegistry } from '../test/support/registry.ts';
import { type PrivateSigstore, startSigstore } from '../test/support/sigstore/servers.ts';
import { tool } from '../test/support/tools/resolve.ts';
import { assertSameVerdict, type Fleet, openFleet, verifyAll } from './fleet.ts';
import { compare, peakMemory, processContender, type Timing, treeMemory, workContender } from './measure.ts';
import { alignedText, fasterBy, sectionText } from './table.ts';

const insecure = ['--allow-http-registry', '--allow-insecure-registry'];

/** Two signatures and one attestation each, in the tags of cosign 2. */
async function openKeyed(scratch: string, host: string, cosign: Cosign, images: number): Promise<Fleet> {
  const [key, other] = [await cosign.key(), await cosign.key()];
  const publicKey = cosign.file('fleet.pub', key.publicPem);
  const legacy = { cosign: 3, format: 'legacy' } as const;
  return await openFleet(scratch, {
    name: 'keyed',
    host,
    images,
    async sign({ pinned }) {
      await cosign.sign(pinned, other, legacy);
      await cosign.sign(pinned, key, legacy);
      await cosign.attest(pinned, key, { ...legacy, predicateType: 'custom' });
    },
    authorities: [{ key: { data: key.publicPem }, ctlog: {} }],
    verify: {
      argv: [await tool('cosign'), 'verify', '--key', publicKey, '--insecure-ignore-tlog', ...insecure],
      env: { HOME: scratch, TUF_ROOT: join(scratch, 'tuf'), DOCKER_CONFIG: scratch },
    },
    applications: [1, images],
  });
}

/** A bundle each, by a certificate of the private Sigstore, with its log and its timestamp authority. */
async function openKeyless(scratch: string, host: string, sigstore: PrivateSigstore, images: number): Promise<Fleet> {
  const [subject, issuer] = ['dev@example.com', sigstore.issuer.url];
  const identity = ['--certificate-identity', subject, '--certificate-oidc-issuer', issuer, '--insecure-ignore-sct'];
  const roots = { trustRootRef: 'private' };
  return await openFleet(scratch, {
    name: 'keyless',
    host,
    images,
    sign: ({ pinned }) => sigstore.sign(pinned, { email: subject }),
    authorities: [
      {
        keyless: { identities: [{ issuer, subject }], insecureIgnoreSCT: true, ...roots },
        ctlog: roots,
        rfc3161timestamp: roots,
      },
    ],
    trustRoots: { files: { private: sigstore.trustedRootFile } },
    verify: {
      argv: [await tool('cosign'), 'verify', '--trusted-root', sigstore.trustedRootFile, ...identity, ...insecure],
      env: { HOME: scratch, TUF_ROOT: join(scratch, 'tuf'), DOCKER_CONFIG: scratch },
    },
    applications: [1, images],
  });
}

async function compareCold(fleet: Fleet, title: string, aims: readonly [number, number?], rounds: number) {
  await assertSameVerdict(fleet);
  const count = fleet.images.length;
  const timings = await compare(
    [
      workContender('cosign verify, one by one', () => verifyAll(fleet, 1)),
      workContender('cosign verify, 8 at a time', () => verifyAll(fleet, 8)),
      processContender(`syncgate check, ${count} images`, fleet.check(count), 0),
    ],
    rounds,
    1,
  );
  const [single, several, ours] = timings as [Timing, Timing, Timing];
  const [againstOne, againstEight] = aims;
  return sectionText({
    title,
    lines: [
      { what: single.name, timing: single },
      { what: several.name, timing: several, against: single },
      { what: ours.name, timing: ours, against: single, aim: fasterBy(againstOne, ours, single) },
      ...(againstEight === undefined
        ? []
        : [{ what: ours.name, timing: ours, against: several, aim: fasterBy(againstEight, ours, several) }]),
    ],
  });
}

/** A gate's image check, opened in this process as a long-lived surface opens it. */
async function openWarm(fleet: Fleet) {
  const config = await loadConfig(join(fleet.root, 'gate.yaml'), (path) => readFile(path, 'utf8'));
  if (config.spec.images === 'unchecked') throw new Error('the gate checks no images');
  const workspace = createWorkspace(tmpdir());
  const launchers = findLaunchers();
  let folders = 0;
  const open = await openImages(
    config.spec.images,
    config,
    {
      exec: createExec(launchers),
      world: {
        env: process.env,
        temporaryFolder: tmpdir(),
        program: join(import.meta.dirname, '../dist/syncgate.mjs'),
      },
      newFolder: () => makeFolder(workspace.path, String(++folders)),
      launchers,
      lifetime: 'many verdicts',
    },
    new AbortController().signal,
  );
  return { open, close: () => open.close().finally(() => workspace.remove()) };
}

function pods(references: readonly string[]): readonly Manifest[] {
  const text = references
    .map(
      (image, i) =>
        `apiVersion: v1\nkind: Pod\nmetadata: { name: web-${i} }\nspec: { containers: [{ name: web, image: "${image}" }] }\n`,
    )
    .join('---\n');
  const bytes = Buffer.from(text);
  return parseManifests([{ file: 'pods.yaml', bytes, marks: 'none' }], defaultManifestSettings);
}

/** Every image must be verified: a check that refuses is soon done. */
async function checkWarm(open: OpenImages, manifests: readonly Manifest[]): Promise<void> {
  const { outcome, images } = await open.checkImages(manifests, open.deps(), new AbortController().signal);
  assert.equal(outcome.kind, 'completed');
  assert.equal(images.filter(({ by }) => by.length > 0).length, manifests.length);
}

interface Warm {
  readonly fresh: number;
  readonly cached: number;
  readonly memory: number;
}

/**
 * Milliseconds an image in a process that has judged before: the first half of the fleet warms it up, the second half is
 * new to it, and then known. By digest, because what a tag points to is asked in every run.
 */
async function measureWarm(fleet: Fleet): Promise<Warm> {
  const warm = await openWarm(fleet);
  try {
    const half = fleet.images.length / 2;
    const [before, timed] = [fleet.images.slice(0, half), fleet.images.slice(half)].map((images) =>
      pods(images.map(({ pinned }) => pinned)),
    ) as [readonly Manifest[], readonly Manifest[]];
    await checkWarm(warm.open, before);
    const fresh = await elapsed(() => checkWarm(warm.open, timed));
    for (let i = 0; i < 20; i += 1) await checkWarm(warm.open, timed);
    const cached = await elapsed(() => checkWarm(warm.open, timed));
    return { fresh: fresh / timed.length, cached: cached / timed.length, memory: treeMemory(process.pid) };
  } finally {
    await warm.close();
  }
}

async function elapsed(work: () => Promise<unknown>): Promise<number> {
  const started = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - started) / 1e6;
}

/** A registry that hands every request on to the fleet's, and counts them by path. */
async function startCounting(host: string) {
  const asked = new Map<string, number>();
  const server = createServer((incoming, answer) => {
    const { url = '', method, headers } = incoming;
    const line = `${method} ${url}`;
    asked.set(line, (asked.get(line) ?? 0) + 1);
    const onward = ask(`http://${host}${url}`, { method, headers: { ...headers, host } }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked, close: () => server.close() };
}

/** What one check of all images asks of their registry, and what fifty at once ask. */
async function countRequests(fleet: Fleet, host: string): Promise<string> {
  const counting = await startCounting(host);
  const through = { ...fleet, root: `${fleet.root}-counted` };
  cpSync(fleet.root, through.root, { recursive: true });
  const gate = readFileSync(join(fleet.root, 'gate.yaml'), 'utf8').replaceAll(host, counting.host);
  writeFileSync(join(through.root, 'gate.yaml'), gate);
  const warm = await openWarm(through);
  try {
    const set = pods(fleet.images.map(({ pinned }) => pinned.replace(host, counting.host)));
    await Promise.all(Array.from({ length: 50 }, () => checkWarm(warm.open, set)));
    const all = [...counting.asked.values()].reduce((sum, each) => sum + each, 0);
    const most = Math.max(...counting.asked.values());
    return `50 checks of the same ${set.length} images at once: ${(all / set.length).toFixed(1)} requests an image, and at most ${most} of one path`;
  } finally {
    await warm.close();
    counting.close();
  }
}

/** Everything about the trust in images, as text. `quick` takes few images and rounds, to see that it runs. */
export async function benchTrust(scratch: string, quick: boolean): Promise<string> {
  const [images, rounds] = quick ? [10, 1] : [100, 5];
  await using registry = await startRegistry();
  await using sigstore = await startSigstore();
  using cosign = openCosign();
  const parts: string[] = [];
  const table = [['in one process, ms an image', 'warm, not cached', 'aim', 'cached', 'aim', 'requests']];
  const memory = [['peak memory, MiB', 'cosign verify of 1', `syncgate check of ${images}`, 'warm']];
  for (const kind of ['keyed', 'keyless'] as const) {
    const fleet =
      kind === 'keyed'
        ? await openKeyed(scratch, registry.host, cosign, images)
        : await openKeyless(scratch, registry.host, sigstore, images);
    const title =
      kind === 'keyed'
        ? `(f) ${images} images, each with two signatures by keys and an attestation`
        : `(f) ${images} images, each with a keyless bundle, a log entry and a timestamp`;
    parts.push(await compareCold(fleet, title, kind === 'keyed' ? [10, 5] : [3], rounds));
    const warm = await measureWarm(fleet);
    const aim = kind === 'keyed' ? 5 : 15;
    table.push([
      kind,
      warm.fresh.toFixed(2),
      `≤ ${aim} ${warm.fresh <= aim ? 'reached' : 'MISSED'}`,
      warm.cached.toFixed(3),
      `≤ 0.1 ${warm.cached <= 0.1 ? 'reached' : 'MISSED'}`,
      await countRequests(fleet, registry.host),
    ]);
    const [image] = fleet.images as readonly [PushedImage, ...PushedImage[]];
    const [theirs, ours] = [await peakMemory(fleet.verify(image)), await peakMemory(fleet.check(images))];
    memory.push([kind, theirs.toFixed(0), ours.toFixed(0), warm.memory.toFixed(0)]);
  }
  return [...parts, `${alignedText(table)}\n`, `${alignedText(memory)}\n`].join('\n');
}
