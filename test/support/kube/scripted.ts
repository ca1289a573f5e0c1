/** An API server that says what a test lets it say: what a real one says only when it is unwell. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OpenedKube, type OpenKubeOptions, openKube } from '../../../src/adapters/kube/open.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { SILENT_LOG } from '../../../src/core/telemetry.ts';
import { makeCertificates } from '../certificates.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string | undefined;
  readonly body: string;
}

export type Answer = (asked: Asked, response: ServerResponse, request: IncomingMessage) => void;

export interface ScriptedServer extends AsyncDisposable {
  readonly asked: readonly Asked[];
  /** What answers from now on. */
  answer: Answer;
  /** The folder of the ServiceAccount: `token` and `ca.crt`. */
  readonly folder: string;
  open(options?: Partial<OpenKubeOptions>): Promise<OpenedKube>;
  /** Cuts every connection. */
  cut(): void;
}

export async function startScripted(answer: Answer): Promise<ScriptedServer> {
  const { ca, server: tls } = makeCertificates();
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-scripted-'));
  writeFileSync(join(folder, 'ca.crt'), ca);
  writeFileSync(join(folder, 'token'), 'first\n');
  const asked: Asked[] = [];
  const opened: OpenedKube[] = [];
  const server = createServer(tls, (request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      const url = new URL(request.url ?? '', 'https://x');
      const token = request.headers.authorization?.replace('Bearer ', '');
      const one = { method: request.method ?? '', path: url.pathname, query: url.searchParams, token, body };
      asked.push(one);
      scripted.answer(one, response, request);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const scripted: ScriptedServer = {
    asked,
    answer,
    folder,
    async open(options = {}) {
      const kube = await openKube({
        service: { host: '127.0.0.1', port: `${port}`, folder },
        log: SILENT_LOG,
        clock: Date,
        ...options,
        times: { firstBackoffMs: 5, mostBackoffMs: 20, ...options.times },
      });
      opened.push(kube);
      return kube;
    },
    cut: () => server.closeAllConnections(),
    async [Symbol.asyncDispose]() {
      for (const kube of opened) kube.close();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return scripted;
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: JsonObject,
  headers: Record<string, string> = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

export function refuse(response: ServerResponse, code: number, reason: string, message = 'no'): void {
  sendJson(response, code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message });
}

export function widget(name: string, resourceVersion: string, n = 0): JsonObject {
  const metadata = { name, namespace: 'apps', uid: `uid-${name}`, resourceVersion };
  return { apiVersion: 'test.syncgate.dev/v1', kind: 'Widget', metadata, spec: { n } };
}

export function listOf(items: readonly JsonObject[], resourceVersion: string, next?: string): JsonObject {
  const metadata = { resourceVersion, ...(next !== undefined && { continue: next }) };
  return { kind: 'WidgetList', apiVersion: 'test.syncgate.dev/v1', metadata, items };
}

export function event(type: string, object: JsonObject): string {
  return `${JSON.stringify({ type, object })}\n`;
}
