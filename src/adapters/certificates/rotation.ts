import { X509Certificate } from 'node:crypto';
import { type AlarmClock, monotonicClock } from '../../core/deadline.ts';
import { GateError } from '../../core/errors.ts';
import type { JsonObject } from '../../core/json.ts';
import { type Kube, KubeError, type KubeObject, valueAt } from '../../core/kube.ts';
import type { Clock } from '../../core/ports.ts';
import type { Log, Metrics } from '../../core/telemetry.ts';
import {
  type Authority,
  asSecret,
  authoritiesOf,
  bundleOf,
  isFrom,
  normal,
  readAuthority,
  SECRET,
  WEBHOOK_CONFIGURATION,
} from './authority.ts';
import { covers, issueAuthority, issueServer, type KeyPair } from './issue.ts';

/** Milliseconds. */
export interface CertificateTimes {
  /** How long an authority and a server's certificate last; each is renewed when a third of that is left. */
  readonly authority: number;
  readonly server: number;
  /** How long a new authority is published before anything is served that it signed. */
  readonly settle: number;
  /** How long an old authority is trusted still after the change. */
  readonly keep: number;
  /** Certificates begin so long before they are made: the clocks of others may be behind. */
  readonly backdate: number;
}

const DAY = 24 * 3600_000;
const CERTIFICATE_TIMES: CertificateTimes = {
  authority: 365 * DAY,
  server: 90 * DAY,
  settle: 5 * 60_000,
  keep: DAY,
  backdate: 3600_000,
};

export interface RotationOptions {
  readonly kube: Kube;
  readonly clock: Clock;
  /** What is waited for is measured by it; the process's own time if nothing is said. */
  readonly ticks?: AlarmClock['now'];
  readonly log: Log;
  readonly metrics: Metrics;
  /** The Secret. */
  readonly namespace: string;
  readonly secret: string;
  /** The ValidatingWebhookConfiguration whose callers are to trust the authority. */
  readonly configuration: string;
  /** What the certificate is for: `<service>.<namespace>.svc`, other names and addresses. */
  readonly names: readonly string[];
  readonly times?: CertificateTimes;
}

export interface Rotation {
  /** What to serve; undefined before the first step has succeeded. */
  current(): KeyPair | undefined;
  onCertificate(listener: (certificate: KeyPair) => void): () => void;
  /**
   * Looks at the Secret and at the configuration, and does what is due. All that is stored is stored with the version
   * that was read as a lock, so of several replicas one does it and the others find it done. Throws KubeError, or
   * CERTIFICATE_UNAVAILABLE; what is served is good for as long as it was.
   */
  step(signal: AbortSignal): Promise<void>;
  /**
   * Whether the configuration waits for a step: it has come, or gone, or trusts somebody else. One request, so that it can
   * be asked often: until it trusts the webhook, every write that it concerns fails. Throws KubeError.
   */
  isDue(signal: AbortSignal): Promise<boolean>;
}

const MAX_RACES = 8;

/**
 * The webhook's own authority. Its Secret is the source of truth; what the API server is to trust (`caBundle`) follows
 * it. A new authority is published beside the old one first, and only when it has been there for a while is anything
 * served that it signed; the old one stays published for a while longer. So whatever replica answers, and whichever
 * version of the configuration an API server has, each trusts the other.
 */
export function createRotation(options: RotationOptions): Rotation {
  const { kube, clock, ticks = monotonicClock.now, log, metrics, names } = options;
  const times = options.times ?? CERTIFICATE_TIMES;
  const at = { namespace: options.namespace, name: options.secret };
  const listeners = new Set<(certificate: KeyPair) => void>();
  /** Since when each authority was seen in the configuration, without a break. */
  const published = new Map<string, number>();
  let serving: (KeyPair & { readonly authority: string }) | undefined;
  let known: Authority | undefined;
  /** The authority that signs, and since when that is known here. */
  let signing: { readonly cert: string; readonly since: number } | undefined;
  /** What was said of the configuration last. */
  let said: 'absent' | 'trusting' | undefined;
  const configurationKey = { namespace: '', name: options.configuration };

  async function isDue(signal: AbortSignal): Promise<boolean> {
    if (known === undefined) return true;
    const configuration = await kube.get(WEBHOOK_CONFIGURATION, configurationKey, signal);
    if (webhooksOf(configuration).length === 0) return said === 'trusting';
    return !trustsAlready(configuration, bundleOf(known)) || said !== 'trusting';
  }

  async function step(signal: AbortSignal): Promise<void> {
    for (let race = 0; race < MAX_RACES; race++) {
      // The configuration is read first: what is in it then was in the Secret before, so an old Secret cannot undo it.
      const configuration = await kube.get(WEBHOOK_CONFIGURATION, configurationKey, signal);
      const secret = await kube.get(SECRET, at, signal);
      observe(configuration);
      const wanted = await due(secret, configuration);
      if (wanted.authority !== undefined && wanted.why !== undefined) {
        if (!(await store(wanted.authority, secret, signal))) continue;
        log.info('the authority of the webhook has changed', { reason: wanted.why });
        // Nothing is served, and nobody told, before what is stored has been read again.
        continue;
      }
      const authority = wanted.authority as Authority;
      known = authority;
      const cert = normal(authority.current.cert);
      if (signing?.cert !== cert) signing = { cert, since: ticks() };
      if (configuration !== undefined && !(await publish(configuration, bundleOf(authority), signal))) continue;
      say(configuration);
      serve(authority, configuration !== undefined);
      return;
    }
    throw new GateError('CERTIFICATE_UNAVAILABLE', 'the Secret of the webhook changed each time that it was written');
  }

  /** What the Secret should hold, and why it has to be written for that. */
  async function due(
    secret: KubeObject | undefined,
    configuration: KubeObject | undefined,
  ): Promise<{ readonly authority: Authority; readonly why: string | undefined }> {
    const now = clock.now();
    const reasons: string[] = [];
    const found = readAuthority(secret);
    let { current, next, serving: server } = found;
    let previous = found.previous.filter((cert) => leftOf(cert) > 0);
    if (previous.length < found.previous.length) reasons.push('an old authority has expired');
    const outgoing: string[] = [];
    if (next !== undefined && !isValid(next.cert)) next = undefined;
    if (current !== undefined && !isValid(current.cert)) {
      reasons.push('the authority has expired');
      current = undefined;
    }
    if (current === undefined) {
      if (reasons.length === 0) reasons.push('there is no authority yet, or it cannot be read');
      // Whoever is trusted now may sign what other replicas serve: that goes on until they have changed.
      outgoing.push(
        ...(known === undefined ? [] : authoritiesOf(bundleOf(known))),
        ...bundlesIn(configuration).flatMap(authoritiesOf),
      );
      current = next ?? (await issueAuthority({ from: now - times.backdate, to: now + times.authority }));
      next = undefined;
    } else if (next !== undefined && isSettled(next.cert)) {
      reasons.push('the next authority has been published long enough');
      outgoing.push(current.cert);
      current = next;
      next = undefined;
    } else if (next === undefined && leftOf(current.cert) <= times.authority / 3) {
      reasons.push('the authority comes to its end');
      next = await issueAuthority({ from: now - times.backdate, to: now + times.authority });
    }
    const isSigningLong = signing?.cert === normal(current.cert) && ticks() - signing.since >= times.keep;
    if (outgoing.length === 0 && previous.length > 0 && isSigningLong) {
      reasons.push('the old authority has been kept long enough');
      previous = [];
    }
    if (server === undefined || !isGood(server, current)) {
      reasons.push('the certificate comes to its end, or is not one of the authority for these names');
      server = await issueServer(current, names, { from: now - times.backdate, to: now + times.server });
    }
    const others = [...previous, ...outgoing.filter((cert) => leftOf(cert) > 0)].map(normal);
    const kept = [...new Set(others)].filter((cert) => cert !== normal((current as KeyPair).cert)).slice(-MAX_PREVIOUS);
    const authority = { current, next, previous: kept, serving: server };
    return { authority, why: reasons.length === 0 ? undefined : reasons.join('; ') };
  }

  function isGood(server: KeyPair, authority: KeyPair): boolean {
    const certificate = new X509Certificate(server.cert);
    const most = Math.min(times.server, leftOf(authority.cert));
    return (
      isFrom(authority.cert, server.cert) &&
      covers(certificate, names) &&
      isValid(server.cert) &&
      // One that ends with its authority is renewed with it, and not at every step before.
      (leftOf(server.cert) > times.server / 3 || leftOf(server.cert) > most - 2000)
    );
  }

  function leftOf(cert: string): number {
    return new X509Certificate(cert).validToDate.getTime() - clock.now();
  }

  /** Neither over nor, beyond what clocks may differ by, still to begin. */
  function isValid(cert: string): boolean {
    return leftOf(cert) > 0 && new X509Certificate(cert).validFromDate.getTime() <= clock.now() + times.backdate;
  }

  function isSettled(cert: string): boolean {
    const since = published.get(normal(cert));
    return since !== undefined && ticks() - since >= times.settle;
  }

  /** Which authorities every webhook of the configuration trusts. */
  function observe(configuration: KubeObject | undefined): void {
    const [first = [], ...others] = bundlesIn(configuration).map(authoritiesOf);
    const everywhere = new Set(first.filter((cert) => others.every((bundle) => bundle.includes(cert))));
    for (const cert of published.keys()) if (!everywhere.has(cert)) published.delete(cert);
    for (const cert of everywhere) if (!published.has(cert)) published.set(cert, ticks());
  }

  /** False where somebody else was first. */
  async function store(authority: Authority, before: KubeObject | undefined, signal: AbortSignal): Promise<boolean> {
    try {
      const object = asSecret(authority, before, at);
      if (before === undefined) await kube.create(SECRET, object, { signal });
      else await kube.replace(SECRET, object, { signal });
      return true;
    } catch (error) {
      if (error instanceof KubeError && (error.status === 409 || (error.status === 404 && before !== undefined)))
        return false;
      throw error;
    }
  }

  /** Says once that nobody asks the webhook, and once that somebody does. */
  function say(configuration: KubeObject | undefined): void {
    const now = webhooksOf(configuration).length === 0 ? 'absent' : 'trusting';
    metrics.set('syncgate_admission_configured', {}, now === 'trusting' ? 1 : 0);
    if (now === said) return;
    said = now;
    const about = { configuration: options.configuration };
    if (now === 'trusting')
      log.info('the webhook configuration is there and trusts the authority of the webhook', about);
    else {
      const mend = 'Apply the overlay again, unless it was taken away on purpose.';
      log.warn('there is no webhook configuration: nothing is judged on its way into the cluster', { ...about, mend });
    }
  }

  /** False where the configuration has changed since it was read. */
  async function publish(configuration: KubeObject, bundle: string, signal: AbortSignal): Promise<boolean> {
    if (trustsAlready(configuration, bundle)) return true;
    metrics.set('syncgate_admission_configured', {}, 0);
    const caBundle = Buffer.from(bundle).toString('base64');
    const patched = webhooksOf(configuration).map((webhook) => ({
      ...webhook,
      clientConfig: { ...((webhook['clientConfig'] ?? {}) as JsonObject), caBundle },
    }));
    // A patch sets the list whole, so what it was made from is its lock.
    const { resourceVersion } = configuration.metadata;
    const patch = { metadata: { ...(resourceVersion !== undefined && { resourceVersion }) }, webhooks: patched };
    try {
      observe(await kube.mergePatch(WEBHOOK_CONFIGURATION, configurationKey, patch, { signal }));
      log.info('the authority of the webhook was written into its configuration', {
        configuration: options.configuration,
      });
      return true;
    } catch (error) {
      if (error instanceof KubeError && (error.status === 409 || error.status === 404)) return false;
      throw error;
    }
  }

  /** Serves what the Secret holds, but nothing whose authority is not trusted yet while there is something better. */
  function serve(authority: Authority, isConfigured: boolean): void {
    const signed = normal(authority.current.cert);
    const isNew = serving?.cert !== authority.serving.cert;
    const mayChange =
      serving === undefined ||
      serving.authority === signed ||
      !isConfigured ||
      isSettled(signed) ||
      !isValid(serving.cert);
    if (isNew && mayChange) {
      serving = { ...authority.serving, authority: signed };
      for (const listener of listeners) listener(authority.serving);
    }
    const { cert } = serving as KeyPair;
    const left = leftOf(cert);
    metrics.set('syncgate_admission_certificate_expiry_timestamp_seconds', {}, Math.floor((clock.now() + left) / 1000));
    if (left < times.server / 6)
      log.warn('the certificate of the webhook ends soon', { secondsLeft: Math.floor(left / 1000) });
  }

  return {
    current: () => serving && { cert: serving.cert, key: serving.key },
    onCertificate: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    step,
    isDue,
  };
}

const MAX_PREVIOUS = 6;

function webhooksOf(configuration: KubeObject | undefined): readonly JsonObject[] {
  const webhooks = valueAt(configuration, 'webhooks');
  return Array.isArray(webhooks) ? (webhooks as JsonObject[]) : [];
}

function trustsAlready(configuration: KubeObject | undefined, bundle: string): boolean {
  const caBundle = Buffer.from(bundle).toString('base64');
  return webhooksOf(configuration).every((webhook) => valueAt(webhook, 'clientConfig', 'caBundle') === caBundle);
}

function bundlesIn(configuration: KubeObject | undefined): readonly string[] {
  return webhooksOf(configuration).map((webhook) => {
    const text = valueAt(webhook, 'clientConfig', 'caBundle');
    return typeof text === 'string' ? Buffer.from(text, 'base64').toString('utf8') : '';
  });
}
