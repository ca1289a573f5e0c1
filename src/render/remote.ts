import { join, posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import type { HostCredentials } from '../core/ports.ts';
import { openFolder } from '../source/folder.ts';
import { findRenderer, type RenderContext } from './context.ts';
import { FETCHED, makeFolder, writePrivate } from './copy.ts';
import { run } from './engine.ts';
import { fetchEnvironment } from './environment.ts';
import { type GitAddress, parseGitAddress } from './git-address.ts';
import type { Realm } from './kustomization-file.ts';
import { type Address, isListed, parseAddress } from './places.ts';

/** Fetches what kustomizations name, from listed places alone. Each repository is fetched once a rendering. */
export interface Remote {
  readonly fetchFolder: (text: string, where: string) => Promise<{ realm: Realm; path: string }>;
  readonly fetchFile: (url: string, where: string) => Promise<Uint8Array>;
}

const MIB = 1024 * 1024;

export function openRemote(context: RenderContext): Remote {
  const { settings, ports, tree, engine, credentials, proxies } = context;
  const list = settings.kustomize.remoteBases;
  const repositories = new Map<string, Promise<Realm>>();

  async function fetchFolder(text: string, where: string): Promise<{ realm: Realm; path: string }> {
    const address = parseGitAddress(text);
    if (address === undefined || !isListed(address.address, list)) throw refused(text, where, address?.address);
    const key = `${address.url} ${address.ref}`;
    const fetched = repositories.get(key) ?? clone(context, address, repositories.size);
    repositories.set(key, fetched);
    const realm = await fetched;
    const folder = realm.tree.find(address.folder === '' ? '.' : address.folder);
    if (folder?.kind !== 'folder') {
      throw new GateError(
        'RENDER_FETCH_FAILED',
        `${where}: ${shown(text)} has no folder ${JSON.stringify(address.folder)}`,
        { place: where },
      );
    }
    return { realm, path: folder.path };
  }

  async function fetchFile(url: string, where: string): Promise<Uint8Array> {
    const addressOf = (text: string) => parseAddress(text.trim().split('?')[0] ?? '');
    const isAllowed = (text: string): boolean => {
      const address = addressOf(text);
      return address !== undefined && isListed(address, list);
    };
    if (!isAllowed(url)) throw refused(url, where, addressOf(url));
    return ports.download({
      url: url.trim(),
      isAllowed,
      credentialsFor: (text) => {
        const address = addressOf(text);
        return address === undefined ? undefined : credentials.find(address);
      },
      proxies,
      maxBytes: settings.limits.fileMiB * MIB,
      signal: engine.signal,
    });
  }

  if (tree.find(FETCHED) !== undefined) {
    throw new GateError('RENDER_KUSTOMIZATION', `the source may not have a ${FETCHED} of its own`, { place: FETCHED });
  }
  return { fetchFolder, fetchFile };
}

function refused(text: string, where: string, address: Address | undefined): GateError {
  const what = `${where}: it wants ${shown(text)}`;
  if (address === undefined) {
    return new GateError('RENDER_REMOTE_REFUSED', `${what}, which is not an address that can be checked`, {
      place: where,
      mend: 'Vendor it, or write it as https://host/organisation/repository//folder?ref=…',
    });
  }
  return new GateError('RENDER_REMOTE_REFUSED', `${what}, and ${address.host} is not listed`, {
    place: where,
    mend: `Vendor it, or have ${address.scheme === 'http' ? `http://${address.host}` : address.host} listed in spec.render.kustomize.remoteBases.`,
  });
}

function shown(text: string): string {
  return JSON.stringify(text.replace(/\/\/[^/@]*@/, '//').slice(0, 200));
}

/** Fetches one commit, as kustomize would, but without submodules, hooks, filters, redirects or any other protocol. */
async function clone(context: RenderContext, address: GitAddress, index: number): Promise<Realm> {
  const { settings, ports, engine, room } = context;
  const program = findRenderer('git', settings, ports);
  const folder = join(room.root, 'git', String(index));
  makeFolder(folder);
  const name = `${address.address.host}${address.address.path}@${address.ref || 'HEAD'}`;
  const env = gitEnvironment(context, address);
  engine.hide.unshift([folder, name]);
  const git = (...args: string[]) =>
    run(engine, { program, args, cwd: folder, env, name: `git ${args[0]} of ${name}` });
  try {
    await git('init', '--quiet');
    await git(
      'fetch',
      '--quiet',
      '--depth=1',
      '--no-tags',
      '--no-recurse-submodules',
      '--',
      address.url,
      address.ref || 'HEAD',
    );
    await git('checkout', '--quiet', '--detach', 'FETCH_HEAD');
  } catch (error) {
    if (error instanceof GateError && error.code === 'RENDER_FAILED') {
      throw new GateError('RENDER_FETCH_FAILED', error.message, { cause: error });
    }
    throw error;
  }
  const { limits } = settings;
  const tree = openFolder(folder, {
    files: limits.sourceFiles,
    bytes: limits.sourceMiB * MIB,
    fileBytes: limits.fileMiB * MIB,
  });
  const prefix = posix.join(FETCHED, `${index + 1}`, name.replace(/[^A-Za-z0-9._/@-]/g, '_'));
  return { tree, prefix };
}

/** What Argo CD gives with `provideGitCreds`, but for headers, which are handed on as configuration. */
const ARGO_VARIABLES = [
  'GIT_ASKPASS',
  'ARGOCD_GIT_ASKPASS_NONCE',
  'ARGOCD_BINARY_NAME',
  'ARGOCD_ASK_PASS_SOCK',
  'GIT_SSH_COMMAND',
  'GIT_SSL_NO_VERIFY',
  'GIT_SSL_CAINFO',
  'GIT_SSL_CERT',
  'GIT_SSL_KEY',
];
const ARGO_HEADERS = ['ARGOCD_GIT_AUTH_HEADER', 'ARGOCD_GIT_BEARER_AUTH_HEADER'];

function gitEnvironment(context: RenderContext, { address }: GitAddress): Record<string, string> {
  const { room, ports, request, credentials, proxies } = context;
  const env: Record<string, string> = {
    ...fetchEnvironment(room, ports.env['PATH'] ?? '', proxies),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: address.scheme,
    GIT_LFS_SKIP_SMUDGE: '1',
  };
  const configuration: [string, string][] = [
    // A redirect would reach a host that nobody listed.
    ['http.followRedirects', 'false'],
    ['core.hooksPath', room.empty],
    ['core.fsmonitor', 'false'],
    ['credential.helper', ''],
    ['init.defaultBranch', 'main'],
    ['advice.detachedHead', 'false'],
  ];
  const stored = credentials.find(address);
  if (stored !== undefined) {
    if (address.scheme === 'ssh') env['GIT_SSH_COMMAND'] = sshCommand(context, stored);
    configuration.push(...httpConfiguration(stored));
  } else if (isOwnHost(request.buildEnvironment['ARGOCD_APP_SOURCE_REPO_URL'] ?? '', address)) {
    // They are the credentials of the application's own repository: no other host may see them.
    for (const name of ARGO_VARIABLES) {
      const value = ports.env[name];
      if (value !== undefined) env[name] = value;
    }
    for (const name of ARGO_HEADERS) {
      const value = ports.env[name];
      if (value !== undefined) configuration.push(['http.extraHeader', value]);
    }
  }
  if (address.scheme === 'ssh') env['GIT_SSH_COMMAND'] ??= sshCommand(context, {});
  // By the environment and not by arguments, which every user of the machine can read.
  env['GIT_CONFIG_COUNT'] = String(configuration.length);
  for (const [index, [key, value]] of configuration.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = key;
    env[`GIT_CONFIG_VALUE_${index}`] = value;
  }
  return env;
}

function httpConfiguration(stored: HostCredentials): [string, string][] {
  const configuration: [string, string][] = [];
  if (stored.token !== undefined) configuration.push(['http.extraHeader', `Authorization: Bearer ${stored.token}`]);
  else if (stored.username !== undefined || stored.password !== undefined) {
    const pair = Buffer.from(`${stored.username ?? ''}:${stored.password ?? ''}`).toString('base64');
    configuration.push(['http.extraHeader', `Authorization: Basic ${pair}`]);
  }
  if (stored.caFile !== undefined) configuration.push(['http.sslCAInfo', stored.caFile]);
  if (stored.certificateFile !== undefined) configuration.push(['http.sslCert', stored.certificateFile]);
  if (stored.keyFile !== undefined) configuration.push(['http.sslKey', stored.keyFile]);
  return configuration;
}

/** git reads this as a shell command, so nothing but a path of our own stands in it; the rest is ssh's own file. */
function sshCommand({ room }: RenderContext, stored: HostCredentials): string {
  const lines = [
    'BatchMode yes',
    'StrictHostKeyChecking yes',
    'IdentitiesOnly yes',
    'IdentityAgent none',
    'ForwardAgent no',
    'PermitLocalCommand no',
    'GlobalKnownHostsFile /dev/null',
    `UserKnownHostsFile ${quoted(stored.knownHostsFile ?? '/dev/null')}`,
    `IdentityFile ${quoted(stored.sshKeyFile ?? '/dev/null')}`,
  ];
  const file = join(room.root, 'ssh_config');
  writePrivate(file, `${lines.join('\n')}\n`);
  return `ssh -F '${file.replaceAll("'", `'\\''`)}'`;
}

function quoted(path: string): string {
  if (/["\n]/.test(path)) throw new GateError('CREDENTIALS_INVALID', 'a path of the credentials store holds a quote');
  return `"${path}"`;
}

function isOwnHost(repository: string, address: Address): boolean {
  const own = parseGitAddress(repository)?.address ?? parseAddress(repository);
  return own !== undefined && own.host === address.host;
}
