import { Flights } from './flights.ts';
import { Slots } from './slots.ts';

/** An address of a host, as the resolver gives it. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

interface LookupOptions {
  /** Whether the platform leads to this name. Any other is one that an application has chosen. */
  readonly known: boolean;
  /** Whoever's signal aborts waits no longer. */
  readonly signal: AbortSignal;
}

/** Resolves a name to all of its addresses. */
export type Lookup = (hostname: string, options: LookupOptions) => Promise<readonly ResolvedAddress[]>;

/**
 * Looks names up with a resolver that has a few threads for the whole process and cannot be called off, as getaddrinfo: a
 * name whose servers are silent has its thread for as long as the resolver tries, whoever still waits. So a name is asked
 * for once at a time, and of names that applications choose one after another: they cannot take the threads of all else.
 */
export function createLookup(ask: (hostname: string) => Promise<readonly ResolvedAddress[]>): Lookup {
  const flights = new Flights();
  const turns = new Slots(1);
  const underWay = new Map<string, Promise<readonly ResolvedAddress[]>>();

  const start = (hostname: string): Promise<readonly ResolvedAddress[]> => {
    const answer = ask(hostname).finally(() => underWay.delete(hostname));
    underWay.set(hostname, answer);
    return answer;
  };

  const inTurn = async (hostname: string, signal: AbortSignal): Promise<readonly ResolvedAddress[]> => {
    const endTurn = await turns.take(signal, () => signal.reason);
    // The turn is the resolver's: it lasts until that has answered.
    const answer = underWay.get(hostname) ?? start(hostname);
    answer.then(endTurn, endTurn);
    return await answer;
  };

  return async (hostname, { known, signal }) => {
    const left = () => signal.reason as Error;
    return await flights.share(`${hostname} ${known}`, signal, left, async (shared) => {
      // Those who asked may have left it: it is joined all the same.
      const asked = underWay.get(hostname);
      if (asked !== undefined) return await asked;
      return await (known ? start(hostname) : inTurn(hostname, shared));
    });
  };
}
