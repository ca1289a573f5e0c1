/** What the election of a leader and the slice of its endpoint must do, against a real API server and against its double. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keepEndpoint } from '../../../src/adapters/kube/endpoint.ts';
import { elect, type LeaderOptions, type Leadership } from '../../../src/adapters/kube/leader.ts';
import { type Kube, KubeError, type KubeResource, valueAt } from '../../../src/core/kube.ts';
import { NO_METRICS, SILENT_LOG } from '../../../src/core/telemetry.ts';
import { waitFor } from '../argocd/component.ts';
import { NAMESPACES } from './contract.ts';

const LEASES: KubeResource = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
const SLICES: KubeResource = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};
const signal = new AbortController().signal;

/** The same API server over a connection that can be cut. */
function cuttable(kube: Kube) {
  let isCut = false;
  const guard =
    <Args extends unknown[], Answer>(call: (...args: Args) => Promise<Answer>) =>
    async (...args: Args): Promise<Answer> => {
      if (isCut) throw new KubeError(0, 'Unreachable', 'cut');
      return await call(...args);
    };
  const over: Kube = {
    ...kube,
    get: guard(kube.get),
    create: guard(kube.create),
    replace: guard(kube.replace),
    apply: guard(kube.apply),
  };
  return {
    kube: over,
    cut: (now: boolean) => {
      isCut = now;
    },
  };
}

export function describeLeadership(
  title: string,
  open: () => Promise<{ readonly kube: Kube; close(): Promise<void> }>,
): void {
  describe(title, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let kube: Kube;
    const started: { stop(): Promise<void> }[] = [];
    beforeAll(async () => {
      opened = await open();
      kube = opened.kube;
    });
    afterEach(async () => {
      for (const each of started.splice(0)) await each.stop();
    });
    afterAll(() => opened?.close());

    const fresh = async () => {
      const namespace = `t-${randomBytes(4).toString('hex')}`;
      const metadata = { name: namespace };
      await kube.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata }, { signal });
      return namespace;
    };
    const candidate = (namespace: string, name: string, options: Partial<LeaderOptions> = {}): Leadership => {
      const leadership = elect({
        ...{ kube, namespace, name: 'syncgate', candidate: name, log: SILENT_LOG, metrics: NO_METRICS, clock: Date },
        ...{ ticks: () => performance.now(), random: Math.random },
        times: { leaseMs: 3000, renewMs: 1500, retryMs: 100 },
        ...options,
      });
      started.push(leadership);
      return leadership;
    };
    const leads = (leadership: Leadership) => waitFor('it to lead', 20_000, () => leadership.isLeader() || undefined);
    const leaseIn = async (namespace: string) => await kube.get(LEASES, { namespace, name: 'syncgate' }, signal);
    const foreign = (namespace: string, renewTime: string, seconds: number) => ({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace, name: 'syncgate' },
      spec: { holderIdentity: 'stranger', leaseDurationSeconds: seconds, acquireTime: renewTime, renewTime },
    });

    describe('of two candidates', () => {
      it('one leads, and when it stops the other does, though the Lease would be long', async () => {
        const namespace = await fresh();
        const times = { leaseMs: 600_000, renewMs: 60_000, retryMs: 100 };
        const one = candidate(namespace, 'one', { times });
        await leads(one);
        const two = candidate(namespace, 'two', { times });
        const told: string[] = [];
        one.onChange((now) => told.push(`one: ${now}`));
        two.onChange((now) => told.push(`two: ${now}`));
        await new Promise((next) => setTimeout(next, 500));
        expect([one.isLeader(), two.isLeader()]).toEqual([true, false]);
        await one.stop();
        await leads(two);
        expect(told).toEqual(['one: false', 'two: true']);
        const lease = await leaseIn(namespace);
        expect(valueAt(lease, 'spec', 'holderIdentity')).toMatch(/^two_/);
        expect(valueAt(lease, 'spec', 'renewTime')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
      });

      it('the one that is cut off ceases before the other begins, and does not come back over it', async () => {
        const namespace = await fresh();
        const connection = cuttable(kube);
        const one = candidate(namespace, 'one', { kube: connection.kube });
        await leads(one);
        const two = candidate(namespace, 'two');
        const told: string[] = [];
        one.onChange((now) => told.push(`one: ${now}`));
        two.onChange((now) => {
          expect(one.isLeader()).toBe(false);
          told.push(`two: ${now}`);
        });
        connection.cut(true);
        await leads(two);
        expect(told).toEqual(['one: false', 'two: true']);
        connection.cut(false);
        await new Promise((next) => setTimeout(next, 500));
        expect([one.isLeader(), two.isLeader()]).toEqual([false, true]);
      });

      it('many begin at once, and one leads', async () => {
        const namespace = await fresh();
        const all = Array.from({ length: 8 }, (_, i) => candidate(namespace, `c${i}`));
        await waitFor('a leader', 20_000, () => all.some((each) => each.isLeader()) || undefined);
        await new Promise((next) => setTimeout(next, 500));
        expect(all.filter((each) => each.isLeader())).toHaveLength(1);
      });
    });

    it('a connection that comes back in time changes nothing', async () => {
      const namespace = await fresh();
      const connection = cuttable(kube);
      const times = { leaseMs: 60_000, renewMs: 40_000, retryMs: 50 };
      const one = candidate(namespace, 'one', { kube: connection.kube, times });
      await leads(one);
      const told: boolean[] = [];
      one.onChange((now) => told.push(now));
      connection.cut(true);
      await new Promise((next) => setTimeout(next, 400));
      connection.cut(false);
      const before = (await leaseIn(namespace))?.metadata.resourceVersion;
      await waitFor('a renewal', 20_000, async () => {
        const now = (await leaseIn(namespace))?.metadata.resourceVersion;
        return now === before ? undefined : true;
      });
      expect(told).toEqual([]);
      expect(one.isLeader()).toBe(true);
    });

    it.each([
      ['long ago', '2001-01-01T00:00:00.000000Z'],
      ['far ahead', '2099-01-01T00:00:00.000000Z'],
    ])('goes by its own clock where the holder renewed %s by his', async (_, renewTime) => {
      const namespace = await fresh();
      await kube.create(LEASES, foreign(namespace, renewTime, 2), { signal });
      let ticks = 1_000_000;
      const one = candidate(namespace, 'one', { ticks: () => ticks });
      await new Promise((next) => setTimeout(next, 600));
      expect(one.isLeader()).toBe(false);
      ticks += 2_001;
      await leads(one);
      expect(valueAt(await leaseIn(namespace), 'spec', 'leaseTransitions')).toBe(1);
    });

    it('no longer leads once the time to renew has passed, whoever was told', async () => {
      const namespace = await fresh();
      const connection = cuttable(kube);
      let ticks = 0;
      const times = { leaseMs: 30_000, renewMs: 20_000, retryMs: 10_000 };
      const one = candidate(namespace, 'one', { ticks: () => ticks, kube: connection.kube, times });
      await leads(one);
      ticks += 20_000;
      expect(one.isLeader()).toBe(false);
    });

    it('ceases when the Lease was given to another, and makes it anew when it was deleted', async () => {
      const namespace = await fresh();
      const one = candidate(namespace, 'one');
      await leads(one);
      const key = { namespace, name: 'syncgate' };
      await kube.mergePatch(
        LEASES,
        key,
        { spec: { holderIdentity: 'stranger', leaseDurationSeconds: 600 } },
        { signal },
      );
      await waitFor('it to cease', 20_000, () => !one.isLeader() || undefined);
      await kube.delete(LEASES, key, { signal });
      await leads(one);
    });

    it('a replica that starts anew under its name waits for what it was before', async () => {
      const namespace = await fresh();
      const connection = cuttable(kube);
      const times = { leaseMs: 600_000, renewMs: 60_000, retryMs: 100 };
      const before = candidate(namespace, 'one', { kube: connection.kube, times });
      await leads(before);
      connection.cut(true);
      const after = candidate(namespace, 'one', { times });
      await new Promise((next) => setTimeout(next, 500));
      expect(after.isLeader()).toBe(false);
    });

    it('says that it leads as a measurement, and survives a listener that throws', async () => {
      const namespace = await fresh();
      const values: number[] = [];
      const metrics = { ...NO_METRICS, set: (_: string, __: object, value: number) => void values.push(value) };
      const one = candidate(namespace, 'one', { metrics });
      one.onChange(() => {
        throw new Error('no');
      });
      await leads(one);
      await one.stop();
      expect(values).toEqual([0, 1, 0]);
      expect(valueAt(await leaseIn(namespace), 'spec', 'holderIdentity') ?? '').toBe('');
    });

    describe('the slice of the endpoint', () => {
      const slice = (namespace: string, addressType = 'IPv4') => ({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { namespace, name: 'artifacts' },
        addressType,
        endpoints: [],
        ports: [{ name: 'http', protocol: 'TCP', port: 9090 }],
      });
      const keep = (namespace: string, isLeader: () => boolean, podIp = '10.1.2.3', errors: string[] = []) => {
        const listeners = new Set<() => void>();
        const kept = keepEndpoint({
          ...{ kube, namespace, name: 'artifacts', podName: 'syncgate-0', podIp, everyMs: 100, retryMs: 100 },
          leadership: {
            isLeader,
            onChange: (listener) => {
              listeners.add(() => listener(isLeader()));
              return () => {};
            },
          },
          log: {
            ...SILENT_LOG,
            with: () => ({ ...SILENT_LOG, error: (_, fields) => errors.push(String(fields?.['why'])) }),
          },
        });
        started.push(kept);
        return { kept, tell: () => listeners.forEach((each) => void each()) };
      };
      const addresses = async (namespace: string) => {
        const found = await kube.get(SLICES, { namespace, name: 'artifacts' }, signal);
        const endpoints = valueAt(found, 'endpoints');
        // The server keeps no list where it is empty.
        const list = Array.isArray(endpoints) ? endpoints : [];
        return found === undefined ? undefined : list.flatMap((each) => valueAt(each, 'addresses') ?? []);
      };
      const becomes = (namespace: string, expected: string) =>
        waitFor(`the slice to name ${expected}`, 20_000, async () =>
          JSON.stringify(await addresses(namespace)) === JSON.stringify([expected]) ? true : undefined,
        );

      it('names the leader, again when somebody changed it, and the next one after him', async () => {
        const namespace = await fresh();
        await kube.create(SLICES, slice(namespace), { signal });
        let first = true;
        keep(namespace, () => first, '10.1.2.3');
        const second = keep(namespace, () => !first, '10.1.2.4');
        await becomes(namespace, '10.1.2.3');
        const key = { namespace, name: 'artifacts' };
        const patch = { endpoints: [{ addresses: ['10.9.9.9'] }, { addresses: ['10.9.9.8'] }] };
        await kube.mergePatch(SLICES, key, patch, { signal });
        await becomes(namespace, '10.1.2.3');
        first = false;
        second.tell();
        await becomes(namespace, '10.1.2.4');
        expect(valueAt(await kube.get(SLICES, key, signal), 'ports', 0, 'port')).toBe(9090);
      });

      it('is not touched by who does not lead', async () => {
        const namespace = await fresh();
        await kube.create(SLICES, slice(namespace), { signal });
        keep(namespace, () => false);
        await new Promise((next) => setTimeout(next, 400));
        expect(await addresses(namespace)).toEqual([]);
      });

      it.each([
        ['is not there', undefined, '10.1.2.3', /apply the manifests/],
        ['is for other addresses', 'IPv6', '10.1.2.3', /addressType/],
        ['is for other addresses than IPv6', 'IPv4', 'fd00::1', /addressType/],
      ])('that %s is said, and nothing is made', async (_, addressType, podIp, message) => {
        const namespace = await fresh();
        if (addressType !== undefined) await kube.create(SLICES, slice(namespace, addressType), { signal });
        const errors: string[] = [];
        keep(namespace, () => true, podIp, errors);
        await waitFor('the complaint', 20_000, () => errors.length > 0 || undefined);
        await new Promise((next) => setTimeout(next, 300));
        expect(errors).toHaveLength(1);
        expect(errors[0]).toMatch(message);
        expect(await addresses(namespace)).toEqual(addressType === undefined ? undefined : []);
      });
    });
  });
}
