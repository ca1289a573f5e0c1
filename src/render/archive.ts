import { GateError } from '../core/errors.ts';
import type { Reading } from './reading.ts';

/** helm itself reads no more than this out of one archive. */
const MAX_UNPACKED_BYTES = 100 * 1024 * 1024;
const BLOCK = 512;

export interface ArchivedFile {
  /** As the archive says; it is only looked at, never written to. */
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * The regular files of a gzipped tar, for looking at what helm will read from it. Throws RENDER_CHART for what is not
 * one, for what unpacks to more than 100 MiB or than is left of the budget (which it draws on), and for the rare header forms that two readers could understand
 * differently (sparse files, binary sizes, folders with content, several extensions of one header): what one of them
 * takes for the content of a file, another could take for a file.
 */
export async function readArchive(
  packed: Buffer,
  path: string,
  budget: { left: number },
  reading: Reading,
): Promise<ArchivedFile[]> {
  const refuse = (what: string, cause?: unknown): GateError =>
    new GateError('RENDER_CHART', `${path}: ${what}`, { place: path, cause });
  let tar: Buffer;
  try {
    // Loaded here: zlib costs 5 ms, and few sources hold a packed chart.
    const { gunzip } = process.getBuiltinModule('node:zlib');
    const maxOutputLength = Math.max(1, Math.min(MAX_UNPACKED_BYTES, budget.left));
    tar = await new Promise<Buffer>((resolve, reject) => {
      gunzip(packed, { maxOutputLength }, (error, unpacked) => (error === null ? resolve(unpacked) : reject(error)));
    });
    budget.left -= tar.length;
  } catch (error) {
    throw refuse('the archive of a chart cannot be unpacked, or is too large', error);
  }
  const files: ArchivedFile[] = [];
  let next: { name?: string; size?: number } | undefined;
  for (let at = 0; at < tar.length; ) {
    if (at + BLOCK > tar.length) throw refuse('the archive of a chart is damaged');
    const header = tar.subarray(at, at + BLOCK);
    await reading.step();
    if (header.every((byte) => byte === 0)) break;
    if (!hasSum(header)) throw refuse('the archive of a chart is damaged');
    const type = String.fromCharCode(header[156] as number);
    const isExtension = type === 'x' || type === 'g' || type === 'L';
    if (isExtension && next !== undefined) throw refuse('the archive of a chart extends one header more than once');
    const size = next?.size ?? octal(header, 124);
    if (size === undefined || at + BLOCK + size > tar.length) throw refuse('the archive of a chart is damaged');
    const bytes = tar.subarray(at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    if (type === 'g') {
      // Go leaves it aside, others apply it to every file.
      const { name, size: every } = extended(bytes, refuse);
      if (name !== undefined || every !== undefined)
        throw refuse('the archive of a chart gives all its files one name');
      continue;
    }
    if (isExtension) {
      next = type === 'x' ? extended(bytes, refuse) : { name: text(bytes) };
      if (next.name === '') throw refuse('the archive of a chart has an empty name or size');
      continue;
    }
    const name = next?.name ?? headerName(header);
    next = undefined;
    // An old archive tells a folder by its slash.
    const isFolder = type === '5' || (type === '\0' && name.endsWith('/'));
    if (isFolder && size > 0) throw refuse('the archive of a chart holds a folder with content');
    if (isFolder) continue;
    if (type === '0' || type === '\0') files.push({ name, bytes });
    else throw refuse(`the archive of a chart holds ${JSON.stringify(name.slice(0, 100))}, which is not a file`);
  }
  return files;
}

function headerName(header: Buffer): string {
  const name = text(header.subarray(0, 100));
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? text(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

function octal(header: Buffer, at: number): number | undefined {
  const digits = header
    .toString('latin1', at, at + 12)
    .replace(/[\0 ]+$/, '')
    .trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits || '0', 8) : undefined;
}

function hasSum(header: Buffer): boolean {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 32 : byte;
  const digits = header.toString('latin1', 148, 156).replace(/[\0 ]+/g, '');
  return /^[0-7]+$/.test(digits) && Number.parseInt(digits, 8) === sum;
}

/** The records of a pax header, `<length> <key>=<value>\n`. */
function extended(bytes: Buffer, refuse: (what: string) => GateError): { name?: string; size?: number } {
  const found: { name?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space));
    if (space < 0 || !Number.isSafeInteger(length) || length <= space - at || at + length > bytes.length) {
      throw refuse('the archive of a chart is damaged');
    }
    const record = bytes.toString('utf8', space + 1, at + length - 1);
    const [key = '', ...rest] = record.split('=');
    const value = rest.join('=');
    // An empty value takes the extension back.
    if ((key === 'path' || key === 'size') && value === '')
      throw refuse('the archive of a chart has an empty name or size');
    if (key === 'path') found.name = value;
    else if (key === 'size') found.size = /^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
    else if (key.startsWith('GNU.sparse')) throw refuse('the archive of a chart holds sparse files');
    at += length;
  }
  if (found.size !== undefined && !Number.isSafeInteger(found.size)) throw refuse('the archive of a chart is damaged');
  return found;
}
