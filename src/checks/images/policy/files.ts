import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Code, GateError } from '../../../core/errors.ts';
import type { ContentReference, NamedText } from './context.ts';

/** A platform file: where it is, and what messages call it (never a path of the machine). */
export interface TrustFile {
  readonly path: string;
  readonly shown: string;
}

const policyEndings = ['.yaml', '.yml', '.json'];
/** What may lie beside policies and is not one: keys that they name, and words for people. */
const otherEndings = ['.pub', '.pem', '.md', '.txt'];
const maxFiles = 1000;
const maxDepth = 8;
const maxFileBytes = 4 * 1024 * 1024;

/**
 * The policy files of a trust source, in the order of their names: the file itself, or all below the folder. Links are
 * followed (Kubernetes mounts are made of them); names that begin with a dot are left out. A file of any other ending
 * is refused, because a policy that is overlooked over its name protects nothing.
 */
export async function listPolicyFiles(root: string, shown: string): Promise<readonly TrustFile[]> {
  const found: TrustFile[] = [];
  const kind = await kindOf(root);
  if (kind === undefined) throw missing(`${shown} does not exist or cannot be read`);
  if (kind === 'file') return [{ path: root, shown }];
  await walk(root, shown.replace(/\/+$/, ''), found, 0);
  if (found.length === 0) throw missing(`${shown} holds no policy file (${policyEndings.join(', ')})`);
  return found;
}

async function walk(folder: string, shown: string, found: TrustFile[], depth: number): Promise<void> {
  if (depth > maxDepth) throw missing(`${shown} lies more than ${maxDepth} folders deep`);
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  for (const name of names) {
    const file = { path: join(folder, name), shown: `${shown}/${name}` };
    const kind = await kindOf(file.path);
    if (kind === 'folder') {
      await walk(file.path, file.shown, found, depth + 1);
    } else if (policyEndings.some((ending) => name.endsWith(ending))) {
      if (found.length >= maxFiles) throw missing(`${shown} holds more than ${maxFiles} policy files`);
      found.push(file);
    } else if (!otherEndings.some((ending) => name.endsWith(ending))) {
      throw new GateError('IMAGE_POLICY_INVALID', `${file.shown} is neither a policy nor a public key by its name`, {
        mend: `Name policies ${policyEndings.join(', ')} and keys .pub, or take the file out of the folder.`,
        place: file.shown,
      });
    }
  }
}

const resourceName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
/** A Secret as a single file: a key, or certificates. */
const secretEndings = ['.pub', '.pem'];

/** An entry of a Secret. Read only when it is asked for: a mounted Secret may hold what nobody should read. */
export interface SecretEntry {
  /** The key of the entry: `cosign.pub`. */
  readonly name: string;
  read(): Promise<NamedText>;
}

/** The text of the one entry that a Secret has. Throws IMAGE_KEY_INVALID where there is none, or more than one. */
export async function readSecret(folder: string, name: string): Promise<NamedText> {
  const entries = await secretEntries(folder, name);
  const [entry] = entries;
  if (entry === undefined || entries.length > 1) {
    throw new GateError(
      'IMAGE_KEY_INVALID',
      `the secret ${name} has ${entries.length} entries, and exactly one is the key`,
    );
  }
  return entry.read();
}

/**
 * The entries of a Secret, in the order of their names: the files of the folder `<name>/`, as Kubernetes mounts it, or
 * the file `<name>.pub` or `<name>.pem`. Throws IMAGE_KEY_INVALID where it is not there, or there twice.
 */
export async function secretEntries(folder: string, name: string): Promise<readonly SecretEntry[]> {
  if (!resourceName.test(name)) {
    throw new GateError('IMAGE_KEY_INVALID', `${JSON.stringify(name.slice(0, 100))} is not the name of a Secret`);
  }
  const found: string[] = [];
  if ((await kindOf(join(folder, name))) === 'folder') found.push(`${name}/`);
  for (const ending of secretEndings) {
    if ((await kindOf(join(folder, `${name}${ending}`))) === 'file') found.push(`${name}${ending}`);
  }
  const [only, ...more] = found;
  if (more.length > 0) {
    throw new GateError('IMAGE_KEY_INVALID', `the secret ${name} is there twice: ${found.join(' and ')}`);
  }
  if (only === undefined) {
    throw new GateError(
      'IMAGE_KEY_INVALID',
      `the secret ${name} is not there: neither ${name}/ nor ${name}.pub in the secrets folder`,
      { mend: 'Mount the Secret there, or set images.trust[].secrets to the folder that holds it.' },
    );
  }
  const entryOf = (entry: string, shown: string): SecretEntry => ({
    name: entry,
    read: async () => ({ text: await readBounded({ path: join(folder, shown), shown }), shown }),
  });
  if (only !== `${name}/`) return [entryOf(only, only)];
  const entries = (await readdir(join(folder, name))).filter((entry) => !entry.startsWith('.'));
  return entries.sort().map((entry) => entryOf(entry, `${name}/${entry}`));
}

/**
 * The text of a content policy: `<name>/<key>` for a ConfigMap, as Kubernetes mounts it, and `<sha256>` for one that the
 * policy names by address and hash; whoever put it there has fetched it, and it is hashed here.
 */
export async function readContent(folder: string | undefined, reference: ContentReference): Promise<NamedText> {
  const isRemote = reference.kind === 'remote';
  const shown = isRemote ? reference.sha256 : `${reference.name}/${reference.key}`;
  if (folder === undefined) {
    throw new GateError(
      'IMAGE_POLICY_UNSUPPORTED',
      isRemote ? 'the gate fetches no policy' : 'the gate asks no cluster for a ConfigMap',
      {
        mend: isRemote
          ? 'Fetch it, put it under its sha256 into a folder, and name that folder in images.trust[].contents.'
          : 'Mount the ConfigMap as <folder>/<name>, and name that folder in images.trust[].contents.',
      },
    );
  }
  if (!isRemote && (!resourceName.test(reference.name) || !/^(?!\.\.?$)[A-Za-z0-9._-]{1,253}$/.test(reference.key))) {
    throw new GateError(
      'IMAGE_POLICY_INVALID',
      `${JSON.stringify(shown.slice(0, 100))} is not a ConfigMap and a key of it`,
    );
  }
  const text = await readBounded({ path: join(folder, shown), shown });
  if (isRemote && createHash('sha256').update(text).digest('hex') !== reference.sha256) {
    throw new GateError('IMAGE_POLICY_INVALID', `the file ${shown} has another sha256 than its name says`);
  }
  return { text, shown };
}

/** A platform file as text. Throws `code` when it cannot be read, is no file or too large, IMAGE_POLICY_INVALID when it is not UTF-8. */
export async function readBounded(file: TrustFile, code: Code = 'IMAGE_POLICY_MISSING'): Promise<string> {
  let bytes: Buffer;
  try {
    const found = await stat(file.path);
    // A pipe would be waited for, and a device has no end.
    if (!found.isFile()) throw new GateError(code, `${file.shown} is not a file`);
    if (found.size > maxFileBytes) throw new GateError(code, `${file.shown} is larger than ${maxFileBytes} bytes`);
    bytes = await readFile(file.path);
  } catch (error) {
    if (error instanceof GateError) throw error;
    const why = errorCode(error);
    const what = why === 'ENOENT' ? 'does not exist' : `cannot be read (${why})`;
    throw new GateError(code, `${file.shown} ${what}`, { cause: error });
  }
  if (bytes.length > maxFileBytes) throw new GateError(code, `${file.shown} is larger than ${maxFileBytes} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new GateError('IMAGE_POLICY_INVALID', `${file.shown} is not UTF-8 text`, { place: file.shown, cause: error });
  }
}

async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? 'file' : found.isDirectory() ? 'folder' : undefined;
  } catch {
    return undefined;
  }
}

function missing(message: string): GateError {
  return new GateError('IMAGE_POLICY_MISSING', message);
}

function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown error';
}
