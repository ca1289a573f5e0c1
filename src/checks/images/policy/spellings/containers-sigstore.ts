import { GateError } from '../../../../core/errors.ts';
import { describePath, type JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';
import { authorityChains, authorityOf, logOf, type RootParts, readCertificates, rootOfParts } from '../certificate.ts';
import { at, atAsync, refusal } from '../complaint.ts';
import { parsePublicKey } from '../key.ts';
import type { Evidence, IdentityPair, KeyAuthority, KeylessAuthority } from '../model.ts';
import type { SigstoreSigned } from './containers-schema.ts';

/** Reads a file that a policy names. Throws IMAGE_POLICY_MISSING or IMAGE_POLICY_INVALID. */
export type ReadFile = (path: string) => Promise<string>;

const keyFields = ['keyPath', 'keyPaths', 'keyData', 'keyDatas'] as const;
const rekorFields = ['rekorPublicKeyPath', 'rekorPublicKeyPaths', 'rekorPublicKeyData', 'rekorPublicKeyDatas'] as const;
type Field = (typeof keyFields)[number] | (typeof rekorFields)[number];

/** A PEM text, and the field that it came from. */
interface Pem {
  readonly path: JsonPath;
  readonly text: string;
  readonly file?: string;
}

/**
 * Who may have signed for a `sigstoreSigned` requirement: any one of the keys, or holders of a certificate. Exactly one
 * kind must be there, as in go.podman.io/image. Only `.sig` layers count: a bundle carries no name to compare.
 */
export async function readSigstoreSigned(
  document: SettingsDocument,
  path: JsonPath,
  requirement: SigstoreSigned,
  owner: string,
  readFile: ReadFile,
): Promise<(KeyAuthority | KeylessAuthority)[]> {
  const given = [...keyFields, 'fulcio', 'pki'] as const;
  const found = given.filter((field) => requirement[field] !== undefined);
  if (found.length !== 1) {
    const what = found.length === 0 ? 'says not who may sign' : `has ${found.join(' and ')}`;
    const why = `${describePath(path)} ${what}; exactly one of ${given.join(', ')} is needed`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  const logs = await readPems(document, path, rekorFields, requirement, readFile);
  const evidence = plainWith(document, logs, `rekorPublicKey of ${owner}`);
  if (requirement.fulcio !== undefined) {
    return [await readFulcio(document, [...path, 'fulcio'], requirement.fulcio, evidence, owner, readFile)];
  }
  if (requirement.pki !== undefined) {
    return [await readPki(document, [...path, 'pki'], requirement.pki, evidence, owner, readFile)];
  }
  const keys = await readPems(document, path, keyFields, requirement, readFile);
  return keys.map((pem, i) => ({
    ...evidence,
    kind: 'key',
    name: keys.length === 1 ? 'key' : `key ${i + 1}`,
    // podman checks every key over SHA-256, and drops all but the first of several in one text.
    key: at(document, pem.path, () => parsePublicKey(pem.text, 'sha256'), pem.file),
  }));
}

function plainWith(document: SettingsDocument, logs: readonly Pem[], name: string): Evidence {
  const tlogs = logs.map((pem) => at(document, pem.path, () => readLog(pem.text), pem.file));
  return {
    log:
      tlogs.length === 0
        ? { demand: 'ignored' }
        : { demand: 'required', roots: rootOfParts(name, { ...noParts, tlogs }) },
    timestamp: { demand: 'ignored' },
    sources: [],
    format: 'legacy',
    attestations: [],
    annotations: {},
  };
}

const noParts: RootParts = { tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] };

function readLog(pem: string) {
  if (parsePublicKey(pem).kind !== 'ecdsa') throw new GateError('IMAGE_KEY_INVALID', 'a key of Rekor is ECDSA');
  return logOf('', pem);
}

type Fulcio = NonNullable<SigstoreSigned['fulcio']>;
type Pki = NonNullable<SigstoreSigned['pki']>;

async function readFulcio(
  document: SettingsDocument,
  path: JsonPath,
  { caPath, caData, oidcIssuer, subjectEmail }: Fulcio,
  evidence: Evidence,
  owner: string,
  readFile: ReadFile,
): Promise<KeylessAuthority> {
  if (evidence.log.demand === 'ignored') {
    const why = `${describePath(path)} needs a rekorPublicKey…: a certificate of Fulcio is judged at the time in the log`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  const authorities = await readAuthorities(document, path, { field: 'ca', paths: caPath, data: caData }, readFile);
  if (authorities === undefined) throw oneOf(document, path, 'caPath', 'caData', 'neither');
  return {
    ...evidence,
    kind: 'keyless',
    name: 'fulcio',
    identities: [{ issuer: { equal: oidcIssuer }, subject: { equal: subjectEmail } }],
    roots: rootOfParts(`fulcio of ${owner}`, {
      ...noParts,
      certificateAuthorities: asAuthorities(document, authorities, []),
    }),
    // podman looks at no certificate log; the signature's own entry in Rekor holds the certificate.
    sct: 'ignored',
  };
}

async function readPki(
  document: SettingsDocument,
  path: JsonPath,
  pki: Pki,
  evidence: Evidence,
  owner: string,
  readFile: ReadFile,
): Promise<KeylessAuthority> {
  if (evidence.log.demand === 'required') {
    throw refusal(
      document,
      path,
      'IMAGE_POLICY_INVALID',
      `${describePath(path)} cannot stand beside a rekorPublicKey…`,
    );
  }
  const { subjectEmail, subjectHostname } = pki;
  if (subjectEmail !== undefined && subjectHostname !== undefined) {
    const why = `${describePath(path)} asks for an address and a host name, and a certificate with two names is never accepted`;
    throw refusal(document, path, 'IMAGE_POLICY_UNSUPPORTED', why, 'Ask for one of them.');
  }
  const subject = subjectEmail ?? subjectHostname;
  if (subject === undefined) {
    const why = `${describePath(path)} has neither subjectEmail nor subjectHostname; one says whose certificates count`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  const roots = await readAuthorities(
    document,
    path,
    { field: 'caRoots', paths: pki.caRootsPath, data: pki.caRootsData },
    readFile,
  );
  if (roots === undefined) throw oneOf(document, path, 'caRootsPath', 'caRootsData', 'neither');
  const between = await readAuthorities(
    document,
    path,
    { field: 'caIntermediates', paths: pki.caIntermediatesPath, data: pki.caIntermediatesData },
    readFile,
  );
  const identity: IdentityPair = { issuer: 'any', subject: { equal: subject } };
  const certificateAuthorities = asAuthorities(document, roots, between === undefined ? [] : [between]);
  return {
    ...evidence,
    kind: 'keyless',
    name: 'pki',
    identities: [identity],
    roots: rootOfParts(`pki of ${owner}`, { ...noParts, certificateAuthorities }),
    sct: 'ignored',
  };
}

function asAuthorities(document: SettingsDocument, roots: Pem, between: readonly Pem[]) {
  const read = (pem: Pem) => at(document, pem.path, () => readCertificates(pem.text), pem.file);
  const intermediates = between.flatMap(read);
  const chains = at(document, roots.path, () => authorityChains([...read(roots), ...intermediates]), roots.file);
  return chains.map((chain) => authorityOf(chain, '', { organization: '', commonName: '' }));
}

interface Certificates {
  /** `caPath` and `caData` without their endings. */
  readonly field: string;
  readonly paths: string | undefined;
  readonly data: string | undefined;
}

async function readAuthorities(
  document: SettingsDocument,
  path: JsonPath,
  { field, paths, data }: Certificates,
  readFile: ReadFile,
): Promise<Pem | undefined> {
  if (paths !== undefined && data !== undefined) throw oneOf(document, path, `${field}Path`, `${field}Data`, 'both');
  if (paths !== undefined) return readPath(document, [...path, `${field}Path`], paths, readFile);
  return data === undefined ? undefined : decode(document, [...path, `${field}Data`], data);
}

function oneOf(document: SettingsDocument, path: JsonPath, one: string, other: string, found: 'both' | 'neither') {
  const what = found === 'both' ? `has both ${one} and ${other}` : `has neither ${one} nor ${other}`;
  return refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)} ${what}; exactly one is needed`);
}

async function readPems(
  document: SettingsDocument,
  path: JsonPath,
  fields: readonly Field[],
  requirement: SigstoreSigned,
  readFile: ReadFile,
): Promise<Pem[]> {
  const given = fields.filter((field) => requirement[field] !== undefined);
  if (given.length > 1) {
    throw refusal(
      document,
      path,
      'IMAGE_POLICY_INVALID',
      `${describePath(path)} has ${given.join(' and ')}; one is enough`,
    );
  }
  const [field] = given;
  if (field === undefined) return [];
  const value = requirement[field] ?? [];
  const texts = typeof value === 'string' ? [value] : value;
  const found: Pem[] = [];
  for (const [i, text] of texts.entries()) {
    const where = typeof value === 'string' ? [...path, field] : [...path, field, i];
    found.push(/Data/.test(field) ? decode(document, where, text) : await readPath(document, where, text, readFile));
  }
  return found;
}

async function readPath(document: SettingsDocument, path: JsonPath, file: string, readFile: ReadFile): Promise<Pem> {
  return { path, text: await atAsync(document, path, () => readFile(file)), file };
}

/** Bytes in JSON are standard base64. */
function decode(document: SettingsDocument, path: JsonPath, data: string): Pem {
  const bytes = Buffer.from(data, 'base64');
  if (bytes.length === 0 || bytes.toString('base64') !== data) {
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)} is not base64`);
  }
  return { path, text: bytes.toString('utf8') };
}
