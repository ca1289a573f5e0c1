import { equals } from './equality.ts';
import type { CelType } from './types.ts';
import { objectType } from './types.ts';
import { CelObject, type CelValue } from './values.ts';

/** An object that an expression made: `Object{spec: …}`. Fields that were not set are not there. */
export class StructMap extends CelObject {
  readonly type: CelType;
  readonly fields: ReadonlyMap<string, CelValue>;

  constructor(name: string, fields: ReadonlyMap<string, CelValue>) {
    super();
    this.type = objectType(name);
    this.fields = fields;
  }

  override field(name: string): CelValue | undefined {
    return this.fields.get(name);
  }

  override equals(other: CelValue): boolean {
    if (!(other instanceof StructMap) || other.fields.size !== this.fields.size) return false;
    for (const [name, value] of this.fields) {
      const same = other.fields.get(name);
      if (same === undefined || !equals(value, same)) return false;
    }
    return true;
  }
}
