import { posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import type { SourceEntry, SourceTree } from '../core/source.ts';
import type { Glob } from './glob.ts';
import type { Reading } from './reading.ts';
import { substitute } from './substitute.ts';

/** A values file of the source, or one from elsewhere. */
export type ValueFile =
  | { readonly kind: 'file'; readonly entry: SourceEntry }
  | { readonly kind: 'url'; readonly url: string };

export interface ValueFileRequest {
  readonly files: readonly string[];
  readonly ignoreMissing: boolean;
  readonly buildEnvironment: Readonly<Record<string, string>>;
}

/**
 * The values files in the order in which helm merges them (reposerver/repository.getResolvedValueFiles of Argo CD): a
 * path counts from the application's folder, with a leading slash from the source root; a glob gives its matches in
 * order, without those that are also named explicitly; each file is taken once. Throws SOURCE_OUTSIDE where one leads
 * out, RENDER_VALUES_MISSING where one is missing and that is not allowed.
 */
export async function resolveValueFiles(
  tree: SourceTree,
  folder: string,
  request: ValueFileRequest,
  reading: Reading,
): Promise<ValueFile[]> {
  const named = request.files.map((file) => {
    const text = substitute(file, request.buildEnvironment);
    return { file, text, url: /^[A-Za-z][A-Za-z0-9+.-]*:/.test(text) };
  });
  const explicit = new Set<string>();
  for (const each of named) {
    if (each.url || isGlob(each.text)) continue;
    const entry = locate(tree, folder, each.text);
    if (entry !== undefined) explicit.add(entry.path);
  }
  const resolved: ValueFile[] = [];
  const seen = new Set<string>();
  const add = (file: ValueFile, key: string): void => {
    if (!seen.has(key)) resolved.push(file);
    seen.add(key);
  };
  for (const { file, text, url } of named) {
    if (url) {
      add({ kind: 'url', url: text }, text);
    } else if (isGlob(text)) {
      const matches = await expand(tree, folder, text, reading);
      if (matches.length === 0 && !request.ignoreMissing)
        throw missing(`${JSON.stringify(file)} matches no file`, file);
      for (const entry of matches) if (!explicit.has(entry.path)) add({ kind: 'file', entry }, entry.path);
    } else {
      const entry = locate(tree, folder, text);
      if (entry !== undefined) add({ kind: 'file', entry }, entry.path);
      else if (!request.ignoreMissing) throw missing(`${JSON.stringify(file)} does not exist`, file);
    }
  }
  return resolved;
}

/** A file named by the application; undefined where there is none. */
export function locate(tree: SourceTree, folder: string, text: string): SourceEntry | undefined {
  const path = text.startsWith('/') ? posix.join('.', text) : posix.join(folder, text);
  const entry = tree.find(path);
  if (entry?.kind === 'folder') throw missing(`${JSON.stringify(text)} is a folder`, text);
  return entry;
}

function isGlob(text: string): boolean {
  return /[*?[]/.test(text);
}

/** The files that a pattern matches; `**` stands for any number of folders, and does not follow links. */
async function expand(tree: SourceTree, folder: string, pattern: string, reading: Reading): Promise<SourceEntry[]> {
  const { nameGlob } = await import('./glob.ts');
  const path = pattern.startsWith('/') ? posix.join('.', pattern) : posix.join(folder, pattern);
  const steps = path.split('/').filter((step) => step !== '' && step !== '.');
  if (steps[0] === '..') throw new GateError('SOURCE_OUTSIDE', `${JSON.stringify(pattern)} leaves the source`);
  const matches: SourceEntry[] = [];

  // A pattern of many `**` reaches the same folder in as many ways as there are splits of its path.
  const done = new Set<string>();
  const isDone = (...key: readonly (string | number)[]): boolean => {
    const text = key.join('\0');
    return done.has(text) || !done.add(text);
  };

  const walk = async (at: string, ahead: readonly string[]): Promise<void> => {
    if (isDone('walk', ahead.length, at)) return;
    await reading.step();
    const [step, ...rest] = ahead;
    if (step === undefined) {
      const entry = tree.find(at);
      if (entry?.kind === 'file') matches.push(entry);
      return;
    }
    const here = tree.find(at);
    if (here?.kind !== 'folder') return;
    if (step === '**') {
      // A pattern that ends here matches the files of the folder too.
      await walkAll(at, here.path, rest);
      return;
    }
    if (!/[*?[{\\]/.test(step)) {
      if (tree.find(posix.join(at, step)) !== undefined) await walk(posix.join(at, step), rest);
      return;
    }
    const glob: Glob = nameGlob(step);
    for (const child of tree.list(here.path)) if (glob(child.name)) await walk(posix.join(at, child.name), rest);
  };
  const walkAll = async (at: string, real: string, rest: readonly string[]): Promise<void> => {
    if (isDone('all', rest.length, at)) return;
    await reading.step();
    if (rest.length > 0) await walk(at, rest);
    for (const child of tree.list(real)) {
      const path = posix.join(at, child.name);
      if (rest.length === 0 && (child.kind === 'file' || child.kind === 'link')) await walk(path, []);
      if (child.kind === 'folder') await walkAll(path, posix.join(real, child.name), rest);
    }
  };
  await walk('.', steps);
  const seen = new Set<string>();
  return matches.filter((entry) => !seen.has(entry.path) && seen.add(entry.path));
}

function missing(what: string, file: string): GateError {
  return new GateError('RENDER_VALUES_MISSING', `the values file ${what}`, { place: file });
}
