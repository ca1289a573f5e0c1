import { BlockList, isIP } from 'node:net';
import { GateError } from '../../core/errors.ts';
import type { Proxies } from '../../core/ports.ts';

/** The proxy that a URL is to be asked for through; undefined for none. */
export type ProxyFor = (url: URL) => URL | undefined;

/**
 * The rules of HTTPS_PROXY, HTTP_PROXY and NO_PROXY as Go's `net/http` has them, which is what other tools that pull images
 * go by: loopback is never asked for through a proxy; NO_PROXY lists names (which cover what is below them), `.names`
 * (only what is below), addresses, networks, each with a port or without, or `*`. Throws REGISTRY_SETTINGS_INVALID for a
 * proxy that is not an http or https URL.
 */
export function createProxyFor({ https, http, none }: Proxies): ProxyFor {
  const byProtocol = { 'https:': proxyUrl(https, 'HTTPS_PROXY'), 'http:': proxyUrl(http, 'HTTP_PROXY') };
  if (byProtocol['https:'] === undefined && byProtocol['http:'] === undefined) return () => undefined;
  const exceptions = (none ?? '')
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '')
    .map(exception);
  return (url) => {
    const proxy = url.protocol === 'https:' ? byProtocol['https:'] : byProtocol['http:'];
    if (proxy === undefined) return undefined;
    const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
    const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
    if (isLoopback(host) || exceptions.some((matches) => matches(host, port))) return undefined;
    return proxy;
  };
}

function proxyUrl(text: string | undefined, variable: string): URL | undefined {
  if (text === undefined || text === '') return undefined;
  // `proxy:3128` without a scheme is a habit that everything else understands.
  const whole = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url !== undefined && url.hostname !== '' && ['http:', 'https:'].includes(url.protocol)) return url;
  // It may hold a password.
  throw new GateError('REGISTRY_SETTINGS_INVALID', `${variable} in the environment is not the URL of a proxy`, {
    mend: 'Write it as http://host:port, or take it out of the environment.',
  });
}

function isLoopback(host: string): boolean {
  return (
    host === 'localhost' || host.endsWith('.localhost') || (isIP(host) !== 0 && loopback.check(host, family(host)))
  );
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function family(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

type Exception = (host: string, port: string) => boolean;

function exception(entry: string): Exception {
  if (entry === '*') return () => true;
  const network = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(entry);
  if (network !== null) return inNetwork(network[1] ?? '', Number(network[2]));
  // A port belongs to `host:port` and `[address]:port`; an address of IPv6 has colons of its own.
  const parts = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry);
  const name = parts === null ? entry : (parts[1] ?? parts[2] ?? '');
  const port = parts?.[3];
  const covers: Exception =
    isIP(name) !== 0
      ? (host) => host === name
      : name.startsWith('.') || name.startsWith('*.')
        ? (host) => host.endsWith(name.slice(name.indexOf('.')))
        : (host) => name !== '' && (host === name || host.endsWith(`.${name}`));
  return (host, asked) => (port === undefined || port === asked) && covers(host, asked);
}

function inNetwork(address: string, bits: number): Exception {
  const list = new BlockList();
  if (isIP(address) === 0 || bits > (isIP(address) === 6 ? 128 : 32)) return () => false;
  list.addSubnet(address, bits, family(address));
  return (host) => isIP(host) !== 0 && list.check(host, family(host));
}
