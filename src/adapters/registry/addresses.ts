import { BlockList, isIP } from 'node:net';

/**
 * `public`: reachable by anybody. `private`: loopback, private and shared networks. `never`: link-local (where clouds
 * keep their metadata service), multicast, unspecified and everything that is no address of a registry at all.
 */
export type AddressKind = 'public' | 'private' | 'never';

const never = new BlockList();
const local = new BlockList();
const global6 = new BlockList();

// IANA special-purpose registries for IPv4 and IPv6.
for (const [list, family, ranges] of [
  [never, 'ipv4', ['0.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '224.0.0.0/4', '240.0.0.0/4']],
  [never, 'ipv6', ['::/128', 'fe80::/10', 'fec0::/10', 'ff00::/8']],
  [local, 'ipv4', ['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15']],
  [local, 'ipv4', ['192.0.2.0/24', '192.88.99.0/24', '198.51.100.0/24', '203.0.113.0/24']],
  // Teredo, 6to4, documentation and benchmarking: they carry or stand for other addresses.
  [local, 'ipv6', ['::1/128', 'fc00::/7', '2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']],
  [global6, 'ipv6', ['2000::/3']],
] as const) {
  for (const range of ranges) {
    const [network = '', bits] = range.split('/');
    list.addSubnet(network, Number(bits), family);
  }
}
// The metadata service of AWS over IPv6, inside the unique-local range.
never.addAddress('fd00:ec2::254', 'ipv6');

/** What kind of address an IPv4 or IPv6 literal is; an IPv4 address written as IPv6 counts as what it is. */
export function addressKind(address: string): AddressKind {
  const [bare = ''] = address.split('%');
  const version = isIP(bare);
  if (version === 0) return 'never';
  const mapped = version === 6 ? mappedIpv4(bare) : undefined;
  if (mapped !== undefined) return addressKind(mapped);
  const family = version === 6 ? 'ipv6' : 'ipv4';
  if (never.check(bare, family)) return 'never';
  if (local.check(bare, family)) return 'private';
  if (version === 4) return 'public';
  return global6.check(bare, 'ipv6') ? 'public' : 'private';
}

/** `::ffff:127.0.0.1` in any spelling, as URL normalisation writes it: `::ffff:7f00:1`. */
function mappedIpv4(address: string): string | undefined {
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (match === null) return undefined;
  const high = Number.parseInt(match[1] ?? '', 16);
  const low = Number.parseInt(match[2] ?? '', 16);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
