import { describe, expect, it } from 'vitest';
import type { ExecRequest, Served } from '../../../../src/core/ports.ts';
import { configMap, judged, longLived, withPolicies } from '../../../support/policies.ts';

const files = { 'policies/a.rego': 'package main\ndeny contains input.metadata.name if input.kind == "ConfigMap"' };
const set = ['a', 'b'].map((name, i) => judged(configMap(name), i));
const soon = () => AbortSignal.timeout(20_000);

function watched() {
  const started: Served[] = [];
  const requests: ExecRequest[] = [];
  const serve = (request: ExecRequest) => {
    requests.push(request);
    const served = longLived.serve(request);
    if (!('kind' in served)) started.push(served);
    return served;
  };
  return { started, requests, ports: { longLived: { ...longLived, serve } } };
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
    const { started, ports } = watched();
    const endless = {
      'policies/a.rego': `package main
deny contains "x" if { input.metadata.name == "loop"; some i in numbers.range(1, 1000000); some j in numbers.range(1, 1000000); i + j < 0 }`,
    };
    await withPolicies({ files: endless, ports }, async (policies) => {
      const judging = policies.judge([judged(configMap('loop'))], soon());
      setTimeout(() => void started[0]?.stop(), 200);
      await expect(judging).rejects.toMatchObject({ code: 'OPA_FAILED' });
      expect((await policies.judge(set, soon())).outcome).toMatchObject({ kind: 'completed', findings: [] });
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
