import type * as z from 'zod/mini';
import { GateError } from '../../../core/errors.ts';
import type { JsonPath } from '../../../core/json.ts';
import { describePlace } from '../../../core/manifest.ts';
import { fitTo } from '../../../core/settings-file.ts';
import { objectsIn, type PolicyDocument, type ReadDocument, type ReadDocuments } from '../document.ts';
import { readTestFile } from './files.ts';
import { withoutNulls } from './settings.ts';

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
  const fitted = fitTo(schema, withoutNulls(document.value), called);
  if ('value' in fitted) return fitted.value;
  throw invalidAt(document, fitted.path, fitted.message);
}

export function invalidAt(document: ReadDocument, path: JsonPath, message: string): GateError {
  const place = describePlace(document.locate(path));
  return new GateError('TEST_INVALID', `${place}: ${message}`, { place });
}

/** The objects of a file, with the items of a `List` in its place. Throws TEST_INVALID for what is none. */
export function readObjects(path: string, read: ReadDocuments): PolicyDocument[] {
  return objectsIn(path, readFile(path, read), 'TEST_INVALID');
}
