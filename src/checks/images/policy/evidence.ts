import { asGateError, GateError } from '../../../core/errors.ts';
import { type ImageReference, parseImageReference, repositoryName } from '../../../core/image.ts';
import { describePath, type JsonPath } from '../../../core/json.ts';
import type { SettingsDocument } from '../../../core/settings-file.ts';
import { at, atAsync, refusal } from './complaint.ts';
import { readAttestationRule } from './content.ts';
import type { PolicyContext } from './context.ts';
import type { AttestationDemand, Evidence, SignatureSource, TrustRoot } from './model.ts';
import { predicateTypeOf } from './predicate-type.ts';
import type { Attestation, AuthoritySpec, Source } from './schema.ts';

/** What an authority asks of a signature besides its signer. */
export async function readEvidence(
  document: SettingsDocument,
  path: JsonPath,
  authority: AuthoritySpec,
  policyName: string,
  context: PolicyContext,
): Promise<Evidence> {
  const format = readFormat(document, path, authority.signatureFormat);
  return {
    ...(await readLogAndTime(document, path, authority, format, context)),
    sources: readSources(document, [...path, 'source'], authority.source ?? []),
    format,
    attestations: await readAttestations(document, path, authority.attestations ?? [], policyName, context),
    annotations: {},
  };
}

/** Upstream takes every text but `bundle` for `legacy`; a mistyped one is refused here. */
function readFormat(document: SettingsDocument, path: JsonPath, format: string | undefined): Evidence['format'] {
  if (format === undefined || format === '') return 'any';
  if (format === 'legacy' || format === 'bundle') return format;
  const where = [...path, 'signatureFormat'];
  throw refusal(document, where, 'IMAGE_POLICY_INVALID', `${describePath(where)} is neither legacy nor bundle`);
}

/**
 * The rules of policy-controller's `checkOptsFromAuthority`, and stricter in three places: a log that is written down is
 * demanded beside a timestamp too, a timestamp that is asked for must be there, and `rfc3161timestamp: {}` asks for one.
 */
async function readLogAndTime(
  document: SettingsDocument,
  path: JsonPath,
  authority: AuthoritySpec,
  format: Evidence['format'],
  context: PolicyContext,
): Promise<Pick<Evidence, 'log' | 'timestamp'>> {
  const { keyless, ctlog, rfc3161timestamp } = authority;
  const own = keyless?.trustRootRef ?? '';
  const rootOf = async (name: string, field: string): Promise<TrustRoot> =>
    name === ''
      ? atAsync(document, [...path, field], () => context.publicGood())
      : atAsync(document, [...path, field, 'trustRootRef'], () => context.trustRoot(name));
  if (format === 'bundle' && keyless !== undefined) {
    // Upstream verifies a bundle against one root, and fails every image where the three do not agree.
    for (const [field, part] of [
      ['ctlog', ctlog],
      ['rfc3161timestamp', rfc3161timestamp],
    ] as const) {
      if (part === undefined || (part.trustRootRef ?? '') === own) continue;
      const why = `${describePath([...path, field])} must have the trustRootRef of keyless where signatureFormat is bundle`;
      throw refusal(
        document,
        [...path, field],
        'IMAGE_POLICY_INVALID',
        why,
        `Write trustRootRef: ${own || '(none)'} in both.`,
      );
    }
  }
  const logRoot = logRootName(authority, format);
  const log: Evidence['log'] =
    logRoot === undefined
      ? { demand: 'ignored' }
      : { demand: 'required', roots: await rootOf(logRoot, ctlog === undefined ? 'keyless' : 'ctlog') };
  const timestamp: Evidence['timestamp'] =
    rfc3161timestamp === undefined
      ? { demand: 'ignored' }
      : { demand: 'required', roots: await rootOf(rfc3161timestamp.trustRootRef || own, 'rfc3161timestamp') };
  return { log, timestamp };
}

/** The name of the root whose log is demanded, empty for the public-good one; undefined where no log is. */
function logRootName(
  { keyless, ctlog, rfc3161timestamp }: AuthoritySpec,
  format: Evidence['format'],
): string | undefined {
  if (ctlog?.trustRootRef) return ctlog.trustRootRef;
  if (ctlog?.url) return '';
  const own = keyless?.trustRootRef ?? '';
  if (keyless !== undefined && format === 'bundle') return rfc3161timestamp?.trustRootRef ? undefined : own;
  // A timestamp with a root of its own takes the place of the log.
  if (rfc3161timestamp?.trustRootRef) return undefined;
  return keyless !== undefined && own === '' && ctlog === undefined ? '' : undefined;
}

function readSources(document: SettingsDocument, path: JsonPath, sources: readonly Source[]): SignatureSource[] {
  if (sources.length > 1) {
    const why = `${describePath(path)} has ${sources.length} entries, and one is all that is supported`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  return sources.map(({ oci = '', tagPrefix = '', signaturePullSecrets = [] }, i) => {
    if (tagPrefix !== '' && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,50}$/.test(tagPrefix)) {
      const where = [...path, i, 'tagPrefix'];
      throw refusal(document, where, 'IMAGE_POLICY_INVALID', `${describePath(where)} cannot begin a tag`);
    }
    const pullSecrets = signaturePullSecrets.map(({ name }) => name);
    if (oci === '') return { tagPrefix, pullSecrets };
    return { repository: at(document, [...path, i, 'oci'], () => readRepository(oci)), tagPrefix, pullSecrets };
  });
}

/** `source[].oci` in canonical spelling. A host alone is refused: upstream would look in Docker Hub, under `library/`. */
function readRepository(oci: string): string {
  const slash = oci.indexOf('/');
  if (slash < 0 || !/[.:]/.test(oci.slice(0, slash))) {
    throw new GateError('IMAGE_POLICY_INVALID', 'it is not a registry host and a repository', {
      mend: 'Write both, such as ghcr.io/org/signatures.',
    });
  }
  const reference = readReference(oci);
  if (reference.tag !== undefined || reference.digest !== undefined) {
    throw new GateError('IMAGE_POLICY_INVALID', 'it has a tag or a digest, and a repository has none');
  }
  return repositoryName(reference.repository);
}

/** A reference that is malformed in an object denies it; in a policy it is the policy that is wrong. */
function readReference(oci: string): ImageReference {
  try {
    return parseImageReference(oci);
  } catch (error) {
    const { message } = asGateError(error);
    throw new GateError('IMAGE_POLICY_INVALID', message, { mend: 'Write it as ghcr.io/org/signatures.', cause: error });
  }
}

async function readAttestations(
  document: SettingsDocument,
  authorityPath: JsonPath,
  attestations: readonly Attestation[],
  policyName: string,
  context: PolicyContext,
): Promise<AttestationDemand[]> {
  const path = [...authorityPath, 'attestations'];
  const demands: AttestationDemand[] = [];
  for (const [i, { name, predicateType, policy }] of attestations.entries()) {
    if (demands.some((other) => other.name === name)) {
      const why = `${describePath([...path, i])} has the name of another attestation: ${JSON.stringify(name)}`;
      throw refusal(document, [...path, i, 'name'], 'IMAGE_POLICY_INVALID', why);
    }
    const place = document.locate([...path, i, 'predicateType']);
    const title = `${policyName}, attestation ${name}`;
    const type = predicateTypeOf(predicateType);
    const demand = { name, predicateType: type, ...(type !== predicateType && { writtenType: predicateType }), place };
    if (policy === undefined) demands.push(demand);
    else {
      const content = await readAttestationRule(document, [...path, i, 'policy'], policy, title, context);
      demands.push({ ...demand, content });
    }
  }
  return demands;
}
