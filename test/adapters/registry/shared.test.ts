import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Flights } from '../../../src/adapters/registry/flights.ts';
import { Recent } from '../../../src/adapters/registry/recent.ts';
import type { Digest } from '../../../src/core/image.ts';
import { makeCertificates } from '../../support/certificates.ts';
import {
  type Behaviour,
  type HostileRegistry,
  only,
  startHostileRegistry,
  tooManyRequests,
} from '../../support/hostile-registry.ts';
import { crane, type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../../support/registry.ts';
import { expectCode, folderForTest, never, type OpenOptions, open, signBothWays } from './support.ts';

const path = 'team/app';
const folder = folderForTest();
let upstream: RunningRegistry;
let front: HostileRegistry;
let image: PushedImage;
let unsigned: PushedImage;
let config: Digest;
beforeAll(async () => {
  upstream = await startRegistry();
  image = await pushImage(upstream.host, path, 'v1');
  unsigned = await pushImage(upstream.host, path, 'unsigned');
  await signBothWays(image, folder.path);
  config = JSON.parse(await crane('manifest', image.pinned)).config.digest;
  front = await startHostileRegistry({ upstream: upstream.host });
});
afterEach(() => front.behave());
afterAll(async () => {
  await front?.stop();
  await upstream?.stop();
  folder.remove();
});

const repository = () => ({ registry: front.host, path });
const sigTag = () => `${image.digest.replace(':', '-')}.sig`;
const urls = () => front.seen.map(({ url }) => url.replace(/^\/v2\/team\/app\//, ''));
const longLived = (options: OpenOptions = {}) =>
  open([{ host: front.host, plainHttp: true }], {
    ...options,
    settings: { lifetime: 'many verdicts', ...options.settings },
  });

/** Holds every answer until it is let go. */
function held(): { readonly behaviour: Behaviour; release(): void } {
  const waiting: (() => void)[] = [];
  return {
    behaviour: (request, response) => {
      waiting.push(async () => {
        const answer = await fetch(`http://${upstream.host}${request.url}`, {
          method: request.method,
          headers: { accept: String(request.headers['accept']) },
        });
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        response.end(Buffer.from(await answer.arrayBuffer()));
      });
      return true;
    },
    release: () => {
      for (const go of waiting.splice(0)) go();
    },
  };
}

const requests = async (count: number) => {
  while (front.seen.length < count) await new Promise((done) => setTimeout(done, 5));
};

describe('runs of one process', () => {
  it('ask for a body once, and never again', async () => {
    const registries = longLived();
    for (let i = 0; i < 3; i++) {
      const run = registries.forRun();
      expect((await run.manifest(repository(), image.digest, never))?.digest).toBe(image.digest);
      expect((await run.blob(repository(), config, 4096, never))?.digest).toBe(config);
    }
    expect(urls()).toEqual([`manifests/${image.digest}`, `blobs/${config}`]);
    registries.close();
  });

  it('share what is on its way: one request for each digest under 50 runs at once', async () => {
    const registries = longLived();
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const run = registries.forRun();
        const [manifest, signatures, referrers] = await Promise.all([
          run.manifest(repository(), image.digest, never),
          run.manifest(repository(), sigTag(), never),
          run.referrers(repository(), image.digest, never),
        ]);
        return [manifest?.digest, signatures !== undefined, referrers.length];
      }),
    );
    expect(new Set(answers.map(String))).toEqual(new Set([`${image.digest},true,1`]));
    expect(urls().sort()).toEqual(
      [`manifests/${image.digest}`, `manifests/${sigTag()}`, `referrers/${image.digest}`].sort(),
    );
    registries.close();
  });

  it('never share what a tag means', async () => {
    const registries = longLived();
    const moving = await pushImage(upstream.host, path, 'moving', 'old');
    expect((await registries.forRun().resolveTag(repository(), 'moving', never))?.digest).toBe(moving.digest);
    const moved = await pushImage(upstream.host, path, 'moving', 'new');
    expect((await registries.forRun().resolveTag(repository(), 'moving', never))?.digest).toBe(moved.digest);
    expect((await registries.forRun().manifest(repository(), 'moving', never))?.digest).toBe(moved.digest);
    const both = held();
    front.behave(both.behaviour);
    const asking = [1, 2].map(() => registries.forRun().resolveTag(repository(), 'moving', never));
    await requests(2);
    both.release();
    await Promise.all(asking);
    registries.close();
  });

  it('believe for seconds that there is no signature, and no longer', async () => {
    let now = 1000;
    const registries = longLived({ ports: { elapsed: () => now } });
    const tag = `${unsigned.digest.replace(':', '-')}.sig`;
    const look = async () => {
      const run = registries.forRun();
      expect(await run.manifest(repository(), tag, never)).toBeUndefined();
      expect(await run.referrers(repository(), unsigned.digest, never)).toEqual([]);
    };
    await look();
    now += 4_999;
    await look();
    expect(urls()).toHaveLength(2);
    now += 2;
    await look();
    expect(urls()).toHaveLength(4);
    registries.close();
  });

  it('believe it not at all where the process lives for one verdict', async () => {
    const registries = longLived({ settings: { lifetime: 'one verdict' } });
    for (let i = 0; i < 2; i++) await registries.forRun().referrers(repository(), unsigned.digest, never);
    expect(urls()).toHaveLength(2);
    registries.close();
  });

  it('do not take a missing image or a failure for an answer', async () => {
    const registries = longLived();
    front.behave(only(/manifests/, tooManyRequests('3600')));
    await expectCode(registries.forRun().manifest(repository(), image.digest, never), 'REGISTRY_RATE_LIMITED');
    expect(
      await longLived()
        .forRun()
        .manifest(repository(), 'absent', never)
        .catch(() => 'failed'),
    ).toBe('failed');
    front.behave();
    const absent = `sha256:${'0'.repeat(64)}` as Digest;
    const another = longLived();
    for (let i = 0; i < 2; i++) expect(await another.forRun().manifest(repository(), absent, never)).toBeUndefined();
    expect(urls()).toHaveLength(2);
    registries.close();
    another.close();
  });

  it('go on where another that waited for the same gives up', async () => {
    const registries = longLived();
    const answers = held();
    front.behave(answers.behaviour);
    const leaving = new AbortController();
    const left = registries.forRun().manifest(repository(), image.digest, leaving.signal);
    const stayed = registries.forRun().manifest(repository(), image.digest, never);
    await requests(1);
    leaving.abort();
    await expectCode(left, 'REGISTRY_ABORTED');
    answers.release();
    expect((await stayed)?.digest).toBe(image.digest);
    expect(urls()).toHaveLength(1);
    registries.close();
  });

  it('one repository says nothing about another', async () => {
    const registries = longLived();
    await registries.forRun().manifest(repository(), image.digest, never);
    const other = { registry: front.host, path: 'team/other' };
    expect(await registries.forRun().manifest(other, image.digest, never)).toBeUndefined();
    registries.close();
  });

  it('a body that is larger than the next caller reads is refused as ever', async () => {
    const registries = longLived();
    await registries.forRun().blob(repository(), config, 4096, never);
    await expectCode(registries.forRun().blob(repository(), config, 10, never), 'REGISTRY_TOO_LARGE');
    registries.close();
  });

  it('bodies past the room for them are asked for again', async () => {
    const registries = longLived({ limits: { memoryBytes: 1 } });
    for (let i = 0; i < 2; i++) await registries.forRun().blob(repository(), config, 4096, never);
    expect(urls()).toHaveLength(2);
    registries.close();
  });

  it('an authority that was renewed counts for the next request, without a restart', async () => {
    const [old, renewed] = [makeCertificates(), makeCertificates()];
    await using secure = await startHostileRegistry({ upstream: upstream.host, tls: renewed.server });
    const ca = join(folder.path, 'ca.pem');
    writeFileSync(ca, old.ca);
    const registries = open([{ host: secure.host, ca }]);
    const where = { registry: secure.host, path };
    await expectCode(registries.forRun().resolveTag(where, 'v1', never), 'REGISTRY_TLS');
    writeFileSync(ca, renewed.ca);
    expect((await registries.forRun().resolveTag(where, 'v1', never))?.digest).toBe(image.digest);
    registries.close();
  });

  it('connections are kept open', async () => {
    const registries = longLived();
    for (let i = 0; i < 5; i++) await registries.forRun().resolveTag(repository(), 'v1', never);
    expect(new Set(front.seen.map(({ port }) => port)).size).toBe(1);
    registries.close();
  });

  it('what is remembered of hosts is bounded', async () => {
    const others = await Promise.all([1, 2, 3].map(() => startHostileRegistry({ upstream: upstream.host })));
    const registries = open(
      others.map(({ host }) => ({ host, plainHttp: true })),
      { limits: { remembered: 1 } },
    );
    for (let round = 0; round < 2; round++) {
      const found = await Promise.all(
        others.map(({ host }) => registries.forRun().resolveTag({ registry: host, path }, 'v1', never)),
      );
      expect(found.map((each) => each?.digest)).toEqual([image.digest, image.digest, image.digest]);
    }
    registries.close();
    await Promise.all(others.map((each) => each.stop()));
  });
});

describe('Flights', () => {
  const left = () => new Error('left');

  it('stop the work when the last who waits has left, and not before', async () => {
    const flights = new Flights();
    const [one, two] = [new AbortController(), new AbortController()];
    let inner: AbortSignal | undefined;
    const work = (signal: AbortSignal) => {
      inner = signal;
      return new Promise<string>(() => {});
    };
    const waiting = [one, two].map(({ signal }) => flights.share('key', signal, left, work).catch(() => 'left'));
    await Promise.resolve();
    one.abort();
    expect(inner?.aborted).toBe(false);
    two.abort();
    expect(inner?.aborted).toBe(true);
    expect(await Promise.all(waiting)).toEqual(['left', 'left']);
  });

  it('start anew for whoever comes after all had left', async () => {
    const flights = new Flights();
    const one = new AbortController();
    const first = flights.share('key', one.signal, left, () => new Promise<number>(() => {})).catch(() => 0);
    await Promise.resolve();
    one.abort();
    expect(await flights.share('key', never, left, async () => 2)).toBe(2);
    expect(await first).toBe(0);
  });

  it('give everybody the same failure, and remember none', async () => {
    const flights = new Flights();
    let calls = 0;
    const fail = async () => {
      calls += 1;
      throw new Error('no');
    };
    const both = await Promise.allSettled([1, 2].map(() => flights.share('key', never, left, fail)));
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(calls).toBe(1);
    await expect(flights.share('key', never, left, fail)).rejects.toThrow('no');
    expect(calls).toBe(2);
  });

  it('do not start for somebody who has left', async () => {
    await expect(new Flights().share('key', AbortSignal.abort(), left, async () => 1)).rejects.toThrow('left');
  });
});

describe('Recent', () => {
  it('lets go of what was used longest ago', () => {
    const kept = new Recent<number>(2);
    kept.set('a', 1);
    kept.set('b', 2);
    expect(kept.get('a')).toBe(1);
    kept.set('c', 3);
    expect([kept.get('a'), kept.get('b'), kept.get('c')]).toEqual([1, undefined, 3]);
  });

  it('weighs, and does not keep what is heavier than all it may hold', () => {
    const kept = new Recent<string>(10, (text) => text.length);
    kept.set('a', 'x'.repeat(6));
    kept.set('b', 'x'.repeat(6));
    expect([kept.get('a'), kept.size]).toEqual([undefined, 1]);
    kept.set('c', 'x'.repeat(11));
    expect([kept.get('c'), kept.size]).toEqual([undefined, 0]);
    kept.set('b', 'x');
    expect(kept.get('b')).toBe('x');
  });
});
