import type { Finding } from '../../../core/decision.ts';
import type { GateError } from '../../../core/errors.ts';
import type { PredicateObjection } from '../content/judgement.ts';
import type { NotationAnswer } from '../notation/answer.ts';
import type { Authority, ContentRule, ImagePolicy } from '../policy/model.ts';
import type { Proof, Question, Refused } from './examine.ts';

/** What a policy has against a digest, as far as a finding tells it; the place and object are the caller's. */
export type Objection = Pick<Finding, 'effect' | 'code' | 'rule' | 'message' | 'mend'>;

/** How one policy came to its answer, for people; nothing here lets an image run. */
export interface PolicyAccount {
  readonly policy: ImagePolicy;
  readonly outcome: 'vouched' | 'refused';
  readonly authorities: readonly AuthorityAccount[];
  /** `spec.policy`, where the authorities were enough for it to be asked. */
  readonly content: ContentAccount | undefined;
  readonly objection: Objection | undefined;
  /** Refused, and let run all the same: as in mode `warn`. */
  readonly tolerated?: boolean | undefined;
}

export interface AuthorityAccount {
  readonly authority: Authority;
  /** `not asked`: others were enough before it. */
  readonly outcome: 'passed' | 'failed' | 'not asked';
  readonly claims: readonly ClaimAccount[];
  /** What stood in the way of reading all there is, each a clause. */
  readonly obstacles: readonly string[];
  /** Of these, what the registry failed to answer: with it the absence of a signature proves nothing. */
  readonly failures: readonly GateError[];
  /** Of these, what is over a bound. */
  readonly tooMany: readonly string[];
  /** What a static authority, or one of the Notary Project, says. */
  readonly note: string | undefined;
  /** Of an authority of the Notary Project. */
  readonly notation?: NotationAnswer | undefined;
  /** What the Gate's own settings have against what its attestations say. */
  readonly predicates?: readonly PredicateObjection[];
}

export interface ClaimAccount {
  readonly claim: Question['claims'][number];
  /** The name of the attestation in the policy. */
  readonly name: string | undefined;
  /** What its content is judged by. */
  readonly content: ContentRule | undefined;
  readonly proofs: readonly Proof[];
  readonly refused: readonly Refused[];
  /** What the policy over the content of each proof said, in their order; empty where there is none. */
  readonly contents: readonly ContentAccount[];
}

export type ContentAccount =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'errored'; readonly error: GateError };
