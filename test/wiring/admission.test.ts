/** The webhook as it is served: its certificate, its clients, what it waits for, and how it ends. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Certificates } from '../../src/adapters/certificates/certificates.ts';
import { type Kube, type KubeCache, KubeError, type KubeObject } from '../../src/core/kube.ts';
import { type Log, NO_METRICS, SILENT_LOG } from '../../src/core/telemetry.ts';
import type { NamespaceFacts } from '../../src/gates.ts';
import { readServe } from '../../src/surfaces/cli/serve-arguments.ts';
import { openAdmission } from '../../src/wiring/admission.ts';
import { type AskedGate, decisionOf, gateOf, reviewText } from '../support/admission/review.ts';
import { makeCertificates } from '../support/certificates.ts';

const certificates = makeCertificates();
const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A cluster that has the Namespace `apps`, and a local copy of it that a test can take away. */
function cluster() {
  const apps = (team: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'apps', labels: { team } },
  });
  const state = { synced: Promise.resolve(), isCurrent: true, reachable: true };
  const copy: KubeCache = {
    get: ({ name }) => (name === 'apps' ? apps('copied') : undefined),
    list: () => [apps('copied')],
    get synced() {
      return state.synced;
    },
    isCurrent: () => state.isCurrent,
    stop() {},
  };
  const kube = {
    watch: () => copy,
    async get(_: unknown, { name }: { name: string }) {
      if (!state.reachable) throw new KubeError(0, 'Unreachable', 'nobody there');
      return name === 'apps' ? apps('asked') : undefined;
    },
  } as unknown as Kube;
  return { kube, state };
}

async function open(
  gate: AskedGate,
  flags: Readonly<Record<string, unknown>> = {},
  { kube, state: _ }: ReturnType<typeof cluster> = cluster(),
) {
  const { options } = readServe({ admission: true, 'admission-address': '127.0.0.1:0', ...flags }, [], {});
  const facts: NamespaceFacts[] = [];
  const gates = {
    of: (namespace: NamespaceFacts) => {
      facts.push(namespace);
      return { kind: 'one', gate } as const;
    },
    ofCluster: () => ({ kind: 'none' }) as const,
    onChange: () => () => {},
    close: async () => {},
  };
  let renew: Parameters<Certificates['onCertificate']>[0] = () => {};
  const source: Certificates = {
    current: certificates.server,
    onCertificate(listener) {
      renew = listener;
      return () => {};
    },
    close() {},
  };
  const complaints: unknown[] = [];
  const log: Log = { ...SILENT_LOG, error: (_, fields) => void complaints.push(fields?.['error']) };
  const parts = { options, kube, gates, log, metrics: NO_METRICS };
  const service = await openAdmission(parts, new AbortController().signal, {
    openCertificates: async () => source,
    leavingMs: 500,
    pollMs: 20,
  });
  const over = new AbortController();
  const running = service.run(over.signal);
  ends.push(async () => {
    over.abort();
    await running;
  });
  return {
    service,
    facts,
    complaints,
    renew: (pair: { cert: string; key: string }) => renew(pair as never),
    over,
    running,
  };
}

function post(
  port: number,
  options: object = {},
  text = reviewText(),
): Promise<{ status: number; response: { allowed: boolean }; connection: string }> {
  return new Promise((done, failed) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        path: '/validate?timeout=10s',
        method: 'POST',
        ca: certificates.ca,
        headers,
        ...options,
      },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          body += chunk;
        });
        answer.on('end', () =>
          done({
            status: answer.statusCode ?? 0,
            response: JSON.parse(body).response,
            connection: answer.headers.connection ?? '',
          }),
        );
      },
    );
    asked.on('error', failed);
    asked.end(text);
  });
}

const allowing = () => gateOf(async () => decisionOf('allowed'));

describe('the labels of a Namespace', () => {
  it('are those of the local copy while it follows the server, and else are asked for', async () => {
    const { kube, state } = cluster();
    const { service, facts } = await open(allowing(), {}, { kube, state });
    await post(service.address.port);
    state.isCurrent = false;
    await post(service.address.port);
    expect(facts).toEqual([
      { name: 'apps', labels: { team: 'copied' } },
      { name: 'apps', labels: { team: 'asked' } },
    ]);
    state.reachable = false;
    expect(await post(service.address.port)).toMatchObject({ status: 200, response: { allowed: false } });
  });

  it('are waited for before it is ready', async () => {
    const { kube, state } = cluster();
    let sync = () => {};
    state.synced = new Promise((done) => {
      sync = done;
    });
    const { service } = await open(allowing(), {}, { kube, state });
    expect(service.unready()).toBe('the Namespaces are not known yet');
    sync();
    await expect.poll(() => service.unready()).toBeUndefined();
  });
});

describe('the certificate', () => {
  it('is exchanged without one failed request, and one that cannot be used changes nothing', async () => {
    const next = makeCertificates();
    const { service, renew } = await open(allowing());
    const { port } = service.address;
    const agent = new Agent({ keepAlive: true, maxSockets: 4 });
    const both = [certificates.ca, next.ca];
    const asked: Promise<{ status: number }>[] = [];
    for (let i = 0; i < 200; i++) {
      // Half of them on connections that stay, half on new ones.
      asked.push(post(port, { ca: both, agent: i % 2 === 0 ? agent : false }));
      if (i === 50) renew({ cert: next.server.cert, key: certificates.server.key });
      if (i === 100) renew(next.server);
      if (i % 20 === 0) await asked.at(-1);
    }
    expect(new Set((await Promise.all(asked)).map(({ status }) => status))).toEqual(new Set([200]));
    agent.destroy();
    expect(await post(port, { ca: next.ca, agent: false })).toMatchObject({ status: 200 });
    await expect(post(port, { ca: certificates.ca, agent: false })).rejects.toThrow();
  });
});

describe('the authority of clients', () => {
  const file = (text: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-ca-'));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'ca.crt'), text);
    return join(folder, 'ca.crt');
  };

  it('lets its own in and nobody else', async () => {
    const { service } = await open(allowing(), { 'admission-client-ca': file(certificates.ca) });
    expect(await post(service.address.port, certificates.client)).toMatchObject({ status: 200 });
    await expect(post(service.address.port)).rejects.toThrow();
  });

  it('is followed: those of a new one come in, and those of one that is gone stay outside', async () => {
    const next = makeCertificates();
    const path = file(certificates.ca);
    const { service } = await open(allowing(), { 'admission-client-ca': path });
    const { port } = service.address;
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    ends.push(() => kept.destroy());
    const asOld = { ...certificates.client, agent: kept };
    expect(await post(port, asOld)).toMatchObject({ status: 200 });
    await expect(post(port, { ...next.client, agent: false })).rejects.toThrow();
    const isIn = (client: object) =>
      post(port, { ...client, agent: false }).then(
        () => true,
        () => false,
      );
    writeFileSync(path, `${certificates.ca}${next.ca}`);
    await expect.poll(() => isIn(next.client)).toBe(true);
    expect(await post(port, asOld)).toMatchObject({ status: 200 });
    writeFileSync(path, next.ca);
    await expect.poll(() => isIn(certificates.client)).toBe(false);
    expect(await isIn(next.client)).toBe(true);
    // Neither by a connection that was there before, nor by what is left of its session.
    await expect(post(port, asOld)).rejects.toThrow();
  });

  it.each([
    ['is gone', (path: string) => rmSync(path)],
    ['is empty', (path: string) => writeFileSync(path, '')],
    ['is a part of one', (path: string) => writeFileSync(path, certificates.ca.slice(0, 100))],
    [
      'is none within',
      (path: string) => writeFileSync(path, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'),
    ],
  ])('that %s changes nothing, and is told once', async (_, change) => {
    const path = file(certificates.ca);
    const { service, complaints } = await open(allowing(), { 'admission-client-ca': path });
    change(path);
    await expect.poll(() => complaints).toHaveLength(1);
    expect(await post(service.address.port, certificates.client)).toMatchObject({ status: 200 });
    await expect(post(service.address.port)).rejects.toThrow();
    expect(complaints).toEqual([expect.stringMatching(/^--admission-client-ca /)]);
    writeFileSync(path, makeCertificates().ca);
    await expect
      .poll(() =>
        post(service.address.port, certificates.client).then(
          () => 'in',
          () => 'out',
        ),
      )
      .toBe('out');
  });

  it.each([
    ['that is not there', () => '/nowhere/ca.crt'],
    ['that is none', () => file('hello')],
  ])('%s keeps it from starting', async (_, path) => {
    await expect(open(allowing(), { 'admission-client-ca': path() })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('the end', () => {
  it('comes when all that was begun is answered, and its clients are sent elsewhere before', async () => {
    let finish = () => {};
    const held = new Promise<void>((done) => {
      finish = done;
    });
    let asks = 0;
    const gate = gateOf(async () => {
      asks += 1;
      if (asks === 1) await held;
      return decisionOf('allowed');
    });
    const { service, over, running } = await open(gate);
    const { port } = service.address;
    const first = post(port);
    await expect.poll(() => asks).toBe(1);
    over.abort();
    await expect.poll(() => service.unready()).toBe('the webhook is leaving');
    expect(await post(port)).toMatchObject({ status: 200, connection: 'close' });
    setTimeout(finish, 1000);
    expect(await first).toMatchObject({ status: 200, response: { allowed: true } });
    await running;
    await expect(post(port)).rejects.toThrow();
  });
});
