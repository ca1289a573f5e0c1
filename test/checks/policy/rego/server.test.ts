import { describe, expect, it } from 'vitest';
import type { ExecRequest, Served } from '../../../../src/core/ports.ts';
import { configMap, judged, longLived, withPolicies } from '../../../support/policies.ts';

const files = { 'policies/a.rego': 'package main\ndeny contains input.metadata.name if input.kind == "ConfigMap"' };
const set = ['a', 'b'].map((name, i) => judged(configMap(name), i));
const soon = () => AbortSignal.timeout(20_000);

function watched() {
  const started: Served[] = [];
  const requests: ExecRequest[] = [];
  /** How many questions each server was sent. */
  const sent: number[] = [];
  const serve = (request: ExecRequest) => {
    requests.push(request);
    const served = longLived.serve(request);
    if (!('kind' in served)) started.push(served);
    return served;
  };
  const askSocket: typeof longLived.askSocket = (request) => {
    const answer = longLived.askSocket(request);
    const latest = started.length - 1;
    if (request.method === 'POST') sent[latest] = (sent[latest] ?? 0) + 1;
    return answer;
  };
  /** Whether so many questions were sent to a server. */
  const asked = (server: number, questions = 1) => (sent[server] ?? 0) >= questions;
  return { started, requests, asked, ports: { longLived: { ...longLived, serve, askSocket } } };
}

describe('a policy server', () => {
  it('is started once for many sets, also at the same time, and is gone when it is disposed of', async () => {
    const { started, requests, ports } = watched();
    await withPolicies({ files, ports }, async (policies) => {
      const answers = await Promise.all(Array.from({ length: 8 }, () => policies.judge(set, soon())));
      for (const { outcome } of answers)
        expect(outcome).toMatchObject({ findings: [{ message: 'a' }, { message: 'b' }] });
      expect(started).toHaveLength(1);
      await policies.dispose();
      await expect(policies.judge(set, soon())).rejects.toMatchObject({ code: 'OPA_FAILED' });
    });
    expect(await started[0]?.ended).toMatchObject({ kind: 'killed' });
    expect(requests[0]?.args).toContain('--skip-version-check');
  });

  it('is started again after it died', async () => {
    const { started, ports } = watched();
    await withPolicies({ files, ports }, async (policies) => {
      await started[0]?.stop();
      const { outcome } = await policies.judge(set, soon());
      expect(outcome).toMatchObject({ findings: [{ message: 'a' }, { message: 'b' }] });
      expect(started).toHaveLength(2);
    });
  });

  it('that dies over a question is an error, and the next question gets another', async () => {
    const { started, asked, ports } = watched();
    const endless = {
      'policies/a.rego': `package main
deny contains "x" if { input.metadata.name == "loop"; some i in numbers.range(1, 1000000); some j in numbers.range(1, 1000000); i + j < 0 }`,
    };
    await withPolicies({ files: endless, ports }, async (policies) => {
      const judging = policies.judge([judged(configMap('loop'))], soon());
      const ended = expect(judging).rejects.toMatchObject({ code: 'OPA_FAILED' });
      for (const i of [0, 1]) {
        await expect.poll(() => asked(i), { timeout: 20_000 }).toBe(true);
        await started[i]?.stop();
      }
      await ended;
      expect((await policies.judge(set, soon())).outcome).toMatchObject({ kind: 'completed', findings: [] });
      expect(started).toHaveLength(3);
    });
  });

  it('that dies is no answer to the others that it was being asked: another one is asked them', async () => {
    const { started, asked, ports } = watched();
    const slow = {
      'policies/a.rego': `package main
deny contains "x" if { some i in numbers.range(1, 700); some j in numbers.range(1, 700); i + j < 0 }
deny contains input.metadata.name`,
    };
    await withPolicies({ files: slow, ports }, async (policies) => {
      const judging = [0, 1, 2].map(() => policies.judge(set, soon()));
      await expect.poll(() => asked(0, 3), { timeout: 20_000 }).toBe(true);
      await started[0]?.stop();
      for (const { outcome } of await Promise.all(judging))
        expect(outcome).toMatchObject({ findings: [{ message: 'a' }, { message: 'b' }] });
      expect(started).toHaveLength(2);
    });
  });

  it('is started for all who ask: that the first of them has left is no answer to the others', async () => {
    const { started, ports } = watched();
    let isDown = false;
    let polled = 0;
    const askSocket: typeof longLived.askSocket = async (request) => {
      if (!isDown || request.method === 'POST') return await longLived.askSocket(request);
      polled += 1;
      return { kind: 'failed', why: 'connection', message: 'ECONNREFUSED' };
    };
    const broken = { longLived: { ...ports.longLived, askSocket } };
    await withPolicies({ files, ports: broken }, async (policies) => {
      await policies.judge(set, soon());
      await started[0]?.stop();
      isDown = true;
      const leaving = new AbortController();
      const left = expect(policies.judge(set, leaving.signal)).rejects.toMatchObject({ code: 'REGO_LIMIT' });
      await expect.poll(() => polled, { timeout: 20_000 }).toBeGreaterThan(0);
      const staying = policies.judge(set, soon());
      leaving.abort();
      await left;
      isDown = false;
      expect((await staying).outcome).toMatchObject({ findings: [{ message: 'a' }, { message: 'b' }] });
      expect(started).toHaveLength(2);
    });
  });

  it('that is still starting is gone when it is disposed of', async () => {
    const { started, ports } = watched();
    let isDown = false;
    const askSocket: typeof longLived.askSocket = async (request) =>
      isDown ? { kind: 'failed', why: 'connection', message: 'ECONNREFUSED' } : await longLived.askSocket(request);
    await withPolicies({ files, ports: { longLived: { ...ports.longLived, askSocket } } }, async (policies) => {
      await policies.judge(set, soon());
      await started[0]?.stop();
      isDown = true;
      const judging = expect(policies.judge(set, soon())).rejects.toMatchObject({ name: 'GateError' });
      await expect.poll(() => started.length, { timeout: 20_000 }).toBe(2);
      await policies.dispose();
      await judging;
      expect(await started[1]?.ended).toMatchObject({ kind: 'killed' });
    });
  });

  it('answers others while one question does not end', async () => {
    const { ports } = watched();
    const endless = {
      'policies/a.rego': `package main
deny contains "x" if { input.metadata.name == "loop"; some i in numbers.range(1, 1000000); some j in numbers.range(1, 1000000); i + j < 0 }`,
    };
    await withPolicies({ files: endless, ports }, async (policies) => {
      const stuck = policies.judge([judged(configMap('loop'))], AbortSignal.timeout(1500));
      const [{ outcome }] = await Promise.all([
        policies.judge(set, soon()),
        expect(stuck).rejects.toMatchObject({ code: 'REGO_LIMIT' }),
      ]);
      expect(outcome).toMatchObject({ kind: 'completed', findings: [] });
    });
  });

  it.each([
    ['cannot be started', { serve: () => ({ kind: 'missing', message: 'no' }) as const }, 'OPA_MISSING'],
    [
      'never listens',
      { askSocket: async () => ({ kind: 'failed', why: 'connection', message: 'ECONNREFUSED' }) as const },
      'REGO_LIMIT',
    ],
  ])('that %s is an error at load', async (_, broken, code) => {
    const ports = { longLived: { ...longLived, ...broken } };
    const loading = withPolicies({ files, ports, rego: { limits: { timeoutSeconds: 2 } } }, async () => 'loaded');
    await expect(loading).rejects.toMatchObject({ code });
  });

  it.each([
    ['no JSON', 200, '<html>'],
    ['no result', 200, '{}'],
    ['a refusal', 403, '{"code":"unauthorized","message":"no"}'],
    ['another result', 200, '{"result": []}'],
  ])('that answers with %s is an error', async (_, status, body) => {
    const askSocket: typeof longLived.askSocket = async (request) =>
      request.method === 'GET' ? longLived.askSocket(request) : { kind: 'answered', status, body: Buffer.from(body) };
    await withPolicies({ files, ports: { longLived: { ...longLived, askSocket } } }, async (policies) => {
      await expect(policies.judge(set, soon())).rejects.toMatchObject({ code: 'OPA_FAILED' });
    });
  });
});
