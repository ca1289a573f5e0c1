import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  bundleOf,
  normal,
  readAuthority,
  SECRET,
  WEBHOOK_CONFIGURATION,
} from '../../../src/adapters/certificates/authority.ts';
import { issueAuthority, issueServer, type KeyPair } from '../../../src/adapters/certificates/issue.ts';
import { type CertificateTimes, createRotation, type Rotation } from '../../../src/adapters/certificates/rotation.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { KubeError, type KubeObject, valueAt } from '../../../src/core/kube.ts';
import { NO_METRICS, SILENT_LOG } from '../../../src/core/telemetry.ts';
import { createMemoryKube, type MemoryKube } from '../../support/kube/memory.ts';

const MINUTE = 60_000;
const times: CertificateTimes = {
  authority: 900 * MINUTE,
  server: 300 * MINUTE,
  settle: 5 * MINUTE,
  keep: 60 * MINUTE,
  backdate: 60 * MINUTE,
};
const names = ['syncgate-admission.syncgate-system.svc', '10.0.0.1'];
const secretKey = { namespace: 'syncgate-system', name: 'syncgate-admission-tls' };
const configurationKey = { namespace: '', name: 'syncgate' };
const signal = new AbortController().signal;

interface World {
  readonly kube: MemoryKube;
  now: number;
  /** By how much the clock of the machine was set. */
  ahead: number;
  replica(): Rotation;
  secret(): KubeObject | undefined;
  /** Which authorities each webhook trusts. */
  trusted(): readonly string[][];
}

function world(options: { secret?: JsonObject | 'none'; webhooks?: number } = {}): World {
  const kube = createMemoryKube();
  const { secret = {}, webhooks = 2 } = options;
  if (secret !== 'none')
    kube.put(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata: { ...secretKey }, type: 'Opaque', ...secret });
  if (webhooks > 0) kube.put(WEBHOOK_CONFIGURATION, configuration(webhooks));
  const made: World = {
    kube,
    now: Date.UTC(2030, 0, 1),
    ahead: 0,
    replica: () =>
      createRotation({
        kube,
        clock: { now: () => made.now + made.ahead },
        ticks: () => made.now,
        log: SILENT_LOG,
        metrics: NO_METRICS,
        namespace: secretKey.namespace,
        secret: secretKey.name,
        configuration: 'syncgate',
        names,
        times,
      }),
    secret: () => kube.at(SECRET, secretKey),
    trusted: () =>
      (valueAt(kube.at(WEBHOOK_CONFIGURATION, configurationKey), 'webhooks') as JsonObject[]).map((webhook) =>
        certificatesIn(
          Buffer.from((valueAt(webhook, 'clientConfig', 'caBundle') as string | undefined) ?? '', 'base64').toString(),
        ),
      ),
  };
  return made;
}

function configuration(webhooks: number): JsonObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'syncgate', labels: { kept: 'yes' } },
    webhooks: Array.from({ length: webhooks }, (_, at) => ({
      name: `w${at}.syncgate.dev`,
      clientConfig: {
        service: { name: 'syncgate-admission', namespace: 'syncgate-system', path: '/validate', port: 443 },
      },
      timeoutSeconds: 7,
    })),
  };
}

function certificatesIn(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];
}

const signed = new Map<string, boolean>();

/** Signatures are looked at once: the tests of years ask for the same ones ten thousand times. */
function isSigned(authority: string, server: string): boolean {
  const found = signed.get(authority + server);
  if (found !== undefined) return found;
  const [issuer, leaf] = [new X509Certificate(authority), new X509Certificate(server)];
  const is = issuer.ca && leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
  signed.set(authority + server, is);
  return is;
}

/** Whether a caller with this bundle would trust this server now. */
function trusts(bundle: readonly string[], server: KeyPair, now: number): boolean {
  const isNow = (pem: string) => {
    const { validFromDate, validToDate } = new X509Certificate(pem);
    return validFromDate.getTime() <= now && now < validToDate.getTime();
  };
  return isNow(server.cert) && bundle.some((authority) => isSigned(authority, server.cert) && isNow(authority));
}

const authorityIn = ({ secret }: World) => readAuthority(secret());

describe('the first start', () => {
  it('fills the Secret and the configuration, and serves', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const served = one.current() as KeyPair;
    const certificate = new X509Certificate(served.cert);
    expect(certificate.checkHost('syncgate-admission.syncgate-system.svc')).toBeDefined();
    expect(certificate.checkIP('10.0.0.1')).toBeDefined();
    expect(certificate.checkHost('elsewhere.svc')).toBeUndefined();
    expect(certificate.ca).toBe(false);
    expect(certificate.validFromDate.getTime()).toBe(it.now - times.backdate);
    for (const bundle of it.trusted()) expect([bundle.length, trusts(bundle, served, it.now)]).toEqual([1, true]);
    const { data, type } = it.secret() as KubeObject & { data: object };
    expect([Object.keys(data).sort(), type]).toEqual([['ca.crt', 'ca.key', 'tls.crt', 'tls.key'], 'Opaque']);
    const kept = it.kube.at(WEBHOOK_CONFIGURATION, configurationKey);
    expect(kept?.metadata.labels).toEqual({ kept: 'yes' });
    expect(valueAt(kept, 'webhooks', 1)).toMatchObject({ timeoutSeconds: 7, clientConfig: { service: { port: 443 } } });
  });

  it('makes the Secret where there is none', async () => {
    const it = world({ secret: 'none' });
    await it.replica().step(signal);
    expect(authorityIn(it).current).toBeDefined();
  });

  it('serves though there is no configuration yet, and fills it when it comes', async () => {
    const it = world({ webhooks: 0 });
    const one = it.replica();
    await one.step(signal);
    expect(one.current()).toBeDefined();
    it.kube.put(WEBHOOK_CONFIGURATION, configuration(1));
    await one.step(signal);
    expect(trusts(it.trusted()[0] ?? [], one.current() as KeyPair, it.now)).toBe(true);
  });

  it('of many replicas makes one authority', async () => {
    for (const secret of ['none', {}] as const) {
      const it = world({ secret });
      const replicas = Array.from({ length: 5 }, () => it.replica());
      await Promise.all(replicas.map((each) => each.step(signal)));
      const served = new Set(replicas.map((each) => each.current()?.cert));
      expect(served.size).toBe(1);
      expect(it.trusted().map((bundle) => bundle.length)).toEqual([1, 1]);
      expect(certificatesIn(bundleOf({ ...authorityIn(it), previous: [] } as never))).toEqual(it.trusted()[0]);
    }
  });

  it('changes nothing more, however often it looks', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const before = it.kube.calls.length;
    for (let at = 0; at < 5; at++) {
      it.now += MINUTE;
      await one.step(signal);
    }
    expect(it.kube.calls.slice(before).filter(({ verb }) => verb !== 'get')).toEqual([]);
  });
});

describe('rotation', () => {
  it('never serves what is not trusted, by any replica, over years', async () => {
    const it = world();
    const replicas = [it.replica(), it.replica(), it.replica()];
    const seen = { authorities: new Set<string>(), servers: new Set<string>(), largest: 0 };
    for (let minute = 0; minute < 2500; minute += 5) {
      // One replica looks seldom, and one is started anew at times.
      if (minute % 975 === 0) replicas[2] = it.replica();
      for (const [at, each] of replicas.entries()) {
        if (at === 1 && minute % 20 !== 0) continue;
        await each.step(signal);
      }
      for (const each of replicas) {
        const served = each.current();
        if (served === undefined) continue;
        for (const bundle of it.trusted()) {
          expect(trusts(bundle, served, it.now), `minute ${minute}`).toBe(true);
          seen.largest = Math.max(seen.largest, bundle.length);
        }
        seen.servers.add(served.cert);
      }
      seen.authorities.add(normal((authorityIn(it).current as KeyPair).cert));
      it.now += 5 * MINUTE;
    }
    expect(seen.authorities.size).toBe(5);
    expect(seen.servers.size).toBeGreaterThan(seen.authorities.size);
    expect(seen.largest).toBe(2);
    expect(it.trusted()[0]).toHaveLength(1);
  });

  it('publishes the new authority, waits, changes, and drops the old one', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const [old] = it.trusted()[0] as [string];
    it.now += 599 * MINUTE;
    await one.step(signal);
    expect(it.trusted()[0]).toHaveLength(1);
    it.now += 2 * MINUTE;
    await one.step(signal);
    const young = it.trusted()[0]?.[1] as string;
    expect(it.trusted()).toEqual([
      [old, young],
      [old, young],
    ]);
    const isOld = () => trusts([old], one.current() as KeyPair, it.now);
    it.now += 4 * MINUTE;
    await one.step(signal);
    expect(isOld()).toBe(true);
    it.now += 2 * MINUTE;
    await one.step(signal);
    expect([isOld(), trusts([young], one.current() as KeyPair, it.now)]).toEqual([false, true]);
    expect(it.trusted()[0]).toEqual([old, young]);
    // Of the old authority only the certificate is left.
    expect(Object.keys((it.secret() as unknown as { data: object }).data).sort()).toEqual([
      'ca.crt',
      'ca.key',
      'previous.crt',
      'tls.crt',
      'tls.key',
    ]);
    it.now += 61 * MINUTE;
    await one.step(signal);
    expect(it.trusted()[0]).toEqual([young]);
  });

  it.each([
    ['forward', 10],
    ['back', -10],
  ])('waits as long as it does though the clock is set %s meanwhile', async (_, minutes) => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const [old] = it.trusted()[0] as [string];
    it.now += 601 * MINUTE;
    await one.step(signal);
    it.ahead = minutes * MINUTE;
    const isOld = () => trusts([old], one.current() as KeyPair, it.now);
    it.now += 4 * MINUTE;
    await one.step(signal);
    expect(isOld()).toBe(true);
    it.now += 2 * MINUTE;
    await one.step(signal);
    expect(isOld()).toBe(false);
  });

  it('does not go on while what it published is taken away again and again', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const before = authorityIn(it).current;
    it.now += 601 * MINUTE;
    for (let at = 0; at < 10; at++) {
      await one.step(signal);
      it.kube.put(WEBHOOK_CONFIGURATION, configuration(2));
      it.now += 4 * MINUTE;
    }
    expect(authorityIn(it).current).toEqual(before);
    expect(authorityIn(it).next).toBeDefined();
  });

  it('waits for every webhook of the configuration', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    it.now += 601 * MINUTE;
    await one.step(signal);
    const next = authorityIn(it).next;
    it.now += 4 * MINUTE;
    const current = it.kube.at(WEBHOOK_CONFIGURATION, configurationKey) as KubeObject & { webhooks: JsonObject[] };
    const added = { name: 'new.syncgate.dev', clientConfig: { service: { name: 'a', namespace: 'b' } } };
    it.kube.put(WEBHOOK_CONFIGURATION, { ...current, webhooks: [...current.webhooks, added] } as unknown as JsonObject);
    it.now += 4 * MINUTE;
    await one.step(signal);
    expect(authorityIn(it).next).toEqual(next);
    expect(it.trusted().map((bundle) => bundle.length)).toEqual([2, 2, 2]);
  });

  it('by two replicas at once writes once', async () => {
    const it = world();
    const replicas = [it.replica(), it.replica()];
    for (const each of replicas) await each.step(signal);
    it.now += 601 * MINUTE;
    await Promise.all(replicas.map((each) => each.step(signal)));
    it.now += 6 * MINUTE;
    await Promise.all(replicas.map((each) => each.step(signal)));
    expect(it.trusted()[0]).toHaveLength(2);
    expect(new Set(replicas.map((each) => each.current()?.cert)).size).toBe(1);
  });

  it('renews a certificate before it ends, and for other names at once', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const first = one.current()?.cert;
    const told: string[] = [];
    one.onCertificate(({ cert }) => told.push(cert));
    it.now += 199 * MINUTE;
    await one.step(signal);
    expect(one.current()?.cert).toBe(first);
    it.now += 2 * MINUTE;
    await one.step(signal);
    expect(one.current()?.cert).not.toBe(first);
    expect(told).toEqual([one.current()?.cert]);
    expect(it.trusted()[0]).toHaveLength(1);
  });

  it('lets no old view of the Secret undo what is published', async () => {
    const it = world();
    const [one, other] = [it.replica(), it.replica()];
    await one.step(signal);
    await other.step(signal);
    it.now += 601 * MINUTE;
    // The other has read both, and is held up before it writes while the first goes on.
    let held: (() => void) | undefined;
    it.kube.onCall = ({ verb }) => {
      if (verb !== 'replace' || held !== undefined) return undefined;
      return new Promise<void>((done) => {
        held = done;
      });
    };
    const late = other.step(signal);
    while (held === undefined) await new Promise((done) => setTimeout(done, 1));
    await one.step(signal);
    const published = it.trusted();
    held();
    await late;
    expect(it.trusted()).toEqual(published);
    expect(published[0]).toHaveLength(2);
  });
});

describe('what goes wrong', () => {
  const garbage = Buffer.from('garbage').toString('base64');
  it.each<[string, (it: World) => void]>([
    ['the Secret is deleted', (it) => it.kube.remove(SECRET, secretKey)],
    ['the Secret is emptied', (it) => write(it, {})],
    [
      'the Secret is filled with garbage',
      (it) => write(it, { 'ca.crt': garbage, 'ca.key': garbage, 'tls.crt': garbage, 'tls.key': garbage }),
    ],
    ['the authority’s key is another', (it) => swap(it)],
    [
      'the authority is none',
      (it) =>
        write(it, {
          ...dataOf(it),
          'ca.crt': dataOf(it)['tls.crt'] as string,
          'ca.key': dataOf(it)['tls.key'] as string,
        }),
    ],
    ['a field is no text', (it) => write(it, { 'ca.crt': 5 as unknown as string })],
    [
      'a field is too large',
      (it) => write(it, { ...dataOf(it), 'ca.crt': Buffer.alloc(100_000, 'a').toString('base64') }),
    ],
  ])('%s: a new authority is made, and what is served is trusted all the while', async (_, damage) => {
    const it = world();
    const [one, other] = [it.replica(), it.replica()];
    await one.step(signal);
    await other.step(signal);
    const [old] = it.trusted()[0] as [string];
    damage(it);
    for (let minute = 0; minute < 20; minute++) {
      await Promise.all([one.step(signal), other.step(signal)]);
      for (const each of [one, other]) {
        for (const bundle of it.trusted()) expect(trusts(bundle, each.current() as KeyPair, it.now)).toBe(true);
      }
      it.now += MINUTE;
    }
    const [kept, young] = it.trusted()[0] as [string, string];
    expect([kept, young === old]).toEqual([old, false]);
    expect(trusts([young], one.current() as KeyPair, it.now)).toBe(true);
    // A replica that starts in between finds what it needs.
    const third = it.replica();
    await third.step(signal);
    expect(third.current()).toEqual(one.current());
  });

  it('the Secret is deleted while no replica runs: the first to come is trusted at once, and the old one still', async () => {
    const it = world();
    await it.replica().step(signal);
    const [old] = it.trusted()[0] as [string];
    it.kube.remove(SECRET, secretKey);
    const one = it.replica();
    await one.step(signal);
    expect(it.trusted()[0]?.[0]).toBe(old);
    expect(trusts(it.trusted()[0] ?? [], one.current() as KeyPair, it.now)).toBe(true);
  });

  it('the serving certificate alone is damaged: the authority stays', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const before = it.trusted();
    write(it, { ...dataOf(it), 'tls.crt': garbage });
    await one.step(signal);
    expect(it.trusted()).toEqual(before);
    expect(trusts(before[0] ?? [], one.current() as KeyPair, it.now)).toBe(true);
  });

  it('somebody puts a certificate of his own authority there: it is not served', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const foreign = await issueAuthority({ from: it.now - MINUTE, to: it.now + 300 * MINUTE });
    const server = await issueServer(foreign, names, { from: it.now - MINUTE, to: it.now + 300 * MINUTE });
    const encode = (text: string) => Buffer.from(text).toString('base64');
    write(it, { ...dataOf(it), 'tls.crt': encode(server.cert), 'tls.key': encode(server.key) });
    await one.step(signal);
    expect(one.current()?.cert).not.toBe(server.cert);
    expect(trusts(it.trusted()[0] ?? [], one.current() as KeyPair, it.now)).toBe(true);
  });

  it('nobody looked for so long that all is over: it is made anew at once', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    it.now += 2000 * MINUTE;
    await one.step(signal);
    expect(trusts(it.trusted()[0] ?? [], one.current() as KeyPair, it.now)).toBe(true);
    expect(it.trusted()[0]).toHaveLength(1);
  });

  it('the clock of one replica is behind by less than certificates are back-dated: nothing happens', async () => {
    const it = world();
    await it.replica().step(signal);
    const before = it.secret();
    it.now -= times.backdate;
    const late = it.replica();
    await late.step(signal);
    expect(it.secret()).toEqual(before);
    expect(trusts(it.trusted()[0] ?? [], late.current() as KeyPair, it.now)).toBe(true);
  });

  it.each([403, 500, 0])('the API server answers %d: it is told, and what is served stays', async (status) => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const served = one.current();
    it.kube.onCall = () => {
      throw new KubeError(status, 'Whatever', 'no');
    };
    await expect(one.step(signal)).rejects.toMatchObject({ status });
    expect(one.current()).toEqual(served);
  });

  it('every write meets another one: it gives up for this time', async () => {
    const it = world();
    const one = it.replica();
    it.kube.onCall = ({ verb }) => {
      if (verb === 'replace') throw new KubeError(409, 'Conflict', 'no');
    };
    await expect(one.step(signal)).rejects.toMatchObject({ code: 'CERTIFICATE_UNAVAILABLE' });
    expect(one.current()).toBeUndefined();
    expect(it.kube.calls.filter(({ verb }) => verb === 'replace')).toHaveLength(8);
  });

  it('other fields of the Secret and its labels stay', async () => {
    const it = world({ secret: { data: { mine: garbage } } });
    await it.replica().step(signal);
    expect(dataOf(it)['mine']).toBe(garbage);
  });

  it('no key is ever in what is published', async () => {
    const it = world();
    const one = it.replica();
    await one.step(signal);
    const text = JSON.stringify(it.kube.at(WEBHOOK_CONFIGURATION, configurationKey));
    const { current, serving } = authorityIn(it);
    for (const pair of [current, serving])
      expect(text).not.toContain(
        Buffer.from(pair?.key ?? 'none')
          .toString('base64')
          .slice(0, 60),
      );
    expect(it.trusted().flat().join('')).not.toContain('PRIVATE');
  });
});

function dataOf(it: World): Record<string, string> {
  return { ...(it.secret() as unknown as { data: Record<string, string> }).data };
}

function write(it: World, data: Record<string, string>): void {
  it.kube.put(SECRET, { apiVersion: 'v1', kind: 'Secret', metadata: { ...secretKey }, data });
}

function swap(it: World): void {
  const data = dataOf(it);
  write(it, { ...data, 'ca.key': data['tls.key'] as string });
}
