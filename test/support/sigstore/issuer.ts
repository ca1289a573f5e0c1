/** An OpenID issuer of a few lines, that vouches for whoever is named to it. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OpenIdIssuer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** A second issuer, of the same keys: `http://127.0.0.1:<port>/other`. */
  readonly otherUrl: string;
  readonly port: number;
  /** An identity token, good for ten minutes. */
  token(email: string, issuer?: string): string;
}

/** Listens on loopback, and on a Unix socket for those who do not share our network. */
export async function startIssuer(socket: string): Promise<OpenIdIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'test', alg: 'RS256', use: 'sig' };
  const answer: RequestListener = (request, response) => {
    const path = (request.url ?? '').split('?')[0] as string;
    const base = `${url}${path.startsWith('/other/') ? '/other' : ''}`;
    const body = path.endsWith('/keys')
      ? { keys: [jwk] }
      : {
          issuer: base,
          jwks_uri: `${base}/keys`,
          authorization_endpoint: `${base}/auth`,
          token_endpoint: `${base}/token`,
          response_types_supported: ['id_token'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['RS256'],
        };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const servers = [createServer(answer), createServer(answer)] as const;
  await new Promise<void>((done) => servers[0].listen(0, '127.0.0.1', done));
  await new Promise<void>((done) => servers[1].listen(socket, done));
  const { port } = servers[0].address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    url,
    otherUrl: `${url}/other`,
    port,
    token(email, issuer = url) {
      const now = Math.floor(Date.now() / 1000);
      const claims = {
        iss: issuer,
        sub: email,
        aud: 'sigstore',
        email,
        email_verified: true,
        iat: now,
        exp: now + 600,
      };
      const text = `${part({ typ: 'JWT', alg: 'RS256', kid: 'test' })}.${part(claims)}`;
      return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise<void>((closed) => server.close(() => closed()));
      }
    },
  };
}
