/** Why a rule has no verdict about an object, in Kyverno's words. It is the object's fault or the policy's, never ours. */
export class Fault extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Fault';
  }
}

/** The same fault with what was being done in front of it. Whatever else was thrown is handed on as it is. */
export function during(what: string, error: unknown): unknown {
  return error instanceof Fault ? new Fault(`${what}: ${error.message}`, error.cause ?? error) : error;
}
