import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request as requestSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SECRET, WEBHOOK_CONFIGURATION } from '../../../src/adapters/certificates/authority.ts';
import {
  type Certificates,
  openMountedCertificates,
  openOwnCertificates,
} from '../../../src/adapters/certificates/certificates.ts';
import { issueAuthority, issueServer, type KeyPair } from '../../../src/adapters/certificates/issue.ts';
import { startServer } from '../../../src/adapters/http-server.ts';
import { KubeError, valueAt } from '../../../src/core/kube.ts';
import { NO_METRICS, SILENT_LOG } from '../../../src/core/telemetry.ts';
import { makeCertificates } from '../../support/certificates.ts';
import { createMemoryKube, type MemoryKube } from '../../support/kube/memory.ts';

const open: Certificates[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

/** Pauses that end when the test says so. */
function turns() {
  const waiting: (() => void)[] = [];
  const pause = (_: number, signal: AbortSignal) =>
    new Promise<void>((done) => {
      waiting.push(done);
      signal.addEventListener('abort', () => done(), { once: true });
    });
  const turn = async () => {
    while (waiting.length === 0) await new Promise((done) => setTimeout(done, 1));
    waiting.shift()?.();
    // The next pause begins when the look is over.
    while (waiting.length === 0) await new Promise((done) => setTimeout(done, 1));
  };
  return { pause, turn };
}

interface Told {
  readonly log: typeof SILENT_LOG;
  readonly lines: string[];
  readonly metrics: typeof NO_METRICS;
  readonly expiries: number[];
}

function telling(): Told {
  const lines: string[] = [];
  const expiries: number[] = [];
  const note = (level: string) => (message: string, fields?: object) =>
    lines.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`);
  const log = { ...SILENT_LOG, warn: note('warn'), error: note('error') };
  const metrics = { ...NO_METRICS, set: (_: string, __: object, value: number) => expiries.push(value) };
  return { log, lines, metrics, expiries };
}

describe('an authority of one’s own', () => {
  const times = { authority: 3600_000, server: 1800_000, settle: 0, keep: 0, backdate: 60_000 };

  function own(kube: MemoryKube, pause: (ms: number, signal: AbortSignal) => Promise<void>, told = telling()) {
    return openOwnCertificates({
      kube,
      clock: { now: () => Date.now() },
      log: told.log,
      metrics: told.metrics,
      namespace: 'syncgate-system',
      secret: 'syncgate-admission-tls',
      configuration: 'syncgate',
      names: ['localhost', '127.0.0.1', '::1'],
      times,
      pause,
      everyMs: 1000,
    }).then((made) => {
      open.push(made);
      return made;
    });
  }

  it('serves TLS that a client trusts by what was published', async () => {
    const kube = createMemoryKube();
    const webhooks = [{ name: 'a', clientConfig: {} }];
    kube.put(WEBHOOK_CONFIGURATION, {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name: 'syncgate' },
      webhooks,
    });
    const certificates = await own(kube, turns().pause);
    const server = await startServer({
      address: '127.0.0.1:0',
      tls: certificates.current,
      listener: (_, response) => response.end('ok'),
    });
    const bundle = valueAt(
      kube.at(WEBHOOK_CONFIGURATION, { namespace: '', name: 'syncgate' }),
      'webhooks',
      0,
      'clientConfig',
      'caBundle',
    );
    const ca = Buffer.from(bundle as string, 'base64').toString();
    expect(await status({ port: server.port, ca })).toBe(200);
    await expect(status({ port: server.port, ca: makeCertificates().ca })).rejects.toThrow();
    await server.close(0);
  });

  it('waits for an API server that is not there yet', async () => {
    const kube = createMemoryKube();
    let calls = 0;
    kube.onCall = () => {
      calls += 1;
      if (calls < 4) throw new KubeError(0, 'Unreachable', 'connection refused');
    };
    const told = telling();
    const certificates = await own(kube, () => Promise.resolve(), told);
    expect(certificates.current.cert).toContain('BEGIN CERTIFICATE');
    expect(told.lines.filter((line) => line.startsWith('warn'))).toHaveLength(3);
  });

  it.each([401, 403])('does not wait where it is refused with %d', async (code) => {
    const kube = createMemoryKube();
    kube.onCall = () => {
      throw new KubeError(code, 'Forbidden', 'no');
    };
    await expect(own(kube, () => Promise.resolve())).rejects.toMatchObject({ code: 'CERTIFICATE_UNAVAILABLE' });
    expect(kube.calls).toHaveLength(1);
  });

  it('gives up in the end', async () => {
    const kube = createMemoryKube();
    kube.onCall = () => {
      throw new KubeError(500, 'InternalError', 'no');
    };
    await expect(own(kube, () => Promise.resolve())).rejects.toMatchObject({ code: 'CERTIFICATE_UNAVAILABLE' });
    expect(kube.calls.length).toBe(30);
  });

  it('goes on after a failure, and tells of the change', async () => {
    const kube = createMemoryKube();
    const { pause, turn } = turns();
    const told = telling();
    const certificates = await own(kube, pause, told);
    const seen: KeyPair[] = [];
    certificates.onCertificate((certificate) => seen.push(certificate));
    const first = certificates.current;
    kube.onCall = () => {
      throw new KubeError(503, 'Unavailable', 'no');
    };
    await turn();
    expect([certificates.current, told.lines.at(-1)]).toEqual([first, expect.stringContaining('503 Unavailable')]);
    kube.onCall = () => undefined;
    kube.remove(SECRET, { namespace: 'syncgate-system', name: 'syncgate-admission-tls' });
    await turn();
    expect(seen).toEqual([certificates.current]);
    expect(certificates.current.cert).not.toBe(first.cert);
    expect(told.expiries.at(-1)).toBeGreaterThan(Date.now() / 1000);
  });
});

describe('mounted certificates', () => {
  let folder: string;
  let version: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mounted-test-'));
    version = 0;
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** As the kubelet does it: files behind a link, which is exchanged in one step. */
  function mount(files: Record<string, string>): void {
    version += 1;
    mkdirSync(join(folder, `..${version}`));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `..${version}`, name), text);
    symlinkSync(`..${version}`, join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    if (version > 1) return;
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(folder, name));
  }

  const files = ({ cert, key }: KeyPair) => ({ 'tls.crt': cert, 'tls.key': key });
  const mounted = async (
    pause: (ms: number, signal: AbortSignal) => Promise<void>,
    told = telling(),
    now = () => Date.now(),
  ) => {
    const made = await openMountedCertificates({
      folder,
      clock: { now },
      log: told.log,
      metrics: told.metrics,
      pause,
      everyMs: 1000,
    });
    open.push(made);
    return made;
  };

  it('are loaded again when they change, and served', async () => {
    const [one, two] = [makeCertificates(), makeCertificates()];
    mount(files(one.server));
    const { pause, turn } = turns();
    const certificates = await mounted(pause);
    const server = await startServer({
      address: '127.0.0.1:0',
      tls: certificates.current,
      listener: (_, response) => response.end('ok'),
    });
    certificates.onCertificate(server.setCertificate);
    expect(await status({ port: server.port, ca: one.ca })).toBe(200);
    await turn();
    expect(await status({ port: server.port, ca: one.ca })).toBe(200);
    mount(files(two.server));
    await turn();
    expect(await status({ port: server.port, ca: two.ca })).toBe(200);
    await expect(status({ port: server.port, ca: one.ca })).rejects.toThrow();
    await server.close(0);
  });

  it.each<[string, (one: KeyPair, two: KeyPair) => Record<string, string>]>([
    ['half of a change', (one, two) => ({ 'tls.crt': two.cert, 'tls.key': one.key })],
    ['garbage', () => ({ 'tls.crt': 'x', 'tls.key': 'y' })],
    ['nothing', () => ({})],
    [
      'a file that is too large',
      (one) => ({ 'tls.crt': `${one.cert}${'\n'.repeat(1024 * 1024)}`, 'tls.key': one.key }),
    ],
  ])('are not exchanged for %s, which is told once', async (_, damaged) => {
    const [one, two] = [makeCertificates(), makeCertificates()];
    mount(files(one.server));
    const { pause, turn } = turns();
    const told = telling();
    const certificates = await mounted(pause, told);
    mount(damaged(one.server, two.server));
    await turn();
    await turn();
    expect(certificates.current).toEqual(one.server);
    expect(told.lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
    expect(told.lines.join()).not.toContain(folder);
    mount(files(two.server));
    await turn();
    expect(certificates.current).toEqual(two.server);
  });

  it.each<[string, Record<string, string>]>([
    ['nothing', {}],
    ['a certificate without its key', { 'tls.crt': 'x' }],
    ['garbage', { 'tls.crt': 'x', 'tls.key': 'y' }],
  ])('are refused at the start where there is %s', async (_, given) => {
    mount(given);
    await expect(mounted(turns().pause)).rejects.toMatchObject({
      code: 'CERTIFICATE_INVALID',
      message: expect.not.stringContaining(folder),
    });
  });

  it('tell when they end, and warn before', async () => {
    const now = Date.now();
    const authority = await issueAuthority({ from: now - 1000, to: now + 9e9 });
    mount(files(await issueServer(authority, ['localhost'], { from: now - 1000, to: now + 6 * 24 * 3600_000 })));
    const told = telling();
    await mounted(turns().pause, told);
    expect(told.expiries).toEqual([Math.floor((now + 6 * 24 * 3600_000) / 1000)]);
    expect(told.lines.join()).toContain('ends soon');
  });
});

function status({ port, ca }: { port: number; ca: string }): Promise<number> {
  return new Promise((done, fail) => {
    const asked = requestSecure({ port, ca, host: '127.0.0.1', servername: 'localhost', agent: false }, (response) => {
      response.resume();
      done(response.statusCode ?? 0);
    });
    asked.on('error', fail).end();
  });
}

it('a certificate of the authority is one for OpenSSL too', async () => {
  const now = Date.now();
  const authority = await issueAuthority({ from: now - 1000, to: now + 3600_000 });
  const pair = await issueServer(authority, ['a.b.svc', '127.0.0.1', '::1'], { from: now - 1000, to: now + 36e8 });
  const server = createServer(pair, (_, response) => response.end());
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const ask = (servername: string) =>
    new Promise<number>((done, fail) => {
      const asked = requestSecure(
        {
          port: (server.address() as AddressInfo).port,
          ca: authority.cert,
          host: '127.0.0.1',
          servername,
          agent: false,
        },
        (response) => done(response.statusCode ?? 0),
      );
      asked.on('error', fail).end();
    });
  expect(await ask('a.b.svc')).toBe(200);
  await expect(ask('c.b.svc')).rejects.toThrow(/altnames/);
  server.closeAllConnections();
  server.close();
});
