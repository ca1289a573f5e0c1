import { basename, dirname, join, posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import type { HostCredentials } from '../core/ports.ts';
import { openFolder } from '../source/folder.ts';
import { type ChartDependency, copyChart, readChart, SchemaSearch } from './chart.ts';
import type { RenderContext } from './context.ts';
import { makeFolder, type PrivateCopy, writePrivate } from './copy.ts';
import { run } from './engine.ts';
import { fetchEnvironment } from './environment.ts';
import { type Address, isListed, parseAddress } from './places.ts';
import { writeJson } from './yaml.ts';

/** A chart repository that may be asked. */
interface ListedRepository {
  readonly url: string;
  readonly address: Address;
  readonly credentials: HostCredentials | undefined;
}

/**
 * Runs `helm dependency build` in the copy, after every repository that Chart.yaml and its lock file name was found in
 * the platform's list. Those files are written anew first, so that helm goes by what was looked at. Passwords are handed
 * over in files of the private folder. Throws RENDER_REPOSITORY_REFUSED, RENDER_FETCH_FAILED.
 */
export async function fetchDependencies(context: RenderContext, program: string, copy: PrivateCopy): Promise<void> {
  const { tree, path, request } = context;
  const chart = await readChart(tree, path, context.reading);
  const repositories: ListedRepository[] = [];
  for (const dependency of chart.dependencies) {
    const { repository } = dependency;
    if (repository === '') continue;
    if (/^file:/i.test(repository)) {
      await copyNeighbour(context, copy, dependency, !request.helm.skipSchemaValidation);
      continue;
    }
    repositories.push(findRepository(context, repository, dependency.where));
  }
  for (const file of chart.files) copy.writeChecked(file.path, writeJson(file.value));
  await helm(
    context,
    program,
    repositories,
    ['dependency', 'build', ...transport(repositories)],
    path,
    join(context.room.tree, path),
  );
}

/** A chart that a kustomization inflates, and where it is had. */
export interface AskedChart {
  readonly name: string;
  readonly version: string;
  readonly repo: string;
}

/** `helm pull` of a chart that a kustomization inflates, into the place where kustomize looks for it. */
export async function pullChart(
  context: RenderContext,
  program: string,
  asked: AskedChart & { readonly devel: boolean },
  destination: string,
  where: string,
): Promise<void> {
  const repository = findRepository(context, asked.repo.replace(/\/+$/, ''), where);
  const isOci = repository.address.scheme.startsWith('oci');
  const parent = dirname(destination);
  makeFolder(parent);
  const version = [...(asked.version === '' ? [] : ['--version', asked.version]), ...(asked.devel ? ['--devel'] : [])];
  const name = isOci ? `${repository.url}/${asked.name}` : `${repositoryName(0)}/${asked.name}`;
  const args = ['pull', ...transport([repository]), '--untar', '--untardir', parent, ...version, '--', name];
  if (!isOci) await helm(context, program, [repository], ['repo', 'update'], asked.name, context.room.root);
  await helm(context, program, [repository], args, asked.name, context.room.root);
  const { limits } = context.settings;
  const pulled = openFolder(parent, {
    files: limits.sourceFiles,
    bytes: limits.sourceMiB * 2 ** 20,
    fileBytes: limits.fileMiB * 2 ** 20,
  });
  const search = new SchemaSearch(context.reading);
  const look = async (folder: string): Promise<void> => {
    for (const child of pulled.list(folder)) {
      await context.reading.step();
      const path = posix.join(folder, child.name);
      if (child.kind === 'folder') await look(path);
      else if (child.kind !== 'file')
        throw new GateError('SOURCE_SPECIAL', `${path} of the chart ${asked.name} is not a file`);
      else if (/\.(?:tgz|tar\.gz|json)$/.test(child.name)) await search.at(path, pulled.read(path));
    }
  };
  await look(basename(destination));
}

/** A chart elsewhere in the source; it may not lie outside of it. */
async function copyNeighbour(
  context: RenderContext,
  copy: PrivateCopy,
  dependency: ChartDependency,
  schemas: boolean,
): Promise<void> {
  const { tree, path } = context;
  const target = dependency.repository.slice('file://'.length);
  if (!dependency.repository.startsWith('file://') || target.startsWith('/') || target.includes('%')) {
    throw new GateError(
      'SOURCE_OUTSIDE',
      `${dependency.where}: the dependency ${dependency.name} is not a relative path`,
      { place: dependency.where },
    );
  }
  const found = tree.find(posix.join(path, target));
  if (found?.kind !== 'folder') {
    throw new GateError(
      'RENDER_CHART',
      `${dependency.where}: the folder of the dependency ${dependency.name} does not exist`,
      { place: dependency.where },
    );
  }
  await copyChart(copy, tree, found, '.', schemas, context.reading);
}

function findRepository(context: RenderContext, text: string, where: string): ListedRepository {
  const { settings, credentials } = context;
  const list = settings.helm.repositories;
  const shown = JSON.stringify(text.replace(/\/\/[^/@]*@/, '//').slice(0, 200));
  if (text.startsWith('@') || text.startsWith('alias:')) {
    throw new GateError(
      'RENDER_REPOSITORY_REFUSED',
      `${where}: ${shown} is a name of somebody's own helm, not an address`,
      {
        place: where,
        mend: 'Write the address of the repository.',
      },
    );
  }
  const address = /^(?:https?|oci):\/\/[^@]*$/.test(text) ? parseAddress(text) : undefined;
  if (address === undefined) {
    throw new GateError('RENDER_REPOSITORY_REFUSED', `${where}: ${shown} is not the address of a chart repository`, {
      place: where,
      mend: 'Write it as https://host/path or oci://host/path, without a user name.',
    });
  }
  const plain: Address = { ...address, scheme: 'oci+http' };
  const listed = isListed(address, list)
    ? address
    : address.scheme === 'oci' && isListed(plain, list)
      ? plain
      : undefined;
  if (listed === undefined) {
    throw new GateError(
      'RENDER_REPOSITORY_REFUSED',
      `${where}: it wants a chart from ${shown}, and ${address.host} is not listed`,
      {
        place: where,
        mend: `Vendor the chart, or have ${address.scheme === 'http' ? `http://${address.host}` : address.host} listed in spec.render.helm.repositories.`,
      },
    );
  }
  return { url: text, address: listed, credentials: credentials.find(listed) ?? credentials.find(address) };
}

/** helm takes these once for all registries of a run. */
function transport(repositories: readonly ListedRepository[]): string[] {
  const registries = repositories.filter(({ address }) => address.scheme.startsWith('oci'));
  const plain = registries.filter(({ address }) => address.scheme === 'oci+http');
  if (plain.length > 0 && plain.length < registries.length) {
    throw new GateError(
      'RENDER_CHART',
      'a chart cannot take dependencies from registries with and without TLS at once',
    );
  }
  const credentials = registries.find(
    ({ credentials: each }) => each?.caFile !== undefined || each?.certificateFile !== undefined,
  )?.credentials;
  return [
    ...(plain.length > 0 ? ['--plain-http'] : []),
    ...(credentials?.caFile === undefined ? [] : ['--ca-file', credentials.caFile]),
    ...(credentials?.certificateFile === undefined ? [] : ['--cert-file', credentials.certificateFile]),
    ...(credentials?.keyFile === undefined ? [] : ['--key-file', credentials.keyFile]),
  ];
}

function repositoryName(index: number): string {
  return `repository-${index}`;
}

async function helm(
  context: RenderContext,
  program: string,
  repositories: readonly ListedRepository[],
  args: readonly string[],
  what: string,
  cwd: string,
): Promise<void> {
  const { room, ports, engine, proxies } = context;
  makeFolder(room.temporary);
  const byHttp = repositories.filter(({ address }) => !address.scheme.startsWith('oci'));
  const entries = byHttp.map(({ url, credentials }, index) => ({
    name: repositoryName(index),
    url,
    username: credentials?.username ?? '',
    password: credentials?.password ?? credentials?.token ?? '',
    caFile: credentials?.caFile ?? '',
    certFile: credentials?.certificateFile ?? '',
    keyFile: credentials?.keyFile ?? '',
    insecure_skip_tls_verify: false,
    pass_credentials_all: false,
  }));
  const auths: Record<string, { auth: string }> = {};
  for (const { address, credentials } of repositories) {
    if (!address.scheme.startsWith('oci') || credentials === undefined) continue;
    const pair = `${credentials.username ?? ''}:${credentials.password ?? credentials.token ?? ''}`;
    auths[address.host] = { auth: Buffer.from(pair).toString('base64') };
  }
  const repositoryFile = { apiVersion: '', generated: '2000-01-01T00:00:00Z', repositories: entries };
  writePrivate(join(room.helm, 'repositories.yaml'), JSON.stringify(repositoryFile));
  writePrivate(join(room.helm, 'registry.json'), JSON.stringify({ auths }));
  const env = fetchEnvironment(room, ports.env['PATH'] ?? '', proxies);
  try {
    await run(engine, { program, args, cwd, env, name: `helm ${args[0]} ${args[1]} of ${what}`, tellsOnStdout: true });
  } catch (error) {
    if (error instanceof GateError && error.code === 'RENDER_FAILED') {
      throw new GateError('RENDER_FETCH_FAILED', error.message, { cause: error });
    }
    throw error;
  }
}
