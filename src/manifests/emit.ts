import { canonicalJson } from '../core/json.ts';
import type { Manifest } from '../core/manifest.ts';
import { writeYaml } from './yaml/writer.ts';

/**
 * Characters that JSON leaves bare and YAML does not read as they are: Argo CD's repo-server reads the JSON that a
 * plugin prints as YAML, where U+2028 is a line break and U+007F an error.
 */
const notForYaml = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g;

/**
 * The manifests as text: the same objects give the same bytes. Objects stay in rendered order, which `kubectl apply`
 * follows (namespaces and definitions first, as the renderer sorted them); keys are sorted (docs/decisions/0011).
 *
 * `json` is one object a line, which apimachinery's decoder (kubectl, Argo CD) reads as a stream of objects. `yaml` is
 * documents with `---` before each, which read back as the same values under YAML 1.1 and 1.2.
 */
export function emitManifests(manifests: readonly Manifest[], format: 'json' | 'yaml'): string {
  if (format === 'yaml') return manifests.map(({ object }) => `---\n${writeYaml(object)}`).join('');
  return manifests.map(({ object }) => `${escapeForYaml(canonicalJson(object))}\n`).join('');
}

/** Such characters stand only inside strings, where an escape means the same. */
function escapeForYaml(json: string): string {
  return json.replace(notForYaml, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
