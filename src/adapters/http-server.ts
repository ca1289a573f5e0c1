import http, { type RequestListener, type Server } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { GateError } from '../core/errors.ts';

interface ServerCertificate {
  /** PEM; the chain without its root. */
  readonly cert: string;
  readonly key: string;
}

/** `clientCa` (PEM) asks for a client certificate of that authority and refuses every other client. */
interface ServerIdentity extends ServerCertificate {
  readonly clientCa?: string;
}

export interface ServerOptions {
  /** `:9090`, `127.0.0.1:0`, `[::1]:9090`. */
  readonly address: string;
  readonly listener: RequestListener;
  /** Serves HTTPS. `clientName` refuses clients whose certificate has another common name. */
  readonly tls?: ServerIdentity & { readonly clientName?: string };
  /** Sockets at one time. Default 512. */
  readonly maxConnections?: number;
  /**
   * Sockets from one address, so that no single client can hold them all. Default a quarter of all; more where one
   * client is a whole control plane.
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * How long a connection may wait for its next request. Default 10 seconds; a server whose client keeps connections
   * should wait longer than that client does (Go: 90 seconds), or both may use and close one at the same moment.
   */
  readonly keepAliveMs?: number;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /**
   * New connections get the new certificate; those that are open are left alone. Throws for a certificate and a key that
   * do not belong together, and then the old ones stay. Only where `tls` was given.
   */
  setCertificate(certificate: ServerCertificate): void;
  /**
   * Has clients be of another authority from now on. Connections that were made before end with their next answer, for
   * nobody asks them again who they are. A text without a certificate lets nobody in. Only where `tls.clientCa` was given.
   */
  setClientCa(clientCa: string): void;
  /** Takes no new connections, waits at most `graceMs` for what is under way, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

/** How long a client may take for its headers, for its whole request, and until the next one. */
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const KEEP_ALIVE_MS = 10_000;
/** A socket that moves no byte for so long is cut, in either direction. */
const SILENCE_MS = 90_000;
const MAX_CONNECTIONS = 512;
const MAX_HEADER_BYTES = 16 * 1024;

/**
 * Starts a server that no client can hold up: everything that it waits for has an end, and sockets have a number. Throws
 * SERVER_FAILED where the address is not one, or is taken.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { host, port } = addressOf(options.address);
  const settings = {
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: options.keepAliveMs ?? KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1000,
    maxHeaderSize: MAX_HEADER_BYTES,
  };
  let identity: ServerIdentity | undefined = options.tls;
  let server: Server | https.Server;
  try {
    server =
      options.tls === undefined
        ? http.createServer(settings, options.listener)
        : https.createServer(
            {
              ...settings,
              ...secure(options.tls),
              handshakeTimeout: HEADERS_MS,
              ...(options.tls.clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
            },
            options.listener,
          );
  } catch (error) {
    throw new GateError('SERVER_FAILED', 'the certificate of a server cannot be used', {
      cause: error,
      mend: 'Give a certificate and its own key, in PEM.',
    });
  }
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  server.on('connection', limitEach(options.maxConnectionsPerAddress ?? Math.ceil(server.maxConnections / 4)));
  const { clientName } = options.tls ?? {};
  if (clientName !== undefined) {
    server.on('secureConnection', (socket: TLSSocket) => {
      // Asked before the first request is read. Several names are not one.
      if (socket.getPeerCertificate().subject?.CN !== clientName) socket.destroy();
    });
  }
  /** Whose client each was taken for. */
  const admitted = new WeakMap<Socket, string | undefined>();
  server.on('secureConnection', (socket: TLSSocket) => void admitted.set(socket, identity?.clientCa));
  server.prependListener('request', ({ socket }, response) => {
    if (admitted.get(socket) !== identity?.clientCa) response.setHeader('connection', 'close');
  });
  server.setTimeout(SILENCE_MS);
  await new Promise<void>((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const what = `nothing can be served at ${JSON.stringify(options.address)} (${error.code})`;
      fail(new GateError('SERVER_FAILED', what, { place: options.address, cause: error }));
    });
    server.listen({ port, host, exclusive: true }, done);
  });
  // A failed handshake or a socket that is cut is the client's affair.
  server.on('error', () => undefined);
  const bound = server.address() as AddressInfo;

  async function close(graceMs: number): Promise<void> {
    const ended = new Promise<void>((done) => server.close(() => done()));
    // A connection that becomes idle later would otherwise hold the end up until its client lets go.
    const idle = setInterval(() => server.closeIdleConnections(), 20);
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    await ended;
    clearInterval(idle);
    clearTimeout(cut);
  }

  function become(next: ServerIdentity): void {
    // With new keys for its tickets: no session of before is taken up again.
    if (server instanceof https.Server) server.setSecureContext(secure(next));
    identity = next;
  }

  return {
    host: bound.address,
    port: bound.port,
    setCertificate: ({ cert, key }) => become({ ...identity, cert, key }),
    setClientCa(clientCa) {
      if (identity?.clientCa === undefined) throw new Error('this server asks no client for a certificate');
      become({ ...identity, clientCa });
      server.closeIdleConnections();
    },
    close,
  };
}

/** Cuts what one address opens beyond its share, before a byte of it is read. */
function limitEach(most: number): (socket: Socket) => void {
  const open = new Map<string, number>();
  return (socket) => {
    const address = socket.remoteAddress ?? '';
    const before = open.get(address) ?? 0;
    if (before >= most) {
      socket.destroy();
      return;
    }
    open.set(address, before + 1);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  };
}

function secure({ cert, key, clientCa }: ServerIdentity) {
  return { cert, key, minVersion: 'TLSv1.2' as const, ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

function addressOf(address: string): { host: string | undefined; port: number } {
  const [, bracketed, plain, digits = ''] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(address) ?? [];
  const port = digits === '' ? Number.NaN : Number(digits);
  if (!(port <= 65_535)) {
    throw new GateError('SERVER_FAILED', `${JSON.stringify(address)} is not an address to serve at`, {
      place: address,
      mend: 'Write it as host:port, or as :port for every address of the machine.',
    });
  }
  return { host: (bracketed ?? plain) || undefined, port };
}
