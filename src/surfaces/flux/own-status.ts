import { isDeepStrictEqual } from 'node:util';
import type { Decision } from '../../core/decision.ts';
import type { JsonObject } from '../../core/json.ts';
import { apiVersionOf, type Kube, KubeError, type KubeObject, type ObjectKey, valueAt } from '../../core/kube.ts';
import { rfc3339, type Saying, withConditions, withoutConditions } from './conditions.ts';
import { GATED_SOURCE, GatedSourceStatus } from './gated-source.ts';
import { cutBytes, warningLines } from './messages.ts';

export type Status = GatedSourceStatus;

const DEFAULT_HISTORY = 5;
const CONFLICTS = 3;

/** What the status says; what no controller of ours can have written counts for nothing. */
export function statusOf(source: KubeObject): Status {
  const parsed = GatedSourceStatus.safeParse(valueAt(source, 'status') ?? {});
  return parsed.success ? parsed.data : {};
}

/** The status with what a verdict says of a revision. */
export function withVerdict(
  before: Status,
  verdict: {
    readonly kind: 'allowed' | 'denied' | 'unevaluated';
    readonly revision: string;
    readonly gate: string | undefined;
    readonly rules: string | undefined;
    readonly decision: Decision | undefined;
    readonly findings: readonly string[];
    readonly digest: string | undefined;
    readonly inputs: string | undefined;
    readonly history: number | undefined;
  },
  now: number,
): Status {
  const { decision, findings, gate, rules, inputs, digest } = verdict;
  const { gate: _gate, rules: _rules, inputs: _inputs, counts: _counts, findings: _findings, ...others } = before;
  const { warnings: _warnings, ...kept } = others;
  const warnings = decision === undefined ? [] : warningLines(decision);
  const [first] = findings;
  const entry = {
    revision: verdict.revision,
    verdict: verdict.kind,
    time: rfc3339(now),
    ...(digest === undefined ? {} : { digest }),
    ...(first === undefined ? {} : { message: first }),
  };
  const [last] = before.history ?? [];
  const same = last?.revision === entry.revision && last.verdict === entry.verdict && last.digest === entry.digest;
  const history = same ? (before.history ?? []) : [entry, ...(before.history ?? [])];
  return {
    ...kept,
    lastAttemptedRevision: verdict.revision,
    ...(verdict.kind === 'allowed' ? { lastAcceptedRevision: verdict.revision } : {}),
    verdict: verdict.kind,
    ...(gate === undefined ? {} : { gate }),
    ...(rules === undefined ? {} : { rules }),
    ...(inputs === undefined ? {} : { inputs }),
    ...(findings.length === 0 ? {} : { findings: [...findings] }),
    ...(warnings.length === 0 ? {} : { warnings: [...warnings] }),
    ...(decision === undefined ? {} : { counts: countsOf(decision) }),
    history: history.slice(0, verdict.history ?? DEFAULT_HISTORY),
  };
}

function countsOf({ objects, images, reasons, warnings }: Decision) {
  return {
    objects: objects ?? 0,
    images: images.length,
    denied: reasons.filter(({ effect }) => effect === 'deny').length,
    errors: reasons.filter(({ effect }) => effect === 'error').length,
    warnings: warnings.length,
  };
}

/** What the conditions are to say. Those of kstatus that are not named are gone: absent is how it reads "no". */
export function withReadiness(
  status: Status,
  sayings: readonly Saying[],
  generation: number | undefined,
  now: number,
): Status {
  const named = sayings.map(({ type }) => type);
  const absent = ['Reconciling', 'Stalled'].filter((type) => !named.includes(type));
  const conditions = withConditions(withoutConditions(status.conditions ?? [], ...absent), sayings, generation, now);
  return { ...status, conditions, ...(generation === undefined ? {} : { observedGeneration: generation }) };
}

/**
 * Writes the status where it differs from what stands there; `latest` is the GatedSource as it was read. What somebody
 * else changed meanwhile, other than the spec, does not matter. Throws KubeError (409) where the spec is another one
 * now, or the object is gone: whatever was found out is about something that is no more.
 */
export async function writeOwnStatus(
  kube: Kube,
  latest: KubeObject,
  status: Status,
  signal: AbortSignal,
): Promise<KubeObject> {
  let live = latest;
  const { name, namespace = '', generation, uid } = latest.metadata;
  for (let attempt = 1; ; attempt++) {
    if (isDeepStrictEqual(plain(valueAt(live, 'status') ?? {}), plain(status))) return live;
    signal.throwIfAborted();
    try {
      return await kube.replace(
        GATED_SOURCE,
        {
          apiVersion: apiVersionOf(GATED_SOURCE),
          kind: GATED_SOURCE.kind,
          metadata: { name, namespace, resourceVersion: live.metadata.resourceVersion ?? '' },
          status: plain(status),
        },
        { subresource: 'status', signal },
      );
    } catch (error) {
      if (!(error instanceof KubeError) || error.status !== 409 || attempt >= CONFLICTS) throw error;
      const read = await kube.get(GATED_SOURCE, keyOfObject(live), signal);
      if (read?.metadata.uid !== uid || read?.metadata.generation !== generation) throw error;
      live = read as KubeObject;
    }
  }
}

function keyOfObject({ metadata: { name, namespace = '' } }: KubeObject): ObjectKey {
  return { namespace, name };
}

/** As it goes over the wire: without what is undefined. */
function plain(value: unknown): JsonObject {
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

/** A condition's reasons, as short as `kubectl get` bears. */
export function readyFalse(reason: string, message: string): Saying {
  return { type: 'Ready', status: 'False', reason, message: cutBytes(message, 8192) };
}
