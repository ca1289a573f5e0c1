import { isObject, type JsonObject, type JsonPath, type JsonValue, valueAt } from '../../../core/json.ts';
import { Fault } from './fault.ts';
import { BadImage, type ImageInfo, readImageInfo } from './image-info.ts';

/** Where kinds keep the specification of their Pods. */
const podPaths: Readonly<Record<string, JsonPath>> = {
  Pod: ['spec'],
  DaemonSet: ['spec', 'template', 'spec'],
  Deployment: ['spec', 'template', 'spec'],
  ReplicaSet: ['spec', 'template', 'spec'],
  ReplicationController: ['spec', 'template', 'spec'],
  StatefulSet: ['spec', 'template', 'spec'],
  Job: ['spec', 'template', 'spec'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};

/** Images by the list of containers and by the name of the container. */
export type ContainerImages = ReadonlyMap<string, ReadonlyMap<string, ContainerImage>>;

export interface ContainerImage {
  readonly info: ImageInfo;
  /** `/spec/containers/0/image` */
  readonly pointer: string;
}

const known = new WeakMap<JsonObject, ContainerImages | Fault>();

/**
 * The images of a workload's containers, as Kyverno takes them apart; empty for other kinds. Throws Fault for an image
 * that cannot be read, and for a container without a name.
 */
export function containerImages(object: JsonObject): ContainerImages {
  let found = known.get(object);
  if (found === undefined) {
    try {
      found = readImages(object);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      found = error;
    }
    known.set(object, found);
  }
  if (found instanceof Fault) throw found;
  return found;
}

/** What `images` is in the context of a rule; undefined where there are none, and the name is then unknown. */
export function contextImages(object: JsonObject): JsonObject | undefined {
  const images = containerImages(object);
  if (images.size === 0) return undefined;
  const made: Record<string, JsonValue> = Object.create(null);
  for (const [list, containers] of images) {
    const byName: Record<string, JsonValue> = Object.create(null);
    for (const [name, { info, pointer }] of containers) byName[name] = describe(info, pointer);
    made[list] = byName;
  }
  return made;
}

function describe(info: ImageInfo, pointer: string): JsonObject {
  const made: Record<string, JsonValue> = Object.create(null);
  for (const [key, value] of Object.entries(info) as [string, string][]) {
    // Go leaves the empty ones out, but for two.
    if (value !== '' || key === 'name' || key === 'path') made[key] = value;
  }
  made['jsonPointer'] = pointer;
  return made;
}

function readImages(object: JsonObject): ContainerImages {
  const images = new Map<string, ReadonlyMap<string, ContainerImage>>();
  const kind = Object.hasOwn(object, 'kind') ? object['kind'] : undefined;
  const path = typeof kind === 'string' && Object.hasOwn(podPaths, kind) ? podPaths[kind] : undefined;
  if (path === undefined) return images;
  for (const list of ['initContainers', 'containers', 'ephemeralContainers']) {
    const found = readContainers(object, [...path, list]);
    if (found.size > 0) images.set(list, found);
  }
  return images;
}

function readContainers(object: JsonObject, path: JsonPath): Map<string, ContainerImage> {
  const found = new Map<string, ContainerImage>();
  for (let depth = 1; depth < path.length; depth += 1) {
    const parent = valueAt(object, path.slice(0, depth));
    if (parent === undefined || parent === null) return found;
    if (!isObject(parent)) throw new Fault('invalid image config');
  }
  const containers = valueAt(object, path);
  if (containers === undefined || containers === null) return found;
  if (typeof containers !== 'object') throw new Fault('invalid image config');
  const isMap = !Array.isArray(containers);
  for (const [key, container] of Object.entries(containers)) {
    // A map in the place of the list is gone through as one, and a list inside of it is more than Kyverno takes.
    if (isMap && Array.isArray(container)) throw new Fault('invalid image config');
    collect(container, [...path, key], found);
  }
  return found;
}

function collect(container: JsonValue, path: JsonPath, found: Map<string, ContainerImage>): void {
  if (Array.isArray(container)) {
    for (const [index, each] of (container as readonly JsonValue[]).entries()) collect(each, [...path, index], found);
    return;
  }
  if (!isObject(container)) return;
  const name = Object.hasOwn(container, 'name') ? container['name'] : undefined;
  if (typeof name !== 'string') throw new Fault('invalid key');
  const image = Object.hasOwn(container, 'image') ? container['image'] : undefined;
  if (typeof image !== 'string' || image.trim() === '') return;
  try {
    found.set(name, { info: readImageInfo(image), pointer: `/${path.join('/')}/image` });
  } catch (error) {
    if (!(error instanceof BadImage)) throw error;
    throw new Fault(`invalid image '${image.slice(0, 200)}' (${error.message})`);
  }
}
