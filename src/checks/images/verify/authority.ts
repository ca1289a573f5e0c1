import type { Digest } from '../../../core/image.ts';
import type { JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import type { KeyAuthority } from '../policy/model.ts';
import { asRecord, Malformed, parseStrictJson, stringAt } from './json.ts';
import { isSignedBy, loadEd25519ph } from './signature.ts';
import { preAuthenticationEncoding, type SignedObject } from './signed-object.ts';

/** Why an object does not satisfy an authority; the first of this list that occurs is what a finding tells. */
export const REJECTIONS = [
  'other-digest',
  'not-a-signature',
  'altered',
  'malformed',
  'certificate',
  'other-key',
] as const;
export interface Rejection {
  readonly why: (typeof REJECTIONS)[number];
  readonly source: string;
  /** A clause for people. */
  readonly detail: string;
}

const signPredicate = 'https://sigstore.dev/cosign/sign/v1';
const inTotoPayload = 'application/vnd.in-toto+json';
const statementTypes = ['https://in-toto.io/Statement/v1', 'https://in-toto.io/Statement/v0.1'];
const simpleSigningType = 'cosign container image signature';
const maxSubjects = 1024;

/**
 * Undefined if the object is a signature of exactly this digest by the authority's key; otherwise why not. In order:
 * the kind of material, the signature over the stored bytes, and only then what those bytes say. Keyless authorities
 * take the same steps with a certificate, and the log and time between the first and the second.
 */
export async function rejectionOf(
  authority: KeyAuthority,
  object: SignedObject,
  digest: Digest,
): Promise<Rejection | undefined> {
  const reject = (why: Rejection['why'], detail: string): Rejection => ({ why, source: object.source, detail });
  if (object.material.kind !== 'key')
    return reject('certificate', 'it is signed with a certificate, and the policy names a key');
  if (object.format === 'message') return reject('malformed', 'it signs a blob, which is no statement about an image');
  await loadEd25519ph();
  const signed =
    object.format === 'dsse' ? preAuthenticationEncoding(object.payloadType, object.payload) : object.payload;
  if (!isSignedBy(authority.key, signed, object.signature)) {
    // The hint is unsigned: it may name a suspect, never clear one.
    return object.material.hint === authority.key.fingerprint
      ? reject('altered', 'it names the key of the policy and does not verify with it')
      : reject('other-key', 'it does not verify with the key of the policy');
  }
  try {
    const problem =
      object.format === 'dsse' ? statementProblem(object, digest) : simpleSigningProblem(object.payload, digest);
    return problem === undefined ? undefined : reject(problem.why, problem.detail);
  } catch (error) {
    if (error instanceof Malformed) return reject('malformed', `the key signed it, but ${error.message}`);
    throw error;
  }
}

type Problem = Pick<Rejection, 'why' | 'detail'>;

/** cosign's own reader looks at the digest alone; a signed blob that merely looks alike must not count. */
function simpleSigningProblem(payload: Uint8Array, digest: Digest): Problem | undefined {
  const document = asRecord(parseStrictJson(payload), 'the payload', ['critical', 'optional']);
  const critical = asRecord(document['critical'], 'critical', ['identity', 'image', 'type']);
  const type = stringAt(critical, 'type', 'critical');
  if (type !== simpleSigningType) {
    return {
      why: 'not-a-signature',
      detail: `the key signed it as ${shown(type)}, not as ${shown(simpleSigningType)}`,
    };
  }
  const image = asRecord(critical['image'], 'critical.image', ['docker-manifest-digest']);
  const claimed = stringAt(image, 'docker-manifest-digest', 'critical.image');
  return claimed === digest ? undefined : { why: 'other-digest', detail: `the key signed ${shown(claimed)}` };
}

/** A bundle is an image signature by its predicate type alone: the same key signs attestations in the same envelope. */
function statementProblem(object: Extract<SignedObject, { format: 'dsse' }>, digest: Digest): Problem | undefined {
  if (object.payloadType !== inTotoPayload) {
    return { why: 'not-a-signature', detail: `its payload is ${shown(object.payloadType)}, not ${inTotoPayload}` };
  }
  const statement = asRecord(parseStrictJson(object.payload), 'the statement', [
    '_type',
    'subject',
    'predicateType',
    'predicate',
  ]);
  const type = stringAt(statement, '_type', 'the statement');
  if (!statementTypes.includes(type)) throw new Malformed(`its statement is of type ${shown(type)}`);
  const predicateType = stringAt(statement, 'predicateType', 'the statement');
  if (predicateType !== signPredicate) {
    return { why: 'not-a-signature', detail: `the key signed it as ${shown(predicateType)}, which is an attestation` };
  }
  const subjects = subjectDigests(statement['subject']);
  if (subjects.includes(digest)) return undefined;
  return { why: 'other-digest', detail: `the key signed ${shown(subjects[0] ?? 'no sha256 digest')}` };
}

function subjectDigests(subject: JsonValue | undefined): string[] {
  if (!Array.isArray(subject) || subject.length === 0) throw new Malformed('its statement has no subject');
  if (subject.length > maxSubjects)
    throw new Malformed(`its statement has ${subject.length} subjects, more than ${maxSubjects}`);
  return (subject as readonly JsonValue[]).map((each) => {
    const digest = isObject(each) ? each['digest'] : undefined;
    if (!isObject(digest)) throw new Malformed('a subject of its statement has no digest');
    const sha256 = digest['sha256'];
    return typeof sha256 === 'string' ? `sha256:${sha256}` : '';
  });
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
