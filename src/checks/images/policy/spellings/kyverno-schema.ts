import * as z from 'zod/mini';
import { describePath, isObject, type JsonPath } from '../../../../core/json.ts';
import type { SettingsDocument } from '../../../../core/settings-file.ts';

import { Metadata } from '../schema.ts';
import { fieldOf, members, refuseUnread, type Unread, unsupported } from './refuse.ts';

/** The fields of Kyverno's ClusterPolicy that a rule with `verifyImages` may have; the objects are strict. */

const text = z.string().check(z.minLength(1));
/** Known, and of no consequence here: what it may say is Kyverno's business. */
const ignored = z.optional(z.unknown());
const count = z.optional(z.int().check(z.minimum(1)));
const hash = z.optional(z.enum(['', 'sha224', 'sha256', 'sha384', 'sha512']));
const texts = z.record(z.string(), z.string());

const Rekor = z.strictObject({
  url: z.optional(z.string()),
  pubkey: z.optional(z.string()),
  ignoreTlog: z.optional(z.boolean()),
});
const CtLog = z.strictObject({
  ignoreSCT: z.optional(z.boolean()),
  pubkey: z.optional(z.string()),
  tsaCertChain: z.optional(z.string()),
});
const logs = { rekor: z.optional(Rekor), ctlog: z.optional(CtLog) };
/** Where signatures are logged, as every kind of attestor may say. */
export interface LogSpec {
  readonly rekor?: z.infer<typeof Rekor> | undefined;
  readonly ctlog?: z.infer<typeof CtLog> | undefined;
}

const Keys = z.strictObject({
  publicKeys: z.optional(z.string()),
  secret: z.optional(z.strictObject({ name: text, namespace: z.optional(z.string()) })),
  signatureAlgorithm: hash,
  kms: ignored,
  ...logs,
});
export type KeysSpec = z.infer<typeof Keys>;

const Certificates = z.strictObject({ cert: ignored, certChain: z.optional(z.string()), ...logs });
export type CertificatesSpec = z.infer<typeof Certificates>;

const Keyless = z.strictObject({
  issuer: z.optional(z.string()),
  issuerRegExp: z.optional(z.string()),
  subject: z.optional(z.string()),
  subjectRegExp: z.optional(z.string()),
  roots: z.optional(z.string()),
  additionalExtensions: z.optional(texts),
  ...logs,
});
export type KeylessSpec = z.infer<typeof Keyless>;

const Entry = z.strictObject({
  keys: z.optional(Keys),
  certificates: z.optional(Certificates),
  keyless: z.optional(Keyless),
  get attestor() {
    return z.optional(AttestorSet);
  },
  annotations: z.optional(texts),
  repository: z.optional(z.string()),
  signatureAlgorithm: hash,
});
export type EntrySpec = z.infer<typeof Entry>;

const AttestorSet: z.ZodMiniType<AttestorSetSpec> = z.strictObject({
  count,
  get entries() {
    return z.array(Entry).check(z.minLength(1));
  },
});
export interface AttestorSetSpec {
  readonly count?: number | undefined;
  readonly entries: readonly EntrySpec[];
}

const Attestation = z.strictObject({
  name: z.optional(z.string()),
  type: z.optional(z.string()),
  predicateType: z.optional(z.string()),
  attestors: z.array(AttestorSet).check(z.minLength(1)),
  conditions: ignored,
});
export type AttestationSpec = z.infer<typeof Attestation>;

/** An entry of `verifyImages`. */
export const VerifyImages = z.strictObject({
  failureAction: z.optional(z.enum(['Audit', 'Enforce'])),
  type: z.optional(z.enum(['', 'Cosign', 'SigstoreBundle'])),
  imageReferences: z.array(text).check(z.minLength(1)),
  skipImageReferences: z.optional(z.array(text)),
  attestors: z.optional(z.array(AttestorSet)),
  attestations: z.optional(z.array(Attestation)),
  repository: z.optional(z.string()),
  cosignOCI11: z.optional(z.boolean()),
  mutateDigest: z.optional(z.boolean()),
  verifyDigest: z.optional(z.boolean()),
  required: z.optional(z.boolean()),
  useCache: z.optional(z.boolean()),
  imageRegistryCredentials: z.optional(
    z.strictObject({ allowInsecureRegistry: ignored, providers: ignored, secrets: ignored }),
  ),
  // Refused before, unless they are empty.
  image: ignored,
  key: ignored,
  issuer: ignored,
  subject: ignored,
  roots: ignored,
  additionalExtensions: ignored,
  annotations: ignored,
  validate: ignored,
});
export type VerifyImagesSpec = z.infer<typeof VerifyImages>;

const LabelSelector = z.strictObject({
  matchLabels: z.optional(texts),
  matchExpressions: z.optional(
    z.array(z.strictObject({ key: z.string(), operator: z.string(), values: z.optional(z.array(z.string())) })),
  ),
});
const Resources = z.strictObject({
  kinds: z.array(text).check(z.minLength(1)),
  operations: z.optional(z.array(z.enum(['CREATE', 'UPDATE', 'CONNECT', 'DELETE']))),
  selector: z.optional(LabelSelector),
  name: ignored,
  names: ignored,
  namespaces: ignored,
  annotations: ignored,
  namespaceSelector: ignored,
});
const users = { subjects: ignored, roles: ignored, clusterRoles: ignored };
const Filter = z.strictObject({ resources: Resources, ...users });
const Match = z.strictObject({
  any: z.optional(z.array(Filter)),
  all: z.optional(z.array(Filter)),
  resources: z.optional(Resources),
  ...users,
});
export type MatchSpec = z.infer<typeof Match>;
export type ResourcesSpec = z.infer<typeof Resources>;

const Rule = z.strictObject({
  name: text,
  match: Match,
  exclude: z.optional(Match),
  verifyImages: z.array(VerifyImages).check(z.minLength(1)),
  skipBackgroundRequests: ignored,
  reportProperties: ignored,
  context: ignored,
  preconditions: ignored,
  celPreconditions: ignored,
  imageExtractors: ignored,
  mutate: ignored,
  validate: ignored,
  generate: ignored,
});
export type RuleSpec = z.infer<typeof Rule>;

const action = z.enum(['Audit', 'Enforce', 'audit', 'enforce']);

export const KyvernoSchema = z.strictObject({
  apiVersion: z.enum(['kyverno.io/v1', 'kyverno.io/v2beta1']),
  kind: z.literal('ClusterPolicy'),
  metadata: Metadata,
  spec: z.strictObject({
    rules: z.array(Rule).check(z.minLength(1)),
    validationFailureAction: z.optional(action),
    validationFailureActionOverrides: ignored,
    applyRules: z.optional(z.enum(['All', 'One'])),
    admission: z.optional(z.boolean()),
    background: ignored,
    emitWarning: ignored,
    failurePolicy: ignored,
    schemaValidation: ignored,
    webhookTimeoutSeconds: ignored,
    webhookConfiguration: ignored,
    mutateExistingOnPolicyUpdate: ignored,
    generateExistingOnPolicyUpdate: ignored,
    generateExisting: ignored,
    useServerSideApply: ignored,
  }),
  status: ignored,
});

const deprecated = 'it is deprecated in Kyverno';
const inAttestors = 'Write it in attestors[].entries[].';
const unreadInRule: Unread = {
  context: ['it fetches data when it is asked'],
  preconditions: ['it is evaluated on each request'],
  celPreconditions: ['it is CEL'],
  imageExtractors: ['images are found where the gate knows them to be'],
  mutate: ['only rules of verifyImages are trust policies', 'Keep it in a policy of its own.'],
  validate: ['only rules of verifyImages are trust policies', 'Keep it in a policy of its own.'],
  generate: ['only rules of verifyImages are trust policies', 'Keep it in a policy of its own.'],
};
const unreadInVerifyImages: Unread = {
  image: [deprecated, 'Write imageReferences.'],
  key: [deprecated, inAttestors],
  issuer: [deprecated, inAttestors],
  subject: [deprecated, inAttestors],
  roots: [deprecated, inAttestors],
  additionalExtensions: [deprecated, inAttestors],
  annotations: [deprecated, inAttestors],
  validate: ['its conditions are JMESPath', 'Write the conditions in Rego, as spec.policy of a ClusterImagePolicy.'],
};
const unreadInFilter: Unread = {
  subjects: ['the gate knows no user of a request'],
  roles: ['the gate knows no user of a request'],
  clusterRoles: ['the gate knows no user of a request'],
};
const byName = 'it leaves out objects by what their author calls them';
const unreadInResources: Unread = {
  name: [byName],
  names: [byName],
  namespaces: [byName],
  annotations: [byName],
  namespaceSelector: ['it asks a cluster for the labels of a namespace'],
};

/** What is known and cannot be evaluated without a cluster, a request or an expression language is refused by its name. */
export function refuseUnreadOfKyverno(document: SettingsDocument): void {
  refuseVariables(document, ['spec'], fieldOf(document.value, 'spec'));
  const spec = fieldOf(document.value, 'spec');
  refuseUnread(document, ['spec'], spec, {
    validationFailureActionOverrides: ['it differs by namespace', 'Write failureAction in verifyImages.'],
  });
  refuseUnread(document, ['spec', 'webhookConfiguration'], fieldOf(spec, 'webhookConfiguration'), {
    matchConditions: ['it is CEL'],
  });
  if (fieldOf(spec, 'applyRules') === 'One')
    throw unsupported(document, ['spec', 'applyRules'], 'all rules are applied here');
  if (fieldOf(spec, 'admission') === false) {
    throw unsupported(document, ['spec', 'admission'], 'a policy that is not applied at admission is none for a gate');
  }
  for (const [path, rule] of members(fieldOf(spec, 'rules'), ['spec', 'rules'])) {
    refuseUnread(document, path, rule, unreadInRule);
    for (const part of ['match', 'exclude']) refuseUnreadInMatch(document, [...path, part], fieldOf(rule, part));
    for (const [where, verify] of members(fieldOf(rule, 'verifyImages'), [...path, 'verifyImages'])) {
      refuseUnreadInVerification(document, where, verify);
    }
  }
}

/** The same, of a document that is an entry of `verifyImages`. */
export function refuseUnreadOfVerification(document: SettingsDocument): void {
  refuseVariables(document, [], document.value);
  refuseUnreadInVerification(document, [], document.value);
}

function refuseUnreadInMatch(document: SettingsDocument, path: JsonPath, match: unknown): void {
  refuseUnread(document, path, match, unreadInFilter);
  refuseUnread(document, [...path, 'resources'], fieldOf(match, 'resources'), unreadInResources);
  for (const list of ['any', 'all']) {
    for (const [where, filter] of members(fieldOf(match, list), [...path, list])) {
      refuseUnread(document, where, filter, unreadInFilter);
      refuseUnread(document, [...where, 'resources'], fieldOf(filter, 'resources'), unreadInResources);
    }
  }
}

function refuseUnreadInVerification(document: SettingsDocument, path: JsonPath, verify: unknown): void {
  refuseUnread(document, path, verify, unreadInVerifyImages);
  refuseUnread(document, [...path, 'imageRegistryCredentials'], fieldOf(verify, 'imageRegistryCredentials'), {
    allowInsecureRegistry: [
      'how a registry is reached is settled by the gate',
      'Write plainHttp in registries of the Gate.',
    ],
  });
  if (fieldOf(verify, 'type') === 'Notary') {
    const mend = 'Give the same trust as a Notation trust policy: images.trust[] with trustPolicy and trustStore.';
    throw unsupported(
      document,
      [...path, 'type'],
      'signatures of the Notary Project have a trust policy of their own',
      mend,
    );
  }
  for (const [where, attestation] of members(fieldOf(verify, 'attestations'), [...path, 'attestations'])) {
    refuseUnread(document, where, attestation, {
      conditions: ['it is JMESPath', 'Write the conditions in Rego, in attestations[].policy of a ClusterImagePolicy.'],
    });
    const attestors = fieldOf(attestation, 'attestors');
    if (attestors === undefined || (Array.isArray(attestors) && attestors.length === 0)) {
      const why = 'without attestors anybody with a certificate of the public-good Sigstore could have made it';
      throw unsupported(document, where, why, 'Say in attestors who must have signed it.');
    }
    for (const [set, each] of members(attestors, [...where, 'attestors'])) refuseUnreadInSet(document, set, each, true);
  }
  for (const [set, each] of members(fieldOf(verify, 'attestors'), [...path, 'attestors'])) {
    refuseUnreadInSet(document, set, each, false);
  }
}

/** A deeper nest is refused by its schema's reader; this bound keeps the search for it from going on. */
const maxNesting = 16;

function refuseUnreadInSet(document: SettingsDocument, path: JsonPath, set: unknown, ofAttestation: boolean): void {
  if (path.length > 2 * maxNesting + 8)
    throw unsupported(document, path, `attestors are nested more than ${maxNesting} deep`);
  for (const [where, entry] of members(fieldOf(set, 'entries'), [...path, 'entries'])) {
    refuseUnread(document, [...where, 'keys'], fieldOf(entry, 'keys'), {
      kms: ['the gate asks no key service', 'Export the public key and write it as publicKeys.'],
    });
    refuseUnread(document, [...where, 'certificates'], fieldOf(entry, 'certificates'), {
      cert: [
        'Kyverno takes the key out of it and looks at nothing else of the certificate',
        'Write its public key as keys.publicKeys, or its authority as certChain alone.',
      ],
    });
    const nested = fieldOf(entry, 'attestor');
    if (nested === undefined) continue;
    if (ofAttestation) {
      const why = 'Kyverno leaves out nested attestors of attestations, and takes anybody instead';
      throw unsupported(document, [...where, 'attestor'], why, 'Write the entries in the set itself.');
    }
    refuseUnreadInSet(document, [...where, 'attestor'], nested, false);
  }
}

/** `{{ … }}` and `$(…)` are filled in on each request. */
function refuseVariables(document: SettingsDocument, path: JsonPath, value: unknown): void {
  if (typeof value === 'string') {
    if (!/\{\{|\$\([^ )]+\)/.test(value)) return;
    throw unsupported(document, path, `${describePath(path)} holds a variable`, 'Write the value itself.');
  }
  if (Array.isArray(value)) for (const [where, each] of members(value, path)) refuseVariables(document, where, each);
  else if (isObject(value)) {
    for (const [key, each] of Object.entries(value)) {
      refuseVariables(document, [...path, key], key);
      refuseVariables(document, [...path, key], each);
    }
  }
}
