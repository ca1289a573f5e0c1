/**
 * Thrown where a computation on outside text would take longer than any honest one does. A rule that meets it has not
 * been evaluated; nothing may turn it into false, null or "does not match".
 */
export class LimitError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'LimitError';
  }
}
