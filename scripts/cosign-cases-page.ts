import { COSIGN_CASES, WHAT } from '../test/support/cosign-cases/cases.ts';

const keyNames: Readonly<Record<(typeof COSIGN_CASES)[number]['key'], string>> = {
  p256: 'P-256',
  p384: 'P-384',
  p521: 'P-521',
  rsa: 'RSA 2048',
  rsa4096: 'RSA 4096',
  ed25519: 'Ed25519',
  keyless: 'keyless',
};

/** The page that says what cosign verifies and what syncgate does, case by case. */
export function cosignCasesPage(): string {
  const reasons = [...new Set(COSIGN_CASES.flatMap(({ why }) => why ?? []))];
  const rows = COSIGN_CASES.map(({ signer, key, format, what, cosign, syncgate, why }) => {
    const note = why === undefined ? '' : `[${reasons.indexOf(why) + 1}](#where-they-differ)`;
    return `| ${signer} | ${keyNames[key]} | ${format} | ${WHAT[what]} | ${cosign} | ${syncgate} | ${note} |`;
  });
  const notes = reasons.map((why, index) => `${index + 1}. ${why.slice(0, 1).toUpperCase()}${why.slice(1)}.`);
  return `# What cosign signs, and what syncgate makes of it

Each row is an image that the real cosign signed or attested, in the format named, into a registry with the referrers API.
*cosign* is what \`cosign verify\` (or \`verify-attestation\`) of the version that signed says when it is asked the same;
*syncgate* is what \`syncgate check\` does under a ClusterImagePolicy of that content. Versions: cosign 2.6.5 and 3.1.3. The
end-to-end tests run every row; this page is made from their table by \`npm run docs\`.

| cosign | key | format | the image is … | cosign | syncgate | why |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

## Where they differ

${notes.join('\n')}

Cosign 3 puts the chain of a certificate of one's own into a bundle of version 0.3, which may hold the certificate alone:
neither reads it. Keyless signing by cosign 2 is not in the table: what it sends to a log, Rekor's second version no longer takes.
`;
}
