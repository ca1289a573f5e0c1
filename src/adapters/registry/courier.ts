import { GateError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports.ts';
import type { Host } from './hosts.ts';
import type { RegistryLimits } from './limits.ts';
import { Recent } from './recent.ts';
import { Slots } from './slots.ts';
import { aborted, type HttpAnswer, type HttpRequest, type Transport } from './transport.ts';

type CourierRequest = Omit<HttpRequest, 'timeoutMs'>;

/** Carries requests to hosts: a few at a time each, tried again while there is time, given up at once on a host that is down. */
export interface Courier {
  /**
   * The answer, whatever its status, once it is not one that a second try may mend. Throws the GateError of the
   * transport if there was none.
   */
  send(request: CourierRequest): Promise<HttpAnswer>;
}

export interface CourierPorts {
  readonly clock: Clock;
  /** Milliseconds, from whenever, by a clock that nobody sets: what holds for so long is counted by it. */
  readonly elapsed: () => number;
  /** Rejects when the signal aborts. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1, for the jitter of waits. */
  readonly random: () => number;
  readonly transport: Transport;
  readonly limits: RegistryLimits;
}

const triedAgain: readonly number[] = [429, 500, 502, 503, 504];
const firstWaitMs = 100;
/** How long a host that did not answer is taken to be down: the requests that wait for it need not each find out. */
const downMs = 5_000;

export function createCourier(ports: CourierPorts): Courier {
  const { elapsed, limits } = ports;
  const slots = new Map<string, Slots>();
  const down = new Recent<{ readonly error: GateError; readonly until: number }>(limits.remembered);

  const attempt = async (request: CourierRequest, until: () => number): Promise<Result> => {
    let own = slots.get(request.host.name);
    if (own === undefined) {
      own = new Slots(limits.perHost);
      slots.set(request.host.name, own);
    }
    const release = await own.take(request.signal, () => aborted(request.signal, request.host));
    try {
      const known = down.get(request.host.name);
      if (known !== undefined && elapsed() < known.until) return { error: known.error, final: true };
      const timeoutMs = Math.max(1, Math.min(limits.attemptMs, until() - elapsed()));
      return { answer: await ports.transport.send({ ...request, timeoutMs }) };
    } catch (error) {
      if (error instanceof GateError) return { error, final: request.signal.aborted || !mayPass(error) };
      throw error;
    } finally {
      release();
      if (own.idle) slots.delete(request.host.name);
    }
  };

  const giveUp = (host: Host, error: GateError) => {
    down.set(host.name, { error, until: elapsed() + downMs });
  };

  return {
    async send(request) {
      // Counted from the first turn: waiting behind others is not the registry being slow.
      let end: number | undefined;
      const until = () => {
        end ??= elapsed() + limits.requestMs;
        return end;
      };
      for (let tries = 1; ; tries++) {
        const result = await attempt(request, until);
        const last = tries === limits.attempts;
        const wait = waitBefore(tries, result, ports);
        if ('error' in result) {
          const { error } = result;
          if (result.final) throw error;
          if (last || elapsed() + wait >= until()) {
            giveUp(request.host, error);
            throw error;
          }
        } else if (!triedAgain.includes(result.answer.status)) {
          down.delete(request.host.name);
          return result.answer;
        } else if (last || elapsed() + wait >= until()) {
          if (result.answer.status === 429) giveUp(request.host, rateLimited(request.host));
          return result.answer;
        }
        await ports.sleep(wait, request.signal).catch(() => {
          throw aborted(request.signal, request.host);
        });
      }
    },
  };
}

export function rateLimited(host: Host): GateError {
  return new GateError('REGISTRY_RATE_LIMITED', `${host.name} answers that there were too many requests (429)`);
}

/** What one try came to. A final error is not worth another. */
type Result = { readonly answer: HttpAnswer } | { readonly error: GateError; readonly final: boolean };

/** Whether the same request may well succeed in a moment. */
function mayPass(error: GateError): boolean {
  if (error.code === 'REGISTRY_TIMEOUT') return true;
  // A name that does not resolve will not in a second either; a resolver that is overloaded may.
  return (
    error.code === 'REGISTRY_UNREACHABLE' && (error.cause as NodeJS.ErrnoException | undefined)?.code !== 'ENOTFOUND'
  );
}

/** Milliseconds: what the registry asks for, else 0.1 s, 0.3 s, 0.9 s, each up to doubled so that clients spread. */
function waitBefore(tries: number, result: Result, ports: CourierPorts): number {
  const backoff = firstWaitMs * 3 ** (tries - 1) * (1 + ports.random());
  const asked = 'answer' in result ? result.answer.headers['retry-after'] : undefined;
  if (asked === undefined) return backoff;
  const seconds = /^\d{1,9}$/.test(asked) ? Number(asked) : (Date.parse(asked) - ports.clock.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(backoff, seconds * 1000) : backoff;
}
