/** A tree of files that somebody else wrote, seen through a window that nothing in it can widen. */

export interface SourceLink {
  /** Where the link stands, relative to the root, with no link on the way. */
  readonly path: string;
  /** What it says; relative, and inside the tree wherever it leads. */
  readonly target: string;
}

export interface SourceEntry {
  readonly kind: 'file' | 'folder';
  /** The entry's real path relative to the root (`.` for the root itself), with no link on the way. */
  readonly path: string;
  /** The links that were followed to get there. */
  readonly links: readonly SourceLink[];
}

/**
 * Paths are relative to the root and cleaned lexically first, as Go's filepath.Join does, then links are followed. A
 * path or a link that leaves the root throws SOURCE_OUTSIDE, a device, socket or pipe SOURCE_SPECIAL, and exceeding a
 * limit of files or bytes SOURCE_TOO_LARGE. Nothing outside the root is ever opened.
 */
export interface SourceTree {
  /** What is at a path; undefined where there is nothing, or a file stands where a folder would have to. */
  find(path: string): SourceEntry | undefined;
  /** The bytes of a file, at most the limit. The path is one that `find` or `list` gave. */
  read(path: string): Buffer;
  /** What a folder holds, sorted by name in code units; links are not followed here. */
  list(path: string): readonly { readonly name: string; readonly kind: 'file' | 'folder' | 'link' | 'special' }[];
}

/** Bounds of all that is read of one tree. */
export interface SourceLimits {
  readonly files: number;
  readonly bytes: number;
  readonly fileBytes: number;
}
