import { GateError } from '../../core/errors.ts';

/** What is wrong with a command line, and whose help says how it is written. */
export function usage(message: string, command?: string): GateError {
  return new GateError('USAGE', message, command === undefined ? {} : { mend: `See \`syncgate help ${command}\`.` });
}

/** What was given, as a message shows it; nothing is shown as an empty text. */
export function quote(given: unknown): string {
  return JSON.stringify(String(given ?? '').slice(0, 100));
}
