import { execFileSync } from 'node:child_process';
import { tool } from './tools/resolve.ts';

/** What Flux's published type makes of an event. */
export interface FluxEventReading {
  readonly event?: Readonly<Record<string, unknown>>;
  /** What commit statuses go by. */
  readonly revision?: string;
  readonly error?: string;
}

/** Reads each text as `eventv1.Event`, strictly. */
export async function readFluxEvents(texts: readonly string[]): Promise<readonly FluxEventReading[]> {
  const program = await tool('fluxevent');
  const printed = execFileSync(program, { input: texts.map((text) => `${text}\n`).join(''), encoding: 'utf8' });
  return printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as FluxEventReading);
}
