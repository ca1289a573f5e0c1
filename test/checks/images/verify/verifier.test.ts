import { describe, expect, it } from 'vitest';
import type { VerifierPorts } from '../../../../src/checks/images/verify/case.ts';
import type { Collected } from '../../../../src/checks/images/verify/collect.ts';
import { createVouchingStore, forOneRun, type VouchingStore } from '../../../../src/checks/images/verify/memory.ts';
import { judge, type VerifiedImage } from '../../../../src/checks/images/verify/verifier.ts';
import { parseImageReference } from '../../../../src/core/image.ts';
import { digestOf, examiner, type PolicyOptions, trustOf } from '../support.ts';

const digest = digestOf(Buffer.from('image'));
const reference = parseImageReference('registry.example/team/app:v1');
const nothing: Collected = { found: [], malformed: [], tooMany: [], failures: [] };
const byKey = { authorities: [{ key: { data: publicPem() }, ctlog: {} }] };
const pass = { authorities: [{ static: { action: 'pass' } }] };
const fail = { authorities: [{ static: { action: 'fail', message: 'retired' } }] };
const warn = { mode: 'warn' } as const;

async function judged(policies: readonly PolicyOptions[], ports: Partial<VerifierPorts> = {}) {
  const trust = await trustOf(...policies);
  return await judge(
    { digest, reference, policies: trust.policies.map((policy) => ({ policy, objects: [] })) },
    {
      collect: async () => nothing,
      examiner,
      notation: () => Promise.reject(new Error('no')),
      content: undefined,
      configs: async () => ({}),
      vouched: forOneRun(),
      everything: false,
      clock: { now: () => 0 },
      signal: new AbortController().signal,
      ...ports,
    },
  );
}

describe('the verifier', () => {
  it('refuses a digest that no policy speaks for', async () => {
    expect((await judged([])).verdict).toMatchObject({ kind: 'refused', objections: [{ code: 'IMAGE_UNMATCHED' }] });
  });

  it('alone makes a verified image: the mark cannot be had or copied from outside', async () => {
    expect((await judged([pass])).verdict).toMatchObject({ kind: 'verified', image: { digest } });
    // @ts-expect-error an object that looks alike is not a VerifiedImage
    const forged: VerifiedImage = { digest, by: [] };
    expect(Object.keys(forged)).not.toContain('verified');
  });

  it.each([
    ['throws', async () => Promise.reject(new Error('broken'))],
    ['returns nothing', async () => undefined as never],
    ['returns another answer than it was given', async () => ({ ...(await judged([pass])).accounts[0] }) as never],
    ['returns an answer to another question', async () => (await judged([pass])).accounts[0] as never],
  ] satisfies [string, VouchingStore['once']][])('denies where what remembers %s', async (_, once) => {
    const { verdict } = await judged([byKey], { vouched: { once } });
    expect(verdict).toMatchObject({ kind: 'refused', objections: [{ effect: 'error' }] });
  });

  it.each([
    ['throws', () => Promise.reject(new Error('broken'))],
    ['gives nothing', () => Promise.resolve(undefined as never)],
  ])('denies where its collector %s', async (_, collect) => {
    expect((await judged([byKey], { collect })).verdict).toMatchObject({
      kind: 'refused',
      objections: [{ effect: 'error', code: 'CHECK_CRASHED' }],
    });
  });

  it('hands on the deadline', async () => {
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(judged([byKey], { collect: () => Promise.reject(new Error('gone')), signal })).rejects.toThrow();
  });
});

describe('a policy that only warns', () => {
  it.each([
    ['alone, satisfied, vouches', [{ ...pass, ...warn }], 'verified', 0],
    ['alone, not satisfied, lets through and verifies nothing', [{ ...fail, ...warn }], 'tolerated', 1],
    ['beside one that vouches is told', [pass, { ...fail, ...warn }], 'verified', 1],
    ['beside one that refuses changes nothing', [fail, { ...pass, ...warn }], 'refused', 1],
    ['is told beside one that refuses', [fail, { ...fail, ...warn }], 'refused', 2],
  ])('%s', async (_, policies, kind, told) => {
    const { verdict } = await judged(policies);
    expect(verdict.kind).toBe(kind);
    const objections = verdict.kind === 'refused' ? verdict.objections : verdict.warnings;
    expect(objections).toHaveLength(told);
    if (verdict.kind !== 'refused') expect(objections.every(({ effect }) => effect === 'warn')).toBe(true);
    else expect(objections[0]?.effect).toBe('deny');
  });
});

describe('what vouched', () => {
  it('is asked about once, and again when it is too old; a refusal is never kept', async () => {
    let now = 0;
    // Set back by hours while the process goes on, as it is where a clock was wrong.
    let time = 86_400_000;
    const vouched = createVouchingStore({ now: () => time }, () => now);
    let asked = 0;
    const signal = new AbortController().signal;
    const account = (await judged([pass])).accounts[0] as never;
    const refusal = (await judged([fail])).accounts[0] as never;
    const ask = (answer: never) => async () => {
      asked += 1;
      return answer;
    };
    await Promise.all([vouched.once('a', ask(account), signal), vouched.once('a', ask(account), signal)]);
    expect(asked).toBe(1);
    await vouched.once('a', ask(account), signal);
    expect(asked).toBe(1);
    await vouched.once('b', ask(refusal), signal);
    await vouched.once('b', ask(refusal), signal);
    expect(asked).toBe(3);
    now = 60 * 60 * 1000;
    time = 0;
    await vouched.once('a', ask(account), signal);
    expect(asked).toBe(4);
  });

  it('is asked for again by those who did not give up, when the first did', async () => {
    const vouched = createVouchingStore({ now: () => 0 });
    const first = new AbortController();
    const account = (await judged([pass])).accounts[0] as never;
    const { GateError } = await import('../../../../src/core/errors.ts');
    const reason = new GateError('CHECK_TIMEOUT', 'too late');
    const hanging = vouched.once(
      'a',
      () => new Promise((_, failed) => first.signal.addEventListener('abort', () => failed(reason))),
      first.signal,
    );
    const second = vouched.once('a', async () => account, new AbortController().signal);
    first.abort(reason);
    await expect(hanging).rejects.toThrow('too late');
    expect(await second).toBe(account);
  });
});

function publicPem(): string {
  return `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEff9EkwWd4OtPoWkFknHV5j7VdADd
G/ow+oDjRSXBkze+zJgW1vNB4w6BnYnJHEgG9l5alReeIEnG9nhnmi1GzQ==
-----END PUBLIC KEY-----
`;
}
