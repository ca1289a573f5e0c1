import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import type { RenderedText } from '../core/rendered.ts';
import { copyChart, SchemaSearch } from './chart.ts';
import { findRenderer, plainKubeVersion, type RenderContext, refuseTrick, versionOf } from './context.ts';
import { createCopy, makeFolder, type PrivateCopy, withContent, writePrivate } from './copy.ts';
import { attempt, failure, type Invocation } from './engine.ts';
import { rendererEnvironment } from './environment.ts';
import { substitute } from './substitute.ts';
import { locate, resolveValueFiles } from './value-files.ts';

/** What Argo CD takes for the sign that a chart's dependencies are not in its `charts` folder. */
const MISSING_DEPENDENCY =
  /found in (?:requirements\.yaml, but missing in charts|Chart\.yaml, but missing in charts\/ directory)/;

/**
 * Renders a chart as Argo CD does: `helm template` with its arguments first, and `helm dependency build` only if helm
 * says that a dependency is missing. Works in a private copy.
 */
export async function renderHelm(context: RenderContext): Promise<{ texts: RenderedText[]; version: string }> {
  const { request, settings, tree, path, room, engine } = context;
  const program = findRenderer('helm', settings, context.ports);
  const chartFile = posix.join(path, 'Chart.yaml');
  if (tree.find(chartFile)?.kind !== 'file') {
    throw new GateError('RENDER_CHART', `${chartFile}: there is no such file`, { place: chartFile });
  }
  makeFolder(room.temporary);
  const copy = createCopy(room.tree);
  const chart = { kind: 'folder', path, links: [] } as const;
  await copyChart(copy, tree, chart, '.', !request.helm.skipSchemaValidation, context.reading);
  const template: Invocation = {
    program,
    args: await templateArguments(context),
    cwd: join(room.tree, path),
    env: rendererEnvironment(room),
    name: `helm template ${path}`,
  };
  const first = attempt(engine, template);
  // Asked while it renders, so that nobody waits for the answer.
  const version = versionOf('helm', program, context);
  let result = await first;
  if (result.kind === 'exited' && result.code !== 0 && MISSING_DEPENDENCY.test(result.stderr)) {
    await buildDependencies(context, program, copy);
    result = await attempt(engine, template);
  }
  if (result.kind !== 'exited' || result.code !== 0) throw failure(engine, template, result);
  const texts = [{ file: template.name, bytes: result.stdout, marks: 'helm', base: path } as const];
  return { texts, version: await version };
}

async function templateArguments(context: RenderContext): Promise<string[]> {
  const { request } = context;
  const { helm } = request;
  const args = ['template', '.'];
  const name = helm.releaseName || releaseName(request.appName);
  if (name !== '') args.push('--name-template', refuseTrick(name, 'the release name'));
  const namespace = helm.namespace || request.destinationNamespace;
  if (namespace !== '') args.push('--namespace', refuseTrick(namespace, 'the release namespace'));
  const kubeVersion = plainKubeVersion(request.kubeVersion);
  if (kubeVersion !== '') args.push('--kube-version', kubeVersion);
  const value = (text: string) => listText(substitute(text, request.buildEnvironment));
  for (const [key, text] of Object.entries(helm.parameters)) args.push('--set', `${key}=${value(text)}`);
  for (const [key, text] of Object.entries(helm.stringParameters)) args.push('--set-string', `${key}=${value(text)}`);
  for (const [key, file] of fileParameters(context)) args.push('--set-file', `${key}=${file}`);
  for (const file of await valueFiles(context)) args.push('--values', file);
  for (const each of request.apiVersions) args.push('--api-versions', refuseTrick(each, 'an API version'));
  if (!helm.skipCrds) args.push('--include-crds');
  if (helm.skipSchemaValidation) args.push('--skip-schema-validation');
  if (helm.skipTests) args.push('--skip-tests');
  return args;
}

/** An Application outside of Argo CD's own namespace is called `<namespace>_<name>`; its release is `<name>`. */
function releaseName(appName: string): string {
  const parts = appName.split('_');
  return parts.length === 2 ? (parts[1] as string) : appName;
}

/** Commas separate values to `--set`; Argo CD escapes those of a value, unless it is a list (`{a,b}`). */
function listText(text: string): string {
  if (text.startsWith('{') && text.endsWith('}')) return text;
  let escaped = '';
  let before = '';
  for (const character of text) {
    escaped += character === ',' && before !== '\\' ? '\\,' : character;
    before = character;
  }
  return escaped;
}

/**
 * `--set-file` takes several `key=path` with commas between them, and `--values` several paths: a name with a comma in it
 * would make helm read a path that nobody checked. Files are therefore handed over under plain names of our own.
 */
function fileParameters(context: RenderContext): [key: string, file: string][] {
  const { request, tree, path } = context;
  return Object.entries(request.helm.fileParameters).map(([key, file], index) => {
    if (/[,={}]/.test(key)) {
      throw new GateError('RENDER_ARGUMENT_REFUSED', `the file parameter ${JSON.stringify(key)} is more than one name`);
    }
    const text = substitute(file, request.buildEnvironment);
    if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(text)) throw remoteValues(text);
    const entry = locate(tree, path, text);
    if (entry === undefined) {
      throw new GateError(
        'RENDER_VALUES_MISSING',
        `the file ${JSON.stringify(text)} of the parameter ${key} does not exist`,
      );
    }
    return [key, keep(context, `file-${index}`, tree.read(entry.path))];
  });
}

async function valueFiles(context: RenderContext): Promise<string[]> {
  const { request, tree, path } = context;
  const { valueFiles: files, ignoreMissingValueFiles: ignoreMissing, values } = request.helm;
  const { buildEnvironment } = request;
  const resolved = await resolveValueFiles(tree, path, { files, ignoreMissing, buildEnvironment }, context.reading);
  const kept: string[] = [];
  for (const [index, file] of resolved.entries()) {
    if (file.kind === 'url') throw remoteValues(file.url);
    const bytes = withContent(tree.read(file.entry.path), file.entry.path);
    await context.reading.step(bytes.length);
    kept.push(keep(context, `values-${index}.yaml`, bytes, file.entry.path));
  }
  if (values !== '') kept.push(keep(context, 'values.yaml', values, 'the values of the application'));
  return kept;
}

function remoteValues(url: string): GateError {
  const shown = url.replace(/\/\/[^/@]*@/, '//').slice(0, 200);
  return new GateError('RENDER_REMOTE_REFUSED', `${JSON.stringify(shown)} is not a file of the source`, {
    mend: 'Put values files into the source.',
  });
}

function keep(context: RenderContext, name: string, content: Uint8Array | string, shown?: string): string {
  const file = join(context.room.values, name);
  writePrivate(file, content);
  if (shown !== undefined) context.engine.hide.unshift([file, shown]);
  return file;
}

/** Fetches what Chart.yaml names, from listed repositories; what came is looked at as what was there before. */
async function buildDependencies(context: RenderContext, program: string, copy: PrivateCopy): Promise<void> {
  const { request, path, room } = context;
  const { fetchDependencies } = await import('./dependencies.ts');
  await fetchDependencies(context, program, copy);
  if (request.helm.skipSchemaValidation) return;
  const charts = join(room.tree, path, 'charts');
  const search = new SchemaSearch(context.reading);
  for (const entry of readdirSync(charts, { withFileTypes: true })) {
    await context.reading.step();
    if (entry.isFile()) {
      await search.at(posix.join(path, 'charts', entry.name), readFileSync(join(charts, entry.name)));
    }
  }
}
