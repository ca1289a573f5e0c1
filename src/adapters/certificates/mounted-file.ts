import { readFile, stat } from 'node:fs/promises';
import { type Code, GateError } from '../../core/errors.ts';

export interface MountedFile {
  readonly path: string;
  /** What messages call it. */
  readonly shown: string;
  /** What it should be: `a certificate`. */
  readonly of: string;
  /** What is thrown where it cannot be read. */
  readonly code: Code;
}

const maxBytes = 1024 * 1024;

/** The text of a file that the kubelet mounts and exchanges. Throws `code` where it is no file, too large or cannot be read. */
export async function readMounted({ path, shown, of, code }: MountedFile): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isFile() || found.size > maxBytes) throw new GateError(code, `${shown} is no file of ${of}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof GateError) throw error;
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new GateError(code, `${shown} cannot be read (${why})`, { cause: error });
  }
}
