/**
 * What an unquoted scalar means, by go-yaml v2's resolve.go: YAML 1.1 words, Go's integer literals, floats. Timestamps
 * and base-60 numbers are strings to it. The tables and the order of the attempts are its own; the value is what
 * Kubernetes gets after sigs.k8s.io/yaml has turned it into JSON.
 */

/** A value, and which Go type it had: that decides how it is spelt where it is a key. */
export type Resolved =
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'bool'; readonly value: boolean }
  | { readonly type: 'null'; readonly value: null }
  | { readonly type: 'int'; readonly value: number | bigint }
  /** Above int64: Go holds it as uint64, which JSON can carry and a key cannot be. */
  | { readonly type: 'uint'; readonly value: bigint }
  | { readonly type: 'float'; readonly value: number };

const words: ReadonlyMap<string, Resolved> = new Map([
  ...wordsFor({ type: 'bool', value: true }, ['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']),
  ...wordsFor({ type: 'bool', value: false }, ['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE']),
  ...wordsFor({ type: 'bool', value: false }, ['off', 'Off', 'OFF']),
  ...wordsFor({ type: 'null', value: null }, ['', '~', 'null', 'Null', 'NULL']),
  ...wordsFor({ type: 'float', value: Number.NaN }, ['.nan', '.NaN', '.NAN']),
  ...wordsFor({ type: 'float', value: Number.POSITIVE_INFINITY }, ['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF']),
  ...wordsFor({ type: 'float', value: Number.NEGATIVE_INFINITY }, ['-.inf', '-.Inf', '-.INF']),
]);

function wordsFor(resolved: Resolved, spellings: readonly string[]): [string, Resolved][] {
  return spellings.map((spelling) => [spelling, resolved]);
}

/** The longest of `words`: what is longer needs no look-up. */
const longestWord = 5;

/** strconv.ParseInt(text, 0, 64): a sign, and decimal, 0x, 0b, 0o or a bare leading 0 for octal. */
const goInteger = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/;
const yamlFloat = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
/** strconv.ParseFloat of a text that starts with a dot: Go's underscores stand between digits. */
const dottedFloat = /^\.[0-9](_?[0-9])*([eE][-+]?[0-9](_?[0-9])*)?$/;
/** go-yaml's second try at binary: it cuts the prefix and lets the digits bring their own sign. */
const signedBinary = /^0b([-+])([01]+)$/;

const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;
const maxUint64 = 2n ** 64n - 1n;

/** The value of a plain scalar that has no tag. */
export function resolvePlain(text: string): Resolved {
  const hint = text.charCodeAt(0);
  if (text.length <= longestWord) {
    const word = words.get(text);
    if (word !== undefined) return word;
  }
  if (hint === 46 /* . */) return resolveDotted(text);
  if ((hint >= 48 && hint <= 57) || hint === 43 || hint === 45) return resolveNumber(text);
  return { type: 'string', value: text };
}

function resolveDotted(text: string): Resolved {
  return (dottedFloat.test(text) ? float(text.replaceAll('_', '')) : undefined) ?? { type: 'string', value: text };
}

function resolveNumber(text: string): Resolved {
  const plain = text.includes('_') ? text.replaceAll('_', '') : text;
  return (
    integer(plain) ??
    (yamlFloat.test(plain) ? float(plain) : undefined) ??
    binary(plain) ?? { type: 'string', value: text }
  );
}

function integer(plain: string): Resolved | undefined {
  if (plain.length <= 15 && /^[1-9][0-9]*$/.test(plain)) return { type: 'int', value: Number(plain) };
  const match = goInteger.exec(plain);
  if (match === null) return undefined;
  const [, sign, hex, bits, octal, decimal] = match;
  // A number with more digits than this is beyond 64 bits in every base; BigInt would take its time to say so.
  if (plain.length > 100 && !/^[-+]?0+/.test(plain)) return undefined;
  const magnitude =
    hex !== undefined
      ? BigInt(`0x${hex}`)
      : bits !== undefined
        ? BigInt(`0b${bits}`)
        : octal !== undefined
          ? BigInt(`0o${octal}`)
          : BigInt(decimal ?? '0');
  const value = sign === '-' ? -magnitude : magnitude;
  if (value >= minInt64 && value <= maxInt64) return { type: 'int', value: narrow(value) };
  if (sign === '' && value <= maxUint64) return { type: 'uint', value };
  return undefined;
}

/** A double where it holds the integer exactly. */
export function narrow(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

function float(plain: string): Resolved | undefined {
  const value = Number(plain);
  // strconv.ParseFloat calls a number beyond a double an error; the scalar then is a string.
  return Number.isFinite(value) ? { type: 'float', value } : undefined;
}

function binary(plain: string): Resolved | undefined {
  const match = signedBinary.exec(plain);
  if (match === null) return undefined;
  const magnitude = BigInt(`0b${match[2]}`);
  const value = match[1] === '-' ? -magnitude : magnitude;
  return value >= minInt64 && value <= maxInt64 ? { type: 'int', value: narrow(value) } : undefined;
}

/** The tags that are read, by the name behind `tag:yaml.org,2002:`. */
export type ScalarTag = 'str' | 'int' | 'float' | 'bool' | 'null' | 'binary';

/**
 * The value of a scalar with a tag, however it was quoted: go-yaml resolves the text as if it were plain, and refuses
 * when that is not the kind that the tag names (undefined here). A whole number under !!float becomes one.
 */
export function resolveTagged(tag: ScalarTag, text: string): Resolved | undefined {
  if (tag === 'str') return { type: 'string', value: text };
  if (tag === 'binary') {
    const value = decodeBase64(text);
    return value === undefined ? undefined : { type: 'string', value };
  }
  const resolved = resolvePlain(text);
  if (resolved.type === tag) return resolved;
  if (tag === 'int' && resolved.type === 'uint') return resolved;
  if (tag === 'float' && resolved.type === 'int') return { type: 'float', value: Number(resolved.value) };
  return undefined;
}

/** As Go's StdEncoding, which passes over line breaks and nothing else. Bytes that are not UTF-8 are refused. */
function decodeBase64(text: string): string | undefined {
  const compact = text.replace(/[\r\n]/g, '');
  if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(compact, 'base64'));
  } catch {
    return undefined;
  }
}

/** How sigs.k8s.io/yaml spells a scalar that is a key; undefined for the two kinds that it refuses. */
export function spellKey(key: Resolved): string | undefined {
  switch (key.type) {
    case 'string':
      return key.value;
    case 'bool':
    case 'int':
      return key.value.toString();
    case 'float':
      return spellFloat32(key.value);
    case 'null':
    case 'uint':
      return undefined;
    default:
      return key satisfies never;
  }
}

/** strconv.FormatFloat(value, 'g', -1, 32), with YAML's words for what is no number. */
function spellFloat32(value: number): string {
  const narrowed = Math.fround(value);
  if (Number.isNaN(narrowed)) return '.nan';
  if (narrowed === Number.POSITIVE_INFINITY) return '.inf';
  if (narrowed === Number.NEGATIVE_INFINITY) return '-.inf';
  if (narrowed === 0) return Object.is(narrowed, -0) ? '-0' : '0';
  let digits = '';
  let exponent = 0;
  for (let precision = 0; precision < 9; precision++) {
    const [mantissa = '', power = '0'] = Math.abs(narrowed).toExponential(precision).split('e');
    digits = mantissa.replace('.', '');
    exponent = Number(power);
    if (Math.fround(Number(`${mantissa}e${power}`)) === Math.abs(narrowed)) break;
  }
  digits = digits.replace(/0+$/, '') || '0';
  const sign = narrowed < 0 ? '-' : '';
  // Go decides with a precision of 6 where it prints the fewest digits.
  if (exponent < -4 || exponent >= 6) {
    const power = `${exponent < 0 ? '-' : '+'}${Math.abs(exponent).toString().padStart(2, '0')}`;
    return `${sign}${digits[0]}${digits.length > 1 ? `.${digits.slice(1)}` : ''}e${power}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}
