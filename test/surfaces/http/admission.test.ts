import { randomBytes } from 'node:crypto';
import { Agent, request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import supertest from 'supertest';
import { afterEach, describe, expect, it } from 'vitest';
import { startServer } from '../../../src/adapters/http-server.ts';
import { GateError } from '../../../src/core/errors.ts';
import { SILENT_LOG } from '../../../src/core/telemetry.ts';
import { type AdmissionAppPorts, createAdmissionApp, ownDeadline } from '../../../src/surfaces/http/admission.ts';
import { decisionOf, gateOf, gatesOf, reviewText } from '../../support/admission/review.ts';
import { startWebhook } from '../../support/admission/webhook.ts';
import { makeCertificates } from '../../support/certificates.ts';

/** The endpoint over a review that is not asked unless a test says so. */
function app(more: Partial<AdmissionAppPorts> = {}) {
  const asked: { readonly length: number; readonly withinMs: number }[] = [];
  const listener = createAdmissionApp({
    review: async (body, { withinMs }) => {
      asked.push({ length: body.length, withinMs });
      return '{"ok":true}';
    },
    signal: new AbortController().signal,
    isLeaving: () => false,
    log: SILENT_LOG,
    now: () => performance.now(),
    ...more,
  });
  return { asked, agent: supertest(listener) };
}

describe('the endpoint', () => {
  it('answers a review as it was answered', async () => {
    const { agent, asked } = app();
    const answer = await agent.post('/validate?timeout=5s').set('content-type', 'application/json').send('{"a":1}');
    expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([
      200,
      '{"ok":true}',
      'application/json',
    ]);
    expect(answer.headers['x-powered-by']).toBeUndefined();
    expect(asked).toEqual([{ length: 7, withinMs: 3500 }]);
  });

  it.each([
    ['GET of it', 'get', '/validate', 405],
    ['PUT', 'put', '/validate', 405],
    ['DELETE', 'delete', '/validate', 405],
    ['another path', 'post', '/', 404],
    ['a path below it', 'post', '/validate/x', 404],
    ['it with a slash', 'post', '/validate/', 404],
    ['it in capitals', 'post', '/VALIDATE', 404],
    ['a way around', 'post', '/x/../validate', 404],
  ] as const)('refuses %s', async (_, method, path, status) => {
    const { agent, asked } = app();
    const answer = await agent[method](path)
      .set('content-type', 'application/json')
      .send(method === 'get' ? undefined : '{}');
    expect(answer.status).toBe(status);
    expect(asked).toEqual([]);
  });

  it.each([
    ['text', 'text/plain', 415],
    ['no type', '', 415],
    ['a type that begins alike', 'application/jsonp', 415],
    ['JSON of a charset', 'application/json; charset=utf-8', 200],
  ])('takes %s for what it is', async (_, type, status) => {
    const { agent } = app();
    const answer = await agent.post('/validate').set('content-type', type).send('{}');
    expect(answer.status).toBe(status);
  });

  it('refuses a review that is too large, with 413 and without reading it into memory', async () => {
    const { agent, asked } = app({ limits: { maxBytes: 100 } });
    const answer = await agent
      .post('/validate')
      .set('content-type', 'application/json')
      .send(`"${'x'.repeat(1000)}"`);
    expect([answer.status, answer.text]).toEqual([413, 'a review is at most 100 bytes, and this one has 1002\n']);
    expect(asked).toEqual([]);
  });

  it.each([
    ['ADMISSION_REVIEW_INVALID', 400],
    ['INTERNAL', 500],
  ] as const)('answers %s with %i, and never with a permission', async (code, status) => {
    const { agent } = app({ review: () => Promise.reject(new GateError(code, 'field is immutable')) });
    const answer = await agent.post('/validate').set('content-type', 'application/json').send('{}');
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/immutable/);
  });

  it('lets no more in than fits, by number and by bytes, and takes the next when there is room', async () => {
    for (const limits of [{ maxInFlight: 1 }, { maxBytesInFlight: 10 }]) {
      let finish = () => {};
      const held = new Promise<string>((done) => {
        finish = () => done('{}');
      });
      const { agent } = app({ limits, review: () => held });
      const post = () => agent.post('/validate').set('content-type', 'application/json').send('{"a": 1}');
      const first = post().then((answer) => answer.status);
      await expect
        .poll(async () => {
          const { status, headers } = await post();
          return [status, headers['retry-after']];
        })
        .toEqual([503, '1']);
      finish();
      expect(await first).toBe(200);
    }
  });

  it('sends its clients elsewhere when it leaves', async () => {
    const { agent } = app({ isLeaving: () => true });
    const answer = await agent.post('/validate').set('content-type', 'application/json').send('{}');
    expect(answer.headers['connection']).toBe('close');
  });

  it.each([
    [undefined, 8500],
    ['10s', 8500],
    ['30s', 28_500],
    ['4s', 2500],
    ['3s', 1500],
    ['1s', 500],
    ['0s', 500],
    ['99s', 28_500],
    ['ten', 8500],
    ['10', 8500],
    [['1s', '2s'], 8500],
  ])('answers before the API server stops waiting: %j', (timeout, within) => {
    expect(ownDeadline(timeout)).toBe(within);
  });
});

describe('a client that is slow or breaks off', () => {
  it.each([
    ['sends less than it says', 'Content-Length: 100\r\n\r\n{}'],
    ['does not say how much it sends', 'Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    ['says it twice', 'Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    ['says both', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
  ])('is not judged where it %s', async (_, rest) => {
    const asked: number[] = [];
    const listener = createAdmissionApp({
      review: async (body) => {
        asked.push(body.length);
        return '{}';
      },
      signal: new AbortController().signal,
      isLeaving: () => false,
      log: SILENT_LOG,
      now: () => performance.now(),
      limits: { bodyMs: 50 },
    });
    const server = await startServer({ address: '127.0.0.1:0', listener });
    const answer = await new Promise<string>((done) => {
      const socket = connect(server.port, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
        socket.end();
      });
      socket.on('close', () => done(text));
      socket.write(`POST /validate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${rest}`);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect(asked).toEqual([]);
    await server.close(100);
  });
});

describe('over TLS', () => {
  const open: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0)) await close();
  });

  const post = (port: number, options: object, text = '{}') =>
    new Promise<{ status: number; text: string }>((done, failed) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const asked = httpsRequest(
        { host: '127.0.0.1', port, path: '/validate', method: 'POST', headers, ...options },
        (response) => {
          let answer = '';
          response.setEncoding('utf8');
          response.on('data', (chunk: string) => {
            answer += chunk;
          });
          response.on('end', () => done({ status: response.statusCode ?? 0, text: answer }));
        },
      );
      asked.on('error', failed);
      asked.end(text);
    });

  async function serve(clientCa?: string) {
    const certificates = makeCertificates();
    const asked: number[] = [];
    const listener = createAdmissionApp({
      review: async (body) => {
        asked.push(body.length);
        return '{}';
      },
      signal: new AbortController().signal,
      isLeaving: () => false,
      log: SILENT_LOG,
      now: () => performance.now(),
    });
    const tls = { ...certificates.server, ...(clientCa !== undefined && { clientCa }) };
    const server = await startServer({ address: '127.0.0.1:0', listener, tls });
    open.push(() => server.close(100));
    return { server, certificates, asked };
  }

  it("only the API server's certificate gets in, where one is asked for", async () => {
    const [own, other] = [makeCertificates(), makeCertificates()];
    const { server, certificates, asked } = await serve(own.ca);
    const { ca } = certificates;
    expect(await post(server.port, { ca, ...own.client })).toMatchObject({ status: 200 });
    await expect(post(server.port, { ca, ...other.client })).rejects.toThrow();
    await expect(post(server.port, { ca })).rejects.toThrow();
    // A certificate that is for servers is no client's.
    await expect(post(server.port, { ca, ...own.server })).rejects.toThrow();
    expect(asked).toHaveLength(1);
  });

  it('nothing older than TLS 1.2 is spoken', async () => {
    const { server, certificates } = await serve();
    const { ca } = certificates;
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' };
    await expect(post(server.port, { ca, ...old })).rejects.toThrow();
    expect(await post(server.port, { ca, maxVersion: 'TLSv1.2' })).toMatchObject({ status: 200 });
  });

  it('a thousand reviews at once are all answered, each with its own answer', async () => {
    const gate = gateOf(async ({ object }) => {
      await new Promise((done) => setTimeout(done, 5));
      const name = String((object['metadata'] as { name?: string }).name);
      return decisionOf(name.endsWith('0') ? 'denied' : 'allowed');
    });
    const webhook = await startWebhook({ gates: gatesOf(() => ({ kind: 'one', gate })) });
    open.push(webhook.stop);
    const agent = new Agent({ keepAlive: true, ca: webhook.certificates.ca, maxSockets: 200 });
    const answers = await Promise.all(
      Array.from({ length: 1000 }, async (_, i) => {
        const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: `a${i}`, namespace: 'apps' } };
        const { status, text } = await post(webhook.port, { agent }, reviewText({ uid: `uid-${i}`, object }));
        return { status, i, response: JSON.parse(text).response };
      }),
    );
    agent.destroy();
    for (const { status, i, response } of answers) {
      expect(status).toBe(200);
      expect([response.uid, response.allowed]).toEqual([`uid-${i}`, i % 10 !== 0]);
    }
  });

  it.each([
    ['noise', randomBytes(2000).toString('latin1')],
    ['half a review', reviewText().slice(0, 200)],
    ['depth without end', '['.repeat(1_000_000)],
    ['another API', '{"apiVersion":"v1","kind":"Pod"}'],
  ])('%s is answered with 400, and the webhook goes on', async (_, text) => {
    const gate = gateOf(async () => decisionOf('allowed'));
    const webhook = await startWebhook({ gates: gatesOf(() => ({ kind: 'one', gate })) });
    open.push(webhook.stop);
    const { ca } = webhook.certificates;
    expect(await post(webhook.port, { ca }, text)).toMatchObject({ status: 400 });
    expect(gate.asked).toEqual([]);
    expect(await post(webhook.port, { ca }, reviewText())).toMatchObject({ status: 200 });
  });

  it('huge reviews are judged up to the limit, and refused beyond', async () => {
    const gate = gateOf(async () => decisionOf('allowed'));
    const webhook = await startWebhook({ gates: gatesOf(() => ({ kind: 'one', gate })) });
    open.push(webhook.stop);
    const { ca } = webhook.certificates;
    const of = (bytes: number) =>
      reviewText({
        object: {
          kind: 'ConfigMap',
          apiVersion: 'v1',
          metadata: { name: 'a', namespace: 'apps' },
          data: { a: 'x'.repeat(bytes) },
        },
      });
    expect(await post(webhook.port, { ca }, of(6_000_000))).toMatchObject({ status: 200 });
    expect(await post(webhook.port, { ca }, of(9_000_000))).toMatchObject({ status: 413 });
    expect(gate.asked).toHaveLength(1);
  });

  it('what is small and becomes huge is refused unread, and others are answered', async () => {
    const gate = gateOf(async () => decisionOf('allowed'));
    const webhook = await startWebhook({ gates: gatesOf(() => ({ kind: 'one', gate })) });
    open.push(webhook.stop);
    const { ca } = webhook.certificates;
    const text = reviewText({ more: { bomb: '@' } }).replace('"@"', `[${'[],'.repeat(1_600_000)}[]]`);
    expect(await post(webhook.port, { ca }, text)).toMatchObject({ status: 503 });
    expect(gate.asked).toEqual([]);
    expect(await post(webhook.port, { ca }, reviewText())).toMatchObject({ status: 200 });
  });
});
