import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createFluxEvents, fluxEvent } from '../../src/adapters/flux-events.ts';
import { type Log, type LogFields, NO_METRICS, SILENT_LOG } from '../../src/core/telemetry.ts';
import { announcement } from '../support/announcement.ts';
import { waitFor } from '../support/argocd/component.ts';
import { readFluxEvents } from '../support/fluxevent.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A notification-controller that answers what `answer` says: a status, `hang` or `cut`. */
async function receiver(answer: (tries: number) => number | 'hang' | 'cut') {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      bodies.push(body);
      const status = answer(bodies.length);
      if (status === 'cut') request.socket.destroy();
      else if (status !== 'hang') response.writeHead(status, status === 302 ? { location: '/other' } : {}).end('x');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const { port } = server.address() as { port: number };
  return { bodies, address: `http://127.0.0.1:${port}/` };
}

function open(address: string) {
  const dropped: string[] = [];
  const warned: LogFields[] = [];
  const log: Log = { ...SILENT_LOG, warn: (_, fields = {}) => void warned.push(fields), with: () => log };
  const events = createFluxEvents({
    ...{ address, instance: 'syncgate-0', log, clock: { now: () => 1_700_000_000_000 }, retryMs: 10 },
    metrics: { ...NO_METRICS, count: (_, { reason }) => void dropped.push(String(reason)) },
  });
  closing.push(() => events.close(0));
  return { events, dropped, warned };
}

describe('an event of Flux', () => {
  it('is what its published type holds, and leads to the commit', async () => {
    const { bodies, address } = await receiver(() => 202);
    const { events, dropped } = open(address);
    events.announce(announcement());
    events.announce(
      announcement({
        severity: 'info',
        reason: 'Succeeded',
        revision: 'main@sha256:aa',
        originRevision: 'main@sha1:bb',
      }),
    );
    await waitFor('both', 20_000, () => bodies.length === 2 || undefined);
    const [denied, allowed] = await readFluxEvents(bodies);
    expect(denied).toEqual({
      revision: 'main@sha1:0123',
      event: {
        involvedObject: {
          apiVersion: 'source.toolkit.fluxcd.io/v1',
          kind: 'ExternalArtifact',
          name: 'shop',
          namespace: 'apps',
          uid: 'u-2',
        },
        severity: 'error',
        timestamp: '2023-11-14T22:13:20Z',
        message: 'image web is not signed',
        reason: 'Denied',
        metadata: {
          'source.toolkit.fluxcd.io/revision': 'main@sha1:0123',
          'source.toolkit.fluxcd.io/originRevision': 'main@sha1:0123',
          'source.toolkit.fluxcd.io/token': '41',
        },
        reportingController: 'syncgate',
        reportingInstance: 'syncgate-0',
      },
    });
    expect(allowed?.revision).toBe('main@sha1:bb');
    expect(allowed?.event?.['metadata']).toMatchObject({ 'source.toolkit.fluxcd.io/commit_status': 'update' });
    expect(dropped).toEqual([]);
  });

  it.each([
    ['an empty uid, where there is no artifact yet', announcement({ artifact: undefined })],
    ['no revision', announcement({ revision: undefined, originRevision: undefined })],
    ['a message that is too long', announcement({ message: 'é'.repeat(100_000) })],
    ['half a character at the end', announcement({ message: `${'x'.repeat(38_999)}😀` })],
    ['a reason that is too long', announcement({ reason: 'R'.repeat(1000) })],
    ['lines and quotes', announcement({ message: 'a\n"b"\u0000\u001b[31m' })],
  ])('is valid with %s', async (_, given) => {
    const [reading] = await readFluxEvents([JSON.stringify(fluxEvent(given, 0, 'i'))]);
    expect(reading?.error).toBeUndefined();
    expect(reading?.event?.['message']).not.toContain('\ufffd\ufffd');
  });

  it('what is no event is refused by the reader', async () => {
    const event = fluxEvent(announcement(), 0, 'i');
    const wrong = [
      { ...event, stranger: 1 },
      { ...event, severity: 'bad' },
      { ...event, message: 'x'.repeat(39_001) },
    ];
    const readings = await readFluxEvents(wrong.map((each) => JSON.stringify(each)));
    expect(readings.map(({ error }) => typeof error)).toEqual(['string', 'string', 'string']);
  });

  it('takes annotations of its group along, but not whose commit passed', () => {
    const annotations = {
      'event.toolkit.fluxcd.io/change_request': '7',
      'event.toolkit.fluxcd.io/commit': 'another',
      'event.toolkit.fluxcd.io/commit_status': 'update',
      'event.toolkit.fluxcd.io/revision': 'another',
      'event.toolkit.fluxcd.io/originRevision': 'another',
      'source.toolkit.fluxcd.io/originRevision': 'another',
      'source.toolkit.fluxcd.io/commit': 'another',
      'else.example/x': 'y',
    };
    const { metadata } = fluxEvent(announcement({ originRevision: undefined }, { annotations }), 0, 'i');
    expect(metadata).toMatchObject({ 'event.toolkit.fluxcd.io/change_request': '7' });
    expect(JSON.stringify(metadata)).not.toMatch(/another|else\.example|commit/);
  });

  it('is bounded, whatever is annotated', () => {
    const entries = Array.from({ length: 5000 }, (_, i) => [`event.toolkit.fluxcd.io/k${i}`, 'v'.repeat(5000)]);
    const event = fluxEvent(announcement({}, { annotations: Object.fromEntries(entries) }), 0, 'i');
    expect(JSON.stringify(event).length).toBeLessThan(32_000);
  });
});

describe('telling', () => {
  it.each([
    ['once where it is taken', () => 202, 1, []],
    ['once where it is known (429)', () => 429, 1, []],
    ['once where it is refused', () => 400, 1, ['refused']],
    ['once where it is sent elsewhere: nothing is followed', () => 302, 1, ['refused']],
    ['again where the server fails', (tries: number) => (tries < 3 ? 503 : 202), 3, []],
    ['again where the connection is cut', (tries: number) => (tries < 2 ? ('cut' as const) : 202), 2, []],
    ['four times at most', () => 500, 4, ['failed']],
  ])('%s', async (_, answer, tries, expected) => {
    const { bodies, address } = await receiver(answer);
    const { events, dropped } = open(address);
    events.announce(announcement());
    await events.close(20_000);
    expect([bodies.length, dropped]).toEqual([tries, expected]);
  });

  it('goes on with the next, in order', async () => {
    const { bodies, address } = await receiver((tries) => (tries === 1 ? 400 : 202));
    const { events, dropped } = open(address);
    for (const message of ['one', 'two', 'three']) events.announce(announcement({ message }));
    await events.close(20_000);
    expect(bodies.map((body) => JSON.parse(body).message)).toEqual(['one', 'two', 'three']);
    expect(dropped).toEqual(['refused']);
  });

  it('never waits: what hangs holds up nobody, and more than a thousand are dropped', async () => {
    const { bodies, address } = await receiver(() => 'hang');
    const { events, dropped } = open(address);
    for (let i = 0; i < 1500; i++) events.announce(announcement({ message: `${i}` }));
    expect(dropped.filter((reason) => reason === 'full')).toHaveLength(500);
    await waitFor('the first', 20_000, () => bodies.length === 1 || undefined);
    await events.close(0);
    expect(dropped.filter((reason) => reason === 'closed')).toHaveLength(1000);
    events.announce(announcement());
    expect(dropped).toHaveLength(1501);
  });

  it.each<[string, () => string | Promise<string>, string, RegExp, RegExp]>([
    ['nobody', () => 'http://127.0.0.1:1/', 'failed', /^ECONNREFUSED$/, /--events-address/],
    ['a name that there is not', () => 'http://nobody.invalid/', 'failed', /^(ENOTFOUND|EAI_AGAIN)$/, /DNS/],
    ['one that fails', async () => (await receiver(() => 503)).address, 'failed', /^503$/, /notification-controller/],
    ['one that is another', async () => (await receiver(() => 404)).address, 'refused', /^404$/, /--events-address/],
  ])('to %s is counted, and its cause is said once', async (_, address, reason, cause, mend) => {
    const { events, dropped, warned } = open(await address());
    events.announce(announcement());
    events.announce(announcement());
    await events.close(20_000);
    expect(dropped).toEqual([reason, reason]);
    expect(warned).toEqual([{ reason, cause: expect.stringMatching(cause), mend: expect.stringMatching(mend) }]);
  });

  it.each(['', 'notification-controller', 'file:///etc/passwd', 'ftp://host/'])('refuses the address %j', (address) => {
    expect(() => open(address)).toThrow();
  });
});
