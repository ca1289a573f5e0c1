import { type Dirent, readdirSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { GateError } from '../../../core/errors.ts';
import { readPlainFile } from '../plain-file.ts';

/** What a test reads; far beyond what anybody writes by hand. */
const maxFileBytes = 16 * 1024 * 1024;
const maxEntries = 500_000;
const maxDepth = 64;

/** The name under which `kyverno test` looks for tests too. */
const testFileName = 'kyverno-test.yaml';

/**
 * Every test below the paths, in the order of their names; a path that is a file is one, whatever it is called. Hidden
 * folders are looked into, since tests are kept in `.kyverno-test`; `.git` and `node_modules` are not, and no link to a
 * folder is followed. Throws TEST_MISSING for a path without any.
 */
export function findTests(paths: readonly string[]): string[] {
  const found = new Set<string>();
  let entries = 0;
  const walk = (folder: string, depth: number): number => {
    if (depth > maxDepth) throw missing(`${folder} is nested deeper than ${maxDepth} folders`);
    let count = 0;
    for (const entry of entriesOf(folder)) {
      if (++entries > maxEntries) throw missing(`more than ${maxEntries} files lie below the paths`);
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== '.git' && entry.name !== 'node_modules') count += walk(path, depth + 1);
      } else if (entry.name === testFileName) {
        found.add(path);
        count += 1;
      }
    }
    return count;
  };
  for (const path of paths.map(normalize)) {
    const kind = kindOf(path);
    if (kind === undefined) throw missing(`${path} does not exist, or cannot be read`);
    if (kind === 'file') found.add(path);
    else if (walk(path, 0) === 0) throw missing(`no ${testFileName} lies in or below ${path}`);
  }
  return [...found];
}

/**
 * The files that an entry of a test names, seen from the folder of the test: itself, or where it is a folder, the YAML
 * and JSON in it (and with `deep`, below it, but for what is hidden). Throws TEST_INVALID where nothing is there.
 */
export function namedFiles(test: string, entry: string, place: string, deep: boolean): string[] {
  const path = namedPath(test, entry, place);
  const kind = kindOf(path);
  if (kind === undefined) throw invalid(place, `${path} does not exist, or cannot be read`);
  if (kind === 'file') return [path];
  const files = filesIn(path, deep, 0);
  if (files.length === 0) throw invalid(place, `${path} holds no YAML or JSON`);
  return files;
}

function filesIn(folder: string, deep: boolean, depth: number): string[] {
  if (depth > maxDepth) throw invalid(folder, `is nested deeper than ${maxDepth} folders`);
  return entriesOf(folder).flatMap((entry) => {
    if (entry.isDirectory())
      return deep && !entry.name.startsWith('.') ? filesIn(join(folder, entry.name), deep, depth + 1) : [];
    return /\.(ya?ml|json)$/.test(entry.name) ? [join(folder, entry.name)] : [];
  });
}

/** Where an entry of a test leads. Throws TEST_INVALID for what would have to be fetched. */
export function namedPath(test: string, entry: string, place: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(entry)) {
    throw invalid(place, `${JSON.stringify(entry.slice(0, 100))} is an address, and a test is run without a network`);
  }
  if (entry === '' || entry === '-' || entry.includes('\0')) {
    throw invalid(place, `${JSON.stringify(entry.slice(0, 100))} names no file`);
  }
  return isAbsolute(entry) ? normalize(entry) : join(dirname(test), entry);
}

/** The bytes of a plain file. Throws TEST_INVALID. */
export function readTestFile(path: string): Uint8Array {
  return readPlainFile({ path, maxBytes: maxFileBytes, links: true, refused: (why) => invalid(path, why) });
}

function kindOf(path: string): 'file' | 'folder' | undefined {
  try {
    const stat = statSync(path);
    return stat.isDirectory() ? 'folder' : stat.isFile() ? 'file' : undefined;
  } catch {
    return undefined;
  }
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw missing(`${folder} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
}

function missing(message: string): GateError {
  return new GateError('TEST_MISSING', message);
}

function invalid(place: string, what: string): GateError {
  return new GateError('TEST_INVALID', `${place}: ${what}`, { place });
}
