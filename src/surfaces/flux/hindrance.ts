import { asGateError, effectOf, type GateError } from '../../core/errors.ts';
import { KubeError, ofCluster } from '../../core/kube.ts';
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
    this.verdict = about === 'source' ? undefined : effectOf(error.code) === 'deny' ? 'denied' : 'unevaluated';
  }

  /** What is wrong and what to do, in one line. */
  get text(): string {
    return `${this.error.code}: ${withMend(this.error)}`;
  }
}

/** Whatever was thrown, as what holds a GatedSource up. */
export function asHindrance(thrown: unknown): Hindrance {
  if (thrown instanceof Hindrance) return thrown;
  const error = thrown instanceof KubeError ? ofCluster(thrown) : asGateError(thrown);
  const reason = error.code.startsWith('STORE_') ? 'StorageOperationFailed' : 'ReconciliationFailed';
  return new Hindrance(reason, error, 'retry', 'source');
}

/** In the words of whoever failed. */
export function causeOf(error: unknown): string {
  if (error instanceof KubeError) return `the API server: ${error.reason} ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
