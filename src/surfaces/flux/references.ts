import { createHash } from 'node:crypto';
import { GateError } from '../../core/errors.ts';
import { type Kube, KubeError, type KubeObject, type KubeResource, valueAt } from '../../core/kube.ts';
import type { GatedSourceSpec } from './gated-source.ts';
import { Hindrance } from './hindrance.ts';
import type { ReferencedData, ValuesText } from './ports.ts';

type Kind = 'ConfigMap' | 'Secret';

const RESOURCES: Readonly<Record<Kind, KubeResource>> = {
  ConfigMap: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
  Secret: { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true },
};

/** What the ConfigMaps and Secrets of a GatedSource hold. */
export interface References {
  readonly substitutes: readonly ReferencedData[];
  readonly values: readonly ValuesText[];
  /** Differs whenever one of them was changed, made or removed. */
  readonly stamp: string;
}

/**
 * Reads what a GatedSource refers to, in its own namespace and nowhere else, each object once. Throws a Hindrance for
 * one that is not there, unless it may be absent, and for one that the gate may not read.
 */
export async function readReferences(
  kube: Kube,
  namespace: string,
  spec: GatedSourceSpec,
  signal: AbortSignal,
): Promise<References> {
  const wantedSubstitutes = spec.postBuild?.substituteFrom ?? [];
  const wantedValues = spec.helm?.valuesFrom ?? [];
  const names = new Map<string, { readonly kind: Kind; readonly name: string }>();
  for (const { kind, name } of [...wantedSubstitutes, ...wantedValues]) names.set(`${kind}/${name}`, { kind, name });
  const found = new Map<string, KubeObject | undefined>();
  await Promise.all(
    [...names].map(async ([id, { kind, name }]) => found.set(id, await read(kube, kind, namespace, name, signal))),
  );

  const substitutes: ReferencedData[] = [];
  for (const { kind, name, optional } of wantedSubstitutes) {
    const object = found.get(`${kind}/${name}`);
    if (object !== undefined) substitutes.push({ kind, name, data: dataOf(kind, name, object) });
    else if (!optional) throw missing(`${kind} ${namespace}/${name} does not exist`, 'spec.postBuild.substituteFrom');
  }
  const values: ValuesText[] = [];
  for (const { kind, name, valuesKey, targetPath, optional } of wantedValues) {
    const object = found.get(`${kind}/${name}`);
    const text = object === undefined ? undefined : dataOf(kind, name, object)[valuesKey];
    if (text !== undefined) values.push({ name: `${kind} ${name} (${valuesKey})`, text, targetPath });
    else if (!optional) {
      const what = object === undefined ? 'does not exist' : `has no key ${JSON.stringify(valuesKey)}`;
      throw missing(`${kind} ${namespace}/${name} ${what}`, 'spec.helm.valuesFrom');
    }
  }
  return { substitutes, values, stamp: stampOf(found) };
}

async function read(
  kube: Kube,
  kind: Kind,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  try {
    return await kube.get(RESOURCES[kind], { namespace, name }, signal);
  } catch (error) {
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
    throw new Hindrance(
      'ReferenceForbidden',
      new GateError('FLUX_REFERENCE_REFUSED', `the gate may not read ${kind} ${namespace}/${name}`, {
        mend: `Have a RoleBinding in namespace ${namespace} bind the ClusterRole syncgate-values-reader, or a Role of your own with get on ${RESOURCES[kind].plural} "${name}", to the ServiceAccount syncgate of the gate's namespace.`,
        cause: error,
      }),
      'retry',
    );
  }
}

/** The data as text. A Secret's is base64, and must be UTF-8 beneath: neither variables nor values are anything else. */
function dataOf(kind: Kind, name: string, object: KubeObject): Readonly<Record<string, string>> {
  const data = valueAt(object, 'data');
  const texts: Record<string, string> = Object.create(null);
  if (typeof data !== 'object' || data === null) return texts;
  for (const [key, value] of Object.entries(data)) {
    if (typeof value !== 'string') continue;
    texts[key] = kind === 'Secret' ? decoded(name, key, value) : value;
  }
  return texts;
}

function decoded(name: string, key: string, value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'base64'));
  } catch (cause) {
    const message = `key ${JSON.stringify(key)} of Secret ${name} is not text in UTF-8`;
    throw new Hindrance('ReferenceInvalid', new GateError('FLUX_REFERENCE_MISSING', message, { cause }), 'retry');
  }
}

function missing(message: string, place: string): Hindrance {
  return new Hindrance('ReferenceMissing', new GateError('FLUX_REFERENCE_MISSING', message, { place }), 'retry');
}

function stampOf(found: ReadonlyMap<string, KubeObject | undefined>): string {
  const seen = [...found]
    .map(([id, object]) => [id, object?.metadata.uid ?? '', object?.metadata.resourceVersion ?? ''])
    .sort();
  return createHash('sha256').update(JSON.stringify(seen)).digest('hex');
}
