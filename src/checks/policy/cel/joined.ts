import { CelError } from './error.ts';
import { CelList, type CelValue } from './values.ts';

/** How many elements a sum of lists may have when somebody looks at one of them. */
const MAX_SIZE = 2_000_000;

/**
 * Two lists one after the other. A sum costs the same however long its parts are, so nothing is copied until an element
 * is asked for: a list added to itself sixty times is small as long as nobody looks into it.
 */
export class JoinedList extends CelList {
  readonly size: number;
  #parts: readonly [CelList, CelList] | undefined;
  #items: CelValue[] = [];

  constructor(first: CelList, second: CelList) {
    super();
    this.size = first.size + second.size;
    this.#parts = [first, second];
  }

  override at(index: number): CelValue {
    return this.#flat()[index] as CelValue;
  }

  override toArray(): CelValue[] {
    return [...this.#flat()];
  }

  #flat(): readonly CelValue[] {
    if (this.#parts === undefined) return this.#items;
    if (this.size > MAX_SIZE) throw new CelError('work', 'the list is too long');
    const left: CelList[] = [...this.#parts].reverse();
    const items: CelValue[] = [];
    for (let list = left.pop(); list !== undefined; list = left.pop()) {
      if (list instanceof JoinedList && list.#parts !== undefined) left.push(list.#parts[1], list.#parts[0]);
      else for (let i = 0; i < list.size; i++) items.push(list.at(i));
    }
    this.#items = items;
    this.#parts = undefined;
    return items;
  }
}
