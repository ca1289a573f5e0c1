import { CODES, type GateError } from '../../core/errors.ts';
import { withMend } from '../../report/text.ts';

/** What happens next to a GatedSource that came to nothing. */
export type Next =
  /** Only a change of its spec mends it: kstatus calls it failed, and nothing is tried again. */
  | 'stalled'
  /** Something else has to change, and the gate is told when it does; it is looked at again at the interval. */
  | 'wait'
  /** It may pass by itself: tried again soon, and ever later. */
  | 'retry';

/** Why a GatedSource could not come to its end, with what its conditions say of that. */
export class Hindrance extends Error {
  /** A word for `reason` of a condition. */
  readonly reason: string;
  readonly error: GateError;
  readonly next: Next;
  /** Whether this is an answer about the source's revision; undefined where there was none to judge. */
  readonly verdict: 'denied' | 'unevaluated' | undefined;

  constructor(reason: string, error: GateError, next: Next, about: 'source' | 'revision' = 'revision') {
    super(error.message, { cause: error });
    this.name = 'Hindrance';
    this.reason = reason;
    this.error = error;
    this.next = next;
    this.verdict = about === 'source' ? undefined : CODES[error.code].answer === 'denied' ? 'denied' : 'unevaluated';
  }

  /** What is wrong and what to do, in one line. */
  get text(): string {
    return `${this.error.code}: ${withMend(this.error)}`;
  }
}
