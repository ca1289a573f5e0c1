import type { AskSocket, SocketAnswer } from '../core/ports.ts';

/**
 * Asks a server on a unix socket over HTTP. The path of the socket is all that can be reached: there is no host, no
 * proxy and no redirect. Cutting the connection tells the server to stop working on the answer.
 */
export const askSocket: AskSocket = async ({ socket, method, path, body, maxBytes, signal }) => {
  // Most processes never ask: starting them should not cost loading it.
  const { request: httpRequest } = await import('node:http');
  return new Promise<SocketAnswer>((settle) => {
    const failed = (why: 'connection' | 'deadline' | 'output', message: string): void => {
      settle({ kind: 'failed', why, message });
      request.destroy();
    };
    const onAbort = (): void => failed('deadline', 'no answer before the deadline');
    const request = httpRequest(
      {
        socketPath: socket,
        method,
        path,
        headers: {
          host: 'localhost',
          ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > maxBytes) failed('output', `the answer is longer than ${maxBytes} bytes`);
          else chunks.push(chunk);
        });
        response.on('end', () =>
          settle({ kind: 'answered', status: response.statusCode ?? 0, body: Buffer.concat(chunks, length) }),
        );
        response.on('error', (error) => failed('connection', codeOf(error)));
        response.on('aborted', () => failed('connection', 'the connection was cut'));
      },
    );
    request.on('error', (error) => failed('connection', codeOf(error)));
    request.on('close', () => signal.removeEventListener('abort', onAbort));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    request.end(body);
  });
};

/** The message of a socket error holds the path of the socket. */
function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'the connection failed';
}
