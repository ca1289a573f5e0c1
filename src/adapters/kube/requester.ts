import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { whenAborted } from '../../core/abort.ts';
import { KubeError } from '../../core/kube.ts';
import type { CredentialSource, Credentials } from './credentials.ts';
import { errorFromAnswer } from './refusal.ts';

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal: AbortSignal;
}

export interface RequesterLimits {
  /** Milliseconds for one request with its answer, tries after 429 included. */
  readonly requestMs: number;
  /** Bytes of one answer. */
  readonly answerBytes: number;
}

/** Called with the texts of `Warning` headers. */
type OnWarning = (text: string) => void;

/** A stream that has begun: the answer was 200. `deadline` no longer holds for it; `close` ends it. */
export interface KubeStream {
  readonly chunks: AsyncIterable<Buffer>;
  close(): void;
}

/**
 * Speaks to one API server over connections that are kept open. Every failure is a KubeError: `status` 0 and the reasons
 * `Aborted`, `Timeout`, `Unreachable`, `AnswerTooLarge`, `AnswerInvalid` where no answer of the server is the cause.
 */
export class Requester {
  readonly #source: CredentialSource;
  readonly #limits: RequesterLimits;
  readonly #onWarning: OnWarning;
  #agent: { readonly agent: Agent; readonly identity: string } | undefined;
  /** Those of former identities, until their last request has ended. */
  #retired: readonly Agent[] = [];

  constructor(source: CredentialSource, limits: RequesterLimits, onWarning: OnWarning) {
    this.#source = source;
    this.#limits = limits;
    this.#onWarning = onWarning;
  }

  /** The answer's JSON. */
  async ask(request: KubeRequest): Promise<unknown> {
    const { answerBytes, requestMs } = this.#limits;
    const deadline = new Deadline(request.signal, requestMs);
    try {
      const text = await this.#withTries(request, deadline, async (answer) => {
        if (!isSuccess(answer)) throw await errorFromAnswer(answer);
        return (await readBounded(answer, answerBytes)).toString('utf8');
      });
      return parseJson(text);
    } catch (error) {
      throw deadline.translate(error);
    } finally {
      deadline.end();
    }
  }

  /** Sends a request whose answer goes on; the deadline is for its beginning. */
  async stream(request: KubeRequest): Promise<KubeStream> {
    const deadline = new Deadline(request.signal, this.#limits.requestMs);
    try {
      return await this.#withTries(request, deadline, async (answer) => {
        if (!isSuccess(answer)) throw await errorFromAnswer(answer);
        const stop = whenAborted(request.signal, () => answer.destroy());
        answer.on('close', stop);
        // An error after the last read would be thrown at the process.
        answer.on('error', () => {});
        return { chunks: answer as AsyncIterable<Buffer>, close: () => void answer.destroy() };
      });
    } catch (error) {
      throw deadline.translate(error);
    } finally {
      deadline.end();
    }
  }

  /** Closes every connection, those of streams too. */
  close(): void {
    for (const agent of [...this.#retired, ...(this.#agent === undefined ? [] : [this.#agent.agent])]) agent.destroy();
    this.#retired = [];
    this.#agent = undefined;
  }

  /**
   * Tries again what was certainly not done: 429, which the server answers before it does anything, and a read or an apply
   * over a kept connection that the server had closed meanwhile. A token that was refused is read again once.
   */
  async #withTries<T>(
    request: KubeRequest,
    deadline: Deadline,
    use: (answer: IncomingMessage) => Promise<T>,
  ): Promise<T> {
    let signedInAgain = false;
    let reconnected = 0;
    for (let tries = 0; ; tries++) {
      const credentials = await this.#source.current();
      const sent = { reused: false };
      try {
        return await use(await this.#send(request, credentials, deadline, sent));
      } catch (error) {
        if (deadline.hasPassed()) throw error;
        if (error instanceof KubeError && error.status === 401 && !signedInAgain) {
          signedInAgain = true;
          this.#source.refused(credentials);
          continue;
        }
        if (error instanceof Unsent && sent.reused && isRepeatable(request) && reconnected < maxReconnects) {
          reconnected++;
          continue;
        }
        if (!(error instanceof Busy) || tries >= maxBusyTries) throw error;
        await deadline.wait(error.afterMs);
      }
    }
  }

  async #send(
    request: KubeRequest,
    credentials: Credentials,
    deadline: Deadline,
    sent: { reused: boolean },
  ): Promise<IncomingMessage> {
    const { server } = credentials;
    const agent = this.#agentFor(credentials);
    deadline.throwIfPassed();
    return await new Promise<IncomingMessage>((answered, failed) => {
      const outgoing = httpsRequest(
        {
          agent,
          host: server.hostname.replace(/^\[|\]$/g, ''),
          port: server.port === '' ? 443 : server.port,
          method: request.method,
          path: `${server.pathname.replace(/\/$/, '')}${request.path}${queryOf(request.query)}`,
          headers: {
            ...credentials.headers,
            accept: request.accept ?? 'application/json',
            'user-agent': 'syncgate',
            ...(request.body !== undefined && {
              'content-type': request.contentType ?? 'application/json',
              'content-length': Buffer.byteLength(request.body),
            }),
          },
        },
        (answer) => {
          for (const text of warningsOf(answer)) this.#onWarning(text);
          if (answer.statusCode === 429) {
            answer.on('error', () => {}).resume();
            failed(new Busy(retryAfterMs(answer)));
            return;
          }
          deadline.holds(answer);
          answered(answer);
        },
      );
      outgoing.on('error', (error) => {
        sent.reused = outgoing.reusedSocket;
        failed(new Unsent(error));
      });
      deadline.holds(outgoing);
      outgoing.end(request.body);
    });
  }

  #agentFor({ identity, tls }: Credentials): Agent {
    if (this.#agent?.identity !== identity) {
      this.#retired = this.#retired.filter(({ sockets }) => Object.keys(sockets).length > 0);
      if (this.#agent !== undefined) this.#retired = [...this.#retired, retire(this.#agent.agent)];
      const agent = new Agent({
        ...tls,
        ...{ keepAlive: true, keepAliveMsecs: keepAliveMs, maxFreeSockets: 8, timeout: idleMs },
      });
      this.#agent = { agent, identity };
    }
    return this.#agent.agent;
  }
}

const maxBusyTries = 4;
const maxReconnects = 4;
const maxBusyMs = 5_000;
/** A peer that is gone without a word is noticed after this time and ten probes, one each second (libuv). */
const keepAliveMs = 15_000;
/** Kube-apiserver closes a connection on which nothing came for 90 s, perhaps while the next request is on its way. */
const idleMs = 60_000;

class Busy extends KubeError {
  readonly afterMs: number;

  constructor(afterMs: number) {
    super(429, 'TooManyRequests', 'the API server has too many requests');
    this.afterMs = afterMs;
  }
}

class Unsent extends KubeError {
  constructor(cause: Error) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'the connection failed';
    super(0, 'Unreachable', `the API server cannot be reached (${code})`, { cause });
  }
}

/** The time that a request has. What it holds is cut off when it is over, or when the caller's signal aborts. */
class Deadline {
  readonly #signal: AbortSignal;
  readonly #held = new Set<{ destroy(): unknown }>();
  readonly #ms: number;
  readonly #timer: NodeJS.Timeout;
  readonly #stop: () => void;
  #late = false;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal, ms: number) {
    this.#signal = signal;
    this.#ms = ms;
    this.#timer = setTimeout(() => {
      this.#late = true;
      this.#cut();
    }, ms);
    this.#stop = signal.aborted ? () => {} : whenAborted(signal, () => this.#cut());
  }

  holds(held: { destroy(): unknown }): void {
    this.#held.add(held);
  }

  hasPassed(): boolean {
    return this.#late || this.#signal.aborted;
  }

  throwIfPassed(): void {
    if (this.hasPassed()) throw this.translate(undefined);
  }

  async wait(ms: number): Promise<void> {
    await new Promise<void>((done) => {
      const timer = setTimeout(done, ms);
      this.#wake = () => {
        clearTimeout(timer);
        done();
      };
    });
    this.throwIfPassed();
  }

  translate(error: unknown): KubeError {
    if (this.#signal.aborted) {
      return new KubeError(0, 'Aborted', 'the request to the API server was given up', { cause: this.#signal.reason });
    }
    if (this.#late) {
      const message = `the API server did not answer within ${this.#ms / 1000} s`;
      return new KubeError(0, 'Timeout', message, { cause: error });
    }
    if (error instanceof KubeError) return error;
    const code = (error as NodeJS.ErrnoException | undefined)?.code ?? 'it was cut';
    return new KubeError(0, 'Unreachable', `the answer of the API server did not arrive whole (${code})`, {
      cause: error,
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#stop();
    this.#held.clear();
  }

  #cut(): void {
    for (const held of this.#held) held.destroy();
    this.#wake?.();
  }
}

/** What it is doing goes on; no connection of it is used again. */
function retire(agent: Agent): Agent {
  agent.maxFreeSockets = 0;
  for (const free of Object.values(agent.freeSockets)) for (const socket of free ?? []) socket.destroy();
  return agent;
}

function isSuccess({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

/** Doing it twice is doing it once. */
function isRepeatable({ method, contentType }: KubeRequest): boolean {
  return method === 'GET' || (method === 'PATCH' && contentType === applyContentType);
}

/** JSON is YAML. */
export const applyContentType = 'application/apply-patch+yaml';

async function readBounded(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) {
      answer.destroy();
      throw new KubeError(0, 'AnswerTooLarge', `the answer of the API server is longer than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  if (!answer.complete) throw new KubeError(0, 'Unreachable', 'the answer of the API server did not arrive whole');
  return Buffer.concat(chunks, length);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new KubeError(0, 'AnswerInvalid', 'the answer of the API server is not JSON', { cause });
  }
}

function queryOf(query: KubeRequest['query'] = {}): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as [string, string]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

function retryAfterMs({ headers }: IncomingMessage): number {
  const seconds = Number(headers['retry-after']);
  const asked = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 1000;
  return Math.min(asked, maxBusyMs);
}

/** `299 - "text"`, one or more (RFC 7234 §5.5). Only the first 16 are read, and 256 characters of each. */
function warningsOf({ headers }: IncomingMessage): readonly string[] {
  const header = headers['warning'];
  const text = Array.isArray(header) ? header.join(', ') : (header ?? '');
  const found = text.slice(0, 16_384).matchAll(/299 [^\s"]* "((?:[^"\\]|\\.)*)"/g);
  return [...found].slice(0, 16).map(([, quoted = '']) => quoted.replace(/\\(.)/g, '$1').slice(0, 256));
}
