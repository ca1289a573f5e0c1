import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { whenAborted } from '../../core/abort.ts';
import { GateError } from '../../core/errors.ts';
import { addressKind } from './addresses.ts';
import { Agents } from './agents.ts';
import type { Host } from './hosts.ts';
import type { Lookup } from './lookup.ts';
import type { ProxyFor } from './proxy.ts';
import { Recent } from './recent.ts';

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  readonly host: Host;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Bytes of a 2xx body after which the answer is refused. */
  readonly maxBytes: number;
  /** Milliseconds for the whole exchange, its body included. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Whole, for 2xx. For others at most 64 KiB, and empty if there is more. */
  readonly body: Buffer;
}

/** One HTTP exchange: no redirect is followed, nothing is tried again. */
export interface Transport {
  send(request: HttpRequest): Promise<HttpAnswer>;
  /** Closes the idle connections. */
  close(): void;
}

/** What came of an exchange: an answer by its status, or none. */
export type ExchangeResult = 'answered' | 'missing' | 'unauthorized' | 'limited' | 'failed' | 'unreachable';

const maxErrorBodyBytes = 64 * 1024;

/**
 * The transport over node's own client. `node:http` is fetched as a builtin and not imported: as a module it would also
 * load the WebSocket and fetch that it re-exports, 17 ms of a cold start. `node:https` is loaded where first used.
 * Connections are kept open, to at most `capacity` origins.
 */
export function createTransport(
  lookup: Lookup,
  proxyFor: ProxyFor,
  capacity: number,
  ended: (host: Host, result: ExchangeResult) => void = () => {},
): Transport {
  const agents = new Agents(capacity);
  const judged = new Recent<{ readonly answer: Promise<void>; readonly until: number }>(capacity);

  /**
   * Behind a proxy the connection is the proxy's, and so is its address. What this machine knows of the name is judged all
   * the same; a name that only the proxy can resolve is the proxy's to refuse.
   */
  const judgeName = async (host: Host, hostname: string): Promise<void> => {
    // Two ports of one name may be two hosts, of which the platform has listed one.
    const key = `${hostname} ${host.listed}`;
    const known = judged.get(key);
    if (known !== undefined && performance.now() < known.until) return await known.answer;
    const late = AbortSignal.timeout(nameTimeoutMs);
    const answer = Promise.race([
      lookup(hostname, { known: host.known, signal: late }).catch(() => []),
      new Promise<readonly []>((done) => whenAborted(late, () => done([]))),
    ]).then((addresses) => {
      for (const { address } of addresses) refuseAddress(host, address, false);
    });
    judged.set(key, { answer, until: performance.now() + judgedMs });
    return await answer;
  };

  const counted = async (host: Host, answer: Promise<HttpAnswer>): Promise<HttpAnswer> => {
    try {
      const { status } = await answer;
      ended(host, resultOf(status));
    } catch (error) {
      // Of what nobody waits for any more, nothing is known.
      if (!(error instanceof GateError && error.code === 'REGISTRY_ABORTED')) ended(host, 'unreachable');
    }
    return await answer;
  };

  return {
    async send(request) {
      const { url, host } = request;
      const secure = url.protocol === 'https:';
      const hostname = url.hostname.replace(/^\[|\]$/g, '');
      const proxy = proxyFor(url);
      // A literal address is connected to without a lookup, so it is judged here.
      if (isIP(hostname) !== 0) refuseAddress(host, hostname, true);
      else if (proxy !== undefined) await judgeName(host, hostname);
      const over = new AbortController();
      return await agents.with(url, host, proxy, async (agent) => {
        const options: RequestOptions = {
          method: request.method,
          headers: { ...request.headers, 'accept-encoding': 'identity', 'user-agent': 'syncgate' },
          agent,
          // The proxy is the platform's choice, wherever it is.
          ...(proxy === undefined ? { lookup: checkedLookup(host, lookup, over.signal) } : {}),
        };
        try {
          return await counted(host, exchange(request, (secure ? https() : http()).request(url, options)));
        } finally {
          over.abort();
        }
      });
    },
    close: () => agents.close(),
  };
}

function resultOf(status: number): ExchangeResult {
  if (status < 400) return 'answered';
  if (status === 404) return 'missing';
  if (status === 401 || status === 403) return 'unauthorized';
  return status === 429 ? 'limited' : 'failed';
}

/** How long a resolver may take that is not needed to connect, and how long what it said is believed. */
const nameTimeoutMs = 1_000;
const judgedMs = 60_000;

function http(): typeof import('node:http') {
  return process.getBuiltinModule('node:http');
}

function https(): typeof import('node:https') {
  return process.getBuiltinModule('node:https');
}

/**
 * The lookup that a connection uses. What is judged here is what is connected to, so a name that answers differently
 * the second time (DNS rebinding) gains nothing. One address that may not be reached refuses the name. The signal aborts
 * when nobody waits for the connection any more.
 */
function checkedLookup(host: Host, lookup: Lookup, signal: AbortSignal): LookupFunction {
  return (hostname, options, done) => {
    lookup(hostname, { known: host.known, signal }).then(
      (addresses) => {
        const [first] = addresses;
        try {
          if (first === undefined) throw new GateError('REGISTRY_UNREACHABLE', `${host.name} has no address`);
          for (const { address } of addresses) refuseAddress(host, address, false);
        } catch (error) {
          done(error as NodeJS.ErrnoException, '', 4);
          return;
        }
        if (options.all === true) done(null, [...addresses]);
        else done(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => done(error, '', 4),
    );
  };
}

function refuseAddress(host: Host, address: string, literal: boolean): void {
  const kind = addressKind(address);
  if (kind === 'public' || (host.listed && (kind === 'private' || literal))) return;
  const what = kind === 'private' ? 'a private or loopback address' : 'an address that no registry has';
  throw new GateError(
    'REGISTRY_ADDRESS_REFUSED',
    literal ? `${host.name} is ${what}` : `${host.name} resolves to ${what}`,
    kind === 'private'
      ? { mend: `If it is a registry of yours, list ${host.name} under spec.registries of the Gate.` }
      : {},
  );
}

function exchange(request: HttpRequest, sent: ClientRequest): Promise<HttpAnswer> {
  const { signal, host } = request;
  return new Promise<HttpAnswer>((answered, failed) => {
    const stop = (error: Error) => {
      settle();
      failed(error);
      sent.destroy();
    };
    const onAbort = () => stop(aborted(signal, host));
    const timer = setTimeout(() => stop(tooSlow(request)), request.timeoutMs);
    const stay = whenAborted(signal, onAbort);
    const settle = () => {
      clearTimeout(timer);
      stay();
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    sent.on('error', (error) => stop(connectionError(error, host)));
    sent.once('response', (response) => {
      receive(request, response, stop, (answer) => {
        settle();
        answered(answer);
      });
    });
    sent.end(request.body);
  });
}

function receive(
  request: HttpRequest,
  response: IncomingMessage,
  stop: (error: Error) => void,
  done: (answer: HttpAnswer) => void,
): void {
  const { host, maxBytes } = request;
  const status = response.statusCode ?? 0;
  const good = status >= 200 && status < 300;
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (good && encoding.toLowerCase() !== 'identity') {
    // A few bytes of gzip are gigabytes; nothing that was not asked for is unpacked.
    stop(new GateError('REGISTRY_ANSWER_INVALID', `${host.name} sent a compressed body that was not asked for`));
    return;
  }
  const declared = Number(response.headers['content-length'] ?? 0);
  if (good && request.method !== 'HEAD' && declared > maxBytes) {
    stop(tooLarge(host, maxBytes));
    return;
  }
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (good && size > maxBytes) stop(tooLarge(host, maxBytes));
    else if (good || size <= maxErrorBodyBytes) chunks.push(chunk);
    else {
      // The status is what counts; an endless page behind it is not read.
      done({ status, headers: response.headers, body: Buffer.alloc(0) });
      response.destroy();
    }
  });
  response.on('error', (error) => stop(connectionError(error, host)));
  response.once('end', () => {
    if (response.complete) done({ status, headers: response.headers, body: Buffer.concat(chunks) });
    else stop(new GateError('REGISTRY_UNREACHABLE', `${host.name} closed the connection in the middle of an answer`));
  });
}

function tooLarge(host: Host, maxBytes: number): GateError {
  return new GateError('REGISTRY_TOO_LARGE', `${host.name} sent more than the ${maxBytes} bytes that are read of this`);
}

function tooSlow({ host, timeoutMs }: HttpRequest): GateError {
  return new GateError('REGISTRY_TIMEOUT', `${host.name} did not answer within ${timeoutMs / 1000} s`);
}

/** The error for a run that is over, whatever the registry would have said. */
export function aborted(signal: AbortSignal, host: Host): GateError {
  return new GateError('REGISTRY_ABORTED', `the run ended before ${host.name} answered`, { cause: signal.reason });
}

/** Codes of Node and OpenSSL for a peer that did not prove who it is, or did not speak TLS. */
const tlsCode =
  /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO|INVALID_CA|INVALID_PURPOSE)/;

function connectionError(error: unknown, host: Host): GateError {
  if (error instanceof GateError) return error;
  // Several addresses, all refused: the first tells as much as all of them.
  const first = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const code = (first as NodeJS.ErrnoException).code ?? 'connection failed';
  if (code === 'ENOTFOUND')
    return new GateError('REGISTRY_UNREACHABLE', `the name ${host.name} does not resolve`, { cause: first });
  if (code === 'ERR_PROXY_TUNNEL') {
    const mend = `Let the proxy of HTTPS_PROXY connect to ${host.name}, or list the host in NO_PROXY.`;
    return new GateError('REGISTRY_UNREACHABLE', `the proxy does not lead to ${host.name}`, { mend, cause: first });
  }
  if (code.startsWith('HPE_')) {
    return new GateError('REGISTRY_ANSWER_INVALID', `${host.name} did not answer in HTTP (${code})`, { cause: first });
  }
  // Node hands over OpenSSL's error with no code of its own.
  if (code === 'EPROTO' && /wrong version number|packet length too long/.test((first as Error).message)) {
    const mend = `If ${host.name} serves plain HTTP and you accept that, list it under spec.registries of the Gate with plainHttp: true.`;
    return new GateError('REGISTRY_TLS', `${host.name} does not speak TLS`, { mend, cause: first });
  }
  if (tlsCode.test(code)) {
    const what = /^(ERR_SSL_|EPROTO)/.test(code)
      ? 'refused the TLS handshake'
      : 'has a certificate that is not trusted';
    return new GateError('REGISTRY_TLS', `${host.name} ${what} (${code})`, { cause: first });
  }
  return new GateError('REGISTRY_UNREACHABLE', `${host.name} cannot be reached (${code})`, { cause: first });
}
