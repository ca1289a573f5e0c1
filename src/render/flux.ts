import { join, posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import { type JsonObject, type JsonValue, objectFrom } from '../core/json.ts';
import type { RenderedText } from '../core/rendered.ts';
import type { SourceTree } from '../core/source.ts';
import { findRenderer, type RenderContext, versionOf } from './context.ts';
import { createCopy, makeFolder, writePrivate } from './copy.ts';
import { run } from './engine.ts';
import { rendererEnvironment } from './environment.ts';
import { imageEntry, listFolder, patchEntry, withFlux } from './flux-kustomization.ts';
import { renderHelm } from './helm.ts';
import { hasKustomization, KustomizationWalk, type Outworld } from './kustomization.ts';
import { invalid } from './kustomization-fields.ts';
import type { Remote } from './remote.ts';
import type { FluxHelm, HelmRequest } from './request.ts';
import { writeJson } from './yaml.ts';

interface Built {
  readonly texts: RenderedText[];
  readonly versions: Record<string, string>;
}

const ORIGIN = 'originAnnotations';

/**
 * Builds a folder as kustomize-controller does, or renders a chart as helm-controller does on install, up to the point
 * where variables are substituted. Throws as the renderers of Argo CD's kinds do.
 */
export async function renderFlux(context: RenderContext): Promise<Built> {
  const { helm } = context.request.flux;
  return helm === undefined ? buildFolder(context) : renderChart(context, helm);
}

async function buildFolder(context: RenderContext): Promise<Built> {
  const { tree, path, room } = context;
  const asked = context.request.flux;
  const program = findRenderer('kustomize', context.settings, context.ports);
  const copy = createCopy(room.tree);
  const folder = { realm: { tree, prefix: '.' }, path };
  let opened: Promise<Remote> | undefined;
  const remote = () => (opened ??= import('./remote.ts').then(({ openRemote }) => openRemote(context)));
  const outworld: Outworld = {
    chart: (_, __, ___, where) => {
      throw new GateError('RENDER_PROGRAM_REFUSED', `${where}: it wants helm to be run, and Flux builds without it`, {
        place: where,
        mend: 'Render the chart by a GatedSource of its own (spec.helm), or write out what it renders to.',
      });
    },
    fetchFolder: async (text, where) => (await remote()).fetchFolder(text, where),
    fetchFile: async (url, where) => (await remote()).fetchFile(url, where),
  };
  // Flux lets kustomize load files from the whole source.
  const walk = new KustomizationWalk(copy, outworld, context.reading, 'anywhere');
  const exists = (component: string) => tree.find(posix.join(path, component)) !== undefined;
  if (hasKustomization(tree, path)) {
    const where = `the kustomization of ${path}`;
    const change = (value: JsonObject) => withOrigins(withFlux(value, asked, { generated: false, exists, where }));
    await walk.visit(folder, undefined, change);
  } else {
    const value = withFlux(await listFolder(tree, path, context.reading), asked, {
      generated: true,
      exists,
      where: path,
    });
    await walk.visitAs(folder, withOrigins(value));
  }
  const { bytes, versions } = await build(context, program, join(room.tree, path), path);
  // Flux leaves such annotations where the kustomization asks for them; its next kustomize would take them out.
  return { texts: [{ file: `kustomize build ${path}`, bytes, marks: 'kustomize', base: path }], versions };
}

function withOrigins(value: JsonObject): JsonObject {
  const asked = value['buildMetadata'] ?? [];
  if (!Array.isArray(asked)) throw invalid('buildMetadata is not a list', 'the kustomization');
  if (asked.includes(ORIGIN)) return value;
  const entries: [string, JsonValue][] = Object.entries(value).filter(([key]) => key !== 'buildMetadata');
  return objectFrom([...entries, ['buildMetadata', [...asked, ORIGIN]]]);
}

async function build(
  context: RenderContext,
  program: string,
  cwd: string,
  path: string,
): Promise<{ bytes: Uint8Array; versions: Record<string, string> }> {
  const name = `kustomize build ${path}`;
  const built = run(context.engine, {
    program,
    args: ['build', '.'],
    cwd,
    env: rendererEnvironment(context.room),
    name,
  });
  // Asked while it builds, so that nobody waits for the answer.
  const version = versionOf('kustomize', program, context);
  const bytes = await built;
  return { bytes, versions: { kustomize: await version } };
}

async function renderChart(context: RenderContext, helm: FluxHelm): Promise<Built> {
  const asked = context.request.flux;
  refuseForCharts(context);
  const path = findChart(context.tree, context.path);
  const request = { ...context.request, helm: asHelmRequest(helm), buildEnvironment: {}, appName: '' };
  const rendered = await renderHelm({ ...context, path, request });
  const versions = { helm: rendered.version };
  if (asked.patches.length === 0 && asked.images.length === 0) return { texts: rendered.texts, versions };
  return postRender(context, rendered.texts, versions, path);
}

function asHelmRequest({ releaseName, namespace, values, skipCrds, skipTests }: FluxHelm): HelmRequest {
  return {
    releaseName,
    namespace,
    values,
    skipCrds,
    skipTests,
    valueFiles: [],
    ignoreMissingValueFiles: false,
    parameters: {},
    stringParameters: {},
    fileParameters: {},
    skipSchemaValidation: false,
  };
}

/** A HelmRelease has none of these fields; what they should do to a chart nobody has said. */
function refuseForCharts({ request: { flux } }: RenderContext): void {
  const odd = [
    flux.components.length > 0 && 'components',
    flux.namePrefix !== '' && 'namePrefix',
    flux.nameSuffix !== '' && 'nameSuffix',
    flux.postBuild !== undefined && 'postBuild',
  ].find((field) => field !== false);
  if (odd === undefined) return;
  throw new GateError('PARAMETER_INVALID', `a chart is rendered without ${odd}`, {
    mend: 'Use the values of the chart, or patches.',
  });
}

/**
 * Where the chart is: in the folder itself, or, as in the artifact of a HelmChart, in the only folder there.
 * Throws RENDER_CHART.
 */
function findChart(tree: SourceTree, path: string): string {
  const hasChart = (folder: string) => tree.find(posix.join(folder, 'Chart.yaml'))?.kind === 'file';
  if (hasChart(path)) return path;
  const [only, another] = tree.list(path);
  if (only?.kind === 'folder' && another === undefined && hasChart(posix.join(path, only.name))) {
    return posix.join(path, only.name);
  }
  throw new GateError('RENDER_CHART', `${posix.join(path, 'Chart.yaml')}: there is no such file`, { place: path });
}

/** The post-renderers of a HelmRelease: patches and images, in a kustomization of nothing but what helm printed. */
async function postRender(
  context: RenderContext,
  texts: readonly RenderedText[],
  versions: Record<string, string>,
  path: string,
): Promise<Built> {
  const asked = context.request.flux;
  const program = findRenderer('kustomize', context.settings, context.ports);
  const folder = makeFolder(join(context.room.root, 'post-render'));
  const input = 'helm-output.yaml';
  writePrivate(join(folder, input), Buffer.concat(texts.map(({ bytes }) => bytes)));
  const kustomization = objectFrom([
    ['apiVersion', 'kustomize.config.k8s.io/v1beta1'],
    ['kind', 'Kustomization'],
    ['resources', [input]],
    ['images', asked.images.map(imageEntry)],
    ['patches', asked.patches.map(patchEntry)],
  ]);
  writePrivate(join(folder, 'kustomization.yaml'), writeJson(kustomization));
  context.engine.hide.unshift([folder, path]);
  const { bytes, versions: own } = await build(context, program, folder, path);
  return {
    texts: [{ file: `helm template ${path} with patches`, bytes, marks: 'none' }],
    versions: { ...versions, ...own },
  };
}
