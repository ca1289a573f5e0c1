/**
 * Why a query gives no value.
 * - `syntax`, `unknown-function`: it never could; known when it is compiled.
 * - `unsupported`: upstream can do it, and a gate cannot, or not in the same way. No operator catches it.
 * - `not-found`: it asks for a key that an object does not have. Operators that take "nothing" in its place catch it.
 * - `invalid`: a function was given what it cannot take.
 * - `crash`: a function was given what makes Kyverno's own panic. No operator catches it.
 * - `limit`: it would take too long. No operator catches it.
 */
export type JmesErrorKind = 'syntax' | 'unknown-function' | 'unsupported' | 'not-found' | 'invalid' | 'crash' | 'limit';

/** The only error that compiling or running a query throws. */
export class JmesError extends Error {
  readonly kind: JmesErrorKind;
  /** Where in the query, counted in UTF-16 units from 0; known for errors of compiling. */
  readonly offset: number | undefined;

  constructor(kind: JmesErrorKind, message: string, more: { offset?: number; cause?: unknown } = {}) {
    // A missing key is found for every second element of some loops, and a trace of our own code tells nobody anything.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'JmesError';
    this.kind = kind;
    this.offset = more.offset;
  }
}

/** A function was given what it cannot take, in the words of Kyverno's own functions. */
export function invalidCall(name: string, message: string): JmesError {
  return new JmesError('invalid', `JMESPath function '${name}': ${message}`);
}

/** A function was given what Kyverno's may take, and this one cannot. */
export function unsupportedCall(name: string, message: string): JmesError {
  return new JmesError('unsupported', `JMESPath function '${name}': ${message}`);
}
