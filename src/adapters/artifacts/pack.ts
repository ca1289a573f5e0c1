import { createHash } from 'node:crypto';

export interface PackedArtifact {
  /** A gzipped tar. */
  readonly bytes: Buffer;
  /** sha256 of the bytes, in hex. */
  readonly hex: string;
  /** `sha256:<hex>`. */
  readonly digest: string;
}

const BLOCK = 512;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;
/** What gzip writes there: no flags, no time, no word about how hard it tried, no operating system. */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);

/**
 * Packs a few files of one folder as source-controller packs: sorted by name, mode 0600, owner 0, the time 0, no names
 * of users. Equal files give equal bytes whatever the order, the machine's clock or its user; as the compression is
 * that of the zlib which Node.js brings, another release of Node.js or another kind of processor may give other bytes
 * (of the same files). Throws for a name that is not plain, or stands twice: names come from the program.
 */
export async function packArtifact(
  files: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): Promise<PackedArtifact> {
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const parts: Uint8Array[] = [];
  for (const [index, { name, bytes }] of sorted.entries()) {
    if (!NAME.test(name) || sorted[index + 1]?.name === name)
      throw new TypeError(`${name} is no name of a packed file`);
    parts.push(header(name, bytes.length), bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK));
  }
  const tar = Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
  const packed = await gzip(tar);
  const hex = createHash('sha256').update(packed).digest('hex');
  return { bytes: packed, hex, digest: `sha256:${hex}` };
}

/** A header of POSIX (ustar), which every reader reads alike. */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 'latin1');
  block.write('0000600\x000000000\x000000000\0', 100, 'latin1');
  block.write(`${size.toString(8).padStart(11, '0')}\x0000000000000\0`, 124, 'latin1');
  block.write('        0', 148, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** The frame is written here: zlib's own names the operating system in it. */
async function gzip(data: Buffer): Promise<Buffer> {
  const { crc32, deflateRaw } = process.getBuiltinModule('node:zlib');
  const body = await new Promise<Buffer>((done, fail) => {
    deflateRaw(data, { level: 6, memLevel: 8, windowBits: 15 }, (error, result) =>
      error === null ? done(result) : fail(error),
    );
  });
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(data), 0);
  trailer.writeUInt32LE(data.length % 2 ** 32, 4);
  return Buffer.concat([GZIP_HEADER, body, trailer]);
}
