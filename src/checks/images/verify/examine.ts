import { createHash } from 'node:crypto';
import type { Digest, ImageReference } from '../../../core/image.ts';
import type { JsonObject } from '../../../core/json.ts';
import type { KeyAuthority, KeylessAuthority } from '../policy/model.ts';
import type { Claim } from './claim.ts';
import type { Found } from './collect.ts';
import { Malformed } from './json.ts';
import { fromAttestationLayer, fromBundle, fromSignatureLayer, type SignedObject } from './signed-object.ts';
import { prepare, type Signer, type Step, type TrustedTime, verifyObject, type Why } from './verify-object.ts';

/** An authority that signs by Sigstore's formats. */
export type SigningAuthority = KeyAuthority | KeylessAuthority;

/** All that is asked about one digest by one policy. Plain data, so that it can be handed to a worker thread. */
export interface Examination {
  readonly digest: Digest;
  readonly reference: ImageReference;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** What was found, place by place. */
  readonly pools: readonly (readonly Found[])[];
  readonly questions: readonly Question[];
  /** After so many questions that are answered by proofs for each claim, the others need not be asked. */
  readonly enough: number;
}

export interface Question {
  readonly authority: SigningAuthority;
  /** Which of the pools the authority looks at. */
  readonly pools: readonly number[];
  readonly claims: readonly Exclude<Claim, { kind: 'artifact' }>[];
  /** Whether every proof is wanted, with its statement; else the first one will do. */
  readonly every: boolean;
}

/** What became of a question; undefined where enough others were answered. */
export type Examined = readonly (Answer | undefined)[];

/** One part for each claim of the question, in their order. */
type Answer = readonly ClaimAnswer[];

interface ClaimAnswer {
  readonly proofs: readonly Proof[];
  readonly refused: readonly Refused[];
}

/** That one object is what was asked for. Made where it was verified, and worth nothing anywhere else. */
export interface Proof {
  readonly source: string;
  readonly form: Found['form'];
  readonly signer: Signer;
  readonly times: readonly TrustedTime[];
  /** Hex; names the signature in the input of policies. */
  readonly id: string;
  /** What was attested, whole. Only of attestations, and where every proof was asked for, as is the next. */
  readonly statement: JsonObject | undefined;
  /** That of the envelope; names the attestation in the input of policies. */
  readonly digest: string | undefined;
}

/** Why an object is not. */
export interface Refused {
  readonly why: Why;
  /** Where in the order of checks of `verifyObject`. */
  readonly step: Step;
  readonly source: string;
  /** A clause for people. */
  readonly detail: string;
}

/**
 * Judges what was found by each authority. Synchronous work on hostile bytes, all of it bounded; it runs where it can
 * be stopped. Objects that promise to fit come first, which spares work, and all are judged before one is missed.
 */
export async function examine(examination: Examination): Promise<Examined> {
  const { pools, questions, enough } = examination;
  await prepare(questions.map(({ authority }) => authority));
  const read = pools.map((pool) => pool.map(readFound));
  let answered = 0;
  return questions.map((question) => {
    if (answered >= enough) return undefined;
    const objects = question.pools.flatMap((index) => read[index] ?? []);
    const answer = question.claims.map((claim) => answerClaim(question, claim, objects, examination));
    if (answer.every(({ proofs }) => proofs.length > 0)) answered += 1;
    return answer;
  });
}

type Read =
  | { readonly found: Found; readonly object: SignedObject }
  | { readonly found: Found; readonly object: undefined; readonly refused: Refused };

function readFound(found: Found): Read {
  try {
    return { found, object: parse(found) };
  } catch (error) {
    // Whatever it is that one object does to its reader, the next one is read all the same.
    const why = error instanceof Malformed ? 'malformed' : 'unverifiable';
    const detail = error instanceof Malformed ? error.message : 'reading it failed';
    return { found, object: undefined, refused: { why, step: 1, source: found.source, detail } };
  }
}

function parse({ form, annotations, bytes, source }: Found): SignedObject {
  switch (form) {
    case 'signature-layer':
      return fromSignatureLayer(annotations, bytes, source);
    case 'attestation-layer':
      return fromAttestationLayer(annotations, bytes, source);
    case 'bundle':
      return fromBundle(bytes, source);
    case 'notation':
      throw new Malformed('it is a signature of the Notary Project');
    default:
      return form satisfies never;
  }
}

function answerClaim(
  { authority, every }: Question,
  claim: Question['claims'][number],
  objects: readonly Read[],
  { digest, reference, now }: Examination,
): ClaimAnswer {
  const proofs: Proof[] = [];
  const refused: Refused[] = [];
  const inOrder = [...objects].sort((a, b) => promise(b, authority, claim) - promise(a, authority, claim));
  for (const read of inOrder) {
    const { source, form } = read.found;
    if (read.object === undefined) {
      refused.push(read.refused);
      continue;
    }
    const result = verifyObject(read.object, authority, { digest, claim, reference }, now);
    if (result.kind === 'rejected') {
      const stranger = result.why === 'other-key' ? claimedKey(read.object) : undefined;
      refused.push({ why: result.why, step: result.step, source, detail: stranger ?? result.detail });
      continue;
    }
    const { signer, times, statement } = result;
    const shown = every ? { statement, digest: digestOf(read.object) } : { statement: undefined, digest: undefined };
    proofs.push({ source, form, signer, times, id: idOf(read.object), ...shown });
    if (!every) break;
  }
  return { proofs, refused };
}

/** Which key an object says that it is by, as findings show keys; undefined where it does not say. Unsigned. */
function claimedKey({ material }: SignedObject): string | undefined {
  if (material.kind !== 'key' || !/^[A-Za-z0-9+/]{43}=$/.test(material.hint)) return undefined;
  const shown = Buffer.from(material.hint, 'base64').toString('hex').slice(0, 16);
  return `it says that it is by key SHA256:${shown}, which the policy does not name`;
}

/** Hints are unsigned: they say what to look at first, and never what counts. */
function promise({ found, object }: Read, authority: SigningAuthority, claim: Question['claims'][number]): number {
  if (object === undefined) return 0;
  const { material } = object;
  const byWhom =
    authority.kind === 'key'
      ? material.kind === 'key' && (material.hint === authority.key.fingerprint ? 2 : material.hint === '' ? 1 : 0)
      : material.kind === 'certificate';
  const ofType = claim.kind === 'attestation' && found.hint === claim.predicateType;
  return Number(byWhom) + Number(ofType);
}

/** As policy-controller names a signature in the input of a policy: the sha256 of it and of its certificate in PEM. */
function idOf({ signature, material }: SignedObject): string {
  const hash = createHash('sha256').update(signature);
  if (material.kind === 'certificate') {
    const base64 = Buffer.from(material.leaf).toString('base64').replaceAll(/.{64}/g, '$&\n').trimEnd();
    hash.update(`-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`);
  }
  return hash.digest('hex');
}

/**
 * As policy-controller names an attestation: the sha256 of its envelope, as it was stored where that stood alone, and of
 * one in a bundle as Go writes it.
 */
function digestOf(object: SignedObject): string | undefined {
  if (object.format !== 'dsse') return undefined;
  const { payload, payloadType, signature, keyid, envelope } = object;
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  const inBundle = () => {
    const signed = { sig: base64(signature), ...(keyid === '' ? {} : { keyid }) };
    return goText(JSON.stringify({ payload: base64(payload), payloadType, signatures: [signed] }));
  };
  return `sha256:${createHash('sha256')
    .update(envelope ?? inBundle())
    .digest('hex')}`;
}

/** Go writes JSON so that it can stand in a page. */
function goText(json: string): string {
  return json.replaceAll(/[<>&\u2028\u2029]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
