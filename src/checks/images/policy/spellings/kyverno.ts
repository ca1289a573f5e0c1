import { describePath, type JsonPath } from '../../../../core/json.ts';
import { type SettingsDocument, validateSettings } from '../../../../core/settings-file.ts';
import { at, refusal } from '../complaint.ts';
import type { AttestationDemand, ImagePolicy, ImageScope, ResourceMatch } from '../model.ts';
import type { Clause } from './clause.ts';
import type { SpellingContext } from './context.ts';
import { type AttestorSettings, readAttestorSet } from './kyverno-attestor.ts';
import { readKyvernoMatch } from './kyverno-match.ts';
import {
  type AttestationSpec,
  KyvernoSchema,
  type RuleSpec,
  refuseUnreadOfKyverno,
  refuseUnreadOfVerification,
  VerifyImages,
  type VerifyImagesSpec,
} from './kyverno-schema.ts';
import { fieldOf, unsupported } from './refuse.ts';
import { checkWildcard, wildcardHazards, wildcardScope } from './wildcard.ts';

/**
 * The policies that the `verifyImages` rules of a Kyverno ClusterPolicy stand for: one for each demand, because all sets of
 * attestors, and all attestations, must be satisfied. Only what stands in the document is read. Whatever needs a
 * cluster, a request, JMESPath or CEL is refused by name (IMAGE_POLICY_UNSUPPORTED) with its line.
 */
export async function readKyverno(document: SettingsDocument, context: SpellingContext): Promise<ImagePolicy[]> {
  if (fieldOf(document.value, 'kind') === 'Policy') {
    const mend = 'Write a ClusterPolicy; the gate has no rules for one namespace.';
    throw unsupported(document, ['kind'], 'a Policy holds in its own namespace alone', mend);
  }
  refuseUnreadOfKyverno(document);
  const { metadata, spec } = validateSettings(KyvernoSchema, document, 'IMAGE_POLICY_INVALID');
  const policies: ImagePolicy[] = [];
  const seen = new Set<string>();
  for (const [i, rule] of spec.rules.entries()) {
    const path = ['spec', 'rules', i];
    if (seen.has(rule.name)) {
      const why = `${describePath(path)} has the name of another rule: ${JSON.stringify(rule.name)}`;
      throw refusal(document, [...path, 'name'], 'IMAGE_POLICY_INVALID', why);
    }
    seen.add(rule.name);
    const mode = readMode(document, path, rule, spec.validationFailureAction);
    const match = readKyvernoMatch(document, path, rule.match, rule.exclude);
    const title = `ClusterPolicy ${metadata.name}, rule ${rule.name}`;
    for (const [j, verify] of rule.verifyImages.entries()) {
      const where = [...path, 'verifyImages', j];
      const prefix = rule.verifyImages.length === 1 ? '' : `verifyImages[${j}].`;
      const about = { name: metadata.name, title, prefix, mode, match, context };
      policies.push(...(await readVerifyImages(document, where, verify, about)));
    }
  }
  return policies;
}

/**
 * What an entry of `verifyImages`, which is the whole of the document, demands of every image that is asked about: all of
 * the policies must be satisfied. Which images and objects it is about is for whoever asks to tell.
 */
export async function readKyvernoVerification(
  document: SettingsDocument,
  owner: string,
  context: SpellingContext,
): Promise<ImagePolicy[]> {
  refuseUnreadOfVerification(document);
  const verify = validateSettings(VerifyImages, document, 'IMAGE_POLICY_INVALID');
  const about: About = { name: owner, title: owner, prefix: '', mode: 'enforce', match: [], context };
  const policies = await readVerifyImages(document, [], verify, about);
  return policies.map((policy) => ({ ...policy, scope: [everyImage] }));
}

const everyImage: ImageScope = { text: '**', matches: () => true, couldMatchDigest: () => true };

interface About {
  readonly name: string;
  readonly title: string;
  /** Goes before the names of demands; empty where there is one entry. */
  readonly prefix: string;
  readonly mode: ImagePolicy['mode'];
  readonly match: readonly ResourceMatch[];
  readonly context: SpellingContext;
}

/**
 * As Kyverno: one `Enforce` in a rule enforces all of it, else its first word counts, else that of the policy. Where none
 * says anything Kyverno audits; here that has to be written down.
 */
function readMode(
  document: SettingsDocument,
  path: JsonPath,
  rule: RuleSpec,
  ofPolicy: string | undefined,
): ImagePolicy['mode'] {
  const own = rule.verifyImages.map(({ failureAction }) => failureAction).filter((each) => each !== undefined);
  const action = own.includes('Enforce') ? 'Enforce' : (own[0] ?? ofPolicy);
  if (action === undefined) {
    const why = `${describePath(path)} says neither Enforce nor Audit, and Kyverno would let everything pass`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why, 'Write failureAction: Enforce in verifyImages.');
  }
  if (action.toLowerCase() === 'enforce') return 'enforce';
  const pinned = rule.verifyImages.findIndex(({ mutateDigest }) => mutateDigest !== false);
  if (pinned >= 0) {
    const where = [...path, 'verifyImages', pinned];
    const why = `${describePath([...where, 'mutateDigest'])} must be false where the action is Audit, or Kyverno refuses the policy`;
    throw refusal(document, where, 'IMAGE_POLICY_INVALID', why);
  }
  return 'warn';
}

async function readVerifyImages(
  document: SettingsDocument,
  path: JsonPath,
  verify: VerifyImagesSpec,
  about: About,
): Promise<ImagePolicy[]> {
  const { imageReferences, skipImageReferences = [], attestors = [], attestations = [] } = verify;
  for (const field of ['imageReferences', 'skipImageReferences'] as const) {
    for (const [i, each] of (verify[field] ?? []).entries()) {
      at(document, [...path, field, i], () => checkWildcard(each));
    }
  }
  if (attestors.length === 0 && attestations.length === 0) {
    const why = 'without attestors and attestations it verifies nothing';
    throw unsupported(document, path, why, 'Say in attestors who must have signed.');
  }
  const settings = readSettingsOf(path, verify, about);
  const demands: { readonly label: string; readonly path: JsonPath; readonly clauses: readonly Clause[] }[] = [];
  for (const [i, set] of attestors.entries()) {
    const where = [...path, 'attestors', i];
    demands.push({
      label: `attestors[${i}]`,
      path: where,
      clauses: await readAttestorSet(document, where, set, settings),
    });
  }
  for (const [i, attestation] of attestations.entries()) {
    const where = [...path, 'attestations', i];
    const demand = readAttestation(document, where, attestation);
    for (const [j, set] of attestation.attestors.entries()) {
      const inner = [...where, 'attestors', j];
      const clauses = await readAttestorSet(document, inner, set, { ...settings, attestations: [demand] });
      demands.push({ label: `attestations[${i}].attestors[${j}]`, path: inner, clauses });
    }
  }
  const scope = wildcardScope(imageReferences, skipImageReferences);
  const hazards = [...wildcardHazards(imageReferences, skipImageReferences), ...credentialHazards(verify)];
  const named = demands.flatMap(({ label, path: where, clauses }) =>
    clauses.map((clause, i) => ({
      label: `${about.prefix}${label}${clauses.length === 1 ? '' : ` (${i + 1})`}`,
      where,
      clause,
    })),
  );
  return named.map(({ label, where, clause }, i) => ({
    rule: named.length === 1 && about.prefix === '' ? about.title : `${about.title}, ${label}`,
    name: about.name,
    place: document.locate(where),
    scope: [scope],
    match: about.match,
    mode: about.mode,
    authorities: clause.authorities,
    quorum: clause.quorum,
    // What is said of the images is said once.
    hazards: [...(i === 0 ? hazards : []), ...new Set(clause.hazards)],
  }));
}

function readSettingsOf(path: JsonPath, verify: VerifyImagesSpec, about: About): AttestorSettings {
  const type = verify.type === 'SigstoreBundle' ? 'SigstoreBundle' : 'Cosign';
  const repository = verify.repository ?? '';
  return {
    type,
    // Type Cosign looks at the tags .sig and .att, and with cosignOCI11 at referrers of that form.
    format: type === 'SigstoreBundle' ? 'bundle' : verify.cosignOCI11 === true ? 'any' : 'legacy',
    repository: repository === '' ? undefined : { text: repository, path: [...path, 'repository'] },
    attestations: [],
    owner: about.title,
    context: about.context,
  };
}

function readAttestation(document: SettingsDocument, path: JsonPath, attestation: AttestationSpec): AttestationDemand {
  const { name = '', type = '', predicateType = '' } = attestation;
  if (type !== '' && predicateType !== '' && type !== predicateType) {
    const why = `${describePath(path)} has a type and another predicateType`;
    throw refusal(
      document,
      path,
      'IMAGE_POLICY_INVALID',
      why,
      'Write type alone; predicateType is its deprecated name.',
    );
  }
  const found = type === '' ? predicateType : type;
  if (found === '') throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)} has no type`);
  return { name: name === '' ? found : name, predicateType: found, place: document.locate(path) };
}

function credentialHazards({ imageRegistryCredentials: credentials }: VerifyImagesSpec): string[] {
  if (credentials === undefined || Object.keys(credentials).length === 0) return [];
  return ['imageRegistryCredentials has no say here: the gate asks registries with its own credentials'];
}
