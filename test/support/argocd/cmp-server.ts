/**
 * The real argocd-cmp-server with a plugin of ours, and a client that drives it over its unix socket as Argo CD's
 * repo-server does (util/cmp, reposerver/repository).
 */

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { tool } from '../tools/resolve.ts';
import { type Component, startComponent } from './component.ts';
import type { EnvEntry } from './plugin-environment.ts';

const run = promisify(execFile);

/** Argo CD's `ARGOCD_CMP_CHUNK_SIZE`. */
const chunkBytes = 1024;
const maxMessageBytes = 100 * 1024 * 1024;

export interface CmpServer extends AsyncDisposable {
  readonly component: Component;
  /** The folder that a repo-server finds the socket in. */
  readonly socketFolder: string;
  /** Where the server unpacks what it was sent; empty between requests. */
  readonly workFolder: string;
  generate(request: GenerateRequest): Promise<Generated>;
  configuration(): Promise<{ readonly isDiscoveryConfigured: boolean; readonly provideGitCreds: boolean }>;
  announcements(request: GenerateRequest): Promise<readonly Announcement[]>;
  stop(): Promise<void>;
}

interface GenerateRequest {
  /** The folder that stands for the repository. */
  readonly root: string;
  /** The application's folder in it, `.` for the root. */
  readonly path: string;
  readonly env: readonly EnvEntry[];
  /** The caller's deadline; Argo CD's own is 60 s. */
  readonly deadlineMs?: number;
  /** What the controller calls the application, for the text of a refusal. */
  readonly application?: string;
}

/** Manifests as the server decoded them, or the message as the Application's condition would hold it. */
export type Generated =
  | { readonly kind: 'manifests'; readonly manifests: readonly string[] }
  | { readonly kind: 'refused'; readonly details: string; readonly condition: string };

interface Announcement {
  readonly name: string;
  readonly collectionType: string;
  readonly required: boolean;
}

interface Client extends grpc.Client {
  GenerateManifest(metadata: grpc.Metadata, options: grpc.CallOptions, done: Done): grpc.ClientWritableStream<unknown>;
  GetParametersAnnouncement(
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    done: Done,
  ): grpc.ClientWritableStream<unknown>;
  CheckPluginConfiguration(request: object, options: grpc.CallOptions, done: Done): void;
}
type Done = (error: grpc.ServiceError | null, response: unknown) => void;

export interface CmpServerOptions {
  /** The text of plugin.yaml. */
  readonly plugin: string;
  /** The sidecar container's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** `metadata.name` of the plugin, by which its socket is called. */
  readonly name?: string;
}

export async function startCmpServer(options: CmpServerOptions): Promise<CmpServer> {
  const program = await tool('argocd');
  // A socket's path may have 107 bytes, so the folder is short whatever TMPDIR is.
  const folder = mkdtempSync(join(tmpdir().length > 40 ? '/tmp' : tmpdir(), 'cmp-'));
  const [config, sockets, work] = ['config', 's', 'w'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [config, sockets, work]) mkdirSync(path);
  writeFileSync(join(config, 'plugin.yaml'), options.plugin);
  const socket = join(sockets, `${options.name ?? 'syncgate'}.sock`);
  const removeWithTests = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeWithTests);
  const component = await startComponent({
    name: 'argocd-cmp-server',
    program,
    args: ['--config-dir-path', config, '--loglevel', 'info'],
    env: {
      ...options.env,
      ARGOCD_BINARY_NAME: 'argocd-cmp-server',
      ARGOCD_PLUGINSOCKFILEPATH: sockets,
      ARGOCD_CMP_WORKDIR: work,
    },
    ready: () => existsSync(socket),
    stopSignal: 'SIGKILL', // its handler of SIGTERM removes the socket and then waits for ever
  });
  const client = connect(socket);
  const stop = async () => {
    client.close();
    await component.stop();
    process.off('exit', removeWithTests);
    removeWithTests();
  };
  return {
    component,
    socketFolder: sockets,
    workFolder: join(work, '_cmp_server'),
    generate: (request) => generate(client, request),
    configuration: () =>
      new Promise((done, failed) => {
        client.CheckPluginConfiguration({}, { deadline: Date.now() + 10_000 }, (error, response) =>
          error === null ? done(response as never) : failed(error),
        );
      }),
    announcements: (request) => announcements(client, request),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function connect(socket: string): Client {
  const definition = loadSync(join(import.meta.dirname, 'plugin.proto'), {
    keepCase: true,
    longs: String,
    defaults: true,
  });
  const { plugin } = grpc.loadPackageDefinition(definition) as unknown as {
    plugin: { ConfigManagementPluginService: new (...args: ConstructorParameters<typeof grpc.Client>) => Client };
  };
  return new plugin.ConfigManagementPluginService(`unix:${socket}`, grpc.credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxMessageBytes,
    'grpc.max_send_message_length': maxMessageBytes,
  });
}

async function generate(client: Client, request: GenerateRequest): Promise<Generated> {
  const archive = await pack(request.root);
  return await new Promise((done) => {
    const options = { deadline: Date.now() + (request.deadlineMs ?? 60_000) };
    const call = client.GenerateManifest(new grpc.Metadata(), options, (error, response) => {
      if (error === null) done({ kind: 'manifests', manifests: (response as { manifests: string[] }).manifests });
      else done({ kind: 'refused', details: error.details, condition: condition(request, error) });
    });
    send(call, request, archive);
  });
}

async function announcements(client: Client, request: GenerateRequest): Promise<readonly Announcement[]> {
  const archive = await pack(request.root);
  return await new Promise((done, failed) => {
    const options = { deadline: Date.now() + 30_000 };
    const call = client.GetParametersAnnouncement(new grpc.Metadata(), options, (error, response) => {
      if (error === null) done((response as { parameterAnnouncements: Announcement[] }).parameterAnnouncements);
      else failed(error);
    });
    send(call, request, archive);
  });
}

function send(call: grpc.ClientWritableStream<unknown>, request: GenerateRequest, archive: Buffer): void {
  call.on('error', () => {}); // the callback has it too
  const metadata = {
    appName: basename(join(request.root, request.path)),
    appRelPath: request.path,
    checksum: createHash('sha256').update(archive).digest('hex'),
    size: archive.length,
    env: request.env,
  };
  call.write({ metadata });
  for (let at = 0; at < archive.length; at += chunkBytes) {
    call.write({ file: { chunk: archive.subarray(at, at + chunkBytes) } });
  }
  call.end();
}

/** A .tar.gz of everything under the root, with names relative to it, as the repo-server sends it. */
async function pack(root: string): Promise<Buffer> {
  const names = readdirSync(root);
  if (names.length === 0) throw new Error(`no files to send(${root})`);
  const { stdout } = await run('tar', ['--format=pax', '-czf', '-', '-C', root, '--', ...names], {
    encoding: 'buffer',
    maxBuffer: 1024 * 1024 * 1024,
  });
  return stdout;
}

/** The words that the repo-server and the controller put around a plugin's error. */
function condition(request: GenerateRequest, error: grpc.ServiceError): string {
  const code = grpc.status[error.code]
    ?.toLowerCase()
    .replace(/(^|_)(.)/g, (_, _bar, letter: string) => letter.toUpperCase());
  const application = request.application ?? 'app';
  return (
    'Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: code = Unknown desc = ' +
    `CMP processing failed for application "${application}": error generating manifests in cmp: ` +
    `rpc error: code = ${code} desc = ${error.details}`
  );
}
