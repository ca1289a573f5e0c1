import { ASN1Obj } from '@sigstore/core';
import { maxNumberBytes } from '../verify/der-bounds.ts';
import { Malformed } from '../verify/json.ts';

/** One element of DER, whose children are asked for by their place. All of its methods throw Malformed and nothing else. */
export class Element {
  readonly #object: ASN1Obj;
  readonly #what: string;

  constructor(object: ASN1Obj, what: string) {
    this.#object = object;
    this.#what = what;
  }

  /** The tag byte: `0x30` for a sequence. */
  get tag(): number {
    return this.#object.tag.toDER();
  }

  /** The bytes of the value, without tag and length. */
  get value(): Buffer {
    return this.#object.value;
  }

  /** The whole element. Lengths are minimal, or it would not have been read, so these are the bytes as they came. */
  get bytes(): Buffer {
    return this.#object.toDER();
  }

  /** The children of a constructed element. */
  get children(): readonly Element[] {
    if ((this.tag & 0x20) === 0) throw this.#malformed();
    return this.#object.subs.map((each) => new Element(each, this.#what));
  }

  child(index: number, tag?: number): Element {
    const found = this.#object.subs[index];
    if (found === undefined || (this.tag & 0x20) === 0) throw this.#malformed();
    return new Element(found, this.#what).expect(tag);
  }

  expect(tag: number | undefined): this {
    if (tag !== undefined && this.tag !== tag) throw this.#malformed();
    return this;
  }

  oid(): string {
    return this.#guard(() => this.#short().toOID());
  }

  integer(): bigint {
    return this.#guard(() => this.#short().toInteger());
  }

  boolean(): boolean {
    return this.#guard(() => this.#object.toBoolean());
  }

  bits(): readonly number[] {
    return this.#guard(() => this.#object.toBitString());
  }

  /** A bit string of whole bytes, such as a signature. */
  bitBytes(): Buffer {
    if (this.tag !== tags.bitString || this.value[0] !== 0) throw this.#malformed();
    return this.value.subarray(1);
  }

  /** Milliseconds since the epoch. */
  time(): number {
    if (this.tag === tags.generalizedTime) return this.#generalizedTime();
    const time = this.#guard(() => this.#object.toDate().getTime());
    if (!Number.isSafeInteger(time)) throw this.#malformed();
    return time;
  }

  /** With a fraction, as timestamps may have one. */
  #generalizedTime(): number {
    const found = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?Z$/.exec(this.value.toString('latin1'));
    if (found === null) throw this.#malformed();
    const [, year, month, day, hour, minute, second, fraction = ''] = found;
    const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
    const time = Date.parse(text);
    if (Number.isNaN(time) || new Date(time).toISOString() !== text) throw this.#malformed();
    return time + Number(`0.${fraction.padEnd(1, '0')}`) * 1000;
  }

  /** Numbers are read in time square to their length: half a megabyte of one would take a minute. */
  #short(): ASN1Obj {
    if (this.value.length > maxNumberBytes) throw this.#malformed();
    return this.#object;
  }

  #guard<T>(read: () => T): T {
    try {
      return read();
    } catch {
      throw this.#malformed();
    }
  }

  #malformed(): Malformed {
    return new Malformed(`${this.#what} is not in the form that its standard demands`);
  }
}

export const tags = {
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Bytes as one element of DER, to the last byte. Throws Malformed. */
export function readDer(bytes: Uint8Array, what: string): Element {
  try {
    return new Element(ASN1Obj.parseBuffer(Buffer.from(bytes)), what);
  } catch {
    throw new Malformed(`${what} is not DER`);
  }
}
