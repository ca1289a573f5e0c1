import { GateError } from '../../core/errors.ts';
import type { Digest } from '../../core/image.ts';
import { isObject, type JsonObject } from '../../core/json.ts';
import type { Descriptor } from '../../core/ports.ts';

const ociIndex = 'application/vnd.oci.image.index.v1+json';
const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json';
const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';

/** What is asked for, and all that is accepted. */
export const manifestMediaTypes: readonly string[] = [ociIndex, ociManifest, dockerList, dockerManifest];
const indexMediaTypes: readonly string[] = [ociIndex, dockerList];

export function isIndexMediaType(mediaType: string): boolean {
  return indexMediaTypes.includes(mediaType);
}

/** The media type of a Content-Type header, without its parameters. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** `sha256:…` of the bytes. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${process.getBuiltinModule('node:crypto').hash('sha256', bytes, 'hex')}` as Digest;
}

/** Whether a media type says that this is no manifest, and what it is then; undefined for one that is accepted. */
export function refusedMediaType(mediaType: string): string | undefined {
  if (manifestMediaTypes.includes(mediaType)) return undefined;
  if (/^application\/vnd\.docker\.distribution\.manifest\.v1\+/.test(mediaType)) {
    return 'a docker schema 1 manifest, which cannot be verified';
  }
  if (mediaType === 'text/html') return 'an HTML page';
  return mediaType === '' ? 'something without a media type' : `something of type "${printable(mediaType)}"`;
}

/**
 * The JSON of a manifest or index whose media type is known. One body must not be both (CVE-2021-41190), nor call itself something else
 * than its sender does: two readers would then see two images. Throws REGISTRY_MANIFEST_INVALID, naming `what`.
 */
export function parseManifest(bytes: Uint8Array, mediaType: string, what: string): JsonObject {
  const body = parseJsonObject(bytes);
  if (body === undefined) throw invalid(`${what} is not a JSON object`);
  if (body['schemaVersion'] === 1) throw invalid(`${what} is a docker schema 1 manifest, which cannot be verified`);
  if (body['schemaVersion'] !== 2) throw invalid(`${what} does not have schemaVersion 2`);
  const own = body['mediaType'];
  if (own !== undefined && own !== mediaType) {
    throw invalid(
      `${what} was sent as ${mediaType} and calls itself ${typeof own === 'string' ? printable(own) : 'something else'}`,
    );
  }
  const isIndex = isIndexMediaType(mediaType);
  if (isIndex ? !Array.isArray(body['manifests']) : !isObject(body['config']) || !Array.isArray(body['layers'])) {
    throw invalid(`${what} is not the ${isIndex ? 'index' : 'manifest'} that its media type says`);
  }
  if (isIndex ? 'layers' in body || 'config' in body : 'manifests' in body) {
    throw invalid(`${what} is a manifest and an index at once`);
  }
  return body;
}

/** The media type of a manifest that nobody sent with one: its own, or what its shape is in OCI. */
export function mediaTypeOfBody(bytes: Uint8Array): string {
  const body = parseJsonObject(bytes);
  const own = body?.['mediaType'];
  if (typeof own === 'string') return own;
  return Array.isArray(body?.['manifests']) ? ociIndex : ociManifest;
}

export function parseJsonObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The descriptors of an index that can be read; a malformed one beside them hides none of them. */
export function readDescriptors(index: JsonObject): readonly Descriptor[] {
  const listed = index['manifests'];
  return Array.isArray(listed) ? listed.flatMap((each: unknown) => readDescriptor(each) ?? []) : [];
}

function readDescriptor(value: unknown): Descriptor | undefined {
  if (!isObject(value)) return undefined;
  const { mediaType, digest, size, artifactType, annotations } = value;
  if (typeof mediaType !== 'string' || typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest))
    return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  return {
    mediaType,
    digest: digest as Digest,
    size,
    ...(typeof artifactType === 'string' ? { artifactType } : {}),
    ...(isObject(annotations) ? { annotations: onlyStrings(annotations) } : {}),
  };
}

function onlyStrings(object: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(object).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Text from outside as it may stand in a message. */
export function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 80);
}

function invalid(message: string): GateError {
  return new GateError('REGISTRY_MANIFEST_INVALID', message);
}
