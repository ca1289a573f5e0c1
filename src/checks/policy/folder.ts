import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { GateError } from '../../core/errors.ts';
import { readPlainFile } from './plain-file.ts';

/** Far beyond what anybody writes by hand; the bounds keep a wrong mount from eating the memory. */
const MAX_FILES = 10_000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MAX_BYTES = 128 * 1024 * 1024;
const MAX_DEPTH = 32;

export interface FoundFile {
  /** `policies/pods/limits.rego`: the label of the path that was given, and the way down from it. */
  readonly name: string;
  /** Where it really is, with every link resolved. */
  readonly path: string;
}

/** What was found below one path; `label` is a single name, fit for a file name and a command line. */
export interface FoundFolder {
  readonly label: string;
  readonly kind: 'file' | 'folder';
  readonly files: readonly FoundFile[];
  /** How many files in it are listed elsewhere already. */
  readonly repeated: number;
}

/**
 * Every file below each of the paths, in the order of their names. A file that two paths lead to is listed once. Links
 * are followed inside the folder, which is how Kubernetes mounts a ConfigMap; one that leaves it is refused. Names that
 * start with `..` are left out: there Kubernetes keeps the versions that those links lead to. Throws POLICY_MISSING and
 * POLICY_FILE_REFUSED.
 */
export function findFiles(paths: readonly string[]): FoundFolder[] {
  const labels = new Set<string>();
  const seen = new Set<string>();
  let count = 0;

  return paths.map((path) => {
    const label = uniqueLabel(path, labels);
    const root = realPath(path, label);
    const files: FoundFile[] = [];
    let repeated = 0;
    const add = (name: string, real: string): void => {
      if (seen.has(real)) {
        repeated += 1;
        return;
      }
      seen.add(real);
      count += 1;
      if (count > MAX_FILES) throw refused(label, `holds more than ${MAX_FILES} files`);
      files.push({ name, path: real });
    };
    if (statSync(root).isFile()) {
      add(label, root);
      return { label, kind: 'file', files, repeated };
    }
    const walk = (folder: string, name: string, depth: number): void => {
      if (depth > MAX_DEPTH) throw refused(name, `is nested deeper than ${MAX_DEPTH} folders`);
      for (const entry of entriesOf(folder, name)) {
        if (entry.name.startsWith('..')) continue;
        const entryName = `${name}/${entry.name}`;
        if (/\p{Cc}/u.test(entry.name)) throw refused(name, 'holds a file with control characters in its name');
        const real = entry.isSymbolicLink() ? realPath(join(folder, entry.name), entryName) : join(folder, entry.name);
        if (real !== root && !real.startsWith(root + sep)) throw refused(entryName, 'is a link that leaves its folder');
        const stat = statSync(real);
        // A folder that a link leads to is walked under the link's name; a link to one of its own parents would not end.
        if (stat.isDirectory() && (folder === real || folder.startsWith(real + sep))) {
          throw refused(entryName, 'is a link to a folder that it lies in');
        }
        if (stat.isDirectory()) walk(real, entryName, depth + 1);
        else if (stat.isFile()) add(entryName, real);
        else throw refused(entryName, 'is not a plain file');
      }
    };
    if (!statSync(root).isDirectory()) throw refused(label, 'is neither a file nor a folder');
    walk(root, label, 0);
    return { label, kind: 'folder', files, repeated };
  });
}

/** Reads files one after another, within bounds that count for all of them together. Throws POLICY_FILE_REFUSED. */
export function createReader(): (file: FoundFile) => Buffer {
  let left = MAX_BYTES;
  return ({ name, path }) =>
    readPlainFile({
      path,
      maxBytes: MAX_FILE_BYTES,
      links: false,
      refused: (why) => refused(name, why),
      charge(bytes) {
        left -= bytes;
        if (left < 0) throw refused(name, `is one too many: together they are larger than ${MAX_BYTES} bytes`);
      },
    });
}

/** The bytes as text. Throws POLICY_FILE_REFUSED where they are not UTF-8. */
export function decodeText(name: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refused(name, 'is not UTF-8 text');
  }
}

function entriesOf(folder: string, name: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    throw refused(name, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
  }
}

function realPath(path: string, name: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new GateError('POLICY_MISSING', `${name} ${why}`, { place: name });
  }
}

/** Two mounts may both be called `policies`; and a name may be one that a command line would take for an option. */
function uniqueLabel(path: string, taken: Set<string>): string {
  const last = basename(path) || basename(dirname(path)) || 'policies';
  const plain = last.replaceAll(/[^A-Za-z0-9._-]/g, '_').replace(/^[.-]/, '_');
  let label = plain;
  for (let n = 2; taken.has(label); n += 1) label = `${n}-${plain}`;
  taken.add(label);
  return label;
}

function refused(name: string, why: string): GateError {
  return new GateError('POLICY_FILE_REFUSED', `${name} ${why}`, { place: name });
}
