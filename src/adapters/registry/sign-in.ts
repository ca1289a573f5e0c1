import { GateError } from '../../core/errors.ts';
import { parseChallenges } from './challenge.ts';
import type { FindCredentials } from './credentials.ts';
import type { Credentials } from './docker-config.ts';
import { Flights } from './flights.ts';
import { canonicalHost, type Host, type Hosts } from './hosts.ts';
import { parseJsonObject, printable } from './manifest-body.ts';
import { Recent } from './recent.ts';
import { aborted, type HttpAnswer } from './transport.ts';

/** A value for the Authorization header. */
export interface Authorization {
  readonly header: string;
  /** It was made for this very request: if it is refused, a new one would be too. */
  readonly fresh: boolean;
}

/** Signs in to one host. It learns from the first 401 how, and does so at once from then on. */
export interface SignIn {
  /** What to send with a request for a repository; undefined as long as nothing was asked for. */
  authorization(path: string, signal: AbortSignal): Promise<Authorization | undefined>;
  /** What to send after a 401. Throws REGISTRY_UNAUTHORIZED if there is nothing more to try. */
  afterRefusal(
    path: string,
    answer: HttpAnswer,
    used: Authorization | undefined,
    signal: AbortSignal,
  ): Promise<Authorization>;
}

export interface SignInPorts {
  /** Milliseconds, from whenever, by a clock that nobody sets: what holds for so long is counted by it. */
  readonly elapsed: () => number;
  readonly hosts: Hosts;
  readonly findCredentials: FindCredentials;
  /** Repositories that a token is kept for. */
  readonly maxTokens: number;
  /** Sends one request to a token service, tried again like any other, but never redirected. */
  readonly askTokenService: (request: TokenRequest, signal: AbortSignal) => Promise<HttpAnswer>;
}

export interface TokenRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

type Scheme =
  | { readonly kind: 'basic' }
  | { readonly kind: 'bearer'; readonly realm: URL; readonly service: string | undefined };

interface Token {
  readonly header: string;
  readonly expires: number;
}

/** Registries whose token service is known to be elsewhere. */
const knownRealms: Readonly<Record<string, readonly string[]>> = { 'index.docker.io': ['auth.docker.io'] };
/** The lifetime that a token has where its service names none (distribution's token specification). */
const defaultLifetimeSeconds = 60;
/** A token is renewed this early, so that it does not expire on its way. */
const renewedEarlyMs = 5_000;

export function createSignIn(host: Host, ports: SignInPorts): SignIn {
  let scheme: Scheme | undefined;
  const tokens = new Recent<Token>(ports.maxTokens);
  const flights = new Flights();

  const obtain = async (path: string, signal: AbortSignal): Promise<Authorization> => {
    // One token a repository, shared by all requests that want it now; it is good until it expires, whatever becomes of
    // the credentials meanwhile.
    const known = scheme?.kind === 'bearer' ? tokens.get(path) : undefined;
    if (known !== undefined && known.expires > ports.elapsed()) return { header: known.header, fresh: false };
    const credentials = await ports.findCredentials(host, path, signal);
    if (credentials?.kind === 'bearer') return { header: `Bearer ${headerSafe(credentials.token, host)}`, fresh: true };
    if (scheme?.kind !== 'bearer') {
      if (credentials?.kind !== 'password')
        throw unauthorized(host, path, 'asks for a user name and password, and none are configured');
      return { header: basic(credentials), fresh: true };
    }
    const { realm, service } = scheme;
    const token = await flights.share(
      `${path} ${realm.href} ${service ?? ''}`,
      signal,
      () => aborted(signal, host),
      async (shared) => {
        const got = await askForToken(realm, service, host, path, credentials, ports, shared);
        tokens.set(path, got);
        return got;
      },
    );
    return { header: token.header, fresh: true };
  };

  return {
    async authorization(path, signal) {
      return scheme === undefined ? undefined : await obtain(path, signal);
    },
    async afterRefusal(path, answer, used, signal) {
      if (used?.fresh === true) throw unauthorized(host, path, 'refused the credentials (401)');
      scheme = chooseScheme(answer, host, path, ports.hosts);
      // The one that was refused has expired early; another request may have renewed it already.
      if (used !== undefined && tokens.get(path)?.header === used.header) tokens.delete(path);
      return { ...(await obtain(path, signal)), fresh: true };
    },
  };
}

function chooseScheme(answer: HttpAnswer, host: Host, path: string, hosts: Hosts): Scheme {
  const challenges = parseChallenges(answer.headers['www-authenticate']);
  const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
  if (bearer !== undefined) {
    const realm = checkedRealm(bearer.parameters['realm'], host, hosts);
    return { kind: 'bearer', realm, service: bearer.parameters['service'] };
  }
  if (challenges.some((challenge) => challenge.scheme === 'basic')) return { kind: 'basic' };
  throw unauthorized(host, path, 'answered 401 and asks for no kind of sign-in that is known here');
}

/**
 * The registry names the token service, and a hostile or broken one would name its own, or a service inside the
 * network: credentials go to the registry's own host, to a domain above it, and to what the platform listed.
 */
function checkedRealm(text: string | undefined, host: Host, hosts: Hosts): URL {
  const realm = text === undefined || !URL.canParse(text) ? undefined : new URL(text);
  if (realm === undefined || realm.username !== '' || realm.password !== '') {
    throw new GateError('REGISTRY_REALM_REFUSED', `${host.name} names no usable token service`);
  }
  const target = hosts.of(realm);
  const where = printable(realm.host);
  if (realm.protocol !== 'https:' && !(realm.protocol === 'http:' && target.entry?.plainHttp === true)) {
    throw new GateError('REGISTRY_REALM_REFUSED', `${host.name} names a token service without TLS (${where})`);
  }
  const own = new URL(host.origin);
  const above = realm.port === '' && own.hostname.endsWith(`.${realm.hostname}`) && realm.hostname.includes('.');
  const listed = [...(knownRealms[host.name] ?? []), ...(host.entry?.tokenRealms ?? []).map(canonicalHost)];
  if (realm.host === own.host || above || listed.includes(realm.host)) return realm;
  throw new GateError(
    'REGISTRY_REALM_REFUSED',
    `${host.name} wants its sign-in at ${where}, which is not its own host`,
    {
      mend: `If that is its token service, list ${where} in tokenRealms of ${host.name} under spec.registries of the Gate.`,
    },
  );
}

async function askForToken(
  realm: URL,
  service: string | undefined,
  host: Host,
  path: string,
  credentials: Credentials | undefined,
  ports: SignInPorts,
  signal: AbortSignal,
): Promise<Token> {
  // Always this scope, whatever the challenge says: a registry does not choose what its token may do.
  const scope = `repository:${path}:pull`;
  const answer = await ports.askTokenService(tokenRequest(realm, service, scope, credentials), signal);
  if (answer.status === 401 || answer.status === 403 || (answer.status === 400 && credentials !== undefined)) {
    const whose = credentials === undefined ? 'gives no token without credentials' : 'refused the credentials';
    throw unauthorized(host, path, `${whose} (${answer.status} from ${printable(realm.host)})`);
  }
  const body = answer.status === 200 ? parseJsonObject(answer.body) : undefined;
  const token = body?.['token'] || body?.['access_token'];
  if (typeof token !== 'string') {
    throw new GateError(
      'REGISTRY_ANSWER_INVALID',
      `the token service of ${host.name} answered ${answer.status} and no token`,
    );
  }
  const lifetime = body?.['expires_in'];
  const seconds = typeof lifetime === 'number' && lifetime > 0 ? lifetime : defaultLifetimeSeconds;
  // Its issued_at is not looked at: two clocks need not agree.
  const expires = ports.elapsed() + seconds * 1000 - renewedEarlyMs;
  return { header: `Bearer ${headerSafe(token, host)}`, expires };
}

function tokenRequest(
  realm: URL,
  service: string | undefined,
  scope: string,
  credentials: Credentials | undefined,
): TokenRequest {
  if (credentials?.kind === 'identity') {
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'syncgate', scope });
    if (service !== undefined) form.set('service', service);
    form.set('refresh_token', credentials.token);
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url: realm, headers, body: form.toString() };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  return { method: 'GET', url, headers: credentials?.kind === 'password' ? { authorization: basic(credentials) } : {} };
}

function basic(credentials: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`, 'utf8').toString('base64')}`;
}

/** A token goes into a header, so what would end the line is refused. */
function headerSafe(token: string, host: Host): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new GateError('REGISTRY_ANSWER_INVALID', `the token for ${host.name} holds characters that no token has`);
}

export function unauthorized(host: Host, path: string, why: string): GateError {
  return new GateError('REGISTRY_UNAUTHORIZED', `${host.name} ${why}; asked for ${path}`);
}
