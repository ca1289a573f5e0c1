import type * as z from 'zod/mini';
import { type Code, GateError } from '../../core/errors.ts';
import { isObject, type JsonObject, type JsonPath, type JsonValue } from '../../core/json.ts';
import { describePlace, type Place } from '../../core/manifest.ts';
import { fitTo } from '../../core/settings-file.ts';

/** One document of a file, as Kubernetes would read it. */
export interface ReadDocument {
  readonly value: JsonValue;
  readonly number: number;
  locate(path: JsonPath): Place;
}

/** Reads YAML or JSON as Kubernetes does. Throws GateErrors that name file, line and column. */
export type ReadDocuments = (file: string, bytes: Uint8Array) => readonly ReadDocument[];

/**
 * The documents of a file of the platform's. What cannot be read is the platform's to mend, a fault of its settings and
 * not of what is judged: it is thrown as `code`, with the place that the reader names.
 */
export function platformDocuments(
  file: string,
  bytes: Uint8Array,
  read: ReadDocuments,
  code: Code,
): readonly ReadDocument[] {
  try {
    return read(file, bytes);
  } catch (error) {
    if (!(error instanceof GateError)) throw error;
    throw new GateError(code, error.message, { place: error.place ?? file, cause: error });
  }
}

/** One object of a file of policies, as it was read. */
export interface PolicyDocument {
  readonly value: JsonObject;
  /** As messages print it: `policies/pods.yaml`. */
  readonly file: string;
  /** Which document of the file it is, from 0. */
  readonly document: number;
  /** `policies/pods.yaml:12:5`: the place of the value (or, with `key`, of the key) at a path, or of the nearest parent. */
  locate(path: JsonPath, part?: 'key' | 'value'): string;
}

/**
 * The objects of a file, with the items of a list (as `kubectl get -o yaml` prints it) in its place. Throws `code` for
 * what is no object with an apiVersion and a kind.
 */
export function objectsIn(file: string, documents: readonly ReadDocument[], code: Code): PolicyDocument[] {
  return documents.flatMap((document) => flattened(document, document.value, [], file, code));
}

function flattened(
  document: ReadDocument,
  value: JsonValue,
  prefix: JsonPath,
  file: string,
  code: Code,
): PolicyDocument[] {
  const locate = (path: JsonPath) => describePlace(document.locate([...prefix, ...path]));
  if (!isObject(value) || !isText(value['apiVersion']) || !isText(value['kind'])) {
    const place = locate([]);
    throw new GateError(code, `${place}: an object with an apiVersion and a kind is expected here`, { place });
  }
  const { items, kind } = value;
  // Only what a list is called is taken apart: a custom resource may have items of its own.
  if (kind === 'List' && Array.isArray(items)) {
    return items.flatMap((item: JsonValue, i) => flattened(document, item, [...prefix, 'items', i], file, code));
  }
  return [{ value, file, document: document.number, locate }];
}

function isText(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && value !== '';
}

/** A GateError about one place of a policy. `message` says what is wrong there, without the place. */
export function policyError(
  document: PolicyDocument,
  path: JsonPath,
  message: string,
  code: Code = 'POLICY_INVALID',
  options: { readonly part?: 'key' | 'value'; readonly mend?: string; readonly cause?: unknown } = {},
): GateError {
  const place = document.locate(path, options.part);
  return new GateError(code, `${place}: ${message}`, {
    place,
    ...(options.mend !== undefined && { mend: options.mend }),
    ...(options.cause !== undefined && { cause: options.cause }),
  });
}

/** The document as its schema's type. Throws POLICY_INVALID with the place of the first thing that does not fit. */
export function validateDocument<Schema extends z.ZodMiniType>(
  schema: Schema,
  document: PolicyDocument,
): z.infer<Schema> {
  const fitted = fitTo(schema, document.value, 'the policy');
  if ('value' in fitted) return fitted.value;
  throw policyError(document, fitted.path, fitted.message, 'POLICY_INVALID', { part: fitted.part });
}
