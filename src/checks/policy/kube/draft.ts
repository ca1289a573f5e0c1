import { isObject, type JsonObject, type JsonValue } from '../../../core/json.ts';

/** What a rule may know of the struct that it completes. */
export interface Site {
  /** Whether it is the object itself, and not a part of one. */
  readonly isWhole: boolean;
  /** A struct that only defaults fill. */
  empty(struct: string): JsonObject;
}

/** The uid of an object that is not in a cluster yet. */
export const madeUpUid = '00000000-0000-4000-8000-000000000000';

/** A copy with one more field, or another value of it. */
export function withField(object: JsonObject, name: string, value: JsonValue): JsonObject {
  return { ...object, [name]: value };
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
