/** The kinds of token, named as libyaml names them. Numbers, because they are compared millions of times. */
export const STREAM_END = 1;
export const DOCUMENT_START = 2;
export const DOCUMENT_END = 3;
export const BLOCK_SEQUENCE_START = 4;
export const BLOCK_MAPPING_START = 5;
export const BLOCK_END = 6;
export const FLOW_SEQUENCE_START = 7;
export const FLOW_SEQUENCE_END = 8;
export const FLOW_MAPPING_START = 9;
export const FLOW_MAPPING_END = 10;
export const BLOCK_ENTRY = 11;
export const FLOW_ENTRY = 12;
export const KEY = 13;
export const VALUE = 14;
export const ALIAS = 15;
export const ANCHOR = 16;
export const TAG = 17;
export const PLAIN = 18;
/** A quoted scalar, or a literal or folded block: a string whatever it looks like. */
export const QUOTED = 19;

/** Whether a token may still turn out to be the start of a key that no `?` announces. */
export const NO_KEY = 0;
export const MAYBE_KEY = 1;
/** It stands where only a key can stand: that it is none is an error. */
export const MUST_BE_KEY = 2;

export class Token {
  readonly type: number;
  readonly start: number;
  readonly line: number;
  readonly column: number;
  value: string;
  /** How many tokens came before it, once it was queued as a possible key. */
  number = 0;
  key = NO_KEY;

  constructor(type: number, start: number, line: number, column: number, value: string) {
    this.type = type;
    this.start = start;
    this.line = line;
    this.column = column;
    this.value = value;
  }
}
