/** Reviews as an API server writes them, and Gates that answer as a test wants. */
import type { Decision, Finding } from '../../../src/core/decision.ts';
import type { AdmittedObject, Gates, Governing, StandingGate } from '../../../src/gates.ts';

export interface ReviewFields {
  readonly uid?: string;
  readonly operation?: string;
  readonly object?: unknown;
  readonly oldObject?: unknown;
  readonly fieldManager?: string | null;
  readonly username?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string };
  readonly resource?: { readonly group: string; readonly version: string; readonly resource: string };
  readonly subResource?: string;
  readonly dryRun?: boolean;
  /** Further fields of the request, over all others. */
  readonly more?: object;
}

export function configMap(name = 'settings', more: object = {}): object {
  return { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, namespace: 'apps' }, ...more };
}

/** The text of a review, with its fields in the order in which Go writes them. */
export function reviewText({
  uid = '705ab4f5-6393-11e8-b7cc-42010a800002',
  operation = 'CREATE',
  object = configMap(),
  oldObject = operation === 'UPDATE' ? object : null,
  fieldManager = 'kustomize-controller',
  username = 'system:serviceaccount:flux-system:kustomize-controller',
  namespace = 'apps',
  name = 'settings',
  kind = { group: '', version: 'v1', kind: 'ConfigMap' },
  resource = { group: '', version: 'v1', resource: 'configmaps' },
  subResource,
  dryRun = false,
  more = {},
}: ReviewFields = {}): string {
  return JSON.stringify({
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid,
      kind,
      resource,
      ...(subResource !== undefined && { subResource }),
      requestKind: kind,
      requestResource: resource,
      name,
      ...(namespace !== '' && { namespace }),
      operation,
      userInfo: { username, groups: ['system:authenticated'] },
      object,
      oldObject,
      dryRun,
      options: {
        kind: 'PatchOptions',
        apiVersion: 'meta.k8s.io/v1',
        ...(fieldManager !== null && { fieldManager }),
      },
      ...more,
    },
  });
}

/** A decision with what a test says of it. */
export function decisionOf(verdict: Decision['verdict'], more: Partial<Decision> = {}): Decision {
  return {
    verdict,
    reasons: verdict === 'allowed' ? [] : [finding('it is not liked')],
    warnings: [],
    checks: [],
    images: [],
    notEvaluated: [],
    objects: 1,
    engines: {},
    manifestsDigest: undefined,
    ...more,
  };
}

export function finding(message: string, more: Partial<Finding> = {}): Finding {
  return { effect: 'deny', code: 'POLICY_DENIED', rule: 'main.deny', message, mend: 'Change it.', ...more };
}

export interface AskedGate extends StandingGate {
  readonly asked: AdmittedObject[];
}

/** A gate that answers objects as `answer` says. */
export function gateOf(
  answer: (admitted: AdmittedObject, signal: AbortSignal) => Promise<Decision>,
  more: { readonly name?: string; readonly rules?: string; readonly rememberMs?: number } = {},
): AskedGate {
  const asked: AdmittedObject[] = [];
  const never = () => Promise.reject(new Error('a webhook renders nothing'));
  return {
    name: 'production',
    rules: 'sha256:1',
    rememberMs: 60_000,
    ...more,
    asked,
    judge: never,
    judgeAgain: never,
    judgeObject(admitted, signal) {
      asked.push(admitted);
      return answer(admitted, signal);
    },
  };
}

/** Gates of which one governs every namespace, and the cluster. */
export function gatesOf(governing: () => Governing): Pick<Gates, 'of' | 'ofCluster'> {
  return { of: governing, ofCluster: governing };
}
