/** The registry of the distribution project, with TLS and the ways to sign in that it has. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningRegistry, startListening } from './registry.ts';
import { tool } from './tools/resolve.ts';

/** The one user of these registries. Its password holds what breaks careless splitting. */
export const account = { username: 'puller', password: 's3cret:with:colons' };
/** bcrypt of that password. */
const htpasswd = `${account.username}:$2y$05$abcdefghijklmnopqrstuu4Q8xTrgjpfgc6JAW05bPlTJQ8JfbGq6\n`;

export interface DistributionOptions {
  readonly auth?: { readonly kind: 'htpasswd' } | { readonly kind: 'token'; readonly tokens: TokenService };
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Folder that holds what was pushed; without it, memory does. */
  readonly storage?: string;
}

export async function startDistribution(options: DistributionOptions = {}): Promise<RunningRegistry> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-distribution-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const { auth, tls, storage } = options;
  const config = {
    version: 0.1,
    log: { level: 'info', formatter: 'text' },
    storage: storage === undefined ? { inmemory: {} } : { filesystem: { rootdirectory: storage } },
    http: {
      addr: '127.0.0.1:0',
      ...(tls === undefined ? {} : { tls: { certificate: file('cert.pem', tls.cert), key: file('key.pem', tls.key) } }),
    },
    ...(auth?.kind === 'htpasswd' ? { auth: { htpasswd: { realm: 'test', path: file('htpasswd', htpasswd) } } } : {}),
    ...(auth?.kind === 'token'
      ? {
          auth: {
            token: {
              realm: auth.tokens.realm,
              service: 'test-registry',
              issuer: 'test-issuer',
              jwks: file('jwks.json', JSON.stringify(auth.tokens.jwks)),
            },
          },
        }
      : {}),
  };
  const args = ['serve', file('config.yml', JSON.stringify(config))];
  const hostIn = (line: string) => /listening on (127\.0\.0\.1:\d+)/.exec(line)?.[1];
  const running = await startListening(await tool('distribution'), args, { OTEL_TRACES_EXPORTER: 'none' }, hostIn);
  const stop = async () => {
    await running.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { host: running.host, stop, [Symbol.asyncDispose]: stop };
}

/** What a token service was asked. */
interface TokenRequest {
  readonly method: string;
  readonly scope: string | null;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** A token service that grants what it is asked for to the one account, or to the refresh token `identity-token`. */
export interface TokenService extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly realm: string;
  readonly jwks: unknown;
  readonly asked: TokenRequest[];
  /** Seconds that its tokens live. */
  lifetime: number;
  stop(): Promise<void>;
}

export const identityToken = 'identity-token';

export async function startTokenService(): Promise<TokenService> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const asked: TokenRequest[] = [];
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const tokenFor = (scope: string, lifetime: number) => {
    const [type, name, actions = ''] = scope.split(':');
    const now = Math.floor(Date.now() / 1000);
    const times = { iat: now, nbf: now - 60, exp: now + lifetime, jti: String(asked.length) };
    const access = [{ type, name, actions: actions.split(',') }];
    const claims = { iss: 'test-issuer', aud: 'test-registry', sub: 'test', ...times, access };
    const text = `${part({ typ: 'JWT', alg: 'ES256', kid: 'test-key' })}.${part(claims)}`;
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const url = new URL(request.url ?? '', 'http://localhost');
    const form = new URLSearchParams(body);
    const scope = request.method === 'POST' ? form.get('scope') : url.searchParams.get('scope');
    const { authorization } = request.headers;
    asked.push({ method: request.method ?? '', scope, authorization, body });
    const basic = `Basic ${Buffer.from(`${account.username}:${account.password}`).toString('base64')}`;
    const known = request.method === 'POST' ? form.get('refresh_token') === identityToken : authorization === basic;
    response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
    const token = { token: tokenFor(scope ?? '', service.lifetime), expires_in: service.lifetime };
    response.end(JSON.stringify(known ? token : { errors: [{ code: 'UNAUTHORIZED' }] }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async () => {
    server.closeAllConnections();
    await new Promise<void>((closed) => server.close(() => closed()));
  };
  const service: TokenService = {
    host,
    realm: `http://${host}/token`,
    jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'test-key', alg: 'ES256', use: 'sig' }] },
    asked,
    lifetime: 300,
    stop,
    [Symbol.asyncDispose]: stop,
  };
  return service;
}
