/** Many signed images on one registry, and the two ways of verifying them: `cosign verify` and `syncgate check`. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PushedImage, pushImage } from '../test/support/registry.ts';
import { type Program, runProgram } from './measure.ts';

const cli = join(import.meta.dirname, '../dist/syncgate.mjs');

export interface Fleet {
  readonly images: readonly PushedImage[];
  /** The folder with `gate.yaml` and an application of the first so many images. */
  readonly root: string;
  readonly check: (count: number) => Program;
  readonly verify: (image: PushedImage) => Program;
}

/** How a fleet is signed and judged. */
export interface FleetKind {
  readonly name: string;
  readonly host: string;
  readonly images: number;
  /** Signs one image; two are signed at a time. */
  readonly sign: (image: PushedImage) => Promise<void>;
  /** `spec.authorities` of the one policy. */
  readonly authorities: readonly object[];
  /** `spec.images.trustRoots`. */
  readonly trustRoots?: object;
  /** The arguments of `cosign verify` that go before the image. */
  readonly verify: Omit<Program, 'argv'> & { readonly argv: readonly [string, ...string[]] };
  /** How many images the applications have, each of which gets a folder. */
  readonly applications: readonly number[];
}

export async function openFleet(scratch: string, kind: FleetKind): Promise<Fleet> {
  const root = join(scratch, kind.name);
  mkdirSync(join(root, 'trust'), { recursive: true });
  const images: PushedImage[] = [];
  for (let i = 0; i < kind.images; i += 1) images.push(await pushImage(kind.host, `shop/${kind.name}-${i}`, 'v1'));
  await eachOf(images, 2, kind.sign);
  const policy = {
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: 'shop' },
    spec: { images: [{ glob: '**' }], authorities: kind.authorities },
  };
  writeFileSync(join(root, 'trust/shop.yaml'), JSON.stringify(policy));
  const spec = {
    policies: [],
    images: {
      trust: [{ path: 'trust' }],
      unmatched: 'deny',
      pin: true,
      ...(kind.trustRoots && { trustRoots: kind.trustRoots }),
    },
    registries: [{ host: kind.host, plainHttp: true }],
  };
  const gate = { apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'bench' }, spec };
  writeFileSync(join(root, 'gate.yaml'), JSON.stringify(gate));
  for (const count of kind.applications) {
    mkdirSync(join(root, `app-${count}`));
    writeFileSync(join(root, `app-${count}`, 'pods.yaml'), images.slice(0, count).map(podOf).join('---\n'));
  }
  return {
    images,
    root,
    check: (count) => ({
      argv: [process.execPath, cli, 'check', `app-${count}`, '--config', 'gate.yaml', '--output', 'json'],
      cwd: root,
    }),
    verify: (image) => ({ ...kind.verify, argv: [...kind.verify.argv, image.pinned] }),
  };
}

function podOf(image: PushedImage, i: number): string {
  return `apiVersion: v1\nkind: Pod\nmetadata: { name: web-${i}, namespace: shop }\nspec: { containers: [{ name: web, image: "${image.tagged}" }] }\n`;
}

/** `cosign verify` of every image, so many at a time. Throws if one is not accepted. */
export async function verifyAll({ images, verify }: Fleet, atATime: number): Promise<void> {
  await eachOf(images, atATime, async (image) => {
    const { exitCode, stderr } = await runProgram(verify(image));
    assert.equal(exitCode, 0, stderr);
  });
}

/** Both must accept the very same digests: a faster wrong answer is none. */
export async function assertSameVerdict(fleet: Fleet): Promise<void> {
  await verifyAll(fleet, 8);
  const { stdout, stderr, exitCode } = await runProgram(fleet.check(fleet.images.length));
  assert.equal(exitCode, 0, stdout + stderr);
  const { images } = JSON.parse(stdout) as { images: { digest: string; by: string[] }[] };
  assert.deepEqual(
    images.filter(({ by }) => by.length > 0).map(({ digest }) => digest),
    fleet.images.map(({ digest }) => digest),
  );
}

async function eachOf<Value>(
  values: readonly Value[],
  atATime: number,
  work: (value: Value) => Promise<void>,
): Promise<void> {
  const waiting = [...values];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}
