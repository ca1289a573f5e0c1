import { describe, expect, it } from 'vitest';
import { createKubeEvents } from '../../../src/adapters/kube/events.ts';
import { KubeError, type KubeResource, valueAt } from '../../../src/core/kube.ts';
import { type Log, type LogFields, NO_METRICS, SILENT_LOG } from '../../../src/core/telemetry.ts';
import { announcement } from '../../support/announcement.ts';
import { createMemoryKube } from '../../support/kube/memory.ts';

const EVENTS: KubeResource = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };

function open() {
  const kube = createMemoryKube();
  const dropped: string[] = [];
  const warned: LogFields[] = [];
  const log: Log = { ...SILENT_LOG, warn: (_, fields = {}) => void warned.push(fields), with: () => log };
  let now = 1_700_000_000_000;
  let ahead = 0;
  const make = () =>
    createKubeEvents({
      ...{ kube, instance: 'syncgate-0', log, clock: { now: () => now + ahead }, ticks: () => now },
      metrics: { ...NO_METRICS, count: (_, { reason }) => void dropped.push(String(reason)) },
    });
  return {
    kube,
    dropped,
    warned,
    setClock: (ms: number) => {
      ahead += ms;
    },
    later: (ms: number) => {
      now += ms;
    },
    /** Tells all of them, and answers with what is there then. */
    tell: async (events: ReturnType<typeof make>, ...given: Parameters<typeof announcement>[]) => {
      for (const each of given) events.announce(announcement(...each));
      // Closing is how one waits for the queue.
      const waiting = events.close(20_000);
      await waiting;
      return kube.all(EVENTS);
    },
    make,
  };
}

describe('events of Kubernetes', () => {
  it('say what happened to the GatedSource', async () => {
    const { tell, make } = open();
    const [event] = await tell(make(), [{}]);
    expect(event).toMatchObject({
      involvedObject: {
        apiVersion: 'syncgate.dev/v1alpha1',
        kind: 'GatedSource',
        namespace: 'apps',
        name: 'shop',
        uid: 'u-1',
      },
      type: 'Warning',
      reason: 'Denied',
      message: 'image web is not signed',
      count: 1,
      firstTimestamp: '2023-11-14T22:13:20Z',
      source: { component: 'syncgate' },
      reportingComponent: 'syncgate',
      metadata: { namespace: 'apps', annotations: { 'syncgate.dev/revision': 'main@sha1:0123' } },
    });
    expect(event?.metadata.name).toMatch(/^shop\.[0-9a-f]{16}$/);
  });

  it('count up where the same is said again, and begin anew after ten minutes', async () => {
    const { kube, later, make } = open();
    const events = make();
    const settle = async (count: number) => {
      while (kube.calls.length < count) await new Promise((next) => setTimeout(next, 5));
    };
    for (let i = 1; i <= 3; i++) {
      events.announce(announcement());
      await settle(i);
    }
    events.announce(announcement({ message: 'another' }));
    await settle(4);
    later(600_000);
    events.announce(announcement());
    await settle(5);
    await events.close(20_000);
    const counts = kube.all(EVENTS).map((event) => [event['message'], event['count']]);
    expect(counts).toEqual([
      ['image web is not signed', 3],
      ['another', 1],
      ['image web is not signed', 1],
    ]);
  });

  it('are written anew where the old one is gone', async () => {
    const { kube, make, tell } = open();
    const events = make();
    events.announce(announcement());
    while (kube.all(EVENTS).length === 0) await new Promise((next) => setTimeout(next, 5));
    const [event] = kube.all(EVENTS);
    kube.remove(EVENTS, { namespace: 'apps', name: String(event?.metadata.name) });
    expect(await tell(events, [{}])).toHaveLength(1);
  });

  it('do not flood: 25 about one object, more of others, and again after a while', async () => {
    const { kube, dropped, make, later, setClock } = open();
    const events = make();
    for (let i = 0; i < 100; i++) events.announce(announcement({ message: `${i}` }));
    events.announce(announcement({}, { name: 'other' }));
    while (kube.all(EVENTS).length < 26) await new Promise((next) => setTimeout(next, 5));
    expect(dropped).toHaveLength(75);
    // Whatever the clock of the machine says by then.
    setClock(-7200_000);
    later(300_000);
    events.announce(announcement({ message: 'later' }));
    await events.close(20_000);
    expect(kube.all(EVENTS)).toHaveLength(27);
  });

  it.each([
    ['é'.repeat(5000), 1024],
    ['😀'.repeat(5000), 1024],
    ['\ud800', 3],
  ])('hold no more than 1024 bytes of a message', async (message, most) => {
    const { make, tell } = open();
    const [event] = await tell(make(), [{ message }]);
    const written = String(event?.['message']);
    expect(Buffer.byteLength(written)).toBeLessThanOrEqual(most);
    expect(written.replace('…', '')).toBe(written.replace('…', '').toWellFormed());
  });

  it.each([
    ['refused', new KubeError(403, 'Forbidden', 'no'), '403 Forbidden', /roles of the overlay/],
    ['failed', new KubeError(0, 'Unreachable', 'no'), 'Unreachable', /Look at the API server/],
    ['failed', new KubeError(500, 'InternalError', 'no'), '500 InternalError', /Look at the API server/],
  ])('that cannot be written are counted as %s, and said to be', async (reason, error, cause, mend) => {
    const { kube, dropped, warned, make, tell } = open();
    kube.onCall = () => {
      throw error;
    };
    expect(await tell(make(), [{}])).toEqual([]);
    expect(dropped).toEqual([reason]);
    expect(warned).toEqual([{ reason, cause, mend: expect.stringMatching(mend) }]);
    expect(valueAt(kube.calls[0]?.body, 'kind')).toBe('Event');
  });
});
