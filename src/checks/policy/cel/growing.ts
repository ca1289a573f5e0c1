import { CelError } from './error.ts';
import { CelList, type CelValue } from './values.ts';

const MAX_SIZE = 20_000_000;

/**
 * The list that a comprehension builds. `accumulator + [x]` appends to it in place, which nobody can see: the
 * accumulator of a macro cannot be named in a source, and nothing keeps the list as it was before.
 */
export class GrowingList extends CelList {
  readonly #items: CelValue[] = [];

  override get size(): number {
    return this.#items.length;
  }

  override at(index: number): CelValue {
    return this.#items[index] as CelValue;
  }

  override toArray(): CelValue[] {
    return [...this.#items];
  }

  append(item: CelValue): this {
    if (this.#items.length >= MAX_SIZE) throw new CelError('work', 'the list is too long');
    this.#items.push(item);
    return this;
  }

  appendAll(list: CelList): this {
    const { size } = list;
    for (let i = 0; i < size; i++) this.append(list.at(i));
    return this;
  }
}
