import type { PolicyContext } from '../context.ts';
import type { SecretEntry } from '../files.ts';

/** What the readers of other spellings may ask for besides: Secrets of several entries. */
export interface SpellingContext extends PolicyContext {
  /** The entries of a Secret, in the order of their names; a file `<name>.pub` is one. Throws IMAGE_KEY_INVALID. */
  secretEntries(name: string): Promise<readonly SecretEntry[]>;
}
