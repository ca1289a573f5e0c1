import type { Kube } from '../core/kube.ts';
import type { Clock } from '../core/ports.ts';
import type { Log, Metrics } from '../core/telemetry.ts';
import { createFluxEvents, type OpenedEvents } from './flux-events.ts';
import { createKubeEvents } from './kube/events.ts';

export interface AnnouncerOptions {
  readonly kube: Kube;
  /** Of notification-controller; empty where it is not told. */
  readonly address: string;
  /** Of this process: its Pod. */
  readonly instance: string;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Tells the API server and, where there is an address, Flux's notification-controller. */
export function createAnnouncer(options: AnnouncerOptions): OpenedEvents {
  const told = [createKubeEvents(options), ...(options.address === '' ? [] : [createFluxEvents(options)])];
  return {
    announce(announcement) {
      for (const { announce } of told) announce(announcement);
    },
    async close(ms) {
      await Promise.all(told.map((each) => each.close(ms)));
    },
  };
}
