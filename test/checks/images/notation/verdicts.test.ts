import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attributes } from './cases/attributes.ts';
import { certificates } from './cases/certificates.ts';
import { envelopes } from './cases/envelopes.ts';
import { honest } from './cases/honest.ts';
import { revocation } from './cases/revocation.ts';
import { useWorld } from './cases/row.ts';
import { notThisSigner } from './cases/signer.ts';
import { notThisImage } from './cases/target.ts';
import { times } from './cases/times.ts';
import { policies } from './cases/trust-policies.ts';
import { type Answers, askBoth, World } from './support.ts';

/**
 * Signatures, honest and forged, put to this verifier and to notation-go's. Where the two differ, the row says why. Ours
 * is the stricter one; only a mounted revocation list may answer where notation-go would have asked online.
 */
let world: World;
const lists = new Map<string, Buffer>();
beforeAll(async () => {
  world = await World.make();
  useWorld(world);
  const revoked = ['listed-signer', 'listed-middle', 'listed-clock'].map((certificate) => ({ certificate }));
  const made = [
    { name: 'empty', issuer: 'listed' },
    { name: 'stale', issuer: 'listed', nextUpdate: new Date(Date.now() - 60_000) },
    { name: 'impostor', issuer: 'listed-impostor' },
    { name: 'full', issuer: 'listed', revoked },
    { name: 'hold', issuer: 'listed', revoked: [{ certificate: 'listed-signer', reason: 6 }] },
    { name: 'removed', issuer: 'listed', revoked: [{ certificate: 'listed-signer', reason: 8 }] },
    {
      name: 'invalid-later',
      issuer: 'listed',
      revoked: [{ certificate: 'listed-signer', invalidity: new Date(Date.now() - 60_000) }],
    },
  ];
  await world.notation.authority('listed-impostor', { subject: { C: 'US', ST: 'WA', O: 'acme', CN: 'listed' } });
  for (const each of made) lists.set(each.name, (await world.notation.list(each)).der);
});
afterAll(async () => await world[Symbol.asyncDispose]());

describe.each([
  ['honest signatures', honest],
  ['what was signed', notThisImage],
  ['who signed', notThisSigner],
  ['certificates', certificates],
  ['envelopes', envelopes],
  ['attributes', attributes],
  ['time', times],
  ['revocation', revocation],
  ['trust policies', policies],
])('%s', (_, rows) => {
  it.each(rows.map((row) => [row.name, row] as const))('%s', async (_name, row) => {
    const { ours, theirs } = await askBoth(world, lists, await row.ask());
    expect(said(ours), detailOf(ours)).toBe(row.ours);
    const passes = ['verified', 'tolerated', 'skip'].includes(ours.kind);
    const theyPass = theirs.verdict === 'verified' || theirs.verdict === 'skipped';
    expect(theyPass, theirs.why ?? 'it passed').toBe(row.theirs ?? passes);
    expect(row.because === undefined, 'a difference has its reason').toBe(passes === theyPass);
    if (ours.kind === 'verified' || ours.kind === 'tolerated') {
      if (theyPass) expect(ours.logged.map(({ step }) => step)).toEqual(theirs.logged);
    }
  });
});

it('compares at least sixty cases, with both verdicts', () => {
  const rows = [
    honest,
    notThisImage,
    notThisSigner,
    certificates,
    envelopes,
    attributes,
    times,
    revocation,
    policies,
  ].flat();
  expect(rows.length).toBeGreaterThan(150);
  expect(rows.filter((row) => ['verified', 'tolerated', 'skip'].includes(row.ours)).length).toBeGreaterThan(40);
  expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
});

function said(ours: Answers['ours']): string {
  return ours.kind === 'rejected' ? `rejected ${ours.why} ${ours.step}` : ours.kind;
}

function detailOf(ours: Answers['ours']): string {
  if (ours.kind === 'policy') return ours.error.message;
  return ours.kind === 'rejected' ? ours.detail : '';
}
