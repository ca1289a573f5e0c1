/** What an object may not hold if Flux is to apply it as it was judged (docs/decisions/0307). */
import { type Code, GateError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../core/json.ts';
import { describeObject, describePlace, type Manifest } from '../core/manifest.ts';
import { findCutInteger, isOfKubernetes } from './narrow-integers.ts';
import { quote } from './problem.ts';

function refuse(manifest: Manifest, code: Code, path: JsonPath, message: string, mend?: string): GateError {
  const place = describePlace(manifest.locate(path));
  const more = mend === undefined ? { place } : { place, mend };
  return new GateError(code, `${place}: ${describeObject(manifest.identity)}: ${message}`, more);
}

/** Annotations that kustomize acts on, and takes out. What is below the last is its own, whatever the version. */
const ACTED_ON = ['config.kubernetes.io/index', 'config.kubernetes.io/path', 'config.k8s.io/id'];
const INTERNAL = 'internal.config.kubernetes.io/';
const LOCAL = 'config.kubernetes.io/local-config';

/** JSON that is read as YAML, as kustomize reads its own, takes these for breaks or for nothing at all. */
const unreadable = /[\x7f-\x9f\ufffe\uffff]/;
/** go-yaml finds the colon of a key no farther away. */
const LONGEST_KEY_BYTES = 1000;
const maxInt64 = 2n ** 63n - 1n;

/** Throws FLUX_REWRITTEN for what kustomize would take out, change or choke on. `when` says which step made it so. */
export function refuseRewritten(manifest: Manifest, when: 'as built' | 'with common metadata'): void {
  const { object, identity } = manifest;
  const rewritten = (path: JsonPath, message: string, mend?: string) =>
    refuse(manifest, 'FLUX_REWRITTEN', path, message, mend);
  if (identity.name.endsWith('*')) {
    throw rewritten(['metadata'], 'it has no metadata.name, and Flux applies nothing without', 'Give it a name.');
  }
  const metadata = object['metadata'];
  if (!isObject(metadata)) return;
  for (const field of ['labels', 'annotations']) {
    for (const [key, text] of textsOf(metadata[field], () =>
      rewritten(['metadata', field], `its ${field} are no mapping`),
    )) {
      if (typeof text === 'string') continue;
      throw rewritten(
        ['metadata', field, key],
        `${field === 'labels' ? 'the label' : 'the annotation'} ${quote(key, 80)} is not a text`,
        'Put the value between quotes, a variable too.',
      );
    }
  }
  for (const [key, text] of textsOf(metadata['annotations'], () => undefined)) {
    const path = ['metadata', 'annotations', key];
    if (key === '') throw rewritten(path, 'an annotation has no name');
    if (key === LOCAL && text !== 'false') {
      throw rewritten(path, `kustomize drops every object that has the annotation ${LOCAL}`);
    }
    if (ACTED_ON.includes(key) || key.startsWith(INTERNAL)) {
      throw rewritten(path, `kustomize keeps the annotation ${quote(key, 120)} for itself`);
    }
  }
  // Once is enough: common metadata adds texts alone.
  if (when === 'as built') {
    const items = object['items'];
    if (Array.isArray(items) || (identity.kind.endsWith('List') && Object.hasOwn(object, 'items'))) {
      throw rewritten(['items'], 'it has items, and Flux would take it for a list of objects');
    }
    const cut = isOfKubernetes(identity) ? findCutInteger(object, [], identity.kind) : undefined;
    if (cut !== undefined) {
      throw rewritten(
        cut.path,
        `${cut.value} does not fit in this field, and Flux would cut it down to another number`,
      );
    }
  }
  refuseValues(object, [], rewritten);
}

function textsOf(value: JsonValue | undefined, otherwise: () => GateError | undefined): [string, JsonValue][] {
  if (value === undefined || value === null) return [];
  if (isObject(value)) return Object.entries(value);
  const error = otherwise();
  if (error !== undefined) throw error;
  return [];
}

function refuseValues(
  value: JsonValue,
  path: JsonPath,
  rewritten: (path: JsonPath, message: string) => GateError,
): void {
  if (typeof value === 'string') {
    if (unreadable.test(value))
      throw rewritten(path, 'a text in it holds a control character that kustomize cannot read');
  } else if (typeof value === 'bigint') {
    if (value > maxInt64) throw rewritten(path, `${value} is a number that Flux cannot hold exactly`);
  } else if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) refuseValues(item, [...path, i], rewritten);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      if (key === '<<') throw rewritten([...path, key], 'kustomize drops the key "<<"');
      if (unreadable.test(key) || Buffer.byteLength(key) > LONGEST_KEY_BYTES) {
        throw rewritten(path, `kustomize cannot read the key ${quote(key, 60)}`);
      }
      refuseValues(each, [...path, key], rewritten);
    }
  }
}

/**
 * Throws FLUX_ENCRYPTED for what Flux could decrypt into something that nobody judged. A Secret stays as it is, as long
 * as nothing but its data is encrypted: whoever holds the key says what a Secret holds, and no policy could look at it.
 */
export function refuseEncrypted(manifest: Manifest): void {
  const { object, identity } = manifest;
  const encrypted = (path: JsonPath, message: string, mend?: string) =>
    refuse(manifest, 'FLUX_ENCRYPTED', path, message, mend);
  const isSecret = identity.kind === 'Secret' && identity.apiVersion === 'v1';
  const isMarked = Object.hasOwn(object, 'sops') && object['sops'] !== null;
  if (isMarked && !isSecret) throw encrypted(['sops'], 'it is encrypted with SOPS, and is no Secret');
  if (isMarked) {
    for (const [field, value] of Object.entries(object)) {
      if (field === 'sops' || field === 'data' || field === 'stringData') {
        if (field !== 'sops' && !isObject(value)) throw encrypted([field], `${field} is no mapping`);
        continue;
      }
      const path = findEncrypted(value, [field]);
      if (path !== undefined) throw encrypted(path, `${path.join('.')} is encrypted`);
    }
  }
  if (identity.kind !== 'Secret' && !(identity.kind === 'ConfigMap' && identity.apiVersion === 'v1')) return;
  const data = object['data'];
  if (!isObject(data)) return;
  for (const [key, value] of Object.entries(data)) {
    // Flux decrypts such a file before it generates; the names of what SOPS adds to one tell it.
    if (/^sops_(?:version|mac|lastmodified)$/.test(key)) {
      throw encrypted(
        ['data', key],
        'it was generated from an encrypted file of variables (envs), which only Flux could decrypt',
        'Encrypt the Secret itself, or name the encrypted file under files.',
      );
    }
    // Flux decrypts data of whatever is called Secret.
    if (identity.kind === 'Secret' && !isSecret && typeof value === 'string' && isEncryptedFile(value)) {
      throw encrypted(['data', key], 'it holds a file that is encrypted with SOPS, and is no Secret of Kubernetes');
    }
  }
}

function findEncrypted(value: JsonValue, path: JsonPath): JsonPath | undefined {
  if (typeof value === 'string') return value.startsWith('ENC[') ? path : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  const entries: (readonly [string | number, JsonValue])[] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value as JsonObject);
  for (const [step, each] of entries) {
    const found = findEncrypted(each, [...path, step]);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isEncryptedFile(base64: string): boolean {
  const text = Buffer.from(base64, 'base64').toString('latin1');
  return text.includes('sops') || text.includes('ENC[');
}

/** Throws FLUX_HOOK for what Helm would run at its time, and not install with the rest (docs/decisions/0308). */
export function refuseHooks(manifest: Manifest): void {
  const metadata = manifest.object['metadata'];
  const annotations = isObject(metadata) ? metadata['annotations'] : undefined;
  const events = isObject(annotations ?? null) ? (annotations as JsonObject)['helm.sh/hook'] : undefined;
  if (events === undefined) return;
  const which = typeof events === 'string' ? quote(events, 80) : 'of no event';
  const path = ['metadata', 'annotations', 'helm.sh/hook'];
  throw refuse(manifest, 'FLUX_HOOK', path, `it is a hook of its chart (${which})`);
}
