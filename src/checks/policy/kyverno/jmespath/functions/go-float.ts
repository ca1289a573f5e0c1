const decimal = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const hexadecimal = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?[0-9]+)$/;
const infinity = /^[+-]?inf(?:inity)?$/i;

/**
 * A text as Go's `strconv.ParseFloat` reads it, in 64 bits: decimal and hexadecimal, `inf` and `nan`. Undefined for
 * what is no number, or too large for a float64.
 */
export function parseGoFloat(text: string): number | undefined {
  // Single underscores may stand between digits.
  const plain = text.includes('_') && !/^[+-]?0[xX]/.test(text) ? text.replace(/(?<=[0-9])_(?=[0-9])/g, '') : text;
  if (decimal.test(plain)) {
    const value = Number(plain);
    return Number.isFinite(value) ? value : undefined;
  }
  if (infinity.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^nan$/i.test(text)) return Number.NaN;
  const parts = hexadecimal.exec(text.length > 100 ? '' : underscored(text));
  if (parts === null) return undefined;
  const [, sign, whole = '', fraction = '', power] = parts;
  if (whole === '' && fraction === '') return undefined;
  const value = Number(BigInt(`0x${whole}${fraction}`)) * 2 ** (Number(power) - 4 * fraction.length);
  if (!Number.isFinite(value)) return undefined;
  return sign === '-' ? -value : value;
}

/** In hexadecimal, single underscores may stand between digits and after the prefix. */
function underscored(text: string): string {
  return /_(?![0-9a-fA-F])|(?<![0-9a-fA-FxX])_/.test(text) ? '' : text.replaceAll('_', '');
}
