import { join, posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import { type JsonObject, objectFrom } from '../core/json.ts';
import { copyChart } from './chart.ts';
import { findRenderer, type RenderContext, refuseTrick, versionOf } from './context.ts';
import { copyFile, type PrivateCopy, writePrivate } from './copy.ts';
import type { AskedChart } from './dependencies.ts';
import { isRemoteFile } from './git-address.ts';
import { invalid } from './kustomization-fields.ts';
import type { Folder } from './kustomization-file.ts';

const TEXTS = [
  'name',
  'version',
  'repo',
  'releaseName',
  'namespace',
  'nameTemplate',
  'kubeVersion',
  'valuesFile',
  'valuesMerge',
];
const OTHERS = [
  'additionalValuesFiles',
  'valuesInline',
  'includeCRDs',
  'skipHooks',
  'apiVersions',
  'skipTests',
  'debug',
  'devel',
];
/** Those of a HelmChartInflationGenerator's own file. */
const OF_FILE = ['apiVersion', 'kind', 'metadata', 'chartHome', 'configHome'];

/** Charts that a kustomization inflates: copied or fetched beforehand, so that kustomize's helm only renders. */
export interface KustomizeCharts {
  readonly chart: (entry: JsonObject, globals: JsonObject, at: Folder, where: string) => Promise<JsonObject>;
  readonly used: () => boolean;
  /** The program that kustomize is to call for helm. */
  readonly command: () => string;
  readonly version: () => Promise<Record<string, string>>;
}

export function kustomizeCharts(context: RenderContext, copy: PrivateCopy): KustomizeCharts {
  const { settings, ports } = context;
  let helm: string | undefined;
  let version: Promise<string> | undefined;

  async function chart(entry: JsonObject, globals: JsonObject, at: Folder, where: string): Promise<JsonObject> {
    if (!settings.kustomize.helm) {
      throw new GateError('RENDER_PROGRAM_REFUSED', `${where}: it wants helm to be run`, {
        place: where,
        mend: 'Render the chart as a source of its own, or enable spec.render.kustomize.helm.',
      });
    }
    helm ??= findRenderer('helm', settings, ports);
    version ??= versionOf('helm', helm, context);
    const asked = checkEntry(entry, where);
    const home = textOf(globals, 'chartHome', where) || 'charts';
    if (home.startsWith('/'))
      throw new GateError('SOURCE_OUTSIDE', `${where}: chartHome is an absolute path`, { place: where });
    const fetched = asked.version !== '' && asked.repo !== '' ? `${asked.name}-${asked.version}` : '.';
    const path = posix.join(at.path, home, fetched, asked.name);
    const found = at.realm.tree.find(path);
    if (found?.kind === 'folder') await copyChart(copy, at.realm.tree, found, at.realm.prefix, true, context.reading);
    else if (asked.repo === '') throw invalid(`there is no chart in ${path}, and no repo is named`, where);
    else {
      const { pullChart } = await import('./dependencies.ts');
      await pullChart(
        context,
        helm,
        { ...asked, devel: entry['devel'] === true },
        join(copy.root, at.realm.prefix, path),
        where,
      );
    }
    for (const file of asked.files) await copyValues(file, at, where);
    return objectFrom(Object.entries(entry).filter(([key]) => key !== 'configHome'));
  }

  async function copyValues(file: string, at: Folder, where: string): Promise<void> {
    if (isRemoteFile(file))
      throw new GateError('RENDER_REMOTE_REFUSED', `${where}: it takes values from elsewhere`, { place: where });
    // helm takes several files in one argument, with commas between them.
    if (/[,"\n]/.test(file))
      throw new GateError('RENDER_ARGUMENT_REFUSED', `${where}: it names more than one file at once`, { place: where });
    if (file.startsWith('/'))
      throw new GateError('SOURCE_OUTSIDE', `${where}: it names an absolute path`, { place: where });
    const found = at.realm.tree.find(posix.join(at.path, file));
    if (found?.kind !== 'file') throw invalid(`${JSON.stringify(file)} does not exist`, where);
    await context.reading.step(copyFile(copy, at.realm.tree, found, at.realm.prefix));
  }

  return {
    chart,
    used: () => helm !== undefined,
    command: () => writeWrapper(context, helm as string),
    version: async () => (version === undefined ? {} : { helm: await version }),
  };
}

function checkEntry(entry: JsonObject, where: string): AskedChart & { readonly files: readonly string[] } {
  const odd = Object.keys(entry).find((key) => ![...TEXTS, ...OTHERS, ...OF_FILE].includes(key));
  if (odd !== undefined) throw invalid(`the field ${JSON.stringify(odd)} is not one that syncgate knows`, where);
  for (const field of TEXTS) refuseTrick(textOf(entry, field, where), `${where}: ${field}`);
  for (const each of listOf(entry, 'apiVersions', where)) refuseTrick(each, `${where}: apiVersions`);
  const name = textOf(entry, 'name', where);
  const version = textOf(entry, 'version', where);
  // Both become parts of a path and of helm's command line.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/.test(name)) throw trick('name', name, where);
  if (version.includes('/') || version.includes('..')) throw trick('version', version, where);
  const valuesFile = textOf(entry, 'valuesFile', where);
  const files = [...(valuesFile === '' ? [] : [valuesFile]), ...listOf(entry, 'additionalValuesFiles', where)];
  return { name, version, repo: textOf(entry, 'repo', where), files };
}

function trick(field: string, text: string, where: string): GateError {
  return new GateError(
    'RENDER_ARGUMENT_REFUSED',
    `${where}: ${field} may not be ${JSON.stringify(text.slice(0, 100))}`,
    { place: where },
  );
}

function textOf(entry: JsonObject, field: string, where: string): string {
  const value = entry[field] ?? '';
  if (typeof value === 'string') return value;
  throw invalid(`${field} is not a text`, where);
}

function listOf(entry: JsonObject, field: string, where: string): readonly string[] {
  const value = entry[field] ?? [];
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value;
  throw invalid(`${field} is not a list of texts`, where);
}

/**
 * kustomize calls helm by a path, with folders of the kustomization's choosing in its environment. This program stands in
 * between: it lets through what renders, keeps helm's folders private, and has helm die with kustomize. Nothing of the
 * arguments is read as shell.
 */
function writeWrapper({ room, ports }: RenderContext, helm: string): string {
  const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  const exec = ports.setpriv === undefined ? '' : `${quoted(ports.setpriv)} --pdeathsig KILL -- `;
  const script = [
    '#!/bin/sh',
    'case "$1" in',
    '  template | version) ;;',
    '  *) echo "helm $1 is not available while rendering" >&2; exit 1 ;;',
    'esac',
    `export HELM_CONFIG_HOME=${quoted(room.empty)} HELM_DATA_HOME=${quoted(room.empty)} HELM_PLUGINS=${quoted(room.empty)}`,
    `export HELM_CACHE_HOME=${quoted(join(room.helm, 'cache'))}`,
    `exec ${exec}${quoted(helm)} "$@"`,
    '',
  ].join('\n');
  const path = join(room.programs, 'helm');
  writePrivate(path, script, 0o700);
  return path;
}
