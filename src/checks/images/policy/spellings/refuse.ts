import { describePath, isObject, type JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';
import { refusal } from '../complaint.ts';

/** A field that is known and not read, why, and what to write instead. */
export type Unread = Readonly<Record<string, readonly [why: string, mend?: string]>>;

/** Throws IMAGE_POLICY_UNSUPPORTED for the first of the fields that is there and says something. */
export function refuseUnread(document: SettingsDocument, path: JsonPath, object: unknown, unread: Unread): void {
  if (!isObject(object)) return;
  for (const [field, [why, mend]] of Object.entries(unread)) {
    if (Object.hasOwn(object, field) && !isEmpty(object[field]))
      throw unsupported(document, [...path, field], why, mend);
  }
}

export function unsupported(document: SettingsDocument, path: JsonPath, why: string, mend?: string) {
  const message = `${describePath(path)} is not read: ${why}; a policy is never read without a part of it`;
  return refusal(document, path, 'IMAGE_POLICY_UNSUPPORTED', message, mend);
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** The members of a list with their places; nothing where it is no list, which its schema complains about later. */
export function members(value: unknown, path: JsonPath): [JsonPath, unknown][] {
  return Array.isArray(value) ? value.map((each: unknown, i) => [[...path, i], each]) : [];
}

/** A field of what may be an object. */
export function fieldOf(value: unknown, field: string): unknown {
  return isObject(value) ? value[field] : undefined;
}
