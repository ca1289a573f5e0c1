import { crc32, deflateRawSync } from 'node:zlib';

/** One entry of a hand-made archive; what is left out is what an honest archive has there. */
export interface RawEntry {
  readonly name?: string | Buffer;
  readonly type?: string;
  readonly body?: string | Buffer;
  readonly prefix?: string;
  /** What the header says, whatever the body has. */
  readonly size?: string | number;
  readonly mode?: number;
  readonly linkname?: string;
  readonly magic?: string;
  /** Bytes that are written over the header, before its sum. */
  readonly over?: { readonly at: number; readonly bytes: string };
  readonly sum?: number;
}

/** An entry, padded to whole blocks. */
export function rawEntry(entry: RawEntry): Buffer {
  const body = Buffer.from(entry.body ?? '');
  const header = Buffer.alloc(512);
  const put = (at: number, value: string | Buffer) => Buffer.from(value as string).copy(header, at);
  const size = entry.size ?? body.length;
  put(0, entry.name ?? 'file');
  put(100, `${(entry.mode ?? 0o644).toString(8).padStart(7, '0')}\0`);
  put(108, '0000000\0');
  put(116, '0000000\0');
  put(124, typeof size === 'string' ? size : `${size.toString(8).padStart(11, '0')}\0`);
  put(136, '00000000000\0');
  put(156, entry.type ?? '0');
  put(157, entry.linkname ?? '');
  put(257, entry.magic ?? 'ustar\x0000');
  put(345, entry.prefix ?? '');
  if (entry.over !== undefined) Buffer.from(entry.over.bytes, 'latin1').copy(header, entry.over.at);
  header.fill(0x20, 148, 156);
  const sum = entry.sum ?? header.reduce((total, byte) => total + byte, 0);
  put(148, `${sum.toString(8).padStart(6, '0')}\0 `);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

/** A pax header before the entry that follows it. */
export function pax(records: readonly (readonly [string, string | Buffer])[], type = 'x'): Buffer {
  const lines = records.map(([key, value]) => {
    const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value as string), Buffer.from('\n')]);
    let length = rest.length + 1;
    while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
    return Buffer.concat([Buffer.from(`${length}`), rest]);
  });
  return rawEntry({ name: 'PaxHeaders.0/x', type, body: Buffer.concat(lines) });
}

export const END = Buffer.alloc(1024);

/** A whole archive: the entries and the end mark. */
export function rawTar(...entries: readonly (RawEntry | Buffer)[]): Buffer {
  return Buffer.concat([...entries.map((entry) => (Buffer.isBuffer(entry) ? entry : rawEntry(entry))), END]);
}

/** One gzip member; `flags` and what they announce stand in its header. */
export function gzipMember(data: Buffer, options: { level?: number; flags?: number; extra?: Buffer } = {}): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length % 2 ** 32, 4);
  const header = Buffer.from([0x1f, 0x8b, 8, options.flags ?? 0, 0, 0, 0, 0, 0, 255]);
  const body = deflateRawSync(data, { level: options.level ?? 6 });
  return Buffer.concat([header, options.extra ?? Buffer.alloc(0), body, trailer]);
}

/** A gzipped archive of the entries. */
export function tarball(...entries: readonly (RawEntry | Buffer)[]): Buffer {
  return gzipMember(rawTar(...entries));
}
