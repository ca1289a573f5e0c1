import { type PolicyDocument, policyError } from '../../document.ts';
import type { CompiledPolicy } from '../../rule.ts';
import { compileImagePolicy } from './image-policy.ts';
import { listUnjudged, UNJUDGED_KINDS } from './unjudged.ts';
import { type CelPolicyContext, compileValidatingPolicy } from './validating-policy.ts';

export { type CelException, readCelException } from './exception.ts';
export type { CelPolicyContext } from './validating-policy.ts';

/**
 * A policy of `policies.kyverno.io`. Exceptions are read before (`readCelException`), because they are part of the policies
 * that they name. Throws a GateError with POLICY_INVALID or POLICY_UNSUPPORTED that names file, line and feature.
 */
export function compileCelPolicy(document: PolicyDocument, context: CelPolicyContext): CompiledPolicy {
  const kind = document.value['kind'];
  switch (kind) {
    case 'ValidatingPolicy':
    case 'NamespacedValidatingPolicy':
      return compileValidatingPolicy(document, context);
    case 'ImageValidatingPolicy':
    case 'NamespacedImageValidatingPolicy':
      return compileImagePolicy(document, context);
    default:
      if (typeof kind === 'string' && UNJUDGED_KINDS.includes(kind)) return listUnjudged(document);
      throw policyError(
        document,
        ['kind'],
        `${JSON.stringify(kind)} is no policy of policies.kyverno.io`,
        'POLICY_UNSUPPORTED',
      );
  }
}
