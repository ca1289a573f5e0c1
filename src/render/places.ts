/**
 * The lists of places that may be fetched from. An entry is a host, which stands for the encrypted schemes there, or a
 * URL, which stands for its own scheme and everything at or below its path. Nothing is allowed that no entry names.
 */

/** An address as it is matched: what a Git URL, a chart repository or an OCI reference comes down to. */
export interface Address {
  /** `https`, `http`, `ssh`, `oci` or `oci+http`. */
  readonly scheme: string;
  /** Lower case, with the port where it is not the scheme's own. */
  readonly host: string;
  /** Begins with `/`; no `.` or `..` segment. */
  readonly path: string;
}

const ENCRYPTED = ['https', 'ssh', 'oci'];
const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  https: '443',
  http: '80',
  ssh: '22',
  oci: '443',
  'oci+http': '80',
};

/**
 * Takes an address apart. undefined for what is not one of ours: an unknown scheme, an odd spelling (backslashes,
 * control characters, percent-encoded hosts), dot segments. Whoever parses it later must not read it differently.
 */
export function parseAddress(text: string): Address | undefined {
  const match =
    /^([a-z][a-z+]*):\/\/(?:[^/@\s\\]*@)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?(\/[^\s\\?#]*)?$/.exec(text);
  if (match === null) return undefined;
  const [, scheme = '', host = '', port, path = '/'] = match;
  if (DEFAULT_PORTS[scheme] === undefined) return undefined;
  if (path.split('/').some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment))) return undefined;
  const bare = host.toLowerCase().replace(/\.$/, '');
  const shown = port === undefined || port === DEFAULT_PORTS[scheme] ? bare : `${bare}:${port}`;
  return { scheme, host: shown, path };
}

/** Whether an entry of the list allows the address. */
export function isListed(address: Address, list: readonly string[]): boolean {
  return list.some((entry) => allows(entry, address));
}

/** Whether one entry (of a list of places, or of the credentials store) covers the address. */
export function allows(entry: string, address: Address): boolean {
  if (!entry.includes('://')) {
    const host = entry.toLowerCase().replace(/\/$/, '');
    return ENCRYPTED.includes(address.scheme) && host === address.host;
  }
  const listed = parseAddress(entry);
  if (listed === undefined || listed.scheme !== address.scheme || listed.host !== address.host) return false;
  const prefix = listed.path.replace(/\/+$/, '');
  return address.path === prefix || address.path.startsWith(`${prefix}/`);
}
