import type { Belongs } from './checks/namespaces/check.ts';
import type { Decision } from './core/decision.ts';
import { GateError } from './core/errors.ts';
import type { JsonObject } from './core/json.ts';
import type { AdmissionRequest } from './core/rendered.ts';
import type { Judged } from './gate.ts';
import type { RenderRequest } from './render/request.ts';

/** A namespace as the cluster has it. */
export interface NamespaceFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** One object on its way into a cluster, as the API server tells of it (admission.k8s.io/v1 AdmissionRequest). */
export interface AdmittedObject extends AdmissionRequest {
  readonly object: JsonObject;
  /** The object that is there now; undefined on CREATE. */
  readonly oldObject: JsonObject | undefined;
}

/** A gate that stays open, under the rules of one moment: rules that change make a new one of the same name. */
export interface StandingGate {
  readonly name: string;
  /** Differs whenever any rule, key, root or exception differs: a digest of every file that it was loaded from. */
  readonly rules: string;
  /**
   * Renders, verifies and judges. Never throws. The manifests are one stream of YAML. `belongs` says which namespaces the
   * objects may be in.
   */
  judge(request: RenderRequest, signal: AbortSignal, belongs?: Belongs): Promise<Judged>;
  /** Judges manifests that were let out before, as they were: images stay as they are pinned. Never throws. */
  judgeAgain(manifests: Uint8Array, destinationNamespace: string, signal: AbortSignal): Promise<Decision>;
  /** How long the webhook may remember that an unchanged object is allowed, in milliseconds; 0 where it is left out. */
  readonly rememberMs?: number;
  /** Judges one object as far as one object allows. Never throws. */
  judgeObject(admitted: AdmittedObject, signal: AbortSignal): Promise<Decision>;
}

/** Whose rules hold in a namespace. There is an answer only where exactly one Gate governs it. */
export type Governing =
  | { readonly kind: 'one'; readonly gate: StandingGate }
  | { readonly kind: 'none' }
  | { readonly kind: 'several'; readonly names: readonly string[] }
  /** The Gates, or their rules, could not be loaded: nothing can be said of any namespace. */
  | { readonly kind: 'unavailable'; readonly why: string };

/** Every Gate of a deployment. An application names none of them: its namespace does. */
export interface Gates {
  /** The Gate that governs a namespace. */
  of(namespace: NamespaceFacts): Governing;
  /** The Gate that judges objects of the cluster, which are in no namespace. */
  ofCluster(): Governing;
  /** Called after rules have changed, with the names of the Gates whose rules differ. Answers with its removal. */
  onChange(listener: (names: readonly string[]) => void): () => void;
  close(): Promise<void>;
}

/** Why nobody's rules hold: more than one Gate governs a namespace or, without a name, the objects of the cluster. */
export function severalGates(namespace: string | undefined, names: readonly string[]): GateError {
  const where = namespace === undefined ? 'objects of the cluster' : `namespace ${namespace}`;
  return new GateError('GATE_SEVERAL', `the Gates ${names.join(' and ')} all govern ${where}`);
}
