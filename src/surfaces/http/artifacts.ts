import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express, { type Express, type Request, type Response } from 'express';

/** A file that may be had. `body` is read whole, or destroyed. */
interface ServedFile {
  readonly size: number;
  readonly digest: string;
  readonly body: Readable;
}

export interface ArtifactServerPorts {
  /** A file by its exact path (without the leading slash); undefined for everything that may not be had. */
  readonly open: (path: string) => Promise<ServedFile | undefined>;
  /** After every request: the path only where it is one of an artifact. */
  readonly onAnswered?: (status: number, path: string | undefined) => void;
}

/** Every path there is. It is compared as it came: what would first have to be decoded or cleaned is another path. */
const ARTIFACT_PATH =
  /^\/(externalartifact\/[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\/[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?\/[0-9a-f]{64}\.tar\.gz)$/;
/** Files that are sent at one time; a consumer that is told 503 asks again. */
const MAX_STREAMS = 64;
/** A reader that takes longer has no use for the file. */
const MAX_SECONDS = 300;

/**
 * The file server of accepted artifacts: GET and HEAD of the exact paths that `open` vouches for, and 404 or 405 for
 * everything else. There is no listing, no query, no range, no condition and no redirect, so a URL either is the whole
 * of one file or nothing. Every answer says that it is not to be kept: what was withdrawn must be gone.
 */
export function createArtifactApp(ports: ArtifactServerPorts): Express {
  let streams = 0;

  async function answer(request: Request, response: Response): Promise<string | undefined> {
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'accept-ranges': 'none' });
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      // What it wanted to send is not read.
      response.set({ allow: 'GET, HEAD', connection: 'close' }).status(405).end();
      return undefined;
    }
    const path = ARTIFACT_PATH.exec(request.originalUrl)?.[1];
    if (request.headers['transfer-encoding'] !== undefined || (request.headers['content-length'] ?? '0') !== '0') {
      response.set('connection', 'close').status(400).end();
      return path;
    }
    if (path === undefined) {
      response.status(404).end();
      return undefined;
    }
    if (streams >= MAX_STREAMS) {
      response.set('retry-after', '1').status(503).end();
      return path;
    }
    streams += 1;
    try {
      const file = await ports.open(path);
      if (file === undefined) {
        response.status(404).end();
        return path;
      }
      response.status(200).set({
        'content-type': 'application/gzip',
        'content-length': `${file.size}`,
        etag: `"${file.digest}"`,
      });
      try {
        if (request.method === 'HEAD') response.end();
        else await pipeline(file.body, response, { signal: AbortSignal.timeout(MAX_SECONDS * 1000) });
      } finally {
        // A pipeline whose client has left already ends without closing what it never began to read.
        file.body.destroy();
      }
    } finally {
      streams -= 1;
    }
    return path;
  }

  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use((request, response) => {
    answer(request, response).then(
      (path) => ports.onAnswered?.(response.statusCode, path),
      () => {
        // Half a file is told from a whole one by the connection that ends; nothing of the error is said.
        if (response.headersSent) response.destroy();
        else response.status(500).end();
        ports.onAnswered?.(500, undefined);
      },
    );
  });
  return app;
}
