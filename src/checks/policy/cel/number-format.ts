/** The shortest decimal that reads back as the number, without an exponent: Go's `%f` of the least precision. */
export function formatPlain(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value);
  const { sign, digits, point } = shortest(value);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`.replace(/\.0*$/, '');
  if (point >= digits.length) return `${sign}${digits}${'0'.repeat(point - digits.length)}`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** As Go's `%g`: with an exponent below 1e-4 and from 1e6 on. */
export function formatGeneral(value: number): string {
  if (!Number.isFinite(value)) return formatSpecial(value);
  const { sign, digits, point } = shortest(value);
  const exponent = point - 1;
  if (digits === '0' || (exponent >= -4 && exponent < 6)) return formatPlain(value);
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
  const size = Math.abs(exponent).toString().padStart(2, '0');
  return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${size}`;
}

function formatSpecial(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}

/** The digits of the shortest decimal, and where its point stands from their left: 0.5 has digits 5 and point 0. */
function shortest(value: number): { readonly sign: string; readonly digits: string; readonly point: number } {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (value === 0) return { sign, digits: '0', point: 1 };
  const [mantissa, exponent] = Math.abs(value).toExponential().split('e') as [string, string];
  return { sign, digits: mantissa.replace('.', ''), point: Number(exponent) + 1 };
}
