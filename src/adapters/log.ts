import { pino } from 'pino';
import type { Log, LogFields } from '../core/telemetry.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogOptions {
  readonly level: LogLevel;
  /** Takes one line, with its end. */
  readonly write: (line: string) => void;
}

const maxText = 4096;
const maxItems = 64;
/** Fields that every line has: a field of the same name would stand there twice, and a reader may take either. */
const reserved: readonly string[] = ['level', 'ts', 'msg'];

/**
 * A log of JSON lines with the fields that Flux's controllers write: `level`, `ts` (RFC 3339), `msg`, and what was given.
 * Texts are cut at 4096 characters, lists at 64. What looks like a credential inside of a text is blanked: the password
 * of a URL, a bearer token, a private key; fields whose names speak of one are blanked whole.
 */
export function createLog({ level, write }: LogOptions): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  const at = (standing: LogFields): Log => {
    const line = (of: LogLevel) => (message: string, fields: LogFields) => {
      if (!logger.isLevelEnabled(of)) return;
      logger[of](clean({ ...standing, ...fields }), scrub(message));
    };
    const [debug, info, warn, error] = [line('debug'), line('info'), line('warn'), line('error')];
    return {
      debug: (message, fields = {}) => debug(message, fields),
      info: (message, fields = {}) => info(message, fields),
      warn: (message, fields = {}) => warn(message, fields),
      error: (message, fields = {}) => error(message, fields),
      with: (fields) => at({ ...standing, ...fields }),
    };
  };
  return at({});
}

function clean(fields: LogFields): Record<string, unknown> {
  const kept = Object.entries(fields).flatMap(([name, value]) => {
    if (value === undefined) return [];
    return [[reserved.includes(name) ? `${name}_` : name, isSecret(name) ? '***' : cleanValue(value)] as const];
  });
  return Object.fromEntries(kept);
}

function cleanValue(value: NonNullable<LogFields[string]>): unknown {
  if (typeof value === 'string') return scrub(value);
  if (Array.isArray(value)) return value.slice(0, maxItems).map((each) => scrub(String(each)));
  return value;
}

function isSecret(name: string): boolean {
  return /password|passwd|secret$|token$|authorization|credential|privatekey/i.test(name.replaceAll(/[-_]/g, ''));
}

/** Bounded before anything is searched for: the text may be anybody's. */
function scrub(text: string): string {
  const bounded = text.length > maxText ? `${text.slice(0, maxText)}…` : text;
  return bounded
    .replace(/-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|$)/g, '***')
    .replace(/\b(Bearer|Basic) +[\w.~+/=-]{8,}/gi, '$1 ***')
    .replace(/:\/\/[^\s/?#@]{1,512}@/g, '://***@');
}
