/** (b) Signed images on one registry, `cosign verify` beside `syncgate check`, cold processes; (e) and their memory. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cosign, openCosign } from '../test/support/cosign.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../test/support/registry.ts';
import { tool } from '../test/support/tools/resolve.ts';
import {
  compare,
  type Program,
  peakMemory,
  processContender,
  runProgram,
  type Timing,
  workContender,
} from './measure.ts';
import { alignedText, type Line, sectionText } from './table.ts';

const cli = join(import.meta.dirname, '../dist/syncgate.mjs');
const imageCount = 20;
/** What a whole check of them may take, and what each image more. */
const [wholeMs, addedMs] = [200, 3];

type Format = 'legacy' | 'bundle';

interface Fleet {
  readonly images: readonly PushedImage[];
  readonly publicKey: string;
  readonly env: Readonly<Record<string, string>>;
  /** A check of the first so many images. */
  readonly check: (count: number) => Program;
  readonly verify: (image: PushedImage) => Program;
}

async function openFleet(scratch: string, registry: RunningRegistry, cosign: Cosign, format: Format): Promise<Fleet> {
  const root = join(scratch, format);
  mkdirSync(join(root, 'trust'), { recursive: true });
  const key = await cosign.key();
  const images: PushedImage[] = [];
  for (let i = 0; i < imageCount; i += 1) {
    const image = await pushImage(registry.host, `shop/${format}-${i}`, 'v1');
    await cosign.sign(image.pinned, key, { cosign: 3, format });
    images.push(image);
  }
  const publicKey = join(root, 'cosign.pub');
  writeFileSync(publicKey, key.publicPem);
  const policy = {
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: 'shop' },
    spec: { images: [{ glob: '**' }], authorities: [{ key: { data: key.publicPem } }] },
  };
  writeFileSync(join(root, 'trust/shop.yaml'), JSON.stringify(policy));
  const spec = {
    policies: [],
    images: { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true },
    registries: [{ host: registry.host, plainHttp: true }],
  };
  const gate = { apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'bench' }, spec };
  writeFileSync(join(root, 'gate.yaml'), JSON.stringify(gate));
  for (const count of [1, imageCount]) {
    mkdirSync(join(root, `app-${count}`));
    writeFileSync(join(root, `app-${count}`, 'pods.yaml'), images.slice(0, count).map(podOf).join('---\n'));
  }
  const program = await tool('cosign');
  const insecure = ['--insecure-ignore-tlog', '--allow-http-registry', '--allow-insecure-registry'];
  const env = { HOME: root, TUF_ROOT: join(root, 'tuf'), DOCKER_CONFIG: root };
  return {
    images,
    publicKey,
    env,
    check: (count) => ({
      argv: [process.execPath, cli, 'check', `app-${count}`, '--config', 'gate.yaml', '--output', 'json'],
      cwd: root,
    }),
    verify: (image) => ({ argv: [program, 'verify', '--key', publicKey, ...insecure, image.pinned], env }),
  };
}

function podOf(image: PushedImage, i: number): string {
  return `apiVersion: v1\nkind: Pod\nmetadata: { name: web-${i}, namespace: shop }\nspec: { containers: [{ name: web, image: "${image.tagged}" }] }\n`;
}

/** `cosign verify` of every image, so many at a time. Throws if one is not accepted. */
async function verifyAll({ images, verify }: Fleet, atATime: number): Promise<void> {
  const waiting = [...images];
  const work = async () => {
    for (let image = waiting.shift(); image !== undefined; image = waiting.shift()) {
      const { exitCode, stderr } = await runProgram(verify(image));
      assert.equal(exitCode, 0, stderr);
    }
  };
  await Promise.all(Array.from({ length: atATime }, work));
}

/** Both must accept the very same digests: a faster wrong answer is none. */
async function assertSameVerdict(fleet: Fleet): Promise<void> {
  await verifyAll(fleet, 8);
  const { stdout, stderr, exitCode } = await runProgram(fleet.check(imageCount));
  assert.equal(exitCode, 0, stdout + stderr);
  const { images } = JSON.parse(stdout) as { images: { digest: string; by: string[] }[] };
  assert.deepEqual(
    images.filter(({ by }) => by.length > 0).map(({ digest }) => digest),
    fleet.images.map(({ digest }) => digest),
  );
}

async function compareFleet(fleet: Fleet, format: Format, rounds: number): Promise<string> {
  await assertSameVerdict(fleet);
  const timings = await compare(
    [
      workContender('cosign verify, one by one', () => verifyAll(fleet, 1)),
      workContender('cosign verify, 8 at a time', () => verifyAll(fleet, 8)),
      processContender(`syncgate check, ${imageCount} images`, fleet.check(imageCount), 0),
      processContender('syncgate check, 1 image', fleet.check(1), 0),
      processContender('syncgate without work', { argv: [process.execPath, cli, 'help'] }, 0),
    ],
    rounds,
    1,
  );
  const [single, several, all, one, idle] = timings as [Timing, Timing, Timing, Timing, Timing];
  const added = (all.median - one.median) / (imageCount - 1);
  const lines: Line[] = [
    { what: single.name, timing: single },
    { what: several.name, timing: several, against: single },
    {
      what: all.name,
      timing: all,
      against: several,
      aim: { text: `≤ ${wholeMs} ms`, reached: all.median <= wholeMs },
    },
    {
      what: one.name,
      timing: one,
      against: several,
      aim: { text: `≤ ${addedMs} ms an image more`, reached: added <= addedMs },
    },
  ];
  const remarks = [
    `each image more costs ${added.toFixed(1)} ms; syncgate without work takes ${idle.median.toFixed(0)} ms, so ${(one.median - idle.median).toFixed(0)} ms are for the configuration, the trust and the first image`,
  ];
  return sectionText({
    title: `(b) ${imageCount} images signed by a key (${format}) on one local registry`,
    lines,
    remarks,
  });
}

/** Everything about images, as text. `quick` runs few rounds, to see that it runs. */
export async function benchImages(scratch: string, quick: boolean): Promise<string> {
  await using registry = await startRegistry();
  using cosign = openCosign();
  const parts: string[] = [];
  const memory = [['(e) peak memory, MiB', 'cosign verify of 1', `syncgate check of ${imageCount}`]];
  for (const format of ['legacy', 'bundle'] as const) {
    const fleet = await openFleet(scratch, registry, cosign, format);
    parts.push(await compareFleet(fleet, format, quick ? 2 : 11));
    const [image] = fleet.images;
    if (image === undefined) throw new Error('no image was pushed');
    const [theirs, ours] = [await peakMemory(fleet.verify(image)), await peakMemory(fleet.check(imageCount))];
    memory.push([format, theirs.toFixed(0), ours.toFixed(0)]);
  }
  return [...parts, `${alignedText(memory)}\n`].join('\n');
}
