import { AddressError, parseAddress } from './address.ts';
import { quoted } from './go-quote.ts';

/**
 * Addresses of the web, by the rules of Go's net/url. Inside, texts are bytes: `%ff` is one of them, and what it stands
 * for need not be UTF-8.
 */
export interface UrlParts {
  readonly scheme: string;
  /** What follows the scheme where that is no path: `mailto:x`. */
  readonly opaque: string;
  /** As it would be written, with its escapes; undefined where there is none. */
  readonly user: string | undefined;
  readonly host: string;
  /** Written as `file:/x`, without the slashes before the host. */
  readonly omitsHost: boolean;
  readonly path: string;
  /** The path as it was written, where escaping it again would give something else. */
  readonly rawPath: string;
  /** There is a `?`, and nothing behind it. */
  readonly forcesQuery: boolean;
  readonly query: string;
  readonly fragment: string;
}

/** A text that is no URL, in the words of the Go implementation. */
export class UrlError extends Error {
  override readonly name = 'UrlError';
}

type Mode = 'path' | 'user' | 'host' | 'zone' | 'query' | 'fragment';

const unescaped: Readonly<Record<Mode, RegExp>> = {
  path: /^[A-Za-z0-9\-_.~$&+,/:;=@]$/,
  user: /^[A-Za-z0-9\-_.~$&+,;=]$/,
  host: /^[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"]$/,
  zone: /^[A-Za-z0-9\-_.~!$&'()*+,;=:[\]<>"]$/,
  query: /^[A-Za-z0-9\-_.~]$/,
  fragment: /^[A-Za-z0-9\-_.~$&+,/:;=?@!()*]$/,
};

/** Whether a text is an absolute URL or an absolute path. Throws UrlError where it is not, in the words of Go. */
export function checkRequestUri(text: string): void {
  attempt(text, () => parse(toBytes(text), true));
}

/** Reads a URL, which need not be absolute. Throws UrlError. */
export function parseUrl(text: string): UrlParts {
  const bytes = toBytes(text);
  const hash = bytes.indexOf('#');
  const whole = hash < 0 ? bytes : bytes.slice(0, hash);
  const parts = attempt(fromBytes(whole), () => parse(whole, false));
  if (hash < 0 || hash === bytes.length - 1) return parts;
  const written = bytes.slice(hash + 1);
  const fragment = attempt(text, () => decode(written, 'fragment'));
  return { ...parts, fragment: isEncoded(written, 'fragment') ? written : encode(fragment, 'fragment') };
}

function attempt<Result>(text: string, read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof UrlError) && !(cause instanceof AddressError)) throw cause;
    throw new UrlError(`parse ${quoted(text)}: ${cause.message}`);
  }
}

function toBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Bytes as the text that they spell. */
export function fromBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

function parse(text: string, isRequest: boolean): UrlParts {
  if (/[\x00-\x1f\x7f]/.test(text)) throw new UrlError('net/url: invalid control character in URL');
  if (text === '' && isRequest) throw new UrlError('empty url');
  const empty = {
    scheme: '',
    opaque: '',
    user: undefined,
    host: '',
    omitsHost: false,
    rawPath: '',
    forcesQuery: false,
    query: '',
    fragment: '',
  };
  if (text === '*') return { ...empty, path: '*' };
  const [scheme, afterScheme] = splitScheme(text);
  const forcesQuery = afterScheme.endsWith('?') && afterScheme.indexOf('?') === afterScheme.length - 1;
  const mark = afterScheme.indexOf('?');
  let rest = mark < 0 ? afterScheme : afterScheme.slice(0, mark);
  const query = mark < 0 ? '' : afterScheme.slice(mark + 1);
  const begun = { ...empty, scheme, forcesQuery, query };
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { ...begun, opaque: rest, path: '' };
    if (isRequest) throw new UrlError('invalid URI for request');
    if (rest.split('/', 1)[0]?.includes(':')) throw new UrlError('first path segment in URL cannot contain colon');
  }
  let authority: Authority | undefined;
  if (rest.startsWith('//') && (scheme !== '' || (!isRequest && !rest.startsWith('///')))) {
    const end = rest.indexOf('/', 2);
    authority = parseAuthority(scheme, end < 0 ? rest.slice(2) : rest.slice(2, end));
    rest = end < 0 ? '' : rest.slice(end);
  }
  const path = decode(rest, 'path');
  return {
    ...begun,
    user: authority?.user,
    host: authority?.host ?? '',
    omitsHost: authority === undefined && scheme !== '' && rest.startsWith('/'),
    path,
    rawPath: encode(path, 'path') === rest ? '' : rest,
  };
}

function splitScheme(text: string): readonly [string, string] {
  const colon = text.indexOf(':');
  if (colon === 0) throw new UrlError('missing protocol scheme');
  const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/.exec(text)?.[0];
  return scheme === undefined ? ['', text] : [scheme.slice(0, -1).toLowerCase(), text.slice(scheme.length)];
}

interface Authority {
  readonly user: string | undefined;
  readonly host: string;
}

function parseAuthority(scheme: string, text: string): Authority {
  const at = text.lastIndexOf('@');
  const host = parseHost(scheme, text.slice(at + 1));
  if (at < 0) return { user: undefined, host };
  const info = text.slice(0, at);
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(info)) throw new UrlError('net/url: invalid userinfo');
  const colon = info.indexOf(':');
  const names = colon < 0 ? [info] : [info.slice(0, colon), info.slice(colon + 1)];
  return { user: names.map((name) => encode(decode(name, 'user'), 'user')).join(':'), host };
}

function parseHost(scheme: string, host: string): string {
  const open = host.lastIndexOf('[');
  if (open > 0) throw new UrlError('invalid IP-literal');
  if (open === 0) return parseLiteralHost(host);
  const first = host.indexOf(':');
  // Where the scheme is not of the web, what is before the last colon is left alone.
  const colon = scheme === 'http' || scheme === 'https' ? first : host.lastIndexOf(':');
  if (colon >= 0) checkPort(host.slice(colon));
  return decode(host, 'host');
}

function parseLiteralHost(host: string): string {
  const close = host.lastIndexOf(']');
  if (close < 0) throw new UrlError("missing ']' in host");
  const port = host.slice(close + 1);
  checkPort(port);
  const name = host.slice(1, close);
  const zone = name.indexOf('%25');
  const address =
    zone < 0 ? decode(name, 'host') : decode(name.slice(0, zone), 'host') + decode(name.slice(zone), 'zone');
  let version: 4 | 6;
  try {
    version = parseAddress(address).version;
  } catch (cause) {
    throw new UrlError(`invalid host: ${cause instanceof Error ? cause.message : 'unknown'}`);
  }
  if (version === 4) throw new UrlError('invalid IP-literal');
  return `[${address}]${port}`;
}

function isPort(text: string): boolean {
  return /^(?::[0-9]*)?$/.test(text);
}

function checkPort(text: string): void {
  if (!isPort(text)) throw new UrlError(`invalid port ${quoted(text)} after host`);
}

function decode(text: string, mode: Mode): string {
  for (let i = 0; i < text.length; i++) {
    const letter = text.charAt(i);
    if (letter !== '%') {
      const isHost = mode === 'host' || mode === 'zone';
      if (isHost && letter < '\x80' && !unescaped[mode].test(letter)) {
        throw new UrlError(`invalid character ${quoted(letter)} in host name`);
      }
      continue;
    }
    const written = text.slice(i, i + 3);
    if (!/^%[0-9a-fA-F]{2}$/.test(written)) throw badEscape(written);
    if (written !== '%25') {
      const code = Number.parseInt(written.slice(1), 16);
      if (mode === 'host' && code < 0x80) throw badEscape(written);
      if (mode === 'zone' && code !== 0x20 && !unescaped.host.test(String.fromCharCode(code))) throw badEscape(written);
    }
    i += 2;
  }
  const spaced = mode === 'query' ? text.replaceAll('+', ' ') : text;
  return spaced.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}

function badEscape(written: string): UrlError {
  return new UrlError(`invalid URL escape ${quoted(written)}`);
}

function encode(bytes: string, mode: Mode): string {
  return bytes.replace(/[^A-Za-z0-9]/gs, (letter) => {
    if (unescaped[mode].test(letter)) return letter;
    return `%${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
}

/** Whether a written text could stand as it is. */
function isEncoded(written: string, mode: Mode): boolean {
  return Array.from(written).every((letter) => /^[!$&'()*+,;=:@[\]%]$/.test(letter) || unescaped[mode].test(letter));
}

/** The path as it is written in a URL. */
export function escapedPath({ path, rawPath }: UrlParts): string {
  if (rawPath !== '' && isEncoded(rawPath, 'path')) return rawPath;
  return path === '*' ? path : encode(path, 'path');
}

/** The host without its port and without brackets, and the port. */
export function splitHost({ host }: UrlParts): { readonly name: string; readonly port: string } {
  const colon = host.lastIndexOf(':');
  const hasPort = colon >= 0 && isPort(host.slice(colon));
  const name = hasPort ? host.slice(0, colon) : host;
  const bare = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
  return { name: bare, port: hasPort ? host.slice(colon + 1) : '' };
}

const MAX_PARAMETERS = 10_000;

/** The parameters of the query, with all their values; what cannot be read is left out, as in Go. */
export function queryOf({ query }: UrlParts): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const parameters = query.split('&');
  if (parameters.length > MAX_PARAMETERS) return found;
  for (const parameter of parameters) {
    if (parameter === '' || parameter.includes(';')) continue;
    const equals = parameter.indexOf('=');
    try {
      const name = fromBytes(decode(equals < 0 ? parameter : parameter.slice(0, equals), 'query'));
      const value = fromBytes(decode(equals < 0 ? '' : parameter.slice(equals + 1), 'query'));
      found.set(name, [...(found.get(name) ?? []), value]);
    } catch (cause) {
      if (!(cause instanceof UrlError)) throw cause;
    }
  }
  return found;
}

/** The URL put together again. Two URLs are equal if this is. */
export function formatUrl(parts: UrlParts): string {
  const { scheme, opaque, user, host, omitsHost, forcesQuery, query, fragment } = parts;
  let made = scheme === '' ? '' : `${scheme}:`;
  if (opaque !== '') {
    made += opaque;
  } else {
    const hasHost = host !== '' || user !== undefined;
    if (hasHost || (scheme !== '' && !omitsHost && parts.path !== '')) made += '//';
    if (user !== undefined) made += `${user}@`;
    made += encode(host, 'host');
    const path = escapedPath(parts);
    if (path !== '' && !path.startsWith('/') && host !== '') made += '/';
    made += path;
  }
  if (forcesQuery || query !== '') made += `?${query}`;
  return fragment === '' ? made : `${made}#${fragment}`;
}
