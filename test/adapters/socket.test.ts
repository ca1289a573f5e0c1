import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { askSocket } from '../../src/adapters/socket.ts';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function server(listener: RequestListener): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-'));
  const socket = join(folder, 's');
  const http = createServer(listener);
  await new Promise<void>((done) => http.listen(socket, done));
  open.push(() => {
    http.close();
    http.closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });
  return socket;
}

const ask = (socket: string, more: { maxBytes?: number; signal?: AbortSignal } = {}) =>
  askSocket({
    socket,
    method: 'POST',
    path: '/x?y=1',
    body: '{"é":1}',
    maxBytes: 1000,
    signal: AbortSignal.timeout(10_000),
    ...more,
  });

it('sends the body and gives back status and bytes', async () => {
  const socket = await server((request, response) => {
    request.setEncoding('utf8').on('data', (chunk) => {
      response.writeHead(201).end(`${request.method} ${request.url} ${request.headers['content-length']} ${chunk}`);
    });
  });
  const answer = await ask(socket);
  expect(answer).toEqual({ kind: 'answered', status: 201, body: Buffer.from('POST /x?y=1 8 {"é":1}') });
});

it('does not go where it is sent', async () => {
  const socket = await server((_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end());
  expect(await ask(socket)).toMatchObject({ kind: 'answered', status: 302 });
});

it('cuts an answer that does not end', async () => {
  const socket = await server((_, response) => {
    const timer = setInterval(() => response.write('x'.repeat(100)), 1);
    response.on('close', () => clearInterval(timer));
  });
  expect(await ask(socket)).toMatchObject({ kind: 'failed', why: 'output' });
});

it('gives up at the deadline, and lets go of the connection', async () => {
  let gone = () => {};
  const closed = new Promise<void>((done) => {
    gone = done;
  });
  const socket = await server((request) => request.socket.on('close', gone));
  expect(await ask(socket, { signal: AbortSignal.timeout(100) })).toMatchObject({ kind: 'failed', why: 'deadline' });
  await closed;
  expect(await ask(socket, { signal: AbortSignal.abort() })).toMatchObject({ kind: 'failed', why: 'deadline' });
});

it.each<[string, RequestListener]>([
  ['is cut before the answer', (request) => request.socket.destroy()],
  [
    'is cut within the answer',
    (request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => request.socket.destroy());
    },
  ],
])('says so where the connection %s', async (_, listener) => {
  expect(await ask(await server(listener))).toMatchObject({ kind: 'failed', why: 'connection' });
});

it('says that there is no server without the path of its socket', async () => {
  const answer = await ask(join(tmpdir(), 'syncgate-no-such-socket'));
  expect(answer).toEqual({ kind: 'failed', why: 'connection', message: 'ENOENT' });
});
