import { describe, expect, it, vi } from 'vitest';
import type { DecidedImage, Finding, Outcome } from '../src/core/decision.ts';
import { GateError } from '../src/core/errors.ts';
import { parseDigest } from '../src/core/image.ts';
import { objectFrom } from '../src/core/json.ts';
import type { Manifest } from '../src/core/manifest.ts';
import { type GateStages, type Judged, judge } from '../src/gate.ts';

const passed: Outcome = { kind: 'completed', examined: 1, findings: [] };
const denial: Finding = {
  effect: 'deny',
  code: 'IMAGE_UNSIGNED',
  rule: 'images',
  message: 'no signature',
  mend: 'sign it',
};
const warning: Finding = { ...denial, effect: 'warn' };
const unjudged: Finding = { ...denial, effect: 'error', code: 'IMAGE_UNVERIFIABLE' };
const image: DecidedImage = { reference: 'a.example/b:1', digest: parseDigest(`sha256:${'a'.repeat(64)}`), by: ['p'] };

function manifest(index: number, name = `object-${index}`): Manifest {
  const origin = { file: 'all.yaml', line: 1, column: 1 };
  const object = objectFrom([['metadata', objectFrom([['name', name]])]]);
  return {
    index,
    identity: { apiVersion: 'v1', kind: 'ConfigMap', name, namespace: undefined },
    object,
    origin,
    locate: () => origin,
  };
}

const rendered = [manifest(0), manifest(1)];

/** A gate in which everything holds; a test breaks one stage of it. */
function stages(broken: Partial<GateStages<string>> = {}): GateStages<string> {
  return {
    render: async () => ({ texts: [], engines: { kustomize: 'v5' } }),
    parse: () => rendered,
    checkImages: async (manifests) => ({ outcome: passed, images: [image], pinned: manifests }),
    judged: (manifests) => manifests.map((each) => ({ manifest: each, object: each.object, written: each.object })),
    checkPolicies: async () => ({ outcome: passed, engines: { opa: 'v1' }, notEvaluated: [] }),
    emit: () => 'MANIFESTS',
    allowEmpty: false,
    ...broken,
  };
}

function run(broken: Partial<GateStages<string>>, signal: AbortSignal = new AbortController().signal): Promise<Judged> {
  return judge('request', stages(broken), signal);
}

/** What must be true of every answer but `allowed`. */
function expectWithheld(judged: Judged): void {
  expect(judged.decision.verdict).not.toBe('allowed');
  expect(judged.decision.reasons.length).toBeGreaterThan(0);
  expect(judged.decision.manifestsDigest).toBeUndefined();
  expect(judged.manifests).toBeUndefined();
  expect(JSON.stringify(judged)).not.toContain('MANIFESTS');
}

describe('a set in which everything holds', () => {
  it('is let out, with the digest of exactly the bytes', async () => {
    const judged = await run({});
    expect(judged.manifests).toBe('MANIFESTS');
    expect(judged.decision).toMatchObject({
      verdict: 'allowed',
      reasons: [],
      objects: 2,
      images: [image],
      engines: { kustomize: 'v5', opa: 'v1' },
      manifestsDigest: 'sha256:caf68020b4b8047eb9aff0b99dafede1388dbc05353a1a4607dc0017f51a13f7',
    });
    expect(judged.decision.checks.map((each) => [each.check, each.status])).toEqual([
      ['render', 'passed'],
      ['images', 'passed'],
      ['policy', 'passed'],
    ]);
  });

  it('shows the pinned objects to the policies and to the output', async () => {
    const pinned = rendered.map((each) => ({ ...each, object: objectFrom([['pinned', true]]) }));
    const checkPolicies = vi.fn(stages().checkPolicies);
    const emit = vi.fn(stages().emit);
    await run({ checkImages: async () => ({ outcome: passed, images: [], pinned }), checkPolicies, emit });
    expect(checkPolicies.mock.calls[0]?.[0].map((each) => each.object)).toEqual(pinned.map((each) => each.object));
    expect(emit).toHaveBeenCalledWith(pinned);
  });

  it('is let out with its warnings', async () => {
    const judged = await run({
      checkPolicies: async () => ({
        outcome: { kind: 'completed', examined: 2, findings: [warning] },
        engines: {},
        notEvaluated: [],
      }),
    });
    expect(judged.decision).toMatchObject({ verdict: 'allowed', warnings: [warning] });
  });

  it('is let out unverified where the platform says `unchecked`, and the decision does not claim an images check', async () => {
    const judged = await run({ checkImages: undefined });
    expect(judged.decision.verdict).toBe('allowed');
    expect(judged.decision.checks.map((each) => each.check)).toEqual(['render', 'policy']);
  });
});

describe('a source that renders to nothing', () => {
  it('is not let out, because a controller would prune everything', async () => {
    const judged = await run({ parse: () => [] });
    expectWithheld(judged);
    expect(judged.decision.reasons[0]?.code).toBe('RENDER_NOTHING');
  });

  it('is let out where the platform allows it', async () => {
    const judged = await run({ parse: () => [], emit: () => '', allowEmpty: true });
    expect(judged).toMatchObject({ decision: { verdict: 'allowed', objects: 0 }, manifests: '' });
  });
});

describe('a finding', () => {
  it.each([
    [
      'of the images check denies',
      { checkImages: async () => ({ outcome: found(denial), images: [], pinned: rendered }) },
      'denied',
    ],
    [
      'of the images check that could not be judged',
      { checkImages: async () => ({ outcome: found(unjudged), images: [], pinned: rendered }) },
      'unevaluated',
    ],
    [
      'of a policy denies',
      { checkPolicies: async () => ({ outcome: found(denial), engines: {}, notEvaluated: [] }) },
      'denied',
    ],
    [
      'of a policy that could not be judged',
      { checkPolicies: async () => ({ outcome: found(unjudged), engines: {}, notEvaluated: [] }) },
      'unevaluated',
    ],
    [
      'that denies counts beside a warning',
      { checkPolicies: async () => ({ outcome: found(warning, denial), engines: {}, notEvaluated: [] }) },
      'denied',
    ],
  ] as const)('%s', async (_, broken, verdict) => {
    const emit = vi.fn(() => 'MANIFESTS');
    const judged = await run({ ...broken, emit });
    expectWithheld(judged);
    expect(judged.decision.verdict).toBe(verdict);
    expect(emit).not.toHaveBeenCalled();
  });

  it('of the images does not keep the policies from being judged: all reasons come at once', async () => {
    const judged = await run({
      checkImages: async () => ({ outcome: found(denial), images: [], pinned: rendered }),
      checkPolicies: async () => ({ outcome: found({ ...denial, rule: 'main.deny' }), engines: {}, notEvaluated: [] }),
    });
    expect(judged.decision.reasons.map((each) => each.rule)).toEqual(['images', 'main.deny']);
  });
});

function found(...findings: Finding[]): Outcome {
  return { kind: 'completed', examined: 1, findings };
}

const stageNames = ['render', 'parse', 'checkImages', 'judged', 'checkPolicies', 'emit'] as const;

describe('a stage that throws', () => {
  const thrown: readonly (readonly [string, unknown])[] = [
    ['an error', new TypeError('boom')],
    ['a GateError that could not evaluate', new GateError('RENDER_FAILED', 'boom')],
    ['a GateError that denies', new GateError('SOURCE_OUTSIDE', 'boom')],
    ['a GateError about the settings', new GateError('CONFIG_INVALID', 'boom')],
    ['a string', 'boom'],
    ['undefined', undefined],
    ['null', null],
  ];
  const rows = stageNames.flatMap((stage) => thrown.map(([what, value]) => [stage, what, value] as const));

  it.each(rows)('%s throws %s', async (stage, _, value) => {
    expectWithheld(
      await run({
        [stage]: () => {
          throw value;
        },
      }),
    );
  });

  it.each(['render', 'checkImages', 'checkPolicies'] as const)('%s rejects', async (stage) => {
    expectWithheld(await run({ [stage]: () => Promise.reject(new Error('boom')) }));
  });

  it.each([
    ['SOURCE_OUTSIDE', 'denied'],
    ['RENDER_FAILED', 'unevaluated'],
    ['IMAGE_KEY_INVALID', 'usage'],
  ] as const)('%s gives the verdict %s', async (code, verdict) => {
    const judged = await run({ render: () => Promise.reject(new GateError(code, 'boom')) });
    expect(judged.decision).toMatchObject({ verdict, reasons: [{ code, message: 'boom' }] });
  });

  it('keeps a crash on one line and names the check', async () => {
    const judged = await run({ checkPolicies: () => Promise.reject(new Error('first\nsecond')) });
    expect(judged.decision.reasons).toMatchObject([
      { code: 'CHECK_CRASHED', rule: 'policy', message: 'the policy check crashed: first' },
    ]);
  });
});

describe('a stage that hangs', () => {
  it.each(['render', 'checkImages', 'checkPolicies'] as const)('%s is given up at the deadline', async (stage) => {
    const deadline = new AbortController();
    const hang = () => {
      queueMicrotask(() => deadline.abort());
      return new Promise<never>(() => {});
    };
    const judged = await run({ [stage]: hang }, deadline.signal);
    expectWithheld(judged);
    expect(judged.decision.verdict).toBe('unevaluated');
    expect(new Set(judged.decision.reasons.map((each) => each.code))).toEqual(new Set(['CHECK_TIMEOUT']));
  });

  it('says why it was stopped where whoever stopped it did', async () => {
    const interruption = new AbortController();
    const render = () => {
      queueMicrotask(() => interruption.abort(new GateError('INTERRUPTED', 'stopped by SIGTERM')));
      return new Promise<never>(() => {});
    };
    const judged = await run({ render }, interruption.signal);
    expect(judged.decision.reasons).toMatchObject([{ code: 'INTERRUPTED' }]);
  });

  it('runs no stage once the deadline has passed', async () => {
    const render = vi.fn(stages().render);
    expectWithheld(await run({ render }, AbortSignal.abort()));
    expect(render).not.toHaveBeenCalled();
  });

  it.each(['parse', 'judged'] as const)('a deadline that passes during %s holds for what follows', async (stage) => {
    const deadline = new AbortController();
    const slow = (...args: readonly never[]) => {
      deadline.abort();
      return (stages()[stage] as (...args: readonly never[]) => unknown)(...args);
    };
    expectWithheld(await run({ [stage]: slow }, deadline.signal));
  });
});

describe('a stage that answers with garbage', () => {
  const garbage: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['null', null],
    ['a number', 42],
    ['true', true],
    ['a word', 'allowed'],
    ['an empty object', {}],
    ['an array', [[]]],
  ];
  const rows = stageNames.flatMap((stage) =>
    garbage
      // A word is what `emit` is for.
      .filter(([, value]) => stage !== 'emit' || typeof value !== 'string')
      .map(([what, value]) => [stage, what, value] as const),
  );

  it.each(rows)('%s returns %s', async (stage, _, value) => {
    const sync = stage === 'parse' || stage === 'judged' || stage === 'emit';
    if (stage === 'judged') {
      // What the policies are given is theirs to refuse; the real check reads every object of it.
      const checkPolicies: GateStages<string>['checkPolicies'] = async (set) => {
        const examined = set.map((each) => each.object.constructor).length;
        return { outcome: { kind: 'completed', examined, findings: [] }, engines: {}, notEvaluated: [] };
      };
      expectWithheld(await run({ judged: () => value as never, checkPolicies }));
      return;
    }
    expectWithheld(await run({ [stage]: sync ? () => value : async () => value }));
  });

  const outcomes: readonly (readonly [string, unknown])[] = [
    ['no outcome', undefined],
    ['an outcome of no kind', {}],
    ['an unknown kind', { kind: 'passed', examined: 1, findings: [] }],
    ['no findings', { kind: 'completed', examined: 1 }],
    ['findings that are not a list', { kind: 'completed', examined: 1, findings: {} }],
    ['a finding that is nothing', { kind: 'completed', examined: 1, findings: [undefined] }],
    ['a finding of unknown effect', { kind: 'completed', examined: 1, findings: [{ ...denial, effect: 'allow' }] }],
    ['a finding of unknown code', { kind: 'completed', examined: 1, findings: [{ ...unjudged, code: 'NO_SUCH' }] }],
    ['a code that every object has', { kind: 'completed', examined: 1, findings: [{ ...unjudged, code: 'toString' }] }],
    ['a finding without words', { kind: 'completed', examined: 1, findings: [{ effect: 'deny', code: 'INTERNAL' }] }],
    ['a count that is none', { kind: 'completed', examined: Number.NaN, findings: [] }],
    ['an error that is not one of ours', { kind: 'errored', error: new Error('boom') }],
    ['an error that is missing', { kind: 'errored' }],
  ];

  it.each(outcomes)('the images check answers with %s', async (_, outcome) => {
    const judged = await run({ checkImages: async () => ({ outcome, images: [], pinned: rendered }) as never });
    expectWithheld(judged);
    expect(judged.decision.reasons).toMatchObject([{ code: 'CHECK_SILENT' }]);
  });

  it.each(outcomes)('the policy check answers with %s', async (_, outcome) => {
    const judged = await run({ checkPolicies: async () => ({ outcome, engines: {}, notEvaluated: [] }) as never });
    expectWithheld(judged);
    expect(judged.decision.reasons).toMatchObject([{ code: 'CHECK_SILENT' }]);
  });

  it.each([
    ['loses an object', rendered.slice(1)],
    ['loses all objects', []],
    ['adds an object', [...rendered, manifest(2)]],
    ['exchanges two objects', [...rendered].reverse()],
    ['puts another object in the place of one', [rendered[0], manifest(1, 'another')]],
    [
      'puts another kind in the place of one',
      [rendered[0], { ...manifest(1), identity: { ...manifest(1).identity, kind: 'Secret' } }],
    ],
    [
      'puts another API group in the place of one',
      [rendered[0], { ...manifest(1), identity: { ...manifest(1).identity, apiVersion: 'evil.example/v1' } }],
    ],
    ['leaves a hole', [rendered[0], undefined]],
    ['returns no set', undefined],
  ])('the images check passes and %s', async (_, pinned) => {
    const emit = vi.fn(() => 'MANIFESTS');
    const judged = await run({ checkImages: async () => ({ outcome: passed, images: [], pinned }) as never, emit });
    expectWithheld(judged);
    expect(emit).not.toHaveBeenCalled();
  });

  it('the images check passes and does not say which images it decided', async () => {
    expectWithheld(await run({ checkImages: async (pinned) => ({ outcome: passed, pinned }) as never }));
  });

  it.each([
    ['the empty text', ''],
    ['blanks', ' \n'],
  ])('emit returns %s for a set that has objects', async (_, text) => {
    const judged = await run({ emit: () => text });
    expectWithheld(judged);
    expect(judged.decision.reasons).toMatchObject([{ code: 'EMIT_FAILED' }]);
  });
});

describe('objects of a place whose rules are not these', () => {
  const elsewhere = new GateError('GATE_ELSEWHERE', 'another Gate governs it');

  it.each<[string, GateStages<string>['belongs'], string]>([
    ['are refused', () => elsewhere, 'GATE_ELSEWHERE'],
    [
      'are refused where nobody can say',
      () => {
        throw new Error('broken');
      },
      'CHECK_CRASHED',
    ],
  ])('%s', async (_, belongs, code) => {
    const judged = await run({ belongs });
    expectWithheld(judged);
    expect(judged.decision.reasons[0]?.code).toBe(code);
  });

  it('are asked about as the cluster will have them', async () => {
    const asked: (string | undefined)[] = [];
    const inApps = objectFrom([['metadata', objectFrom([['namespace', 'apps']])]]);
    const judged = await run({
      belongs: (namespace) => {
        asked.push(namespace);
        return undefined;
      },
      judged: (manifests) =>
        manifests.map((each, i) => {
          const object = i === 0 ? inApps : each.object;
          return { manifest: each, object, written: object };
        }),
    });
    expect(judged.manifests).toBe('MANIFESTS');
    expect(asked).toEqual(['apps', undefined]);
    expect(judged.decision.checks.map((each) => each.check)).toEqual(['render', 'namespaces', 'images', 'policy']);
  });

  it('are not let out where the objects cannot be shown', async () => {
    expectWithheld(await run({ belongs: () => undefined, judged: () => [] }));
  });
});
