import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createExec } from '../../../../src/adapters/exec.ts';
import type { Exec, ExecResult } from '../../../../src/core/ports.ts';
import { configMap, findingsFor, judged, longLived, type Setup, withPolicies } from '../../../support/policies.ts';

const good = { 'policies/a.rego': 'package main\ndeny contains "x" if input.kind == "Pod"' };
const objects = [configMap('a'), configMap('b'), configMap('c')];

function ending(result: ExecResult, when: (args: readonly string[]) => boolean = () => true): Exec {
  const real = createExec();
  return (request) => (when(request.args) ? Promise.resolve(result) : real(request));
}

const exited = (stdout: string, code = 0, stderr = ''): ExecResult => ({
  kind: 'exited',
  code,
  stdout: Buffer.from(stdout),
  stderr,
});

describe('functions that reach out of a policy', () => {
  const calls = [
    ['http.send', 'http.send({"method": "GET", "url": "http://127.0.0.1:1/"}).status_code == 200'],
    ['net.lookup_ip_addr', 'count(net.lookup_ip_addr("localhost")) > 0'],
    ['opa.runtime', 'opa.runtime().env.HOME'],
    ['rand.intn', 'rand.intn("x", 2) == 1'],
    ['uuid.rfc4122', 'uuid.rfc4122("x") == ""'],
    ['json.match_schema', 'json.match_schema(input, {"$ref": "file:///etc/passwd"})[0]'],
    ['json.verify_schema', 'json.verify_schema(input)[0]'],
    ['io.jwt.decode_verify', 'io.jwt.decode_verify("a.b.c", {"secret": "s"})[0]'],
  ] as const;
  it.each(calls)('%s is refused in one-shot use', async (name, call) => {
    const files = { 'policies/a.rego': `package main\ndeny contains "x" if ${call}` };
    await expect(findingsFor({ files }, objects)).rejects.toMatchObject({
      code: 'REGO_INVALID',
      message: expect.stringContaining(`policies/a.rego:2:`),
      mend: expect.stringContaining(`${name} is not available here`),
    });
  });

  it.each(calls)('%s is refused before a server is started', async (_, call) => {
    const serve = vi.fn(longLived.serve);
    const files = { 'policies/a.rego': `package main\ndeny contains "x" if ${call}` };
    const ports = { longLived: { ...longLived, serve } };
    await expect(findingsFor({ files, ports }, objects)).rejects.toMatchObject({ code: 'REGO_INVALID' });
    expect(serve).not.toHaveBeenCalled();
  });

  it('is refused in a helper that nothing calls, in any file', async () => {
    const files = { ...good, 'policies/b.rego': 'package lib\nf(x) := http.send(x)' };
    await expect(findingsFor({ files }, objects)).rejects.toMatchObject({
      code: 'REGO_INVALID',
      place: 'policies/b.rego:2:9',
    });
  });
});

describe.each([
  ['opa eval', {}],
  ['an opa server', { longLived }],
] as const)('what cannot be evaluated by %s', (_, ports) => {
  it('is an error for its object alone, and the others are judged', async () => {
    const policy = `package main
deny contains "pod" if input.metadata.name == "b"
deny contains "n" if to_number(input.size) > 1`;
    const set = [
      configMap('a'),
      configMap('b', { size: 'x' }),
      configMap('c', { size: '7' }),
      configMap('b2', { size: 'y' }),
    ];
    const findings = await findingsFor({ files: { 'policies/a.rego': policy }, ports }, set);
    expect(findings.map(({ effect, code, object }) => [effect, code, object?.name])).toEqual([
      ['error', 'REGO_EVALUATION_FAILED', 'b'],
      ['deny', 'POLICY_DENIED', 'c'],
      ['error', 'REGO_EVALUATION_FAILED', 'b2'],
    ]);
    expect(findings[0]?.message).toMatch(/^policies\/a\.rego:3:\d+: to_number: .*"x"/);
  });

  it('is an error for the set where a combined package fails', async () => {
    const policy = 'package main\ndeny contains "n" if to_number(input[_].contents.metadata.name) == 1';
    const findings = await findingsFor(
      { files: { 'policies/a.rego': policy }, rego: { combined: ['main'] }, ports },
      objects,
    );
    expect(findings).toMatchObject([{ effect: 'error', code: 'REGO_EVALUATION_FAILED' }]);
    expect(findings[0]?.object).toBeUndefined();
  });

  it('is told once for the rest where every object fails', async () => {
    const policy = 'package main\ndeny contains "n" if to_number(input.metadata.name) == 1';
    const many = Array.from({ length: 60 }, (_, i) => configMap(`o${i}x`));
    const findings = await findingsFor({ files: { 'policies/a.rego': policy }, ports }, many);
    expect(findings.length).toBeGreaterThan(1);
    expect(findings.length).toBeLessThan(40);
    expect(findings.every(({ effect, code }) => effect === 'error' && code === 'REGO_EVALUATION_FAILED')).toBe(true);
  });

  it('is an error where rules contradict each other', async () => {
    const policy = 'package main\nsize := 1 if input.kind\nsize := 2 if input.data\ndeny contains "x" if size > 2';
    const findings = await findingsFor({ files: { 'policies/a.rego': policy }, ports }, [
      configMap('a', { data: {} }),
      configMap('b'),
    ]);
    expect(findings).toMatchObject([
      {
        effect: 'error',
        object: { name: 'a' },
        message: expect.stringMatching(/^policies\/a\.rego:3:1: .*conflicting values/),
      },
    ]);
  });

  const endless = {
    'policies/a.rego': `package main
deny contains "x" if { some i in numbers.range(1, 1000000); some j in numbers.range(1, 1000000); i + j < 0 }`,
  };
  it('ends at its own deadline where a rule does not', async () => {
    await expect(
      findingsFor({ files: endless, rego: { limits: { timeoutSeconds: 1 } }, ports }, objects),
    ).rejects.toMatchObject({
      code: 'REGO_LIMIT',
      message: expect.stringMatching(/deadline/),
    });
  });

  it("ends at the caller's deadline where a rule does not", async () => {
    const judging = withPolicies({ files: endless, ports }, (policies) =>
      policies.judge(
        objects.map((object, i) => judged(object, i)),
        AbortSignal.timeout(300),
      ),
    );
    await expect(judging).rejects.toMatchObject({ code: 'REGO_LIMIT' });
  });

  it('ends where its memory does', async () => {
    const policy =
      'package main\ndeny contains "x" if { a := [s | some i in numbers.range(1, 100000000); s := sprintf("%d", [i])]; count(a) == 0 }';
    const setup: Setup = {
      files: { 'policies/a.rego': policy },
      rego: { limits: { memoryMiB: 1280, timeoutSeconds: 60 } },
      ports,
    };
    await expect(findingsFor(setup, objects)).rejects.toMatchObject({
      code: 'REGO_LIMIT',
      message: expect.stringMatching(/1280 MiB of memory/),
    });
  });

  it('ends where its output does', async () => {
    const policy =
      'package main\ndeny contains sprintf("%d %s", [i, input.metadata.name]) if some i in numbers.range(1, 100000)';
    const setup: Setup = { files: { 'policies/a.rego': policy }, rego: { limits: { outputMiB: 1 } }, ports };
    await expect(findingsFor(setup, objects)).rejects.toMatchObject({
      code: 'REGO_LIMIT',
      message: expect.stringMatching(/1 MiB/),
    });
  });
});

describe('an opa that gives no answer', () => {
  const isEval = (args: readonly string[]) => args[0] === 'eval';
  it.each<[string, Exec, string]>([
    ['is missing', ending({ kind: 'missing', message: 'opa is not an executable file' }), 'OPA_MISSING'],
    ['is missing when it is asked', ending({ kind: 'missing', message: 'gone' }, isEval), 'OPA_MISSING'],
    ['is killed', ending({ kind: 'killed', why: 'signal', stderr: '' }, isEval), 'OPA_FAILED'],
    ['runs out of time', ending({ kind: 'killed', why: 'deadline', stderr: '' }, isEval), 'REGO_LIMIT'],
    ['prints too much', ending({ kind: 'killed', why: 'output', stderr: '' }, isEval), 'REGO_LIMIT'],
    ['prints nothing', ending(exited(''), isEval), 'OPA_FAILED'],
    ['prints no JSON', ending(exited('<html>'), isEval), 'OPA_FAILED'],
    ['has an undefined answer', ending(exited('{}'), isEval), 'OPA_FAILED'],
    ['answers another question', ending(exited('{"result":[{"expressions":[{"value":true}]}]}'), isEval), 'OPA_FAILED'],
    [
      'leaves out the objects',
      ending(exited('{"result":[{"expressions":[{"value":{"absent":[],"each":[],"all":[]}}]}]}'), isEval),
      'OPA_FAILED',
    ],
    [
      'leaves out the rules',
      ending(
        exited(`{"result":[{"expressions":[{"value":{"absent":[],"each":[[0,{}],[1,{}],[2,{}]],"all":[]}}]}]}`),
        isEval,
      ),
      'OPA_FAILED',
    ],
    ['fails without a word', ending(exited('', 2, 'boom'), isEval), 'OPA_FAILED'],
    ['is another program', ending(exited('hello')), 'OPA_FAILED'],
    ['knows no rules', ending(exited('{}'), (args) => args[0] === 'deps'), 'REGO_PACKAGE_MISSING'],
    [
      'knows other rules',
      ending(
        exited('{"virtual":[[{"type":"var","value":"data"},{"type":"string","value":"x"}]]}'),
        (args) => args[0] === 'deps',
      ),
      'OPA_FAILED',
    ],
    ['does not say its version', ending(exited('?'), (args) => args[0] === 'version'), 'OPA_FAILED'],
  ])('%s', async (_, exec, code) => {
    await expect(findingsFor({ files: good, ports: { exec } }, objects)).rejects.toMatchObject({ code });
  });

  it('is not on PATH', async () => {
    await expect(findingsFor({ files: good, ports: { findProgram: () => undefined } }, objects)).rejects.toMatchObject({
      code: 'OPA_MISSING',
      message: 'there are Rego policies, and opa is not found',
    });
  });

  it('is not needed where there are no policies', async () => {
    const findings = await findingsFor({ files: {}, paths: [], ports: { findProgram: () => undefined } }, objects);
    expect(findings).toEqual([]);
  });
});

describe('what opa is given', () => {
  it('is no environment of ours, and nothing of the manifests but on its standard input', async () => {
    const exec = vi.fn(createExec());
    process.env['OPA_TEST_SECRET'] = 'hunter2';
    await findingsFor({ files: good, ports: { exec } }, [configMap('needle')]);
    for (const [{ args, env, stdin }] of exec.mock.calls) {
      expect(JSON.stringify([args, env])).not.toMatch(/needle|hunter2/);
      expect(Object.keys(env).sort()).toEqual(['GOGC', 'GOMEMLIMIT', 'GOTRACEBACK', 'HOME']);
      if (args[0] !== 'eval') expect(stdin).toBeUndefined();
    }
    expect(exec.mock.calls.map(([{ args }]) => args[0]).sort()).toEqual(['deps', 'eval', 'version']);
  });

  it('does not follow what a policy folder becomes later', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-'));
    const files = { 'policies/a.rego': 'package main\ndeny contains "x" if true' };
    await withPolicies({ files, ports: { makeFolder: () => mkdtempSync(join(folder, 'w-')) } }, async (policies) => {
      const { rmSync } = await import('node:fs');
      expect(readdirSync(folder)).toHaveLength(1);
      const { outcome } = await policies.judge([judged(configMap('a'))], AbortSignal.timeout(20_000));
      expect(outcome).toMatchObject({ findings: [{ message: 'x' }] });
      rmSync(folder, { recursive: true });
    });
  });
});
