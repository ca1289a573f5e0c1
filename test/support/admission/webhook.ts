/** The webhook over real Gates of real files, served over TLS on loopback, and the configuration that leads an API server to it. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { startServer } from '../../../src/adapters/http-server.ts';
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
  /** Whose client certificates are let in; anybody is where it is left out. */
  readonly clientCa?: string;
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
  const tls = { ...certificates.server, ...(options.clientCa !== undefined && { clientCa: options.clientCa }) };
  const server = await startServer({ address: '127.0.0.1:0', listener: app, tls, maxConnections: 2048 });
  const stop = async () => {
    over.abort();
    await server.close(100);
    await opened?.close();
    rmSync(root, { recursive: true, force: true });
  };
  const { port } = server;
  return { port, certificates, lines, counts, put, stop, [Symbol.asyncDispose]: stop };
}

/** A configuration that sends every object to the webhook, as the shipped one does but for the address. */
export function webhookConfiguration(
  { port, certificates }: Pick<Webhook, 'port' | 'certificates'>,
  more: {
    readonly name?: string;
    readonly match?: Match;
    readonly timeoutSeconds?: number;
    /** The one namespace that it is about; all but the excluded ones where it is left out. */
    readonly namespace?: string;
  } = {},
): Writable {
  const key = 'kubernetes.io/metadata.name';
  const excluded = { key, operator: 'NotIn', values: ['kube-system', 'flux-system', 'syncgate-system'] };
  const only = { key, operator: 'In', values: [more.namespace] };
  const url = `https://127.0.0.1:${port}/validate`;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: more.name ?? 'syncgate' },
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
            resources: ['pods/ephemeralcontainers', 'pods/resize'],
            scope: '*',
          },
        ],
        namespaceSelector: {
          matchExpressions: [more.namespace === undefined ? excluded : only],
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
