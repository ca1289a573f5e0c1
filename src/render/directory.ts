import { posix } from 'node:path';
import { GateError } from '../core/errors.ts';
import { isObject } from '../core/json.ts';
import type { RenderedText } from '../core/rendered.ts';
import type { SourceTree } from '../core/source.ts';
import { withContent } from './copy.ts';
import type { Glob } from './glob.ts';
import type { Reading } from './reading.ts';
import type { DirectoryRequest } from './request.ts';
import { readYaml } from './yaml.ts';

/** A file that says this anywhere is left out (Argo CD's `skipFileRenderingMarker`). */
const SKIP_MARKER = '+argocd:skip-file-rendering';

/**
 * The manifests of a plain folder, in the order of a walk: `*.yaml`, `*.yml`, `*.json`, and below it if asked. Files
 * that hold no object at all (a values file beside the manifests) are left out, as Argo CD leaves them out; nothing of
 * them is applied. Jsonnet is refused by name.
 */
export async function readDirectory(
  tree: SourceTree,
  folder: string,
  request: DirectoryRequest,
  reading: Reading,
): Promise<RenderedText[]> {
  const { pathGlob } =
    request.include === '' && request.exclude === '' ? { pathGlob: undefined } : await import('./glob.ts');
  const include: Glob = request.include === '' || pathGlob === undefined ? () => true : pathGlob(request.include);
  const exclude: Glob = request.exclude === '' || pathGlob === undefined ? () => false : pathGlob(request.exclude);
  const texts: RenderedText[] = [];

  const visit = async (at: string): Promise<void> => {
    for (const child of tree.list(at)) {
      await reading.step();
      const path = posix.join(at, child.name);
      if (child.kind === 'folder') {
        if (request.recurse) await visit(path);
        continue;
      }
      if (!/\.(?:ya?ml|json|jsonnet)$/.test(child.name)) continue;
      // Links are looked at before the patterns, as there: a pattern does not excuse one that leads out.
      const file = tree.find(path);
      if (file?.kind !== 'file') continue;
      const relative = posix.relative(folder, path);
      if (exclude(relative) || !include(relative)) continue;
      if (child.name.endsWith('.jsonnet')) {
        throw new GateError('RENDER_JSONNET', `${path}: this is Jsonnet`, { place: path });
      }
      const bytes = withContent(tree.read(file.path), path);
      await reading.step(bytes.length);
      if (bytes.includes(SKIP_MARKER) || isUnrelated(bytes, path, reading)) continue;
      texts.push({ file: path, bytes, marks: 'none' });
    }
  };
  await visit(folder);
  return texts;
}

/**
 * Whether a file can be no manifest. One that has the three words every manifest has is read strictly, whatever it is;
 * only for the others is it asked whether a document of it has a kind, and a text that cannot be read has none.
 */
function isUnrelated(bytes: Buffer, path: string, reading: Reading): boolean {
  if (bytes.includes('apiVersion') && bytes.includes('kind') && bytes.includes('metadata')) return false;
  // Names may be written with escapes, and UTF-16 hides them all: such a file is read strictly.
  if (!bytes.includes('kind') && !bytes.includes('\\') && !bytes.includes(0)) return true;
  if (bytes.length > 1024 * 1024 || bytes.includes(0)) return false;
  try {
    const documents = readYaml(bytes.toString('utf8'), path, 'RENDER_FAILED', reading);
    return !documents.some(
      ({ value }) => Array.isArray(value) || (isObject(value) && typeof value['kind'] === 'string'),
    );
  } catch (thrown) {
    if (thrown instanceof GateError && thrown.code === 'SOURCE_TOO_LARGE') throw thrown;
    return !path.endsWith('.json');
  }
}
