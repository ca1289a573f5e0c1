import { cut, withoutTrigger } from './denial.ts';

/** What is answered to one review. */
export interface Verdict {
  readonly allowed: boolean;
  /** Why not; empty where it is allowed. */
  readonly message: string;
  readonly warnings: readonly string[];
  /** For the audit log of the API server, which puts the name of the webhook before each key. */
  readonly annotations: Readonly<Record<string, string>>;
}

const annotationLimit = 1024;

/**
 * The body of an answer (admission.k8s.io/v1). A refusal is always 403 Forbidden: 409 Conflict and 422 Invalid would have
 * Flux delete the live object where `force` is set.
 */
export function answerBody(uid: string, { allowed, message, warnings, annotations }: Verdict): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed,
      ...(!allowed && { status: { status: 'Failure', code: 403, reason: 'Forbidden', message } }),
      ...(warnings.length > 0 && { warnings }),
      auditAnnotations: Object.fromEntries(
        Object.entries(annotations).map(([key, value]) => [key, cut(withoutTrigger(value), annotationLimit)]),
      ),
    },
  });
}
