import { CHARACTER_COST, sizeForCost, traversalCost } from '../cost.ts';
import type { CallCost, FunctionDeclaration, Overload } from '../declaration.ts';
import { evaluationError, noSuchOverload } from '../error.ts';
import { abstractType, BOOL, INT, STRING } from '../types.ts';
import { CelObject, type CelValue } from '../values.ts';
import {
  type Address,
  formatAddress,
  formatPrefix,
  isGlobalUnicast,
  isLinkLocalMulticast,
  isLinkLocalUnicast,
  isLoopback,
  isMapped,
  isUnspecified,
  maskPrefix,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  prefixCovers,
} from './address.ts';
import { quoted } from './go-quote.ts';
import { declare, method, overload, traversing } from './overload.ts';

export const IP = abstractType('net.IP');
export const CIDR = abstractType('net.CIDR');

/** An address as a value of the language. It can only be compared with another one. */
class CelIp extends CelObject {
  readonly address: Address;

  constructor(address: Address) {
    super();
    this.address = address;
  }

  override get type(): typeof IP {
    return IP;
  }

  override equals(other: CelValue): boolean {
    if (!(other instanceof CelIp)) throw noSuchOverload();
    return this.address.version === other.address.version && this.address.bits === other.address.bits;
  }

  override toString(): string {
    return formatAddress(this.address);
  }
}

/** A range of addresses as a value of the language. It can only be compared with another one. */
class CelCidr extends CelObject {
  readonly prefix: Prefix;

  constructor(prefix: Prefix) {
    super();
    this.prefix = prefix;
  }

  override get type(): typeof CIDR {
    return CIDR;
  }

  override equals(other: CelValue): boolean {
    if (!(other instanceof CelCidr)) throw noSuchOverload();
    return this.toString() === other.toString();
  }

  override toString(): string {
    return formatPrefix(this.prefix);
  }
}

/** Kubernetes' functions of addresses. */
export const IP_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare('ip', overload('string_to_ip', [STRING], IP, toIp, traversing())),
  declare(
    'isIP',
    overload('is_ip', [STRING], BOOL, (text: string) => succeeds(() => readAddress(text)), traversing()),
  ),
  declare(
    'ip.isCanonical',
    overload('ip_is_canonical', [STRING], BOOL, (text: string) => toIp(text).toString() === text, traversing(2)),
  ),
  declare('string', overload('ip_to_string', [IP], STRING, String)),
  declare(
    'family',
    method('ip_family', [IP], INT, ({ address }: CelIp) => BigInt(address.version)),
  ),
  declare('isUnspecified', test('ip_is_unspecified', isUnspecified)),
  declare('isLoopback', test('ip_is_loopback', isLoopback)),
  declare('isLinkLocalMulticast', test('ip_is_link_local_multicast', isLinkLocalMulticast)),
  declare('isLinkLocalUnicast', test('ip_is_link_local_unicast', isLinkLocalUnicast)),
  declare('isGlobalUnicast', test('ip_is_global_unicast', isGlobalUnicast)),
];

/** Kubernetes' functions of ranges of addresses. */
export const CIDR_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare('cidr', overload('string_to_cidr', [STRING], CIDR, toCidr, traversing())),
  declare(
    'isCIDR',
    overload('is_cidr', [STRING], BOOL, (text: string) => succeeds(() => readPrefix(text)), traversing()),
  ),
  declare('string', overload('cidr_to_string', [CIDR], STRING, String)),
  declare(
    'containsIP',
    method(
      'cidr_contains_ip_string',
      [CIDR, STRING],
      BOOL,
      ({ prefix }: CelCidr, text: string) => prefixContains(prefix, addressOrNone(text)),
      comparing(2),
    ),
    method(
      'cidr_contains_ip_ip',
      [CIDR, IP],
      BOOL,
      ({ prefix }: CelCidr, { address }: CelIp) => prefixContains(prefix, address),
      comparing(2),
    ),
  ),
  declare(
    'containsCIDR',
    method(
      'cidr_contains_cidr_string',
      [CIDR, STRING],
      BOOL,
      ({ prefix }: CelCidr, text: string) => prefixCovers(prefix, toCidr(text).prefix),
      masking,
    ),
    method(
      'cidr_contains_cidr',
      [CIDR, CIDR],
      BOOL,
      ({ prefix }: CelCidr, inner: CelCidr) => prefixCovers(prefix, inner.prefix),
      masking,
    ),
  ),
  declare(
    'ip',
    method('cidr_ip', [CIDR], IP, ({ prefix }: CelCidr) => new CelIp(prefix.address)),
  ),
  declare(
    'prefixLength',
    method('cidr_prefix_length', [CIDR], INT, ({ prefix }: CelCidr) => BigInt(prefix.length)),
  ),
  declare(
    'masked',
    method('cidr_masked', [CIDR], CIDR, ({ prefix }: CelCidr) => new CelCidr(maskPrefix(prefix))),
  ),
];

function test(id: string, holds: (address: Address) => boolean): Overload {
  return method(id, [IP], BOOL, ({ address }: CelIp) => holds(address));
}

function succeeds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'unknown';
}

/** Zones and the IPv6 spelling of IPv4 addresses are refused: one address has one spelling. */
function readAddress(text: string): Address {
  let address: Address;
  try {
    address = parseAddress(text);
  } catch (cause) {
    throw evaluationError(`IP Address ${quoted(text)} parse error during conversion from string: ${reason(cause)}`);
  }
  if (address.zone !== '') throw evaluationError(`IP address ${quoted(text)} with zone value is not allowed`);
  if (isMapped(address)) throw evaluationError(`IPv4-mapped IPv6 address ${quoted(text)} is not allowed`);
  return address;
}

function readPrefix(text: string): Prefix {
  const complaint = 'network address parse error during conversion from string';
  let prefix: Prefix;
  try {
    prefix = parsePrefix(text);
  } catch (cause) {
    throw evaluationError(`${complaint}: ${complaint}: ${reason(cause)}`);
  }
  if (isMapped(prefix.address)) {
    throw evaluationError(`${complaint}: IPv4-mapped IPv6 address ${quoted(text)} is not allowed`);
  }
  return prefix;
}

function toIp(text: string): CelIp {
  return new CelIp(readAddress(text));
}

/** Upstream loses what is wrong with the text. */
function addressOrNone(text: string): Address {
  try {
    return readAddress(text);
  } catch {
    throw noSuchOverload();
  }
}

function toCidr(text: string): CelCidr {
  return new CelCidr(readPrefix(text));
}

/** Comparing the bytes of a prefix; a text must be read first. */
function comparing(times: number): CallCost {
  return ([cidr, other]) => {
    const bytes = Math.ceil((cidr as CelCidr).prefix.length / 8);
    return (
      Math.ceil(bytes * times * CHARACTER_COST) + (typeof other === 'string' ? traversalCost(sizeForCost(other)) : 0)
    );
  };
}

function masking(args: readonly CelValue[], result: CelValue): number {
  const bytes = Math.ceil((args[0] as CelCidr).prefix.length / 8);
  return comparing(2)(args, result) + Math.ceil(bytes * CHARACTER_COST) + 1;
}
