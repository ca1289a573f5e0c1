import { parseGoDuration } from '../values/go-duration.ts';
import { evaluationError } from './error.ts';
import { formatPlain } from './number-format.ts';
import { CelDuration } from './values.ts';

/** A duration in Go's spelling: `1h30m`, `-1.5s`. */
export function parseDuration(text: string): CelDuration {
  const nanoseconds = parseGoDuration(text);
  if (nanoseconds === undefined) {
    throw evaluationError("type conversion error from 'string' to 'google.protobuf.Duration'");
  }
  return new CelDuration(nanoseconds);
}

/** In seconds, as the Go implementation writes it: `5400s`, `0.5s`. */
export function formatDuration(duration: CelDuration): string {
  return `${formatPlain(durationSeconds(duration))}s`;
}

/** As Go's `Duration.Seconds` computes it. */
function durationSeconds({ nanoseconds }: CelDuration): number {
  return Number(nanoseconds / 1_000_000_000n) + Number(nanoseconds % 1_000_000_000n) / 1e9;
}
