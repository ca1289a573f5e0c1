import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CertificateError, decodeCertificate } from '../../../../src/checks/policy/values/x509.ts';

interface Recorded {
  readonly name: string;
  readonly pem: string;
  /** What Kyverno 1.19.1 makes of it. */
  readonly value?: Record<string, unknown>;
  readonly error?: string;
}

const recorded: readonly Recorded[] = JSON.parse(
  readFileSync(new URL('./certificates.json', import.meta.url), 'utf8'),
) as Recorded[];

/** Upstream reads them, and here they are refused. */
const refusedHere = new Set(['name constraints']);

function refusal(pem: string): CertificateError {
  try {
    decodeCertificate(pem);
  } catch (error) {
    if (error instanceof CertificateError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('certificates', () => {
  it.each(recorded)('$name', ({ name, pem, value, error }) => {
    if (refusedHere.has(name)) expect(refusal(pem).isUnknown).toBe(true);
    else if (value === undefined) expect(refusal(pem).message).toBe(error);
    else expect(JSON.parse(JSON.stringify(decodeCertificate(pem)))).toEqual(value);
  });

  it.each([
    ['no PEM', 'hello', /failed to decode PEM block/],
    ['a PEM block that does not end', '-----BEGIN CERTIFICATE-----\nAAAA\n', /failed to decode PEM block/],
    ['another kind of block', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', /neither contains/],
    ['an empty certificate', '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n', /malformed/],
    ['a text of megabytes', 'a'.repeat(2_000_000), /too long/],
  ])('refuses %s', (_, pem, message) => {
    expect(refusal(pem).message).toMatch(message);
  });

  it('throws nothing but its own error, whatever the bytes', () => {
    const [first] = recorded;
    const body = (first?.pem ?? '').split('\n').slice(2, -2).join('');
    const bytes = Buffer.from(body, 'base64');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const changed = Buffer.from(bytes);
          for (const [at, byte] of changes) changed[at] = byte;
          const pem = `-----BEGIN CERTIFICATE-----\n${changed.toString('base64')}\n-----END CERTIFICATE-----\n`;
          try {
            decodeCertificate(pem);
          } catch (error) {
            expect(error).toBeInstanceOf(CertificateError);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
