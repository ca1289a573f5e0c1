import type { JsonPath } from '../../../../core/json.ts';
import { type PolicyDocument, policyError, validateDocument } from '../../document.ts';
import { PolicyExceptionSchema } from './schema.ts';

/** A PolicyException of `policies.kyverno.io`, read and not yet compiled: it speaks the language of the policy it is for. */
export interface CelException {
  /** `namespace/name`, or the name alone. */
  readonly key: string;
  readonly document: PolicyDocument;
  readonly policies: readonly { readonly kind: string; readonly name: string; readonly path: JsonPath }[];
  readonly conditions: readonly { readonly expression: string; readonly path: JsonPath }[];
  /** Images and values for the policy to compare with; where there are any, it judges all the same. */
  readonly images: readonly string[];
  readonly allowedValues: readonly string[];
  readonly reportAs: 'skip' | 'pass';
  /** Milliseconds since the epoch: it holds up to and at this moment. */
  readonly expiresAt: number | undefined;
  /** Of several that hold, the one with the highest says how the result is reported. */
  readonly priority: number;
}

/** Throws POLICY_INVALID with the line of what does not fit. */
export function readCelException(document: PolicyDocument): CelException {
  const { metadata, spec } = validateDocument(PolicyExceptionSchema, document);
  const { name, namespace = '' } = metadata;
  const priority = metadata.labels?.['polex.kyverno.io/priority'] ?? '';
  return {
    key: namespace === '' ? name : `${namespace}/${name}`,
    document,
    policies: spec.policyRefs.map((reference, i) => ({ ...reference, path: ['spec', 'policyRefs', i] })),
    conditions: (spec.matchConditions ?? []).map(({ expression }, i) => ({
      expression,
      path: ['spec', 'matchConditions', i, 'expression'],
    })),
    images: spec.images ?? [],
    allowedValues: spec.allowedValues ?? [],
    reportAs: spec.reportResult ?? 'skip',
    expiresAt: readExpiry(document, spec.expiresAt),
    priority: /^[+-]?\d{1,18}$/.test(priority) ? Number(priority) : 0,
  };
}

/** Kyverno asks whether now is after it. */
export function isExpired({ expiresAt }: CelException, now: number): boolean {
  return expiresAt !== undefined && now > expiresAt;
}

function readExpiry(document: PolicyDocument, written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  const shape = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/;
  const time = shape.test(written) ? Date.parse(written) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw policyError(document, ['spec', 'expiresAt'], 'spec.expiresAt is no time such as 2026-05-01T00:00:00Z');
}
