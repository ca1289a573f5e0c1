import { isObject, type JsonObject, type JsonPath, type JsonValue, objectFrom } from '../../../../core/json.ts';

/** Thrown where a field of a Pod has a type that no Pod has: nothing can be said of such an object. */
export class PodShapeError extends Error {
  override readonly name = 'PodShapeError';
}

/** An object inside a Pod, with its place. What is absent reads as absent; what has the wrong type throws PodShapeError. */
export class PodPart {
  readonly value: JsonObject;
  readonly #above: PodPart | undefined;
  readonly #steps: JsonPath;
  /** Every control looks at the same few objects again. */
  #parts: Map<string, PodPart> | undefined;

  /** `steps` lead here from the part above, or from the Pod where there is none. */
  constructor(value: JsonObject, steps: JsonPath, above?: PodPart) {
    this.value = value;
    this.#steps = steps;
    this.#above = above;
  }

  get path(): JsonPath {
    return this.#above === undefined ? this.#steps : [...this.#above.path, ...this.#steps];
  }

  /** The same with these lists of containers in place of all others. */
  withContainers(lists: Readonly<Partial<Record<ContainerList, readonly JsonValue[]>>>): PodPart {
    const kept = Object.keys(this.value).filter((key) => !CONTAINER_LISTS.includes(key as ContainerList));
    const entries = kept.map((key): [string, JsonValue] => [key, this.value[key] as JsonValue]);
    return new PodPart(objectFrom([...entries, ...Object.entries(lists)]), this.path);
  }

  #read(key: string): JsonValue {
    return Object.hasOwn(this.value, key) ? (this.value[key] as JsonValue) : null;
  }

  #refuse(key: string, expected: string): never {
    throw new PodShapeError(`${fieldName([...this.path, key])} is not ${expected}`);
  }

  /** Whether a key is there with a value other than null. */
  has(key: string): boolean {
    return this.#read(key) !== null;
  }

  part(key: string): PodPart | undefined {
    const value = this.#read(key);
    if (value === null) return undefined;
    const known = this.#parts?.get(key);
    if (known !== undefined) return known;
    if (!isObject(value)) return this.#refuse(key, 'an object');
    const part = new PodPart(value, [key], this);
    this.#parts ??= new Map();
    this.#parts.set(key, part);
    return part;
  }

  /** Through several objects; undefined where one of them is absent. */
  descend(...keys: readonly string[]): PodPart | undefined {
    let part: PodPart | undefined = this;
    for (const key of keys) part = part?.part(key);
    return part;
  }

  parts(key: string): readonly PodPart[] {
    return this.#list(key).map((item, index) => {
      if (item === null) return new PodPart({}, [key, index], this);
      if (!isObject(item)) throw new PodShapeError(`${fieldName([...this.path, key, index])} is not an object`);
      return new PodPart(item, [key, index], this);
    });
  }

  /** An item that is null is empty, as Go decodes it. */
  texts(key: string): readonly string[] {
    return this.#list(key).map((item) =>
      typeof item === 'string' ? item : item === null ? '' : this.#refuse(key, 'a list of strings'),
    );
  }

  #list(key: string): readonly JsonValue[] {
    const value = this.#read(key);
    if (value === null) return [];
    return Array.isArray(value) ? (value as readonly JsonValue[]) : this.#refuse(key, 'a list');
  }

  /** Empty where it is absent. */
  text(key: string): string {
    const value = this.#read(key);
    if (value === null) return '';
    return typeof value === 'string' ? value : this.#refuse(key, 'a string');
  }

  flag(key: string): boolean | undefined {
    const value = this.#read(key);
    if (value === null) return undefined;
    return typeof value === 'boolean' ? value : this.#refuse(key, 'a boolean');
  }

  integer(key: string): number | bigint | undefined {
    const value = this.#read(key);
    if (value === null) return undefined;
    const isInteger = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
    return isInteger ? value : this.#refuse(key, 'an integer');
  }
}

export type ContainerList = 'initContainers' | 'containers' | 'ephemeralContainers';

/** In the order in which they are looked at. */
export const CONTAINER_LISTS: readonly ContainerList[] = ['initContainers', 'containers', 'ephemeralContainers'];

/** What the controls see of a Pod, or of the template of one. */
export interface Pod {
  readonly spec: PodPart;
  readonly annotations: ReadonlyMap<string, string>;
  /** Every container: init containers, containers, ephemeral containers. */
  readonly containers: readonly PodPart[];
}

/** Throws PodShapeError where there is a container that no Pod has. */
export function podOf(spec: PodPart, annotations: ReadonlyMap<string, string>): Pod {
  const containers = CONTAINER_LISTS.flatMap((list) => spec.parts(list));
  for (const container of containers) {
    container.text('name');
    container.text('image');
  }
  return { spec, annotations, containers };
}

/** The place of a field as Kubernetes prints it: `spec.containers[0].image`. */
export function fieldName(path: JsonPath): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}
