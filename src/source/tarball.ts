import type { SourceLimits } from '../core/source.ts';

export interface UnpackRequest {
  /** The absolute path of a file, or the bytes themselves. */
  readonly packed: string | Uint8Array;
  /** Absolute; it must not exist, and its parent must be private. It is gone again if anything throws. */
  readonly folder: string;
  /** What messages call it: `GitRepository apps/shop`. */
  readonly subject: string;
  /** `files` bounds the files, the folders and the other entries, each on its own; `bytes` what is unpacked. */
  readonly limits: SourceLimits;
  readonly signal: AbortSignal;
}

export interface Unpacked {
  readonly files: number;
  readonly bytes: number;
  /** Names of symbolic links that were left out, as Flux leaves them out; at most the first 20. */
  readonly links: readonly string[];
  /** What lies at the root, sorted. */
  readonly top: readonly string[];
}

export async function unpackTarball(request: UnpackRequest): Promise<Unpacked> {
  throw new Error(`not built yet: ${request.subject}`);
}

/** The one folder at the root of an unpacked chart. Throws SOURCE_TARBALL_INVALID where there is another number. */
export function chartFolder(unpacked: Unpacked, subject: string): string {
  throw new Error(`not built yet: ${subject} ${unpacked.files}`);
}
