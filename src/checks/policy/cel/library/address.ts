import { quoted } from './go-quote.ts';
/**
 * Addresses and prefixes of the Internet protocols, by the rules of Go's net/netip: no leading zeros in IPv4, no more
 * than one `::`, and the canonical spelling of RFC 5952.
 */
export interface Address {
  readonly version: 4 | 6;
  readonly bits: bigint;
  /** What follows `%`; empty where there is none. */
  readonly zone: string;
}

export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

/** A text that is no address, in the words of the Go implementation. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
}

/** Longer texts are refused unread; with its zone an address may have any length upstream. */
const MAX_LENGTH = 10_000;

/** Reads an address. Throws AddressError. */
export function parseAddress(text: string): Address {
  const refuse = (why: string, at = ''): AddressError =>
    new AddressError(`ParseAddr(${quoted(text)}): ${why}${at === '' ? '' : ` (at ${quoted(at)})`}`);
  if (text.length > MAX_LENGTH) throw new AddressError('the address is too long');
  const first = /[.:%]/.exec(text)?.[0];
  if (first === '.') return { version: 4, bits: parseV4(text, refuse), zone: '' };
  if (first === ':') return parseV6(text, refuse);
  throw refuse(first === '%' ? 'missing IPv6 address' : 'unable to parse IP');
}

type Refuse = (why: string, at?: string) => AddressError;

function parseV4(text: string, refuse: Refuse): bigint {
  let bits = 0n;
  let value = 0;
  let digits = 0;
  let fields = 0;
  for (let i = 0; i < text.length; i++) {
    const letter = text.charAt(i);
    if (letter >= '0' && letter <= '9') {
      if (digits === 1 && value === 0) throw refuse('IPv4 field has octet with leading zero');
      value = value * 10 + Number(letter);
      digits++;
      if (value > 255) throw refuse('IPv4 field has value >255');
    } else if (letter === '.') {
      if (digits === 0 || i === text.length - 1) throw refuse('IPv4 field must have at least one digit', text.slice(i));
      if (fields === 3) throw refuse('IPv4 address too long');
      bits = (bits << 8n) | BigInt(value);
      fields++;
      value = 0;
      digits = 0;
    } else {
      throw refuse('unexpected character', text.slice(i));
    }
  }
  if (fields < 3) throw refuse('IPv4 address too short');
  return (bits << 8n) | BigInt(value);
}

function parseV6(text: string, refuse: Refuse): Address {
  const percent = text.indexOf('%');
  const zone = percent < 0 ? '' : text.slice(percent + 1);
  if (percent >= 0 && zone === '') throw refuse('zone must be a non-empty string');
  let rest = percent < 0 ? text : text.slice(0, percent);
  const groups: number[] = [];
  let gap = -1;
  if (rest.startsWith('::')) {
    gap = 0;
    rest = rest.slice(2);
  }
  while (rest !== '' && groups.length < 8) {
    const digits = /^[0-9a-fA-F]*/.exec(rest)?.[0] ?? '';
    if (digits.length > 4) throw refuse('each group must have 4 or less digits', rest);
    if (digits === '') throw refuse('each colon-separated field must have at least one digit', rest);
    if (rest.charAt(digits.length) === '.') {
      if (gap < 0 && groups.length !== 6) {
        throw refuse('embedded IPv4 address must replace the final 2 fields of the address', rest);
      }
      if (groups.length > 6) {
        throw refuse('too many hex fields to fit an embedded IPv4 at the end of the address', rest);
      }
      const embedded = parseV4(rest, refuse);
      groups.push(Number(embedded >> 16n), Number(embedded & 0xffffn));
      rest = '';
      break;
    }
    groups.push(Number.parseInt(digits, 16));
    rest = rest.slice(digits.length);
    if (rest === '') break;
    if (!rest.startsWith(':')) throw refuse('unexpected character, want colon', rest);
    if (rest.length === 1) throw refuse('colon must be followed by more characters', rest);
    rest = rest.slice(1);
    if (rest.startsWith(':')) {
      if (gap >= 0) throw refuse('multiple :: in address', rest);
      gap = groups.length;
      rest = rest.slice(1);
    }
  }
  if (rest !== '') throw refuse('trailing garbage after address', rest);
  if (groups.length < 8) {
    if (gap < 0) throw refuse('address string too short');
    groups.splice(gap, 0, ...new Array<number>(8 - groups.length).fill(0));
  } else if (gap >= 0) {
    throw refuse('the :: must expand to at least one field of zeros');
  }
  return { version: 6, bits: groups.reduce((bits, group) => (bits << 16n) | BigInt(group), 0n), zone };
}

/** Whether an IPv6 address stands for an IPv4 one: `::ffff:1.2.3.4`. */
export function isMapped(address: Address): boolean {
  return address.version === 6 && address.bits >> 32n === 0xffffn;
}

/** The one spelling that an address has. */
export function formatAddress({ version, bits, zone }: Address): string {
  if (version === 4) return [24n, 16n, 8n, 0n].map((shift) => ((bits >> shift) & 0xffn).toString()).join('.');
  const suffix = zone === '' ? '' : `%${zone}`;
  if (bits >> 32n === 0xffffn) {
    return `::ffff:${formatAddress({ version: 4, bits: bits & 0xffffffffn, zone: '' })}${suffix}`;
  }
  const groups = Array.from({ length: 8 }, (_, i) => (bits >> BigInt(112 - 16 * i)) & 0xffffn);
  const { start, length } = longestZeros(groups);
  const text = (from: number, to?: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (length < 2) return text(0) + suffix;
  return `${text(0, start)}::${text(start + length)}${suffix}`;
}

function longestZeros(groups: readonly bigint[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (end < groups.length && groups[end] === 0n) end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    i = Math.max(i, end);
  }
  return best;
}

/** Reads an address with the length of its network's part: `10.0.0.0/8`. Throws AddressError. */
export function parsePrefix(text: string): Prefix {
  const refuse = (why: string): AddressError => new AddressError(`netip.ParsePrefix(${quoted(text)}): ${why}`);
  if (text.length > MAX_LENGTH) throw new AddressError('the prefix is too long');
  const slash = text.lastIndexOf('/');
  if (slash < 0) throw refuse("no '/'");
  let address: Address;
  try {
    address = parseAddress(text.slice(0, slash));
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message : 'no address');
  }
  if (address.zone !== '') throw refuse('IPv6 zones cannot be present in a prefix');
  const digits = text.slice(slash + 1);
  if (!/^(?:0|[1-9][0-9]*)$/.test(digits)) throw refuse(`bad bits after slash: ${quoted(digits)}`);
  const length = Number(digits);
  if (length > widthOf(address)) throw refuse('prefix length out of range');
  return { address, length };
}

/** How many bits the addresses of a version have. */
function widthOf({ version }: Address): number {
  return version === 4 ? 32 : 128;
}

function networkOf({ address }: Prefix, length: number): bigint {
  return address.bits >> BigInt(widthOf(address) - length);
}

/** The prefix with every bit beyond its length at zero. */
export function maskPrefix(prefix: Prefix): Prefix {
  const host = BigInt(widthOf(prefix.address) - prefix.length);
  return { ...prefix, address: { ...prefix.address, bits: networkOf(prefix, prefix.length) << host } };
}

export function prefixContains(prefix: Prefix, address: Address): boolean {
  if (prefix.address.version !== address.version || address.zone !== '') return false;
  return networkOf(prefix, prefix.length) === networkOf({ address, length: 0 }, prefix.length);
}

/** Whether every address of the second prefix is one of the first. */
export function prefixCovers(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && prefixContains(outer, inner.address);
}

export function formatPrefix({ address, length }: Prefix): string {
  return `${formatAddress(address)}/${length}`;
}

export function isUnspecified({ bits, zone }: Address): boolean {
  return bits === 0n && zone === '';
}

export function isLoopback({ version, bits }: Address): boolean {
  return version === 4 ? bits >> 24n === 127n : bits === 1n;
}

function isMulticast({ version, bits }: Address): boolean {
  return version === 4 ? bits >> 28n === 0xen : bits >> 120n === 0xffn;
}

export function isLinkLocalMulticast({ version, bits }: Address): boolean {
  return version === 4 ? bits >> 8n === 0xe00000n : ((bits >> 112n) & 0xff0fn) === 0xff02n;
}

export function isLinkLocalUnicast({ version, bits }: Address): boolean {
  return version === 4 ? bits >> 16n === 0xa9fen : bits >> 118n === 0x3fan;
}

/** As Go says it: private addresses count too, the broadcast address does not. */
export function isGlobalUnicast(address: Address): boolean {
  if (isUnspecified(address) || (address.version === 4 && address.bits === 0xffffffffn)) return false;
  return !isLoopback(address) && !isMulticast(address) && !isLinkLocalUnicast(address);
}
