import type { JsonObject, JsonPath } from './json.ts';

/** What names an object in a cluster; two rendered objects may not share it. */
export interface ObjectIdentity {
  readonly apiVersion: string;
  readonly kind: string;
  /** As rendered; undefined where the object leaves it to its destination. */
  readonly namespace: string | undefined;
  /** `metadata.name`, or `metadata.generateName` followed by `*`. */
  readonly name: string;
}

/** A place a person can open: a file they can edit, as exactly as the renderer tells. Lines and columns count from 1. */
export interface Place {
  /** Relative to the source root, or `-` for standard input, or the renderer's own name for its output. */
  readonly file: string;
  /** Counts from 1; only where the file holds several documents. */
  readonly document?: number;
  readonly line?: number;
  readonly column?: number;
}

/** One rendered object. It is parsed once: what the checks see is what is emitted, but for the pinned images. */
export interface Manifest {
  /** Its place in the rendered order, from 0. */
  readonly index: number;
  readonly identity: ObjectIdentity;
  readonly object: JsonObject;
  /** The object before its images were pinned, where they were. */
  readonly written?: JsonObject;
  /** Where the object came from. */
  readonly origin: Place;
  /** Where one value of it stands in the text that was parsed; the object's origin if that cannot be told. */
  locate(path: JsonPath): Place;
}

/** `Deployment apps/web` as findings print it. */
export function describeObject(identity: ObjectIdentity): string {
  const name = identity.namespace === undefined ? identity.name : `${identity.namespace}/${identity.name}`;
  return `${identity.kind} ${name}`;
}

/** `overlay/web.yaml:12:9` as findings print it. */
export function describePlace(place: Place): string {
  const line = place.line === undefined ? '' : `:${place.line}${place.column === undefined ? '' : `:${place.column}`}`;
  return `${place.file}${line}`;
}
