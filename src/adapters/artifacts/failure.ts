import { GateError } from '../../core/errors.ts';

/** What to do about a cause that the operating system names. */
const MENDS: Readonly<Record<string, string>> = {
  EACCES:
    'Let the user that syncgate runs as write to the volume of --storage-path: fsGroup of the Pod, or the owner of the folder.',
  EPERM:
    'Let the user that syncgate runs as write to the volume of --storage-path: fsGroup of the Pod, or the owner of the folder.',
  EROFS: 'Mount the volume so that it can be written.',
  ENOENT: 'Mount a volume at --storage-path.',
  ENOTDIR: 'Name a folder with --storage-path.',
  EIO: 'Look at the volume and its node: the disk fails.',
};

/**
 * A failure of the file system as one of the store, with its cause and what to do about that. Errors of the file system
 * name paths of this machine; what leaves here does not.
 */
export function asStoreError(error: unknown, otherwise: 'STORE_FAILED' | 'STORE_INVALID'): GateError {
  if (error instanceof GateError) return error;
  const { code } = error as NodeJS.ErrnoException;
  // EFBIG is the limit of a process or of the file system, which is as full as it gets for this file.
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new GateError('STORE_FULL', 'the disk that holds the artifacts is full', { cause: error });
  }
  const why = code ?? (error as Error).message;
  const mend = code === undefined ? undefined : MENDS[code];
  return new GateError(otherwise, `the storage folder cannot be used (${why})`, {
    cause: error,
    ...(mend !== undefined && { mend }),
  });
}
