import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKube } from '../../../src/adapters/kube/open.ts';
import { SILENT_LOG } from '../../../src/core/telemetry.ts';
import { WIDGETS } from '../../support/kube/contract.ts';
import { refuse, sendJson, startScripted, widget } from '../../support/kube/scripted.ts';

const key = { namespace: 'apps', name: 'a' };
const signal = new AbortController().signal;

describe('a request', () => {
  it('is signed in as the ServiceAccount, over TLS that is checked', async () => {
    await using server = await startScripted((_, response) => sendJson(response, 200, widget('a', '1')));
    const kube = await server.open();
    expect((await kube.get(WIDGETS, key, signal))?.metadata.name).toBe('a');
    expect(server.asked[0]).toMatchObject({
      method: 'GET',
      path: '/apis/test.syncgate.dev/v1/namespaces/apps/widgets/a',
      token: 'first',
    });
  });

  it('goes to nobody whose certificate is another', async () => {
    await using server = await startScripted((_, response) => sendJson(response, 200, widget('a', '1')));
    await using other = await startScripted((_, response) => sendJson(response, 200, widget('a', '1')));
    writeFileSync(join(server.folder, 'ca.crt'), (await import('node:fs')).readFileSync(join(other.folder, 'ca.crt')));
    const kube = await server.open();
    await expect(kube.get(WIDGETS, key, signal)).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
    expect(server.asked).toEqual([]);
  });

  it('reads a token that was rotated after a minute, and at once after it was refused', async () => {
    await using server = await startScripted(({ token }, response) => {
      if (token === 'first') refuse(response, 401, 'Unauthorized');
      else sendJson(response, 200, widget('a', '1'));
    });
    let now = 0;
    const kube = await server.open({ clock: { now: () => now } });
    await expect(kube.get(WIDGETS, key, signal)).rejects.toMatchObject({ status: 401 });
    expect(server.asked.map(({ token }) => token)).toEqual(['first', 'first']);
    writeFileSync(join(server.folder, 'token'), 'second\n');
    await kube.get(WIDGETS, key, signal);
    writeFileSync(join(server.folder, 'token'), 'third\n');
    await kube.get(WIDGETS, key, signal);
    now += 60_000;
    await kube.get(WIDGETS, key, signal);
    expect(server.asked.slice(2).map(({ token }) => token)).toEqual(['first', 'second', 'second', 'third']);
  });

  it.each([
    [409, 'Conflict'],
    [403, 'Forbidden'],
    [422, 'Invalid'],
    [500, 'InternalError'],
    [404, 'NotFound'],
  ])('that is refused with %d says why', async (status, reason) => {
    await using server = await startScripted((_, response) =>
      refuse(response, status, reason, 'the\nreason\u001b[31m'),
    );
    const kube = await server.open();
    const creating = kube.create(WIDGETS, widget('a', ''), { signal });
    await expect(creating).rejects.toMatchObject({ status, reason, message: 'the reason [31m' });
    expect(server.asked).toHaveLength(1);
  });

  it.each([
    ['plain text', 'no', 502, 'Unknown'],
    ['nothing', '', 403, 'Forbidden'],
    ['JSON of another shape', '[1]', 409, 'Conflict'],
    ['more than anybody reads', 'x'.repeat(1024 * 1024), 404, 'NotFound'],
  ])('that is refused with %s is still a refusal', async (_, text, status, reason) => {
    await using server = await startScripted((__, response) => response.writeHead(status).end(text));
    const kube = await server.open();
    const error = await kube.create(WIDGETS, widget('a', ''), { signal }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status, reason });
  });

  it('is sent again where the server has too many, and no more than its tries', async () => {
    let busy = 2;
    await using server = await startScripted((_, response) => {
      if (busy-- > 0) response.writeHead(429, { 'retry-after': '0.01' }).end('x');
      else sendJson(response, 201, widget('a', '1'));
    });
    const kube = await server.open();
    await kube.create(WIDGETS, widget('a', ''), { signal });
    expect(server.asked).toHaveLength(3);
    busy = 1000;
    await expect(kube.create(WIDGETS, widget('a', ''), { signal })).rejects.toMatchObject({ status: 429 });
    expect(server.asked).toHaveLength(8);
  });

  it.each([
    ['never', () => {}],
    ['not to its end', (response: import('node:http').ServerResponse) => void response.writeHead(200).write('{"a":')],
  ])('that is answered %s ends at its deadline', async (_, answer) => {
    await using server = await startScripted((__, response) => answer(response));
    const kube = await server.open({ limits: { requestMs: 200 } });
    await expect(kube.get(WIDGETS, key, signal)).rejects.toMatchObject({ status: 0, reason: 'Timeout' });
    await expect(kube.capabilities(signal)).rejects.toMatchObject({ status: 0, reason: 'Timeout' });
  });

  it('ends with its signal', async () => {
    await using server = await startScripted(() => {});
    const kube = await server.open();
    const given = AbortSignal.timeout(100);
    await expect(kube.get(WIDGETS, key, given)).rejects.toMatchObject({ status: 0, reason: 'Aborted' });
  });

  it.each([
    [
      'cut',
      (response: import('node:http').ServerResponse) =>
        void response.writeHead(200).write('{}', () => response.destroy()),
    ],
    [
      'shorter than it says',
      (response: import('node:http').ServerResponse) => {
        response.writeHead(200, { 'content-length': '100' }).write('{}', () => response.destroy());
      },
    ],
  ])('whose answer is %s has none', async (_, answer) => {
    await using server = await startScripted((__, response) => answer(response));
    const kube = await server.open();
    await expect(kube.get(WIDGETS, key, signal)).rejects.toMatchObject({ status: 0, reason: 'Unreachable' });
  });

  it.each([
    ['longer than the bound', `{"metadata":{"name":"a"},"x":"${'y'.repeat(5000)}"}`, 'AnswerTooLarge'],
    ['no JSON', '<html>', 'AnswerInvalid'],
    ['no object', '[]', 'AnswerInvalid'],
    ['an object without a name', '{"metadata":{}}', 'AnswerInvalid'],
  ])('whose answer is %s has none', async (_, text, reason) => {
    await using server = await startScripted((__, response) => response.writeHead(200).end(text));
    const kube = await server.open({ limits: { answerBytes: 4096 } });
    await expect(kube.get(WIDGETS, key, signal)).rejects.toMatchObject({ status: 0, reason });
  });

  it('follows nobody elsewhere, and shows the token to nobody else', async () => {
    await using other = await startScripted((_, response) => sendJson(response, 200, widget('a', '1')));
    await using server = await startScripted((_, response) =>
      response.writeHead(307, { location: 'https://127.0.0.1:1/' }).end(),
    );
    const kube = await server.open();
    await expect(kube.get(WIDGETS, key, signal)).rejects.toMatchObject({ status: 307 });
    expect(other.asked).toEqual([]);
  });

  it('keeps its connection, and makes a new one where that was closed meanwhile', async () => {
    const ports = new Set<number | undefined>();
    await using server = await startScripted((_, response, request) => {
      ports.add(request.socket.remotePort);
      sendJson(response, 200, widget('a', '1'));
    });
    const kube = await server.open();
    for (let i = 0; i < 5; i++) await kube.get(WIDGETS, key, signal);
    expect(ports.size).toBe(1);
    server.cut();
    await kube.get(WIDGETS, key, signal);
    expect(ports.size).toBe(2);
  });

  it('warnings of the server are told once', async () => {
    const told: unknown[] = [];
    await using server = await startScripted((_, response) =>
      sendJson(response, 200, widget('a', '1'), { warning: '299 - "field \\"x\\" is old", 299 - "second"' }),
    );
    const log = { ...SILENT_LOG, warn: (_: string, fields?: object) => void told.push(fields) };
    const kube = await server.open({ log });
    await kube.get(WIDGETS, key, signal);
    await kube.get(WIDGETS, key, signal);
    expect(told).toEqual([{ warning: 'field "x" is old' }, { warning: 'second' }]);
  });

  it('numbers that a double cannot hold are written as they are', async () => {
    await using server = await startScripted((_, response) => sendJson(response, 201, widget('a', '1')));
    const kube = await server.open();
    await kube.create(WIDGETS, { ...widget('a', ''), big: 9_007_199_254_740_993n }, { signal });
    expect(server.asked[0]?.body).toContain('"big":9007199254740993');
  });
});

describe('a kubeconfig', () => {
  const text = (cluster: object, user: object) =>
    JSON.stringify({
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1', ...cluster } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });

  it.each([
    ['that is not there', undefined, /cannot be read \(ENOENT\)/],
    ['that is no YAML', '{{{ token: hunter2', /^the kubeconfig cannot be read \(it is not a kubeconfig\)$/],
    ['that is empty', '{}', /./],
    ['that runs a program', text({}, { exec: { command: 'touch', args: ['/tmp/x'], apiVersion: 'v1' } }), /program/],
    ['that asks a provider', text({}, { 'auth-provider': { name: 'oidc', config: {} } }), /provider/],
    ['without TLS', text({ server: 'http://127.0.0.1:1' }, { token: 'hunter2' }), /not https/],
    ['with a proxy', text({ 'proxy-url': 'http://127.0.0.1:1' }, { token: 'hunter2' }), /proxy-url/],
    ['whose files are gone', text({ 'certificate-authority': '/nowhere/ca' }, { token: 'hunter2' }), /\(ENOENT\)/],
    ['whose address is none', text({ server: 'nowhere' }, { token: 'hunter2' }), /not a URL/],
  ])('%s is refused', async (_, content, message) => {
    await using server = await startScripted(() => {});
    const file = join(server.folder, 'kubeconfig');
    if (content !== undefined) writeFileSync(file, content);
    const error = await openKube({ kubeconfig: file, log: SILENT_LOG, clock: Date }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 0, reason: 'CredentialsInvalid' });
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).not.toMatch(/hunter2|nowhere/);
  });

  it('or a Pod there must be', async () => {
    await expect(openKube({ log: SILENT_LOG, clock: Date })).rejects.toMatchObject({ reason: 'CredentialsInvalid' });
  });
});
