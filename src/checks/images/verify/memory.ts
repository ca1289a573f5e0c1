import { createHash, KeyObject } from 'node:crypto';
import { monotonicClock } from '../../../core/deadline.ts';
import { GateError } from '../../../core/errors.ts';
import { type Digest, type ImageReference, repositoryName } from '../../../core/image.ts';
import { canonicalJson } from '../../../core/json.ts';
import type { Clock } from '../../../core/ports.ts';
import type { ImagePolicy, TrustRoot } from '../policy/model.ts';
import type { PolicyAccount } from './account.ts';
import { countsUntil, provedTime } from './age.ts';
import type { ShownObject } from './content-input.ts';

/** Asks once where many ask the same at one time, and keeps what may be kept. */
export interface VouchingStore {
  /**
   * What `ask` answered to this key, now or before. Rejects as `ask` does; one whose asker gave up is asked again for
   * those who did not.
   */
  once(key: string, ask: () => Promise<PolicyAccount>, signal: AbortSignal): Promise<PolicyAccount>;
}

/** To be raised whenever something else comes to count as verified. */
const verifierVersion = 1;

/**
 * What a policy's answer about a digest depends on: never a tag, unless the policy compares names. Two that are equal
 * in all of this get one answer.
 */
export function caseKey(
  { policy, objects }: { readonly policy: ImagePolicy; readonly objects: readonly ShownObject[] },
  reference: ImageReference,
  digest: Digest,
): string {
  const { content } = policy;
  const seen =
    content?.includeSpec || content?.includeObjectMeta || content?.includeTypeMeta
      ? hashOf(objects.map(({ spec, metadata, typemeta }) => canonicalJson([spec, metadata, typemeta])).join('\n'))
      : '';
  const comparesNames = policy.authorities.some(
    (each) => each.kind === 'notation' || (each.kind !== 'static' && each.signedName !== undefined),
  );
  return JSON.stringify([
    verifierVersion,
    repositoryName(reference.repository),
    digest,
    policyDigest(policy),
    comparesNames ? [reference.tag ?? null, reference.digest ?? null] : '',
    seen,
  ]);
}

const digests = new WeakMap<ImagePolicy, string>();

/** sha256 over everything that a policy says, with its keys, and its trust roots by their digests. */
function policyDigest(policy: ImagePolicy): string {
  const known = digests.get(policy);
  if (known !== undefined) return known;
  const digest = hashOf(JSON.stringify(policy, plain));
  digests.set(policy, digest);
  return digest;
}

/** JSON.stringify would take each of these for an empty object, and so two of them for one. */
function plain(_: string, value: unknown): unknown {
  if (value instanceof KeyObject) return value.export({ format: 'der', type: 'spki' }).toString('base64');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Set || value instanceof Map) return [...value];
  if (typeof value === 'bigint') return `${value}n`;
  return isTrustRoot(value) ? [value.name, value.digest] : value;
}

/** And not a map of annotations with such keys, whose values are texts: the other ones in it must count. */
function isTrustRoot(value: unknown): value is TrustRoot {
  if (typeof value !== 'object' || value === null) return false;
  return 'name' in value && 'digest' in value && 'json' in value && typeof value.json === 'object';
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Within one run every answer stands, yes or no. */
export function forOneRun(): VouchingStore {
  const asked = new Map<string, Promise<PolicyAccount>>();
  return {
    once(key, ask) {
      const known = asked.get(key) ?? ask();
      asked.set(key, known);
      return known;
    },
  };
}

/** How long what vouched counts without being looked at again, in milliseconds. */
const keptMs = {
  /** Signatures that are proven for ever, by a key or at a trusted time. */
  proven: 60 * 60 * 1000,
  /** Whatever depends on now: newer attestations, lists of revoked certificates, certificates judged by the clock. */
  current: 60 * 1000,
} as const;

interface Kept {
  readonly account: PolicyAccount;
  /** As `elapsed` counts. */
  readonly until: number;
  /** The time of day at which something that it rests on is too old; infinity where nothing ages. */
  readonly ends: number;
}

/**
 * For a process that judges often. Only what vouched is kept, and no more than `most` of it; a refusal may be mended at
 * any moment. The whole of what it depends on is in the key, so nothing has to be thrown away when policies change. How long
 * it is kept is counted by `elapsed`, in milliseconds: a clock that is set back lengthens nothing.
 */
export function createVouchingStore(
  clock: Clock,
  elapsed: () => number = monotonicClock.now,
  most = 20_000,
): VouchingStore {
  const kept = new Map<string, Kept>();
  const flying = new Map<string, Promise<PolicyAccount>>();

  const keep = (key: string, account: PolicyAccount): void => {
    if (account.outcome !== 'vouched') return;
    const until = elapsed() + (isLasting(account) ? keptMs.proven : keptMs.current);
    kept.set(key, { account, until, ends: Math.min(...ends(account)) });
    if (kept.size > most) kept.delete(kept.keys().next().value as string);
  };

  const once: VouchingStore['once'] = async (key, ask, signal) => {
    const known = kept.get(key);
    if (known !== undefined && elapsed() < known.until && clock.now() < known.ends) return known.account;
    kept.delete(key);
    const flight = flying.get(key);
    if (flight === undefined) {
      const asking = ask();
      flying.set(key, asking);
      try {
        const account = await asking;
        keep(key, account);
        return account;
      } finally {
        if (flying.get(key) === asking) flying.delete(key);
      }
    }
    const gaveUp = Symbol('gave up');
    const answer = await withAbort(flight, signal).catch((error: unknown) => {
      // Somebody else's deadline is no answer to this caller.
      if (signal.aborted || error instanceof GateError === false || !givenUp.has(error.code)) throw error;
      return gaveUp;
    });
    if (typeof answer !== 'symbol') return answer;
    if (flying.get(key) === flight) flying.delete(key);
    return await once(key, ask, signal);
  };
  return { once };
}

const givenUp: ReadonlySet<string> = new Set(['CHECK_TIMEOUT', 'INTERRUPTED', 'REGISTRY_ABORTED']);

function withAbort<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  signal.throwIfAborted();
  return new Promise((done, failed) => {
    const abort = () => failed(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(done, failed).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** When what the answer rests on becomes too old: a remembered answer must not outlive it. */
function ends({ authorities }: PolicyAccount): number[] {
  return authorities
    .filter(({ outcome }) => outcome === 'passed')
    .flatMap(({ authority, claims, notation }) => {
      if (authority.kind === 'static' || authority.maxAgeDays === undefined) return [];
      const { kind, maxAgeDays } = authority;
      const proofs = claims.flatMap((claim) => claim.proofs);
      const made = kind === 'notation' ? [notation?.trustedTime] : proofs.map(({ times }) => provedTime(times));
      // What has no time never passed; if it did, it is not kept.
      return made.map((at = Number.NEGATIVE_INFINITY) => countsUntil(at, maxAgeDays));
    });
}

function isLasting({ policy, authorities }: PolicyAccount): boolean {
  if (policy.content !== undefined) return false;
  return authorities
    .filter(({ outcome }) => outcome === 'passed')
    .every(({ authority, claims }) => {
      if (authority.kind === 'static') return true;
      if (authority.kind === 'notation') return false;
      if (authority.attestations.length > 0) return false;
      if (authority.kind === 'key' && authority.validFor !== undefined) return false;
      return claims.every(({ proofs }) => proofs.every(({ times }) => times.every(({ by }) => by !== 'clock')));
    });
}
