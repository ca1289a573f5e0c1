/** Data that are not DER, or not what they should be. */
export class DerError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DerError';
  }
}

/** Data that are DER, and that are not taken apart here: others may read them. */
export class UnknownPart extends DerError {
  constructor(message: string) {
    super(message);
    this.name = 'UnknownPart';
  }
}

export interface DerElement {
  /** Class, whether constructed, and number, in one byte: 0x30 is a SEQUENCE. */
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Reads elements of DER one after the other. Throws DerError for lengths that are not the shortest or lead outside. */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isEmpty(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** The tag of the next element; undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The next element, which must have that tag where one is given. */
  read(tag?: number): DerElement {
    const start = this.#at;
    const found = this.#bytes[start];
    const first = this.#bytes[start + 1];
    if (found === undefined || first === undefined) throw new DerError('the data end too early');
    if ((found & 0x1f) === 0x1f) throw new DerError('a tag has more than one byte');
    if (tag !== undefined && found !== tag) throw new DerError(`an element has tag ${found}, and not ${tag}`);
    let length = first;
    let from = start + 2;
    if (first >= 0x80) {
      const size = first & 0x7f;
      if (size === 0 || size > 4) throw new DerError('a length is indefinite, or too large');
      length = 0;
      for (const byte of this.#bytes.subarray(from, from + size)) length = length * 256 + byte;
      from += size;
      if (length < 0x80 || length < 256 ** (size - 1)) throw new DerError('a length is not the shortest');
    }
    if (from + length > this.#bytes.length) throw new DerError('the data end too early');
    this.#at = from + length;
    return {
      tag: found,
      content: this.#bytes.subarray(from, this.#at),
      whole: this.#bytes.subarray(start, this.#at),
    };
  }

  /** The elements inside the next one. */
  open(tag: number): DerReader {
    return new DerReader(this.read(tag).content);
  }

  /** The next element if it has that tag. */
  optional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.read(tag) : undefined;
  }

  end(): void {
    if (!this.isEmpty) throw new DerError('there are data behind the last element');
  }
}

/** An INTEGER of any size. */
export function derInteger(content: Uint8Array): bigint {
  const [first, second] = content;
  if (first === undefined) throw new DerError('an integer is empty');
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw new DerError('an integer is not the shortest');
  }
  const value = BigInt(`0x${Buffer.from(content).toString('hex')}`);
  return BigInt.asIntN(content.length * 8, value);
}

/** An INTEGER that a number holds exactly. */
export function derSmallInteger(content: Uint8Array): number {
  const value = derInteger(content);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) {
    throw new DerError('an integer is out of range');
  }
  return Number(value);
}

export function derBoolean(content: Uint8Array): boolean {
  if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new DerError('a boolean is neither');
  return content[0] === 0xff;
}

/** The numbers of an OBJECT IDENTIFIER. */
export function derOid(content: Uint8Array): number[] {
  const numbers: number[] = [];
  let value = 0;
  for (const [index, byte] of content.entries()) {
    if (value === 0 && byte === 0x80) throw new DerError('an identifier is not the shortest');
    value = value * 128 + (byte & 0x7f);
    if (value > 0x7fffffff) throw new DerError('an identifier is too large');
    if (byte >= 0x80) {
      if (index === content.length - 1) throw new DerError('an identifier ends too early');
      continue;
    }
    if (numbers.length === 0)
      numbers.push(value < 80 ? Math.trunc(value / 40) : 2, value < 80 ? value % 40 : value - 80);
    else numbers.push(value);
    value = 0;
  }
  if (numbers.length === 0) throw new DerError('an identifier is empty');
  return numbers;
}

/** The bytes of a BIT STRING of whole bytes. */
export function derBytes(content: Uint8Array): Uint8Array {
  const [unused] = content;
  if (unused !== 0) throw new DerError('a bit string is not of whole bytes');
  return content.subarray(1);
}

/** The moment of a UTCTime or GeneralizedTime as `2006-01-02T15:04:05Z`. */
export function derTime({ tag, content }: DerElement): string {
  const text = Buffer.from(content).toString('latin1');
  const digits = tag === tags.utcTime ? text.replace(/^/, Number(text.slice(0, 2)) >= 50 ? '19' : '20') : text;
  const parts = /^([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z$/.exec(digits);
  if (parts === null || (tag !== tags.utcTime && tag !== tags.generalizedTime)) throw new DerError('a time is none');
  const [, year, month, day, hour, minute, second] = parts;
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
  const moment = Date.parse(written);
  if (Number.isNaN(moment) || new Date(moment).toISOString().replace('.000', '') !== written) {
    throw new DerError('a time does not exist');
  }
  return written;
}
