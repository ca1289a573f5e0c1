import { describe, expect, it } from 'vitest';
import { isOver } from '../../../src/core/deadline.ts';
import type { Decision } from '../../../src/core/decision.ts';
import { GateError } from '../../../src/core/errors.ts';
import type { LogFields, Metrics } from '../../../src/core/telemetry.ts';
import { SILENT_LOG } from '../../../src/core/telemetry.ts';
import type { Governing } from '../../../src/gates.ts';
import { createMemory } from '../../../src/surfaces/admission/memory.ts';
import { createReviewer, type ReviewerPorts } from '../../../src/surfaces/admission/reviewer.ts';
import {
  type AskedGate,
  configMap,
  decisionOf,
  finding,
  gateOf,
  gatesOf,
  type ReviewFields,
  reviewText,
} from '../../support/admission/review.ts';

interface Answer {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code: number; readonly reason: string; readonly message: string };
  readonly warnings?: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

/** A webhook over one gate; the clock stands still unless a test moves it. */
function webhook(gate: AskedGate, more: Partial<ReviewerPorts> & { governing?: () => Governing } = {}) {
  let time = 0;
  const lines: LogFields[] = [];
  const counts: string[] = [];
  const metrics: Metrics = {
    count: (name, labels) => void counts.push([name, ...Object.values(labels)].join(' ')),
    set() {},
    observe() {},
    forget() {},
  };
  const { governing = () => ({ kind: 'one', gate }), ...ports } = more;
  const now = () => time;
  const review = createReviewer({
    gates: gatesOf(governing),
    namespaces: { known: (name) => ({ name, labels: {} }), find: async (name) => ({ name, labels: {} }) },
    match: 'flux',
    excluded: ['flux-system'],
    memory: createMemory(now),
    rememberMs: ({ rememberMs = 0 }) => rememberMs,
    log: { ...SILENT_LOG, info: (_, fields = {}) => void lines.push(fields) },
    metrics,
    now,
    ...ports,
  });
  const ask = async (fields: ReviewFields = {}, withinMs = 1000, signal = new AbortController().signal) => {
    const body = await review(Buffer.from(reviewText(fields)), { receivedAt: time, withinMs, signal });
    return (JSON.parse(body) as { response: Answer }).response;
  };
  const pass = (ms: number) => {
    time += ms;
  };
  return { ask, lines, counts, pass };
}

const allowing = () => gateOf(async () => decisionOf('allowed'));

function expectDenied(answer: Answer, code: string): void {
  expect(answer).toMatchObject({ allowed: false, status: { code: 403, reason: 'Forbidden' } });
  expect(answer.status?.message).toContain(code);
}

describe('what the gate says', () => {
  it('is what is answered: allowed', async () => {
    const gate = allowing();
    const { ask, lines } = webhook(gate);
    expect(await ask({ uid: 'abc' })).toMatchObject({
      uid: 'abc',
      allowed: true,
      auditAnnotations: { verdict: 'allowed', gate: 'production', rules: 'sha256:1' },
    });
    expect(gate.asked).toHaveLength(1);
    expect(gate.asked[0]).toMatchObject({ operation: 'CREATE', object: configMap(), namespace: 'apps' });
    expect(lines).toHaveLength(1);
  });

  it('is what is answered: denied, and the log and the audit log name the same decision', async () => {
    const { ask, lines } = webhook(gateOf(async () => decisionOf('denied')));
    const answer = await ask();
    expectDenied(answer, 'POLICY_DENIED [main.deny] it is not liked. Change it.');
    expect(answer.auditAnnotations['decision']).toMatch(/^[0-9a-f]{32}$/);
    expect(lines).toEqual([
      expect.objectContaining({
        decision: answer.auditAnnotations['decision'],
        verdict: 'denied',
        gate: 'production',
        codes: ['POLICY_DENIED'],
        object: 'ConfigMap apps/settings',
        user: 'system:serviceaccount:flux-system:kustomize-controller',
      }),
    ]);
  });

  it('is told with its warnings, and with the rules that were not evaluated', async () => {
    const decision = decisionOf('allowed', {
      warnings: [finding('think of it', { effect: 'warn' })],
      notEvaluated: [{ policy: 'whole', rule: 'deny', why: 'it reads the whole set' }],
    });
    const answer = await webhook(gateOf(async () => decision)).ask();
    expect(answer.warnings).toEqual([expect.stringContaining('think of it')]);
    expect(answer.auditAnnotations['not-evaluated']).toBe('whole/deny');
  });
});

describe('what is not decided is denied', () => {
  it.each<[string, () => Promise<Decision>, string]>([
    ['a gate that throws', () => Promise.reject(new Error('boom')), 'CHECK_CRASHED'],
    ['a gate that throws what is no error', () => Promise.reject('boom'), 'CHECK_CRASHED'],
    [
      'a gate that throws at once',
      () => {
        throw new GateError('OPA_FAILED', 'no engine');
      },
      'OPA_FAILED',
    ],
    ['a gate that answers nothing', () => Promise.resolve(undefined as unknown as Decision), 'CHECK_SILENT'],
    ['a gate that answers with something else', () => Promise.resolve({} as Decision), 'CHECK_SILENT'],
    ['a refusal without a reason', async () => decisionOf('denied', { reasons: [] }), 'CHECK_SILENT'],
    ['a permission with a reason', async () => decisionOf('allowed', { reasons: [finding('no')] }), 'CHECK_SILENT'],
    ['what could not be evaluated', async () => decisionOf('unevaluated'), 'could not judge'],
    ['rules that are wrong', async () => decisionOf('usage'), 'could not judge'],
  ])('%s', async (_, judge, code) => expectDenied(await webhook(gateOf(judge)).ask(), code));

  it('a gate that never answers, when the time is over', async () => {
    const answer = await webhook(gateOf(() => new Promise(() => {}))).ask({}, 20);
    expectDenied(answer, 'CHECK_TIMEOUT [admission] not judged within 20 ms');
  });

  it('a gate that answers when it is over, because it never waited', async () => {
    const late = webhook(
      gateOf(async () => {
        late.pass(30);
        return decisionOf('allowed');
      }),
    );
    expectDenied(await late.ask({}, 20), 'CHECK_TIMEOUT');
  });

  it('a gate is told of the deadline in both ways', async () => {
    let aborted = false;
    const seen: boolean[] = [];
    const one = webhook(
      gateOf((_, signal) => {
        seen.push(isOver(signal));
        one.pass(30);
        seen.push(isOver(signal));
        return new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(signal.reason);
          });
        });
      }),
    );
    expectDenied(await one.ask({}, 20), 'CHECK_TIMEOUT');
    expect([seen, aborted]).toEqual([[false, true], true]);
  });

  it('what is under way when the process ends', async () => {
    const over = new AbortController();
    const asked = webhook(gateOf(() => new Promise(() => {}))).ask({}, 60_000, over.signal);
    over.abort();
    expectDenied(await asked, 'CHECK_TIMEOUT [admission] the webhook is being stopped');
  });

  it('what is no question for a gate, without asking it', async () => {
    const gate = allowing();
    expectDenied(await webhook(gate).ask({ operation: 'DELETE' }), 'ADMISSION_REVIEW_INVALID');
    expectDenied(await webhook(gate).ask({ subResource: 'scale' }), 'ADMISSION_REVIEW_INVALID');
    expect(gate.asked).toEqual([]);
  });
});

describe('who governs', () => {
  const person = { fieldManager: 'kubectl', username: 'jane' };

  it.each<[string, Governing, string]>([
    ['nobody', { kind: 'none' }, 'GATE_NONE'],
    [
      'two',
      { kind: 'several', names: ['a', 'b'] },
      'GATE_SEVERAL [admission] the Gates a and b all govern namespace apps',
    ],
    ['nobody knows', { kind: 'unavailable', why: 'a file is broken' }, 'GATE_UNAVAILABLE [admission] a file is broken'],
  ])('%s: denied, and the gate is not asked', async (_, governing, message) => {
    const gate = allowing();
    expectDenied(await webhook(gate, { governing: () => governing }).ask(), message);
    expect(gate.asked).toEqual([]);
  });

  it('people are not held up where nobody governs, and are where nobody knows', async () => {
    const asked = (governing: Governing) =>
      webhook(allowing(), { governing: () => governing, match: 'all' }).ask(person);
    expect(await asked({ kind: 'none' })).toMatchObject({ allowed: true, auditAnnotations: { verdict: 'skipped' } });
    expectDenied(await asked({ kind: 'several', names: ['a', 'b'] }), 'GATE_SEVERAL');
    expectDenied(await asked({ kind: 'unavailable', why: 'x' }), 'GATE_UNAVAILABLE');
  });

  it('people are judged where everybody is, and else not asked about', async () => {
    const gate = gateOf(async () => decisionOf('denied'));
    expectDenied(await webhook(gate, { match: 'all' }).ask(person), 'POLICY_DENIED');
    expect(await webhook(gate).ask(person)).toMatchObject({ allowed: true });
    expect(gate.asked).toHaveLength(1);
  });

  it('a namespace whose labels are not at hand is looked up; one that cannot be is denied', async () => {
    const asked: string[] = [];
    const gates = {
      of: ({ name, labels }: { name: string; labels: object }): Governing => {
        asked.push(`${name} ${JSON.stringify(labels)}`);
        return { kind: 'one', gate: allowing() };
      },
      ofCluster: (): Governing => ({ kind: 'none' }),
    };
    const find = async (name: string) => ({ name, labels: { team: 'a' } });
    const known = () => undefined;
    expect(await webhook(allowing(), { gates, namespaces: { known, find } }).ask()).toMatchObject({ allowed: true });
    expect(asked).toEqual(['apps {"team":"a"}']);
    const missing = { known, find: async () => undefined };
    expectDenied(await webhook(allowing(), { gates, namespaces: missing }).ask(), 'ADMISSION_NAMESPACE_UNKNOWN');
    const down = { known, find: () => Promise.reject(new Error('connection refused')) };
    expectDenied(await webhook(allowing(), { gates, namespaces: down }).ask(), 'ADMISSION_NAMESPACE_UNKNOWN');
    const silent = { known, find: () => new Promise<undefined>(() => {}) };
    expectDenied(await webhook(allowing(), { gates, namespaces: silent }).ask({}, 20), 'CHECK_TIMEOUT');
  });

  it.each<[string, ReviewFields]>([
    [
      'a Namespace',
      {
        kind: { group: '', version: 'v1', kind: 'Namespace' },
        object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } },
      },
    ],
    [
      'a definition',
      {
        kind: { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition' },
        object: {
          apiVersion: 'apiextensions.k8s.io/v1',
          kind: 'CustomResourceDefinition',
          metadata: { name: 'a.example.com' },
        },
        namespace: '',
      },
    ],
  ])('%s is judged by the Gate of the cluster', async (_, fields) => {
    const [cluster, other] = [gateOf(async () => decisionOf('allowed'), { name: 'cluster' }), allowing()];
    const gates = {
      of: (): Governing => ({ kind: 'one', gate: other }),
      ofCluster: (): Governing => ({ kind: 'one', gate: cluster }),
    };
    expect(await webhook(other, { gates }).ask(fields)).toMatchObject({ auditAnnotations: { gate: 'cluster' } });
    const none = { ...gates, ofCluster: (): Governing => ({ kind: 'none' }) };
    expectDenied(await webhook(other, { gates: none }).ask(fields), 'GATE_NONE');
    expect([cluster.asked.length, other.asked.length]).toEqual([1, 0]);
  });
});

describe('an object that is being deleted', () => {
  it('loses its finalizers, whatever the rules say of it', async () => {
    const gate = gateOf(async () => decisionOf('denied'));
    const metadata = { name: 'settings', namespace: 'apps', deletionTimestamp: '2026-01-01T00:00:00Z' };
    const oldObject = configMap('settings', { metadata: { ...metadata, finalizers: ['a'] } });
    const answer = await webhook(gate).ask({
      operation: 'UPDATE',
      object: configMap('settings', { metadata }),
      oldObject,
    });
    expect(answer).toMatchObject({ allowed: true, auditAnnotations: { why: 'only ends a deletion' } });
    expect(gate.asked).toEqual([]);
  });
});

describe('what is remembered', () => {
  const unchanged: ReviewFields = { operation: 'UPDATE', dryRun: true };

  it('is that what is there may stay as it is', async () => {
    const gate = allowing();
    const { ask, counts } = webhook(gate);
    const first = await ask({ ...unchanged, uid: 'one' });
    expect(await ask({ ...unchanged, uid: 'two' })).toEqual({ ...first, uid: 'two' });
    expect(gate.asked).toHaveLength(1);
    expect(counts.filter((each) => each === 'syncgate_cache_total admission hit')).toHaveLength(1);
    expect(counts.filter((each) => each === 'syncgate_admission_requests_total allowed')).toHaveLength(2);
  });

  it.each<[string, ReviewFields]>([
    ['a creation', { operation: 'CREATE' }],
    ['a change', { operation: 'UPDATE', oldObject: configMap('settings', { data: { a: 'b' } }) }],
  ])('is never %s', async (_, fields) => {
    const gate = allowing();
    const { ask } = webhook(gate);
    await ask(fields);
    await ask(fields);
    expect(gate.asked).toHaveLength(2);
  });

  it.each<Decision['verdict']>(['denied', 'unevaluated', 'usage'])('is never that it was %s', async (verdict) => {
    const gate = gateOf(async () => decisionOf(verdict));
    const { ask } = webhook(gate);
    await ask(unchanged);
    await ask(unchanged);
    expect(gate.asked).toHaveLength(2);
  });

  it('is forgotten in time, and at once where the Gate remembers nothing', async () => {
    const gate = allowing();
    const { ask, pass } = webhook(gate);
    await ask(unchanged);
    pass(60_000);
    await ask(unchanged);
    expect(gate.asked).toHaveLength(2);
    const forgetful = gateOf(async () => decisionOf('allowed'), { rememberMs: 0 });
    const other = webhook(forgetful);
    await other.ask(unchanged);
    await other.ask(unchanged);
    expect(forgetful.asked).toHaveLength(2);
  });

  it('does not count under other rules, in other hands, or where nobody governs any more', async () => {
    const gate = allowing();
    const changed = gateOf(async () => decisionOf('denied'), { rules: 'sha256:2' });
    let governing: Governing = { kind: 'one', gate };
    const { ask } = webhook(gate, { governing: () => governing });
    expect(await ask(unchanged)).toMatchObject({ allowed: true });
    governing = { kind: 'one', gate: changed };
    expectDenied(await ask(unchanged), 'POLICY_DENIED');
    governing = { kind: 'none' };
    expectDenied(await ask(unchanged), 'GATE_NONE');
    governing = { kind: 'several', names: ['a', 'b'] };
    expectDenied(await ask(unchanged), 'GATE_SEVERAL');
    governing = { kind: 'unavailable', why: 'x' };
    expectDenied(await ask(unchanged), 'GATE_UNAVAILABLE');
  });
});
