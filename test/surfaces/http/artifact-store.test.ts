import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { downloadArtifact } from '../../../src/adapters/artifacts/download.ts';
import { packArtifact } from '../../../src/adapters/artifacts/pack.ts';
import { type ArtifactStore, openArtifactStore } from '../../../src/adapters/artifacts/store.ts';
import { type RunningServer, startServer } from '../../../src/adapters/http-server.ts';
import { unpackTarball } from '../../../src/source/tarball.ts';
import { createArtifactApp } from '../../../src/surfaces/http/artifacts.ts';
import { contentOf, key } from '../../support/artifacts/rounds.ts';

let folder: string;
let store: ArtifactStore;
let server: RunningServer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'artifact-service-'));
  mkdirSync(join(folder, 'data'));
  store = await openArtifactStore({ folder: join(folder, 'data'), clock: { now: () => Date.now() } });
  server = await startServer({
    address: '127.0.0.1:0',
    listener: createArtifactApp({ open: (path) => store.open(path) }),
  });
});
afterEach(async () => {
  await server.close(0);
  store.close();
  rmSync(folder, { recursive: true });
});

const url = (path: string) => `http://127.0.0.1:${server.port}/${path}`;

/** How many files this process has open. */
const handles = () => readdirSync('/proc/self/fd').length;

async function statusOf(target: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  socket.write(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  let got = '';
  for await (const chunk of socket) got += (chunk as Buffer).toString('latin1');
  return got.slice(9, 12);
}

describe('the store behind its server', () => {
  it('gives what was put, which is downloaded, unpacked and the same', async () => {
    const packed = await packArtifact(contentOf(1));
    const { path, digest } = await store.put(key, packed);
    const file = store.temporary();
    const signal = AbortSignal.timeout(20_000);
    expect(await downloadArtifact({ url: url(path), digest, file, maxBytes: 1e7, signal })).toEqual({
      kind: 'stored',
      bytes: packed.bytes.length,
    });
    const limits = { files: 10, bytes: 1e7, fileBytes: 1e7 };
    await unpackTarball({ packed: file, folder: join(folder, 'out'), subject: 's', limits, signal });
    expect(readFileSync(join(folder, 'out/manifests.yaml')).equals(contentOf(1)[0]?.bytes as Buffer)).toBe(true);
    // A standby takes the file over, and a second time too.
    expect((await store.adopt(path, { file })).path).toBe(path);
    await store.remove(key);
    expect(await downloadArtifact({ url: url(path), digest, file: `${file}-2`, maxBytes: 1e7, signal })).toEqual({
      kind: 'absent',
    });
  });

  it('gives nothing else of its folder, or of the machine', async () => {
    const { path } = await store.put(key, await packArtifact(contentOf(1)));
    writeFileSync(join(folder, 'data/secret'), 'secret');
    writeFileSync(join(folder, 'data/externalartifact/apps/shop/secret.tar.gz'), 'secret');
    symlinkSync('/etc/passwd', join(folder, `data/externalartifact/apps/shop/${'e'.repeat(64)}.tar.gz`));
    const others = ['.lock', 'secret', '.incoming/', 'externalartifact/', 'externalartifact/apps/shop/secret.tar.gz'];
    const places = [
      ...others,
      `externalartifact/apps/shop/${'e'.repeat(64)}.tar.gz`,
      `${path}/../secret.tar.gz`,
      '../../etc/passwd',
    ];
    for (const place of places) {
      for (const form of [
        `/${place}`,
        `//${place}`,
        `/${encodeURIComponent(place)}`,
        `/externalartifact/../${place}`,
      ]) {
        expect(await statusOf(form), form).toMatch(/^40[04]$/);
      }
    }
    expect(await statusOf(`/${path}`)).toBe('200');
  });

  it('gives the file whole or breaks off, while somebody exchanges it again and again', async () => {
    const packed = await packArtifact(contentOf(1));
    const { path, digest } = await store.put(key, packed);
    const file = join(folder, 'data', path);
    let rounds = 0;
    const answers = new Set<string>();
    while (rounds < 60) {
      rounds += 1;
      const file2 = join(folder, `got-${rounds}`);
      const asked = downloadArtifact({
        url: url(path),
        digest,
        file: file2,
        maxBytes: 1e7,
        signal: AbortSignal.timeout(20_000),
      });
      if (rounds % 3 === 0) {
        writeFileSync(`${file}.new`, 'evil');
        renameSync(`${file}.new`, file);
      }
      answers.add(
        await asked.then(
          ({ kind }) => kind,
          ({ code }: { code: string }) => code,
        ),
      );
      await store.put(key, packed);
    }
    for (const answer of answers) expect(['stored', 'absent']).toContain(answer);
    expect(answers).toContain('stored');
  });

  it('leaves no file open: after HEAD, after clients that leave, after all is read', async () => {
    const { path } = await store.put(key, await packArtifact(contentOf(1)));
    const before = handles();
    for (let at = 0; at < 100; at++) {
      await fetch(url(path), { method: 'HEAD' });
      await (await fetch(url(path))).arrayBuffer();
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(`GET /${path} HTTP/1.1\r\nhost: x\r\n\r\n`, () => socket.destroy());
    }
    // What remains are connections that the client keeps for a while.
    await vi.waitFor(() => expect(handles() - before).toBeLessThan(20), { timeout: 10_000 });
  });

  it('answers many at once, each whole', async () => {
    const packed = await packArtifact(contentOf(1));
    const { path } = await store.put(key, packed);
    const bodies = await Promise.all(
      Array.from({ length: 50 }, async () => Buffer.from(await (await fetch(url(path))).arrayBuffer())),
    );
    for (const body of bodies) expect(body.equals(packed.bytes)).toBe(true);
  });
});
