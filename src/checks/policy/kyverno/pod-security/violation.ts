import { byUtf8, type JsonPath } from '../../../../core/json.ts';
import { fieldName, type PodPart } from './pod.ts';

export type BadValue = string | boolean | number | bigint | readonly string[];

/** One field that breaks a control. */
export interface FieldViolation {
  /** Inside of the Pod. */
  readonly path: JsonPath;
  /** As Kubernetes prints the place; excludes are compared with it. */
  readonly field: string;
  /** `required`: it has to be set, and is not. */
  readonly kind: 'forbidden' | 'required';
  /** Empty where there is none to show. */
  readonly badValue: BadValue;
}

/** A control that a Pod breaks. */
export interface ControlViolation {
  /** `capabilities_baseline`, as the controls of Pod Security are called. */
  readonly id: string;
  readonly reason: string;
  /** Undefined for controls that name no field: nothing can exclude them. */
  readonly fields: readonly FieldViolation[] | undefined;
}

export function forbidden(part: PodPart, steps: JsonPath, badValue: BadValue = ''): FieldViolation {
  const path = [...part.path, ...steps];
  return { path, field: fieldName(path), kind: 'forbidden', badValue };
}

export function required(part: PodPart, steps: JsonPath): FieldViolation {
  const path = [...part.path, ...steps];
  return { path, field: fieldName(path), kind: 'required', badValue: '' };
}

/** An annotation of the Pod. */
export function forbiddenAnnotation(key: string, badValue: string): FieldViolation {
  return { path: ['metadata', 'annotations', key], field: `metadata.annotations[${key}]`, kind: 'forbidden', badValue };
}

/** The texts without repetition, in the order of their bytes. */
export function sorted(texts: Iterable<string>): readonly string[] {
  return [...new Set(texts)].sort(byUtf8);
}
