/** A cluster with the overlay `admission` as it is shipped, and the webhook as a process of this machine and no Pod. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../argocd/component.ts';
import { makeCertificates } from '../certificates.ts';
import { type Flux, type FluxOptions, startFlux } from './flux.ts';
import { type GateFiles, startGateFiles } from './gates.ts';
import {
  applyShipped,
  applyWebhook,
  composedObjects,
  startWebhook,
  type Webhook,
  writeCertificate,
} from './syncgate.ts';

export interface GuardedOptions {
  readonly flux?: FluxOptions;
  /** Further arguments of the webhook. */
  readonly args?: readonly string[];
  /** Writes policies and changes the Gate before anything is started that reads them. */
  readonly prepare?: (gates: GateFiles) => void;
}

export interface Guarded {
  readonly flux: Flux;
  readonly gates: GateFiles;
  /** The process that serves now. */
  readonly webhook: Webhook;
  /** Where the Secret with the certificate is mounted. */
  readonly mount: string;
  readonly port: number;
  /** The authority of the certificate, PEM. */
  readonly ca: string;
  /** Starts the webhook again, in the place of one that was stopped. */
  restart(): Promise<void>;
  /** Applies the configuration that is shipped with these components; the authority is that of the start if none is named. */
  configure(components?: readonly string[], ...authorities: readonly string[]): Promise<void>;
  /** The last words of all of it, for the message of a failed test. */
  logs(): string;
  stop(): Promise<void>;
}

/** Starts all of it; nobody is led to the webhook before `configure`. */
export async function startGuarded({ flux: fluxOptions, args = [], prepare }: GuardedOptions = {}): Promise<Guarded> {
  const certificates = makeCertificates();
  const mount = mkdtempSync(join(tmpdir(), 'syncgate-certificates-'));
  const [port] = (await freePorts(1)) as [number];
  const [flux, gates] = await Promise.all([startFlux(fluxOptions), startGateFiles()]);
  const start = () => startWebhook(flux, gates, { port, certificates: mount, args });
  const stopAround = async () => {
    await gates.stop();
    await flux.stop();
    rmSync(mount, { recursive: true, force: true });
  };
  let webhook: Webhook;
  try {
    prepare?.(gates);
    await applyShipped(flux, 'flux/overlays/admission');
    writeCertificate(mount, certificates.server);
    webhook = await start();
  } catch (error) {
    await stopAround();
    throw error;
  }
  return {
    flux,
    gates,
    get webhook() {
      return webhook;
    },
    mount,
    port,
    ca: certificates.ca,
    async restart() {
      webhook = await start();
    },
    async configure(components = [], ...authorities) {
      const trusted = authorities.length === 0 ? [certificates.ca] : authorities;
      await applyWebhook(flux, await composedObjects('admission', components), webhook.url, ...trusted);
    },
    logs: () => `${flux.logs()}\n--- webhook\n${webhook.log().slice(-6000)}\n`,
    async stop() {
      await webhook.stop();
      await stopAround();
    },
  };
}
