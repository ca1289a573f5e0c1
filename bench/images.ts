/** (b) Signed images on one registry, `cosign verify` beside `syncgate check`, cold processes; (e) and their memory. */
import { join } from 'node:path';
import { type Cosign, openCosign } from '../test/support/cosign.ts';
import { startRegistry } from '../test/support/registry.ts';
import { tool } from '../test/support/tools/resolve.ts';
import { assertSameVerdict, type Fleet, openFleet, verifyAll } from './fleet.ts';
import { compare, peakMemory, processContender, type Timing, workContender } from './measure.ts';
import { alignedText, type Line, sectionText } from './table.ts';

const cli = join(import.meta.dirname, '../dist/syncgate.mjs');
const imageCount = 20;
/** What a whole check of them may take, and what each image more. */
const [wholeMs, addedMs] = [200, 3];

type Format = 'legacy' | 'bundle';

async function openKeyedFleet(scratch: string, host: string, cosign: Cosign, format: Format): Promise<Fleet> {
  const key = await cosign.key();
  const publicKey = cosign.file(`${format}.pub`, key.publicPem);
  const insecure = ['--insecure-ignore-tlog', '--allow-http-registry', '--allow-insecure-registry'];
  return await openFleet(scratch, {
    name: format,
    host,
    images: imageCount,
    sign: (image) => cosign.sign(image.pinned, key, { cosign: 3, format }),
    authorities: [{ key: { data: key.publicPem }, ctlog: {} }],
    verify: {
      argv: [await tool('cosign'), 'verify', '--key', publicKey, ...insecure],
      env: { HOME: scratch, TUF_ROOT: join(scratch, 'tuf'), DOCKER_CONFIG: scratch },
    },
    applications: [1, imageCount],
  });
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
    const fleet = await openKeyedFleet(scratch, registry.host, cosign, format);
    parts.push(await compareFleet(fleet, format, quick ? 2 : 11));
    const [image] = fleet.images;
    if (image === undefined) throw new Error('no image was pushed');
    const [theirs, ours] = [await peakMemory(fleet.verify(image)), await peakMemory(fleet.check(imageCount))];
    memory.push([format, theirs.toFixed(0), ours.toFixed(0)]);
  }
  return [...parts, `${alignedText(memory)}\n`].join('\n');
}
