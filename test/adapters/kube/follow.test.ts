import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { FollowTimes } from '../../../src/adapters/kube/follow.ts';
import { valueAt } from '../../../src/core/kube.ts';
import { waitFor } from '../../support/argocd/component.ts';
import { WIDGETS } from '../../support/kube/contract.ts';
import {
  event,
  listOf,
  refuse,
  type ScriptedServer,
  sendJson,
  startScripted,
  widget,
} from '../../support/kube/scripted.ts';

interface Followed extends AsyncDisposable {
  readonly server: ScriptedServer;
  readonly changes: readonly string[];
  readonly cache: ReturnType<Awaited<ReturnType<ScriptedServer['open']>>['watch']>;
  /** Settles when there are so many changes. */
  until(count: number): Promise<unknown>;
  /** The versions that watches were asked from, and `list` for each list. */
  asked(): readonly string[];
}

/** Follows a server that has one widget at version 10, and whose watches do what the test says, one after the other. */
async function followed(
  watches: readonly ((response: ServerResponse) => void)[],
  lists: readonly ((response: ServerResponse) => void)[] = [],
  times: Partial<FollowTimes> = {},
): Promise<Followed> {
  let watch = 0;
  let list = 0;
  const server = await startScripted(({ query }, response) => {
    if (query.get('watch') !== '1') {
      const answer = lists[list++] ?? ((to) => sendJson(to, 200, listOf([widget('a', '10')], '10')));
      return answer(response);
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    watches[watch++]?.(response);
  });
  const kube = await server.open({ times });
  const changes: string[] = [];
  const cache = kube.watch(WIDGETS, {
    signal: new AbortController().signal,
    onChange: ({ name }, object) => changes.push(`${name} ${object?.metadata.resourceVersion ?? 'gone'}`),
  });
  return {
    server,
    changes,
    cache,
    until: (count) => waitFor(`${count} changes: ${changes}`, 20_000, () => changes.length >= count || undefined),
    asked: () =>
      server.asked.map(({ query }) => (query.get('watch') === '1' ? String(query.get('resourceVersion')) : 'list')),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describe('a watch', () => {
  it('that ends is resumed from the last event, bookmarks included', async () => {
    await using it = await followed([
      (to) => to.end(event('MODIFIED', widget('a', '11')) + event('BOOKMARK', { metadata: { resourceVersion: '15' } })),
      (to) => to.end(event('ADDED', widget('b', '16'))),
      (to) => void to.write(event('DELETED', widget('a', '17'))),
    ]);
    await it.until(4);
    expect(it.changes).toEqual(['a 10', 'a 11', 'b 16', 'a gone']);
    expect(it.asked()).toEqual(['list', '10', '15', '16']);
    expect(it.cache.isCurrent()).toBe(true);
  });

  it('that is cut in the middle of an event is resumed from the one before', async () => {
    await using it = await followed([
      (to) => {
        to.write(event('MODIFIED', widget('a', '11')) + event('MODIFIED', widget('a', '12')).slice(0, 40), () =>
          setTimeout(() => to.destroy(), 20),
        );
      },
      (to) => void to.write(event('MODIFIED', widget('a', '12'))),
    ]);
    await it.until(3);
    expect(it.changes).toEqual(['a 10', 'a 11', 'a 12']);
    expect(it.asked()).toEqual(['list', '10', '11']);
  });

  it('takes events that come in pieces, and many in one', async () => {
    const text = event('MODIFIED', widget('ä', '11')) + event('MODIFIED', widget('ä', '12'));
    await using it = await followed([
      async (to) => {
        for (const byte of Buffer.from(text)) {
          to.write(Buffer.of(byte));
          await new Promise((next) => setImmediate(next));
        }
      },
    ]);
    await it.until(3);
    expect(it.changes).toEqual(['a 10', 'ä 11', 'ä 12']);
  });

  const gone = { kind: 'Status', apiVersion: 'v1', code: 410, reason: 'Expired', message: 'too old' };
  it.each([
    ['says that the version is too old', event('ERROR', gone)],
    ['fails', event('ERROR', { kind: 'Status', code: 500, reason: 'InternalError' })],
    ['says what is no JSON', '{"type":"MODIF\n'],
    ['has an event of no known type', event('RENAMED', widget('a', '11'))],
    ['has an event without a version', event('MODIFIED', { metadata: { name: 'a' } })],
    ['has an event without a name', event('MODIFIED', { metadata: { resourceVersion: '11' } })],
    ['has an event that is nothing', 'null\n'],
    ['has an event that is endless', 'x'.repeat(17 * 1024 * 1024)],
  ])('that %s makes the list be read again, and what changed meanwhile is told once', async (_, text) => {
    const second = listOf([widget('b', '20'), widget('c', '21')], '30');
    await using it = await followed(
      [(to) => void to.write(text), (to) => void to.write(event('MODIFIED', widget('c', '31')))],
      [
        (to) => sendJson(to, 200, listOf([widget('a', '10'), widget('b', '9')], '10')),
        (to) => sendJson(to, 200, second),
      ],
    );
    await it.until(6);
    expect(it.changes).toEqual(['a 10', 'b 9', 'a gone', 'b 20', 'c 21', 'c 31']);
    expect(it.asked()).toEqual(['list', '10', 'list', '30']);
  });

  it('tells nothing of what did not change while it was away', async () => {
    await using it = await followed([
      (to) => void to.write(event('ERROR', gone)),
      (to) => void to.write(event('ADDED', widget('z', '40'))),
    ]);
    await it.until(2);
    expect(it.changes).toEqual(['a 10', 'z 40']);
  });

  it('an object that was exchanged for another of its name is one change between two uids', async () => {
    const other = { ...widget('a', '20'), metadata: { ...(widget('a', '20')['metadata'] as object), uid: 'other' } };
    await using it = await followed(
      [(to) => void to.write(event('ERROR', gone)), () => {}],
      [(to) => sendJson(to, 200, listOf([widget('a', '10')], '10')), (to) => sendJson(to, 200, listOf([other], '20'))],
    );
    await it.until(2);
    expect(it.changes).toEqual(['a 10', 'a 20']);
    expect(it.cache.get({ namespace: 'apps', name: 'a' })?.metadata.uid).toBe('other');
  });

  it('on which nothing comes is resumed', async () => {
    await using it = await followed([() => {}, (to) => void to.write(event('MODIFIED', widget('a', '11')))], [], {
      idleMs: 100,
    });
    await it.until(2);
    expect(it.asked().slice(0, 3)).toEqual(['list', '10', '10']);
  });

  it('that ends at once each time is not asked for without a pause', async () => {
    await using it = await followed(
      Array.from({ length: 1000 }, () => (to: ServerResponse) => void to.end()),
      [],
      { firstBackoffMs: 50, mostBackoffMs: 100 },
    );
    await it.until(1);
    await new Promise((next) => setTimeout(next, 500));
    expect(it.asked().length).toBeLessThan(25);
  });

  it('that cannot be had keeps the copy, and says that it is not current', async () => {
    await using it = await followed([(to) => void to.write(event('MODIFIED', widget('a', '11')))]);
    await it.until(2);
    it.server.answer = (_, response) => refuse(response, 503, 'ServiceUnavailable');
    it.server.cut();
    await waitFor('it to be noticed', 20_000, () => !it.cache.isCurrent() || undefined);
    expect(it.cache.list().map(({ metadata }) => metadata.resourceVersion)).toEqual(['11']);
  });

  it('the whole list is read again after its time', async () => {
    await using it = await followed(
      [(to) => setTimeout(() => to.end(), 30), (to) => void to.write(event('ADDED', widget('b', '50')))],
      [],
      { relistMs: 1 },
    );
    await it.until(2);
    expect(it.asked().slice(0, 4)).toEqual(['list', '10', 'list', '10']);
  });

  it('holds no managed fields', async () => {
    const managed = {
      ...widget('a', '10'),
      metadata: { ...(widget('a', '10')['metadata'] as object), managedFields: [{}] },
    };
    await using it = await followed([], [(to) => sendJson(to, 200, listOf([managed], '10'))]);
    await it.cache.synced;
    expect(valueAt(it.cache.list()[0], 'metadata', 'managedFields')).toBeUndefined();
  });

  it('waits for a kind that is not there yet, or not allowed', async () => {
    await using it = await followed(
      [(to) => void to.write(event('ADDED', widget('b', '11')))],
      [
        (to) => refuse(to, 404, 'NotFound'),
        (to) => refuse(to, 403, 'Forbidden'),
        (to) => refuse(to, 500, 'InternalError'),
      ],
    );
    expect(it.cache.isCurrent()).toBe(false);
    await it.cache.synced;
    await it.until(2);
    expect(it.asked()).toEqual(['list', 'list', 'list', 'list', '10']);
  });
});

describe('a list', () => {
  it('is read in pages, as it was at one moment', async () => {
    await using server = await startScripted(({ query }, response) => {
      const page = query.get('continue');
      if (page === null) sendJson(response, 200, listOf([widget('a', '1')], '5', 'p2'));
      else if (page === 'p2') sendJson(response, 200, listOf([widget('b', '2')], '5', 'p3'));
      else sendJson(response, 200, listOf([widget('c', '3')], '5'));
    });
    const kube = await server.open();
    const found = await kube.list(WIDGETS, { signal: new AbortController().signal });
    expect(found.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c']);
    expect(server.asked.map(({ query }) => query.get('limit'))).toEqual(['250', '250', '250']);
  });

  it('whose moment is forgotten meanwhile is read anew, three times at most', async () => {
    let restarts = 0;
    await using server = await startScripted(({ query }, response) => {
      if (query.get('continue') === null) sendJson(response, 200, listOf([widget('a', '1')], '5', 'p2'));
      else if (restarts++ < 2) refuse(response, 410, 'Expired');
      else sendJson(response, 200, listOf([widget('b', '2')], '5'));
    });
    const kube = await server.open();
    const signal = new AbortController().signal;
    expect((await kube.list(WIDGETS, { signal })).map(({ metadata }) => metadata.name)).toEqual(['a', 'b']);
    restarts = Number.NEGATIVE_INFINITY;
    await expect(kube.list(WIDGETS, { signal })).rejects.toMatchObject({ status: 410 });
  });

  it('whose page is too large is read in smaller ones', async () => {
    await using server = await startScripted(({ query }, response) => {
      const limit = Number(query.get('limit'));
      const big = Array.from({ length: limit }, (_, i) => ({ ...widget(`w${i}`, '1'), pad: 'x'.repeat(200) }));
      sendJson(response, 200, listOf(big, '5'));
    });
    const kube = await server.open({ limits: { answerBytes: 3000 } });
    const found = await kube.list(WIDGETS, { signal: new AbortController().signal });
    expect(server.asked.map(({ query }) => query.get('limit'))).toEqual(['250', '31', '3']);
    expect(found).toHaveLength(3);
  });

  it.each([
    ['no items', { metadata: { resourceVersion: '1' } }],
    ['no version', { items: [] }],
    ['items without names', listOf([{ kind: 'Widget' }], '1')],
    ['items that are nothing', { metadata: { resourceVersion: '1' }, items: [null] }],
  ])('with %s is none', async (_, body) => {
    await using server = await startScripted((__, response) => sendJson(response, 200, body));
    const kube = await server.open();
    const listing = kube.list(WIDGETS, { signal: new AbortController().signal });
    await expect(listing).rejects.toMatchObject({ status: 0, reason: 'AnswerInvalid' });
  });
});
