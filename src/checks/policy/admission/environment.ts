import type { CelEnvironment, CelProfile } from '../cel/environment.ts';
import { type CelType, DYN } from '../cel/types.ts';
import { NAMESPACE_OBJECTS, NAMESPACE_TYPE, REQUEST_TYPE, requestObjects } from '../kube/admission-types.ts';

/** What expressions of a ValidatingAdmissionPolicy may name; `params` only where the policy has a kind of them. */
export function admissionEnvironment(profile: CelProfile, hasParams: boolean): CelEnvironment {
  const variables = new Map<string, CelType>([
    ['object', DYN],
    ['oldObject', DYN],
    ['request', REQUEST_TYPE],
    ['namespaceObject', NAMESPACE_TYPE],
  ]);
  if (hasParams) variables.set('params', DYN);
  return { ...profile, variables, objects: [...profile.objects, ...requestObjects(), ...NAMESPACE_OBJECTS] };
}
