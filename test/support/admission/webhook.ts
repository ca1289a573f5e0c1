/** The webhook over real Gates of real files, served over TLS on loopback, and the configuration that leads an API server to it. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Log, type LogFields, type Metrics, SILENT_LOG } from '../../../src/core/telemetry.ts';
import type { Gates, NamespaceFacts } from '../../../src/gates.ts';
import { gitOpsCondition, type Match } from '../../../src/surfaces/admission/matching.ts';
import { createMemory } from '../../../src/surfaces/admission/memory.ts';
import { createReviewer } from '../../../src/surfaces/admission/reviewer.ts';
import { type AdmissionLimits, createAdmissionApp } from '../../../src/surfaces/http/admission.ts';
import { openGates } from '../../../src/wiring/gates.ts';
import { makeCertificates, type TestCertificates } from '../certificates.ts';
import type { Writable } from '../kubernetes/client.ts';

export interface WebhookOptions {
  /** Files below the folder of the platform; those below `gates` are Gates. */
  readonly files?: Readonly<Record<string, object | string>>;
  /** In place of Gates that are loaded from files. */
  readonly gates?: Pick<Gates, 'of' | 'ofCluster'>;
  readonly match?: Match;
  /** Labels of Namespaces; one that is not named has none. */
  readonly labels?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly limits?: Partial<AdmissionLimits>;
}

export interface Webhook extends AsyncDisposable {
  readonly port: number;
  readonly certificates: TestCertificates;
  /** Lines of the log, newest last. */
  readonly lines: readonly { readonly message: string; readonly fields: LogFields }[];
  /** How often each measurement was counted, as `name label=value`. */
  readonly counts: ReadonlyMap<string, number>;
  /** Writes a file of the platform as a mount is exchanged. */
  put(path: string, content: object | string): void;
  stop(): Promise<void>;
}

/** A Gate as its file says it. */
export function gate(name: string, namespaces: object, spec: object): object {
  return {
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'Gate',
    metadata: { name },
    spec: { namespaces, policies: [], images: 'unchecked', ...spec },
  };
}

export async function startWebhook(options: WebhookOptions = {}): Promise<Webhook> {
  const root = mkdtempSync(join(tmpdir(), 'syncgate-test-webhook-'));
  for (const name of ['gates', 'tmp']) mkdirSync(join(root, name));
  const put: Webhook['put'] = (path, content) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, 'tmp/new'), text);
    renameSync(join(root, 'tmp/new'), join(root, path));
  };
  for (const [path, content] of Object.entries(options.files ?? {})) put(path, content);
  const lines: { message: string; fields: LogFields }[] = [];
  const counts = new Map<string, number>();
  const line = (message: string, fields: LogFields = {}) => void lines.push({ message, fields });
  const log: Log = { ...SILENT_LOG, debug: line, info: line, warn: line, error: line };
  const metrics: Metrics = {
    count(name, labels, by = 1) {
      const key = [name, ...Object.entries(labels).map(([label, value]) => `${label}=${value}`)].join(' ');
      counts.set(key, (counts.get(key) ?? 0) + by);
    },
    set() {},
    observe() {},
    forget() {},
  };
  const over = new AbortController();
  const world = {
    env: { PATH: process.env['PATH'] },
    temporaryFolder: join(root, 'tmp'),
    program: join(import.meta.dirname, '../../../src/main.ts'),
  };
  const opened =
    options.gates === undefined
      ? await openGates({ folder: join(root, 'gates'), pollMs: 20 }, { world, log, metrics }, over.signal)
      : undefined;
  const factsOf = (name: string): NamespaceFacts => ({ name, labels: options.labels?.[name] ?? {} });
  const now = () => performance.now();
  const review = createReviewer({
    gates: opened ?? (options.gates as Gates),
    namespaces: { known: factsOf, find: async (name) => factsOf(name) },
    match: options.match ?? 'flux',
    excluded: ['kube-system', 'flux-system', 'syncgate-system'],
    memory: createMemory(now),
    rememberMs: ({ rememberMs = 0 }) => rememberMs,
    log,
    metrics,
    now,
  });
  const app = createAdmissionApp({
    review,
    signal: over.signal,
    isLeaving: () => false,
    log,
    now,
    ...(options.limits !== undefined && { limits: options.limits }),
  });
  const certificates = makeCertificates();
  const server = createServer({ ...certificates.server, keepAliveTimeout: 100_000 }, app);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const stop = async () => {
    over.abort();
    const closed = new Promise((done) => server.close(done));
    server.closeAllConnections();
    await closed;
    await opened?.close();
    rmSync(root, { recursive: true, force: true });
  };
  const { port } = server.address() as AddressInfo;
  return { port, certificates, lines, counts, put, stop, [Symbol.asyncDispose]: stop };
}

/** A configuration that sends every object to the webhook, as the shipped one does but for the address. */
export function webhookConfiguration(
  { port, certificates }: Pick<Webhook, 'port' | 'certificates'>,
  more: { readonly match?: Match; readonly timeoutSeconds?: number } = {},
): Writable {
  const url = `https://127.0.0.1:${port}/validate`;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'syncgate' },
    webhooks: [
      {
        name: 'admission.syncgate.dev',
        clientConfig: { url, caBundle: Buffer.from(certificates.ca).toString('base64') },
        rules: [
          { apiGroups: ['*'], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'], resources: ['*'], scope: '*' },
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['UPDATE'],
            resources: ['pods/ephemeralcontainers'],
            scope: '*',
          },
        ],
        namespaceSelector: {
          matchExpressions: [
            {
              key: 'kubernetes.io/metadata.name',
              operator: 'NotIn',
              values: ['kube-system', 'flux-system', 'syncgate-system'],
            },
          ],
        },
        ...(more.match !== 'all' && { matchConditions: [{ name: 'gitops', expression: gitOpsCondition }] }),
        failurePolicy: 'Fail',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: more.timeoutSeconds ?? 10,
      },
    ],
  };
}
