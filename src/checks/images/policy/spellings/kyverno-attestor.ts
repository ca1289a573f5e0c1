import { GateError } from '../../../../core/errors.ts';
import { describePath, type JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';
import { at, atAsync, refusal } from '../complaint.ts';
import { identityHazards, readRegExp } from '../identity.ts';
import { type HashName, type PolicyKey, parsePublicKey } from '../key.ts';
import type { AttestationDemand, Authority, Evidence, IdentityPair, TextMatch } from '../model.ts';
import { type Clause, requireOf } from './clause.ts';
import type { SpellingContext } from './context.ts';
import { openPartHazards, readIdentityParts } from './kyverno-identity.ts';
import { type Logs, readAuthorities, readLogs } from './kyverno-logs.ts';
import type { AttestorSetSpec, CertificatesSpec, EntrySpec, KeylessSpec, KeysSpec } from './kyverno-schema.ts';
import { repositoryAt } from './reference.ts';
import { refuseUnread, unsupported } from './refuse.ts';

/** What holds for all attestors of an entry of `verifyImages`. */
export interface AttestorSettings {
  readonly type: 'Cosign' | 'SigstoreBundle';
  readonly format: Evidence['format'];
  /** Where signatures lie unless an attestor says otherwise, with the place where that is said. */
  readonly repository: { readonly text: string; readonly path: JsonPath } | undefined;
  /** What must be attested; empty for a signature. */
  readonly attestations: readonly AttestationDemand[];
  readonly owner: string;
  readonly context: SpellingContext;
}

/**
 * What a set of attestors demands. `count` counts keys, not entries: an entry of two keys is two, and without a count both
 * must have signed. (Attestations have no such rule: there Kyverno reads the first key alone, so several are refused.)
 */
export async function readAttestorSet(
  document: SettingsDocument,
  path: JsonPath,
  set: AttestorSetSpec,
  settings: AttestorSettings,
): Promise<Clause[]> {
  if (set.count !== undefined && set.count > set.entries.length) {
    const why = `${describePath([...path, 'count'])} is more than there are entries`;
    throw refusal(document, [...path, 'count'], 'IMAGE_POLICY_INVALID', why);
  }
  const items: (readonly Clause[])[] = [];
  for (const [i, entry] of set.entries.entries()) {
    items.push(...(await readEntry(document, [...path, 'entries', i], entry, settings)));
  }
  return requireOf(document, path, items, set.count ?? items.length);
}

const kinds = ['keys', 'certificates', 'keyless', 'attestor'] as const;

/** The attestors that an entry stands for: one a key, and one otherwise. */
async function readEntry(
  document: SettingsDocument,
  path: JsonPath,
  entry: EntrySpec,
  settings: AttestorSettings,
): Promise<(readonly Clause[])[]> {
  const given = kinds.filter((kind) => entry[kind] !== undefined);
  if (given.length !== 1) {
    const what = given.length === 0 ? 'has none of' : `has ${given.join(' and ')} of`;
    const why = `${describePath(path)} ${what} ${kinds.join(', ')}; exactly one says who vouches`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  const { keys, certificates, keyless, attestor } = entry;
  if (attestor !== undefined) {
    refuseUnread(document, path, entry, {
      annotations: ['Kyverno leaves it out beside attestor', 'Write it in the nested entries.'],
      repository: ['Kyverno leaves it out beside attestor', 'Write it in the nested entries.'],
    });
    return [await readAttestorSet(document, [...path, 'attestor'], attestor, settings)];
  }
  const sources = readSources(document, path, entry, settings);
  const evidence = ({ log, timestamp }: Logs): Evidence => ({
    log,
    timestamp,
    sources,
    format: settings.format,
    attestations: settings.attestations,
    annotations: entry.annotations ?? {},
  });
  const one = (authority: Authority, hazards: readonly string[]): Clause => ({
    authorities: [authority],
    quorum: 1,
    hazards: hazards.map((each) => `${authority.name}: ${each}`),
  });
  const { type, owner, context } = settings;
  if (keys !== undefined) {
    const where = [...path, 'keys'];
    const logs = await readLogs(document, where, keys, type, `${owner}, ${describePath(where)}`, context);
    const found = await readKeys(document, where, keys, entry.signatureAlgorithm, settings);
    return found.map((key, i) => {
      const name = `${shortName(path)} keys${found.length === 1 ? '' : ` ${i + 1}`}`;
      return [one({ ...evidence(logs), kind: 'key', name, key }, logs.hazards)];
    });
  }
  const clause = await (certificates === undefined ? readKeyless(keyless ?? {}) : readCertificateHolders(certificates));
  return [[clause]];

  async function readKeyless(spec: KeylessSpec): Promise<Clause> {
    const where = [...path, 'keyless'];
    const title = `${owner}, ${describePath(where)}`;
    if (type === 'SigstoreBundle') {
      refuseUnread(document, where, spec, {
        roots: [
          'with type SigstoreBundle Kyverno knows the public-good instance alone',
          'Write a ClusterImagePolicy with a TrustRoot.',
        ],
      });
    }
    const logs = await readLogs(document, where, spec, type, title, context);
    const pem = { field: 'roots', text: spec.roots ?? '' };
    const roots = await readAuthorities(document, where, pem, spec, logs.sct, title, context);
    const { pairs, hazards } = readIdentity(document, where, spec);
    const name = `${shortName(path)} keyless`;
    const authority: Authority = { ...evidence(logs), kind: 'keyless', name, identities: pairs, roots, sct: logs.sct };
    const clauses = [...logs.hazards, ...hazards, ...validityHazards(logs)];
    const clause = one(authority, clauses);
    return { ...clause, hazards: [...clause.hazards, ...identityHazards(name, pairs)] };
  }

  async function readCertificateHolders(spec: CertificatesSpec): Promise<Clause> {
    const where = [...path, 'certificates'];
    const title = `${owner}, ${describePath(where)}`;
    const pem = { field: 'certChain', text: spec.certChain ?? '' };
    if (pem.text === '') {
      throw refusal(document, where, 'IMAGE_POLICY_INVALID', `${describePath(where)} has no certChain`);
    }
    if (type === 'SigstoreBundle') {
      throw unsupported(document, where, 'with type SigstoreBundle Kyverno knows the public-good instance alone');
    }
    const logs = await readLogs(document, where, spec, type, title, context);
    const roots = await readAuthorities(document, where, pem, spec, logs.sct, title, context);
    const name = `${shortName(path)} certificates`;
    const authority: Authority = { ...evidence(logs), kind: 'keyless', name, identities: [], roots, sct: logs.sct };
    const hazard = 'whoever has a certificate of certChain is trusted; write keyless with roots, issuer and subject';
    return one(authority, [...logs.hazards, hazard, ...validityHazards(logs)]);
  }
}

function validityHazards({ log, timestamp, sct }: Logs): string[] {
  const clauses: string[] = [];
  if (log.demand === 'ignored' && timestamp.demand === 'ignored') {
    clauses.push(
      'no log and no timestamp is demanded, so certificates must be valid now and those of Fulcio never are',
    );
  }
  if (sct === 'ignored') clauses.push('ignoreSCT takes certificates that no log has seen');
  return clauses;
}

/** `attestors[0].entries[1]`, without what stands above it. */
function shortName(path: JsonPath): string {
  const from = path.lastIndexOf('attestors');
  return describePath(path.slice(Math.max(from, 0)));
}

function readSources(
  document: SettingsDocument,
  path: JsonPath,
  { repository = '' }: EntrySpec,
  settings: AttestorSettings,
): Evidence['sources'] {
  const written = repository === '' ? settings.repository : { text: repository, path: [...path, 'repository'] };
  if (written === undefined) return [];
  return [{ repository: repositoryAt(document, written.path, written.text), tagPrefix: '', pullSecrets: [] }];
}

async function readKeys(
  document: SettingsDocument,
  path: JsonPath,
  keys: KeysSpec,
  ofEntry: EntrySpec['signatureAlgorithm'],
  settings: AttestorSettings,
): Promise<PolicyKey[]> {
  const hash = readHash(document, path, keys.signatureAlgorithm, ofEntry);
  const written = keys.publicKeys?.trim() ?? '';
  if ((written === '') === (keys.secret === undefined)) {
    const what = written === '' ? 'has neither publicKeys nor secret' : 'has both publicKeys and secret';
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)} ${what}; exactly one names the key`);
  }
  const field = [...path, keys.secret === undefined ? 'publicKeys' : 'secret'];
  const inCluster = /^k8s:\/\/[^/]+\/([^/]+)$/.exec(written)?.[1];
  const secret = keys.secret?.name ?? inCluster;
  if (secret !== undefined) {
    const { text, shown } = await atAsync(document, field, () => publicKeyOf(settings.context, secret));
    return [at(document, field, () => parsePublicKey(text, hash), shown)];
  }
  if (!written.startsWith('-----BEGIN ')) {
    const why = 'it is neither a PEM public key nor k8s://<namespace>/<name>';
    throw unsupported(document, field, why, 'Write the public key itself.');
  }
  const end = '-----END PUBLIC KEY-----';
  const texts = written.split(end).map((each, i, all) => (i === all.length - 1 ? each : `${each}${end}`));
  const [rest = ''] = texts.slice(-1);
  if (texts.length > 1 && rest.trim() !== '') {
    const why = `${describePath(field)} ends in text that is no public key, which Kyverno would leave out`;
    throw refusal(document, field, 'IMAGE_POLICY_INVALID', why);
  }
  const pems = texts.length === 1 ? texts : texts.slice(0, -1);
  if (pems.length > 1 && settings.attestations.length > 0) {
    const why = 'of several keys of an attestation Kyverno reads the first alone';
    throw unsupported(document, field, why, 'Write an entry for each key.');
  }
  return pems.map((pem) => at(document, field, () => parsePublicKey(pem, hash)));
}

/** Kyverno reads `cosign.pub`; a Secret that was mounted with one entry may call it something else. */
async function publicKeyOf(context: SpellingContext, secret: string) {
  const entries = await context.secretEntries(secret);
  const entry = entries.find(({ name }) => name === 'cosign.pub');
  if (entry !== undefined) return entry.read();
  const [only, ...more] = entries;
  if (only !== undefined && more.length === 0) return only.read();
  throw new GateError('IMAGE_KEY_INVALID', `the secret ${secret} has no entry cosign.pub`);
}

/** The entry's is never used beside keys; where the two differ one was meant. */
function readHash(
  document: SettingsDocument,
  path: JsonPath,
  ofKeys: KeysSpec['signatureAlgorithm'],
  ofEntry: EntrySpec['signatureAlgorithm'],
): HashName {
  const inner = ofKeys || undefined;
  const outer = ofEntry || undefined;
  if (inner !== undefined && outer !== undefined && inner !== outer) {
    const why = `${describePath(path)} has another signatureAlgorithm than the entry that it stands in`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  return inner ?? outer ?? 'sha256';
}

/** Every field that is there is compared; what Kyverno leaves open is left open with a warning, never anybody at all. */
function readIdentity(document: SettingsDocument, path: JsonPath, spec: KeylessSpec) {
  const { issuer, subject } = readIdentityParts(document, path, spec, wildcardText);
  const extensions = Object.entries(spec.additionalExtensions ?? {}).map(([name, value]): [string, TextMatch] => {
    return [readExtension(document, [...path, 'additionalExtensions', name], name), wildcardText(value)];
  });
  const hazards: string[] = [];
  if (issuer === undefined && subject === undefined && extensions.length === 0) {
    if ((spec.roots ?? '') === '') {
      const why = `${describePath(path)} names neither an issuer nor a subject, so whoever has an account with the public-good Sigstore is trusted`;
      throw refusal(document, path, 'IMAGE_POLICY_INVALID', why, 'Write issuer and subject.');
    }
    hazards.push('whoever has a certificate of roots is trusted; write issuer and subject');
    return { pairs: [] as IdentityPair[], hazards };
  }
  hazards.push(...openPartHazards(issuer, subject));
  const pair: IdentityPair = { issuer: issuer ?? 'any', subject: subject ?? { regExp: '' } };
  return { pairs: [extensions.length === 0 ? pair : { ...pair, extensions: Object.fromEntries(extensions) }], hazards };
}

/** Kyverno compares issuers, subjects and extensions as wildcards, whole. */
function wildcardText(written: string): TextMatch {
  if (!/[*?]/.test(written)) return { equal: written };
  const literal = written.replaceAll(/[\\^$.+()[\]{}|]/g, '\\$&');
  return readRegExp(`^(?s:${literal.replaceAll('*', '.*').replaceAll('?', '.')})$`);
}

const fulcio = '1.3.6.1.4.1.57264.1.';
/** cosign's `CertExtensionMap`: what Kyverno knows, by name or by OID. */
const extensionNames = [
  'oidcIssuer',
  'githubWorkflowTrigger',
  'githubWorkflowSha',
  'githubWorkflowName',
  'githubWorkflowRepository',
  'githubWorkflowRef',
];

function readExtension(document: SettingsDocument, path: JsonPath, name: string): string {
  const index = extensionNames.indexOf(name);
  if (index >= 0) return `${fulcio}${index + 1}`;
  if (name.startsWith(fulcio) && /^[1-6]$/.test(name.slice(fulcio.length))) return name;
  const why = `${describePath(path)} is none of ${extensionNames.join(', ')} and their OIDs`;
  throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
}
