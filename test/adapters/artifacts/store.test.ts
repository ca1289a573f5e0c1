import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asStoreError } from '../../../src/adapters/artifacts/failure.ts';
import { lockFolder } from '../../../src/adapters/artifacts/lock.ts';
import { type PackedArtifact, packArtifact } from '../../../src/adapters/artifacts/pack.ts';
import { type ArtifactStore, openArtifactStore, type StoreStep } from '../../../src/adapters/artifacts/store.ts';
import { contentOf, key } from '../../support/artifacts/rounds.ts';

let folder: string;
let now: number;
let opened: ArtifactStore[];
let aside: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-test-'));
  now = Date.UTC(2030, 0, 1);
  opened = [];
  aside = [];
});
afterEach(() => {
  for (const store of opened) store.close();
  rmSync(folder, { recursive: true });
});

async function openStore(reached?: (step: StoreStep) => void): Promise<ArtifactStore> {
  const store = await openArtifactStore({
    folder,
    clock: { now: () => now },
    ...(reached === undefined ? {} : { reached }),
    onSetAside: (path, why) => aside.push(`${path}: ${why}`),
  });
  opened.push(store);
  return store;
}

async function reopened(store: ArtifactStore): Promise<ArtifactStore> {
  store.close();
  return openStore();
}

function packed(text: string): Promise<PackedArtifact> {
  return packArtifact([{ name: 'manifests.yaml', bytes: Buffer.from(text) }]);
}

async function served(store: ArtifactStore, path: string): Promise<Buffer | undefined> {
  const file = await store.open(path);
  return file === undefined ? undefined : buffer(file.body);
}

const steps: StoreStep[] = ['created', 'written', 'synced', 'renamed', 'settled', 'removing', 'removed'];

describe('storing', () => {
  it('gives the path, and the bytes again', async () => {
    const store = await openStore();
    const one = await packed('one');
    const stored = await store.put(key, one);
    expect(stored).toEqual({
      ...key,
      path: `externalartifact/apps/shop/${one.hex}.tar.gz`,
      hex: one.hex,
      digest: one.digest,
      size: one.bytes.length,
      storedAt: now,
    });
    expect(await served(store, stored.path)).toEqual(one.bytes);
    expect(readFileSync(join(folder, stored.path)).equals(one.bytes)).toBe(true);
    expect([store.get(stored.path), store.list(), store.totalBytes()]).toEqual([stored, [stored], one.bytes.length]);
    expect(readdirSync(join(folder, '.incoming'))).toEqual([]);
  });

  it('is found again by the next process', async () => {
    const store = await openStore();
    const stored = await store.put(key, await packed('one'));
    expect((await reopened(store)).list()).toEqual([stored]);
  });

  it('of the same again keeps one file, which is young again', async () => {
    const store = await openStore();
    await store.put(key, await packed('one'));
    now += 60_000;
    const again = await store.put(key, await packed('one'));
    expect(again.storedAt).toBe(now);
    expect(store.list()).toEqual([again]);
    expect((await reopened(store)).list()).toEqual([again]);
  });

  it('many at once, of several keys, leaves each whole', async () => {
    const store = await openStore();
    const rounds = Array.from({ length: 40 }, (_, at) => ({
      namespace: `n${at % 2}`,
      name: `a${at % 5}`,
      text: `t${at % 7}`,
    }));
    await Promise.all(rounds.map(async ({ text, ...one }) => store.put(one, await packed(text))));
    for (const { path } of store.list()) expect(await store.check(path)).toBe(true);
    const all = store.list().map(({ path }) => path);
    expect(
      (await reopened(store))
        .list()
        .map(({ path }) => path)
        .sort(),
    ).toEqual(all.sort());
    expect(aside).toEqual([]);
  });

  it.each([
    [{ namespace: '..', name: 'a' }],
    [{ namespace: 'a', name: '..' }],
    [{ namespace: 'a', name: '.' }],
    [{ namespace: '', name: 'a' }],
    [{ namespace: 'a', name: '' }],
    [{ namespace: 'a/b', name: 'c' }],
    [{ namespace: 'a', name: 'b/../../c' }],
    [{ namespace: 'a', name: '/etc' }],
    [{ namespace: 'a', name: 'b\0' }],
    [{ namespace: 'A', name: 'b' }],
    [{ namespace: 'a.b', name: 'c' }],
    [{ namespace: 'a', name: 'b..c' }],
    [{ namespace: 'a', name: '-rf' }],
    [{ namespace: 'a', name: 'b\n' }],
    [{ namespace: 'a\n', name: 'b' }],
    [{ namespace: 'a'.repeat(64), name: 'b' }],
    [{ namespace: 'a', name: 'b'.repeat(254) }],
  ])('under %j is refused', async (wrong) => {
    const store = await openStore();
    await expect(store.put(wrong, await packed('one'))).rejects.toMatchObject({ code: 'ARTIFACT_NAME_INVALID' });
    await expect(store.remove(wrong)).rejects.toMatchObject({ code: 'ARTIFACT_NAME_INVALID' });
    await expect(store.collect(wrong, { keep: new Set(), maxAgeMs: 0, records: 0 })).rejects.toMatchObject({
      code: 'ARTIFACT_NAME_INVALID',
    });
    expect(readdirSync(join(folder, 'externalartifact'))).toEqual([]);
  });

  it('under names that Kubernetes allows is done', async () => {
    const store = await openStore();
    const names = [
      { namespace: 'a'.repeat(63), name: `${'b'.repeat(120)}.${'c'.repeat(120)}` },
      { namespace: '0', name: '1.2' },
    ];
    for (const name of names) await store.put(name, await packed('one'));
    expect((await reopened(store)).list()).toHaveLength(2);
  });

  it('of something that is not what it says, by a caller, is refused', async () => {
    const store = await openStore();
    const wrong = { ...(await packed('one')), bytes: Buffer.from('two') };
    await expect(store.put(key, wrong)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect([store.list(), await store.open(`externalartifact/apps/shop/${wrong.hex}.tar.gz`)]).toEqual([[], undefined]);
  });

  it('after the end is refused', async () => {
    const store = await openStore();
    const stored = await store.put(key, await packed('one'));
    store.close();
    await expect(store.put(key, await packed('one'))).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await store.open(stored.path)).toBeUndefined();
  });
});

describe('taking over from another replica', () => {
  const pathOf = ({ hex }: PackedArtifact) => `externalartifact/apps/shop/${hex}.tar.gz`;

  it.each(['bytes', 'a file'])('stores %s with the right digest', async (form) => {
    const store = await openStore();
    const one = await packed('one');
    const file = store.temporary();
    if (form === 'a file') writeFileSync(file, one.bytes);
    const stored = await store.adopt(pathOf(one), form === 'a file' ? { file } : one.bytes);
    expect(await served(store, stored.path)).toEqual(one.bytes);
    expect(existsSync(file)).toBe(false);
  });

  it.each(['bytes', 'a file', 'a link', 'a file with a second name', 'nothing'])(
    'refuses %s with another',
    async (form) => {
      const store = await openStore();
      const one = await packed('one');
      const file = store.temporary();
      const elsewhere = join(folder, 'elsewhere');
      writeFileSync(elsewhere, one.bytes);
      if (form === 'a file') writeFileSync(file, 'other');
      if (form === 'a link') symlinkSync(elsewhere, file);
      if (form === 'a file with a second name') linkSync(elsewhere, file);
      await expect(store.adopt(pathOf(one), form === 'bytes' ? Buffer.from('other') : { file })).rejects.toMatchObject({
        code: expect.stringMatching(/^(ARTIFACT_DIGEST_MISMATCH|STORE_FAILED)$/),
      });
      expect([store.list(), readdirSync(join(folder, '.incoming'))]).toEqual([[], []]);
      expect(existsSync(join(folder, pathOf(one)))).toBe(false);
    },
  );

  it.each([
    'externalartifact/apps/shop/../x.tar.gz',
    'externalartifact/apps/../../etc/passwd',
    '/externalartifact/apps/shop/x.tar.gz',
    `externalartifact/apps/shop/${'a'.repeat(64)}.tar.gz/x`,
    `gitrepository/apps/shop/${'a'.repeat(64)}.tar.gz`,
    `externalartifact/apps/shop/${'A'.repeat(64)}.tar.gz`,
    `externalartifact/apps/shop/${'a'.repeat(64)}.tar.gz\n`,
    '',
  ])('refuses the path %j', async (path) => {
    const store = await openStore();
    await expect(store.adopt(path, Buffer.from('x'))).rejects.toMatchObject({ code: 'ARTIFACT_NAME_INVALID' });
    expect([store.get(path), await store.open(path), await store.check(path)]).toEqual([undefined, undefined, false]);
  });
});

describe('what is kept', () => {
  async function filled(): Promise<{ store: ArtifactStore; hexes: string[] }> {
    const store = await openStore();
    const hexes: string[] = [];
    for (const text of ['a', 'b', 'c', 'd']) {
      hexes.push((await store.put(key, await packed(text))).hex);
      now += 60_000;
    }
    await store.put({ namespace: 'apps', name: 'other' }, await packed('a'));
    return { store, hexes };
  }

  it.each<[string, { keep: string; maxAgeMs: number; records: number }, string]>([
    ['all, where there is room and time', { keep: 'd', maxAgeMs: 1e9, records: 4 }, 'abcd'],
    ['as many as there may be, the youngest', { keep: 'd', maxAgeMs: 1e9, records: 2 }, 'cd'],
    ['what is young enough', { keep: 'd', maxAgeMs: 130_000, records: 9 }, 'cd'],
    ['the current one, however old and alone', { keep: 'a', maxAgeMs: 0, records: 0 }, 'a'],
    ['the current one beside the youngest', { keep: 'a', maxAgeMs: 1e9, records: 2 }, 'ad'],
    ['every one that is named', { keep: 'abd', maxAgeMs: 0, records: 1 }, 'abd'],
    ['nothing, where nothing is named', { keep: '', maxAgeMs: 0, records: 0 }, ''],
  ])('%s', async (_, { keep, ...more }, expected) => {
    const { store, hexes } = await filled();
    const hexOf = (letters: string) => new Set([...letters].map((letter) => hexes['abcd'.indexOf(letter)] as string));
    const gone = await store.collect(key, { keep: hexOf(keep), ...more });
    expect(new Set(store.list(key).map(({ hex }) => hex))).toEqual(hexOf(expected));
    expect(gone).toHaveLength(4 - expected.length);
    for (const path of gone)
      expect([existsSync(join(folder, path)), await store.open(path)]).toEqual([false, undefined]);
    expect(store.list()).toHaveLength(expected.length + 1);
  });

  it('is nothing of a key that is removed, and all of the others', async () => {
    const { store } = await filled();
    await store.remove(key);
    await store.remove(key);
    expect(store.list().map(({ name }) => name)).toEqual(['other']);
    expect(readdirSync(join(folder, 'externalartifact/apps'))).toEqual(['other']);
  });

  it('does not take what is being read from its reader', async () => {
    const { store, hexes } = await filled();
    const file = await store.open(`externalartifact/apps/shop/${hexes[0]}.tar.gz`);
    await store.remove(key);
    expect(await buffer((file as { body: NodeJS.ReadableStream }).body)).toEqual((await packed('a')).bytes);
  });
});

describe('what is never served', () => {
  const text = 'one';
  it.each<[string, (path: string) => void, RegExp]>([
    ['a changed file', (path) => appendFileSync(path, 'x'), /digest of its name/],
    ['a file changed in place, with its old time', changeInPlace, /digest of its name/],
    ['another file', (path) => replace(path, 'other'), /digest of its name/],
    ['a file that is gone', (path) => rmSync(path), /gone/],
    ['a link to the same content', (path) => linkTo(path), /replaced/],
    ['a file with a second name', (path) => linkSync(path, `${path}.second`), /more than one name/],
    ['a pipe', (path) => fifo(path), /plain file/],
    ['a folder', (path) => folderAt(path), /plain file/],
    ['a file in a folder that is a link now', (path) => movedFolder(path), /replaced/],
  ])('%s', async (_, attack, why) => {
    let store = await openStore();
    const { path } = await store.put(key, await packed(text));
    attack(join(folder, path));
    expect(await store.open(path)).toBeUndefined();
    expect(aside.join()).toMatch(why);
    expect([store.get(path), store.list()]).toEqual([undefined, []]);
    store = await reopened(store);
    expect([store.list(), await store.open(path)]).toEqual([[], undefined]);
    // It heals by storing it anew.
    await store.put(key, await packed(text));
    expect(await served(store, path)).toEqual((await packed(text)).bytes);
  });

  it('a folder that is a link now is set aside itself, and nothing behind it is touched', async () => {
    const store = await openStore();
    const { path } = await store.put(key, await packed(text));
    const other = await store.put({ namespace: 'apps', name: 'other' }, await packed(text));
    const outside = mkdtempSync(join(tmpdir(), 'store-outside-'));
    try {
      const name = path.split('/').at(-1) as string;
      writeFileSync(join(outside, name), (await packed(text)).bytes);
      rmSync(join(folder, 'externalartifact/apps/shop'), { recursive: true });
      symlinkSync(outside, join(folder, 'externalartifact/apps/shop'));
      expect(await store.open(path)).toBeUndefined();
      await store.remove(key);
      symlinkSync(outside, join(folder, 'externalartifact/apps/shop'));
      await store.put(key, await packed(text));
      await store.collect(key, { keep: new Set(), maxAgeMs: -1, records: 0 });
      expect(readdirSync(outside)).toEqual([name]);
      expect(store.list()).toEqual([other]);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it('a folder that is a link now, while its files are collected', async () => {
    const store = await openStore();
    const { path, hex } = await store.put(key, await packed(text));
    const outside = mkdtempSync(join(tmpdir(), 'store-outside-'));
    try {
      renameSync(join(folder, 'externalartifact/apps/shop'), join(outside, 'shop'));
      symlinkSync(join(outside, 'shop'), join(folder, 'externalartifact/apps/shop'));
      expect(await store.collect(key, { keep: new Set(), maxAgeMs: -1, records: 0 })).toEqual([path]);
      expect(readdirSync(join(outside, 'shop'))).toEqual([`${hex}.tar.gz`]);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it('a file that was only touched is served still', async () => {
    const store = await openStore();
    const { path } = await store.put(key, await packed(text));
    chmodSync(join(folder, path), 0o640);
    expect(await served(store, path)).toEqual((await packed(text)).bytes);
    expect(aside).toEqual([]);
  });

  it('what lay there before the start, and is not of the store', async () => {
    const at = join(folder, 'externalartifact');
    const good = await packed('good');
    const outside = mkdtempSync(join(tmpdir(), 'store-outside-'));
    try {
      mkdirSync(join(at, 'apps/shop/sub'), { recursive: true });
      mkdirSync(join(at, 'Bad/shop'), { recursive: true });
      mkdirSync(join(at, 'apps/..bad'), { recursive: true });
      mkdirSync(join(outside, 'shop'));
      writeFileSync(join(outside, 'shop', `${good.hex}.tar.gz`), good.bytes);
      symlinkSync(outside, join(at, 'linked'));
      symlinkSync(join(outside, 'shop'), join(at, 'apps/linked'));
      writeFileSync(join(at, `apps/shop/${good.hex}.tar.gz`), good.bytes);
      writeFileSync(join(at, `apps/shop/${'0'.repeat(64)}.tar.gz`), good.bytes);
      writeFileSync(join(at, 'apps/shop/index.html'), 'x');
      writeFileSync(join(at, 'apps/shop/.hidden'), 'x');
      writeFileSync(join(at, 'apps/file'), 'x');
      writeFileSync(join(at, 'file'), 'x');
      mkdirSync(join(folder, '.incoming'));
      writeFileSync(join(folder, '.incoming/half'), 'x');
      const store = await openStore();
      expect(store.list().map(({ path }) => path)).toEqual([`externalartifact/apps/shop/${good.hex}.tar.gz`]);
      expect(readdirSync(join(at), { recursive: true }).sort()).toEqual([
        'apps',
        'apps/shop',
        `apps/shop/${good.hex}.tar.gz`,
      ]);
      expect(aside.map((line) => line.split(':')[0]).sort()).toEqual(
        [
          'apps/shop/sub',
          'Bad',
          'apps/..bad',
          'linked',
          'apps/linked',
          `apps/shop/${'0'.repeat(64)}.tar.gz`,
          'apps/shop/index.html',
          'apps/shop/.hidden',
          'apps/file',
          'file',
        ]
          .map((name) => `externalartifact/${name}`)
          .sort(),
      );
      expect(readdirSync(join(folder, '.incoming'))).toEqual([]);
      // What a link led to is as it was.
      expect(readdirSync(join(outside, 'shop'))).toEqual([`${good.hex}.tar.gz`]);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it('links in place of the store’s own folders', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'store-outside-'));
    try {
      writeFileSync(join(outside, 'precious'), 'x');
      for (const name of ['externalartifact', '.incoming', '.aside']) symlinkSync(outside, join(folder, name));
      const store = await openStore();
      await store.put(key, await packed('one'));
      expect(readdirSync(outside)).toEqual(['precious']);
      expect(store.list()).toHaveLength(1);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  it('what was set aside piles up to a bound', async () => {
    mkdirSync(join(folder, 'externalartifact'));
    for (let at = 0; at < 50; at++) writeFileSync(join(folder, 'externalartifact', `file${at}`), 'x');
    await openStore();
    expect([aside.length, readdirSync(join(folder, '.aside')).length]).toEqual([50, 20]);
  });
});

function changeInPlace(path: string): void {
  const bytes = readFileSync(path);
  bytes[20] = (bytes[20] as number) ^ 1;
  writeFileSync(path, bytes);
  utimesSync(path, new Date(now), new Date(now));
}

function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function linkTo(path: string): void {
  const elsewhere = join(folder, 'elsewhere');
  renameSync(path, elsewhere);
  symlinkSync(elsewhere, path);
}

function fifo(path: string): void {
  rmSync(path);
  spawnSync('mkfifo', [path]);
}

function folderAt(path: string): void {
  rmSync(path);
  mkdirSync(path);
}

function movedFolder(path: string): void {
  const own = join(path, '..');
  renameSync(own, join(folder, 'elsewhere'));
  symlinkSync(join(folder, 'elsewhere'), own);
}

const writer = fileURLToPath(import.meta.resolve('../../support/artifacts/writer.ts'));

/** The first lines that a writer prints, without waiting for its end. */
function started(...args: string[]): {
  child: ChildProcessWithoutNullStreams;
  line: Promise<string>;
  ended: Promise<string | null>;
} {
  const child = spawn(process.execPath, [writer, folder, ...args]);
  const line = new Promise<string>((done) => child.stdout.once('data', (chunk: Buffer) => done(chunk.toString())));
  const ended = new Promise<string | null>((done) => child.once('exit', (_, signal) => done(signal)));
  return { child, line, ended };
}

describe('one process at a time', () => {
  it('in this process', async () => {
    const store = await openStore();
    await expect(openStore()).rejects.toMatchObject({ code: 'STORE_BUSY' });
    store.close();
    await openStore();
  });

  it('in another, until it is killed', async () => {
    const holder = started('hold', '0');
    try {
      expect(await holder.line).toBe('open\n');
      await expect(openStore()).rejects.toMatchObject({ code: 'STORE_BUSY' });
    } finally {
      holder.child.kill('SIGKILL');
      await holder.ended;
    }
    await openStore();
  });

  it.each<[string, () => void]>([
    ['no folder', () => rmSync(folder, { recursive: true })],
    [
      'a file',
      () => {
        rmSync(folder, { recursive: true });
        writeFileSync(folder, '');
      },
    ],
    ['a lock that is a link', () => symlinkSync(join(folder, 'made'), join(folder, '.lock'))],
    ['a lock that is a folder', () => mkdirSync(join(folder, '.lock'))],
    ['a lock that is something else', () => writeFileSync(join(folder, '.lock'), 'x'.repeat(5000))],
  ])('not where there is %s', async (_, prepare) => {
    prepare();
    try {
      await expect(openStore()).rejects.toMatchObject({
        code: 'STORE_INVALID',
        message: expect.not.stringContaining(folder),
      });
      expect(existsSync(join(folder, 'made'))).toBe(false);
    } finally {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder);
    }
  });
});

describe('a folder that cannot be used', () => {
  it('is refused with the cause and what to do about it, where it is not there', async () => {
    rmSync(folder, { recursive: true });
    try {
      await expect(openStore()).rejects.toMatchObject({
        code: 'STORE_INVALID',
        message: expect.stringContaining('(ENOENT)'),
        mend: expect.stringContaining('--storage-path'),
      });
    } finally {
      mkdirSync(folder);
    }
  });

  it('is refused with the cause where nothing can be made in it', async () => {
    // Whoever runs this may write everywhere else.
    await expect(lockFolder('/proc/self')).rejects.toMatchObject({
      code: 'STORE_INVALID',
      message: expect.stringMatching(/^the storage folder cannot be used \((ENOENT|EACCES|EPERM)\)$/),
    });
  });

  it.each([
    ['EACCES', 'STORE_INVALID', /user that syncgate runs as/],
    ['EPERM', 'STORE_INVALID', /fsGroup/],
    ['EROFS', 'STORE_INVALID', /can be written/],
    ['ENOSPC', 'STORE_FULL', /Enlarge/],
    ['EWHATEVER', 'STORE_INVALID', /Mount a volume/],
  ])('says what to do about %s', (code, expected, mend) => {
    const error = asStoreError(Object.assign(new Error('no'), { code }), 'STORE_INVALID');
    expect(error).toMatchObject({ code: expected, mend: expect.stringMatching(mend) });
  });
});

describe('a process that is killed', () => {
  async function hexOfRound(round: number): Promise<string> {
    return (await packArtifact(contentOf(round))).hex;
  }

  it.each(steps)('at the step %s leaves the old whole, or the new', async (step) => {
    const first = spawnSync(process.execPath, [writer, folder, 'once', '0'], { encoding: 'utf8' });
    expect(first.stdout).toContain('0 externalartifact/apps/shop/');
    const killed = spawnSync(process.execPath, [writer, folder, step, '1']);
    expect(killed.signal).toBe('SIGKILL');
    const store = await openStore();
    const [old, young] = [await hexOfRound(0), await hexOfRound(1)];
    const left = store
      .list()
      .map(({ hex }) => hex)
      .sort();
    const beforeRename = ['created', 'written', 'synced'].includes(step);
    const expected = beforeRename ? [old] : step === 'removed' ? [young] : [old, young];
    expect(left).toEqual([...expected].sort());
    for (const { path, hex } of store.list()) {
      const bytes = (await served(store, path)) as Buffer;
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(hex);
    }
    expect([aside, readdirSync(join(folder, '.incoming'))]).toEqual([[], []]);
    await store.put(key, await packArtifact(contentOf(2)));
  });

  it('at any moment leaves every file whole, and the last one that it had said is stored', async () => {
    let round = 0;
    for (let kill = 0; kill < 20; kill++) {
      const run = started('forever', `${round}`);
      let said = '';
      run.child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      await run.line;
      await new Promise((done) => setTimeout(done, (kill * 7919) % 60));
      run.child.kill('SIGKILL');
      expect(await run.ended).toBe('SIGKILL');
      const store = await openStore();
      const stored = [...said.matchAll(/^(\d+) (\S+)\n/gm)].at(-1);
      if (stored !== undefined) {
        expect(store.get(stored[2] as string), `kill ${kill}`).toBeDefined();
        round = Number(stored[1]) + 1;
      }
      for (const { path } of store.list()) expect(await store.check(path)).toBe(true);
      expect(aside).toEqual([]);
      store.close();
    }
    expect(round).toBeGreaterThan(5);
  });
});

describe('a disk that is full', () => {
  const namespaces = [
    ['unshare', '--mount'],
    ['unshare', '--user', '--map-root-user', '--mount'],
  ];
  const namespace = namespaces.find(
    ([program = '', ...args]) => spawnSync(program, [...args, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0,
  );
  // Where nothing may be mounted, a limit on the size of files stands for the full disk.
  const lines: [string, string[]][] = [['a limit of the process', ['prlimit', '--fsize=50000', '--']]];
  if (namespace !== undefined) {
    const script = `mount -t tmpfs -o size=100k tmpfs "$0" && "$@"; code=$?; find "$0" -type f ! -name .lock; exit $code`;
    lines.push(['the disk itself', [...namespace, '/bin/sh', '-c', script]]);
  }

  it.each(lines)('(%s) says so, and leaves nothing half', async (name, [program = '', ...args]) => {
    const more = name === 'the disk itself' ? [folder] : [];
    const run = spawnSync(program, [...args, ...more, process.execPath, writer, folder, 'once', '0'], {
      encoding: 'utf8',
    });
    expect(run.stdout).toBe('open\nSTORE_FULL\n');
    expect(run.status).toBe(1);
    expect((await openStore()).list()).toEqual([]);
  });
});
