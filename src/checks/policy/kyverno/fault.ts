/**
 * Why a rule has no verdict about an object, in Kyverno's words. It is the object's fault or the policy's, never ours. It
 * is thrown for every second element of some loops, and is no Error because nobody needs to know where in our code: the
 * trace would cost more than the rule.
 */
export class Fault {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** The same fault with what was being done in front of it. Whatever else was thrown is handed on as it is. */
export function during(what: string, error: unknown): unknown {
  return error instanceof Fault ? new Fault(`${what}: ${error.message}`) : error;
}
