import type { JsonObject } from './json.ts';
import type { Manifest } from './manifest.ts';

/** Below a kustomization's folder in a private copy: what lies elsewhere in the source, by its path there. */
export const OUTSIDE = '.syncgate-outside';

/** A text that a renderer printed, or a file that is rendered by being read, before anything has parsed it. */
export interface RenderedText {
  /** What findings call it: the file relative to the source root, `-`, or `kustomize build apps/web`. */
  readonly file: string;
  readonly bytes: Uint8Array;
  /**
   * What tells each object's origin in it: Helm's `# Source:` comments, or the `config.kubernetes.io/origin`
   * annotations that were asked of kustomize for this purpose, and are taken out again.
   */
  readonly marks: 'none' | 'helm' | 'kustomize';
  /**
   * The folder, relative to the source root (`.` for the root itself), that the marks count from: kustomize's origin
   * paths are relative to it, and in Helm's `# Source: <chart>/templates/web.yaml` it stands for `<chart>`.
   */
  readonly base?: string;
}

/** An object as policies see it: a namespace that its destination will give it is filled in. */
export interface JudgedObject {
  readonly manifest: Manifest;
  readonly object: JsonObject;
  /** The same object before its images were pinned; `object` itself where none was. */
  readonly written: JsonObject;
  /** The object that the cluster has under this name, where that is known. */
  readonly live?: JsonObject;
  /** The request that brings it, where an API server told of it: the object is then as the server would store it. */
  readonly request?: AdmissionRequest;
}

/** The part of an admission request (admission.k8s.io/v1) that rules can read besides the objects. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE';
  /** As it is served: `pods`. */
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string };
  /** Empty where the object itself is meant: `ephemeralcontainers`. */
  readonly subresource: string;
  /** Empty for objects of the cluster; a Namespace's own name for a Namespace. */
  readonly namespace: string;
  readonly userInfo: {
    readonly username: string;
    readonly uid: string;
    readonly groups: readonly string[];
    readonly extra: Readonly<Record<string, readonly string[]>>;
  };
  readonly dryRun?: boolean;
  /** CreateOptions, UpdateOptions or PatchOptions as they are in the request. */
  readonly options?: JsonObject;
}
