/**
 * Why an object does not satisfy an authority. The first of this list that occurs among the objects of an image is
 * what a finding tells: what a trusted signer really signed says more than that a stranger signed too.
 */
export const REJECTIONS = [
  /** All that the policy asks for, and longer ago than the Gate lets it count. */
  'too-old',
  /** All that the policy asks for, and nothing says when, which the Gate asks. */
  'undated',
  /** Genuine, and for another image. */
  'other-digest',
  /** Genuine, and made for another name. */
  'other-name',
  /** Genuine, and without an annotation that the policy asks for. */
  'annotations',
  /** Genuine, and not an image signature. */
  'not-a-signature',
  /** Genuine, and an attestation of another type. */
  'other-type',
  /** By a genuine certificate of somebody else. */
  'identity',
  /** By a certificate that is not for this. */
  'usage',
  /** Outside of the time in which its key or certificate counted, or at no known time. */
  'time',
  /** Without the entry of a transparency log that the policy asks for, or with one about something else. */
  'log',
  /** Without the timestamp that the policy asks for. */
  'timestamp',
  /** It names the key of the policy, and the key did not sign it. */
  'altered',
  'malformed',
  /** By a certificate that no trusted authority issued, or with proofs that do not hold. */
  'untrusted',
  /** By a certificate, where the policy names a key. */
  'certificate',
  /** By a bare key, where the policy names identities. */
  'bare-key',
  'other-key',
  /** Of a form that this authority does not look at. */
  'form',
  /** Something that nobody foresaw went wrong in judging it. */
  'unverifiable',
] as const;

export type Why = (typeof REJECTIONS)[number];

/** Thrown within the verifier, and becomes a rejection. `detail` is a clause for people, of escaped text. */
export class Refusal extends Error {
  readonly why: Why;

  constructor(why: Why, detail: string) {
    super(detail);
    this.why = why;
  }
}

/** Outside text in a message: quoted, escaped and bounded. */
export function shown(text: string, most = 100): string {
  return JSON.stringify(text.slice(0, most)).replaceAll(/[\u007f-\u009f\u2028\u2029]/g, '?');
}
