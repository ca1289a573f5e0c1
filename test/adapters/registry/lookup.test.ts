import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLookup, type Lookup, type ResolvedAddress } from '../../../src/adapters/registry/lookup.ts';
import { type HostileRegistry, notFound, redirectTo, startHostileRegistry } from '../../support/hostile-registry.ts';
import { errorOf, never, open } from './support.ts';

const loopback = [{ address: '127.0.0.1', family: 4 as const }];
const chosen = { known: false, signal: never };
const known = { known: true, signal: never };

/** A resolver that answers when it is told to. */
function silentResolver() {
  const asked: string[] = [];
  const waiting = new Map<string, { done(found: readonly ResolvedAddress[]): void; failed(error: Error): void }>();
  const lookup = createLookup((hostname) => {
    asked.push(hostname);
    return new Promise((done, failed) => {
      waiting.set(hostname, { done, failed });
    });
  });
  const settled = async () => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  return {
    asked,
    lookup,
    settled,
    answer: async (hostname: string) => {
      waiting.get(hostname)?.done(loopback);
      await settled();
    },
    fail: async (hostname: string) => {
      waiting.get(hostname)?.failed(new Error('no such name'));
      await settled();
    },
  };
}

describe('names that applications choose', () => {
  it('are asked for one after another, however long one is silent', async () => {
    const { asked, lookup, settled, answer, fail } = silentResolver();
    const found = ['a', 'b', 'c'].map((name) => lookup(name, chosen));
    const first = errorOfAny(found[0]);
    await settled();
    expect(asked).toEqual(['a']);
    await fail('a');
    expect((await first).message).toBe('no such name');
    expect(asked).toEqual(['a', 'b']);
    await answer('b');
    expect(asked).toEqual(['a', 'b', 'c']);
    await answer('c');
    expect(await Promise.all(found.slice(1))).toEqual([loopback, loopback]);
  });

  it('keep no other waiting', async () => {
    const { asked, lookup, settled, answer } = silentResolver();
    for (const name of ['a', 'b', 'c']) void lookup(name, chosen);
    const found = [lookup('x', known), lookup('y', known)];
    await settled();
    expect(asked.toSorted()).toEqual(['a', 'x', 'y']);
    await answer('x');
    await answer('y');
    expect(await Promise.all(found)).toEqual([loopback, loopback]);
  });

  it('have their turn until the resolver has answered, whoever still waits', async () => {
    const { asked, lookup, settled, answer } = silentResolver();
    const leaving = new AbortController();
    const left = errorOfAny(lookup('a', { known: false, signal: leaving.signal }));
    const next = lookup('b', chosen);
    await settled();
    leaving.abort(new Error('over'));
    expect((await left).message).toBe('over');
    await settled();
    expect(asked).toEqual(['a']);
    await answer('a');
    expect(asked).toEqual(['a', 'b']);
    await answer('b');
    expect(await next).toEqual(loopback);
  });

  it('are not asked for at all where nobody waits any more', async () => {
    const { asked, lookup, settled, answer } = silentResolver();
    void lookup('a', chosen);
    const leaving = new AbortController();
    const left = errorOfAny(lookup('b', { known: false, signal: leaving.signal }));
    await settled();
    leaving.abort(new Error('over'));
    expect((await left).message).toBe('over');
    const last = lookup('c', chosen);
    await answer('a');
    await answer('c');
    expect(await last).toEqual(loopback);
    expect(asked).toEqual(['a', 'c']);
  });
});

describe.each([
  ['that an application chose', chosen],
  ['that the platform knows', known],
])('a name %s', (_, options) => {
  it('is asked for once, however many want it', async () => {
    const { asked, lookup, answer, settled } = silentResolver();
    const found = [1, 2, 3].map(() => lookup('a', options));
    await settled();
    await answer('a');
    expect(await Promise.all(found)).toEqual([loopback, loopback, loopback]);
    expect(asked).toEqual(['a']);
  });

  it('is asked for once, though those who asked first have left', async () => {
    const { asked, lookup, answer, settled } = silentResolver();
    const leaving = new AbortController();
    const left = errorOfAny(lookup('a', { ...options, signal: leaving.signal }));
    await settled();
    leaving.abort(new Error('over'));
    await left;
    const found = [lookup('a', chosen), lookup('a', known)];
    await settled();
    await answer('a');
    expect(await Promise.all(found)).toEqual([loopback, loopback]);
    expect(asked).toEqual(['a']);
  });

  it('is asked for anew once it was answered', async () => {
    const { asked, lookup, answer, settled } = silentResolver();
    for (let i = 0; i < 2; i++) {
      const found = lookup('a', options);
      await settled();
      await answer('a');
      expect(await found).toEqual(loopback);
    }
    expect(asked).toEqual(['a', 'a']);
  });
});

describe('registries', () => {
  let server: HostileRegistry;
  let port: string;
  beforeAll(async () => {
    server = await startHostileRegistry();
    port = server.host.split(':')[1] as string;
  });
  beforeEach(() => server.behave(notFound));
  afterAll(() => server?.stop());

  const ask = (registry: string, lookup: Lookup, limits = {}) => {
    const listed = [{ host: `listed.example:${port}`, plainHttp: true }];
    return open(listed, { ports: { lookup }, limits }).forRun().resolveTag({ registry, path: 'a' }, 'v1', never);
  };

  it('answer while an application names hosts whose servers are silent', async () => {
    const asked: string[] = [];
    const lookup = createLookup((hostname) => {
      asked.push(hostname);
      return hostname === 'listed.example' ? Promise.resolve(loopback) : new Promise(() => {});
    });
    const limits = { attempts: 1, attemptMs: 300, requestMs: 300 };
    const silent = [1, 2, 3, 4].map((i) => errorOf(ask(`silent-${i}.example`, lookup, limits)));
    expect(await ask(`listed.example:${port}`, lookup)).toBeUndefined();
    const errors = await Promise.all(silent);
    expect(errors.map(({ code }) => code)).toEqual(errors.map(() => 'REGISTRY_TIMEOUT'));
    expect(asked.toSorted()).toEqual(['listed.example', 'silent-1.example']);
  });

  it('take for chosen what is neither listed nor led to by what is', async () => {
    const asked: Record<string, boolean> = {};
    const lookup: Lookup = async (hostname, options) => {
      asked[hostname] = options.known;
      return hostname === 'listed.example' ? loopback : [];
    };
    server.behave(redirectTo('https://elsewhere.example'));
    await errorOf(ask('chosen.example', lookup, { attempts: 1 }));
    await errorOf(ask(`listed.example:${port}`, lookup, { attempts: 1 }));
    expect(asked).toEqual({ 'chosen.example': false, 'listed.example': true, 'elsewhere.example': true });
  });
});

async function errorOfAny(promise: Promise<unknown> | undefined): Promise<Error> {
  return await (promise ?? Promise.resolve()).then(
    () => expect.fail('resolved'),
    (error: Error) => error,
  );
}
