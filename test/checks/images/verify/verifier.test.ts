import { describe, expect, it } from 'vitest';
import { judge, type VerifiedImage } from '../../../../src/checks/images/verify/verifier.ts';
import { digestOf, trustOf } from '../support.ts';

const digest = digestOf(Buffer.from('image'));
const nothing = async () => ({ objects: [], malformed: [], tooMany: [], failures: [] });

describe('the verifier', () => {
  it('refuses a digest that no policy speaks for', async () => {
    expect(await judge(digest, [], nothing)).toMatchObject({
      kind: 'refused',
      objections: [{ code: 'IMAGE_UNMATCHED' }],
    });
  });

  it('alone makes a verified image: the mark cannot be had or copied from outside', async () => {
    const { policies } = await trustOf({ authorities: [{ static: { action: 'pass' } }] });
    const verdict = await judge(digest, policies, nothing);
    expect(verdict).toMatchObject({ kind: 'verified', image: { digest } });
    // @ts-expect-error an object that looks alike is not a VerifiedImage
    const forged: VerifiedImage = { digest, by: [] };
    expect(Object.keys(forged)).not.toContain('verified');
  });

  it('hands on what its collector throws: the caller knows whether it was the deadline', async () => {
    const { policies } = await trustOf({ authorities: [{ key: { data: publicPem() } }] });
    await expect(judge(digest, policies, () => Promise.reject(new Error('gone')))).rejects.toThrow('gone');
  });
});

function publicPem(): string {
  return `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEff9EkwWd4OtPoWkFknHV5j7VdADd
G/ow+oDjRSXBkze+zJgW1vNB4w6BnYnJHEgG9l5alReeIEnG9nhnmi1GzQ==
-----END PUBLIC KEY-----
`;
}
