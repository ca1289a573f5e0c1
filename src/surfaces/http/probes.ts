import type { RequestListener } from 'node:http';

export interface ProbePorts {
  /** Why the process should be started anew; undefined where it should not. */
  readonly ailing: () => string | undefined;
  /** What is not ready yet; empty where all is. */
  readonly waitingFor: () => readonly string[];
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

export function createProbeApp(ports: ProbePorts): RequestListener {
  throw new Error(`not built yet: ${ports.ailing.name}`);
}
