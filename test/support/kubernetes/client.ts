/** One user of a cluster, spoken for in plain JSON: what a client library would add or leave out is none of it. */
import { Agent, request } from 'node:https';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { valueAt } from '../../../src/core/kube.ts';
import { waitFor } from '../argocd/component.ts';
import type { KubernetesServer } from './cluster.ts';

/** An object by its type and name; an object itself is one, too. */
export interface Reference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** An object as somebody writes it. */
export interface Writable extends Reference {
  readonly [field: string]: unknown;
}

/** An object as the server gave it. */
export interface Live extends Reference {
  readonly metadata: Reference['metadata'] & {
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
    readonly [field: string]: unknown;
  };
  // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of every kind, and fail where they are otherwise.
  readonly [field: string]: any;
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

export interface Answer {
  readonly status: number;
  /** The object, or a Status that says why not. */
  readonly body: Live & { readonly message?: string; readonly reason?: string };
}

/** The server refused. */
export class Refused extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(what: string, { status, body }: Answer) {
    super(`${what}: ${status} ${body.reason ?? ''} ${body.message ?? ''}`);
    this.status = status;
    this.reason = body.reason ?? '';
  }
}

interface WriteOptions {
  readonly subresource?: string;
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
}

export interface Client extends Disposable {
  send(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: JsonValue,
    type?: string,
  ): Promise<Answer>;
  /** The object; undefined where there is none. */
  get(reference: Reference): Promise<Live | undefined>;
  list(apiVersion: string, kind: string, namespace?: string): Promise<readonly Live[]>;
  create(object: Writable, options?: WriteOptions): Promise<Live>;
  /** Server-side apply, by the field manager `test` and with force if nothing else is said. */
  apply(object: Writable, options?: WriteOptions): Promise<Live>;
  /** JSON merge patch. */
  merge(reference: Reference, patch: object, options?: WriteOptions): Promise<Live>;
  delete(reference: Reference): Promise<void>;
  /** Asks for a reconciliation as `flux reconcile` does; answers with the token of the request. */
  reconcile(reference: Reference): Promise<string>;
  /** Waits until the object is as it should be; else the error holds its conditions. */
  until(reference: Reference, what: string, holds: (live: Live) => boolean, deadlineMs?: number): Promise<Live>;
  /** Waits for a condition about the generation that is there now. */
  condition(reference: Reference, wanted: WantedCondition, deadlineMs?: number): Promise<Live>;
  /** Waits until the object is gone. */
  gone(reference: Reference, deadlineMs?: number): Promise<void>;
}

interface WantedCondition {
  readonly type?: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason?: string;
  readonly message?: string | RegExp;
}

const patience = 30_000;
const clusterKinds = new Set([
  ...['Namespace', 'Node', 'PersistentVolume', 'ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition'],
  ...['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding', 'ValidatingWebhookConfiguration'],
  ...['MutatingWebhookConfiguration', 'PriorityClass', 'StorageClass', 'IngressClass', 'APIService'],
]);

/** The client of a user of this server. */
export function openClient(server: KubernetesServer, user = 'admin'): Client {
  // Made a moment ago, for this test: whoever answers is ours.
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 32 });
  const token = server.tokenOf(user);

  const send: Client['send'] = (method, path, body, type = 'application/json') =>
    new Promise((done, failed) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        ...(text !== undefined && { 'content-type': type, 'content-length': Buffer.byteLength(text) }),
      };
      const asked = request(`${server.url}${path}`, { method, agent, headers, timeout: 20_000 }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', failed);
        response.on('end', () => {
          const answer = Buffer.concat(chunks).toString('utf8');
          const parsed = answer.startsWith('{') ? JSON.parse(answer) : { message: answer };
          done({ status: response.statusCode ?? 0, body: parsed });
        });
      });
      asked.on('timeout', () => asked.destroy(new Error(`no answer to ${method} ${path} within 20 s`)));
      asked.on('error', failed);
      asked.end(text);
    });
  const insist = async (what: string, asked: Promise<Answer>): Promise<Live> => {
    const answer = await asked;
    if (answer.status >= 300) throw new Refused(what, answer);
    return answer.body;
  };
  const named = (verb: string, { kind, metadata }: Reference) =>
    `${verb} ${kind} ${[metadata.namespace, metadata.name].filter(Boolean).join('/')}`;

  const client: Client = {
    send,
    async get(reference) {
      const answer = await send('GET', pathOf(reference));
      return answer.status === 404 ? undefined : await insist(named('get', reference), Promise.resolve(answer));
    },
    async list(apiVersion, kind, namespace) {
      const list = await insist(`list ${kind}`, send('GET', collectionOf(apiVersion, kind, namespace)));
      // Items of a list leave out what the list says.
      return (list['items'] as Live[]).map((item) => ({ ...item, apiVersion, kind }));
    },
    create: (object, options = {}) => {
      const path = collectionOf(object.apiVersion, object.kind, object.metadata.namespace);
      return insist(named('create', object), send('POST', path + query(options), object as unknown as JsonObject));
    },
    apply: (object, options = {}) => {
      const asked = query({ fieldManager: 'test', ...options }, { force: 'true' });
      const path = pathOf(object, options.subresource) + asked;
      const body = object as unknown as JsonObject;
      return insist(named('apply', object), send('PATCH', path, body, 'application/apply-patch+yaml'));
    },
    merge: (reference, patch, options = {}) => {
      const path = pathOf(reference, options.subresource) + query(options);
      return insist(
        named('patch', reference),
        send('PATCH', path, patch as JsonObject, 'application/merge-patch+json'),
      );
    },
    async delete(reference) {
      const answer = await send('DELETE', pathOf(reference));
      if (answer.status !== 404) await insist(named('delete', reference), Promise.resolve(answer));
    },
    async reconcile(reference) {
      const requested = new Date().toISOString() + Math.random().toString(36).slice(2, 6);
      await client.merge(reference, { metadata: { annotations: { 'reconcile.fluxcd.io/requestedAt': requested } } });
      return requested;
    },
    async until(reference, what, holds, deadlineMs = patience) {
      let last: Live | undefined;
      try {
        return await waitFor(`${named('', reference).trim()} ${what}`, deadlineMs, async () => {
          last = await client.get(reference);
          return last !== undefined && holds(last) ? last : undefined;
        });
      } catch (error) {
        throw new Error(`${error instanceof Error ? error.message : error}\n${describe(last)}`);
      }
    },
    condition: (reference, wanted, deadlineMs) =>
      client.until(reference, `to be ${JSON.stringify(wanted, printed)}`, (live) => meets(live, wanted), deadlineMs),
    async gone(reference, deadlineMs = patience) {
      await waitFor(`${named('', reference).trim()} to be gone`, deadlineMs, async () =>
        (await client.get(reference)) === undefined ? true : undefined,
      );
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
  return client;
}

function printed(_: string, value: unknown): unknown {
  return value instanceof RegExp ? String(value) : value;
}

/** A condition of an object; undefined where it has none of the type. */
export function conditionOf(live: Live, type = 'Ready'): Condition | undefined {
  return (live['status']?.conditions as readonly Condition[] | undefined)?.find((each) => each.type === type);
}

function meets(live: Live, { type = 'Ready', status, reason, message }: WantedCondition): boolean {
  const found = conditionOf(live, type);
  const generation = live.metadata.generation ?? 0;
  // ExternalArtifacts have no observedGeneration of their own; what speaks of an older spec says nothing about this one.
  const observed = found?.observedGeneration ?? valueAt(live, 'status', 'observedGeneration') ?? generation;
  if (found?.status !== status || Number(observed) < generation) return false;
  if (reason !== undefined && found.reason !== reason) return false;
  if (message === undefined) return true;
  return typeof message === 'string' ? found.message.includes(message) : message.test(found.message);
}

function describe(live: Live | undefined): string {
  if (live === undefined) return 'it is not there';
  const { status, metadata } = live;
  return JSON.stringify({ generation: metadata.generation, annotations: metadata.annotations, status }, undefined, 1);
}

function query({ fieldManager, dryRun = false }: WriteOptions, more: Record<string, string> = {}): string {
  const asked = new URLSearchParams({
    ...more,
    ...(fieldManager !== undefined && { fieldManager }),
    ...(dryRun && { dryRun: 'All' }),
  });
  return asked.size === 0 ? '' : `?${asked}`;
}

/** The path of an object. */
export function pathOf({ apiVersion, kind, metadata }: Reference, subresource?: string): string {
  const path = `${collectionOf(apiVersion, kind, metadata.namespace)}/${metadata.name}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

function collectionOf(apiVersion: string, kind: string, namespace?: string): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  if (clusterKinds.has(kind)) return `${group}/${plural(kind)}`;
  return namespace === undefined ? `${group}/${plural(kind)}` : `${group}/namespaces/${namespace}/${plural(kind)}`;
}

/** As Kubernetes guesses it of a kind (meta.UnsafeGuessKindToResource), but for the one that is plural already. */
function plural(kind: string): string {
  const lower = kind.toLowerCase();
  if (lower === 'endpoints') return lower;
  if (lower.endsWith('s')) return `${lower}es`;
  return lower.endsWith('y') ? `${lower.slice(0, -1)}ies` : `${lower}s`;
}
