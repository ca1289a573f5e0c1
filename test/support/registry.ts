/**
 * Real registries on loopback for tests and the demo, and images pushed into them by the real crane.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Digest } from '../../src/core/image.ts';
import { parseDigest } from '../../src/core/image.ts';
import { tool } from './tools/resolve.ts';

const run = promisify(execFile);

/** A registry that listens on `host`; it ends with `stop`, with `await using`, and with the test process. */
export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:<port>`, as it stands before the first slash of an image reference. */
  readonly host: string;
  stop(): Promise<void>;
}

/** An image as it was pushed. */
export interface PushedImage {
  readonly host: string;
  /** The path below the host. */
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  /** `host/repository:tag`. */
  readonly tagged: string;
  /** `host/repository@sha256:…`. */
  readonly pinned: string;
}

/** Starts an empty plain-HTTP registry. Without `referrers`, it answers 404 there and signers write fallback tags. */
export async function startRegistry(options: { readonly referrers?: boolean } = {}): Promise<RunningRegistry> {
  const program = await tool('registry');
  const env = { REFERRERS: options.referrers === false ? 'false' : 'true' };
  return await startListening(program, [], env, (line) => /^127\.0\.0\.1:\d+$/.exec(line)?.[0]);
}

/**
 * Starts a program that serves until it is killed, and waits (30 s) for the line of stdout or stderr in which `hostIn`
 * finds its address. The error of a program that ends before holds its last words.
 */
export async function startListening(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  hostIn: (line: string) => string | undefined,
): Promise<RunningRegistry> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const killWithTest = () => child.kill('SIGKILL');
  process.once('exit', killWithTest);
  const stop = async () => {
    process.off('exit', killWithTest);
    await ended(child);
  };
  try {
    const host = await firstHost(child, program, hostIn);
    return { host, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function firstHost(
  child: ChildProcess,
  program: string,
  hostIn: (line: string) => string | undefined,
): Promise<string> {
  return new Promise((found, failed) => {
    let said = '';
    const timer = setTimeout(() => failed(new Error(`${program} did not listen within 30 s:\n${said}`)), 30_000);
    const listen = (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-8000);
      for (const line of said.split('\n').slice(0, -1)) {
        const host = hostIn(line.trim());
        if (host === undefined) continue;
        clearTimeout(timer);
        found(host);
      }
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('error', failed);
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      failed(new Error(`${program} ended (${code ?? signal}) before it listened:\n${said}`));
    });
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  await new Promise<void>((done) => {
    child.once('exit', () => done());
    child.kill('SIGKILL');
  });
}

/** Pushes an image of one layer, whose bytes (and so its digest) follow from `content` alone. */
export async function pushImage(
  host: string,
  repository: string,
  tag: string,
  content = `${repository}:${tag}`,
  options: CraneOptions = {},
): Promise<PushedImage> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-image-'));
  try {
    const layer = join(folder, 'layer.tar');
    writeFileSync(layer, tarOf('content.txt', content));
    const tagged = `${host}/${repository}:${tag}`;
    const printed = await runCrane(['append', '-f', layer, '-t', tagged], options);
    const digest = parseDigest(printed.trim().slice(-71));
    return { host, repository, tag, digest, tagged, pinned: `${host}/${repository}@${digest}` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Pushes an index that holds the given images of the same repository, one platform each, under a tag of its own. */
export async function pushIndex(
  host: string,
  repository: string,
  tag: string,
  images: readonly PushedImage[],
): Promise<PushedImage> {
  const tagged = `${host}/${repository}:${tag}`;
  const printed = await crane('index', 'append', ...images.flatMap((image) => ['-m', image.pinned]), '-t', tagged);
  const digest = parseDigest(printed.trim().slice(-71));
  return { host, repository, tag, digest, tagged, pinned: `${host}/${repository}@${digest}` };
}

export interface CraneOptions {
  /** Folder with the config.json that holds credentials; none is used without it. */
  readonly dockerConfig?: string;
}

/** Runs the real crane against a loopback registry, without TLS or without checking it, and answers its stdout. */
export async function crane(...args: readonly string[]): Promise<string> {
  return await runCrane(args, {});
}

/** As `crane`, with credentials. */
async function runCrane(args: readonly string[], options: CraneOptions): Promise<string> {
  const { stdout } = await run(await tool('crane'), [...args, '--insecure'], {
    env: { HOME: '/nonexistent', DOCKER_CONFIG: options.dockerConfig ?? '/nonexistent' },
    timeout: 60_000,
    maxBuffer: 32 * 1024 * 1024,
  });
  return stdout;
}

/** A tar archive that holds one small file; time and owner are fixed, so that the bytes are too. */
export function tarOf(name: string, content: string): Buffer {
  const body = Buffer.from(content, 'utf8');
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (body.length % 512)) % 512);
  return Buffer.concat([header, body, padding, Buffer.alloc(1024)]);
}
