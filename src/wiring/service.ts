import type { Kube } from '../core/kube.ts';
import type { Log, Metrics } from '../core/telemetry.ts';
import type { Gates } from '../gates.ts';
import type { ServeOptions } from '../surfaces/cli/serve-arguments.ts';
import type { World } from './world.ts';

/** What every long-lived surface is given. */
export interface ServiceParts {
  readonly options: ServeOptions;
  readonly kube: Kube;
  readonly gates: Gates;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly world: World;
}

/** A long-lived surface that is open: its servers listen. */
export interface Service {
  readonly name: 'flux' | 'admission';
  /** Works until the signal, ends what is in flight in an orderly way, and settles. Rejects with what it cannot go on after. */
  run(signal: AbortSignal): Promise<void>;
  /** Why it cannot do its work now; undefined where it can. What the readiness probe answers. */
  unready(): string | undefined;
}
