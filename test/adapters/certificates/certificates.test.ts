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
  readonly measured: ReadonlyMap<string, number>;
}

function telling(): Told {
  const lines: string[] = [];
  const expiries: number[] = [];
  const note = (level: string) => (message: string, fields?: object) =>
    lines.push(`${level}: ${message} ${JSON.stringify(fields ?? {})}`);
  const measured = new Map<string, number>();
  const log = { ...SILENT_LOG, info: note('info'), warn: note('warn'), error: note('error') };
  const set = (name: string, _: object, value: number) => {
    measured.set(name, value);
    if (name.endsWith('expiry_timestamp_seconds')) expiries.push(value);
  };
  return { log, lines, metrics: { ...NO_METRICS, set }, expiries, measured };
}

describe('an authority of one’s own', () => {
  const times = { authority: 3600_000, server: 1800_000, settle: 0, keep: 0, backdate: 60_000 };

  function own(
    kube: MemoryKube,
    pause: (ms: number, signal: AbortSignal) => Promise<void>,
    told = telling(),
    everyMs = 1000,
  ) {
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
      everyMs,
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
    expect(told.lines.filter((line) => line.includes('cannot be used yet'))).toHaveLength(3);
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

describe('the webhook configuration', () => {
  const configurationKey = { namespace: '', name: 'syncgate' };
  const secretKey = { namespace: 'syncgate-system', name: 'syncgate-admission-tls' };
  const applied = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'syncgate' },
    webhooks: [{ name: 'a', clientConfig: {} }],
  };
  const bundleIn = (kube: MemoryKube) =>
    valueAt(kube.at(WEBHOOK_CONFIGURATION, configurationKey), 'webhooks', 0, 'clientConfig', 'caBundle');

  async function watched() {
    const kube = createMemoryKube();
    const { pause, turn } = turns();
    const told = telling();
    const times = { authority: 3600_000, server: 1800_000, settle: 0, keep: 0, backdate: 60_000 };
    const made = await openOwnCertificates({
      kube,
      clock: { now: () => Date.now() },
      log: told.log,
      metrics: told.metrics,
      ...{ namespace: secretKey.namespace, secret: secretKey.name, configuration: 'syncgate', names: ['localhost'] },
      times,
      pause,
      everyMs: 30_000,
    });
    open.push(made);
    return { kube, turn, told, saying: (text: string) => told.lines.filter((line) => line.includes(text)) };
  }

  it('that is not there is told of once, and so is its coming', async () => {
    const { kube, turn, told, saying } = await watched();
    for (let looks = 0; looks < 40; looks++) await turn();
    expect(saying('there is no webhook configuration')).toHaveLength(1);
    expect(told.measured.get('syncgate_admission_configured')).toBe(0);
    kube.put(WEBHOOK_CONFIGURATION, applied);
    await turn();
    expect(bundleIn(kube)).toEqual(expect.any(String));
    expect(saying('was written into its configuration')).toHaveLength(1);
    expect(saying('is there and trusts')).toHaveLength(1);
    expect(told.measured.get('syncgate_admission_configured')).toBe(1);
    kube.remove(WEBHOOK_CONFIGURATION, configurationKey);
    await turn();
    expect(saying('there is no webhook configuration')).toHaveLength(2);
    expect(told.measured.get('syncgate_admission_configured')).toBe(0);
  });

  it('that was applied anew is filled at the next look, which asks for nothing else', async () => {
    const { kube, turn } = await watched();
    kube.put(WEBHOOK_CONFIGURATION, applied);
    await turn();
    const bundle = bundleIn(kube);
    const before = kube.calls.length;
    await turn();
    expect(kube.calls.length).toBe(before + 1);
    kube.remove(WEBHOOK_CONFIGURATION, configurationKey);
    kube.put(WEBHOOK_CONFIGURATION, applied);
    expect(bundleIn(kube)).toBeUndefined();
    await turn();
    expect(bundleIn(kube)).toBe(bundle);
  });

  it('that cannot be read at a look is left to the next step', async () => {
    const { kube, turn, saying } = await watched();
    kube.onCall = () => {
      throw new KubeError(503, 'Unavailable', 'no');
    };
    for (let looks = 0; looks < 14; looks++) await turn();
    expect(saying('cannot be renewed')).toHaveLength(0);
    await turn();
    expect(saying('cannot be renewed')).toHaveLength(1);
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
    names: readonly string[] = ['localhost'],
  ) => {
    const made = await openMountedCertificates({
      folder,
      shown: './tls',
      names,
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
      message: expect.stringMatching(/^tls\.(crt|key) .*in \.\/tls /),
    });
  });

  it('of another name are told of, and counted, until they are exchanged', async () => {
    const now = Date.now();
    const authority = await issueAuthority({ from: now - 1000, to: now + 9e9 });
    const issue = (name: string) => issueServer(authority, [name], { from: now - 1000, to: now + 9e9 });
    mount(files(await issue('wrong.example')));
    const told = telling();
    const { pause, turn } = turns();
    await mounted(pause, told, undefined, ['syncgate-admission.syncgate-system.svc']);
    const warned = () => told.lines.filter((line) => line.includes('is for another name'));
    expect(warned()).toEqual([expect.stringMatching(/^warn: .*\.\/tls.*syncgate-admission\.syncgate-system\.svc/)]);
    expect(told.measured.get('syncgate_admission_certificate_misnamed')).toBe(1);
    mount(files(await issue('syncgate-admission.syncgate-system.svc')));
    await turn();
    expect(warned()).toHaveLength(1);
    expect(told.measured.get('syncgate_admission_certificate_misnamed')).toBe(0);
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
