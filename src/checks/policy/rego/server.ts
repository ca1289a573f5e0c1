import { join } from 'node:path';
import { whenAborted } from '../../../core/abort.ts';
import { GateError } from '../../../core/errors.ts';
import type { AskSocket, Serve, Served } from '../../../core/ports.ts';
import { oneLine } from '../message.ts';
import { asFailure } from './evaluation.ts';
import { QUESTION } from './harness.ts';
import type { Engine } from './judge.ts';
import { endedEarly, type OpaContext, opaRequest, readComplaints, versionFlags } from './opa.ts';

/** What a process that lives long gives, so that engines can be kept between verdicts. */
export interface LongLived {
  readonly serve: Serve;
  readonly askSocket: AskSocket;
}

/** opa evaluates one question on one core. */
const LANES = 4;
/** How soon a starting server is asked again whether it is there. */
const POLL_MS = 5;
/** The kernel's bound for the path of a unix socket, with its closing NUL. */
const MAX_SOCKET_PATH = 107;

/**
 * A child server on a unix socket in the private folder, which only this user can enter. It must be given policies that
 * were compiled with what they may call: the server itself does not restrict them. A server that has died is started
 * anew, and what it was being asked is asked once more: most of that was not what it died of.
 */
export async function startServer(
  context: OpaContext,
  { serve, askSocket }: LongLived,
  signal: AbortSignal,
  question = QUESTION,
): Promise<Engine> {
  const { layout, settings } = context;
  const socket = join(layout.root, 's');
  if (Buffer.byteLength(socket) > MAX_SOCKET_PATH) {
    throw new GateError('OPA_FAILED', 'the path of the temporary folder is too long for a unix socket', {
      mend: 'Set TMPDIR to a shorter path.',
    });
  }
  const args = [
    ...['run', '--server', '--addr', `unix://${socket}`, '--unix-socket-perm', '600', '--log-level', 'error'],
    ...['--skip-version-check', '--disable-telemetry', '--shutdown-grace-period', '0', ...versionFlags(settings)],
  ];
  const maxBytes = settings.limits.outputMiB * 1024 * 1024;
  let running: Promise<Served> | undefined;
  let stopped = false;
  const lifetime = new AbortController();

  /** Under a deadline of its own: it is started for all who ask, and not only for the first of them. */
  const start = async (): Promise<Served> => {
    const stop = AbortSignal.any([lifetime.signal, AbortSignal.timeout(settings.limits.timeoutSeconds * 1000)]);
    const request = opaRequest(context, [...args, '.', ...layout.data, layout.harness], lifetime.signal);
    const served = serve(request);
    if ('kind' in served) throw endedEarly(served, settings);
    let ended = false;
    void served.ended.then(() => {
      ended = true;
    });
    for (;;) {
      if (ended) throw endedEarly(await served.ended, settings);
      if (stop.aborted) {
        await served.stop();
        throw endedEarly({ kind: 'killed', why: 'deadline', stderr: served.stderr() }, settings);
      }
      const answer = await askSocket({ socket, method: 'GET', path: '/health', maxBytes, signal: stop });
      if (answer.kind === 'answered' && answer.status === 200) return served;
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  };
  const server = (): Promise<Served> => {
    if (stopped) throw new GateError('OPA_FAILED', 'the policies were disposed of');
    if (running !== undefined) return running;
    const starting = start();
    running = starting;
    const forget = () => {
      if (running === starting) running = undefined;
    };
    starting.then(({ ended }) => ended.then(forget), forget);
    return starting;
  };
  const late = () => endedEarly({ kind: 'killed', why: 'deadline', stderr: '' }, settings);

  const path = `/v1/${question.replaceAll('.', '/')}?strict-builtin-errors=true`;
  /** What the server answered, or how it ended over it. */
  const put = async (input: string, stop: AbortSignal) => {
    const served = await unlessAborted(server(), stop, late);
    const body = `{"input":${input}}`;
    const answer = await askSocket({ socket, method: 'POST', path, body, maxBytes, signal: stop });
    if (answer.kind === 'answered') return answer;
    if (answer.why !== 'connection') throw endedEarly({ kind: 'killed', why: answer.why, stderr: '' }, settings);
    await served.stop();
    return await served.ended;
  };
  const engine: Engine = {
    lanes: LANES,
    async ask(input, stop) {
      let answer = await put(input, stop);
      // All that is being asked goes down with a server, whosever question was too much for it. If the next one dies over
      // this question too, it is taken to be this one.
      if (answer.kind !== 'answered') answer = await put(input, stop);
      if (answer.kind !== 'answered') throw endedEarly(answer, settings);
      return readServed(answer.status, answer.body.toString('utf8'), context);
    },
    async stop() {
      stopped = true;
      const last = running;
      lifetime.abort();
      const served = await last?.catch(() => undefined);
      await served?.stop();
    },
  };
  try {
    await unlessAborted(server(), signal, late);
  } catch (error) {
    await engine.stop();
    throw error;
  }
  return engine;
}

/** What the work gives; what `late` makes as soon as the signal aborts. The work goes on for whoever else waits for it. */
function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal, late: () => Error): Promise<Value> {
  return new Promise((done, failed) => {
    const stay = whenAborted(signal, () => failed(late()));
    if (signal.aborted) failed(late());
    work.then(done, failed).finally(stay);
  });
}

function readServed(status: number, body: string, context: OpaContext): unknown {
  let answer: { result?: unknown; message?: unknown };
  try {
    answer = JSON.parse(body);
  } catch (error) {
    throw new GateError('OPA_FAILED', `the opa server answered ${status} and no JSON`, { cause: error });
  }
  if (status === 200) {
    if (answer.result === undefined) throw new GateError('OPA_FAILED', 'the question to opa is undefined');
    return answer.result;
  }
  const complaints = readComplaints(body);
  if (complaints !== undefined) throw asFailure(complaints, context.layout);
  throw new GateError('OPA_FAILED', `the opa server answered ${status}: ${oneLine(String(answer.message ?? ''), 300)}`);
}
