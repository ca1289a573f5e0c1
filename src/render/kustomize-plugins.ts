import { GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';

/**
 * The generators and transformers that are built into kustomize, and which fields of theirs name files. Everything else
 * in `generators`, `transformers` and `validators` is a program: an exec or Go plugin, or a container function.
 */
export const PLUGIN_PATHS: Readonly<Record<string, readonly string[]>> = {
  AnnotationsTransformer: [],
  ConfigMapGenerator: ['files', 'envs', 'env'],
  HashTransformer: [],
  HelmChartInflationGenerator: [],
  IAMPolicyGenerator: [],
  ImageTagTransformer: [],
  LabelTransformer: [],
  LegacyOrderTransformer: [],
  NamespaceTransformer: [],
  PatchJson6902Transformer: ['path'],
  PatchStrategicMergeTransformer: ['paths'],
  PatchTransformer: ['path'],
  PrefixTransformer: [],
  PrefixSuffixTransformer: [],
  ReplacementTransformer: [],
  ReplicaCountTransformer: [],
  SecretGenerator: ['files', 'envs', 'env'],
  SortOrderTransformer: [],
  SuffixTransformer: [],
  ValueAddTransformer: ['targetFilePath'],
};

const FUNCTION_ANNOTATIONS = ['config.kubernetes.io/function', 'config.k8s.io/function'];

/** The plugin's kind, if it is one that kustomize itself has. Throws RENDER_PROGRAM_REFUSED for every other one. */
export function checkPlugin(value: JsonValue, where: string): { kind: string; value: JsonObject } {
  const refuse = (what: string): GateError =>
    new GateError('RENDER_PROGRAM_REFUSED', `${where}: ${what}`, { place: where });
  if (!isObject(value)) throw refuse('a plugin configuration is not a mapping');
  const { apiVersion, kind, metadata } = value;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') throw refuse('a plugin configuration has no kind');
  const annotations = isObject(metadata ?? null) ? (metadata as JsonObject)['annotations'] : undefined;
  if (annotations !== undefined && isObject(annotations)) {
    const found = FUNCTION_ANNOTATIONS.find((name) => annotations[name] !== undefined);
    if (found !== undefined) throw refuse(`${kind} is a function (${found}), which would run a program`);
  }
  if (apiVersion !== 'builtin' || !Object.hasOwn(PLUGIN_PATHS, kind)) {
    throw refuse(`${apiVersion} ${kind} is not built into kustomize, so it would be a program`);
  }
  return { kind, value };
}
