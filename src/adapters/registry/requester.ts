import { GateError } from '../../core/errors.ts';
import { type Courier, rateLimited } from './courier.ts';
import type { FindCredentials } from './credentials.ts';
import { canonicalHost, type Host, type Hosts } from './hosts.ts';
import type { RegistryLimits } from './limits.ts';
import { printable } from './manifest-body.ts';
import { type Authorization, createSignIn, unauthorized } from './sign-in.ts';
import type { HttpAnswer } from './transport.ts';

/** A request for a resource below `/v2/<path>/`. */
interface ResourceRequest {
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  readonly resource: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBytes: number;
}

/** An answer that says something about the resource, and where it came from in the end. */
export interface Requested extends HttpAnswer {
  readonly url: URL;
}

/**
 * Asks one registry, signed in and redirected as need be. Throws REGISTRY_UNAUTHORIZED for 401 and 403,
 * REGISTRY_RATE_LIMITED, REGISTRY_FAILED for 5xx, REGISTRY_REDIRECT_REFUSED, and what the courier throws.
 */
export type Requester = (request: ResourceRequest, signal: AbortSignal) => Promise<Requested>;

export interface RequesterPorts {
  /** Milliseconds, from whenever, by a clock that nobody sets: what holds for so long is counted by it. */
  readonly elapsed: () => number;
  readonly courier: Courier;
  readonly hosts: Hosts;
  readonly findCredentials: FindCredentials;
  readonly limits: RegistryLimits;
}

const redirected: readonly number[] = [301, 302, 303, 307, 308];

export function createRequester(host: Host, ports: RequesterPorts): Requester {
  const signIn = createSignIn(host, {
    ...ports,
    maxTokens: ports.limits.remembered,
    askTokenService: async (request, signal) => {
      const target = ports.hosts.of(request.url);
      // That the registry may name this one was checked; the platform's list of them counts for the address too.
      const named = (host.entry?.tokenRealms ?? []).map(canonicalHost).includes(request.url.host);
      const service = { ...target, listed: target.listed || named, known: target.known || named || host.known };
      const answer = await ports.courier.send({ ...request, host: service, maxBytes: ports.limits.tokenBytes, signal });
      if (answer.status === 429) throw rateLimited(service);
      if (answer.status >= 500) throw failed(service, answer.status);
      return answer;
    },
  });

  return async (request, signal) => {
    const first = await signIn.authorization(request.path, signal);
    let answer = await follow(host, request, first, ports, signal);
    if (answer.status === 401 && answer.url.origin === host.origin) {
      const second = await signIn.afterRefusal(request.path, answer, first, signal);
      answer = await follow(host, request, second, ports, signal);
    }
    const { status } = answer;
    if (status === 401) throw unauthorized(host, request.path, 'refused the sign-in (401)');
    if (status === 403) throw unauthorized(host, request.path, 'forbids it (403)');
    if (status === 429) throw rateLimited(host);
    if (status >= 500 && status !== 501) throw failed(host, status);
    return answer;
  };
}

async function follow(
  host: Host,
  request: ResourceRequest,
  authorization: Authorization | undefined,
  ports: RequesterPorts,
  signal: AbortSignal,
): Promise<Requested> {
  const { method, maxBytes } = request;
  let url = new URL(`${host.origin}/v2/${request.path}/${request.resource}`);
  let target = host;
  let headers =
    authorization === undefined ? request.headers : { ...request.headers, authorization: authorization.header };
  for (let hop = 0; ; hop++) {
    const sending = ports.courier.send({ method, url, host: target, headers, maxBytes, signal });
    const answer = hop === 0 ? await sending : await sending.catch((error: unknown) => throwRedirected(host, error));
    if (!redirected.includes(answer.status)) return { ...answer, url };
    if (hop === ports.limits.redirects) throw refused(host, `redirects more than ${ports.limits.redirects} times`);
    const { location } = answer.headers;
    const next = location !== undefined && URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next === undefined || next.username !== '' || next.password !== '')
      throw refused(host, 'redirects to no usable address');
    target = ports.hosts.of(next);
    if (host.known) target = { ...target, known: true };
    if (next.protocol !== 'https:' && !(next.protocol === 'http:' && target.entry?.plainHttp === true)) {
      throw refused(host, `redirects to an address without TLS (${printable(next.host)})`);
    }
    // The spec forbids to take them along; and they do not come back if the next hop leads home.
    if (next.origin !== host.origin) headers = request.headers;
    url = next;
  }
}

/** Says who led there: the reader has never heard of the host that the error names. */
function throwRedirected(host: Host, error: unknown): never {
  if (!(error instanceof GateError) || error.code === 'REGISTRY_ABORTED') throw error;
  throw new GateError(error.code, `${host.name} redirects, and ${error.message}`, { mend: error.mend, cause: error });
}

function refused(host: Host, what: string): GateError {
  return new GateError('REGISTRY_REDIRECT_REFUSED', `${host.name} ${what}`);
}

function failed(host: Host, status: number): GateError {
  return new GateError('REGISTRY_FAILED', `${host.name} failed (${status})`);
}
