/** Artifacts as a source of Flux serves them, honest ones and others, and a server for them. */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { Client, Reference } from '../kubernetes/client.ts';

/** An entry as it stands in the archive, true or not. */
interface RawEntry {
  readonly name: string;
  /** The type flag of ustar: a file where it is left out, `1` and `2` links, `5` a folder, `6` a fifo, `x` and `g` pax. */
  readonly type?: string;
  readonly content?: string | Uint8Array;
  /** What the header says, where that is not what follows. */
  readonly size?: number;
  readonly linkname?: string;
  readonly mode?: number;
}

/** The text of a file by its path, or an entry of any kind. */
export type Entry = RawEntry | readonly [path: string, text: string];

/** A gzipped tar with these entries, in this order. */
export function tarball(entries: Iterable<Entry>): Buffer {
  return gzipSync(tar(entries), { level: 1 });
}

export function tar(entries: Iterable<Entry>): Buffer {
  const blocks: Buffer[] = [];
  for (const entry of entries) {
    const {
      name,
      type = '0',
      content = '',
      linkname = '',
      mode = 0o644,
      ...raw
    } = 'name' in entry ? entry : { name: entry[0], content: entry[1] };
    const body = Buffer.from(content as string);
    const header = Buffer.alloc(512);
    const octal = (value: number, at: number, digits: number) =>
      header.write(value.toString(8).padStart(digits, '0'), at);
    header.write(name, 0, 100);
    octal(mode, 100, 7);
    octal(0, 108, 7);
    octal(0, 116, 7);
    octal('size' in raw ? (raw.size ?? 0) : body.length, 124, 11);
    octal(0, 136, 11);
    header.write('        ', 148);
    header.write(type, 156);
    header.write(linkname, 157, 100);
    header.write('ustar\u000000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export interface Artifact {
  readonly url: string;
  readonly digest: string;
  readonly revision: string;
  readonly path: string;
  readonly lastUpdateTime: string;
  readonly size: number;
}

export interface ArtifactServer extends AsyncDisposable {
  readonly url: string;
  /** Serves these bytes, and answers what a status says of them. */
  put(name: string, bytes: Buffer, revision?: string): Artifact;
  /** What has been asked for. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** Serves whatever it is given, on loopback, below a folder: that of the source that it is to be of. */
export async function startArtifactServer(folder = ''): Promise<ArtifactServer> {
  const files = new Map<string, Buffer>();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const file = files.get(request.url ?? '');
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': 'application/gzip' }).end(file);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const below = folder === '' ? '' : `/${folder}`;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
  };
  return {
    url: `${origin}${below}`,
    asked,
    put(name, bytes, revision) {
      const path = `${below}/${name}.tar.gz`;
      files.set(path, bytes);
      const digest = digestOf(bytes);
      return {
        url: `${origin}${path}`,
        digest,
        revision: revision ?? `main@${digest}`,
        path: path.slice(1),
        lastUpdateTime: new Date().toISOString().replace(/\.\d+/, ''),
        size: bytes.length,
      };
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Writes the status of a source as source-controller does. */
export async function offer(admin: Client, source: Reference, artifact: Artifact): Promise<void> {
  const ready = { type: 'Ready', status: 'True', reason: 'Succeeded', message: 'stored artifact' };
  const conditions = [{ ...ready, lastTransitionTime: artifact.lastUpdateTime, observedGeneration: 1 }];
  const status = { artifact, conditions, observedGeneration: 1 };
  await admin.merge(source, { status }, { subresource: 'status' });
}
