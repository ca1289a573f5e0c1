import type { Digest, ImageReference } from '../../../core/image.ts';
import type { JsonObject, JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import type { Evidence } from '../policy/model.ts';
import { asRecord, Malformed, parseStrictJson, stringAt } from './json.ts';
import type { SignedObject } from './material.ts';
import { Refusal, shown } from './refusal.ts';
import type { SignedContent } from './signed-content.ts';
import { signedNameProblem } from './signed-name.ts';

/** What an object must say to count. */
export interface Wanted {
  readonly digest: Digest;
  readonly claim: Claim;
  /** The image as it is named where it is used; only policies that compare names need it. */
  readonly reference?: ImageReference | undefined;
}

export type Claim =
  /** An image signature, and never just any statement by the signer. */
  | { readonly kind: 'signature' }
  /** An attestation of exactly this type. */
  | { readonly kind: 'attestation'; readonly predicateType: string }
  /** A bundle about a file: a signature over it, or a statement of any type whose subject it is. Not for images. */
  | { readonly kind: 'artifact'; readonly artifact: SignedContent };

const signPredicate = 'https://sigstore.dev/cosign/sign/v1';
const inTotoPayload = 'application/vnd.in-toto+json';
const statementTypes = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'];
const statementFields = ['_type', 'subject', 'predicateType', 'predicate'];
const simpleSigningType = 'cosign container image signature';
const maxSubjects = 1024;

type Asked = Pick<Evidence, 'annotations' | 'signedName'>;

/** Whether the form of the object can carry such a claim at all, before anything is verified. Throws Refusal. */
export function demandForm(object: SignedObject, claim: Claim, format: Evidence['format']): void {
  if (format !== 'any' && object.family !== format)
    throw new Refusal('form', format === 'legacy' ? 'the policy asks for no bundles' : 'the policy asks for a bundle');
  if (claim.kind === 'artifact') return;
  if (object.format === 'message')
    throw new Refusal('form', 'it signs a blob (messageSignature), which is no statement about an image');
  if (claim.kind === 'attestation' && object.format !== 'dsse')
    throw new Refusal('form', 'it is a signature, and an attestation is asked for');
}

/**
 * Reads what was signed, once the signature is known to hold, and compares it with what is asked. Returns the in-toto
 * statement where there is one. Throws Refusal for another claim and Malformed for one that two readers could read
 * differently.
 */
export function demandClaim(object: SignedObject, wanted: Wanted, asked: Asked): JsonObject | undefined {
  const { claim, digest } = wanted;
  if (object.format === 'message') return undefined;
  if (object.format === 'simple-signing') {
    demandSimpleSigning(object.payload, wanted, asked);
    return undefined;
  }
  if (object.payloadType !== inTotoPayload)
    throw new Refusal('not-a-signature', `its payload is ${shown(object.payloadType)}, not ${inTotoPayload}`);
  const statement = readStatement(object.payload, claim.kind === 'signature');
  const predicateType = stringAt(statement, 'predicateType', 'the statement');
  if (claim.kind === 'signature' && predicateType !== signPredicate)
    throw new Refusal(
      'not-a-signature',
      `it was signed as ${shown(predicateType)}, which is an attestation, not ${signPredicate}`,
    );
  if (claim.kind === 'attestation' && predicateType !== claim.predicateType)
    throw new Refusal('other-type', `it attests ${shown(predicateType)}, not ${shown(claim.predicateType)}`);
  const subject = subjectOf(statement['subject'], digest);
  const signed = subject['annotations'] ?? {};
  if (!isObject(signed)) throw new Malformed('the annotations of its subject are not an object');
  demandAnnotations(signed, asked.annotations);
  if (asked.signedName !== undefined)
    throw new Refusal('other-name', 'the policy asks for a signed name, and this form signs none');
  return statement;
}

/** cosign's own reader looks at the digest alone; a signed blob that merely looks alike must not count. */
function demandSimpleSigning(payload: Uint8Array, { digest, reference }: Wanted, asked: Asked): void {
  const document = asRecord(parseStrictJson(payload), 'the payload', ['critical', 'optional']);
  const critical = asRecord(document['critical'], 'critical', ['identity', 'image', 'type']);
  const type = stringAt(critical, 'type', 'critical');
  if (type !== simpleSigningType)
    throw new Refusal('not-a-signature', `it was signed as ${shown(type)}, not as ${shown(simpleSigningType)}`);
  const image = asRecord(critical['image'], 'critical.image', ['docker-manifest-digest']);
  const claimed = stringAt(image, 'docker-manifest-digest', 'critical.image');
  if (claimed !== digest) throw new Refusal('other-digest', `it was signed for ${shown(claimed)}`);
  const optional = document['optional'] ?? {};
  if (!isObject(optional)) throw new Malformed('optional is not an object');
  demandAnnotations(optional, asked.annotations);
  if (asked.signedName === undefined) return;
  const identity = asRecord(critical['identity'], 'critical.identity', ['docker-reference']);
  const problem = signedNameProblem(
    asked.signedName,
    stringAt(identity, 'docker-reference', 'critical.identity'),
    reference,
    digest,
  );
  if (problem !== undefined) throw new Refusal('other-name', problem);
}

/**
 * An in-toto statement. Further fields are allowed in attestations, as in-toto has it, but none that a reader who does
 * not mind case (Go's) could take for one of those that are compared here.
 */
function readStatement(payload: Uint8Array, exact: boolean): JsonObject {
  const document = parseStrictJson(payload);
  const statement = exact ? asRecord(document, 'the statement', statementFields) : document;
  if (!isObject(statement)) throw new Malformed('its statement is not an object');
  for (const key of Object.keys(statement)) {
    const alike = statementFields.find((field) => field.toLowerCase() === key.toLowerCase());
    if (alike !== undefined && alike !== key) throw new Malformed(`its statement has a field ${shown(key)}`);
  }
  const type = stringAt(statement, '_type', 'the statement');
  if (!statementTypes.includes(type)) throw new Malformed(`its statement is of type ${shown(type)}`);
  return statement;
}

/** The first subject with the digest; its other digests are not compared, and a subject without sha256 is no match. */
function subjectOf(subjects: JsonValue | undefined, digest: Digest): JsonObject {
  if (!Array.isArray(subjects) || subjects.length === 0) throw new Malformed('its statement has no subject');
  if (subjects.length > maxSubjects)
    throw new Malformed(`its statement has ${subjects.length} subjects, more than ${maxSubjects}`);
  const digests = (subjects as readonly JsonValue[]).map((each) => {
    const named = isObject(each) ? each['digest'] : undefined;
    if (!isObject(each) || !isObject(named)) throw new Malformed('a subject of its statement has no digest');
    const sha256 = named['sha256'];
    return { subject: each, digest: typeof sha256 === 'string' ? `sha256:${sha256}` : undefined };
  });
  const found = digests.find((each) => each.digest === digest);
  if (found === undefined)
    throw new Refusal('other-digest', `it was signed for ${shown(digests[0]?.digest ?? 'no sha256 digest')}`);
  return found.subject;
}

/** Only what was signed counts; the annotations of a manifest are anybody's. */
function demandAnnotations(signed: JsonObject, asked: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(asked)) {
    const found = Object.hasOwn(signed, key) ? signed[key] : undefined;
    if (found === value) continue;
    const but = typeof found === 'string' ? `is signed as ${shown(found)}` : 'is not signed';
    throw new Refusal('annotations', `the annotation ${shown(key)} ${but}, and the policy asks for ${shown(value)}`);
  }
}
