import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ImagePolicy } from '../../../../src/checks/images/policy/model.ts';
import type { Collected, Family, Found } from '../../../../src/checks/images/verify/collect.ts';
import { forOneRun } from '../../../../src/checks/images/verify/memory.ts';
import { judge } from '../../../../src/checks/images/verify/verifier.ts';
import { GateError } from '../../../../src/core/errors.ts';
import { parseImageReference } from '../../../../src/core/image.ts';
import { digestOf, examiner, trustOf } from '../support.ts';

/** Where signatures were found before is looked at first. Nothing but the number of requests may tell. */

const digest = digestOf(Buffer.from('image'));
const reference = parseImageReference('registry.example/team/app:v1');
const places = ['signature-tag', 'bundles', 'signature-referrers'] as const;
const everywhere = expect.arrayContaining([...places]);
const keys = [0, 1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
const byKey = (i: number) => ({
  name: `by-${i}`,
  key: { data: keys[i]?.publicKey.export({ format: 'pem', type: 'spki' }).toString() },
  ctlog: {},
});

type Image = Readonly<Partial<Record<Family, Collected>>>;

function signed(family: (typeof places)[number], key: number): Found {
  const by = keys[key]?.privateKey;
  if (by === undefined) throw new Error('no such key');
  const source = `${family} by ${key}`;
  if (family === 'bundles') {
    const type = 'application/vnd.in-toto+json';
    const statement = JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ digest: { sha256: digest.slice(7) } }],
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      predicate: {},
    });
    const sig = sign('sha256', Buffer.from(`DSSEv1 ${type.length} ${type} ${statement.length} ${statement}`), by);
    const bundle = {
      mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
      verificationMaterial: { publicKey: { hint: '' } },
      dsseEnvelope: {
        payload: Buffer.from(statement).toString('base64'),
        payloadType: type,
        signatures: [{ sig: sig.toString('base64') }],
      },
    };
    return { form: 'bundle', source, annotations: {}, bytes: Buffer.from(JSON.stringify(bundle)), hint: undefined };
  }
  const critical = {
    identity: { 'docker-reference': 'registry.example/team/app' },
    image: { 'docker-manifest-digest': digest },
    type: 'cosign container image signature',
  };
  const bytes = Buffer.from(JSON.stringify({ critical, optional: null }));
  const annotations = { 'dev.cosignproject.cosign/signature': sign('sha256', bytes, by).toString('base64') };
  return { form: 'signature-layer', source, annotations, bytes, hint: undefined };
}

function placeWith(found: readonly Found[], failed = false): Collected {
  const failures = failed ? [new GateError('REGISTRY_TIMEOUT', 'the registry did not answer within 8 s')] : [];
  return { found, malformed: [], tooMany: [], failures };
}

async function policyOf(authorities: readonly object[], quorum = 1): Promise<ImagePolicy> {
  const [policy] = (await trustOf({ authorities })).policies;
  if (policy === undefined) throw new Error('no policy was loaded');
  return { ...policy, quorum };
}

async function judged(policy: ImagePolicy, image: Image, everything = false) {
  const asked: Family[] = [];
  const { verdict } = await judge(
    { digest, reference, policies: [{ policy, objects: [] }] },
    {
      collect: async (_, family) => {
        if (!asked.includes(family)) asked.push(family);
        return image[family] ?? placeWith([]);
      },
      examiner,
      notation: () => Promise.reject(new Error('no')),
      content: undefined,
      configs: async () => ({}),
      vouched: forOneRun(),
      everything,
      clock: { now: () => 0 },
      signal: new AbortController().signal,
    },
  );
  return { verdict, asked };
}

/** Numbers from 0 to 1, the same in every run. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('where signatures of a policy were found before', () => {
  it('is all that is asked of the next image that has one there', async () => {
    const policy = await policyOf([byKey(0)]);
    const image = { 'signature-tag': placeWith([signed('signature-tag', 0)]) };
    expect((await judged(policy, image)).asked).toEqual(everywhere);
    const again = await judged(policy, image);
    expect(again.asked).toEqual(['signature-tag']);
    expect(again.verdict.kind).toBe('verified');
  });

  it('is not all where everything is to be told', async () => {
    const policy = await policyOf([byKey(0)]);
    const image = { 'signature-tag': placeWith([signed('signature-tag', 0)]) };
    await judged(policy, image);
    expect((await judged(policy, image, true)).asked).toEqual(everywhere);
  });

  it.each([
    ['nothing', placeWith([])],
    ['a signature by somebody else', placeWith([signed('signature-tag', 1)])],
    ['no answer', placeWith([], true)],
  ])('is not all where it holds %s', async (_, there) => {
    const policy = await policyOf([byKey(0)]);
    await judged(policy, { 'signature-tag': placeWith([signed('signature-tag', 0)]) });
    const elsewhere = { 'signature-tag': there, bundles: placeWith([signed('bundles', 0)]) };
    expect((await judged(policy, elsewhere)).verdict.kind).toBe('verified');
    const denied = await judged(policy, { 'signature-tag': there });
    expect(denied.verdict.kind).toBe('refused');
    expect(denied.asked).toEqual(everywhere);
  });

  it('does not make the second of two authorities vouch where the first would', async () => {
    const policy = await policyOf([byKey(0), byKey(1)]);
    await judged(policy, { 'signature-tag': placeWith([signed('signature-tag', 0)]) });
    await judged(policy, { 'signature-tag': placeWith([signed('signature-tag', 1)]) });
    const image = {
      'signature-tag': placeWith([signed('signature-tag', 1)]),
      bundles: placeWith([signed('bundles', 0)]),
    };
    expect((await judged(policy, image)).verdict).toMatchObject({
      image: { by: [expect.stringContaining('authority by-0,')] },
    });
  });

  const both = [byKey(0), byKey(1)];
  const retired = { name: 'retired', static: { action: 'fail', message: 'retired' } };
  it.each<[string, readonly object[], number]>([
    ['one key', [byKey(0)], 1],
    ['either of two keys', both, 1],
    ['both of two keys', both, 2],
    ['two of three keys', [...both, byKey(2)], 2],
    ['a key beside one that always fails', [retired, byKey(0)], 1],
    ['a key and one that always passes', [{ name: 'open', static: { action: 'pass' } }, byKey(0)], 2],
  ])('changes no word of a verdict by %s, in whatever order images come', async (_, authorities, quorum) => {
    const [habitual, fresh] = [await policyOf(authorities, quorum), await policyOf(authorities, quorum)];
    const random = numbers(authorities.length * 10 + quorum);
    for (let i = 0; i < 150; i += 1) {
      const image = Object.fromEntries(
        places.map((family) => {
          const found = keys.flatMap((_key, key) => (random() < 0.4 ? [signed(family, key)] : []));
          return [family, placeWith(found, random() < 0.15)];
        }),
      );
      const { verdict } = await judged(habitual, image);
      expect(verdict).toEqual((await judged(fresh, image, true)).verdict);
    }
  });
});
