import { join } from 'node:path';
import { effectOf, GateError } from '../../core/errors.ts';
import type { GatedSourceSpec } from './gated-source.ts';
import { Hindrance } from './hindrance.ts';
import type { PrivateFolder } from './ports.ts';
import type { ReconcilerPorts, ReconcilerSettings } from './run.ts';
import type { SourceArtifact } from './sources.ts';
import { inTime } from './verdict.ts';

/** How long a server may take to hand a file over, and the file to be unpacked: who drips holds a turn no longer. */
const DOWNLOAD_LIMIT = 60_000;
const UNPACK_LIMIT = 60_000;

/** What was unpacked, and which folder of it is meant. */
export interface FetchedSource {
  /** Absolute. */
  readonly root: string;
  /** Relative to it. */
  readonly path: string;
}

/**
 * Downloads a source's artifact into a private folder, proves its digest, and unpacks it under Flux's rules. Throws a
 * Hindrance: what is not there or cannot be reached may come, what is not what it says is refused.
 */
export async function fetchSource(
  { download, unpack, timers }: Pick<ReconcilerPorts, 'download' | 'unpack' | 'timers'>,
  settings: ReconcilerSettings,
  artifact: SourceArtifact,
  wanted: { readonly subject: string; readonly spec: GatedSourceSpec; readonly downloaded: () => void | Promise<void> },
  folder: PrivateFolder,
  signal: AbortSignal,
): Promise<FetchedSource> {
  if (!/^https?:\/\//.test(artifact.url) || !URL.canParse(artifact.url)) {
    const message = `${wanted.subject} has its artifact at an address that is not one of http or https`;
    throw new Hindrance('FetchFailed', new GateError('FLUX_SOURCE_UNREACHABLE', message), 'wait', 'source');
  }
  const file = join(folder.path, 'artifact');
  const { url, digest } = artifact;
  const { maxDownloadBytes: maxBytes } = settings;
  const ask = (stop: AbortSignal) => download({ url, digest, file, maxBytes, signal: stop });
  const answer = await fetched(() => inTime(ask, DOWNLOAD_LIMIT, timers, signal));
  if (answer.kind === 'absent') {
    const message = `${wanted.subject} names an artifact that its server does not have at the moment`;
    throw new Hindrance('ArtifactNotFound', new GateError('FLUX_SOURCE_WAITING', message), 'retry', 'source');
  }
  await wanted.downloaded();
  const root = join(folder.path, 'source');
  try {
    const open = (stop: AbortSignal) => unpack({ packed: file, folder: root, subject: wanted.subject, signal: stop });
    const { top } = await inTime(open, UNPACK_LIMIT, timers, signal);
    return { root, path: pathIn(wanted.spec, top) };
  } catch (error) {
    if (!(error instanceof GateError) || !error.code.startsWith('SOURCE_')) throw error;
    // The same bytes unpack the same way: nothing is gained by trying again before they change.
    throw new Hindrance('SourceRefused', error, 'wait');
  }
}

/** What is refused for what it is, is an answer about the revision; what could not be had is none. */
async function fetched<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof GateError)) throw error;
    const denied = effectOf(error.code) === 'deny';
    throw new Hindrance(denied ? 'SourceRefused' : 'FetchFailed', error, 'retry', denied ? 'revision' : 'source');
  }
}

/** A packed chart has one folder at its root, whatever that is called: it is the chart. */
function pathIn(spec: GatedSourceSpec, top: readonly string[]): string {
  const path = spec.path === '' ? './' : spec.path;
  const isRoot = ['.', './'].includes(path);
  const [only] = top;
  const mayBePacked = spec.helm !== undefined && !['GitRepository', 'Bucket'].includes(spec.sourceRef.kind);
  return mayBePacked && isRoot && top.length === 1 && only !== undefined ? only : path;
}
