import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createExec } from '../../../../src/adapters/exec.ts';
import { createContentJudge } from '../../../../src/checks/policy/content/judge.ts';
import type { RegoContentPorts } from '../../../../src/checks/policy/content/rego.ts';
import { RegoSettings } from '../../../../src/checks/policy/rego/settings.ts';
import type { JsonValue } from '../../../../src/core/json.ts';
import type { ContentAnswer, Exec, ExecResult } from '../../../../src/core/ports.ts';
import { longLived, NOW } from '../../../support/policies.ts';
import { tool } from '../../../support/tools/resolve.ts';

const root = mkdtempSync(join(realpathSync(tmpdir()), 'syncgate-test-content-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const open: { dispose(): Promise<void> }[] = [];
afterAll(() => Promise.all(open.map((each) => each.dispose())));

interface Options extends Partial<RegoContentPorts> {
  readonly cue?: string | undefined;
  readonly rego?: object;
}

async function judgeWith({ cue, rego = {}, ...ports }: Options = {}) {
  const opa = await tool('opa');
  const judge = createContentJudge(
    { rego: RegoSettings.parse(rego), cue },
    {
      exec: createExec(),
      clock: { now: () => NOW },
      findProgram: (name) => (name === 'opa' ? opa : name.startsWith('/') ? name : undefined),
      makeFolder: () => mkdtempSync(join(root, 'w-')),
      ...ports,
    },
  );
  open.push(judge);
  return judge;
}

const signal = AbortSignal.timeout(600_000);
const rego = (text: string, name = 'ClusterImagePolicy release, attestation custom') =>
  ({ language: 'rego', text, name }) as const;
const cueRule = (text: string, name = 'ClusterImagePolicy release, attestation custom') =>
  ({ language: 'cue', text, name }) as const;

async function answer(text: string, input: JsonValue, options?: Options): Promise<ContentAnswer> {
  return (await judgeWith(options)).judge(rego(text), input, signal);
}

const passed = { kind: 'passed' };
const failed = (message: string) => ({ kind: 'failed', message: expect.stringContaining(message) });

/** The policy of policy-controller's own end-to-end test. */
const fromPolicyController = `package sigstore
default isCompliant = false
isCompliant {
  input.predicateType == "https://cosign.sigstore.dev/attestation/v1"
  input.predicate.Data == "foobar e2e test"
}`;
const statement = (data: string, predicateType = 'https://cosign.sigstore.dev/attestation/v1') => ({
  _type: 'https://in-toto.io/Statement/v0.1',
  predicateType,
  subject: [],
  predicate: { Data: data },
});

const asSet = (body: string) => `package sigstore
isCompliant[response] { ${body} }`;

describe('Rego: what isCompliant says', () => {
  it.each<[string, string, JsonValue, object]>([
    ['true', fromPolicyController, statement('foobar e2e test'), passed],
    ['false, for other content', fromPolicyController, statement('other'), failed('isCompliant is false')],
    ['false, for another type', fromPolicyController, statement('foobar e2e test', 'x'), failed('is false')],
    ['undefined, without a default', 'package sigstore\nisCompliant { input.a == 1 }', { a: 2 }, failed('undefined')],
    ['v1, by its import', 'package sigstore\nimport rego.v1\nisCompliant if input.a == 1', { a: 1 }, passed],
    ['a text is not true', 'package sigstore\nisCompliant = "true" { true }', {}, failed('neither true nor a set')],
    ['1 is not true', 'package sigstore\nisCompliant = 1 { true }', {}, failed('neither true nor a set')],
    ['an object is not true', 'package sigstore\nisCompliant = {"result": true} { true }', {}, failed('neither true')],
    ['an empty set', asSet('false; response := {"result": true}'), {}, failed('holds no result that is true')],
    ['a set with a true result', asSet('response := {"result": true}'), {}, passed],
    [
      'a set with a true result and a warning, which policy-controller refuses',
      asSet('response := {"result": true, "warning": "soon not"}'),
      {},
      failed('it warns: soon not'),
    ],
    [
      'a set with an error of the policy, told in its words',
      asSet('response := {"result": input.n > 3, "error": sprintf("%d is not enough\\nat all", [input.n])}'),
      { n: 3 },
      failed('3 is not enough at all'),
    ],
    [
      'the statement, read whole',
      asSet('response := {"result": input.subject[0].digest.sha256 == "ab"}'),
      { subject: [{ digest: { sha256: 'ab' } }] },
      passed,
    ],
    ['the clock of the gate', `package sigstore\nisCompliant { time.now_ns() == ${NOW}000000 }`, {}, passed],
    [
      'integers that no double holds',
      'package sigstore\nisCompliant { input.n == 9007199254740993 }',
      { n: 9007199254740993n },
      passed,
    ],
  ])('%s', async (_, text, input, expected) => expect(await answer(text, input)).toEqual(expected));

  it.each<[string, string, string]>([
    ['an element that is no object', asSet('response := "x"'), 'REGO_RESULT_INVALID'],
    ['a result that is a text', asSet('response := {"result": "true"}'), 'REGO_RESULT_INVALID'],
    ['a field of another spelling, which Go would read', asSet('response := {"Result": true}'), 'REGO_RESULT_INVALID'],
    [
      'a built-in function that fails',
      'package sigstore\nisCompliant { not time.parse_rfc3339_ns("x") }',
      'REGO_EVALUATION_FAILED',
    ],
    [
      'two values',
      'package sigstore\nisCompliant = true { true }\nisCompliant = false { true }',
      'REGO_EVALUATION_FAILED',
    ],
  ])('cannot be evaluated: %s', async (_, text, code) => {
    await expect(answer(text, {})).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^ClusterImagePolicy release, attestation custom: /),
    });
  });
});

describe('Rego: refused when it is loaded', () => {
  it.each([
    ['no parse', 'package sigstore\nisCompliant {', 'sigstore.rego:', 'read as Rego v0'],
    ['v1 without its import', 'package sigstore\nisCompliant if true', 'sigstore.rego:2', 'import rego.v1'],
    ['another package', 'package main\nisCompliant { true }', 'package sigstore', 'Start it with'],
    ['no such rule', 'package sigstore\nallow { true }', 'no rule isCompliant', 'Add isCompliant'],
    [
      'the network',
      'package sigstore\nisCompliant { http.send({"url": "http://127.0.0.1", "method": "get"}) }',
      'http.send',
      'not available here',
    ],
    [
      'the environment',
      'package sigstore\nisCompliant { opa.runtime().env.HOME }',
      'opa.runtime',
      'not available here',
    ],
    [
      'a schema that reads files',
      'package sigstore\nisCompliant { json.match_schema(input, {"$ref": "file:///etc/passwd"})[0] }',
      'json.match_schema',
      'not available here',
    ],
  ])('%s', async (_, text, message, mend) => {
    const judge = await judgeWith();
    const refusal = {
      code: 'REGO_INVALID',
      message: expect.stringContaining(message),
      mend: expect.stringContaining(mend),
    };
    await expect(judge.check(rego(text), signal)).rejects.toMatchObject(refusal);
    await expect(judge.judge(rego(text), {}, signal)).rejects.toMatchObject(refusal);
  });

  it('no opa', async () => {
    const judge = await judgeWith({ findProgram: () => undefined });
    await expect(judge.check(rego(fromPolicyController), signal)).rejects.toMatchObject({ code: 'OPA_MISSING' });
  });
});

const strict = rego('package sigstore\ndefault isCompliant = false\nisCompliant { input.level == "high" }', 'strict');
const lax = rego('package sigstore\nisCompliant { true }', 'lax');

describe('rule 34: policies of one package never see one another', () => {
  it.each([
    ['one process a question', {}],
    ['servers that are kept', { longLived }],
  ])('with %s', async (_, options) => {
    const judge = await judgeWith(options);
    await Promise.all([judge.check(strict, signal), judge.check(lax, signal)]);
    const answers = await Promise.all([
      judge.judge(lax, { level: 'low' }, signal),
      judge.judge(strict, { level: 'low' }, signal),
      judge.judge(strict, { level: 'high' }, signal),
    ]);
    expect(answers.map(({ kind }) => kind)).toEqual(['passed', 'failed', 'passed']);
  });

  it('a policy does not read what another one defines', async () => {
    const judge = await judgeWith();
    const reader = rego('package sigstore\nisCompliant { data.sigstore.secret == 1 }', 'reader');
    const definer = rego('package sigstore\nsecret = 1\nisCompliant { true }', 'definer');
    await judge.judge(definer, {}, signal);
    expect(await judge.judge(reader, {}, signal)).toMatchObject({ kind: 'failed' });
  });
});

describe('many statements', () => {
  const counting = () => {
    const exec = createExec();
    const asked: string[] = [];
    const counted: Exec = (request) => {
      asked.push(request.args[0] ?? '');
      return exec(request);
    };
    return { exec: counted, asked };
  };

  it('asks about those that arrive together in one process', async () => {
    const { exec, asked } = counting();
    const judge = await judgeWith({ exec });
    await judge.check(strict, signal);
    const levels = Array.from({ length: 50 }, (_, i) => (i % 2 === 0 ? 'high' : 'low'));
    const answers = await Promise.all(levels.map((level) => judge.judge(strict, { level }, signal)));
    expect(answers.map(({ kind }) => kind)).toEqual(levels.map((level) => (level === 'high' ? 'passed' : 'failed')));
    expect(asked).toEqual(['eval', 'eval']);
  });

  it('lets no statement that cannot be judged take the answer of another', async () => {
    const judge = await judgeWith();
    const text = 'package sigstore\nisCompliant { to_number(input.n) > 1 }';
    const answers = await Promise.allSettled(['5', 'x', '0'].map((n) => judge.judge(rego(text), { n }, signal)));
    expect(answers.map((each) => (each.status === 'fulfilled' ? each.value.kind : each.reason.code))).toEqual([
      'passed',
      'REGO_EVALUATION_FAILED',
      'failed',
    ]);
  });

  it('ends one caller by its deadline, and not the other', async () => {
    const judge = await judgeWith();
    await judge.check(strict, signal);
    const stop = new AbortController();
    const ended = judge.judge(strict, { level: 'high' }, stop.signal);
    const other = judge.judge(strict, { level: 'high' }, signal);
    stop.abort();
    await expect(ended).rejects.toMatchObject({ code: 'REGO_LIMIT' });
    expect(await other).toEqual(passed);
  });
});

describe('an opa that gives no answer', () => {
  const exited = (stdout: string, code = 0): ExecResult => ({
    kind: 'exited',
    code,
    stdout: Buffer.from(stdout),
    stderr: '',
  });
  const value = (answers: unknown) => exited(JSON.stringify({ result: [{ expressions: [{ value: answers }] }] }));
  it.each<[string, ExecResult, string]>([
    ['nothing', exited(''), 'OPA_FAILED'],
    ['no result', exited('{}'), 'OPA_FAILED'],
    ['fewer answers', value([]), 'OPA_FAILED'],
    ['answers in another order', value([[1, [true]]]), 'OPA_FAILED'],
    ['an answer that is no list', value([[0, true]]), 'OPA_FAILED'],
    ['an end by a signal', { kind: 'killed', why: 'signal', stderr: '' }, 'OPA_FAILED'],
    ['no end', { kind: 'killed', why: 'deadline', stderr: '' }, 'REGO_LIMIT'],
    ['too much output', { kind: 'killed', why: 'output', stderr: '' }, 'REGO_LIMIT'],
  ])('%s', async (_, result, code) => {
    const real = createExec();
    let asked = 0;
    const judge = await judgeWith({ exec: (request) => (asked++ === 0 ? real(request) : Promise.resolve(result)) });
    await expect(judge.judge(strict, { level: 'high' }, signal)).rejects.toMatchObject({ code });
  });
});

describe('CUE on the real cue', () => {
  const cueAnswer = async (text: string, input: JsonValue) =>
    (await judgeWith({ cue: await tool('cue') })).judge(cueRule(text), input, signal);

  it.each<[string, string, JsonValue, object]>([
    ['what unifies', 'predicate: Data: "foobar"', statement('foobar'), passed],
    [
      'another value',
      'predicate: Data: "foobar"',
      statement('other'),
      failed('policy.cue:1:18: predicate.Data: conflicting values'),
    ],
    ['a value out of bounds', 'predicate: n: <10', { predicate: { n: 10 } }, failed('invalid value 10')],
    [
      'a regular expression',
      'predicate: id: =~"^https://github.com/"',
      { predicate: { id: 'https://github.com/a' } },
      passed,
    ],
    [
      'a standard package',
      'import "strings"\npredicate: id: strings.HasPrefix("a")',
      { predicate: { id: 'ab' } },
      passed,
    ],
    ['a field that is missing', 'predicate: Data: string', { predicate: {} }, failed('incomplete value string')],
    ['a field that a closed policy does not know', 'close({a: 1})', { a: 1, b: 2 }, failed('not allowed')],
    ['a policy with a package clause', 'package p\na: 1', { a: 2 }, failed('conflicting values')],
    [
      'a document that calls itself a JSON schema',
      'a: "x"',
      { $schema: 'https://json-schema.org/draft/2020-12/schema', a: 'y' },
      failed('conflicting values'),
    ],
    [
      'a document that calls itself OpenAPI',
      'a: "x"',
      { openapi: '3.0.0', info: { title: 'x', version: '1' }, a: 'y' },
      failed('conflicting values'),
    ],
  ])('%s', async (_, text, input, expected) => expect(await cueAnswer(text, input)).toEqual(expected));

  it.each([
    ['no parse', 'a: {', 'policy.cue:1:'],
    ['an unknown name', 'a: b', 'reference "b" not found'],
    ['a contradiction', 'a: 1\na: 2', 'conflicting values'],
    ['an import from a registry', 'import "example.com/x"\na: x.y', 'import failed'],
    ['a file that is read', '@extern(embed)\npackage p\na: _ @embed(file="policy.cue")', ''],
  ])('refused when it is loaded: %s', async (_, text, message) => {
    const judge = await judgeWith({ cue: await tool('cue') });
    await expect(judge.check(cueRule(text), signal)).rejects.toMatchObject({
      code: 'CUE_INVALID',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['judged', async () => ({ kind: 'exited', code: 0, stdout: Buffer.alloc(0), stderr: '' }) as const],
    ['not judged', async () => ({ kind: 'killed', why: 'deadline', stderr: '' }) as const],
  ])('keeps no document that was %s', async (_, ended) => {
    const folder = mkdtempSync(join(root, 'kept-'));
    const seen: string[][] = [];
    let compiled = false;
    const exec: Exec = async () => {
      seen.push(readdirSync(folder));
      if (compiled) return await ended();
      compiled = true;
      return { kind: 'exited', code: 0, stdout: Buffer.alloc(0), stderr: '' };
    };
    const judge = await judgeWith({ cue: '/cue', exec, makeFolder: () => folder });
    for (let i = 0; i < 3; i++) await judge.judge(cueRule('a: 1'), { a: 1 }, signal).catch(() => {});
    expect(seen).toEqual([
      ['policy.cue'],
      ...['input-0.json', 'input-1.json', 'input-2.json'].map((name) => [name, 'policy.cue']),
    ]);
    expect(readdirSync(folder)).toEqual(['policy.cue']);
  });

  it.each([
    ['no cue program', undefined, 'the Gate names no cue program'],
    ['a cue program that is not there', '/nowhere/cue', 'cue is not an executable file'],
  ])('refused when it is loaded: %s', async (_, cue, message) => {
    const judge = await judgeWith({ cue });
    await expect(judge.check(cueRule('a: 1'), signal)).rejects.toMatchObject({
      code: 'CUE_MISSING',
      message: expect.stringContaining(message),
      mend: expect.stringContaining('spec.images.cue'),
    });
  });

  it.each<[string, ExecResult]>([
    ['a crash', { kind: 'exited', code: 2, stdout: Buffer.from(''), stderr: 'panic: x' }],
    ['a silent failure', { kind: 'exited', code: 1, stdout: Buffer.from(''), stderr: '' }],
    ['no end', { kind: 'killed', why: 'deadline', stderr: '' }],
    ['too much output', { kind: 'killed', why: 'output', stderr: '' }],
  ])('cannot be evaluated: %s', async (_, result) => {
    const real = createExec();
    let asked = 0;
    const exec: Exec = (request) => (asked++ === 0 ? real(request) : Promise.resolve(result));
    const judge = await judgeWith({ cue: await tool('cue'), exec });
    await expect(judge.judge(cueRule('a: 1'), { a: 1 }, signal)).rejects.toMatchObject({ code: 'CUE_FAILED' });
  });
});
