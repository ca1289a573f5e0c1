import { posix } from 'node:path';
import type { JsonObject } from '../core/json.ts';
import type { SourceTree } from '../core/source.ts';
import { invalid } from './kustomization-fields.ts';
import type { Reading } from './reading.ts';
import { readYamlObject, type YamlDocument } from './yaml.ts';

/** The names that kustomize looks for; there may be one of them in a folder. */
const KUSTOMIZATION_NAMES = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'] as const;
export const PLAIN_NAME = KUSTOMIZATION_NAMES[0];

/** A tree and where it stands in the private copy: the user's own at `.`, each fetched one in a folder of its own. */
export interface Realm {
  readonly tree: SourceTree;
  readonly prefix: string;
}

/** A kustomization's folder: paths in the kustomization count from it. */
export interface Folder {
  readonly realm: Realm;
  /** Real path in the realm's tree. */
  readonly path: string;
}

/** Whether a folder has a file that kustomize would take for its kustomization. */
export function hasKustomization(tree: SourceTree, folder: string, children = tree.list(folder)): boolean {
  return KUSTOMIZATION_NAMES.some(
    (name) => children.some((child) => child.name === name) && tree.find(posix.join(folder, name))?.kind === 'file',
  );
}

/** The one kustomization file of a folder. Throws RENDER_KUSTOMIZATION where there is none, or more than one. */
export async function readKustomization(
  folder: Folder,
  reading: Reading,
  edited?: string,
): Promise<{ path: string; document: YamlDocument & { value: JsonObject } }> {
  const { tree, prefix } = folder.realm;
  const shown = posix.join(prefix, folder.path);
  const found = KUSTOMIZATION_NAMES.flatMap((name) => {
    const path = posix.join(folder.path, name);
    const entry = tree.find(path);
    return entry?.kind === 'file' ? [{ path, entry }] : [];
  });
  const [only, another] = found;
  if (only === undefined) throw invalid('there is no kustomization.yaml', shown);
  if (another !== undefined) throw invalid('there is more than one kustomization file', shown);
  const inside = folder.path === '.' || only.entry.path.startsWith(`${folder.path}/`);
  if (!inside) throw invalid('its kustomization file is a link to another folder', shown);
  const file = posix.join(prefix, only.path);
  const text = edited ?? tree.read(only.entry.path).toString('utf8');
  await reading.step(text.length);
  return { path: only.path, document: readYamlObject(text, file, 'RENDER_KUSTOMIZATION', reading) };
}
