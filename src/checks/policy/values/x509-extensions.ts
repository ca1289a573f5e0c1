import { type JsonObject, type JsonValue, objectFrom } from '../../../core/json.ts';
import {
  DerError,
  type DerReader,
  derBoolean,
  derOid,
  derSmallInteger,
  DerReader as Reader,
  tags,
  UnknownPart,
} from './der.ts';
import { asciiText } from './x509-name.ts';

/** The fields that an extension fills. Undefined where it holds nothing that is known. */
export type ExtensionReader = (value: DerReader, critical: boolean) => JsonObject | undefined;

const noNames = { DNSNames: null, EmailAddresses: null, IPAddresses: null, URIs: null } as const;

/** What the fields are where no extension fills them. */
export const noExtensions: JsonObject = {
  KeyUsage: 0,
  UnhandledCriticalExtensions: null,
  ExtKeyUsage: null,
  UnknownExtKeyUsage: null,
  BasicConstraintsValid: false,
  IsCA: false,
  MaxPathLen: 0,
  MaxPathLenZero: false,
  SubjectKeyId: null,
  AuthorityKeyId: null,
  OCSPServer: null,
  IssuingCertificateURL: null,
  ...noNames,
  PermittedDNSDomainsCritical: false,
  PermittedDNSDomains: null,
  ExcludedDNSDomains: null,
  PermittedIPRanges: null,
  ExcludedIPRanges: null,
  PermittedEmailAddresses: null,
  ExcludedEmailAddresses: null,
  PermittedURIDomains: null,
  ExcludedURIDomains: null,
  CRLDistributionPoints: null,
  PolicyIdentifiers: null,
  Policies: null,
  InhibitAnyPolicy: 0,
  InhibitAnyPolicyZero: false,
  InhibitPolicyMapping: 0,
  InhibitPolicyMappingZero: false,
  RequireExplicitPolicy: 0,
  RequireExplicitPolicyZero: false,
  PolicyMappings: null,
};

export const extensionReaders: Readonly<Record<string, ExtensionReader>> = {
  '2.5.29.14': (value, critical) => {
    if (critical) throw new DerError('the subject key identifier is marked critical');
    return { SubjectKeyId: base64(value.read(tags.octetString).content) };
  },
  '2.5.29.15': (value) => ({ KeyUsage: keyUsage(value.read(tags.bitString).content) }),
  '2.5.29.17': (value) => {
    const names = alternativeNames(value);
    return Object.values(names).every((list) => list === null) ? undefined : names;
  },
  '2.5.29.19': basicConstraints,
  '2.5.29.30': refused('name constraints'),
  '2.5.29.31': distributionPoints,
  '2.5.29.32': policies,
  '2.5.29.33': refused('policy mappings'),
  '2.5.29.35': (value, critical) => {
    if (critical) throw new DerError('the authority key identifier is marked critical');
    const id = value.open(tags.sequence).optional(0x80);
    return { AuthorityKeyId: id === undefined ? null : base64(id.content) };
  },
  '2.5.29.36': policyConstraints,
  '2.5.29.37': extendedKeyUsage,
  '2.5.29.54': (value) => {
    const skipped = derSmallInteger(value.read(tags.integer).content);
    return { InhibitAnyPolicy: skipped, InhibitAnyPolicyZero: skipped === 0 };
  },
  '1.3.6.1.5.5.7.1.1': authorityAccess,
};

/** Better no answer than one that leaves out what a certificate is limited to. */
function refused(what: string): ExtensionReader {
  return () => {
    throw new UnknownPart(`${what} cannot be read`);
  };
}

function keyUsage(content: Uint8Array): number {
  let usage = 0;
  const unused = content[0] ?? 0;
  const bits = (content.length - 1) * 8 - unused;
  for (let bit = 0; bit < Math.min(9, bits); bit++) {
    if (((content[1 + (bit >> 3)] as number) & (0x80 >> (bit & 7))) !== 0) usage |= 1 << bit;
  }
  return usage;
}

function basicConstraints(value: DerReader): JsonObject {
  const parts = value.open(tags.sequence);
  const flag = parts.optional(tags.boolean);
  const length = parts.optional(tags.integer);
  const most = length === undefined ? -1 : derSmallInteger(length.content);
  return {
    BasicConstraintsValid: true,
    IsCA: flag !== undefined && derBoolean(flag.content),
    MaxPathLen: most,
    MaxPathLenZero: most === 0,
  };
}

const usages: readonly string[] = [
  '2.5.29.37.0',
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((last) => `1.3.6.1.5.5.7.3.${last}`),
  '1.3.6.1.4.1.311.10.3.3',
  '2.16.840.1.113730.4.1',
  '1.3.6.1.4.1.311.2.1.22',
  '1.3.6.1.4.1.311.61.1.1',
];

function extendedKeyUsage(value: DerReader): JsonObject {
  const known: number[] = [];
  const unknown: number[][] = [];
  const list = value.open(tags.sequence);
  while (!list.isEmpty) {
    const id = derOid(list.read(tags.oid).content);
    const index = usages.indexOf(id.join('.'));
    if (index < 0) unknown.push(id);
    else known.push(index);
  }
  return { ExtKeyUsage: orNull(known), UnknownExtKeyUsage: orNull(unknown) };
}

function distributionPoints(value: DerReader): JsonObject {
  const found: string[] = [];
  const list = value.open(tags.sequence);
  while (!list.isEmpty) {
    const point = list.open(tags.sequence).optional(0xa0);
    if (point === undefined) continue;
    const names = new Reader(point.content).open(0xa0);
    while (names.nextTag === 0x86) found.push(latin(names.read().content));
  }
  return { CRLDistributionPoints: orNull(found) };
}

function policies(value: DerReader): JsonObject {
  const ids: number[][] = [];
  const list = value.open(tags.sequence);
  while (!list.isEmpty) {
    const id = derOid(list.open(tags.sequence).read(tags.oid).content);
    if (ids.some((one) => one.join('.') === id.join('.'))) throw new DerError('a policy is there twice');
    ids.push(id);
  }
  return { PolicyIdentifiers: ids, Policies: orNull(ids.map((id) => id.join('.'))) };
}

function policyConstraints(value: DerReader): JsonObject {
  const parts = value.open(tags.sequence);
  const explicit = parts.optional(0x80);
  const mapping = parts.optional(0x81);
  const fields: Record<string, JsonValue> = {};
  for (const [name, part] of [
    ['RequireExplicitPolicy', explicit],
    ['InhibitPolicyMapping', mapping],
  ] as const) {
    if (part === undefined) continue;
    const skipped = derSmallInteger(part.content);
    fields[name] = skipped;
    fields[`${name}Zero`] = skipped === 0;
  }
  return fields;
}

function authorityAccess(value: DerReader, critical: boolean): JsonObject {
  if (critical) throw new DerError('the authority information access is marked critical');
  const found = { OCSPServer: [] as string[], IssuingCertificateURL: [] as string[] };
  const list = value.open(tags.sequence);
  while (!list.isEmpty) {
    const parts = list.open(tags.sequence);
    const method = derOid(parts.read(tags.oid).content).join('.');
    const place = parts.optional(0x86);
    if (place === undefined) continue;
    if (method === '1.3.6.1.5.5.7.48.1') found.OCSPServer.push(latin(place.content));
    else if (method === '1.3.6.1.5.5.7.48.2') found.IssuingCertificateURL.push(latin(place.content));
  }
  return { OCSPServer: orNull(found.OCSPServer), IssuingCertificateURL: orNull(found.IssuingCertificateURL) };
}

/** The alternative names of a subject. Without the extension, every field of them is null. */
export function alternativeNames(value: DerReader | undefined): JsonObject {
  if (value === undefined) return noNames;
  const found = { dns: [] as string[], email: [] as string[], ip: [] as string[], uri: [] as JsonObject[] };
  const list = value.open(tags.sequence);
  while (!list.isEmpty) {
    const { tag, content } = list.read();
    if (tag === 0x81) found.email.push(asciiText(content));
    else if (tag === 0x82) found.dns.push(asciiText(content));
    else if (tag === 0x86) found.uri.push(uri(asciiText(content)));
    else if (tag === 0x87) found.ip.push(address(content));
  }
  return {
    DNSNames: orNull(found.dns),
    EmailAddresses: orNull(found.email),
    IPAddresses: orNull(found.ip),
    URIs: orNull(found.uri),
  };
}

/** Only what is plain enough that every reader takes it apart alike. */
function uri(text: string): JsonObject {
  const parts =
    /^([a-z][a-z0-9+.-]*):\/\/([a-z0-9.-]+(?::[0-9]+)?)((?:\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*)?)(?:\?([A-Za-z0-9._~!$&'()*+,;=:@/?-]+))?$/.exec(
      text,
    );
  if (parts === null) throw new UnknownPart('a URI among the names is too unusual to be read');
  const [, scheme = '', host = '', path = '', query = ''] = parts;
  return objectFrom([
    ['Scheme', scheme],
    ['Opaque', ''],
    ['User', null],
    ['Host', host],
    ['Path', path],
    ['Fragment', ''],
    ['RawQuery', query],
    ['RawPath', ''],
    ['RawFragment', ''],
    ['ForceQuery', false],
    ['OmitHost', false],
  ]);
}

function address(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new DerError('an IP address has neither 4 nor 16 bytes');
  const hex = Buffer.from(bytes).toString('hex');
  if (hex.startsWith('00000000000000000000ffff')) return bytes.subarray(12).join('.');
  const groups = hex.match(/.{4}/g)?.join(':') ?? '';
  return new URL(`http://[${groups}]/`).hostname.slice(1, -1);
}

function orNull<T extends JsonValue>(list: readonly T[]): JsonValue {
  return list.length === 0 ? null : list;
}

function latin(content: Uint8Array): string {
  return Buffer.from(content).toString('utf8');
}

function base64(content: Uint8Array): string {
  return Buffer.from(content).toString('base64');
}
