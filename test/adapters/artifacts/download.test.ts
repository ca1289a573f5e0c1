import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type ArtifactAnswer,
  type ArtifactRequest,
  downloadArtifact,
} from '../../../src/adapters/artifacts/download.ts';
import type { GateError } from '../../../src/core/errors.ts';
import { makeCertificates } from '../../support/certificates.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let folder: string;
let file: string;
let server: Server;
let asked: IncomingMessage[];
let answer: Answer;
let url: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'download-test-'));
  file = join(folder, 'artifact');
  asked = [];
  server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/gitrepository/apps/shop/a.tar.gz`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(folder, { recursive: true });
});

const body = Buffer.from('content '.repeat(50_000));
const digestOf = (algorithm: string, bytes: Buffer = body) =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;

function download(more: Partial<ArtifactRequest> = {}): Promise<ArtifactAnswer> {
  const signal = AbortSignal.timeout(20_000);
  return downloadArtifact({ url, digest: digestOf('sha256'), file, maxBytes: 10_000_000, signal, ...more });
}

async function refusal(more: Partial<ArtifactRequest> = {}): Promise<GateError> {
  const error = await download(more).then(
    (done) => expect.fail(`it was downloaded: ${JSON.stringify(done)}`),
    (thrown: unknown) => thrown as GateError,
  );
  expect([error.name, readdirSync(folder)]).toEqual(['GateError', []]);
  expect(error.message).not.toContain(folder);
  return error;
}

const whole: Answer = (_, response) => response.end(body);

describe('a download', () => {
  it.each(['sha256', 'sha384', 'sha512'])('has the %s that was promised', async (algorithm) => {
    answer = whole;
    expect(await download({ digest: digestOf(algorithm) })).toEqual({ kind: 'stored', bytes: body.length });
    expect(readFileSync(file).equals(body)).toBe(true);
    expect(lstatSync(file).mode & 0o777).toBe(0o600);
  });

  it('is asked for once, without credentials and cookies', async () => {
    answer = whole;
    await download();
    expect(asked).toHaveLength(1);
    expect(asked[0]?.method).toBe('GET');
    expect(Object.keys(asked[0]?.headers ?? {}).sort()).toEqual([
      'accept',
      'accept-encoding',
      'connection',
      'host',
      'user-agent',
    ]);
  });

  it('that is not there is an answer of its own', async () => {
    answer = (_, response) => response.writeHead(404).end('gone');
    expect(await download()).toEqual({ kind: 'absent' });
    expect(existsSync(file)).toBe(false);
  });
});

describe('nothing is kept of', () => {
  it.each<[string, Answer, string, RegExp]>([
    ['other content', (_, response) => response.end('other'), 'ARTIFACT_DIGEST_MISMATCH', /has the digest sha256:/],
    ['nothing', (_, response) => response.end(), 'ARTIFACT_DIGEST_MISMATCH', /has the digest sha256:/],
    ['a part', (_, response) => response.end(body.subarray(1)), 'ARTIFACT_DIGEST_MISMATCH', /has the digest/],
    [
      'a redirect',
      (_, response) => response.writeHead(302, { location: '/a' }).end(),
      'ARTIFACT_FETCH_FAILED',
      /redirects \(302\)/,
    ],
    [
      'a redirect elsewhere',
      (_, response) => response.writeHead(307, { location: 'http://169.254.169.254/' }).end(),
      'ARTIFACT_FETCH_FAILED',
      /redirects/,
    ],
    ['a server error', (_, response) => response.writeHead(500).end(body), 'ARTIFACT_FETCH_FAILED', /answered 500/],
    ['a part by request', (_, response) => response.writeHead(206).end(body), 'ARTIFACT_FETCH_FAILED', /answered 206/],
    ['no content', (_, response) => response.writeHead(204).end(), 'ARTIFACT_FETCH_FAILED', /answered 204/],
    ['a refusal', (_, response) => response.writeHead(403).end(), 'ARTIFACT_FETCH_FAILED', /answered 403/],
    ['what is cut', cut, 'ARTIFACT_FETCH_FAILED', /could not be downloaded/],
    ['what is cut in chunks', cutChunked, 'ARTIFACT_FETCH_FAILED', /could not be downloaded/],
    [
      'a connection that is refused at once',
      (request) => (request.socket as Socket).resetAndDestroy(),
      'ARTIFACT_FETCH_FAILED',
      /could not be downloaded/,
    ],
    [
      'what is no HTTP',
      (request) => request.socket.end('220 smtp\r\n'),
      'ARTIFACT_FETCH_FAILED',
      /could not be downloaded/,
    ],
  ])('%s', async (_, given, code, message) => {
    answer = given;
    const error = await refusal();
    expect([error.code, error.message]).toEqual([code, expect.stringMatching(message)]);
    expect(asked).toHaveLength(1);
  });

  it('more than may be, whatever was announced', async () => {
    answer = whole;
    expect((await refusal({ maxBytes: body.length - 1 })).code).toBe('ARTIFACT_TOO_LARGE');
    answer = (_, response) => response.writeHead(200, { 'content-length': '99999999' }).flushHeaders();
    expect((await refusal({ maxBytes: 1000 })).code).toBe('ARTIFACT_TOO_LARGE');
    answer = endless;
    expect((await refusal()).code).toBe('ARTIFACT_TOO_LARGE');
  });

  it.each<[string, Answer]>([
    ['its headers', () => undefined],
    ['its body', (_, response) => void response.write(body.subarray(0, 100))],
  ])('a server that never sends %s', async (_, given) => {
    answer = given;
    expect((await refusal({ signal: AbortSignal.timeout(300) })).code).toBe('ARTIFACT_TIMEOUT');
  });

  it('a server that is not there', async () => {
    expect((await refusal({ url: 'http://127.0.0.1:1/x' })).code).toBe('ARTIFACT_FETCH_FAILED');
  });

  it('a server with a certificate of nobody’s', async () => {
    const { server: own } = makeCertificates();
    const secure = createTlsServer(own, (_, response) => response.end(body));
    await new Promise<void>((done) => secure.listen(0, '127.0.0.1', done));
    const error = await refusal({ url: `https://127.0.0.1:${(secure.address() as AddressInfo).port}/x` });
    expect(error.code).toBe('ARTIFACT_FETCH_FAILED');
    await new Promise((done) => secure.close(done));
  });
});

describe('nobody is asked', () => {
  it.each([
    ['', 'ARTIFACT_DIGEST_UNSUPPORTED'],
    ['a'.repeat(64), 'ARTIFACT_DIGEST_UNSUPPORTED'],
    [`blake3:${'a'.repeat(64)}`, 'ARTIFACT_DIGEST_UNSUPPORTED'],
    [`sha1:${'a'.repeat(40)}`, 'ARTIFACT_DIGEST_UNSUPPORTED'],
    [`md5:${'a'.repeat(32)}`, 'ARTIFACT_DIGEST_UNSUPPORTED'],
    [`sha256:${'a'.repeat(63)}`, 'ARTIFACT_DIGEST_UNSUPPORTED'],
    [`sha256:${'A'.repeat(64)}`, 'ARTIFACT_DIGEST_UNSUPPORTED'],
    [`sha512:${'a'.repeat(64)}`, 'ARTIFACT_DIGEST_UNSUPPORTED'],
    [`sha256:${'a'.repeat(64)}\n`, 'ARTIFACT_DIGEST_UNSUPPORTED'],
  ])('by the digest %j', async (digest, code) => {
    expect((await refusal({ digest })).code).toBe(code);
    expect(asked).toEqual([]);
  });

  it.each(['file:///etc/passwd', 'ftp://127.0.0.1/x', 'http://user:secret@127.0.0.1/x', 'not a url', ''])(
    'at %j',
    async (wrong) => {
      const error = await refusal({ url: wrong });
      expect([error.code, error.message]).toEqual(['ARTIFACT_FETCH_FAILED', expect.not.stringContaining('secret')]);
    },
  );

  it('when time is up', async () => {
    expect((await refusal({ signal: AbortSignal.abort() })).code).toBe('ARTIFACT_TIMEOUT');
    expect(asked).toEqual([]);
  });
});

it.each<[string, (path: string) => void]>([
  ['a file', (path) => writeFileSync(path, 'mine')],
  ['a link', (path) => symlinkSync(`${path}.target`, path)],
])('writes over no %s that is there', async (_, prepare) => {
  answer = whole;
  prepare(file);
  await expect(download()).rejects.toMatchObject({ code: 'WORKSPACE_FAILED' });
  expect(existsSync(`${file}.target`)).toBe(false);
  expect(readdirSync(folder)).toEqual(['artifact']);
});

it('shows no query of a URL', async () => {
  answer = (_, response) => response.writeHead(500).end();
  expect((await refusal({ url: `${url}?token=secret` })).message).not.toContain('secret');
});

function cut(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': `${body.length}` });
  response.write(body.subarray(0, 1000), () => response.destroy());
}

function cutChunked(_: IncomingMessage, response: ServerResponse): void {
  response.write(body, () => response.destroy());
}

function endless(_: IncomingMessage, response: ServerResponse): void {
  const more = () => {
    while (!response.destroyed && response.write(body));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}
