import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tufMirror } from '../../src/adapters/tuf-mirror.ts';
import { makeCertificates } from '../support/certificates.ts';
import { rejectionOf } from '../support/thrown.ts';

const none = { https: undefined, http: undefined, none: undefined };
const { ca, server: tls } = makeCertificates();
const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-mirror-'));
const caFile = join(folder, 'ca.pem');
const { signal } = new AbortController();
const asked: string[] = [];
const server = createServer(tls, (request, response) => {
  asked.push(request.url ?? '');
  const status = Number(request.url?.slice(1));
  if (status >= 300 && status < 400) response.setHeader('location', `https://localhost:${port()}/200`);
  response.statusCode = status;
  response.end('a file');
});
const port = () => (server.address() as AddressInfo).port;
const fetch = tufMirror(none, () => ({ caFile }));
const ask = (status: number, maxBytes = 100) => fetch(`https://127.0.0.1:${port()}/${status}`, maxBytes, signal);

beforeAll(async () => {
  writeFileSync(caFile, ca);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

describe('a TUF mirror', () => {
  it('gives what it has', async () => expect(Buffer.from((await ask(200)) ?? []).toString()).toBe('a file'));

  it.each([404, 403])('has not what it answers %i for', async (status) => expect(await ask(status)).toBeUndefined());

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ['that fails', () => ask(500), /its server answered 500/],
    ['that sends more than is read', () => ask(200, 3), /larger than 3 bytes/],
    ['that redirects to another host', () => ask(302), /redirects to .*whose host is not listed/],
    ['that cannot be reached', () => fetch('https://127.0.0.1:9/2.root.json', 100, signal), /the request failed/],
  ])('%s is an error, and not the end of its roots', async (_, work, message) => {
    const error = await rejectionOf(work());
    expect(error.code).toBe('IMAGE_TRUST_ROOT_REMOTE');
    expect(error.message).toMatch(message);
  });

  it('is asked by https alone: the request never leaves', async () => {
    const before = asked.length;
    const error = await rejectionOf(fetch(`http://127.0.0.1:${port()}/200`, 100, signal));
    expect(error.code).toBe('IMAGE_TRUST_ROOT_REMOTE');
    expect(asked.length).toBe(before);
  });

  it('of an unknown authority is not believed', async () => {
    const strict = tufMirror(none);
    expect((await rejectionOf(strict(`https://127.0.0.1:${port()}/200`, 100, signal))).code).toBe(
      'IMAGE_TRUST_ROOT_REMOTE',
    );
  });
});
