import { GateError } from '../core/errors.ts';
import { isObject, type JsonObject } from '../core/json.ts';
import type { Manifest, ObjectIdentity } from '../core/manifest.ts';
import type { AdmissionRequest } from '../core/rendered.ts';
import { IdentityProblem, identify } from './identity.ts';

/** As an object on standard input is called: the API server has it from nowhere that a person could open. */
const origin = { file: '-' };

/**
 * An object that an API server tells of, as the one manifest of a set. Nothing is expanded: what has `items` is one
 * object to the server too. Throws MANIFEST_FIELD where it is not the object that the request says it is.
 */
export function admittedManifest(object: JsonObject, request: Pick<AdmissionRequest, 'namespace'>): Manifest {
  const identity = identityOf(object);
  const expected = isNamespace(identity) ? undefined : request.namespace || undefined;
  if (identity.namespace !== expected) {
    throw refuse(
      `the request is for ${expected ?? 'no namespace'}, and the object is of ${identity.namespace ?? 'no namespace'}`,
    );
  }
  if (isNamespace(identity) && request.namespace !== '' && request.namespace !== identity.name) {
    throw refuse(`the request is for namespace ${request.namespace}, and the object is another one`);
  }
  return { index: 0, identity, object, origin, locate: () => origin };
}

function identityOf(object: JsonObject): ObjectIdentity {
  if (!isObject(object)) throw refuse('the request holds no object');
  try {
    return identify(object);
  } catch (thrown) {
    if (thrown instanceof IdentityProblem) throw refuse(thrown.message);
    throw thrown;
  }
}

function isNamespace({ apiVersion, kind }: ObjectIdentity): boolean {
  return apiVersion === 'v1' && kind === 'Namespace';
}

function refuse(message: string): GateError {
  return new GateError('MANIFEST_FIELD', message, {
    mend: 'An API server sends no such request; look at who asks the webhook.',
  });
}
