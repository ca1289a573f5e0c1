import { type FluxHelm, type FluxPostBuild, plainRequest, type RenderRequest } from '../../render/request.ts';
import type { GatedSourceSpec } from './gated-source.ts';
import type { ReferencedData, RequestInput, ValuesText } from './ports.ts';

const CALLED = {
  path: 'spec.path',
  components: 'spec.components',
  patches: 'spec.patches',
  helm: 'spec.helm',
} as const;

/** What a gated source asks of the renderer: everything that Flux would otherwise change after the gate. */
export async function buildRequest(
  { key, spec, root, path, substitutes, values, cluster }: RequestInput,
  signal: AbortSignal,
): Promise<RenderRequest> {
  const targetNamespace = spec.targetNamespace ?? '';
  const helm = spec.helm === undefined ? undefined : await helmOf(key, spec, spec.helm, values, signal);
  return {
    ...plainRequest({ kind: 'folder', root, path }),
    tool: 'flux',
    called: CALLED,
    appName: key.name,
    destinationNamespace: helm?.namespace ?? targetNamespace,
    kubeVersion: cluster?.version ?? '',
    apiVersions: cluster?.apiVersions ?? [],
    flux: {
      patches: (spec.patches ?? []).map(({ patch, target }) => ({ patch, ...(target && { target }) })),
      images: spec.images ?? [],
      components: spec.components ?? [],
      ignoreMissingComponents: spec.ignoreMissingComponents ?? false,
      targetNamespace,
      namePrefix: spec.namePrefix ?? '',
      nameSuffix: spec.nameSuffix ?? '',
      commonMetadata: {
        labels: spec.commonMetadata?.labels ?? {},
        annotations: spec.commonMetadata?.annotations ?? {},
      },
      postBuild: spec.postBuild && postBuildOf(spec.postBuild, substitutes),
      helm,
    },
  };
}

function postBuildOf(
  { substitute = {}, substituteStrategy = 'WithVariables' }: NonNullable<GatedSourceSpec['postBuild']>,
  substitutes: readonly ReferencedData[],
): FluxPostBuild {
  const variables: Record<string, string> = Object.create(null);
  for (const data of [...substitutes.map((each) => each.data), substitute]) {
    // As Flux does: a value that a file ends with a line break for would break the line that it is put into.
    for (const [name, value] of Object.entries(data)) variables[name] = value.replaceAll('\n', '');
  }
  return { variables, strategy: substituteStrategy };
}

async function helmOf(
  key: RequestInput['key'],
  spec: GatedSourceSpec,
  { releaseName = key.name, values: inline, skipCrds = false, skipTests }: NonNullable<GatedSourceSpec['helm']>,
  references: readonly ValuesText[],
  signal: AbortSignal,
): Promise<FluxHelm> {
  // What reads values knows every way to write them, and only charts have any.
  const { mergeValues } = await import('../../render/flux-values.ts');
  return {
    releaseName,
    namespace: spec.targetNamespace ?? key.namespace,
    values: await mergeValues(references, inline, signal),
    skipCrds,
    // The tests of a chart are run by `helm test`, which nobody does here: applied, they would be Pods like any other.
    skipTests: skipTests ?? true,
  };
}
