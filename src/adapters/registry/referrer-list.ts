import { GateError } from '../../core/errors.ts';
import type { Digest } from '../../core/image.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Descriptor } from '../../core/ports.ts';
import { readDescriptors } from './manifest-body.ts';

/**
 * Collects the referrers of one digest. Malformed ones are left out, so that they hide no good one, but they count: a
 * flood is not free because it is garbage. Throws REGISTRY_TOO_MANY_REFERRERS past the cap.
 */
export class ReferrerList {
  readonly #found = new Map<Digest, Descriptor>();
  readonly #of: string;
  readonly #cap: number;
  #count = 0;

  constructor(of: string, cap: number) {
    this.#of = of;
    this.#cap = cap;
  }

  /** Adds what an index lists. */
  addIndex(index: JsonObject): void {
    const listed = index['manifests'];
    this.#grow(Array.isArray(listed) ? listed.length : 0);
    for (const descriptor of readDescriptors(index)) this.#keep(descriptor);
  }

  add(descriptor: Descriptor): void {
    this.#grow(1);
    this.#keep(descriptor);
  }

  /** One for each digest, in the order of the list. */
  distinct(): readonly Descriptor[] {
    return [...this.#found.values()];
  }

  #grow(by: number): void {
    this.#count += by;
    if (this.#count <= this.#cap) return;
    const message = `${this.#of} has ${this.#count} referrers or more, and at most ${this.#cap} are read`;
    throw new GateError('REGISTRY_TOO_MANY_REFERRERS', message);
  }

  #keep(descriptor: Descriptor): void {
    if (!this.#found.has(descriptor.digest)) this.#found.set(descriptor.digest, descriptor);
  }
}
