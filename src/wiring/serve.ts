import { startServer } from '../adapters/http-server.ts';
import { openKube } from '../adapters/kube/open.ts';
import { createLog } from '../adapters/log.ts';
import { createMetrics } from '../adapters/metrics.ts';
import { asGateError } from '../core/errors.ts';
import { KubeError, ofCluster } from '../core/kube.ts';
import { withMend } from '../report/text.ts';
import type { ServeOptions } from '../surfaces/cli/serve-arguments.ts';
import { createProbeApp } from '../surfaces/http/probes.ts';
import type { FluxHooks } from './flux.ts';
import { openGates } from './gates.ts';
import type { Service, ServiceParts } from './service.ts';
import type { World } from './world.ts';

/** The process as a long-lived surface needs to know it. */
export interface ServeWorld {
  readonly version: string;
  readonly world: World;
  /** Takes one line of the log, with its end. */
  readonly write: (line: string) => void;
  /** Undefined in the product. */
  readonly hooks?: FluxHooks;
}

const gatesPollMs = 1000;
/** Kubernetes waits 30 seconds by itself before it kills. */
const graceMs = 20_000;

/**
 * Runs the surfaces that are asked for until the signal, and ends them in an orderly way. Answers with nothing where it
 * was stopped, and with the reason, which the log has said, where it could not start or go on. Never rejects.
 */
export async function serve(
  options: ServeOptions,
  world: ServeWorld,
  signal: AbortSignal,
): Promise<string | undefined> {
  const log = createLog({ level: options.logLevel, write: world.write });
  const { metrics, expose } = createMetrics();
  const over = new AbortController();
  const stop = AbortSignal.any([signal, over.signal]);
  const closing: (() => Promise<void> | void)[] = [];
  try {
    const { env } = world.world;
    const kube = await openKube({
      kubeconfig: env['KUBECONFIG'],
      service: serviceOf(env),
      log,
    });
    closing.push(() => kube.close());
    const services: Service[] = [];
    let failure: string | undefined;
    const probes = await startServer({
      address: options.healthAddress,
      listener: createProbeApp({
        ailing: () => failure,
        waitingFor: () =>
          services.length < wanted(options)
            ? ['start']
            : services.flatMap(({ name, unready }) => {
                const why = unready();
                return why === undefined ? [] : [`${name}: ${why}`];
              }),
        metrics: expose,
      }),
    });
    closing.push(() => probes.close(1000));
    // What the Gates wait for may take longer than a kubelet waits for a probe.
    const gates = await openGates(
      { folder: options.gates, pollMs: gatesPollMs },
      { world: world.world, log, metrics },
      stop,
    );
    closing.push(() => gates.close());
    const parts: ServiceParts = { options, kube, gates, log, metrics, world: world.world };
    if (options.admission) services.push(await (await import('./admission.ts')).openAdmission(parts, stop));
    if (options.flux) services.push(await (await import('./flux.ts')).openFlux(parts, world.hooks));
    log.info('syncgate serves', {
      version: world.version,
      surfaces: services.map(({ name }) => name),
      health: `${probes.host}:${probes.port}`,
    });
    // One that cannot go on takes the process with it: a new one begins anew, and says so in the count of restarts.
    await Promise.all(
      services.map(async (service) => {
        try {
          await service.run(stop);
        } catch (error) {
          failure ??= `${service.name}: ${reasonOf(error)}`;
          over.abort();
        }
      }),
    );
    if (failure === undefined && !signal.aborted) failure = 'there was nothing left to serve';
    if (failure !== undefined) log.error('syncgate stops', { why: failure });
    else log.info('syncgate stops', {});
    return failure;
  } catch (error) {
    if (signal.aborted) {
      log.info('syncgate stops', {});
      return undefined;
    }
    const why = reasonOf(error);
    log.error('syncgate cannot start', { why });
    return why;
  } finally {
    over.abort();
    await endWithin(graceMs, closing.reverse());
  }
}

function wanted({ flux, admission }: ServeOptions): number {
  return (flux ? 1 : 0) + (admission ? 1 : 0);
}

/** What Kubernetes tells each Pod of its own API server. */
function serviceOf(env: World['env']) {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'];
  return host === undefined || port === undefined ? undefined : { host, port };
}

async function endWithin(ms: number, closing: readonly (() => Promise<void> | void)[]): Promise<void> {
  const late = new Promise<void>((done) => setTimeout(done, ms).unref());
  const closeAll = async () => {
    for (const close of closing) {
      try {
        await close();
      } catch {
        // What does not close goes with the process.
      }
    }
  };
  await Promise.race([closeAll(), late]);
}

function reasonOf(error: unknown): string {
  const known = error instanceof KubeError ? ofCluster(error) : asGateError(error);
  return `${known.code} ${withMend(known)}`;
}
