/** A Gate whose roots of trust lie on a server, and what becomes of it while that is out of reach: a real one, over TLS. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type LogFields, type Metrics, NO_METRICS, SILENT_LOG } from '../../src/core/telemetry.ts';
import type { Gates } from '../../src/gates.ts';
import { openGates } from '../../src/wiring/gates.ts';
import { base64 } from '../checks/images/policy/documents.ts';
import { makeCertificates } from '../support/certificates.ts';
import { tufRepository } from '../support/tuf.ts';

const trustedRoot = readFileSync(resolve(import.meta.dirname, '../../trust/public-good/trusted_root.json'), 'utf8');
const repository = tufRepository({ 'trusted_root.json': trustedRoot });
const known = getCACertificates();

let root = '';
const close: (() => Promise<unknown>)[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'syncgate-test-roots-'));
  for (const name of ['gates', 'trust', 'rules', 'tmp']) mkdirSync(join(root, name));
});
afterEach(async () => {
  setDefaultCACertificates(known);
  for (const each of close.splice(0)) await each();
  rmSync(root, { recursive: true, force: true });
});

async function openMirror() {
  const { ca, server: keys } = makeCertificates();
  const state = { isDown: false };
  const server = createServer(keys, (request, response) => {
    const bytes = repository.files.get(request.url?.slice(1) ?? '');
    response.statusCode = state.isDown ? 503 : bytes === undefined ? 404 : 200;
    response.end(bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  close.push(() => new Promise((done) => server.close(done)));
  setDefaultCACertificates([...known, ca]);
  return { state, address: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function putGate(mirror: string): void {
  const remote = { root: base64(repository.root), mirror };
  const policy = (name: string, spec: object) => ({
    apiVersion: 'policy.sigstore.dev/v1alpha1',
    kind: name,
    metadata: { name: 'corp' },
    spec,
  });
  const keyless = {
    identities: [{ issuer: 'https://issuer.example', subject: 'me@corp.example' }],
    trustRootRef: 'corp',
  };
  const write = (path: string, value: object) => writeFileSync(join(root, path), JSON.stringify(value));
  write('trust/root.yaml', policy('TrustRoot', { remote }));
  write(
    'trust/signed.yaml',
    policy('ClusterImagePolicy', {
      images: [{ glob: '**' }],
      authorities: [{ keyless, ctlog: { trustRootRef: 'corp' } }],
    }),
  );
  const images = { trust: [{ path: '../trust' }], trustRoots: { refresh: true }, unmatched: 'deny', pin: true };
  const spec = { namespaces: { names: ['a'] }, policies: [], images };
  write('gates/one.yaml', { apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'one' }, spec });
}

async function open(warned: LogFields[] = [], metrics: Metrics = NO_METRICS): Promise<Gates> {
  const gates = await openGates(
    { folder: join(root, 'gates'), pollMs: 20 },
    {
      world: { env: {}, temporaryFolder: join(root, 'tmp'), program: '' },
      log: { ...SILENT_LOG, warn: (_, fields = {}) => warned.push(fields) },
      metrics,
    },
    new AbortController().signal,
  );
  close.unshift(() => gates.close());
  return gates;
}

const of = (gates: Gates) => gates.of({ name: 'a', labels: {} });

it('takes new rules under the roots that were fetched before, and says so', async () => {
  const { state, address } = await openMirror();
  putGate(address);
  const warned: LogFields[] = [];
  const measured = new Map<string, number>();
  const metrics: Metrics = { ...NO_METRICS, set: (name, _, value) => void measured.set(name, value) };
  const gates = await open(warned, metrics);
  // Of the repository, whose files expire later than anybody's test.
  expect(measured.get('syncgate_trust_roots_expiry_timestamp_seconds')).toBe(Date.parse('2030-01-01T00:00:00Z') / 1000);
  const fetchedAt = measured.get('syncgate_trust_roots_timestamp_seconds');
  expect(fetchedAt).toBeGreaterThan(Date.now() / 1000 - 60);
  expect(of(gates)).toMatchObject({ kind: 'one' });
  state.isDown = true;
  const changed = new Promise((done) => gates.onChange(done));
  writeFileSync(
    join(root, 'trust/extra.yaml'),
    readFileSync(join(root, 'trust/signed.yaml'), 'utf8').replace(
      '"corp"},"spec":{"images"',
      '"more"},"spec":{"images"',
    ),
  );
  await changed;
  expect(of(gates)).toMatchObject({ kind: 'one' });
  expect(JSON.stringify(warned)).toContain('IMAGE_TRUST_ROOT_REMOTE TrustRoot corp: it could not be fetched anew');
  expect(JSON.stringify(warned)).toContain('its server answered 503');
  expect(measured.get('syncgate_trust_roots_timestamp_seconds')).toBe(fetchedAt);
});

it('refuses where they never were', async () => {
  const { state, address } = await openMirror();
  state.isDown = true;
  putGate(address);
  const gates = await open();
  expect(of(gates)).toMatchObject({ kind: 'unavailable', why: expect.stringContaining('IMAGE_TRUST_ROOT_REMOTE') });
});
