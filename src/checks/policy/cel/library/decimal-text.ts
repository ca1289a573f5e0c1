/** The exact decimal value, rounded half to even on all of its digits, as Go's `%.Nf`; toFixed stops at 1e21. */
export function fixedText(value: number, precision: number): string {
  if (Math.abs(value) < 1e21 && precision <= 20) {
    const text = exactEnough(value, precision);
    if (text !== undefined) return text;
  }
  return exactFixed(value, precision);
}

/** toFixed takes halves up; where the last digit dropped may be a half, the exact way must decide. */
function exactEnough(value: number, precision: number): string | undefined {
  const scaled = Math.abs(value) * 10 ** precision;
  if (Math.abs(scaled - Math.floor(scaled) - 0.5) < 1e-6 || scaled > 2 ** 52) return undefined;
  const text = Math.abs(value).toFixed(precision);
  return value < 0 || Object.is(value, -0) ? `-${text}` : text;
}

/** A double is an integer times a power of two, so its decimal digits can be written out. */
function exactFixed(value: number, precision: number): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  let mantissa = Math.abs(value);
  let exponent = 0n;
  while (!Number.isInteger(mantissa)) {
    mantissa *= 2;
    exponent++;
  }
  const units = roundedHalfToEven(BigInt(mantissa) * 10n ** BigInt(precision), 1n << exponent);
  const digits = units.toString().padStart(precision + 1, '0');
  if (precision === 0) return sign + digits;
  return `${sign}${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
}

function roundedHalfToEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  return twice > denominator || (twice === denominator && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

/** A mantissa with one digit before its point, and the exponent. */
export function scientificParts(value: number, precision: number): { mantissa: string; exponent: number } {
  if (value === 0) {
    const zero = precision === 0 ? '0' : `0.${'0'.repeat(precision)}`;
    return { mantissa: Object.is(value, -0) ? `-${zero}` : zero, exponent: 0 };
  }
  if (precision > 100) {
    const { mantissa, exponent } = scientificParts(value, 100);
    return { mantissa: mantissa + '0'.repeat(precision - 100), exponent };
  }
  const [mantissa = '', exponent = '0'] = value.toExponential(precision).split('e');
  return { mantissa, exponent: Number(exponent) };
}
