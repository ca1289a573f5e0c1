/** A server and a folder that must not be touched, and record it if they are. */

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What stands in every file outside, and is served at every address. */
export const SECRET = 'canary-5d1f2c7b';

export interface Canary {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly host: string;
  /** Absolute path of the folder; the hostile tree lies beside it, so `../outside` from the tree's root leads here. */
  readonly outside: string;
  /** The folder for the hostile tree. */
  readonly root: string;
  /** What was touched: requests, and files that were read. Asking forgets. */
  touched(): string[];
  close(): Promise<void>;
}

const PAST = new Date('2001-01-01T00:00:00Z');

export async function openCanary(): Promise<Canary> {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'canary-'));
  const outside = join(folder, 'outside');
  const root = join(folder, 'root');
  mkdirSync(join(outside, 'base'), { recursive: true });
  mkdirSync(join(outside, 'chart/templates'), { recursive: true });
  mkdirSync(root);
  const manifest = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${SECRET}}\ndata: {secret: ${SECRET}}\n`;
  const contents: Record<string, string> = {
    'secret.yaml': manifest,
    'secret.txt': SECRET,
    'secret.json': `{"type": "object", "title": "${SECRET}"}`,
    'base/kustomization.yaml': 'resources: [secret.yaml]\n',
    'base/secret.yaml': manifest,
    'chart/Chart.yaml': `apiVersion: v2\nname: ${SECRET}\nversion: 1.0.0\n`,
    'chart/templates/secret.yaml': manifest,
    'chart/values.yaml': `secret: ${SECRET}\n`,
  };
  const files = Object.keys(contents).map((name) => join(outside, name));
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(outside, name), content);
  // Read before it was changed, so that a file system with `relatime` notes the next reading too.
  const age = (): void => {
    for (const file of files) utimesSync(file, PAST, new Date());
  };
  age();

  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.end(manifest);
  });
  server.on('connect', (request, socket) => {
    requests.push(`CONNECT ${request.url}`);
    socket.destroy();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    outside,
    root,
    touched: () => {
      const read = files.filter((file) => statSync(file).atimeMs > PAST.getTime() + 1000);
      age();
      return [...requests.splice(0), ...read.map((file) => `read ${file}`)];
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Empties the hostile tree. */
export function clearRoot(canary: Canary): void {
  for (const name of readdirSync(canary.root)) rmSync(join(canary.root, name), { recursive: true, force: true });
}

/** Proof that the recorder works: a reading that is noted. */
export function readOutside(canary: Canary): string {
  return readFileSync(join(canary.outside, 'secret.txt'), 'utf8');
}
