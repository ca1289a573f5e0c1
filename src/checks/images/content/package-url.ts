/** A package URL, as far as comparing needs it. */
export interface PackageUrl {
  /** `npm/%40scope/name` decoded: `npm/@scope/name`; the type in lower case. */
  readonly name: string;
  readonly version: string | undefined;
  readonly qualifiers: ReadonlyMap<string, string>;
}

/** Reads `pkg:type/namespace/name@version?qualifiers#subpath`; undefined for anything else. */
export function readPackageUrl(text: string): PackageUrl | undefined {
  const found = /^pkg:\/*([A-Za-z][A-Za-z0-9.+-]*)\/([^?#]+)(?:\?([^#]*))?(?:#.*)?$/s.exec(text);
  if (found === null || text.length > 4096) return undefined;
  const [, type = '', path = '', query = ''] = found;
  // The version is after the last @ of the last segment; a scope such as @angular starts one.
  const slash = path.lastIndexOf('/');
  const at = path.lastIndexOf('@');
  const versioned = at > slash + 1;
  const name = decoded((versioned ? path.slice(0, at) : path).replace(/\/+$/, ''));
  const version = versioned ? decoded(path.slice(at + 1)) : undefined;
  if (name === undefined || name === '' || (versioned && (version === undefined || version === ''))) return undefined;
  const qualifiers = new Map<string, string>();
  for (const pair of query.split('&').filter((each) => each !== '')) {
    const equals = pair.indexOf('=');
    const value = equals < 1 ? undefined : decoded(pair.slice(equals + 1));
    if (value === undefined) return undefined;
    qualifiers.set(pair.slice(0, equals).toLowerCase(), value);
  }
  return { name: `${type.toLowerCase()}/${name}`, version, qualifiers };
}

/** Without qualifiers and subpath, which tell where a package came from and not which it is. */
export function showPackageUrl({ name, version }: PackageUrl): string {
  return `pkg:${name}${version === undefined ? '' : `@${version}`}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
