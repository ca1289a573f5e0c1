import type { Digest, ImageReference } from '../../../core/image.ts';
import type { JsonValue } from '../../../core/json.ts';
import type { Clock, ContentJudge } from '../../../core/ports.ts';
import type { NotationAnswer } from '../notation/answer.ts';
import type { ImagePolicy, NotationAuthority } from '../policy/model.ts';
import type { Collected, Family } from './collect.ts';
import type { ShownObject } from './content-input.ts';
import type { SigningAuthority } from './examine.ts';
import type { Examiner } from './examiner.ts';
import type { VouchingStore } from './memory.ts';

/** What a digest is judged about, and by whom. */
export interface Case {
  readonly digest: Digest;
  readonly reference: ImageReference;
  readonly policies: readonly AppliedPolicy[];
}

/** A policy that applies. */
export interface AppliedPolicy {
  readonly policy: ImagePolicy;
  /** The objects that its `spec.policy` is asked about; at least one. */
  readonly objects: readonly ShownObject[];
}

/** What judging works with. */
export interface VerifierPorts {
  /** What is found of a family where an authority looks. Rejects only when the signal aborts. */
  readonly collect: (authority: SigningAuthority | NotationAuthority, family: Family) => Promise<Collected>;
  readonly examiner: Examiner;
  readonly notation: NotationVerifier | undefined;
  readonly content: ContentJudge | undefined;
  /** The configs of the image's platforms. */
  readonly configs: () => Promise<JsonValue>;
  /** Remembers what vouched, and asks once where many ask at the same time. */
  readonly vouched: VouchingStore;
  /** Whether the accounts are to tell of everything that there is, and not of what sufficed. */
  readonly everything: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Judges by an authority of the Notary Project what was collected for it. */
type NotationVerifier = (
  authority: NotationAuthority,
  collected: Collected,
  about: Pick<Case, 'digest' | 'reference'>,
) => Promise<NotationAnswer>;
