/**
 * Runs servers in a network of their own, in which nothing but a loopback exists: some of them listen on every address, or
 * on a fixed port. Unix sockets lead in and out. Started by `./servers.ts` as the first process of the new namespaces, so
 * that all of it ends with this process.
 */
import { execFileSync, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { connect, createServer, type ListenOptions, type NetConnectOpts } from 'node:net';

export interface Enclosed {
  readonly programs: readonly { readonly program: string; readonly args: readonly string[]; readonly log: string }[];
  /** Unix sockets to listen on, and the port within that each leads to. */
  readonly inward: readonly { readonly socket: string; readonly port: number }[];
  /** Ports within to listen on, and the Unix socket outside that each leads to. */
  readonly outward: readonly { readonly port: number; readonly socket: string }[];
}

/** Hands every connection on. */
export function relay(from: ListenOptions, to: NetConnectOpts): Promise<ReturnType<typeof createServer>> {
  const server = createServer((caller) => {
    const callee = connect(to);
    for (const [one, other] of [
      [caller, callee],
      [callee, caller],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
  });
  return new Promise((listening, failed) => {
    server.once('error', failed);
    server.listen(from, () => listening(server));
  });
}

async function enclose({ programs, inward, outward }: Enclosed): Promise<void> {
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
  for (const { port, socket } of outward) await relay({ host: '127.0.0.1', port }, { path: socket });
  for (const { program, args, log } of programs) {
    const file = openSync(log, 'a');
    spawn(program, args, { stdio: ['ignore', file, file], env: { HOME: '/nonexistent' } }).on(
      'exit',
      (code, signal) => {
        process.stderr.write(`${program} ended (${code ?? signal})\n`);
        process.exit(1);
      },
    );
  }
  for (const { port, socket } of inward) await relay({ path: socket }, { host: '127.0.0.1', port });
}

if (import.meta.main) await enclose(JSON.parse(process.argv[2] as string) as Enclosed);
