import * as z from 'zod/mini';
import { describePath, type JsonPath } from '../../../../core/json.ts';
import { type SettingsDocument, validateSettings } from '../../../../core/settings-file.ts';
import { at, atAsync, refusal } from '../complaint.ts';
import { identityHazards } from '../identity.ts';
import { type HashName, parsePublicKey } from '../key.ts';
import type { AttestationDemand, Authority, Evidence, IdentityPair, TextMatch, TrustRoot } from '../model.ts';
import { predicateTypeOf } from '../predicate-type.ts';
import { readTrustedRoot } from '../trusted-root.ts';
import type { SpellingContext } from './context.ts';
import { Notary, type ReadAttestor, readNotary, StringOrExpression, textOf } from './kyverno-cel-notary.ts';
import { openPartHazards, readIdentityParts } from './kyverno-identity.ts';
import { readAuthorities, readLogs } from './kyverno-logs.ts';
import { repositoryAt } from './reference.ts';
import { refuseUnread, unsupported } from './refuse.ts';

const text = z.string();
const optionalText = z.optional(text);
const flag = z.optional(z.boolean());

const CtLog = z.strictObject({
  url: optionalText,
  rekorPubKey: optionalText,
  ctLogPubKey: optionalText,
  tsaCertChain: optionalText,
  insecureIgnoreTlog: flag,
  insecureIgnoreSCT: flag,
});
const Identity = z.strictObject({
  issuer: optionalText,
  issuerRegExp: optionalText,
  subject: optionalText,
  subjectRegExp: optionalText,
  subjectExpression: optionalText,
});
const Cosign = z.strictObject({
  key: z.optional(
    z.strictObject({ data: optionalText, kms: optionalText, hashAlgorithm: optionalText, expression: optionalText }),
  ),
  keyless: z.optional(
    z.strictObject({
      identities: z.array(Identity),
      roots: optionalText,
      additionalExtensions: z.optional(z.record(text, text)),
    }),
  ),
  certificate: z.optional(z.strictObject({ cert: StringOrExpression, certChain: StringOrExpression })),
  source: z.optional(
    z.strictObject({
      repository: optionalText,
      tagPrefix: optionalText,
      PullSecrets: z.optional(z.array(z.strictObject({ name: optionalText }))),
    }),
  ),
  ctlog: z.optional(CtLog),
  tuf: z.optional(z.unknown()),
  annotations: z.optional(z.record(text, text)),
  trustedRoot: StringOrExpression,
});
const Attestor = z.strictObject({
  name: text,
  cosign: z.optional(Cosign),
  notary: z.optional(Notary),
});
type CosignSpec = z.infer<typeof Cosign>;

/** What is asked of an attestor besides a signature. */
export interface AttestorDemand {
  /** As findings name the attestor. */
  readonly owner: string;
  /** Undefined for a signature of the image itself. */
  readonly attestation: { readonly name: string; readonly type: string; readonly keepsStatements: boolean } | undefined;
}

/**
 * An entry of `attestors` of an ImageValidatingPolicy, which is the whole of the document. Only what stands in it is read:
 * what is an expression, comes from a key service or has to be fetched is refused by name (IMAGE_POLICY_UNSUPPORTED).
 */
export async function readCelAttestor(
  document: SettingsDocument,
  { owner, attestation }: AttestorDemand,
  context: SpellingContext,
): Promise<ReadAttestor> {
  const { name, cosign, notary } = validateSettings(Attestor, document, 'IMAGE_POLICY_INVALID');
  if ((cosign === undefined) === (notary === undefined)) {
    const what = cosign === undefined ? 'neither cosign nor notary' : 'both cosign and notary';
    throw refusal(
      document,
      [],
      'IMAGE_POLICY_INVALID',
      `the attestor ${name} has ${what}; exactly one says who vouches`,
    );
  }
  if (notary !== undefined) {
    if (attestation !== undefined) {
      throw unsupported(document, ['notary'], 'attachments that the Notary Project signs are not verified');
    }
    return readNotary(document, name, notary);
  }
  const demands: AttestationDemand[] =
    attestation === undefined
      ? []
      : [
          {
            name: attestation.name,
            predicateType: predicateTypeOf(attestation.type),
            ...(attestation.keepsStatements && { keepsStatements: true }),
            place: document.locate([]),
          },
        ];
  return readCosign(document, name, cosign ?? {}, demands, owner, context);
}

async function readCosign(
  document: SettingsDocument,
  name: string,
  cosign: CosignSpec,
  attestations: readonly AttestationDemand[],
  owner: string,
  context: SpellingContext,
): Promise<ReadAttestor> {
  const path = ['cosign'];
  const kinds = (['key', 'keyless', 'certificate'] as const).filter((kind) => cosign[kind] !== undefined);
  const [kind, ...more] = kinds;
  if (kind === undefined || more.length > 0) {
    const what = kind === undefined ? 'none of' : `${kinds.join(' and ')} of`;
    const why = `cosign has ${what} key, keyless and certificate; exactly one says who vouches`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  refuseUnread(document, path, cosign, {
    tuf: ['trust is not fetched while it is judged', 'Write the trusted_root.json of the repository in trustedRoot.'],
  });
  const root = await readRoot(document, cosign, owner);
  const hazards: string[] = [];
  const shared = await readEvidence(document, cosign, kind, root, attestations, owner, context, hazards);
  const { evidence, sct } = shared;
  if (kind === 'key') {
    return { authority: { ...evidence, kind: 'key', name, key: readKey(document, cosign) }, hazards };
  }
  const spec = { ctlog: { pubkey: cosign.ctlog?.ctLogPubKey, ignoreSCT: sct === 'ignored' } };
  if (kind === 'keyless') {
    const where = [...path, 'keyless'];
    const { identities = [], roots = '', additionalExtensions } = cosign.keyless ?? {};
    refuseUnread(
      document,
      where,
      { additionalExtensions },
      {
        additionalExtensions: ['Kyverno does not compare it in this kind', 'Write verifyImages of a ClusterPolicy.'],
      },
    );
    if (identities.length === 0) {
      const why = `${describePath(where)} names no identity, so whoever has a certificate is trusted`;
      throw refusal(document, where, 'IMAGE_POLICY_INVALID', why, 'Write issuer and subject.');
    }
    const pairs = identities.map((identity, i) =>
      readIdentity(document, [...where, 'identities', i], identity, hazards),
    );
    const authorities =
      roots === '' && root !== undefined && cosign.ctlog?.ctLogPubKey === undefined
        ? root
        : await readAuthorities(document, where, { field: 'roots', text: roots }, spec, sct, owner, context);
    hazards.push(...identityHazards(name, pairs));
    const authority: Authority = { ...evidence, kind: 'keyless', name, identities: pairs, roots: authorities, sct };
    return { authority, hazards };
  }
  const where = [...path, 'certificate'];
  refuseUnread(document, where, cosign.certificate, {
    cert: [
      'Kyverno takes the key out of it and looks at nothing else of the certificate',
      'Write its public key as key.data, or its authority as certChain alone.',
    ],
  });
  const pem = { field: 'certChain', text: textOf(document, [...where, 'certChain'], cosign.certificate?.certChain) };
  if (pem.text === '') {
    throw refusal(document, where, 'IMAGE_POLICY_INVALID', `${describePath(where)} has no certChain`);
  }
  const authorities = await readAuthorities(document, where, pem, spec, sct, owner, context);
  hazards.push('whoever has a certificate of certChain is trusted; write keyless with roots, issuer and subject');
  return { authority: { ...evidence, kind: 'keyless', name, identities: [], roots: authorities, sct }, hazards };
}

/** A trusted root that stands in the attestor: Kyverno judges bundles by it, and nothing else. */
async function readRoot(
  document: SettingsDocument,
  { trustedRoot }: CosignSpec,
  owner: string,
): Promise<TrustRoot | undefined> {
  if (trustedRoot === undefined) return undefined;
  const path = ['cosign', 'trustedRoot'];
  const written = textOf(document, path, trustedRoot);
  if (written === '') throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)} has no value`);
  return atAsync(document, path, () => readTrustedRoot(written, 'value', `trustedRoot of ${owner}`));
}

/**
 * An entry of a log is demanded unless it is waived, and where it is waived for a certificate a timestamp: nothing else
 * tells that the certificate held when it signed. Logs and authorities of the attestor's own count for signatures at the
 * old tags alone, because Kyverno judges bundles by the trusted root.
 */
async function readEvidence(
  document: SettingsDocument,
  cosign: CosignSpec,
  kind: 'key' | 'keyless' | 'certificate',
  root: TrustRoot | undefined,
  attestations: readonly AttestationDemand[],
  owner: string,
  context: SpellingContext,
  hazards: string[],
): Promise<{ readonly evidence: Evidence; readonly sct: 'required' | 'ignored' }> {
  const { ctlog, source, annotations = {} } = cosign;
  const path = ['cosign', 'ctlog'];
  const { url = '', rekorPubKey = '', ctLogPubKey = '', tsaCertChain = '' } = ctlog ?? {};
  const ignoresLog = ctlog?.insecureIgnoreTlog === true;
  if (ctlog !== undefined && !ignoresLog && url === '') {
    const why = `${describePath(path)} has no url, and Kyverno verifies nothing without it`;
    throw refusal(
      document,
      path,
      'IMAGE_POLICY_INVALID',
      why,
      'Write url: https://rekor.sigstore.dev, or that of your log.',
    );
  }
  const ownRoots = (cosign.keyless?.roots ?? '') !== '' || kind === 'certificate';
  const isOwn = rekorPubKey !== '' || ctLogPubKey !== '' || ownRoots;
  if (root !== undefined && isOwn) {
    const why = 'keys and roots of its own beside trustedRoot, which Kyverno judges bundles by';
    throw unsupported(document, ['cosign', 'trustedRoot'], why, 'Write all of them into trustedRoot.');
  }
  const spelt = {
    rekor: { url, pubkey: rekorPubKey, ignoreTlog: ignoresLog },
    ctlog: { ignoreSCT: ctlog?.insecureIgnoreSCT === true, pubkey: ctLogPubKey, tsaCertChain },
  };
  const read = await readLogs(document, path, spelt, 'Cosign', owner, context);
  hazards.push(...read.hazards);
  let { log, timestamp } = read;
  if (log.demand === 'required' && root !== undefined) log = { demand: 'required', roots: root };
  const needsTime = kind !== 'key' && log.demand === 'ignored' && timestamp.demand === 'ignored';
  if (needsTime) timestamp = { demand: 'required', roots: root ?? (await atAsync(document, path, context.publicGood)) };
  // Of an attestation at the old tag Kyverno wants an entry of a log whatever the attestor says.
  const isBare = attestations.length > 0 && log.demand === 'ignored' && timestamp.demand === 'ignored';
  if ((source?.PullSecrets ?? []).length > 0) {
    hazards.push('source.PullSecrets has no say here: the gate asks registries with its own credentials');
  }
  return {
    sct: read.sct,
    evidence: {
      log,
      timestamp,
      sources: readSources(document, source),
      format: root !== undefined || needsTime || isBare ? 'bundle' : isOwn ? 'legacy' : 'any',
      attestations,
      annotations,
    },
  };
}

function readSources(document: SettingsDocument, source: CosignSpec['source']): Evidence['sources'] {
  const { repository = '', tagPrefix = '' } = source ?? {};
  if (repository === '' && tagPrefix === '') return [];
  const path = ['cosign', 'source', 'repository'];
  return [
    { ...(repository !== '' && { repository: repositoryAt(document, path, repository) }), tagPrefix, pullSecrets: [] },
  ];
}

function readKey(document: SettingsDocument, { key = {} }: CosignSpec) {
  const path = ['cosign', 'key'];
  refuseUnread(document, path, key, {
    kms: ['the gate asks no key service', 'Export the public key and write it as data.'],
    expression: ['it is CEL', 'Write the public key as data.'],
  });
  const { data = '', hashAlgorithm = '' } = key;
  if (data === '') throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)} has no data`);
  const hash = hashAlgorithm === '' ? 'sha256' : hashAlgorithm;
  if (!isHash(hash)) {
    const why = `${describePath([...path, 'hashAlgorithm'])} is not sha224, sha256, sha384 or sha512`;
    throw refusal(document, [...path, 'hashAlgorithm'], 'IMAGE_POLICY_INVALID', why);
  }
  return at(document, [...path, 'data'], () => parsePublicKey(data, hash));
}

function isHash(name: string): name is HashName {
  return name === 'sha224' || name === 'sha256' || name === 'sha384' || name === 'sha512';
}

function readIdentity(
  document: SettingsDocument,
  path: JsonPath,
  identity: z.infer<typeof Identity>,
  hazards: string[],
): IdentityPair {
  refuseUnread(document, path, identity, {
    subjectExpression: ['it is CEL, and Kyverno 1.19 does not compare it', 'Write subject or subjectRegExp.'],
  });
  const { issuer, subject } = readIdentityParts(document, path, identity, wholeText);
  if (issuer === undefined && subject === undefined) {
    const why = `${describePath(path)} names neither an issuer nor a subject, so anybody is trusted`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why, 'Write issuer and subject.');
  }
  hazards.push(...openPartHazards(issuer, subject));
  return { issuer: issuer ?? 'any', subject: subject ?? { regExp: '' } };
}

/** These policies compare texts whole, without wildcards. */
function wholeText(equal: string): TextMatch {
  return { equal };
}
