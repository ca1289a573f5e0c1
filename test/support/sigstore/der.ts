/** A writer of DER: just what certificates and timestamps in tests are made of, also those that no tool would make. */

export type Der = Buffer;

function element(tag: number, ...content: readonly Uint8Array[]): Der {
  const body = Buffer.concat(content);
  const length: number[] = [];
  if (body.length < 0x80) length.push(body.length);
  else {
    for (let rest = body.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
    length.unshift(0x80 | length.length);
  }
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

export const sequence = (...content: readonly Uint8Array[]): Der => element(0x30, ...content);
/** SET OF: DER sorts what is in it. */
export const set = (...content: readonly Uint8Array[]): Der => element(0x31, ...[...content].sort(Buffer.compare));
export const octets = (content: Uint8Array): Der => element(0x04, content);
export const bits = (content: Uint8Array, unused = 0): Der => element(0x03, Buffer.from([unused]), content);
export const boolean = (value: boolean): Der => element(0x01, Buffer.from([value ? 0xff : 0]));
export const nothing = (): Der => element(0x05);
export const utf8 = (text: string): Der => element(0x0c, Buffer.from(text));
/** A constructed element of a context-specific tag. */
export const tagged = (tag: number, ...content: readonly Uint8Array[]): Der => element(0xa0 | tag, ...content);
/** A primitive element of a context-specific tag. */
export const implicit = (tag: number, content: Uint8Array): Der => element(0x80 | tag, content);

export function integer(value: number | bigint | Uint8Array): Der {
  if (value instanceof Uint8Array) return element(0x02, value);
  let hex = BigInt(value).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  const bytes = Buffer.from(hex, 'hex');
  return element(0x02, (bytes[0] as number) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);
}

export function oid(text: string): Der {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const group = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) group.unshift(0x80 | (left % 128));
    bytes.push(...group);
  }
  return element(0x06, Buffer.from(bytes));
}

/** UTCTime up to 2049, GeneralizedTime after, as RFC 5280 asks. */
export function time(date: Date): Der {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return date.getUTCFullYear() < 2050 ? element(0x17, Buffer.from(digits.slice(2))) : generalizedTime(date);
}

export function generalizedTime(date: Date): Der {
  return element(0x18, Buffer.from(date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')));
}

/** A distinguished name of one organisation and one common name. */
export function distinguishedName(commonName: string, organization = 'test.example'): Der {
  const part = (type: string, text: string) => set(sequence(oid(type), utf8(text)));
  return sequence(part('2.5.4.10', organization), part('2.5.4.3', commonName));
}
