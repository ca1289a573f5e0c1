import type { Code } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../core/json.ts';
import type { ObjectIdentity } from '../core/manifest.ts';
import { quote } from './problem.ts';

/** An object that cannot be named, and the field that is to blame. */
export class IdentityProblem extends Error {
  readonly code: Code;
  readonly path: JsonPath;

  constructor(path: JsonPath, message: string, code: Code = 'MANIFEST_FIELD') {
    super(message);
    this.name = 'IdentityProblem';
    this.code = code;
    this.path = path;
  }
}

const apiVersionShape = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/)?[a-z0-9]+$/i;
const kindShape = /^[a-z][a-z0-9-]*$/i;
/** Names go into messages, and no API server takes these characters. */
const nameShape = /^[^\p{C}\p{Zl}\p{Zp}/%]+$/u;
const longestName = 253;

/** Annotations by which Argo CD knows a hook; it gives a hook with generateName a name of its own at each sync. */
const hookAnnotations = ['argocd.argoproj.io/hook', 'helm.sh/hook'];

/** Type and name of an object, each as Kubernetes will take it. Throws IdentityProblem. */
export function identify(object: JsonObject): ObjectIdentity {
  const { apiVersion, kind } = identifyType(object);
  const metadata = object['metadata'];
  if (metadata === undefined || metadata === null) throw new IdentityProblem([], `${kind} has no metadata`);
  if (!isObject(metadata)) throw new IdentityProblem(['metadata'], `metadata of ${kind} is not a mapping`);
  const namespace = text(metadata['namespace'], ['metadata', 'namespace']);
  const name = text(metadata['name'], ['metadata', 'name']);
  if (name !== undefined) return { apiVersion, kind, namespace, name };
  const prefix = text(metadata['generateName'], ['metadata', 'generateName']);
  if (prefix === undefined) throw new IdentityProblem(['metadata'], `${kind} has no metadata.name`);
  const annotations = metadata['annotations'];
  if (!isObject(annotations) || !hookAnnotations.some((each) => Object.hasOwn(annotations, each))) {
    throw new IdentityProblem(
      ['metadata', 'generateName'],
      `${kind} has metadata.generateName and no metadata.name, which Argo CD can only apply as a hook`,
    );
  }
  return { apiVersion, kind, namespace, name: `${prefix}*` };
}

/** apiVersion and kind, which a list must have too. Throws IdentityProblem. */
export function identifyType(object: JsonObject): { readonly apiVersion: string; readonly kind: string } {
  const kind = required(object, 'kind', kindShape);
  return { kind, apiVersion: required(object, 'apiVersion', apiVersionShape) };
}

function required(object: JsonObject, field: 'apiVersion' | 'kind', shape: RegExp): string {
  const value = object[field];
  if (value === undefined || value === null || value === '') throw new IdentityProblem([], `an object has no ${field}`);
  if (typeof value !== 'string') throw new IdentityProblem([field], `${field} is not a string; quote it`);
  if (value.length > longestName || !shape.test(value)) {
    throw new IdentityProblem([field], `${quote(value)} is not a ${field}`);
  }
  return value;
}

function text(value: JsonValue | undefined, path: JsonPath): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const field = path.join('.');
  if (typeof value !== 'string') throw new IdentityProblem(path, `${field} is not a string; quote it`);
  if (value.length > longestName || !nameShape.test(value)) {
    throw new IdentityProblem(path, `${quote(value)} cannot be ${field}`);
  }
  return value;
}

/** The group of an apiVersion; empty for the core group. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.lastIndexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}
