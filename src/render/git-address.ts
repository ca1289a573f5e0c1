/**
 * How kustomize tells a Git repository from a path, and what it takes for the repository, the folder in it and the ref
 * (sigs.k8s.io/kustomize/api v0.21, internal/git/repospec.go). Whatever might be one for kustomize is one here.
 */
import { type Address, parseAddress } from './places.ts';

export interface GitAddress {
  /** What git is told to fetch; no option, no local path. */
  readonly url: string;
  /** What the lists of places are matched with. */
  readonly address: Address;
  /** The kustomization's folder in the repository; '' for its root. */
  readonly folder: string;
  /** '' where none is named. */
  readonly ref: string;
}

/** Whether kustomize would fetch this file over the network (it asks Go's url.Parse for the scheme). */
export function isRemoteFile(text: string): boolean {
  return /^\s*https?:/i.test(text);
}

/** Whether kustomize might take this for a repository. Wider than its own rule: a path has no business to look so. */
export function isRemoteFolder(text: string): boolean {
  const bare = text.trim().replace(/^(?:git::)+/i, '');
  return (
    bare !== text.trim() ||
    /^[A-Za-z][A-Za-z0-9+.-]*:/.test(bare) ||
    /^[A-Za-z][A-Za-z0-9-]*@/.test(bare) ||
    /^github\.com[/:]/i.test(bare)
  );
}

/** The parts of a repository's address; undefined for a local one (`file://`) and for spellings that are not clear. */
export function parseGitAddress(text: string): GitAddress | undefined {
  const [before = '', ...query] = text.trim().split('?');
  const asked = new URLSearchParams(query.join('?'));
  const ref = asked.get('ref') || asked.get('version') || '';
  if (ref.startsWith('-') || /[\s\\:~^?*[\u0000-\u001f\u007f]|\.\./.test(ref)) return undefined;
  const rest = before.replace(/^git::/i, '');
  const scheme = /^(?:https|http|ssh):\/\//i.exec(rest)?.[0].toLowerCase() ?? '';
  const user = /^[a-zA-Z][a-zA-Z0-9-]*@/.exec(rest.slice(scheme.length))?.[0] ?? '';
  const hosted = rest.slice(scheme.length + user.length);
  const isGithub = /^github\.com[/:]/i.test(hosted);
  const isScp = scheme === '' && (user !== '' || isGithub);
  if (scheme === '' && !isScp) return undefined;

  let end = hosted.indexOf('/');
  const colon = hosted.indexOf(':');
  if (isScp && colon > 0 && (end < 0 || colon < end)) end = colon;
  if (end < 0) return undefined;
  const host = hosted.slice(0, end);
  const parts = splitPath(hosted.slice(end + 1));
  if (parts === undefined || !/^[A-Za-z0-9._~/@+-]+$/.test(parts.repository) || parts.repository.startsWith('-'))
    return undefined;
  const overSsh = isGithub ? scheme === 'ssh://' || user !== '' : scheme === 'ssh://' || (isScp && hosted[end] === ':');
  if (overSsh) {
    const port = scheme === 'ssh://' ? '' : undefined;
    const url = port === '' ? `ssh://${user}${host}/${parts.repository}` : `${user}${host}:${parts.repository}`;
    const address = parseAddress(`ssh://${isGithub ? 'github.com' : host}/${parts.repository}`);
    return address === undefined || host.startsWith('-') ? undefined : { url, address, folder: parts.folder, ref };
  }
  if (user !== '' && scheme === '') return undefined;
  const url = `${isGithub ? 'https://github.com' : `${scheme}${host}`}/${parts.repository}`;
  const address = parseAddress(url);
  return address === undefined ? undefined : { url, address, folder: parts.folder, ref };
}

/** The repository's path and the folder in it: by `_git/`, `//` or `.git`, else the first two names. */
function splitPath(path: string): { repository: string; folder: string } | undefined {
  let repository: string;
  let folder: string;
  const azure = path.indexOf('_git/');
  const double = path.indexOf('//');
  const suffix = path.indexOf('.git');
  if (azure >= 0) {
    const [name = '', ...below] = path.slice(azure + 5).split('/');
    repository = path.slice(0, azure + 5) + name;
    folder = below.join('/');
  } else if (double >= 0) {
    repository = path.slice(0, double);
    folder = path.slice(double + 2);
  } else if (suffix >= 0) {
    repository = path.slice(0, suffix + 4);
    folder = path.slice(suffix + 4);
  } else {
    const names = path.split('/');
    if (names.length < 2) return undefined;
    repository = names.slice(0, 2).join('/');
    folder = names.slice(2).join('/');
  }
  folder = folder.replace(/^\/+/, '').replace(/\/+$/, '');
  if (repository === '' || folder.split('/').includes('..')) return undefined;
  return { repository, folder };
}
