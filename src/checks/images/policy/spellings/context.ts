import type { NamedText, PolicyContext } from '../context.ts';

/** What the readers of other spellings may ask for besides: Secrets of several entries. */
export interface SpellingContext extends PolicyContext {
  /** The entries of a Secret by their names, in order. Throws IMAGE_KEY_INVALID where it is not there, or is empty. */
  secretEntries(name: string): Promise<readonly SecretEntry[]>;
}

export interface SecretEntry extends NamedText {
  /** The key of the entry: `cosign.pub`. */
  readonly name: string;
}
