/**
 * Fields of built-in kinds that hold 32 bits. kustomize-controller puts these kinds into Go's types before it applies
 * them (fluxcd/pkg ssa/normalize), and that cuts a larger integer down without a word: hostPort 4294967318 becomes 22.
 */
import { isObject, type JsonPath, type JsonValue } from '../core/json.ts';
import type { ObjectIdentity } from '../core/manifest.ts';
import { groupOf } from './identity.ts';

/** The names in k8s.io/api v0.36, whatever the kind; `value` is a quantity almost everywhere. */
const NARROW: ReadonlySet<string> = new Set(
  (
    'Port active allocatedDevices assuredConcurrencyShares availableDevices availableReplicas averageUtilization ' +
    'backoffLimit backoffLimitPerIndex borrowingLimitPercent code collisionCount completions containerPort count ' +
    'currentCPUUtilizationPercentage currentHealthy currentNumberScheduled currentReplicas defaultMode ' +
    'deprecatedCount desiredHealthy desiredNumberScheduled desiredReplicas disruptionsAllowed endPort errorCode ' +
    'exitCode expectedPods expirationSeconds failed failedJobsHistoryLimit failureThreshold fullyLabeledReplicas ' +
    'handSize healthCheckNodePort hostPort initialDelaySeconds leaseDurationSeconds leaseTransitions lendablePercent ' +
    'limit lun matchingPrecedence maxExpirationSeconds maxFailedIndexes maxReplicas maxSkew minCount minDomains ' +
    'minReadySeconds minReplicas mode nodePort nominalConcurrencyShares number numberAvailable numberMisscheduled ' +
    'numberReady numberUnavailable parallelism partition periodSeconds poolCount port ports priority ' +
    'progressDeadlineSeconds queueLengthLimit queues ready readyReplicas replicas resourceSliceCount restartCount ' +
    'retryAfterSeconds revisionHistoryLimit signal stabilizationWindowSeconds start succeeded succeededCount ' +
    'successThreshold successfulJobsHistoryLimit targetCPUUtilizationPercentage terminating terminatingReplicas ' +
    'timeoutSeconds totalDevices ttlSecondsAfterFinished unavailableDevices unavailableReplicas ' +
    'updatedNumberScheduled updatedReplicas values weight'
  ).split(' '),
);

/** Whether Go's types of Flux know the kind. Groups of others have a dot, and do not end as those of Kubernetes do. */
export function isOfKubernetes({ apiVersion }: ObjectIdentity): boolean {
  const group = groupOf(apiVersion);
  return !group.includes('.') || group.endsWith('.k8s.io');
}

/** The first integer that does not fit in its field, and where; undefined where all do. */
export function findCutInteger(
  value: JsonValue,
  path: JsonPath,
  kind: string,
  isNarrow = false,
): { readonly path: JsonPath; readonly value: number | bigint } | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') {
    return isNarrow && (value > 2147483647 || value < -2147483648) ? { path, value } : undefined;
  }
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) {
      const found = findCutInteger(item, [...path, i], kind, isNarrow);
      if (found !== undefined) return found;
    }
  } else if (isObject(value)) {
    for (const [key, each] of Object.entries(value)) {
      const ofKey = NARROW.has(key) || (key === 'value' && kind === 'PriorityClass');
      const found = findCutInteger(each, [...path, key], kind, ofKey);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
