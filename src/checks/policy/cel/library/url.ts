import type { FunctionDeclaration, Overload } from '../declaration.ts';
import { evaluationError, noSuchOverload } from '../error.ts';
import { BOOL, listOf, mapOf, objectType, STRING } from '../types.ts';
import { ArrayList, type CelMap, CelObject, type CelValue, EntryMap } from '../values.ts';
import { declare, method, overload, traversing } from './overload.ts';
import {
  checkRequestUri,
  escapedPath,
  formatUrl,
  fromBytes,
  parseUrl,
  queryOf,
  splitHost,
  type UrlParts,
} from './url-parts.ts';

const URL_TYPE = objectType('kubernetes.URL');

/** A URL as a value of the language. It can only be compared with another one. */
class CelUrl extends CelObject {
  readonly parts: UrlParts;

  constructor(parts: UrlParts) {
    super();
    this.parts = parts;
  }

  override get type(): typeof URL_TYPE {
    return URL_TYPE;
  }

  override equals(other: CelValue): boolean {
    if (!(other instanceof CelUrl)) throw noSuchOverload();
    return this.toString() === other.toString();
  }

  override toString(): string {
    return fromBytes(formatUrl(this.parts));
  }
}

/** Kubernetes' functions of URLs. */
export const URL_FUNCTIONS: readonly FunctionDeclaration[] = [
  declare('url', overload('string_to_url', [STRING], URL_TYPE, toUrl, traversing())),
  declare('isURL', overload('is_url_string', [STRING], BOOL, isUrl)),
  declare(
    'getScheme',
    part('scheme', ({ scheme }) => scheme),
  ),
  declare(
    'getHost',
    part('host', ({ host }) => host),
  ),
  declare(
    'getHostname',
    part('hostname', (parts) => splitHost(parts).name),
  ),
  declare(
    'getPort',
    part('port', (parts) => splitHost(parts).port),
  ),
  declare('getEscapedPath', part('escaped_path', escapedPath)),
  declare('getQuery', method('url_get_query', [URL_TYPE], mapOf(STRING, listOf(STRING)), getQuery)),
];

function part(name: string, read: (parts: UrlParts) => string): Overload {
  return method(`url_get_${name}`, [URL_TYPE], STRING, ({ parts }: CelUrl) => fromBytes(read(parts)));
}

function toUrl(text: string): CelUrl {
  try {
    checkRequestUri(text);
    return new CelUrl(parseUrl(text));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown';
    throw evaluationError(`URL parse error during conversion from string: ${why}`);
  }
}

function isUrl(text: string): boolean {
  try {
    checkRequestUri(text);
    return true;
  } catch {
    return false;
  }
}

function getQuery({ parts }: CelUrl): CelMap {
  return new EntryMap(Array.from(queryOf(parts), ([name, values]) => [name, new ArrayList(values)]));
}
