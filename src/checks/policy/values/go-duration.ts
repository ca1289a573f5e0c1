/** Durations as Go's time package reads and prints them: nanoseconds in 64 bits, written `1h30m0.5s`. */

export const nanosecondsPerSecond = 1_000_000_000n;
export const maxDuration = 2n ** 63n - 1n;
export const minDuration = -(2n ** 63n);

const units: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['\u00b5s', 1_000n],
  ['\u03bcs', 1_000n],
  ['ms', 1_000_000n],
  ['s', nanosecondsPerSecond],
  ['m', 60n * nanosecondsPerSecond],
  ['h', 3600n * nanosecondsPerSecond],
]);

const limit = 2n ** 63n;

/**
 * Nanoseconds of a text as `time.ParseDuration` takes it: a sign, then numbers with units (`ns us µs ms s m h`), as
 * `1.5h`, `-2m30s`, `.5s`; or a bare `0`. Undefined for everything else and for what 64 bits cannot hold.
 */
export function parseGoDuration(text: string): bigint | undefined {
  let at = 0;
  const negative = text.charCodeAt(0) === 0x2d;
  if (negative || text.charCodeAt(0) === 0x2b) at = 1;
  if (text.length === at + 1 && text[at] === '0') return 0n;
  if (text.length === at) return undefined;
  let total = 0n;
  while (at < text.length) {
    const wholeEnd = digitsEnd(text, at);
    let fractionEnd = wholeEnd;
    let fractionStart = wholeEnd;
    if (text[wholeEnd] === '.') {
      fractionStart = wholeEnd + 1;
      fractionEnd = digitsEnd(text, fractionStart);
    }
    if (wholeEnd === at && fractionEnd === fractionStart) return undefined;
    const unitEnd = unitsEnd(text, fractionEnd);
    const unit = units.get(text.slice(fractionEnd, unitEnd));
    if (unit === undefined) return undefined;
    const whole = leadingInteger(text.slice(at, wholeEnd));
    if (whole === undefined || whole > limit / unit) return undefined;
    total += whole * unit + fraction(text, fractionStart, fractionEnd, unit);
    if (total > limit) return undefined;
    at = unitEnd;
  }
  if (negative) return -total;
  return total > maxDuration ? undefined : total;
}

function digitsEnd(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) >= 0x30 && text.charCodeAt(at) <= 0x39) at++;
  return at;
}

function unitsEnd(text: string, start: number): number {
  let at = start;
  for (; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === 0x2e || (unit >= 0x30 && unit <= 0x39)) break;
  }
  return at;
}

function leadingInteger(digits: string): bigint | undefined {
  if (digits === '') return 0n;
  let first = 0;
  while (first < digits.length - 1 && digits[first] === '0') first++;
  // 2^63 has 19 digits: a longer number is out of range, and must not cost the time of reading it.
  if (digits.length - first > 19) return undefined;
  const value = BigInt(digits.slice(first));
  return value > limit ? undefined : value;
}

/** A fraction is scaled in float64, and digits that 63 bits cannot hold are dropped, because Go does so. */
function fraction(text: string, start: number, end: number, unit: bigint): bigint {
  let value = 0n;
  let scale = 1;
  for (let at = start; at < end; at++) {
    if (value > maxDuration / 10n) break;
    const next = value * 10n + BigInt(text.charCodeAt(at) - 0x30);
    if (next > limit) break;
    value = next;
    scale *= 10;
  }
  if (value === 0n) return 0n;
  return BigInt(Math.trunc(Number(value) * (Number(unit) / scale)));
}

/** A duration as Go's `Duration.String` prints it: `1h0m0s`, `1.5s`, `100ms`, `0s`. */
export function formatGoDuration(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? '-' : '';
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (size === 0n) return '0s';
  if (size < 1_000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${withFraction(size, 3)}\u00b5s`;
  if (size < nanosecondsPerSecond) return `${sign}${withFraction(size, 6)}ms`;
  const minutes = size / (60n * nanosecondsPerSecond);
  const seconds = `${withFraction(size % (60n * nanosecondsPerSecond), 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  const hours = minutes / 60n;
  return hours === 0n ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60n}m${seconds}`;
}

function withFraction(value: bigint, digits: number): string {
  const scale = 10n ** BigInt(digits);
  let rest = (value % scale).toString().padStart(digits, '0');
  while (rest.endsWith('0')) rest = rest.slice(0, -1);
  return rest === '' ? `${value / scale}` : `${value / scale}.${rest}`;
}
