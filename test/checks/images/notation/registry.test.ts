import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Registries } from '../../../../src/adapters/registry/registries.ts';
import { startThread } from '../../../../src/adapters/thread.ts';
import { loadTrust, type Trust } from '../../../../src/checks/images/policy/trust.ts';
import { createExaminer, type Examiner } from '../../../../src/checks/images/verify/examiner.ts';
import { open } from '../../../adapters/registry/support.ts';
import {
  type PushedImage,
  pushImage,
  pushIndex,
  type RunningRegistry,
  startRegistry,
} from '../../../support/registry.ts';
import { checked, imageOf, podsWith, trustPorts } from '../support.ts';
import { cose, jws, keyKinds, type StatementChange, trustPolicy, World } from './support.ts';

/** What notation-go signed into real registries, read from there through the real client. */

let world: World;
let withReferrers: RunningRegistry;
let withoutReferrers: RunningRegistry;
let registries: Registries;

beforeAll(async () => {
  world = await World.make();
  withReferrers = await startRegistry();
  withoutReferrers = await startRegistry({ referrers: false });
  registries = open([withReferrers, withoutReferrers].map(({ host }) => ({ host, plainHttp: true })));
});
afterAll(async () => {
  registries.close();
  await world[Symbol.asyncDispose]();
  await Promise.all([withReferrers.stop(), withoutReferrers.stop()]);
});

async function trustFor(image: PushedImage, change: StatementChange = {}, statements: unknown[] = []): Promise<Trust> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-notation-trust-'));
  try {
    const document = trustPolicy({ registryScopes: [`${image.host}/${image.repository}`], ...change });
    const all = { ...document, trustPolicies: [...Object(document).trustPolicies, ...statements] };
    writeFileSync(join(folder, 'trustpolicy.json'), JSON.stringify(all));
    const source = { trustPolicy: join(folder, 'trustpolicy.json'), trustStore: join(world.folder, 'truststore') };
    return await loadTrust([source], (path) => path, trustPorts);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
const now = { clock: { now: () => Date.now() } };
const hazard = 'warn IMAGE_POLICY_HAZARD';

/** What is found, without the warnings about the policies themselves. */
async function run(image: PushedImage, trust: Trust, deps: typeof now & { readonly examiner?: Examiner } = now) {
  const found = await checked(podsWith(image.tagged), { trust, registry: registries.forRun(), ...deps });
  const findings = found.findings.filter(({ code }) => code !== 'IMAGE_POLICY_HAZARD');
  return { ...found, findings, codes: found.codes.filter((code) => code !== hazard) };
}

describe('what notation signed', () => {
  const rows = [jws, cose].flatMap((mediaType) =>
    keyKinds.flatMap((key) => [true, false].map((referrers) => [mediaType, key, referrers] as const)),
  );
  it.each(rows)('%s by %s, referrers API %s', async (mediaType, key, referrers) => {
    const { host } = referrers ? withReferrers : withoutReferrers;
    const image = await pushImage(host, `team/${mediaType === jws ? 'jws' : 'cose'}-${key}`, 'v1');
    const trust = await trustFor(image, { trustedIdentities: [`x509.subject: C=US, ST=WA, O=acme, CN=${key}`] });
    expect((await run(image, trust)).codes).toEqual(['deny IMAGE_UNSIGNED']);

    await world.notation.signImage({ reference: image.pinned, mediaType, certificate: key, seconds: 3600 });
    const signed = await run(image, trust);
    expect(signed.findings).toEqual([]);
    expect(imageOf(signed.pinned[0])).toBe(`${image.tagged}@${image.digest}`);
    expect(signed.images).toEqual([
      {
        reference: image.tagged,
        digest: image.digest,
        by: [`Notation trust policy release, authority release, signed by C=US,ST=WA,O=acme,CN=${key}`],
      },
    ]);

    const other = await trustFor(image, { trustedIdentities: ['x509.subject: C=US, ST=WA, O=acme, CN=other'] });
    expect((await run(image, other)).codes).toEqual(['deny IMAGE_SIGNATURE_OTHER_IDENTITY']);
  });

  it('an index is what its own signature says, and its images are not', async () => {
    const inside = await pushImage(withReferrers.host, 'team/multi', 'amd64');
    const index = await pushIndex(withReferrers.host, 'team/multi', 'v1', [inside]);
    await world.notation.signImage({ reference: index.pinned, mediaType: jws, certificate: 'ec256' });
    const trust = await trustFor(index);
    expect((await run(index, trust)).codes).toEqual([]);
    expect((await run(inside, trust)).codes).toEqual(['deny IMAGE_UNSIGNED']);
  });

  it('one good signature among bad ones is found', async () => {
    const image = await pushImage(withReferrers.host, 'team/several', 'v1');
    for (const certificate of ['foreign', 'ec384', 'ec256']) {
      await world.notation.signImage({ reference: image.pinned, mediaType: cose, certificate });
    }
    const trust = await trustFor(image, { trustedIdentities: ['x509.subject: C=US, ST=WA, O=acme, CN=ec256'] });
    const found = await run(image, trust);
    expect(found.codes).toEqual([]);
    expect(found.images[0]?.by[0]).toContain('CN=ec256');
  });

  it('a timestamp by a trusted authority, where one is demanded', async () => {
    const image = await pushImage(withReferrers.host, 'team/stamped', 'v1');
    const trust = await trustFor(image, { trustStores: ['ca:acme', 'tsa:clocks'] });
    await world.notation.signImage({ reference: image.pinned, mediaType: jws, certificate: 'ec256' });
    expect((await run(image, trust)).codes).toEqual(['deny IMAGE_SIGNATURE_UNTRUSTED']);
    await world.notation.signImage({
      reference: image.pinned,
      mediaType: jws,
      certificate: 'ec256',
      authority: 'clock',
    });
    expect((await run(image, trust)).codes).toEqual([]);
  });

  it('an unknown revocation is not an answer, and says what is missing', async () => {
    const image = await pushImage(withReferrers.host, 'team/listed', 'v1');
    await world.notation.signImage({ reference: image.pinned, mediaType: jws, certificate: 'listed-signer' });
    const { findings } = await run(image, await trustFor(image));
    expect(findings).toMatchObject([
      { effect: 'error', code: 'IMAGE_UNVERIFIABLE', mend: expect.stringContaining('crls') },
    ]);
  });
});

describe('a thread that judges it', () => {
  it.each([
    ['hangs', 'for(;;);', 300, 'error IMAGE_VERIFY_TIMEOUT'],
    ['crashes', 'throw new Error("broken")', 20_000, 'error IMAGE_VERIFY_CRASHED'],
    ['ends', 'process.exit(0)', 20_000, 'error IMAGE_VERIFY_CRASHED'],
    ['says yes to nothing', says('{ answer: undefined }'), 20_000, 'error CHECK_SILENT'],
    ['says half of it', says('{ answer: { passed: true } }'), 20_000, 'error CHECK_SILENT'],
  ])('and %s lets nothing pass, under audit either', async (_, program, deadlineMs, code) => {
    const image = await pushImage(withReferrers.host, 'team/thread', 'v1');
    await world.notation.signImage({ reference: image.pinned, mediaType: jws, certificate: 'ec256' });
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const examiner = createExaminer({
      startThread: () => startThread(url, { syncgate: 'verifier' }),
      threads: 1,
      deadlineMs,
    });
    const deps = { ...now, examiner };
    const found = await run(image, await trustFor(image), deps);
    const audited = await run(image, await trustFor(image, { signatureVerification: { level: 'audit' } }), deps);
    examiner.close();
    expect([found.codes, audited.codes.filter((each) => each !== hazard)]).toEqual([[code], [code]]);
    expect([found.images, audited.images]).toEqual([[], []]);
  });

  function says(answer: string): string {
    return `import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => parentPort.postMessage(${answer}));`;
  }
});

describe('levels', () => {
  const audit = { signatureVerification: { level: 'audit' } };
  it('audit lets a signature by a stranger pass with a warning, and never calls it verified', async () => {
    const image = await pushImage(withReferrers.host, 'team/audited', 'v1');
    await world.notation.signImage({ reference: image.pinned, mediaType: jws, certificate: 'foreign' });
    const found = await run(image, await trustFor(image, audit));
    expect(found.codes).toContain('warn IMAGE_SIGNATURE_OTHER_IDENTITY');
    expect(found.findings.every(({ effect }) => effect === 'warn')).toBe(true);
    expect(found.images).toEqual([{ reference: image.tagged, digest: undefined, by: [] }]);
    expect(imageOf(found.pinned[0])).toBe(image.tagged);
  });

  it('audit denies what is not signed at all', async () => {
    const image = await pushImage(withReferrers.host, 'team/audited', 'v2', 'unsigned');
    expect((await run(image, await trustFor(image, audit))).codes).toContain('deny IMAGE_UNSIGNED');
  });

  it('audit calls a trusted signer verified', async () => {
    const image = await pushImage(withReferrers.host, 'team/audited', 'v3', 'trusted');
    await world.notation.signImage({ reference: image.pinned, mediaType: jws, certificate: 'ec256' });
    expect((await run(image, await trustFor(image, audit))).images[0]?.by).toHaveLength(1);
  });

  it('permissive says what it only logged', async () => {
    const image = await pushImage(withReferrers.host, 'team/permissive', 'v1');
    await world.notation.signImage({ reference: image.pinned, mediaType: jws, certificate: 'ec256', seconds: 60 });
    const trust = await trustFor(image, { signatureVerification: { level: 'permissive' } });
    const later = { clock: { now: () => Date.now() + 120_000 } };
    const found = await run(image, trust, later);
    expect(found.images[0]?.by[0]).toMatch(/expiry only logged: it expired at/);
    const strict = await run(image, await trustFor(image), later);
    expect(strict.codes).toEqual(['deny IMAGE_SIGNATURE_UNTRUSTED']);
  });

  it('a statement for one repository leaves nothing to that for all others', async () => {
    const image = await pushImage(withReferrers.host, 'team/scoped', 'v1');
    const others = { ...Object(trustPolicy({ name: 'others', registryScopes: ['*'], ...audit })).trustPolicies[0] };
    await world.notation.signImage({ reference: image.pinned, mediaType: jws, certificate: 'foreign' });
    const found = await run(image, await trustFor(image, {}, [others]));
    expect(found.codes.filter((code) => code.startsWith('deny'))).toEqual(['deny IMAGE_SIGNATURE_OTHER_IDENTITY']);
  });

  it('an image that no statement names is for the setting of images that no policy matches', async () => {
    const image = await pushImage(withReferrers.host, 'team/unnamed', 'v1');
    await world.notation.signImage({ reference: image.pinned, mediaType: jws, certificate: 'ec256' });
    const trust = await trustFor(image, { registryScopes: ['registry.example/team/other'] });
    expect((await run(image, trust)).codes).toContain('deny IMAGE_UNMATCHED');
  });
});
