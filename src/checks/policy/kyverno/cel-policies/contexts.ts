import { isObject, type JsonObject, type JsonValue } from '../../../../core/json.ts';
import { evaluationError, lackingError } from '../../cel/error.ts';
import { fromJson } from '../../cel/json.ts';
import {
  GlobalContext,
  HttpContext,
  ImageDataContext,
  ResourceContext,
  ResourceName,
} from '../../cel/library/kyverno-context.ts';
import type { CelMap, CelValue } from '../../cel/values.ts';
import { settingsName } from '../../kube/cluster.ts';
import { labelsOf } from '../../kube/match-constraints.ts';
import { groupVersionKind, type ResourceTable } from '../../kube/resources.ts';
import type { PolicyWorld } from '../../rule.ts';
import type { Supplied } from '../../supplied.ts';

/**
 * The variables by which policies ask a server, a registry or a store of Kyverno's own, and why a gate does not. Values may
 * stand in for them in a test of policies alone.
 */
export const UNANSWERED_CONTEXTS: ReadonlyMap<string, string> = new Map([
  ['http', 'a gate asks no server while it judges'],
  ['globalContext', 'what Kyverno keeps of other objects is not known to a gate'],
  ['image', 'a gate asks registries for signatures alone'],
]);

/** The value of such a variable, or of `resource`; undefined for every other name. */
export function contextValue(name: string, world: PolicyWorld, resources: ResourceTable): CelValue | undefined {
  switch (name) {
    case 'resource':
      return new SnapshotResources(world, resources);
    case 'http':
      return new SuppliedServer(world.supplied);
    case 'globalContext':
      return new SuppliedGlobal(world.supplied);
    case 'image':
      return new SuppliedImages(world.supplied);
    default:
      return undefined;
  }
}

/** Objects of the platform's snapshot, or in a test of the cluster that it describes. Nothing of them is rendered. */
class SnapshotResources extends ResourceContext {
  readonly #world: PolicyWorld;
  readonly #resources: ResourceTable;

  constructor(world: PolicyWorld, resources: ResourceTable) {
    super();
    this.#world = world;
    this.#resources = resources;
  }

  override get(apiVersion: string, resource: string, namespace: string, name: string): CelValue {
    const { cluster } = this.#world;
    const kind = this.#kindOf(apiVersion, resource, 'get');
    const found = cluster.object(kind, namespace, name);
    if (found !== undefined) return fromJson(found);
    if (cluster.isComplete(kind)) return null;
    const shown = namespace === '' ? name : `${namespace}/${name}`;
    throw lackingError(
      'snapshot',
      `failed to get resource: the snapshot does not hold the ${settingsName(kind)} ${shown}`,
    );
  }

  override list(apiVersion: string, resource: string, namespace: string, labels: CelMap | undefined): CelValue {
    const { cluster, supplied } = this.#world;
    const kind = this.#kindOf(apiVersion, resource, 'list');
    if (!cluster.isComplete(kind)) {
      throw lackingError(
        'snapshot',
        `failed to list resource: the snapshot does not speak for every ${settingsName(kind)}`,
      );
    }
    // The command of Kyverno does not know a resource of which its tests hold no object.
    if (supplied !== undefined && cluster.list(kind).length === 0) {
      const shown = kind.group === '' ? resource : `${resource}.${kind.group}`;
      throw evaluationError(`failed to list resource: ${shown} resource not found`);
    }
    const all = cluster.list(kind, namespace === '' ? undefined : namespace);
    const items = labels === undefined ? all : all.filter((object) => hasLabels(object, labels));
    return fromJson({ apiVersion, kind: `${kind.kind}List`, items });
  }

  override resourceOf(apiVersion: string, kind: string): ResourceName {
    const { resource } = this.#resources.ofKind(groupVersionKind(apiVersion, kind));
    if (resource.resource === '') throw evaluationError(`failed to map kind to resource: ${kind} is not known`);
    return new ResourceName(apiVersion, resource.resource);
  }

  #kindOf(apiVersion: string, resource: string, what: 'get' | 'list') {
    const { group, version } = groupVersionKind(apiVersion, '');
    const found = this.#resources.ofResource({ group, version, resource });
    if (found === undefined) {
      throw evaluationError(`failed to ${what} resource: ${apiVersion} ${resource.slice(0, 100)} is not known`);
    }
    return found.kind;
  }
}

function hasLabels(object: JsonObject, labels: CelMap): boolean {
  const own = labelsOf(object);
  return [...labels.keys()].every((key) => Object.hasOwn(own, String(key)) && own[String(key)] === labels.get(key));
}

class SuppliedServer extends HttpContext {
  readonly #supplied: Supplied | undefined;

  constructor(supplied: Supplied | undefined) {
    super();
    this.#supplied = supplied;
  }

  override get(url: string): CelValue {
    return this.#answer('GET', url);
  }

  override post(url: string): CelValue {
    return this.#answer('POST', url);
  }

  /** Whom the client would trust is of no consequence where nobody is asked. */
  override client(): HttpContext {
    return this;
  }

  #answer(method: 'GET' | 'POST', url: string): CelValue {
    const answer = this.#supplied?.response?.(method, url);
    if (answer === undefined) throw evaluationError(`request failed: no answer to ${method} ${url} is supplied`);
    return fromJson({ body: answer.body, statusCode: answer.status });
  }
}

class SuppliedGlobal extends GlobalContext {
  readonly #supplied: Supplied | undefined;

  constructor(supplied: Supplied | undefined) {
    super();
    this.#supplied = supplied;
  }

  override entry(name: string, projection: string): CelValue {
    const data: JsonValue | undefined = this.#supplied?.globalContext(name);
    if (data === undefined) return null;
    if (projection === '') return fromJson(data);
    const found = isObject(data) && Object.hasOwn(data, projection) ? data[projection] : undefined;
    if (found !== undefined) return fromJson(found);
    const why = isObject(data) ? '' : ': stored value is not an object';
    throw evaluationError(
      `failed to get global reference: projection ${JSON.stringify(projection)} not found in global context entry ${JSON.stringify(name)}${why}`,
    );
  }
}

class SuppliedImages extends ImageDataContext {
  readonly #supplied: Supplied | undefined;

  constructor(supplied: Supplied | undefined) {
    super();
    this.#supplied = supplied;
  }

  override metadata(image: string): CelValue {
    const data = this.#supplied?.imageData(image);
    if (data !== undefined) return fromJson(data);
    throw evaluationError(`failed to get image data: image data for ${image} not found in the context`);
  }
}
