import { gunzipSync } from 'node:zlib';
import { GateError } from '../../../core/errors.ts';

const maxUnpackedBytes = 32 * 1024 * 1024;
const maxEntries = 2000;
const block = 512;

/**
 * The plain files of a gzipped tar archive, by their names without leading `/` and `./`. Nothing is written anywhere.
 * Links and devices are refused, and so are names that climb, a name that is there twice, a wrong checksum, and more
 * than 32 MiB or 2000 entries. Throws IMAGE_TRUST_ROOT_INVALID.
 */
export function unpack(archive: Uint8Array): Map<string, Uint8Array> {
  let tar: Buffer;
  try {
    tar = gunzipSync(archive, { maxOutputLength: maxUnpackedBytes });
  } catch (error) {
    throw new GateError(
      'IMAGE_TRUST_ROOT_INVALID',
      `it is not a gzipped archive of at most ${maxUnpackedBytes} bytes`,
      {
        cause: error,
      },
    );
  }
  const files = new Map<string, Uint8Array>();
  let longName: string | undefined;
  let entries = 0;
  for (let offset = 0; offset + block <= tar.length; ) {
    const header = tar.subarray(offset, offset + block);
    if (header.every((byte) => byte === 0)) break;
    if (++entries > maxEntries) throw invalid(`it holds more than ${maxEntries} entries`);
    if (!hasChecksum(header)) throw invalid('it is not a tar archive');
    const size = octal(header, 124, 12);
    const from = offset + block;
    if (from + size > tar.length) throw invalid('it ends within a file');
    const content = tar.subarray(from, from + size);
    offset = from + Math.ceil(size / block) * block;
    const type = String.fromCharCode(header[156] ?? 0);
    if (type === 'x') longName = paxPath(content) ?? longName;
    else if (type === 'L') longName = textOf(content);
    else if (type === '0' || type === '\0') {
      const name = cleanName(longName ?? headerName(header));
      longName = undefined;
      if (files.has(name)) throw invalid(`it holds ${JSON.stringify(name)} twice`);
      files.set(name, content);
    } else if (type === '5' || type === 'g') longName = undefined;
    else throw invalid('it holds a link or a device, and only files belong there');
  }
  return files;
}

function hasChecksum(header: Buffer): boolean {
  let sum = 0;
  for (const [i, byte] of header.entries()) sum += i >= 148 && i < 156 ? 32 : byte;
  return sum === octal(header, 148, 8);
}

function octal(header: Buffer, from: number, length: number): number {
  const text = textOf(header.subarray(from, from + length)).trim();
  if (!/^[0-7]{1,11}$/.test(text)) throw invalid('it is not a tar archive');
  return Number.parseInt(text, 8);
}

function headerName(header: Buffer): string {
  const name = textOf(header.subarray(0, 100));
  const isUstar = header.subarray(257, 262).toString('latin1') === 'ustar';
  const prefix = isUstar ? textOf(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** The `path` of a pax header: records of `<length> <key>=<value>` and a line feed. */
function paxPath(content: Buffer): string | undefined {
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const digits = space < 0 ? '' : content.subarray(at, space).toString('latin1');
    if (!/^[1-9]\d{0,5}$/.test(digits) || at + Number(digits) > content.length)
      throw invalid('it is not a tar archive');
    const record = content.subarray(space + 1, at + Number(digits) - 1).toString('utf8');
    if (record.startsWith('path=')) return record.slice('path='.length);
    at += Number(digits);
  }
  return undefined;
}

function cleanName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || parts.length === 0) throw invalid('a name in it leads out of it');
  return parts.join('/');
}

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.length : end).toString('utf8');
}

function invalid(why: string): GateError {
  return new GateError('IMAGE_TRUST_ROOT_INVALID', why);
}
