import type { FunctionDeclaration, Overload } from '../declaration.ts';
import { abstractType, type CelType, DYN, mapOf, STRING } from '../types.ts';
import { type CelMap, CelObject, type CelValue } from '../values.ts';
import { declare, method } from './overload.ts';

const RESOURCE_CONTEXT = abstractType('resource.Context');
const HTTP_CONTEXT = abstractType('http.Context');
const GLOBAL_CONTEXT = abstractType('globalcontext.Context');
const IMAGE_DATA_CONTEXT = abstractType('imagedata.Context');
const GVR = abstractType('schema.GroupVersionResource');
const OBJECT = mapOf(STRING, DYN);
const TEXTS = mapOf(STRING, STRING);

/**
 * The variables through which Kyverno's policies ask a cluster, a server or a registry. Whoever declares one gives it
 * a value of the class below; the expressions that read it are known by `CelProgram.variables`.
 */
export const KYVERNO_CONTEXT_VARIABLES: ReadonlyMap<string, CelType> = new Map([
  ['resource', RESOURCE_CONTEXT],
  ['http', HTTP_CONTEXT],
  ['globalContext', GLOBAL_CONTEXT],
  ['image', IMAGE_DATA_CONTEXT],
]);

abstract class Context extends CelObject {
  override equals(other: CelValue): boolean {
    return other === this;
  }
}

/** The value of `resource`. Its methods throw `evaluationError` for what nobody knows. */
export abstract class ResourceContext extends Context {
  override get type(): CelType {
    return RESOURCE_CONTEXT;
  }

  /** An object of the cluster, or null where it is known that there is none. */
  abstract get(apiVersion: string, resource: string, namespace: string, name: string): CelValue;
  /** A list object, whose `items` are the objects with these labels; `labels` is undefined for all of them. */
  abstract list(apiVersion: string, resource: string, namespace: string, labels: CelMap | undefined): CelValue;
  /** The resource of a kind. */
  abstract resourceOf(apiVersion: string, kind: string): ResourceName;
}

/** The value of `http`. */
export abstract class HttpContext extends Context {
  override get type(): CelType {
    return HTTP_CONTEXT;
  }

  abstract get(url: string, headers: CelMap | undefined): CelValue;
  abstract post(url: string, body: CelValue, headers: CelMap | undefined): CelValue;
  /** A client that trusts these certificates. */
  abstract client(certificates: string): HttpContext;
}

/** The value of `globalContext`. */
export abstract class GlobalContext extends Context {
  override get type(): CelType {
    return GLOBAL_CONTEXT;
  }

  /** What an entry holds; `projection` is empty where none is asked for. */
  abstract entry(name: string, projection: string): CelValue;
}

/** The value of `image`. */
export abstract class ImageDataContext extends Context {
  override get type(): CelType {
    return IMAGE_DATA_CONTEXT;
  }

  abstract metadata(image: string): CelValue;
}

/** A resource of the API, as `resource.toGVR` gives it. */
export class ResourceName extends CelObject {
  readonly apiVersion: string;
  readonly resource: string;

  constructor(apiVersion: string, resource: string) {
    super();
    this.apiVersion = apiVersion;
    this.resource = resource;
  }

  override get type(): CelType {
    return GVR;
  }

  override equals(other: CelValue): boolean {
    return other instanceof ResourceName && other.apiVersion === this.apiVersion && other.resource === this.resource;
  }
}

/**
 * The functions of these variables. In a policy of one namespace there is no argument for it: `namespace` is then the
 * policy's own. Writing to a cluster (`resource.Post`) is no part of a verdict, and is not there.
 */
export function contextFunctions(namespace: string | undefined): FunctionDeclaration[] {
  return [
    ...bothNames('Get', 'get', (suffix) => [
      ...(namespace === undefined ? clusterGets(suffix) : namespacedGets(suffix, namespace)),
      ...httpGets(suffix),
      ...globalGets(suffix),
    ]),
    ...bothNames('List', 'list', (suffix) =>
      namespace === undefined ? clusterLists(suffix) : namespacedLists(suffix, namespace),
    ),
    ...bothNames('ToGVR', 'toGVR', (suffix) => [
      method(
        `convert_to_gvr_string_string_${suffix}`,
        [RESOURCE_CONTEXT, STRING, STRING],
        GVR,
        (context: ResourceContext, apiVersion: string, kind: string) => context.resourceOf(apiVersion, kind),
      ),
    ]),
    ...bothNames('Post', 'post', httpPosts),
    ...bothNames('Client', 'client', (suffix) => [
      method(
        `http_client_string_${suffix}`,
        [HTTP_CONTEXT, STRING],
        HTTP_CONTEXT,
        (context: HttpContext, certificates: string) => context.client(certificates),
      ),
    ]),
    ...bothNames('GetMetadata', 'getMetadata', (suffix) => [
      method(
        `imagedata_get_string_${suffix}`,
        [IMAGE_DATA_CONTEXT, STRING],
        DYN,
        (context: ImageDataContext, image: string) => context.metadata(image),
      ),
    ]),
  ];
}

/** Each function has the name that it has in Go, and since 1.18 one that begins in lower case. */
function bothNames(
  pascal: string,
  camel: string,
  overloads: (suffix: string) => readonly Overload[],
): FunctionDeclaration[] {
  return [declare(pascal, ...overloads('pascal')), declare(camel, ...overloads('camel'))];
}

function clusterGets(suffix: string): Overload[] {
  return [
    method(
      `resource_get_string_string_string_string_${suffix}`,
      [RESOURCE_CONTEXT, STRING, STRING, STRING, STRING],
      OBJECT,
      (context: ResourceContext, apiVersion: string, resource: string, namespace: string, name: string) =>
        context.get(apiVersion, resource, namespace, name),
    ),
    method(
      `resource_get_gvr_string_string_${suffix}`,
      [RESOURCE_CONTEXT, GVR, STRING, STRING],
      OBJECT,
      (context: ResourceContext, { apiVersion, resource }: ResourceName, namespace: string, name: string) =>
        context.get(apiVersion, resource, namespace, name),
    ),
  ];
}

function namespacedGets(suffix: string, namespace: string): Overload[] {
  return [
    method(
      `resource_get_string_string_string_${suffix}`,
      [RESOURCE_CONTEXT, STRING, STRING, STRING],
      OBJECT,
      (context: ResourceContext, apiVersion: string, resource: string, name: string) =>
        context.get(apiVersion, resource, namespace, name),
    ),
    method(
      `resource_get_gvr_string_${suffix}`,
      [RESOURCE_CONTEXT, GVR, STRING],
      OBJECT,
      (context: ResourceContext, { apiVersion, resource }: ResourceName, name: string) =>
        context.get(apiVersion, resource, namespace, name),
    ),
  ];
}

function clusterLists(suffix: string): Overload[] {
  const byName = (context: ResourceContext, apiVersion: string, resource: string, namespace: string, labels?: CelMap) =>
    context.list(apiVersion, resource, namespace, labels);
  const byResource = (
    context: ResourceContext,
    { apiVersion, resource }: ResourceName,
    namespace: string,
    labels?: CelMap,
  ) => context.list(apiVersion, resource, namespace, labels);
  const named = [RESOURCE_CONTEXT, STRING, STRING, STRING];
  const found = [RESOURCE_CONTEXT, GVR, STRING];
  return [
    method(`resource_list_string_string_string_${suffix}`, named, OBJECT, byName),
    method(`resource_list_string_string_string_map_${suffix}`, [...named, TEXTS], OBJECT, byName),
    method(`list_resources_gvr_string_${suffix}`, found, OBJECT, byResource),
    method(`list_resources_gvr_string_map_${suffix}`, [...found, TEXTS], OBJECT, byResource),
  ];
}

function namespacedLists(suffix: string, namespace: string): Overload[] {
  const byName = (context: ResourceContext, apiVersion: string, resource: string, labels?: CelMap) =>
    context.list(apiVersion, resource, namespace, labels);
  const byResource = (context: ResourceContext, { apiVersion, resource }: ResourceName, labels?: CelMap) =>
    context.list(apiVersion, resource, namespace, labels);
  const named = [RESOURCE_CONTEXT, STRING, STRING];
  const found = [RESOURCE_CONTEXT, GVR];
  return [
    method(`resource_list_string_string_${suffix}`, named, OBJECT, byName),
    method(`resource_list_string_string_map_${suffix}`, [...named, TEXTS], OBJECT, byName),
    method(`list_resources_gvr_${suffix}`, found, OBJECT, byResource),
    method(`list_resources_gvr_map_${suffix}`, [...found, TEXTS], OBJECT, byResource),
  ];
}

function httpGets(suffix: string): Overload[] {
  const get = (context: HttpContext, url: string, headers?: CelMap) => context.get(url, headers);
  return [
    method(`http_get_string_${suffix}`, [HTTP_CONTEXT, STRING], DYN, get),
    method(`http_get_string_headers_${suffix}`, [HTTP_CONTEXT, STRING, TEXTS], DYN, get),
  ];
}

function httpPosts(suffix: string): Overload[] {
  const post = (context: HttpContext, url: string, body: CelValue, headers?: CelMap) =>
    context.post(url, body, headers);
  return [
    method(`http_post_string_any_${suffix}`, [HTTP_CONTEXT, STRING, DYN], DYN, post),
    method(`http_post_string_any_headers_${suffix}`, [HTTP_CONTEXT, STRING, DYN, TEXTS], DYN, post),
  ];
}

function globalGets(suffix: string): Overload[] {
  const get = (context: GlobalContext, name: string, projection = '') => context.entry(name, projection);
  return [
    method(`globalcontext_get_string_${suffix}`, [GLOBAL_CONTEXT, STRING], DYN, get),
    method(`globalcontext_get_string_string_${suffix}`, [GLOBAL_CONTEXT, STRING, STRING], DYN, get),
  ];
}
