import type { Stats } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { GateError } from '../../../core/errors.ts';

/** A file or folder of the platform: where it is, and what messages call it (never a path of the machine). */
export interface Mounted {
  readonly path: string;
  readonly shown: string;
}

const maxFiles = 1000;

/**
 * The files of a folder in the order of their names. Names that begin with a dot are left out. Links count where they
 * stay inside `root`, because Kubernetes makes ConfigMaps and Secrets of such links; one that leaves it is refused, for
 * whoever can write its target could add a root certificate. Anything but files of these endings is refused too: what
 * is overlooked over its name protects nothing. Throws IMAGE_POLICY_MISSING and IMAGE_POLICY_INVALID.
 */
export async function filesIn(folder: Mounted, root: Mounted, endings: readonly string[]): Promise<readonly Mounted[]> {
  const found = await kindOf(folder, root);
  if (!found.isDirectory()) throw missing(`${folder.shown} is not a folder`);
  const names = (await attempt(() => readdir(folder.path), folder)).filter((name) => !name.startsWith('.')).sort();
  if (names.length > maxFiles) throw missing(`${folder.shown} holds more than ${maxFiles} files`);
  const files: Mounted[] = [];
  for (const name of names) {
    const file = { path: join(folder.path, name), shown: `${folder.shown}/${name}` };
    if (!(await kindOf(file, root)).isFile() || !endings.some((ending) => name.endsWith(ending))) {
      throw new GateError('IMAGE_POLICY_INVALID', `${file.shown} is not a file that ends in ${endings.join(', ')}`, {
        mend: 'Take it out of the folder, or give it its right name.',
        place: file.shown,
      });
    }
    files.push(file);
  }
  return files;
}

/** The bytes of a file below `root`. Throws IMAGE_POLICY_MISSING where it cannot be read or is larger. */
export async function bytesOf(file: Mounted, root: Mounted, maxBytes: number): Promise<Buffer> {
  const found = await kindOf(file, root);
  if (!found.isFile()) throw missing(`${file.shown} is not a file`);
  const bytes = found.size > maxBytes ? undefined : await attempt(() => readFile(file.path), file);
  if (bytes === undefined || bytes.length > maxBytes) throw missing(`${file.shown} is larger than ${maxBytes} bytes`);
  return bytes;
}

async function kindOf(file: Mounted, root: Mounted): Promise<Stats> {
  const [inside, real] = await attempt(() => Promise.all([realpath(root.path), realpath(file.path)]), file);
  if (real !== inside && !real.startsWith(inside.endsWith(sep) ? inside : inside + sep)) {
    throw new GateError('IMAGE_POLICY_INVALID', `${file.shown} is a link that leaves ${root.shown}`, {
      mend: 'Put the file itself there.',
      place: file.shown,
    });
  }
  return await attempt(() => stat(real), file);
}

async function attempt<T>(read: () => Promise<T>, file: Mounted): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof GateError) throw error;
    const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
    throw new GateError('IMAGE_POLICY_MISSING', `${file.shown} cannot be read (${code})`, { cause: error });
  }
}

function missing(message: string): GateError {
  return new GateError('IMAGE_POLICY_MISSING', message);
}

/** What one file holds in PEM blocks of a label, or in DER as it is. Private keys are refused: they do not belong here. */
export function blocksOf(bytes: Buffer, label: string, file: Mounted): Buffer[] {
  const text = bytes.toString('latin1');
  if (!text.includes('-----BEGIN ')) return [bytes];
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new GateError('IMAGE_KEY_PRIVATE', `${file.shown} holds a private key`, { place: file.shown });
  }
  const blocks: Buffer[] = [];
  for (const part of text.split('-----BEGIN ').slice(1)) {
    const [head = '', body = ''] = part.split('-----', 2);
    const content = body.replaceAll(/\s/g, '');
    const decoded = Buffer.from(content, 'base64');
    if (head !== label || content === '' || decoded.toString('base64') !== content) {
      throw new GateError('IMAGE_POLICY_INVALID', `${file.shown} holds something else than PEM blocks of ${label}`, {
        place: file.shown,
      });
    }
    blocks.push(decoded);
  }
  return blocks;
}
