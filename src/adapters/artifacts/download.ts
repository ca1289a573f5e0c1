import { createHash, type Hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { GateError } from '../../core/errors.ts';

export interface ArtifactRequest {
  readonly url: string;
  /** `sha256:…`, `sha384:…` or `sha512:…`, in hex. */
  readonly digest: string;
  /** Absolute path of the file to write; it must not exist. It is gone again unless the answer is `stored`. */
  readonly file: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** `absent` is 404: the source has moved on or its server has lost the file. It passes; read the status again. */
export type ArtifactAnswer = { readonly kind: 'stored'; readonly bytes: number } | { readonly kind: 'absent' };

const DIGEST = /^(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
/** How long a server may say nothing. */
const SILENCE_MS = 30_000;

/**
 * Downloads the artifact of a source as the controllers of Flux do: a plain GET, without credentials and without a
 * proxy. Only 200 is an answer; redirects are refused, because whoever could redirect could choose. The content is
 * hashed while it is written, and what has another digest never stays.
 *
 * Throws ARTIFACT_FETCH_FAILED (try again), ARTIFACT_TIMEOUT, ARTIFACT_TOO_LARGE, ARTIFACT_DIGEST_MISMATCH,
 * ARTIFACT_DIGEST_UNSUPPORTED, WORKSPACE_FULL or WORKSPACE_FAILED.
 */
export async function downloadArtifact(request: ArtifactRequest): Promise<ArtifactAnswer> {
  const { digest, file, signal } = request;
  const hash = hashOf(digest);
  const url = urlOf(request.url);
  let isMade = false;
  try {
    signal.throwIfAborted();
    const response = await get(url, signal);
    if (response === undefined) return { kind: 'absent' };
    if (Number(response.headers['content-length'] ?? 0) > request.maxBytes) {
      response.destroy();
      throw tooLarge(url, request.maxBytes);
    }
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const handle = await open(file, flags, 0o600).catch((error: unknown) => {
      response.destroy();
      throw error;
    });
    isMade = true;
    let bytes = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > request.maxBytes) throw tooLarge(url, request.maxBytes);
        hash.update(chunk);
        for (let at = 0; at < chunk.length; ) at += (await handle.write(chunk, at)).bytesWritten;
      }
    } finally {
      response.destroy();
      await handle.close();
    }
    if (!response.complete) throw new Error('the connection was cut');
    const found = `${digest.slice(0, digest.indexOf(':'))}:${hash.digest('hex')}`;
    if (found !== digest) {
      const what = `what ${shown(url)} serves has the digest ${found}, and not ${digest}`;
      throw new GateError('ARTIFACT_DIGEST_MISMATCH', what, { place: shown(url) });
    }
    return { kind: 'stored', bytes };
  } catch (error) {
    if (isMade) await rm(file, { force: true }).catch(() => undefined);
    throw asDownloadError(error, url, signal);
  }
}

function hashOf(digest: string): Hash {
  if (DIGEST.test(digest)) return createHash(digest.slice(0, digest.indexOf(':')));
  const what =
    digest === ''
      ? 'the artifact has no digest'
      : `${JSON.stringify(digest.slice(0, 140))} is not a digest that is computed here`;
  throw new GateError('ARTIFACT_DIGEST_UNSUPPORTED', what);
}

function urlOf(text: string): URL {
  const url = URL.parse(text);
  const isPlain = url !== null && (url.protocol === 'http:' || url.protocol === 'https:');
  if (isPlain && url.username === '' && url.password === '') return url;
  throw new GateError('ARTIFACT_FETCH_FAILED', 'the URL of the artifact is not a plain http or https URL', {
    mend: 'Look at who writes the status of the source.',
  });
}

/** The response whose body is the file; undefined for 404. */
function get(url: URL, signal: AbortSignal): Promise<IncomingMessage | undefined> {
  const client = url.protocol === 'https:' ? https : http;
  const headers = { 'user-agent': 'syncgate', accept: '*/*', 'accept-encoding': 'identity' };
  return new Promise((done, fail) => {
    // No agent: a connection of its own, which no proxy variable redirects and which ends with the answer.
    const asked = client.get(url, { agent: false, headers, signal, timeout: SILENCE_MS }, (response) => {
      const status = response.statusCode ?? 0;
      if (status === 200) return done(response);
      response.destroy();
      if (status === 404) return done(undefined);
      const isRedirect = status >= 300 && status < 400;
      fail(
        new Error(
          isRedirect ? `its server redirects (${status}), and that is refused` : `its server answered ${status}`,
        ),
      );
    });
    asked.on('timeout', () => asked.destroy(new Error(`its server was silent for ${SILENCE_MS / 1000} seconds`)));
    asked.on('error', fail);
  });
}

/** Without what may be a secret in it. */
function shown(url: URL): string {
  return JSON.stringify(`${url.origin}${url.pathname}`.slice(0, 300));
}

function tooLarge(url: URL, maxBytes: number): GateError {
  return new GateError('ARTIFACT_TOO_LARGE', `${shown(url)} is larger than ${maxBytes} bytes`, { place: shown(url) });
}

function asDownloadError(error: unknown, url: URL, signal: AbortSignal): GateError {
  if (error instanceof GateError) return error;
  const place = shown(url);
  if (signal.aborted) {
    return new GateError('ARTIFACT_TIMEOUT', `${place} was not downloaded in time`, { place, cause: error });
  }
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (syscall === 'open' || syscall === 'write') {
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
      return new GateError('WORKSPACE_FULL', 'the disk that downloads are written to is full', { cause: error });
    }
    if (code !== 'EPIPE') {
      return new GateError('WORKSPACE_FAILED', `a download could not be written (${code})`, { cause: error });
    }
  }
  const why = code === undefined ? message : `the request failed (${code})`;
  return new GateError('ARTIFACT_FETCH_FAILED', `${place} could not be downloaded: ${why}`, { place, cause: error });
}
