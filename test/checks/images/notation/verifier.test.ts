import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examineNotation } from '../../../../src/checks/images/notation/examine.ts';
import type { NotationPolicy } from '../../../../src/checks/images/notation/model.ts';
import { judgeNotation } from '../../../../src/checks/images/notation/verifier.ts';
import { GateError } from '../../../../src/core/errors.ts';
import { parseDigest, parseImageReference } from '../../../../src/core/image.ts';
import type { VerifiedBytes } from '../../../../src/core/ports.ts';
import { rejectionOf } from '../../../support/thrown.ts';
import { jws, loadPolicies, payload, policyOf, repository, target, trustPolicy, World } from './support.ts';

/** What becomes of all the signatures of an image, and of a registry that does not answer as it should. */

let world: World;
let policy: NotationPolicy;
const envelopes = new Map<string, Buffer>();
const digest = parseDigest(target.digest);
const honest: VerifiedBytes = { digest, mediaType: target.mediaType, bytes: new Uint8Array(target.size) };

beforeAll(async () => {
  world = await World.make();
  policy = policyOf(await loadPolicies(world, trustPolicy())) as NotationPolicy;
  const expiry = new Date(Date.now() - 10_000);
  const more: Record<string, object> = { ec256: {}, foreign: {}, ec384: { expiry } };
  for (const [certificate, each] of Object.entries(more)) {
    envelopes.set(certificate, await world.notation.sign({ mediaType: jws, certificate, payload, ...each }));
  }
});
afterAll(async () => await world[Symbol.asyncDispose]());

function found(...certificates: readonly string[]) {
  return certificates.map((source) => ({
    form: 'notation',
    source,
    annotations: { mediaType: jws },
    bytes: envelopes.get(source) ?? Buffer.from(source),
  }));
}
async function judged(
  signatures: ReturnType<typeof found>,
  manifest: () => Promise<VerifiedBytes | undefined> = async () => honest,
  signal = new AbortController().signal,
  by: { readonly policy: NotationPolicy; readonly maxAgeDays?: number } = { policy },
) {
  const authority = { kind: 'notation', name: 'release', ...by } as const;
  const image = { digest, reference: parseImageReference(`${repository}@${digest}`) };
  return await judgeNotation(authority, signatures, image, {
    registry: { manifest },
    examineNotation: async (asked, stop) => {
      stop.throwIfAborted();
      return examineNotation(asked);
    },
    clock: { now: () => Date.now() },
    signal,
  });
}

it.each([
  ['a good one last', ['foreign', 'nonsense', 'ec256'], true, 'CN=ec256'],
  [
    'an expired one of a trusted signer says more than that of a stranger',
    ['foreign', 'ec384'],
    false,
    'ec384: it expired',
  ],
  ['nonsense says more than a stranger', ['foreign', 'nonsense'], false, 'nonsense: it is not JSON'],
  ['a stranger alone', ['foreign'], false, 'is not below'],
])('%s', async (_, certificates, passed, words) => {
  const answer = await judged(found(...certificates));
  expect(answer).toMatchObject({ passed, tolerated: false, note: expect.stringContaining(words) });
});

describe('an age', () => {
  const day = 24 * 60 * 60 * 1000;
  const stampedAt = new Date(Math.floor((Date.now() - 60_000) / 1000) * 1000);
  let stamped: ReturnType<typeof found>;
  let byTimestamps: NotationPolicy;
  beforeAll(async () => {
    const document = trustPolicy({ trustStores: ['ca:acme', 'tsa:clocks'] });
    byTimestamps = policyOf(await loadPolicies(world, document)) as NotationPolicy;
    const how = { mediaType: jws, certificate: 'ec256', payload, authority: 'clock', timestampTime: stampedAt };
    const bytes = await world.notation.sign(how);
    stamped = found('ec256').map((each) => ({ ...each, bytes }));
  });
  const aged = (signatures: typeof stamped, by: NotationPolicy, now: number, ...[maxAgeDays]: [days?: number]) =>
    examineNotation({
      signatures: signatures.map(({ source, bytes }) => ({ source, mediaType: jws, bytes })),
      target,
      policy: by,
      maxAgeDays,
      now,
    });

  it('is that of the authentic time', () => {
    const at = aged(stamped, byTimestamps, stampedAt.getTime(), 30).trustedTime ?? 0;
    expect(Math.abs(at - stampedAt.getTime())).toBeLessThanOrEqual(1000);
    expect(aged(stamped, byTimestamps, at + 30 * day, 30)).toMatchObject({ passed: true });
    const late = aged(stamped, byTimestamps, at + 30 * day + 1, 30);
    expect(late).toMatchObject({ passed: false, tolerated: false, code: 'IMAGE_SIGNATURE_TOO_OLD' });
    expect(late.note).toMatch(/^ec256: it was made at .* and counts for 30 days by spec.images.maxAge$/);
    expect(aged(stamped, byTimestamps, at + 30 * day + 1)).toMatchObject({ passed: true });
  });

  it('is not known without one, whatever the signer says', () => {
    const answer = aged(found('ec256'), policy, Date.now(), 30);
    expect(answer).toMatchObject({ passed: false, code: 'IMAGE_SIGNATURE_TOO_OLD' });
    expect(answer.note).toBe('ec256: no log or timestamp says when it was made');
    expect(answer.mend).toContain('tsa store');
  });

  it('reaches the examination', async () => {
    expect(await judged(stamped, undefined, undefined, { policy: byTimestamps, maxAgeDays: 1 })).toMatchObject({
      passed: true,
    });
    expect(await judged(found('ec256'), undefined, undefined, { policy, maxAgeDays: 1 })).toMatchObject({
      code: 'IMAGE_SIGNATURE_TOO_OLD',
    });
  });
});

it('nothing is unsigned, and no registry is asked', async () => {
  const never = async () => {
    throw new Error('asked');
  };
  expect(await judged([], never)).toMatchObject({ passed: false, code: 'IMAGE_UNSIGNED', note: undefined });
  const others = found('ec256').map((each) => ({ ...each, form: 'bundle' }));
  expect(await judged(others, never)).toMatchObject({ passed: false, code: 'IMAGE_UNSIGNED' });
});

describe('a registry', () => {
  it.each([
    ['that has no manifest', async () => undefined],
    ['that answers with another', async () => ({ ...honest, digest: parseDigest(`sha256:${'cd'.repeat(32)}`) })],
  ])('%s lets nothing pass', async (_, manifest) => {
    expect((await rejectionOf(judged(found('ec256'), manifest))).code).toBe('IMAGE_NOT_FOUND');
  });

  it('that fails, fails', async () => {
    const manifest = async () => {
      throw new GateError('REGISTRY_TIMEOUT', 'no answer');
    };
    expect((await rejectionOf(judged(found('ec256'), manifest))).code).toBe('REGISTRY_TIMEOUT');
  });

  it.each([
    ['another size', { bytes: new Uint8Array(3) }],
    ['another media type', { mediaType: 'application/vnd.docker.distribution.manifest.v2+json' }],
  ])('that answers with %s than was signed denies', async (_, change) => {
    const answer = await judged(found('ec256'), async () => ({ ...honest, ...change }));
    expect(answer).toMatchObject({ passed: false, code: 'IMAGE_SIGNATURE_OTHER_DIGEST' });
  });
});

it('a deadline ends it', async () => {
  const over = AbortSignal.abort(new GateError('CHECK_TIMEOUT', 'over'));
  expect((await rejectionOf(judged(found('ec256'), undefined, over))).code).toBe('CHECK_TIMEOUT');
});
