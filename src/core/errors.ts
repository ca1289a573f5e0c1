/**
 * Every code a reader can meet, in an error or in a finding. The list is closed: docs/errors.md is made from it, and a
 * code that is not here does not compile.
 *
 * `answer` is what the code means for the verdict: `denied` (1) the set was judged and refused, `unevaluated` (2) it
 * could not be judged, `usage` (3) the command or the configuration is wrong. All three withhold the manifests.
 */
interface CodeEntry {
  readonly answer: 'denied' | 'unevaluated' | 'usage';
  readonly meaning: string;
  readonly mend: string;
}

function codes<Name extends string>(entries: Record<Name, CodeEntry>): Readonly<Record<Name, CodeEntry>> {
  return Object.freeze(entries);
}

// biome-ignore format: one line a code keeps the catalogue readable
export const CODES = codes({
  // Command and configuration
  USAGE: { answer: 'usage', meaning: 'The command line is not one that syncgate knows.', mend: 'See `syncgate help`.' },
  CONFIG_MISSING: { answer: 'usage', meaning: 'The Gate configuration file could not be found or read.', mend: 'Name it with --config, or mount it where the message says.' },
  CONFIG_INVALID: { answer: 'usage', meaning: 'The Gate configuration has a key or a value that is not allowed.', mend: 'Correct the line that the message names.' },

  // Source
  SOURCE_MISSING: { answer: 'usage', meaning: 'The folder to render does not exist or is not a folder.', mend: 'Name an existing folder, or - for standard input.' },

  // Images
  IMAGE_DIGEST_INVALID: { answer: 'denied', meaning: 'A digest is not `sha256:` and 64 lower-case hex digits.', mend: 'Pin the image as name@sha256:<64 hex digits>.' },

  // Gate
  CHECK_CRASHED: { answer: 'unevaluated', meaning: 'A check threw something that is not one of its own errors.', mend: 'Report it with the text of the message; the manifests stay withheld.' },
  CHECK_TIMEOUT: { answer: 'unevaluated', meaning: 'A check did not finish before the deadline.', mend: 'Raise --timeout, or find out what it waits for.' },
  CHECK_SILENT: { answer: 'unevaluated', meaning: 'A check returned nothing, or something that is not an outcome.', mend: 'Report it; a check that says nothing has not passed.' },
  INTERNAL: { answer: 'unevaluated', meaning: 'Something failed that syncgate does not know how to name.', mend: 'Report it with the text of the message.' },
});

export type Code = keyof typeof CODES;

/** An error with a stable code, what happened, and the mend: what the reader does next. */
export class GateError extends Error {
  readonly code: Code;
  readonly mend: string;
  /** Where: a file with line and column, a field path, an image, a setting. */
  readonly place: string | undefined;

  constructor(code: Code, message: string, more: { mend?: string; place?: string | undefined; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'GateError';
    this.code = code;
    this.mend = more.mend ?? CODES[code].mend;
    this.place = more.place;
  }
}

/** Any thrown value as a GateError; what is not one already becomes `code`, with the original as its cause. */
export function asGateError(thrown: unknown, code: Code = 'INTERNAL'): GateError {
  if (thrown instanceof GateError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new GateError(code, text, { cause: thrown });
}
