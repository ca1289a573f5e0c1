/** Objects as they would leave the gate for Flux, and as Flux itself would build them from the same source and fields. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, type JsonObject, type JsonValue, objectFrom } from '../../src/core/json.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { emitManifests } from '../../src/manifests/emit.ts';
import { finishForFlux } from '../../src/manifests/flux.ts';
import { parseManifests } from '../../src/manifests/parse.ts';
import { defaultManifestSettings } from '../../src/manifests/settings.ts';
import { type FluxRequest, PLAIN_FLUX } from '../../src/render/request.ts';
import type { FluxAnswer, Fluxbuild } from './fluxbuild.ts';
import { type RenderOptions, renderFolder } from './render.ts';

/** What is asked for; what is left out is plain. */
export type Asked = Partial<FluxRequest>;

/** The objects that the gate would judge and let out. Throws GateError. */
export async function objectsForFlux(
  root: string,
  path: string,
  asked: Asked,
  options: RenderOptions = {},
): Promise<Manifest[]> {
  const flux = { ...PLAIN_FLUX, ...asked };
  const rendered = await renderFolder(root, {
    ...options,
    path,
    settings: { allowEmpty: true, ...options.settings },
    request: (plain) => ({ ...(options.request?.(plain) ?? plain), tool: 'flux', flux }),
  });
  const { postBuild, commonMetadata, helm } = flux;
  return finishForFlux(
    parseManifests(rendered.texts, defaultManifestSettings, 'flux'),
    {
      substitution: postBuild && { variables: postBuild.variables, always: postBuild.strategy === 'Always' },
      commonMetadata,
      releaseNamespace: helm?.namespace,
    },
    defaultManifestSettings,
  );
}

/** The spec of the Kustomization that asks Flux for the same. */
export function specOf(path: string, asked: Asked): JsonObject {
  const { postBuild, ...others } = asked;
  return json({
    path,
    ...Object.fromEntries(Object.entries(others).filter(([, value]) => value !== '')),
    ...(postBuild && { postBuild: { substitute: postBuild.variables, substituteStrategy: postBuild.strategy } }),
  }) as JsonObject;
}

/** What Flux applies from an artifact as it is published: one file of manifests, and a kustomization that names it. */
export async function consumed(
  flux: Fluxbuild,
  manifests: readonly Manifest[],
): Promise<FluxAnswer<readonly JsonObject[]>> {
  const root = mkdtempSync(join(tmpdir(), 'artifact-'));
  try {
    writeFileSync(join(root, 'manifests.yaml'), emitManifests(manifests, 'yaml'));
    writeFileSync(
      join(root, 'kustomization.yaml'),
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- manifests.yaml\n',
    );
    return await flux.build(root, json({ path: './' }) as JsonObject);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Objects as texts that compare: keys in one order, objects in one order. */
export function asTexts(objects: readonly JsonObject[]): string[] {
  return objects.map((object) => canonicalJson(object)).sort();
}

/** Plain values as the gate holds them. */
export function json(value: unknown): JsonValue {
  if (Array.isArray(value)) return value.map(json);
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  return objectFrom(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key, json(each)] as const),
  );
}

/** An object of Flux without the notes of kustomize, which its next run would take out. */
export function withoutNotes(object: JsonObject): JsonObject {
  const metadata = object['metadata'] as JsonObject;
  const annotations = Object.entries((metadata['annotations'] ?? {}) as JsonObject).filter(
    ([key]) => key !== 'config.kubernetes.io/origin' && key !== 'alpha.config.kubernetes.io/transformations',
  );
  const others = Object.entries(metadata).filter(([key]) => key !== 'annotations');
  const left = annotations.length === 0 ? others : [...others, ['annotations', objectFrom(annotations)] as const];
  return objectFrom([...Object.entries(object), ['metadata', objectFrom(left as [string, JsonValue][])]]);
}
