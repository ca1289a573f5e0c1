import { Malformed } from '../verify/json.ts';
import type { Envelope, SigningScheme } from './model.ts';

/** Names of signed attributes, alike in both envelopes. */
const names = {
  scheme: 'io.cncf.notary.signingScheme',
  signingTime: 'io.cncf.notary.signingTime',
  authenticSigningTime: 'io.cncf.notary.authenticSigningTime',
  expiry: 'io.cncf.notary.expiry',
  plugin: 'io.cncf.notary.verificationPlugin',
  pluginVersion: 'io.cncf.notary.verificationPluginMinVersion',
} as const;

export const unsignedNames = {
  timestamp: 'io.cncf.notary.timestampSignature',
} as const;

const attributeNames: readonly string[] = Object.values(names);
const mustBeCritical = [names.scheme, names.authenticSigningTime, names.expiry];

/**
 * What the signed attributes say, by the rules of signature-specification.md: which must be there, which must not, and
 * which must be critical. `time` reads an attribute as milliseconds since the epoch. Throws Malformed.
 */
export function readAttributes(
  attributes: ReadonlyMap<string, unknown>,
  critical: readonly string[],
  time: (value: unknown, name: string) => number,
): Pick<Envelope, 'scheme' | 'signingTime' | 'expiry' | 'plugin' | 'unknownCritical'> {
  if (critical.length === 0) throw new Malformed('none of its attributes is critical, and the signing scheme must be');
  for (const [i, name] of critical.entries()) {
    if (critical.indexOf(name) !== i) throw new Malformed(`its attribute ${shown(name)} is critical twice`);
    if (!attributes.has(name)) throw new Malformed(`its attribute ${shown(name)} is critical and missing`);
  }
  for (const name of mustBeCritical) {
    if (attributes.has(name) && !critical.includes(name)) throw new Malformed(`its attribute ${name} is not critical`);
  }
  const scheme = schemeOf(attributes.get(names.scheme));
  const [own, other] =
    scheme === 'notary.x509'
      ? [names.signingTime, names.authenticSigningTime]
      : [names.authenticSigningTime, names.signingTime];
  if (attributes.has(other)) throw new Malformed(`its attribute ${other} does not go with the scheme ${scheme}`);
  if (!attributes.has(own)) throw new Malformed(`its attribute ${own} is missing`);
  const signingTime = time(attributes.get(own), own);
  const expiry = attributes.has(names.expiry) ? time(attributes.get(names.expiry), names.expiry) : undefined;
  if (expiry !== undefined && expiry <= signingTime) throw new Malformed('it expires before it was signed');
  return {
    scheme,
    signingTime,
    expiry,
    plugin: pluginOf(attributes),
    unknownCritical: critical.filter((name) => !attributeNames.includes(name)).map((name) => name.slice(0, 100)),
  };
}

function schemeOf(value: unknown): SigningScheme {
  if (value === 'notary.x509' || value === 'notary.x509.signingAuthority') return value;
  throw new Malformed(`its signing scheme is ${shown(String(value))}, which is not known`);
}

/** A plugin is demanded by its name, and by a version too: neither is ever taken for a remark. */
function pluginOf(attributes: ReadonlyMap<string, unknown>): string | undefined {
  if (!attributes.has(names.plugin) && !attributes.has(names.pluginVersion)) return undefined;
  const name = attributes.get(names.plugin);
  return typeof name === 'string' ? name.slice(0, 100) : 'without a name';
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
