/** The Service of the artifacts, as a node of a cluster has it: whoever connects gets to the Pod of the EndpointSlice. */
import { connect, createServer, type Socket } from 'node:net';
import type { Client, Reference } from '../kubernetes/client.ts';

export interface ArtifactService extends AsyncDisposable {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  stop(): Promise<void>;
}

/** Where the Pods of the EndpointSlice really are: the port on loopback by the address. */
export async function startService(
  admin: Client,
  slice: Reference,
  pods: ReadonlyMap<string, number>,
): Promise<ArtifactService> {
  const open = new Set<Socket>();
  const keep = (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
    return socket;
  };
  const server = createServer(async (from) => {
    keep(from);
    const endpoints = ((await admin.get(slice).catch(() => undefined))?.['endpoints'] ?? []) as readonly {
      readonly addresses: readonly string[];
      readonly conditions?: { readonly ready?: boolean };
    }[];
    const port = endpoints
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ addresses }) => addresses)
      .map((address) => pods.get(address))
      .find((each) => each !== undefined);
    if (port === undefined) {
      from.destroy();
      return;
    }
    const to = keep(connect(port, '127.0.0.1'));
    from.pipe(to).pipe(from);
    from.on('close', () => to.destroy());
    to.on('close', () => from.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const stop = async () => {
    for (const socket of open) socket.destroy();
    await new Promise((closed) => server.close(closed));
  };
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { host: `127.0.0.1:${address.port}`, stop, [Symbol.asyncDispose]: stop };
}
