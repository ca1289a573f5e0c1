import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import request from 'supertest';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type RunningServer, startServer } from '../../../src/adapters/http-server.ts';
import { createArtifactApp } from '../../../src/surfaces/http/artifacts.ts';

const hex = 'a'.repeat(64);
const path = `externalartifact/apps/shop/${hex}.tar.gz`;
const content = Buffer.from('content '.repeat(10_000));
const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;

function port(more: { body?: () => Readable } = {}) {
  return vi.fn(async (asked: string) =>
    asked === path ? { size: content.length, digest, body: more.body?.() ?? Readable.from([content]) } : undefined,
  );
}

let running: RunningServer | undefined;
afterEach(async () => {
  await running?.close(0);
  running = undefined;
});

/** What a server answers to bytes that no client would send; until it closes, or has said one answer. */
async function raw(open: ReturnType<typeof port>, text: string): Promise<string> {
  running = await startServer({ address: '127.0.0.1:0', listener: createArtifactApp({ open }) });
  const socket = connect(running.port, '127.0.0.1');
  socket.write(text);
  let got = '';
  socket.setEncoding('latin1');
  for await (const chunk of socket) {
    got += chunk;
    if (/\r\n\r\n/.test(got)) break;
  }
  socket.destroy();
  return got.slice(0, got.indexOf('\r\n'));
}

const headersOf = ({ headers }: { headers: IncomingHttpHeaders }) => headers;

describe('an artifact', () => {
  it('is sent whole', async () => {
    const open = port();
    const onAnswered = vi.fn();
    const response = await request(createArtifactApp({ open, onAnswered }))
      .get(`/${path}`)
      .buffer(true)
      .parse(asBuffer);
    expect(response.status).toBe(200);
    expect(content.equals(response.body as Buffer)).toBe(true);
    expect(headersOf(response)).toMatchObject({
      'content-type': 'application/gzip',
      'content-length': `${content.length}`,
      etag: `"${digest}"`,
      'cache-control': 'no-store',
      'accept-ranges': 'none',
      'x-content-type-options': 'nosniff',
    });
    expect(headersOf(response)).not.toHaveProperty('x-powered-by');
    expect(open.mock.calls).toEqual([[path]]);
    await vi.waitFor(() => expect(onAnswered.mock.calls).toEqual([[200, path]]));
  });

  it('is announced to HEAD, and its file closed', async () => {
    const body = Readable.from([content]);
    const response = await request(createArtifactApp({ open: port({ body: () => body }) })).head(`/${path}`);
    expect([response.status, headersOf(response)['content-length'], response.text]).toEqual([
      200,
      `${content.length}`,
      undefined,
    ]);
    expect(body.destroyed).toBe(true);
  });

  it.each([
    ['range', 'bytes=0-1'],
    ['range', 'bytes=5-1,-1,0-'],
    ['if-range', `"${digest}"`],
    ['if-none-match', `"${digest}"`],
    ['if-none-match', '*'],
    ['if-modified-since', new Date().toUTCString()],
    ['accept-encoding', 'gzip'],
    ['x-http-method-override', 'DELETE'],
    ['x-original-url', '/etc/passwd'],
    ['host', 'elsewhere.example.com'],
  ])('is sent whole though %s is %s', async (header, value) => {
    const response = await request(createArtifactApp({ open: port() }))
      .get(`/${path}`)
      .set(header, value)
      .buffer(true)
      .parse(asBuffer);
    expect([response.status, content.equals(response.body as Buffer)]).toEqual([200, true]);
    expect(headersOf(response)).not.toHaveProperty('content-encoding');
  });
});

describe('what is not there', () => {
  const other = `/externalartifact/apps/other/${hex}.tar.gz`;
  it.each([other, `/externalartifact/apps/shop/${'b'.repeat(64)}.tar.gz`])(
    'is 404 by the store: %s',
    async (target) => {
      const open = port();
      const response = await request(createArtifactApp({ open })).get(target);
      expect([response.status, response.text, open.mock.calls.length]).toEqual([404, '', 1]);
    },
  );

  it.each([
    '/',
    '//',
    '/externalartifact',
    '/externalartifact/',
    '/externalartifact/apps/shop/',
    '/index.html',
    '/.lock',
    '/.aside/1',
    '/.incoming/1',
    '/robots.txt',
    `//${path}`,
    `/${path}/`,
    `/${path}?`,
    `/${path}?x=1`,
    `/${path}#x`,
    `/${path}%00`,
    `/${path}%20`,
    `/./${path}`,
    `/x/../${path}`,
    `/externalartifact/../externalartifact/apps/shop/${hex}.tar.gz`,
    `/externalartifact/apps/shop/..%2f..%2f..%2fetc%2fpasswd`,
    `/externalartifact/apps/shop/../../../.lock`,
    `/externalartifact/apps/shop/%2e%2e/shop/${hex}.tar.gz`,
    `/externalartifact/apps/sho%70/${hex}.tar.gz`,
    `/externalartifact/apps/shop/${hex}%2etar.gz`,
    `/externalartifact%2fapps%2fshop%2f${hex}.tar.gz`,
    `/externalartifact/apps\\shop/${hex}.tar.gz`,
    `/EXTERNALARTIFACT/apps/shop/${hex}.tar.gz`,
    `/externalartifact/apps/shop/${hex.toUpperCase()}.tar.gz`,
    `/externalartifact/apps/shop/${hex}.tar`,
    `/externalartifact/apps/shop/${hex}.tar.gz.sha256`,
    `/externalartifact/apps/shop/latest.tar.gz`,
    `/externalartifact/apps/${'n'.repeat(300)}/${hex}.tar.gz`,
    `/externalartifact/apps/-rf/${hex}.tar.gz`,
    `http://127.0.0.1/${path}`,
    `*`,
    '/%',
    '/%c0%ae%c0%ae/',
  ])('is never asked for: %s', async (target) => {
    const open = port();
    expect(await raw(open, `GET ${target} HTTP/1.1\r\nhost: x\r\n\r\n`)).toMatch(/^HTTP\/1.1 40[04] /);
    expect(open).not.toHaveBeenCalled();
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE'])(
    '%s is not done',
    async (method) => {
      const open = port();
      expect(await raw(open, `${method} /${path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`)).toBe(
        'HTTP/1.1 405 Method Not Allowed',
      );
      expect(open).not.toHaveBeenCalled();
    },
  );

  it.each([
    ['a length', 'content-length: 5\r\n\r\nhello'],
    ['chunks', 'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
    ['both', 'content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['two lengths', 'content-length: 5\r\ncontent-length: 0\r\n\r\nhello'],
  ])('a request with a body by %s is refused', async (_, rest) => {
    const open = port();
    expect(await raw(open, `GET /${path} HTTP/1.1\r\nhost: x\r\n${rest}`)).toBe('HTTP/1.1 400 Bad Request');
    expect(open).not.toHaveBeenCalled();
  });

  it('is 500 without a word where the store fails', async () => {
    const app = createArtifactApp({ open: () => Promise.reject(new Error('secret /data/path')) });
    const response = await request(app).get(`/${path}`);
    expect([response.status, response.text]).toEqual([500, '']);
  });
});

describe('a transfer', () => {
  it('that breaks in the middle is told by its connection, never by an end', async () => {
    const broken = () =>
      Readable.from(
        (async function* () {
          yield content.subarray(0, 1000);
          throw new Error('disk');
        })(),
      );
    const failed = request(createArtifactApp({ open: port({ body: broken }) }))
      .get(`/${path}`)
      .buffer(true)
      .parse(asBuffer);
    await expect(failed).rejects.toThrow(/aborted|hang up|ECONNRESET|terminated/);
  });

  it('whose client leaves closes its file', async () => {
    const body = new Readable({ read: () => undefined });
    running = await startServer({
      address: '127.0.0.1:0',
      listener: createArtifactApp({ open: port({ body: () => body }) }),
    });
    const socket = connect(running.port, '127.0.0.1');
    socket.write(`GET /${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await vi.waitFor(() => expect(body.listenerCount('data') + body.listenerCount('readable')).toBeGreaterThan(0));
    socket.destroy();
    await vi.waitFor(() => expect(body.destroyed).toBe(true));
  });

  it('has company of a bounded number, and the rest is asked to come again', async () => {
    const bodies: Readable[] = [];
    const body = () => {
      const made = new Readable({ read: () => undefined });
      bodies.push(made);
      return made;
    };
    running = await startServer({ address: '127.0.0.1:0', listener: createArtifactApp({ open: port({ body }) }) });
    const sockets = Array.from({ length: 64 }, () => connect((running as RunningServer).port, '127.0.0.1'));
    for (const socket of sockets) socket.write(`GET /${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
    await vi.waitFor(() => expect(bodies).toHaveLength(64));
    const url = `http://127.0.0.1:${running.port}/${path}`;
    const refused = await fetch(url);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    for (const socket of sockets) socket.destroy();
    await vi.waitFor(() => expect(bodies.every((made) => made.destroyed)).toBe(true));
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200);
  });
});

function asBuffer(response: request.Response, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('end', () => done(null, Buffer.concat(chunks)));
}
