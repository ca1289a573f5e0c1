import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod/mini';
import { GateError } from '../../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { AdmittedObject } from '../../gates.ts';
import { Budget } from '../../manifests/budget.ts';
import { readJson } from '../../manifests/json-reader.ts';
import { TextProblem } from '../../manifests/problem.ts';
import { defaultManifestSettings } from '../../manifests/settings.ts';

const Text = z.string().check(z.maxLength(8192));
const optionalText = z._default(Text, '');

const Kind = z.object({ group: optionalText, version: Text, kind: Text.check(z.minLength(1)) });
const Resource = z.object({ group: optionalText, version: Text, resource: Text.check(z.minLength(1)) });

const UserInfo = z.object({
  username: optionalText,
  uid: optionalText,
  groups: z._default(z.nullable(z.array(Text).check(z.maxLength(10_000))), null),
  extra: z._default(z.nullable(z.record(z.string(), z.nullable(z.array(Text)))), null),
});

/**
 * What is read of an AdmissionReview (admission.k8s.io/v1). Fields that are not named are left alone: an API server may
 * add some, and the objects in it are read by another reader.
 */
const AdmissionReview = z.object({
  apiVersion: z.literal('admission.k8s.io/v1'),
  kind: z.literal('AdmissionReview'),
  request: z.object({
    uid: z.string().check(z.regex(/^[\w.:-]{1,128}$/)),
    kind: Kind,
    resource: Resource,
    subResource: optionalText,
    name: optionalText,
    namespace: optionalText,
    operation: z.string().check(z.maxLength(32)),
    userInfo: UserInfo,
    dryRun: z._default(z.nullable(z.boolean()), false),
    options: z._default(z.nullable(z.looseObject({ fieldManager: z.optional(z.unknown()) })), null),
  }),
});

/** What an API server asks, before its objects are looked at. */
export interface Review {
  readonly uid: string;
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly resource: AdmittedObject['resource'];
  readonly subresource: string;
  readonly name: string;
  /** Empty for objects of the cluster; a Namespace's own name for a Namespace. */
  readonly namespace: string;
  readonly operation: string;
  readonly userInfo: AdmittedObject['userInfo'];
  readonly dryRun: boolean;
  /** Who manages the fields of the request; empty where the client did not say. */
  readonly fieldManager: string;
  /** The objects, read strictly and once. Throws ADMISSION_REVIEW_INVALID for what no API server sends. */
  readonly admitted: () => AdmittedObject;
}

/** Reads a review from the bytes of a request. Throws ADMISSION_REVIEW_INVALID. */
export function readReview(body: Buffer): Review {
  if (!isUtf8(body)) throw invalid('it is not UTF-8');
  const text = body.toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalid('it is not JSON', error);
  }
  const result = AdmissionReview.safeParse(parsed);
  if (!result.success) throw invalid(`${fieldOf(result.error)} is not what the API says`);
  const { uid, kind, resource, subResource, name, namespace, operation, userInfo, dryRun, options } =
    result.data.request;
  const fieldManager = options?.fieldManager;
  const extra = Object.entries(userInfo.extra ?? {}).map(([key, values]) => [key, values ?? []] as const);
  const review = {
    uid,
    kind,
    resource,
    subresource: subResource,
    name,
    namespace,
    operation,
    userInfo: { ...userInfo, groups: userInfo.groups ?? [], extra: Object.fromEntries(extra) },
    dryRun: dryRun === true,
    fieldManager: typeof fieldManager === 'string' ? fieldManager : '',
  };
  let admitted: AdmittedObject | undefined;
  return {
    ...review,
    admitted: () => {
      admitted ??= readObjects(text, review);
      return admitted;
    },
  };
}

/** JSON.parse would take the last of two keys and round integers; what is judged is read as manifests are. */
function readObjects(text: string, review: Omit<Review, 'admitted'>): AdmittedObject {
  const { operation, kind, resource, subresource, namespace, userInfo, dryRun } = review;
  if (operation !== 'CREATE' && operation !== 'UPDATE') {
    throw invalid(`the operation is ${JSON.stringify(operation)}, and the webhook judges CREATE and UPDATE`);
  }
  if (subresource !== '' && !isWholePod(review)) {
    const asked = JSON.stringify(`${resource.resource}/${subresource}`);
    throw invalid(
      `it is about ${asked}, and of subresources the webhook judges ${wholePods.map((each) => `pods/${each}`).join(' and ')} alone`,
    );
  }
  const request = fieldsOf(text)['request'];
  if (!isObject(request)) throw invalid('it holds no request');
  const object = own(request, 'object');
  const oldObject = own(request, 'oldObject');
  const options = own(request, 'options');
  if (!isObject(object)) throw invalid('it holds no object');
  const apiVersion = kind.group === '' ? kind.version : `${kind.group}/${kind.version}`;
  for (const each of [object, ...(isObject(oldObject) ? [oldObject] : [])]) {
    if (own(each, 'apiVersion') !== apiVersion || own(each, 'kind') !== kind.kind) {
      throw invalid('an object in it is not of the kind that it names');
    }
  }
  if (operation === 'UPDATE' && !isObject(oldObject)) throw invalid('it is an update of nothing');
  if (operation === 'CREATE' && isObject(oldObject)) throw invalid('it creates what is there already');
  return {
    operation,
    object,
    oldObject: isObject(oldObject) ? oldObject : undefined,
    resource,
    subresource,
    namespace,
    userInfo,
    dryRun,
    ...(isObject(options) && { options }),
  };
}

function fieldsOf(text: string): JsonObject {
  try {
    const { maxDepth, maxValues } = defaultManifestSettings;
    const { value } = readJson(text, 0, { maxDepth, budget: new Budget(maxValues) });
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof TextProblem)) throw error;
    throw invalid(error.message, error);
  }
  throw invalid('it is no object');
}

/** What is written through these is a Pod as a whole. */
const wholePods: readonly string[] = ['ephemeralcontainers', 'resize'];

function isWholePod({ resource, subresource, kind }: Omit<Review, 'admitted'>): boolean {
  return (
    resource.group === '' &&
    resource.resource === 'pods' &&
    wholePods.includes(subresource) &&
    kind.group === '' &&
    kind.kind === 'Pod'
  );
}

/** Whether the request leaves the object exactly as it is, as every dry run of a controller does most of the time. */
export function changesNothing({ operation, object, oldObject }: AdmittedObject): boolean {
  return operation === 'UPDATE' && isDeepStrictEqual(object, oldObject);
}

/** Metadata that a server keeps by itself, and that changes with everything else. */
const bookkeeping = ['finalizers', 'managedFields', 'resourceVersion', 'generation'];

/**
 * Whether the request only takes finalizers off an object that is being deleted: whoever refuses it keeps the object
 * forever, and there is nothing new in it.
 */
export function endsDeletion({ operation, object, oldObject }: AdmittedObject): boolean {
  const before = isObject(oldObject?.['metadata']) ? oldObject['metadata'] : undefined;
  const after = isObject(object['metadata']) ? object['metadata'] : undefined;
  if (operation !== 'UPDATE' || before === undefined || after === undefined) return false;
  if (typeof own(before, 'deletionTimestamp') !== 'string') return false;
  const [kept, was] = [own(after, 'finalizers') ?? [], own(before, 'finalizers') ?? []];
  if (!Array.isArray(kept) || !Array.isArray(was)) return false;
  // As a set: an object may hold a hundred thousand finalizers.
  const there = new Set(was);
  if (!kept.every((each) => there.has(each))) return false;
  return isDeepStrictEqual(
    [without(object, ['metadata']), without(after, bookkeeping)],
    [without(oldObject ?? {}, ['metadata']), without(before, bookkeeping)],
  );
}

function without(object: JsonObject, keys: readonly string[]): [string, JsonValue][] {
  return Object.entries(object)
    .filter(([key]) => !keys.includes(key))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function own(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function fieldOf(error: { readonly issues: readonly { readonly path: readonly PropertyKey[] }[] }): string {
  const path = (error.issues[0]?.path ?? []).map(String).join('.');
  return path === '' ? 'the review' : path.slice(0, 100);
}

function invalid(why: string, cause?: unknown): GateError {
  return new GateError('ADMISSION_REVIEW_INVALID', `the webhook was asked what it does not answer: ${why}`, { cause });
}
