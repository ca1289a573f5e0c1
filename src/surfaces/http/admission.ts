import type { IncomingMessage, RequestListener } from 'node:http';
import express, { type Request, type Response } from 'express';
import { asGateError } from '../../core/errors.ts';
import type { Log } from '../../core/telemetry.ts';

/** What the endpoint is given. It knows nothing of admission but the path, the size and the time. */
export interface AdmissionAppPorts {
  /** Rejects with a GateError for what is no review; else the body of the answer. */
  readonly review: (
    body: Buffer,
    limits: { readonly receivedAt: number; readonly withinMs: number; readonly signal: AbortSignal },
  ) => Promise<string>;
  /** Aborted when the process will wait for nothing any more. */
  readonly signal: AbortSignal;
  /** Whether clients are to go to another replica: each answer then closes its connection. */
  readonly isLeaving: () => boolean;
  readonly log: Log;
  readonly now: () => number;
  readonly limits?: Partial<AdmissionLimits>;
}

export interface AdmissionLimits {
  /** Bytes of one review. An API server takes objects of at most 3 MiB, and a review holds two: before and after. */
  readonly maxBytes: number;
  /** Reviews that are read or judged at one time, and the bytes of all of them. */
  readonly maxInFlight: number;
  readonly maxBytesInFlight: number;
  /** How long it may take to send a review. */
  readonly bodyMs: number;
}

const defaults: AdmissionLimits = {
  maxBytes: 8 * 1024 * 1024,
  maxInFlight: 2048,
  maxBytesInFlight: 64 * 1024 * 1024,
  bodyMs: 5_000,
};

/** What an API server waits where a webhook does not say (admissionregistration.k8s.io/v1, timeoutSeconds). */
const usualTimeoutSeconds = 10;

/**
 * The webhook's endpoint: POST /validate, and nothing else. Whatever is not answered with a review is no permission: the
 * API server takes it for a failure, and refuses where failurePolicy is Fail.
 */
export function createAdmissionApp({
  review,
  signal,
  isLeaving,
  log,
  now,
  limits = {},
}: AdmissionAppPorts): RequestListener {
  const { maxBytes, maxInFlight, maxBytesInFlight, bodyMs } = { ...defaults, ...limits };
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  app.set('query parser', 'simple');
  let inFlight = 0;
  let bytesInFlight = 0;

  app.post('/validate', async (request: Request, response: Response) => {
    const receivedAt = now();
    if (isLeaving()) response.setHeader('connection', 'close');
    if (!/^application\/json(?:\s*;|$)/i.test(request.headers['content-type'] ?? '')) {
      return refuse(response, 415, 'a review is application/json');
    }
    const length = contentLength(request);
    if (length === undefined) return refuse(response, 411, 'the length of a review is not said');
    if (length > maxBytes) {
      return refuse(response, 413, `a review is at most ${maxBytes} bytes, and this one has ${length}`);
    }
    if (inFlight >= maxInFlight || bytesInFlight + length > maxBytesInFlight) {
      // An API server does try again, for as long as it waits (client-go, any 5xx with this header).
      response.setHeader('retry-after', '1');
      return refuse(response, 503, 'more is being judged than fits; try again');
    }
    inFlight += 1;
    bytesInFlight += length;
    try {
      const body = await readBody(request, length, bodyMs);
      if (body === undefined) {
        response.setHeader('connection', 'close');
        return refuse(response, 400, 'the review did not come whole');
      }
      const withinMs = ownDeadline(request.query['timeout']);
      const answer = await review(body, { receivedAt, withinMs, signal });
      response.setHeader('content-type', 'application/json');
      response.setHeader('content-length', Buffer.byteLength(answer));
      response.end(answer);
    } catch (thrown) {
      const error = asGateError(thrown, 'CHECK_CRASHED');
      log.warn('a review was not answered', { code: error.code, message: error.message.slice(0, 300) });
      const status = error.code === 'ADMISSION_REVIEW_INVALID' ? 400 : error.code === 'ADMISSION_BUSY' ? 503 : 500;
      if (status === 503) response.setHeader('retry-after', '1');
      refuse(response, status, `${error.code}: the webhook gives no answer to this`);
    } finally {
      inFlight -= 1;
      bytesInFlight -= length;
    }
  });
  app.use((request: Request, response: Response) => {
    const isPath = request.path === '/validate';
    if (isPath) response.setHeader('allow', 'POST');
    refuse(response, isPath ? 405 : 404, isPath ? 'reviews are POSTed' : 'there is nothing here');
  });
  return app as unknown as RequestListener;
}

/**
 * How long the answer may take: less than what the API server waits (`?timeout=10s`), which it rounds up to whole
 * seconds, so that it hears a reason and not a failure. In milliseconds.
 */
export function ownDeadline(timeout: unknown): number {
  const [, text] = /^(\d{1,2})s$/.exec(typeof timeout === 'string' ? timeout : '') ?? [];
  const seconds = text === undefined ? usualTimeoutSeconds : Math.min(Math.max(Number(text), 1), 30);
  return seconds > 3 ? seconds * 1000 - 1500 : seconds * 500;
}

function contentLength({ headers }: IncomingMessage): number | undefined {
  const text = headers['content-length'] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The body, if it comes whole and in time. */
function readBody(request: IncomingMessage, length: number, withinMs: number): Promise<Buffer | undefined> {
  return new Promise((settle) => {
    const chunks: Buffer[] = [];
    let received = 0;
    const done = (body: Buffer | undefined): void => {
      clearTimeout(timer);
      settle(body);
    };
    const timer = setTimeout(done, withinMs, undefined);
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      received += chunk.length;
    });
    request.on('end', () => {
      const [only] = chunks;
      if (received !== length || only === undefined) done(undefined);
      else done(chunks.length === 1 ? only : Buffer.concat(chunks, received));
    });
    request.on('error', () => done(undefined));
    request.on('close', () => done(undefined));
  });
}

/** In plain text, which the API server carries into its own message. The rest of a body is read and thrown away. */
function refuse(response: Response, status: number, why: string): void {
  if (response.headersSent) return;
  response.status(status).type('text/plain').end(`${why}\n`);
}
