import { GateError } from '../../core/errors.ts';
import { isObject, type JsonObject } from '../../core/json.ts';
import type { Exec } from '../../core/ports.ts';
import type { Credentials } from './docker-config.ts';
import { Flights } from './flights.ts';
import { Recent } from './recent.ts';

export interface HelperPorts {
  /** Milliseconds, from whenever, by a clock that nobody sets: what holds for so long is counted by it. */
  readonly elapsed: () => number;
  /** Runs credential helpers; without it, whatever names one is refused. */
  readonly exec: Exec | undefined;
  /** The whole environment of a credential helper. */
  readonly helperEnvironment: Readonly<Record<string, string>>;
}

/** Asks the program of a helper about a server; `called` is what messages call it. */
export type AskHelper = (
  program: string,
  called: string,
  server: string,
  signal: AbortSignal,
) => Promise<Credentials | undefined>;

const helperTimeoutMs = 10_000;
/** How long an answer is used. What helpers of clouds hand out lives for an hour or more. */
const answerMs = 5 * 60 * 1000;
const maxAnswers = 256;

/**
 * Asks each helper once for a server, however many want to know, and again after five minutes. Throws
 * REGISTRY_HELPER_FAILED where it does not answer; a failure is not remembered.
 */
export function createHelpers(ports: HelperPorts): AskHelper {
  const flights = new Flights();
  const known = new Recent<{ readonly credentials: Credentials | undefined; readonly until: number }>(maxAnswers);
  return async (program, called, server, signal) => {
    const key = `${program} ${server}`;
    const answer = known.get(key);
    if (answer !== undefined && ports.elapsed() < answer.until) return answer.credentials;
    const left = () => failed(`${called} was not waited for: the run ended`);
    return await flights.share(key, signal, left, async (shared) => {
      const credentials = await ask(program, called, server, ports, shared);
      known.set(key, { credentials, until: ports.elapsed() + answerMs });
      return credentials;
    });
  };
}

/** The protocol of docker-credential-helpers: `get`, the server on stdin, JSON on stdout. */
async function ask(
  program: string,
  called: string,
  server: string,
  { exec, helperEnvironment }: HelperPorts,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  if (exec === undefined) throw failed(`${called} cannot be started here`);
  const result = await exec({
    program,
    args: ['get'],
    cwd: '/',
    env: helperEnvironment,
    stdin: server,
    maxOutputBytes: 64 * 1024,
    signal: AbortSignal.any([signal, AbortSignal.timeout(helperTimeoutMs)]),
  });
  // What a helper prints may hold secrets: none of it is repeated.
  if (result.kind === 'missing') throw failed(`${called} cannot be started`);
  if (result.kind === 'killed') throw failed(`${called} was stopped (${result.why})`);
  const printed = result.stdout.toString('utf8');
  if (result.code !== 0) {
    // The one message with a fixed meaning in the protocol.
    if (printed.trim() === 'credentials not found in native keychain') return undefined;
    throw failed(`${called} failed (exit code ${result.code})`);
  }
  const answer = parseObject(printed);
  const { Username: username, Secret: secret } = answer ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string' || secret === '') {
    throw failed(`${called} did not answer with Username and Secret`);
  }
  return username === '<token>'
    ? { kind: 'identity', token: secret }
    : { kind: 'password', username, password: secret };
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function failed(message: string): GateError {
  return new GateError('REGISTRY_HELPER_FAILED', message);
}
