import type { FetchedRoots } from '../checks/images/policy/context.ts';
import type { AskSocket, Clock } from '../core/ports.ts';
import type { Metrics } from '../core/telemetry.ts';

/** How long what is open may take to close. */
export const closeGraceMs = 2000;

/** The process as the gate needs to know it. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly temporaryFolder: string;
  /** The file that this program was started from: its threads run it too. */
  readonly program: string;
  /** What was fetched of roots of trust; where it is left out nothing is kept. */
  readonly fetchedRoots?: FetchedRoots;
  /** Where it is left out nobody measures. */
  readonly metrics?: Metrics;
}

/** Whether what is opened serves once, or stays and remembers. */
export type Lifetime = 'one verdict' | 'many verdicts';

/** The time of this machine. */
export const systemClock: Clock = { now: () => Date.now() };

/** node:http costs 20 ms to load, and only a gate that lives long asks a socket. */
export const askSocketLazily: AskSocket = async (question) =>
  (await import('../adapters/socket.ts')).askSocket(question);
