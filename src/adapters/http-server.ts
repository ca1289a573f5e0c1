import type { RequestListener } from 'node:http';

export interface ServerOptions {
  /** `:9090`, `127.0.0.1:0`, `[::1]:9090`. */
  readonly address: string;
  readonly listener: RequestListener;
  /** Serves HTTPS. `clientCa` asks for a client certificate of that authority and refuses every other client. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Sockets at one time. Default 512. */
  readonly maxConnections?: number;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** New connections get the new certificate; those that are open are left alone. Only where `tls` was given. */
  setCertificate(certificate: { readonly cert: string; readonly key: string }): void;
  /** Takes no new requests, waits at most `graceMs` for those under way, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<RunningServer> {
  throw new Error(`not built yet: ${options.address}`);
}
