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
import { type Changed, KustomizationWalk, type Outworld } from './kustomization.ts';
import { invalid } from './kustomization-fields.ts';
import { hasKustomization } from './kustomization-file.ts';
import type { Remote } from './remote.ts';
import type { CalledParts, FluxHelm, HelmRequest } from './request.ts';
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
  const { called } = context.request;
  const found = { exists, called, where: path };
  const written = hasKustomization(tree, path)
    ? await walk.visit(folder, undefined, (value) =>
        withOrigins(withFlux(value, asked, { ...found, generated: false, where: `the kustomization of ${path}` })),
      )
    : await walk.visitAs(
        folder,
        withOrigins(withFlux(await listFolder(tree, path, context.reading), asked, { ...found, generated: true })),
      );
  const { bytes, versions } = await buildPatched(context, program, join(room.tree, path), path, {
    file: join(room.tree, written?.path ?? ''),
    value: written?.value ?? {},
  });
  // Flux leaves such annotations where the kustomization asks for them; its next kustomize would take them out.
  return { texts: [{ file: `kustomize build ${path}`, bytes, marks: 'kustomize', base: path }], versions };
}

function withOrigins(changed: Changed): Changed {
  const { value } = changed;
  const asked = value['buildMetadata'] ?? [];
  if (!Array.isArray(asked)) throw invalid('buildMetadata is not a list', 'the kustomization');
  if (asked.includes(ORIGIN)) return changed;
  const entries: [string, JsonValue][] = Object.entries(value).filter(([key]) => key !== 'buildMetadata');
  return { ...changed, value: objectFrom([...entries, ['buildMetadata', [...asked, ORIGIN]]]) };
}

/** A kustomization that is built, and its file. The patches that were asked for stand behind its own. */
interface Kustomization {
  readonly file: string;
  readonly value: JsonObject;
}

/**
 * Builds; where that fails, finds out by building with fewer of the patches that were asked for whether one of them is
 * at fault, and which. kustomize applies them in their order, and says of a bad one only what is bad.
 */
async function buildPatched(
  context: RenderContext,
  program: string,
  cwd: string,
  path: string,
  { file, value }: Kustomization,
): Promise<Awaited<ReturnType<typeof build>>> {
  try {
    return await build(context, program, cwd, path);
  } catch (failed) {
    const { flux, called } = context.request;
    if (called === undefined || flux.patches.length === 0) throw failed;
    if (!(failed instanceof GateError) || failed.code !== 'RENDER_FAILED') throw failed;
    const patches = value['patches'] as readonly JsonValue[];
    const own = patches.length - flux.patches.length;
    const complaintOf = async (count: number): Promise<GateError | undefined> => {
      const others = Object.entries(value).filter(([key]) => key !== 'patches');
      const fewer = objectFrom([...others, ['patches', patches.slice(0, own + count)]]);
      writePrivate(file, writeJson(fewer));
      try {
        await kustomizeBuild(context, program, cwd, path);
        return undefined;
      } catch (thrown) {
        // What is not kustomize's own complaint, such as the deadline, says nothing of patches.
        if (thrown instanceof GateError && thrown.code === 'RENDER_FAILED') return thrown;
        throw failed;
      }
    };
    if ((await complaintOf(0)) !== undefined) throw failed;
    let [good, bad, complaint] = [0, flux.patches.length, failed];
    while (bad - good > 1) {
      const middle = Math.floor((good + bad) / 2);
      const found = await complaintOf(middle);
      if (found === undefined) good = middle;
      else [bad, complaint] = [middle, found];
    }
    const where = `${called.patches}[${bad - 1}]`;
    throw new GateError('RENDER_FAILED', `${where}: ${complaint.message}`, {
      place: where,
      mend: `Correct ${where}.`,
      cause: complaint,
    });
  }
}

async function build(
  context: RenderContext,
  program: string,
  cwd: string,
  path: string,
): Promise<{ bytes: Uint8Array; versions: Record<string, string> }> {
  const built = kustomizeBuild(context, program, cwd, path);
  // Asked while it builds, so that nobody waits for the answer.
  const version = versionOf('kustomize', program, context);
  const bytes = await built;
  return { bytes, versions: { kustomize: await version } };
}

function kustomizeBuild(context: RenderContext, program: string, cwd: string, path: string): Promise<Buffer> {
  const env = rendererEnvironment(context.room);
  return run(context.engine, { program, args: ['build', '.'], cwd, env, name: `kustomize build ${path}` });
}

async function renderChart(context: RenderContext, helm: FluxHelm): Promise<Built> {
  const asked = context.request.flux;
  refuseForCharts(context);
  const path = findChart(context.tree, context.path, context.request.called);
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
function findChart(tree: SourceTree, path: string, called: CalledParts | undefined): string {
  const hasChart = (folder: string) => tree.find(posix.join(folder, 'Chart.yaml'))?.kind === 'file';
  if (hasChart(path)) return path;
  const [only, another] = tree.list(path);
  if (only?.kind === 'folder' && another === undefined && hasChart(posix.join(path, only.name))) {
    return posix.join(path, only.name);
  }
  const file = posix.join(path, 'Chart.yaml');
  if (called === undefined) throw new GateError('RENDER_CHART', `${file}: there is no such file`, { place: path });
  throw new GateError('RENDER_CHART', `${called.helm}: ${called.path} is no chart, because there is no ${file}`, {
    place: called.path,
    mend: `Correct ${called.path}, or take ${called.helm} out where the source is no chart.`,
  });
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
  const file = join(folder, 'kustomization.yaml');
  writePrivate(file, writeJson(kustomization));
  context.engine.hide.unshift([folder, path]);
  const { bytes, versions: own } = await buildPatched(context, program, folder, path, { file, value: kustomization });
  return {
    texts: [{ file: `helm template ${path} with patches`, bytes, marks: 'none' }],
    versions: { ...versions, ...own },
  };
}
