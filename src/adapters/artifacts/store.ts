import type { Clock } from '../../core/ports.ts';
import type { PackedArtifact } from './pack.ts';

/** Whose artifact it is. */
export interface ArtifactKey {
  readonly namespace: string;
  readonly name: string;
}

export interface StoredArtifact extends ArtifactKey {
  /** `externalartifact/<namespace>/<name>/<hex>.tar.gz`, as in `status.artifact.path` and in the URL. */
  readonly path: string;
  readonly hex: string;
  readonly digest: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly storedAt: number;
}

/** A file that was opened for reading and is the one that the store vouches for. Read it whole or destroy `body`. */
export interface OpenArtifact {
  readonly size: number;
  readonly digest: string;
  readonly body: import('node:stream').Readable;
}

/** The named points of a write; a test ends the process there. */
export type StoreStep = 'created' | 'written' | 'synced' | 'renamed' | 'settled' | 'removing' | 'removed';

export interface ArtifactStore {
  /** Writes it whole and durably, or throws STORE_FULL, STORE_FAILED; storing the same again is cheap and harmless. */
  put(key: ArtifactKey, packed: PackedArtifact): Promise<StoredArtifact>;
  /** The same for what another replica has accepted: `path` is `status.artifact.path`, and content must have its digest. */
  adopt(path: string, content: Uint8Array | { readonly file: string }): Promise<StoredArtifact>;
  /** An absolute path on the same disk for a download; what is left there is removed at the next start. */
  temporary(): string;
  get(path: string): StoredArtifact | undefined;
  list(key?: ArtifactKey): readonly StoredArtifact[];
  totalBytes(): number;
  /** For the file server: undefined unless the file is still the one that was stored. */
  open(path: string): Promise<OpenArtifact | undefined>;
  /** Reads the file again and hashes it; one that is not whole is set aside. */
  check(path: string): Promise<boolean>;
  /**
   * Removes what is older than `maxAgeMs`, and the oldest of what is more than `records`; never one of `keep` (hex).
   * Gives the paths that are gone.
   */
  collect(
    key: ArtifactKey,
    options: { readonly keep: ReadonlySet<string>; readonly maxAgeMs: number; readonly records: number },
  ): Promise<readonly string[]>;
  /** Removes all of one key. */
  remove(key: ArtifactKey): Promise<void>;
  close(): void;
}

export interface StoreOptions {
  /** Absolute; it must exist. Only one process may have it open. */
  readonly folder: string;
  readonly clock: Clock;
  readonly reached?: (step: StoreStep) => void | Promise<void>;
  /** Called with what was found that must not be served, and why; at start and later. */
  readonly onSetAside?: (path: string, why: string) => void;
}

export async function openArtifactStore(options: StoreOptions): Promise<ArtifactStore> {
  throw new Error(`not built yet: ${options.folder}`);
}
