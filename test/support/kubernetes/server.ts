/** A kube-apiserver of its own, spoken to in plain JSON: what a client library would add or leave out is none of it. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import {
  createResourceTable,
  groupVersionKind,
  type ResourceTable,
} from '../../../src/checks/policy/kube/resources.ts';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { startKubernetes } from './cluster.ts';
import { readDocuments } from './documents.ts';

export interface Answer {
  readonly status: number;
  /** The object, or a Status that says why not. */
  readonly body: JsonObject;
  /** Texts of the Warning headers. */
  readonly warnings: readonly string[];
}

export interface PolicyServer extends AsyncDisposable {
  send(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: JsonValue, accept?: string): Promise<Answer>;
  /** Creates an object, or with `dryRun` only asks for what would be created. */
  create(object: JsonObject, options?: { readonly dryRun?: boolean }): Promise<Answer>;
  remove(object: JsonObject): Promise<Answer>;
  /** The path of an object's kind, with the object's name where `named`. */
  pathOf(object: JsonObject, named: boolean): string;
}

/** The namespace in which objects are created that name none. */
export const homeNamespace = 'default';

/** Starts etcd and kube-apiserver with service accounts, and makes what Pods need: `default` and `runner`. */
export async function startPolicyServer(definitions: readonly JsonObject[] = []): Promise<PolicyServer> {
  const kubernetes = await startKubernetes({ serviceAccounts: true });
  const server = kubernetes.kubeconfig.getCurrentCluster()?.server ?? '';
  const token = kubernetes.kubeconfig.getCurrentUser()?.token ?? '';
  // Its certificate is its own, made a moment ago.
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  const resources: ResourceTable = createResourceTable({ definitions });

  const send: PolicyServer['send'] = (method, path, body, accept = 'application/json') =>
    new Promise((done, failed) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        accept,
        authorization: `Bearer ${token}`,
        ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      };
      const asked = request(`${server}${path}`, { method, agent, headers }, (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          answer += chunk;
        });
        response.on('end', () => {
          const warning = response.headers['warning'] ?? [];
          const warnings = (Array.isArray(warning) ? warning : [warning]).map(String);
          done({ status: response.statusCode ?? 0, body: readBody(answer), warnings });
        });
      });
      asked.on('error', failed);
      asked.end(text);
    });
  const pathOf: PolicyServer['pathOf'] = (object, named) => {
    const kind = groupVersionKind(String(object['apiVersion']), String(object['kind']));
    const { resource, namespaced } = resources.ofKind(kind);
    const metadata = (object['metadata'] ?? {}) as JsonObject;
    const prefix = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
    const place = namespaced ? `/namespaces/${String(metadata['namespace'] ?? homeNamespace)}` : '';
    return `${prefix}${place}/${resource.resource}${named ? `/${String(metadata['name'])}` : ''}`;
  };
  const api: PolicyServer = {
    send,
    pathOf,
    create: (object, { dryRun = false } = {}) =>
      send('POST', `${pathOf(object, false)}${dryRun ? '?dryRun=All' : ''}`, object),
    remove: (object) => send('DELETE', pathOf(object, true)),
    [Symbol.asyncDispose]: async () => {
      agent.destroy();
      await kubernetes.stop();
    },
  };
  for (const name of ['default', 'runner']) {
    await api.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: homeNamespace } });
  }
  return api;
}

/** A kind that is not served yet is answered in plain text. */
function readBody(answer: string): JsonObject {
  return answer.startsWith('{') ? (JSON.parse(answer) as JsonObject) : { message: answer };
}

/** Objects that touch every built-in type whose defaults are harvested. */
export function sampleObjects(): readonly JsonObject[] {
  const folder = join(import.meta.dirname, 'samples');
  return ['pods', 'workloads', 'network', 'configuration'].flatMap((name) =>
    readDocuments(readFileSync(join(folder, `${name}.yaml`), 'utf8')),
  );
}
