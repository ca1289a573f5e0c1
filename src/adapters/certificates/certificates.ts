import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { GateError } from '../../core/errors.ts';
import { KubeError } from '../../core/kube.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log, Metrics } from '../../core/telemetry.ts';
import { covers, type KeyPair, readPair } from './issue.ts';
import { readMounted } from './mounted-file.ts';
import { createRotation, type RotationOptions } from './rotation.ts';

/** Where the certificate of a server comes from, now and whenever it is renewed. */
export interface Certificates {
  readonly current: KeyPair;
  /** Called with each certificate that takes its place. Answers with its removal. */
  onCertificate(listener: (certificate: KeyPair) => void): () => void;
  /** Looks for no further ones. */
  close(): void;
}

export interface Pace {
  /** Waits, but no longer than until the signal. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** How often is looked. */
  readonly everyMs: number;
}

/** How soon is seen that the configuration of the webhook has come, or was applied anew without its authority. */
const LOOK_MS = 2_000;
/** How often is tried at the start before it is given up. */
const MAX_TRIES = 30;
const TRY_MS = 2_000;
const STEP_MS = 30_000;

/**
 * Certificates of an authority of one's own (see `createRotation`). Settles when there is one to serve; rejects with
 * CERTIFICATE_UNAVAILABLE where the Secret cannot be read or written for a minute, or may not be, and with the reason of
 * `signal` where that aborts meanwhile.
 */
export async function openOwnCertificates(
  options: RotationOptions & Pace & { readonly signal?: AbortSignal },
): Promise<Certificates> {
  const { log, pause, everyMs, signal = new AbortController().signal } = options;
  const rotation = createRotation(options);
  const over = new AbortController();
  const step = (...others: readonly AbortSignal[]) =>
    rotation.step(AbortSignal.any([over.signal, AbortSignal.timeout(STEP_MS), ...others]));
  for (let tries = 1; rotation.current() === undefined; tries++) {
    signal.throwIfAborted();
    try {
      await step(signal);
    } catch (error) {
      signal.throwIfAborted();
      if (tries === MAX_TRIES || isFinal(error)) throw unavailable(error);
      log.warn('the Secret of the webhook cannot be used yet', { error: textOf(error) });
      await pause(TRY_MS, signal);
    }
  }
  const isDue = () => rotation.isDue(AbortSignal.any([over.signal, AbortSignal.timeout(STEP_MS)]));
  const loop = async () => {
    for (;;) {
      for (let waited = 0; waited < everyMs; ) {
        const wait = Math.min(LOOK_MS, everyMs - waited);
        await pause(wait, over.signal);
        if (over.signal.aborted) return;
        waited += wait;
        // What cannot be read now the next step complains of.
        if (waited < everyMs && (await isDue().catch(() => false))) break;
      }
      try {
        await step();
      } catch (error) {
        // What is served is good for months; what stands in the way is said each time.
        if (!over.signal.aborted)
          log.error('the certificates of the webhook cannot be renewed', { error: textOf(error) });
      }
    }
  };
  void loop();
  return {
    get current() {
      return rotation.current() as KeyPair;
    },
    onCertificate: rotation.onCertificate,
    close: () => over.abort(),
  };
}

/** A refusal of the API server that waiting does not mend. */
function isFinal(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 401 || error.status === 403);
}

function unavailable(error: unknown): GateError {
  if (error instanceof GateError) return error;
  const what = `the Secret of the webhook cannot be read or written (${textOf(error)})`;
  return new GateError('CERTIFICATE_UNAVAILABLE', what, { cause: error });
}

function textOf(error: unknown): string {
  if (error instanceof KubeError) return `${error.status} ${error.reason}`;
  return error instanceof Error ? error.message.slice(0, 300) : 'unknown error';
}

export interface MountedOptions extends Pace {
  /** A folder with `tls.crt` and `tls.key`, such as a mounted Secret of cert-manager. Absolute. */
  readonly folder: string;
  /** The folder as whoever reads messages gave it. */
  readonly shown: string;
  /** What an API server looks for in the certificate: the names of the Service. */
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

const WARN_MS = 7 * 24 * 3600_000;

/**
 * Certificates that somebody else renews. The folder is looked at again and again: the kubelet exchanges what is mounted
 * by a link, of which the files themselves say nothing. A certificate and a key that do not belong together are half a
 * change, and wait. Rejects with CERTIFICATE_INVALID where the first ones cannot be used.
 */
export async function openMountedCertificates(options: MountedOptions): Promise<Certificates> {
  const { folder, shown, names, log, metrics, clock, pause, everyMs } = options;
  const over = new AbortController();
  const listeners = new Set<(certificate: KeyPair) => void>();
  let current = await readFolder(folder, shown);
  let complaint = '';
  tell();

  function tell(): void {
    const certificate = new X509Certificate(current.cert);
    const missing = names.filter((name) => !covers(certificate, [name]));
    metrics.set('syncgate_admission_certificate_misnamed', {}, missing.length === 0 ? 0 : 1);
    if (missing.length > 0) {
      const mend = `Have it issued for ${names.join(' and ')}; the API server trusts no other.`;
      log.warn('the certificate of the webhook is for another name', { folder: shown, missing, mend });
    }
    const ends = certificate.validToDate.getTime();
    metrics.set('syncgate_admission_certificate_expiry_timestamp_seconds', {}, Math.floor(ends / 1000));
    const left = ends - clock.now();
    if (left < WARN_MS) log.warn('the certificate of the webhook ends soon', { secondsLeft: Math.floor(left / 1000) });
  }

  async function look(): Promise<void> {
    try {
      const found = await readFolder(folder, shown);
      complaint = '';
      if (found.cert === current.cert && found.key === current.key) return;
      current = found;
      for (const listener of listeners) listener(current);
      tell();
    } catch (error) {
      const text = textOf(error);
      if (text !== complaint)
        log.error('the mounted certificate cannot be used; the one before is served on', { error: text });
      complaint = text;
    }
  }

  const loop = async () => {
    for (let looks = 1; ; looks++) {
      await pause(everyMs, over.signal);
      if (over.signal.aborted) return;
      await look();
      // Once an hour or so, however often is looked.
      if (looks % Math.max(1, Math.ceil(3600_000 / everyMs)) === 0) tell();
    }
  };
  void loop();
  return {
    get current() {
      return current;
    },
    onCertificate: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => over.abort(),
  };
}

async function readFolder(folder: string, shown: string): Promise<KeyPair> {
  const read = (name: string) =>
    readMounted({
      path: join(folder, name),
      shown: `${name} in ${shown}`,
      of: 'a certificate',
      code: 'CERTIFICATE_INVALID',
    });
  const [cert, key] = await Promise.all([read('tls.crt'), read('tls.key')]);
  const found = readPair(cert, key);
  if (found !== undefined) return found.pair;
  throw new GateError(
    'CERTIFICATE_INVALID',
    `tls.crt and tls.key in ${shown} are not a certificate and its key in PEM`,
  );
}
