/** A proxy for tests: it knows every name as 127.0.0.1, and remembers what it was asked for. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** What it was asked: `CONNECT host:port`, or the method and whole URL of plain HTTP. */
interface Asked {
  readonly what: string;
  readonly authorization: string | undefined;
}

export interface TestProxy extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly asked: readonly Asked[];
}

export interface TestProxyOptions {
  /** The status that it refuses every CONNECT with. */
  readonly refusing?: number;
  /** It takes every CONNECT and never answers. */
  readonly silent?: boolean;
}

export async function startProxy(options: TestProxyOptions = {}): Promise<TestProxy> {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const note = (what: string, { headers }: IncomingMessage) =>
    asked.push({ what, authorization: headers['proxy-authorization'] });
  const server = createServer((incoming: IncomingMessage, response: ServerResponse) => {
    note(`${incoming.method} ${incoming.url}`, incoming);
    const { port, pathname, search } = new URL(incoming.url ?? '');
    const headers = { ...incoming.headers };
    delete headers['proxy-authorization'];
    const out = request(
      { host: '127.0.0.1', port, path: `${pathname}${search}`, method: incoming.method, headers },
      (got) => {
        response.writeHead(got.statusCode ?? 500, got.headers);
        got.pipe(response);
      },
    );
    out.on('error', () => response.destroy());
    out.end();
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('connect', (incoming: IncomingMessage, client: Socket) => {
    note(`CONNECT ${incoming.url}`, incoming);
    if (options.silent === true) return;
    if (options.refusing !== undefined) {
      client.end(`HTTP/1.1 ${options.refusing} No\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const upstream = connect(Number(incoming.url?.split(':')[1]), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      upstream.pipe(client);
      client.pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('close', () => upstream.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}
