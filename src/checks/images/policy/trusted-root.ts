import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import * as z from 'zod/mini';
import { asGateError, GateError } from '../../../core/errors.ts';
import { describePath, type JsonPath, type JsonValue } from '../../../core/json.ts';
import { readSettings, type SettingsDocument, validateSettings } from '../../../core/settings-file.ts';
import { refusal } from './complaint.ts';
import type { TrustRoot } from './model.ts';

/** What a root may hold of each kind; the largest one in use has five entries. */
const maxEntries = 100;
const maxCertificates = 10;

/** Standard base64 of at least one byte, as protobuf's JSON spells bytes. */
const bytes = z
  .string()
  .check(z.regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/, 'is not base64'));
const date = z.string().check(z.refine((text) => isDate(text), 'is not a date such as 2026-01-31T00:00:00Z'));

/**
 * Since when and until when an entry may be used. The start must be there: a reader that takes a missing one for the
 * beginning of time trusts what an operator did not.
 */
const TimeRange = z.strictObject({ start: date, end: z.nullish(date) });

const LogId = z.strictObject({ keyId: bytes });
const Log = z.strictObject({
  baseUrl: z.string().check(z.minLength(1)),
  hashAlgorithm: z.literal('SHA2_256'),
  publicKey: z.strictObject({ rawBytes: bytes, keyDetails: z.string().check(z.minLength(1)), validFor: TimeRange }),
  logId: LogId,
  checkpointKeyId: z.nullish(LogId),
  operator: z.nullish(z.string()),
});
const Authority = z.strictObject({
  subject: z.nullish(z.strictObject({ organization: z.nullish(z.string()), commonName: z.nullish(z.string()) })),
  uri: z.nullish(z.string()),
  certChain: z.strictObject({
    certificates: z
      .array(z.strictObject({ rawBytes: bytes }))
      .check(z.minLength(1), z.maxLength(maxCertificates, `more than ${maxCertificates} certificates`)),
  }),
  validFor: TimeRange,
  operator: z.nullish(z.string()),
});
const list = <T extends z.ZodMiniType>(schema: T) =>
  z.nullish(z.array(schema).check(z.maxLength(maxEntries, `more than ${maxEntries} entries`)));

const TrustedRootSchema = z.strictObject({
  mediaType: z.enum([
    'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    'application/vnd.dev.sigstore.trustedroot.v0.1+json',
    'application/vnd.dev.sigstore.trustedroot.v0.2+json',
  ]),
  tlogs: list(Log),
  certificateAuthorities: list(Authority),
  ctlogs: list(Log),
  timestampAuthorities: list(Authority),
});
/**
 * sigstore's `trusted_root.json`, checked whole: unknown fields, missing or reversed validity, logs listed twice, keys
 * and certificates that cannot be read. Throws IMAGE_TRUST_ROOT_INVALID with line and column. `shown` is what messages
 * call the file.
 */
export async function readTrustedRoot(text: string, shown: string, name = shown): Promise<TrustRoot> {
  const [document, ...more] = readSettings(text, shown, 'IMAGE_TRUST_ROOT_INVALID');
  if (document === undefined || more.length > 0) {
    throw new GateError('IMAGE_TRUST_ROOT_INVALID', `${shown} does not hold one trusted root`, { place: shown });
  }
  return trustedRootOf(document, name);
}

async function trustedRootOf(document: SettingsDocument, name: string): Promise<TrustRoot> {
  const root = validateSettings(TrustedRootSchema, document, 'IMAGE_TRUST_ROOT_INVALID');
  for (const field of ['tlogs', 'ctlogs'] as const) checkLogs(document, field, root[field] ?? []);
  for (const field of ['certificateAuthorities', 'timestampAuthorities'] as const) {
    checkAuthorities(document, field, root[field] ?? []);
  }
  const made = asTrustRoot(name, document.value as JsonValue);
  await readByVerifier(made, document.file);
  return made;
}

/** A root whose content was checked, or made here. */
export function asTrustRoot(name: string, json: JsonValue): TrustRoot {
  return { name, json, digest: createHash('sha256').update(JSON.stringify(json)).digest('hex') };
}

type Range = z.infer<typeof TimeRange>;

function checkRange(document: SettingsDocument, path: JsonPath, { start, end }: Range): void {
  if (end === undefined || end === null || Date.parse(end) >= Date.parse(start)) return;
  throw refusal(document, [...path, 'end'], 'IMAGE_TRUST_ROOT_INVALID', `${describePath(path)} ends before it starts`);
}

function checkLogs(document: SettingsDocument, field: string, logs: readonly z.infer<typeof Log>[]): void {
  const seen = new Set<string>();
  for (const [i, { publicKey, logId }] of logs.entries()) {
    const path = [field, i];
    checkRange(document, [...path, 'publicKey', 'validFor'], publicKey.validFor);
    // base64 has four spellings of one id, by bits that nobody reads.
    const id = Buffer.from(logId.keyId, 'base64').toString('hex');
    if (seen.has(id)) {
      const why = `${describePath([...path, 'logId'])} is there twice; entries of one log would count as those of two`;
      throw refusal(document, [...path, 'logId'], 'IMAGE_TRUST_ROOT_INVALID', why);
    }
    seen.add(id);
    try {
      const type = publicKey.keyDetails.startsWith('PKCS1_') ? 'pkcs1' : 'spki';
      createPublicKey({ key: Buffer.from(publicKey.rawBytes, 'base64'), format: 'der', type });
    } catch {
      const why = `${describePath([...path, 'publicKey', 'rawBytes'])} is not a public key`;
      throw refusal(document, [...path, 'publicKey', 'rawBytes'], 'IMAGE_TRUST_ROOT_INVALID', why);
    }
  }
}

function checkAuthorities(
  document: SettingsDocument,
  field: string,
  authorities: readonly z.infer<typeof Authority>[],
) {
  for (const [i, { certChain, validFor }] of authorities.entries()) {
    const path = [field, i];
    checkRange(document, [...path, 'validFor'], validFor);
    for (const [j, { rawBytes }] of certChain.certificates.entries()) {
      const at = [...path, 'certChain', 'certificates', j, 'rawBytes'];
      try {
        new X509Certificate(Buffer.from(rawBytes, 'base64'));
      } catch {
        throw refusal(document, at, 'IMAGE_TRUST_ROOT_INVALID', `${describePath(at)} is not a certificate`);
      }
    }
  }
}

/** What the verifier cannot read, or would not use as it is written: found out now, not at the first image. */
async function readByVerifier(root: TrustRoot, shown: string): Promise<void> {
  const { rootMaterial } = await import('../verify/trust-material.ts');
  try {
    rootMaterial(root);
  } catch (error) {
    const { code, message, mend, cause } = asGateError(error, 'IMAGE_TRUST_ROOT_INVALID');
    throw new GateError(code, message, { mend, place: shown, cause });
  }
}

function isDate(text: string): boolean {
  const match = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.exec(text);
  const time = Date.parse(text);
  if (match === null || Number.isNaN(time)) return false;
  // JavaScript reads February 30th as March 2nd.
  const [, day = '', zone] = match;
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) && (zone === 'Z' || zone !== undefined);
}
