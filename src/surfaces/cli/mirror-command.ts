import { asGateError, CODES, type GateError } from '../../core/errors.ts';
import { type ImageReference, parseImageReference } from '../../core/image.ts';
import { jsonText, visible, withMend } from '../../report/text.ts';
import type { Command } from './arguments.ts';
import { exitCodeOf, type Printed } from './judge-command.ts';

export type MirrorCommand = Extract<Command, { name: 'mirror' }>;

/** What became of one image. */
interface Mirrored {
  readonly digest: string;
  /** The folder of its host, below the folder that was asked for. */
  readonly host: string;
  readonly objects: number;
  readonly added: number;
}

export interface MirrorWorld {
  /** Copies one image, and the signatures in `sources`, into the folder of the command. */
  readonly mirror: (
    image: ImageReference,
    sources: readonly ImageReference['repository'][],
    signal: AbortSignal,
  ) => Promise<Mirrored>;
  /** The folder of the command, absolute. */
  readonly folder: string;
  /** Shows one line in the place of the last; undefined where nobody looks. */
  readonly progress: ((line: string) => void) | undefined;
}

/**
 * Copies the images of the command one after the other. One that fails does not keep the others back, and the exit code is
 * then that of the worst failure. Throws IMAGE_REFERENCE_* before anything is copied.
 */
export async function mirrorImages(command: MirrorCommand, world: MirrorWorld, signal: AbortSignal): Promise<Printed> {
  // Twice the same is once: the second would find everything there.
  const images = [...new Set(command.references)].map(parseImageReference);
  const sources = command.sources.map((text) => parseImageReference(text).repository);
  const done: (Mirrored & { readonly image: string })[] = [];
  const failed: { readonly image: string; readonly error: GateError }[] = [];
  let objects = 0;
  for (const [i, image] of images.entries()) {
    world.progress?.(`${i + 1}/${images.length} ${image.text} (${objects} objects so far)`);
    try {
      const mirrored = await world.mirror(image, sources, signal);
      objects += mirrored.objects;
      done.push({ image: image.text, ...mirrored });
    } catch (thrown) {
      failed.push({ image: image.text, error: asGateError(signal.aborted ? signal.reason : thrown) });
      // What stops one stops all that follow: it is told once.
      if (signal.aborted) break;
    }
  }
  world.progress?.('');
  const layouts = [...new Set(done.map(({ host }) => host))]
    .sort()
    .map((host) => ({ host, layout: `${world.folder}/${host}` }));
  const stdout =
    command.options.output === 'json' ? jsonOf(done, failed, layouts) : textOf(done, layouts, command.options.quiet);
  const stderr = failed
    .map(({ image, error }) => {
      const about = error.message.includes(image) ? '' : `${image}: `;
      return `${visible(`${error.code} ${about}${withMend(error)}`)}\n`;
    })
    .join('');
  const codes = failed.map(({ error }) => exitCodeOf(CODES[error.code].answer));
  return { stdout, stderr, exitCode: Math.max(0, ...codes) };
}

interface Layout {
  readonly host: string;
  readonly layout: string;
}

function textOf(
  done: readonly (Mirrored & { readonly image: string })[],
  layouts: readonly Layout[],
  quiet: boolean,
): string {
  const lines = done.map(
    ({ image, digest, objects, added }) => `${image} is ${digest}: ${objects} objects, ${added} of them new`,
  );
  const setting = layouts.flatMap(({ host, layout }) => [`    - host: ${host}`, `      layout: ${layout}`]);
  const hint = quiet || layouts.length === 0 ? [] : ['', 'A Gate reads them so:', 'spec:', '  registries:', ...setting];
  return [...lines, ...hint].map((line) => `${visible(line)}\n`).join('');
}

function jsonOf(
  done: readonly (Mirrored & { readonly image: string })[],
  failed: readonly { readonly image: string; readonly error: GateError }[],
  registries: readonly Layout[],
): string {
  const images = done.map(({ image, digest, objects, added }) => ({ image, digest, objects, added }));
  const failures = failed.map(({ image, error: { code, message, mend } }) => ({ image, code, message, mend }));
  return jsonText({ schema: 'syncgate.dev/mirror/v1alpha1', images, failures, registries });
}
