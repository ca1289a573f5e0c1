import { isObject, type JsonObject } from '../../../core/json.ts';
import { withField } from './draft.ts';
import type { GroupVersionKind } from './request.ts';
import { apiVersionOf, type ResourceTable } from './resources.ts';

/**
 * The object in another version of its kind, for rules of `matchPolicy: Equivalent`; undefined where the conversion is not
 * known. Custom resources whose definition converts nothing differ in their apiVersion alone; built-in kinds that have
 * several versions (autoscaling, events) are not converted.
 */
export function convertObject(
  object: JsonObject,
  to: GroupVersionKind,
  resources: ResourceTable,
): JsonObject | undefined {
  const definition = resources.definition(to.group, to.kind);
  const spec = isObject(definition?.['spec']) ? definition['spec'] : undefined;
  if (spec === undefined) return undefined;
  const conversion = isObject(spec['conversion']) ? spec['conversion'] : undefined;
  if (conversion !== undefined && conversion['strategy'] !== 'None') return undefined;
  return withField(object, 'apiVersion', apiVersionOf(to));
}
