import type * as z from 'zod/mini';
import { GateError } from '../../../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../../../core/json.ts';
import { describePlace } from '../../../core/manifest.ts';
import { fitTo } from '../../../core/settings-file.ts';
import type { PolicyDocument, ReadDocument, ReadDocuments } from '../document.ts';
import { readTestFile } from './files.ts';

/** Every document of a file, with its file's name. Throws TEST_INVALID and what the reader throws. */
export function readFile(path: string, read: ReadDocuments): readonly ReadDocument[] {
  return read(path, readTestFile(path));
}

/** The one document of a file as its schema's type. Throws TEST_INVALID with the place of what does not fit. */
export function readAs<Schema extends z.ZodMiniType>(
  schema: Schema,
  path: string,
  called: string,
  read: ReadDocuments,
): z.infer<Schema> {
  const documents = readFile(path, read);
  const [document] = documents;
  if (document === undefined || documents.length > 1) {
    throw new GateError('TEST_INVALID', `${path} holds ${documents.length} documents, and ${called} is one`, {
      place: path,
    });
  }
  return fit(schema, document, called);
}

export function fit<Schema extends z.ZodMiniType>(
  schema: Schema,
  document: ReadDocument,
  called: string,
): z.infer<Schema> {
  const fitted = fitTo(schema, document.value, called);
  if ('value' in fitted) return fitted.value;
  throw invalidAt(document, fitted.path, fitted.message);
}

export function invalidAt(document: ReadDocument, path: JsonPath, message: string): GateError {
  const place = describePlace(document.locate(path));
  return new GateError('TEST_INVALID', `${place}: ${message}`, { place });
}

/**
 * The objects of a file, with the items of a `List` in its place. Throws TEST_INVALID for what is no object with an
 * apiVersion and a kind.
 */
export function readObjects(path: string, read: ReadDocuments): PolicyDocument[] {
  return readFile(path, read).flatMap((document) => {
    const { value } = document;
    if (!isTyped(value)) throw invalidAt(document, [], 'an object with an apiVersion and a kind is expected here');
    if (value['kind'] !== 'List' || value['apiVersion'] !== 'v1') return [objectOf(document, value, [], path)];
    const items = Object.hasOwn(value, 'items') ? (value['items'] ?? []) : [];
    if (!Array.isArray(items)) throw invalidAt(document, ['items'], 'the items of a List are a list');
    return items.map((item: JsonValue, i) => {
      if (!isTyped(item)) {
        throw invalidAt(document, ['items', i], 'an object with an apiVersion and a kind is expected here');
      }
      return objectOf(document, item, ['items', i], path);
    });
  });
}

function objectOf(document: ReadDocument, value: JsonObject, prefix: JsonPath, file: string): PolicyDocument {
  return {
    value,
    file,
    document: document.number,
    locate: (path) => describePlace(document.locate([...prefix, ...path])),
  };
}

/** Whether a value says what it is. */
export function isTyped(
  value: JsonValue,
): value is JsonObject & { readonly apiVersion: string; readonly kind: string } {
  if (!isObject(value) || !Object.hasOwn(value, 'apiVersion') || !Object.hasOwn(value, 'kind')) return false;
  const { apiVersion, kind } = value;
  return typeof apiVersion === 'string' && typeof kind === 'string' && apiVersion !== '' && kind !== '';
}
