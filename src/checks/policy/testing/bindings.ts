import { isObject, type JsonObject, objectFrom } from '../../../core/json.ts';
import type { PolicyDocument } from '../document.ts';

/**
 * Bindings for those ValidatingAdmissionPolicies of a test that have none. In a cluster such a policy has no effect; a
 * test of it asks what it would say, everywhere and without params, as in `kyverno test`.
 */
export function madeBindings(documents: readonly PolicyDocument[]): PolicyDocument[] {
  const ofKind = (kind: string) =>
    documents.filter(
      ({ value }) => value['kind'] === kind && String(value['apiVersion']).startsWith('admissionregistration.k8s.io/'),
    );
  const bound = new Set(
    ofKind('ValidatingAdmissionPolicyBinding').map(({ value }) => mapAt(value, 'spec')['policyName']),
  );
  return ofKind('ValidatingAdmissionPolicy').flatMap((policy) => {
    const { name } = mapAt(policy.value, 'metadata');
    if (typeof name !== 'string' || bound.has(name)) return [];
    const value = objectFrom([
      ['apiVersion', 'admissionregistration.k8s.io/v1'],
      ['kind', 'ValidatingAdmissionPolicyBinding'],
      ['metadata', objectFrom([['name', name]])],
      [
        'spec',
        objectFrom([
          ['policyName', name],
          ['validationActions', ['Deny']],
        ]),
      ],
    ]);
    return [{ value, file: policy.file, document: policy.document, locate: () => policy.locate(['metadata', 'name']) }];
  });
}

function mapAt(object: JsonObject, key: string): JsonObject {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return isObject(value) ? value : objectFrom([]);
}
