import { isObject, type JsonObject, type JsonValue } from '../../../core/json.ts';
import type { PolicyDocument } from '../document.ts';

/** Fields whose value is the rule's own, in which null may mean something, or which are not read at all. */
const free = new Set([
  ...['pattern', 'anyPattern', 'key', 'value', 'default', 'data', 'assert'],
  ...['mutate', 'generate', 'verifyImages', 'manifests', 'metadata', 'status'],
]);

/** The document without the fields that are null, as `exclude:` with nothing behind it is: a cluster drops them too. */
export function withoutNulls(document: PolicyDocument): PolicyDocument {
  return { ...document, value: clean(document.value) as JsonObject, locate: document.locate.bind(document) };
}

function clean(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(clean);
  if (!isObject(value)) return value;
  const made: Record<string, JsonValue> = Object.create(null);
  for (const key of Object.keys(value)) {
    const item = value[key] as JsonValue;
    if (item !== null) made[key] = free.has(key) ? item : clean(item);
  }
  return made;
}
