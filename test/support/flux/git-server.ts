/** A Git repository over HTTP, as `git http-backend` serves it behind any web server. */
import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGitRepository, type GitRepository } from '../argocd/git-repository.ts';

export interface GitServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>/app.git`, of which the branch is `main`. */
  readonly url: string;
  /** Its work tree. */
  readonly folder: string;
  readonly commit: GitRepository['commit'];
  stop(): Promise<void>;
}

const urlPath = '/app.git';

export async function startGitServer(): Promise<GitServer> {
  const repository = await createGitRepository();
  const server = createServer((request, response) => serve(repository.folder, request, response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    repository[Symbol.dispose]();
  };
  return {
    url: `http://127.0.0.1:${port}${urlPath}`,
    folder: repository.folder,
    commit: repository.commit,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** One request as RFC 3875 (CGI) hands it to a program. */
function serve(folder: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://git');
  if (!pathname.startsWith(`${urlPath}/`)) {
    response.writeHead(404).end();
    return;
  }
  const child = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      PATH_INFO: `/.git${pathname.slice(urlPath.length)}`,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-encoding'] === 'gzip' && { HTTP_CONTENT_ENCODING: 'gzip' }),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.on('error', () => response.writeHead(500).end());
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.on('close', () => {
    const answer = Buffer.concat(chunks);
    const end = answer.indexOf('\r\n\r\n');
    let status = end === -1 ? 500 : 200;
    for (const line of answer.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n')) {
      const [name = '', value = ''] = line.split(': ');
      if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10);
      else if (name !== '') response.setHeader(name, value);
    }
    response.writeHead(status).end(answer.subarray(end + 4));
  });
}
