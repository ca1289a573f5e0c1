import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { GateError } from '../core/errors.ts';
import type { Download, DownloadRequest, HostCredentials } from '../core/ports.ts';

const MAX_REDIRECTS = 5;

/** Fetches one file. A redirect is a new request: it is asked about again, and carries what its own host is to see. */
export const download: Download = async (request) => {
  let url = request.url;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    if (!request.isAllowed(url)) {
      throw failed(request.url, `it redirects to ${JSON.stringify(withoutUser(url))}, whose host is not listed`);
    }
    const answer = await get(url, request);
    if (answer.kind === 'body') return answer.bytes;
    url = new URL(answer.location, url).href;
  }
  throw failed(request.url, `it redirects more than ${MAX_REDIRECTS} times`);
};

type Answer =
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'redirect'; readonly location: string };

function get(url: string, request: DownloadRequest): Promise<Answer> {
  const credentials = request.credentialsFor(url);
  const secure = new URL(url).protocol === 'https:';
  const { https: viaHttps, http: viaHttp, none } = request.proxies;
  const proxyEnv = {
    ...(viaHttps === undefined ? {} : { HTTPS_PROXY: viaHttps }),
    ...(viaHttp === undefined ? {} : { HTTP_PROXY: viaHttp }),
    ...(none === undefined ? {} : { NO_PROXY: none }),
  };
  const agent = secure ? new https.Agent({ proxyEnv, ...tls(credentials) }) : new http.Agent({ proxyEnv });
  const headers = { 'user-agent': 'syncgate', accept: '*/*', ...authorization(credentials) };
  return new Promise<Answer>((done, fail) => {
    const refuse = (why: string, cause?: unknown) => fail(failed(request.url, why, cause));
    const asked = (secure ? https : http).get(url, { agent, headers, signal: request.signal }, (response) => {
      collect(response, request.maxBytes).then(done, (error: unknown) => refuse((error as Error).message, error));
    });
    asked.on('error', (error) => refuse(request.signal.aborted ? 'it took too long' : reason(error), error));
  }).finally(() => agent.destroy());
}

/** A server answered, and not with the file. */
export class AnswerError extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`its server answered ${status}`);
    this.status = status;
  }
}

async function collect(response: IncomingMessage, maxBytes: number): Promise<Answer> {
  const status = response.statusCode ?? 0;
  const { location } = response.headers;
  if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
    response.destroy();
    return { kind: 'redirect', location };
  }
  if (status !== 200) {
    response.destroy();
    throw new AnswerError(status);
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += (chunk as Buffer).length;
    if (length > maxBytes) {
      response.destroy();
      throw new Error(`it is larger than ${maxBytes} bytes`);
    }
    chunks.push(chunk as Buffer);
  }
  return { kind: 'body', bytes: Buffer.concat(chunks) };
}

function tls(credentials: HostCredentials | undefined): https.AgentOptions {
  const { caFile, certificateFile, keyFile } = credentials ?? {};
  return {
    ...(caFile === undefined ? {} : { ca: readFileSync(caFile) }),
    ...(certificateFile === undefined ? {} : { cert: readFileSync(certificateFile) }),
    ...(keyFile === undefined ? {} : { key: readFileSync(keyFile) }),
  };
}

function authorization(credentials: HostCredentials | undefined): Record<string, string> {
  if (credentials?.token !== undefined) return { authorization: `Bearer ${credentials.token}` };
  if (credentials?.username === undefined && credentials?.password === undefined) return {};
  const pair = `${credentials.username ?? ''}:${credentials.password ?? ''}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

function reason(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code;
  return code === undefined ? 'the request failed' : `the request failed (${code})`;
}

function withoutUser(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//').slice(0, 200);
}

function failed(url: string, why: string, cause?: unknown): GateError {
  return new GateError('RENDER_FETCH_FAILED', `${JSON.stringify(withoutUser(url))} could not be fetched: ${why}`, {
    cause,
  });
}
