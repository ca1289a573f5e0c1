import { isObject, type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import { entriesOf, withField } from './draft.ts';

/**
 * A custom resource with the defaults of its definition's schema, and without the fields that the schema does not know,
 * as the API server stores it. The object as it is where the definition has no schema for its version.
 */
export function completeBySchema(object: JsonObject, definition: JsonObject, version: string): JsonObject {
  const spec = isObject(definition['spec']) ? definition['spec'] : undefined;
  const versions = Array.isArray(spec?.['versions']) ? (spec['versions'] as readonly JsonValue[]) : [];
  const served = versions.find((each) => isObject(each) && each['name'] === version);
  const holder = isObject(served) && isObject(served['schema']) ? served['schema'] : undefined;
  const schema = holder?.['openAPIV3Schema'];
  if (!isObject(schema)) return object;
  const subresources = isObject(served) && isObject(served['subresources']) ? served['subresources'] : {};
  const stated = Object.entries(object).filter(([key]) => key !== 'status' || !Object.hasOwn(subresources, 'status'));
  const generation = withField(object['metadata'] as JsonObject, 'generation', 1);
  const whole = withField(objectFrom(stated), 'metadata', generation);
  return completed(whole, schema, spec?.['preserveUnknownFields'] === true, true) as JsonObject;
}

/** `apiVersion`, `kind` and `metadata` are no business of a schema where a whole object stands. */
const OBJECT_FIELDS = new Set(['apiVersion', 'kind', 'metadata']);

function completed(value: JsonValue, schema: JsonObject, keepsUnknown: boolean, isWhole: boolean): JsonValue {
  const keeps = keepsUnknown || schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (Array.isArray(value)) {
    const items = schema['items'];
    return isObject(items) ? value.map((item) => element(item, items, keepsUnknown)) : value;
  }
  if (!isObject(value)) return value;
  const properties = isObject(schema['properties']) ? schema['properties'] : undefined;
  const additional = schema['additionalProperties'];
  const whole = isWhole || schema['x-kubernetes-embedded-resource'] === true;
  const made: [string, JsonValue][] = [];
  for (const [key, each] of Object.entries(value)) {
    const known = properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (whole && OBJECT_FIELDS.has(key)) made.push([key, each]);
    else if (isObject(known)) {
      // Null is dropped where a default stands ready and null is not allowed.
      if (each === null && known['nullable'] !== true && known['default'] !== undefined) continue;
      made.push([key, element(each, known, keepsUnknown)]);
    } else if (isObject(additional)) made.push([key, element(each, additional, keepsUnknown)]);
    else if (additional === true || keeps) made.push([key, each]);
  }
  for (const [key, property] of entriesOf(properties)) {
    if (!isObject(property) || property['default'] === undefined || made.some(([each]) => each === key)) continue;
    made.push([key, completed(property['default'], property, keepsUnknown, false)]);
  }
  return objectFrom(made);
}

function element(value: JsonValue, schema: JsonObject, keepsUnknown: boolean): JsonValue {
  return completed(value, schema, keepsUnknown, false);
}
