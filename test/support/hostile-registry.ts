/**
 * A registry that misbehaves. It stands in front of a real one (`upstream`) and answers as that one does, but for the
 * requests that its behaviour is about; without an upstream it knows nothing.
 */
import { request as ask, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** What it saw of one request. */
interface SeenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The port of the client, which tells connections apart. */
  readonly port?: number | undefined;
}

/** Answers a request, or answers `false` to leave it to the upstream. `count` says how many it has seen, this one counted. */
export type Behaviour = (request: SeenRequest, response: ServerResponse, count: number) => unknown;

export interface HostileRegistry extends AsyncDisposable {
  /** `127.0.0.1:<port>`, as it stands before the first slash of an image reference. */
  readonly host: string;
  /** All requests since it started or was last told to behave differently. */
  readonly seen: readonly SeenRequest[];
  /** Behaves differently from now on; without an argument, as its upstream. */
  behave(behaviour?: Behaviour): void;
  stop(): Promise<void>;
}

export interface HostileOptions {
  /** Host of a real plain-HTTP registry. */
  readonly upstream?: string;
  readonly behaviour?: Behaviour;
  /** Serve TLS with this certificate; with `clientCa`, only to clients that this authority vouches for. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
}

export async function startHostileRegistry(options: HostileOptions = {}): Promise<HostileRegistry> {
  let behaviour = options.behaviour;
  let seen: SeenRequest[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const saw = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
      port: request.socket.remotePort,
    };
    seen.push(saw);
    // A client that had enough hangs up; that is its right.
    response.on('error', () => {});
    if (behaviour !== undefined && behaviour(saw, response, seen.length) !== false) return;
    if (options.upstream === undefined) json(response, 404, { errors: [{ code: 'NAME_UNKNOWN' }] });
    else forward(options.upstream, saw, response);
  };
  const server = createAnswering(options.tls, answer);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise<void>((closed) => server.close(() => closed()));
  };
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get seen() {
      return seen;
    },
    behave(next) {
      behaviour = next;
      seen = [];
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function createAnswering(
  tls: HostileOptions['tls'],
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  if (tls === undefined) return createServer(answer);
  const { cert, key, clientCa } = tls;
  const mutual = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  return createSecureServer({ cert, key, ...mutual }, answer) as unknown as Server;
}

function forward(upstream: string, saw: SeenRequest, response: ServerResponse, change = (body: Buffer) => body): void {
  const { 'accept-encoding': _, ...headers } = saw.headers;
  const out = ask(
    `http://${upstream}${saw.url}`,
    { method: saw.method, headers: { ...headers, host: upstream } },
    (got) => {
      const chunks: Buffer[] = [];
      got.on('data', (chunk) => chunks.push(chunk));
      got.on('end', () => {
        const body = saw.method === 'HEAD' ? undefined : change(Buffer.concat(chunks));
        const length = body === undefined ? {} : { 'content-length': String(body.length) };
        response.writeHead(got.statusCode ?? 500, { ...got.headers, ...length });
        response.end(body);
      });
    },
  );
  out.on('error', () => response.destroy());
  out.end();
}

/** A host on which nothing listens. */
export async function downHost(): Promise<string> {
  const registry = await startHostileRegistry();
  await registry.stop();
  return registry.host;
}

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

/** Only for the requests whose path and query match; the upstream answers the others. */
export function only(pattern: RegExp, behaviour: Behaviour): Behaviour {
  return (request, response, count) => (pattern.test(request.url) ? behaviour(request, response, count) : false);
}

/** The first `times` requests; then the upstream answers. */
export function firstTimes(times: number, behaviour: Behaviour): Behaviour {
  return (request, response, count) => (count <= times ? behaviour(request, response, count) : false);
}

/** Takes the request and never answers. */
export const slow: Behaviour = () => true;

/** Sends a byte of the body every 50 ms, for ever. */
export const dripping: Behaviour = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
  if (request.method === 'HEAD') return response.end();
  const timer = setInterval(() => response.write(' '), 50);
  return response.on('close', () => clearInterval(timer));
};

/** Answers a status with an error body, and with nothing that says how to go on. */
export function status(code: number, headers: Record<string, string> = {}): Behaviour {
  return (_, response) => json(response, code, { errors: [{ code: 'DENIED', message: 'no' }] }, headers);
}

/** 401 for ever, asking for a user name and password. */
export const unauthorized: Behaviour = status(401, { 'www-authenticate': 'Basic realm="registry"' });
export const forbidden: Behaviour = status(403);
export const notFound: Behaviour = status(404);
/** 429 for ever. */
export function tooManyRequests(retryAfter = '0'): Behaviour {
  return status(429, { 'retry-after': retryAfter });
}
export const failing: Behaviour = status(500);

/** Answers as the upstream does, with one byte of every body changed. */
export function wrongDigest(upstream: string): Behaviour {
  return (request, response) =>
    forward(upstream, request, response, (body) => {
      const last = body.lastIndexOf('}');
      // White space: the JSON stays the same, and the digest does not.
      return last < 1 ? Buffer.alloc(body.length, 1) : Buffer.concat([body.subarray(0, last), Buffer.from(' }')]);
    });
}

/** 200 and a body that does not end. */
export const endlessBody: Behaviour = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' });
  if (request.method === 'HEAD') return response.end();
  const chunk = Buffer.alloc(64 * 1024, 0x20);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  return more();
};

/** 200 and a page that a proxy or a portal would show. */
export const html: Behaviour = (_, response) => {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  return response.end('<!doctype html><title>Sign in to the network</title>');
};

/** Redirects everything to the same path at another origin, such as `http://127.0.0.1:1`. */
export function redirectTo(origin: string): Behaviour {
  return (request, response) => {
    response.writeHead(307, { location: `${origin}${request.url}` });
    return response.end();
  };
}

let bomb: Buffer | undefined;
/** A small body that it unpacks to 100 MB. */
export const gzipBomb: Behaviour = (_, response) => {
  bomb ??= gzipSync(Buffer.alloc(100 * 1024 * 1024, 0x20));
  response.writeHead(200, {
    'content-type': 'application/vnd.oci.image.manifest.v1+json',
    'content-encoding': 'gzip',
  });
  return response.end(bomb);
};

/** Wants the sign-in at a realm of the caller's choice. */
export function realmAt(realm: string): Behaviour {
  return status(401, { 'www-authenticate': `Bearer realm="${realm}",service="registry"` });
}

/** Hangs up instead of answering. */
export const hangUp: Behaviour = (_, response) => response.destroy();

/** Hangs up in the middle of a body. */
export const cutShort: Behaviour = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json', 'content-length': '1000' });
  if (request.method === 'HEAD') return response.end();
  response.write('{');
  return setTimeout(() => response.destroy(), 10);
};
