/** What a long-lived process answers while it starts. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readServe } from '../../src/surfaces/cli/serve-arguments.ts';
import { serve } from '../../src/wiring/serve.ts';
import { base64 } from '../checks/images/policy/documents.ts';
import { freePorts } from '../support/argocd/component.ts';
import { tufRepository } from '../support/tuf.ts';

it('answers its probes before the Gates are loaded, and is not ready', async () => {
  const root = mkdtempSync(join(tmpdir(), 'syncgate-test-serve-'));
  const over = new AbortController();
  const held: Socket[] = [];
  // It takes connections, and never says a word.
  const silent = createSocketServer((socket) => void held.push(socket));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  try {
    for (const name of ['gates', 'trust']) mkdirSync(join(root, name));
    const write = (path: string, value: object) => writeFileSync(join(root, path), JSON.stringify(value));
    const mirror = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const remote = { root: base64(tufRepository({}).root), mirror };
    write('trust/root.yaml', {
      apiVersion: 'policy.sigstore.dev/v1alpha1',
      kind: 'TrustRoot',
      metadata: { name: 'corp' },
      spec: { remote },
    });
    const images = { trust: [{ path: '../trust' }], trustRoots: { refresh: true }, unmatched: 'deny', pin: true };
    const spec = { namespaces: { names: ['a'] }, policies: [], images };
    write('gates/one.yaml', { apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'one' }, spec });
    writeKubeconfig(root);
    const [port] = (await freePorts(1)) as [number];
    const { options } = readServe(
      { admission: true, gates: join(root, 'gates'), 'health-address': `127.0.0.1:${port}`, 'pod-ip': '127.0.0.1' },
      [],
      {},
    );
    const world = { env: { KUBECONFIG: join(root, 'kubeconfig') }, temporaryFolder: root, program: '' };
    const ended = serve(options, { version: '0.0.0', world, write: () => {} }, over.signal);
    const asked = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${port}/${path}`);
      return { status: response.status, text: await response.text() };
    };
    await expect.poll(() => held.length).toBeGreaterThan(0);
    expect(await asked('healthz')).toEqual({ status: 200, text: 'ok\n' });
    expect(await asked('readyz')).toEqual({ status: 503, text: 'start\n' });
    over.abort();
    await ended;
  } finally {
    over.abort();
    for (const socket of held) socket.destroy();
    silent.close();
    rmSync(root, { recursive: true, force: true });
  }
});

it('is stopped while the webhook waits for its Secret, and nothing is wrong with that', async () => {
  const root = mkdtempSync(join(tmpdir(), 'syncgate-test-serve-'));
  const over = new AbortController();
  try {
    mkdirSync(join(root, 'gates'));
    writeKubeconfig(root);
    const [port] = (await freePorts(1)) as [number];
    const { options } = readServe(
      { admission: true, gates: join(root, 'gates'), 'health-address': `127.0.0.1:${port}`, 'pod-ip': '127.0.0.1' },
      [],
      {},
    );
    const world = { env: { KUBECONFIG: join(root, 'kubeconfig') }, temporaryFolder: root, program: '' };
    const lines: string[] = [];
    const write = (line: string) => void lines.push(line);
    const ended = serve(options, { version: '0.0.0', world, write }, over.signal);
    await expect.poll(() => lines.join(''), { timeout: 10_000 }).toContain('cannot be used yet');
    over.abort();
    expect(await ended).toBeUndefined();
    expect(lines.join('')).not.toContain('cannot start');
  } finally {
    over.abort();
    rmSync(root, { recursive: true, force: true });
  }
});

/** Of an API server that is not there. */
function writeKubeconfig(folder: string): void {
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:9' } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'c',
  };
  writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(config));
}
