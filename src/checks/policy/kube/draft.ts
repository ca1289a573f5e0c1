import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom } from '../../../core/json.ts';
import type { Finish } from './typed-values.ts';

/** Where in which object a struct is completed. */
export interface Site {
  /** `apps/v1/Deployment`: the kind of the whole object. */
  readonly kind: string;
  readonly path: JsonPath;
  readonly finish: Finish;
}

/** The uid of an object that is not in a cluster yet. */
export const madeUpUid = '00000000-0000-4000-8000-000000000000';

export function withField(object: JsonObject, name: string, value: JsonValue): JsonObject {
  return objectFrom([...Object.entries(object).filter(([key]) => key !== name), [name, value] as const]);
}

export function entriesOf(value: JsonValue | undefined): readonly (readonly [string, JsonValue])[] {
  return isObject(value) ? Object.entries(value) : [];
}

export function labelsIn(template: JsonObject): JsonObject | undefined {
  const metadata = template['metadata'];
  const labels = isObject(metadata) ? metadata['labels'] : undefined;
  return isFilled(labels) ? (labels as JsonObject) : undefined;
}

export function isFilled(value: JsonValue | undefined): boolean {
  return isObject(value) && Object.keys(value).length > 0;
}

export function isFilledList(value: JsonValue | undefined): boolean {
  return Array.isArray(value) && value.length > 0;
}

export function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
