import type { FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { GateError } from '../core/errors.ts';

/** What is compressed, in a file or in memory. */
export type Compressed = { readonly handle: FileHandle; readonly size: number } | { readonly bytes: Uint8Array };

const CHUNK = 64 * 1024;
/** The fixed part of the header (RFC 1952), and of what follows the data. */
const HEADER = 10;
const TRAILER = 8;
/** A header holds a file name and little else. */
const MAX_HEADER = 4096;
/** Text repeats itself a hundred times at most; a bomb reaches a thousand. Little is let through whatever it is. */
const MAX_RATIO = 200;
const RATIO_FREE_BYTES = 32 * 1024 * 1024;

/**
 * Unpacks one gzip member, chunk by chunk. What follows it is refused: some readers go on with the next member, some
 * stop, some ignore what is there, and each would see another archive. `refuse` makes the error, `tooLarge` that of a
 * bomb. Other errors are of the file system, or of the signal.
 */
export async function* gunzip(
  input: Compressed,
  refuse: (what: string, cause?: unknown) => GateError,
  tooLarge: (what: string) => GateError,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { createInflateRaw, crc32 } = process.getBuiltinModule('node:zlib');
  const size = 'handle' in input ? input.size : input.bytes.length;
  const start = headerLength(await part(input, 0, Math.min(size, MAX_HEADER)), refuse);
  const end = size - TRAILER;
  if (end <= start) throw refuse('it is cut off');
  const trailer = await part(input, end, size);
  const most = Math.max(RATIO_FREE_BYTES, size * MAX_RATIO);
  const inflate = createInflateRaw({ chunkSize: CHUNK });
  const source = body(input, start, end);
  const abort = () => inflate.destroy(new Error('it took too long'));
  signal.addEventListener('abort', abort, { once: true });
  source.on('error', (error) => inflate.destroy(error));
  source.pipe(inflate);
  let length = 0;
  let sum = 0;
  try {
    for await (const chunk of inflate as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > most) throw tooLarge(`it unpacks to more than ${MAX_RATIO} times its size`);
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (error) {
    if (isOfZlib(error)) throw refuse('its compression is damaged, or it is cut off', error);
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
    source.destroy();
    inflate.destroy();
  }
  if (inflate.bytesWritten !== end - start) throw refuse('something follows the compressed archive');
  if (trailer.readUInt32LE(0) !== sum || trailer.readUInt32LE(4) !== length % 2 ** 32) {
    throw refuse('its checksum is not that of its content');
  }
}

function isOfZlib(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === 'string' && code.startsWith('Z_');
}

async function part(input: Compressed, start: number, end: number): Promise<Buffer> {
  if ('bytes' in input) return Buffer.from(input.bytes.subarray(start, end));
  const buffer = Buffer.alloc(Math.max(0, end - start));
  const { bytesRead } = await input.handle.read(buffer, 0, buffer.length, start);
  return buffer.subarray(0, bytesRead);
}

function body(input: Compressed, start: number, end: number): Readable {
  if ('handle' in input) {
    return input.handle.createReadStream({ start, end: end - 1, autoClose: false, highWaterMark: CHUNK });
  }
  const { Readable } = process.getBuiltinModule('node:stream');
  return Readable.from(slices(input.bytes, start, end), { objectMode: false });
}

function* slices(bytes: Uint8Array, start: number, end: number): Generator<Uint8Array> {
  for (let at = start; at < end; at += CHUNK) yield bytes.subarray(at, Math.min(end, at + CHUNK));
}

/** Where the compressed data begin. */
function headerLength(bytes: Buffer, refuse: (what: string) => GateError): number {
  if (bytes.length < HEADER || bytes[0] !== 0x1f || bytes[1] !== 0x8b || bytes[2] !== 8) {
    throw refuse('it is not compressed with gzip');
  }
  const flags = bytes[3] as number;
  const [hasSum, hasExtra, hasName, hasComment] = [flags & 2, flags & 4, flags & 8, flags & 16];
  if ((flags & 0xe0) !== 0) throw refuse('its compression uses a feature that does not exist');
  let at = HEADER;
  if (hasExtra !== 0) at += 2 + (at + 2 <= bytes.length ? bytes.readUInt16LE(at) : bytes.length);
  for (const present of [hasName, hasComment]) {
    if (present === 0) continue;
    const zero = bytes.indexOf(0, at);
    at = zero < 0 ? bytes.length : zero + 1;
  }
  if (hasSum !== 0) at += 2;
  if (at >= bytes.length) throw refuse('its compression has a header that is cut off, or too long');
  return at;
}
