import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue, objectFrom } from '../core/json.ts';
import type { RenderedText } from '../core/rendered.ts';
import { findRenderer, plainKubeVersion, type RenderContext, versionOf } from './context.ts';
import { createCopy, makeFolder, type PrivateCopy, writePrivate } from './copy.ts';
import { run } from './engine.ts';
import { rendererEnvironment } from './environment.ts';
import { isRemoteFolder } from './git-address.ts';
import { KustomizationWalk, type Outworld } from './kustomization.ts';
import { invalid } from './kustomization-fields.ts';
import { type Folder, readKustomization } from './kustomization-file.ts';
import { kustomizeCharts } from './kustomize-charts.ts';
import type { Remote } from './remote.ts';
import { substitute } from './substitute.ts';
import { readYaml, writeJson } from './yaml.ts';

const ORIGIN = 'originAnnotations';

/**
 * Renders a kustomization as Argo CD does: the application's changes by `kustomize edit`, then `kustomize build`, both
 * in a private copy of what the kustomization reaches. In the copy kustomize is asked to say where each object came
 * from; the parser takes that out again, so the objects are those of the bare build.
 */
export async function renderKustomize(
  context: RenderContext,
): Promise<{ texts: RenderedText[]; versions: Record<string, string> }> {
  const { settings, tree, path, room, engine, request } = context;
  const program = findRenderer('kustomize', settings, context.ports);
  const copy = createCopy(room.tree);
  const charts = kustomizeCharts(context, copy);
  const folder: Folder = { realm: { tree, prefix: '.' }, path };
  const edited = await edit(context, program, copy, folder);

  let marks: RenderedText['marks'] = 'kustomize';
  let opened: Promise<Remote> | undefined;
  const remote = () => (opened ??= import('./remote.ts').then(({ openRemote }) => openRemote(context)));
  const outworld: Outworld = {
    chart: charts.chart,
    fetchFolder: async (text, where) => (await remote()).fetchFolder(text, where),
    fetchFile: async (url, where) => (await remote()).fetchFile(url, where),
  };
  const walk = new KustomizationWalk(copy, outworld, context.reading);
  await walk.visit(folder, edited, (value) => {
    const changed = withComponents(withPatches(value, context), context, folder);
    const metadata = changed['buildMetadata'] ?? [];
    if (!Array.isArray(metadata)) throw invalid('buildMetadata is not a list', path);
    if (!metadata.includes(ORIGIN)) return { value: withField(changed, 'buildMetadata', [...metadata, ORIGIN]) };
    // Asked for by the kustomization itself: then it belongs to what the bare build prints, and stays.
    marks = 'none';
    return { value: changed };
  });

  const args = ['build', '.'];
  if (charts.used()) {
    makeFolder(room.temporary);
    args.push('--enable-helm', '--helm-command', charts.command());
    const kubeVersion = plainKubeVersion(request.kubeVersion);
    if (kubeVersion !== '') args.push('--helm-kube-version', kubeVersion);
    for (const each of request.apiVersions) args.push('--helm-api-versions', each);
  }
  const name = `kustomize build ${path}`;
  const built = run(engine, { program, args, cwd: join(room.tree, path), env: rendererEnvironment(room), name });
  // Asked while it builds, so that nobody waits for the answer.
  const version = versionOf('kustomize', program, context);
  const bytes = await built;
  const versions = { kustomize: await version, ...(await charts.version()) };
  return { texts: [{ file: name, bytes, marks, base: path }], versions };
}

/** What `kustomize edit` does for Argo CD, in its order. The edited text, or undefined where nothing was to edit. */
async function edit(
  context: RenderContext,
  program: string,
  copy: PrivateCopy,
  folder: Folder,
): Promise<string | undefined> {
  const commands = editCommands(context);
  if (commands.length === 0) return undefined;
  const { path: file, document } = await readKustomization(folder, context.reading);
  const edited = join(copy.root, file);
  writePrivate(edited, writeJson(document.value));
  const env = rendererEnvironment(context.room);
  const cwd = join(copy.root, folder.path);
  for (const args of commands) {
    await run(context.engine, {
      program,
      args: ['edit', ...args],
      cwd,
      env,
      name: `kustomize edit ${args[0]} ${args[1]}`,
    });
  }
  return readFileSync(edited, 'utf8');
}

function editCommands({ request }: RenderContext): string[][] {
  const { kustomize, buildEnvironment } = request;
  const fill = (text: string) => substitute(text, buildEnvironment);
  const pairs = (map: Readonly<Record<string, string>>, change: (text: string) => string) =>
    Object.entries(map).map(([key, value]) => `${key}:${change(value)}`);
  const commands: string[][] = [];
  if (kustomize.namePrefix !== '') commands.push(['set', 'nameprefix', '--', kustomize.namePrefix]);
  if (kustomize.nameSuffix !== '') commands.push(['set', 'namesuffix', '--', kustomize.nameSuffix]);
  if (kustomize.images.length > 0) commands.push(['set', 'image', '--', ...kustomize.images.map(fill)]);
  const replicas = Object.entries(kustomize.replicas).map(([name, count]) => `${name}=${Number(count)}`);
  if (replicas.length > 0) commands.push(['set', 'replicas', '--', ...replicas]);
  const labels = pairs(kustomize.commonLabels, fill);
  if (labels.length > 0) {
    const flags = [
      ...(kustomize.forceCommonLabels ? ['--force'] : []),
      ...(kustomize.labelWithoutSelector ? ['--without-selector'] : []),
      ...(kustomize.labelIncludeTemplates ? ['--include-templates'] : []),
    ];
    commands.push(['add', 'label', ...flags, '--', ...labels]);
  }
  const annotations = pairs(kustomize.commonAnnotations, kustomize.commonAnnotationsEnvsubst ? fill : (text) => text);
  if (annotations.length > 0) {
    commands.push([
      'add',
      'annotation',
      ...(kustomize.forceCommonAnnotations ? ['--force'] : []),
      '--',
      ...annotations,
    ]);
  }
  if (kustomize.namespace !== '') commands.push(['set', 'namespace', '--', kustomize.namespace]);
  return commands;
}

function withPatches(value: JsonObject, { request, reading }: RenderContext): JsonObject {
  const { patches } = request.kustomize;
  if (patches.length === 0) return value;
  const added = patches.map((text, index) => {
    const where = `the parameter kustomize-patches, entry ${index + 1}`;
    const [document, another] = readYaml(text, where, 'PARAMETER_INVALID', reading);
    if (document === undefined || another !== undefined || !isObject(document.value)) {
      throw new GateError('PARAMETER_INVALID', `${where} is not one patch: a mapping with patch or path, and target`);
    }
    return document.value;
  });
  return withField(value, 'patches', [...listOf(value, 'patches'), ...added]);
}

function withComponents(value: JsonObject, { request }: RenderContext, folder: Folder): JsonObject {
  const { components, ignoreMissingComponents } = request.kustomize;
  const present = listOf(value, 'components');
  const added = components.filter((component) => {
    if (present.includes(component)) return false;
    if (!ignoreMissingComponents || isRemoteFolder(component)) return true;
    return folder.realm.tree.find(posix.join(folder.path, component)) !== undefined;
  });
  return added.length === 0 ? value : withField(value, 'components', [...present, ...added]);
}

function listOf(value: JsonObject, field: string): readonly JsonValue[] {
  const list = value[field] ?? [];
  if (Array.isArray(list)) return list;
  throw invalid(`${field} is not a list`, 'the kustomization');
}

function withField(value: JsonObject, field: string, content: JsonValue): JsonObject {
  return objectFrom([...Object.entries(value).filter(([key]) => key !== field), [field, content]]);
}
