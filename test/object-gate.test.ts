/** One object through the pure gate: whatever a check does but allow, denies. */
import { describe, expect, it } from 'vitest';
import type { Decision, Finding, Outcome } from '../src/core/decision.ts';
import { GateError } from '../src/core/errors.ts';
import { objectFrom } from '../src/core/json.ts';
import type { Manifest } from '../src/core/manifest.ts';
import type { JudgedObject } from '../src/core/rendered.ts';
import { judgeObject, type ObjectStages } from '../src/gate.ts';

const origin = { file: '-' };
const object = objectFrom([['metadata', objectFrom([['name', 'a']])]]);
const manifest: Manifest = {
  index: 0,
  identity: { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: 'apps' },
  object,
  origin,
  locate: () => origin,
};
const judged: JudgedObject = { manifest, object, written: object };
const passed: Outcome = { kind: 'completed', examined: 1, findings: [] };
const denial: Finding = { effect: 'deny', code: 'IMAGE_UNSIGNED', rule: 'images', message: 'no', mend: 'sign it' };
const unevaluated = { policy: 'whole', rule: 'deny', why: 'it reads the whole set' };

const good: ObjectStages = {
  checkImages: async (manifests) => ({ outcome: passed, images: [], pinned: manifests }),
  checkPolicies: async () => ({ outcome: passed, engines: { opa: 'v1' }, notEvaluated: [unevaluated] }),
};

function judge(broken: Partial<ObjectStages> = {}, signal = new AbortController().signal): Promise<Decision> {
  return judgeObject(() => judged, { ...good, ...broken }, signal);
}

describe('an object of which everything holds', () => {
  it('is allowed, with the names of what was not evaluated, and nothing comes out of it', async () => {
    const decision = await judge();
    expect(decision).toMatchObject({ verdict: 'allowed', reasons: [], objects: 1, notEvaluated: [unevaluated] });
    expect(decision.checks.map(({ check, status }) => `${check} ${status}`)).toEqual([
      'request passed',
      'images passed',
      'policy passed',
    ]);
    expect(decision.manifestsDigest).toBeUndefined();
  });

  it('needs no images check where the configuration says so', async () => {
    const { verdict, checks } = await judge({ checkImages: undefined });
    expect([verdict, checks.map(({ check }) => check)]).toEqual(['allowed', ['request', 'policy']]);
  });

  it('is shown to the policies as it is, whatever the images check would write into it', async () => {
    const shown: unknown[] = [];
    const pinned = { ...manifest, object: objectFrom([['pinned', true]]) };
    await judge({
      checkImages: async () => ({ outcome: passed, images: [], pinned: [pinned] }),
      checkPolicies: async (each) => {
        shown.push(each.object);
        return good.checkPolicies(each, new AbortController().signal);
      },
    });
    expect(shown).toEqual([object]);
  });
});

const hang = () => new Promise<never>(() => {});
const crash = () => Promise.reject(new Error('boom'));
const crashAtOnce = () => {
  throw new Error('boom');
};
const nothing = () => Promise.resolve(undefined as never);
const noOutcome = () => Promise.resolve({} as never);
const refuse = async () => ({
  outcome: { kind: 'completed', examined: 1, findings: [denial] } as const,
  images: [],
  pinned: [manifest],
  engines: {},
  notEvaluated: [],
});
const err = async () => ({
  ...(await refuse()),
  outcome: { kind: 'errored', error: new GateError('OPA_FAILED', 'no engine') } as const,
});
const dropped = async () => ({ ...(await refuse()), outcome: passed, pinned: [] });
const exchanged = async () => {
  const other = { ...manifest, identity: { ...manifest.identity, name: 'b' } };
  return { ...(await refuse()), outcome: passed, pinned: [other] };
};

describe('an object of which anything does not', () => {
  it.each<[string, Partial<ObjectStages>, string]>([
    ['images refuse', { checkImages: refuse }, 'IMAGE_UNSIGNED'],
    ['policies refuse', { checkPolicies: refuse }, 'IMAGE_UNSIGNED'],
    ['images err', { checkImages: err }, 'OPA_FAILED'],
    ['policies err', { checkPolicies: err }, 'OPA_FAILED'],
    ['images crash', { checkImages: crash }, 'CHECK_CRASHED'],
    ['policies crash', { checkPolicies: crash }, 'CHECK_CRASHED'],
    ['images crash at once', { checkImages: crashAtOnce }, 'CHECK_CRASHED'],
    ['policies crash at once', { checkPolicies: crashAtOnce }, 'CHECK_CRASHED'],
    ['images say nothing', { checkImages: nothing }, 'CHECK_SILENT'],
    ['policies say nothing', { checkPolicies: nothing }, 'CHECK_SILENT'],
    ['images give no outcome', { checkImages: noOutcome }, 'CHECK_SILENT'],
    ['policies give no outcome', { checkPolicies: noOutcome }, 'CHECK_SILENT'],
    ['images drop it', { checkImages: dropped }, 'CHECK_SILENT'],
    ['images exchange it', { checkImages: exchanged }, 'CHECK_SILENT'],
    ['images hang', { checkImages: hang }, 'CHECK_TIMEOUT'],
    ['policies hang', { checkPolicies: hang }, 'CHECK_TIMEOUT'],
  ])('is not allowed: %s', async (_, broken, code) => {
    const { verdict, reasons } = await judge(broken, AbortSignal.timeout(50));
    expect(verdict).not.toBe('allowed');
    expect(reasons.map((reason) => reason.code)).toContain(code);
  });

  it.each([
    ['a GateError', new GateError('MANIFEST_FIELD', 'no name'), 'MANIFEST_FIELD'],
    ['anything', new Error('boom'), 'INTERNAL'],
  ])('is not allowed, nor shown to any check, where reading it throws %s', async (_, error, code) => {
    const asked: string[] = [];
    const stages: ObjectStages = {
      checkImages: () => {
        asked.push('images');
        return hang();
      },
      checkPolicies: () => {
        asked.push('policy');
        return hang();
      },
    };
    const read = () => {
      throw error;
    };
    const { verdict, reasons } = await judgeObject(read, stages, new AbortController().signal);
    expect([verdict, reasons[0]?.code, asked]).toEqual(['unevaluated', code, []]);
  });

  it('tells everything that is wrong with it at once', async () => {
    const { reasons } = await judge({ checkImages: refuse, checkPolicies: err });
    expect(reasons.map(({ code }) => code)).toEqual(['IMAGE_UNSIGNED', 'OPA_FAILED']);
  });
});
