import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExec } from '../../src/adapters/exec.ts';
import { type ClosableContentJudge, createContentJudge } from '../../src/checks/policy/content/judge.ts';
import { RegoSettings } from '../../src/checks/policy/rego/settings.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { tool } from '../support/tools/resolve.ts';

/** The same policies over the same content, judged here and by policy-controller's own `tester`. */

const root = mkdtempSync(join(realpathSync(tmpdir()), 'syncgate-test-oracle-'));
let judge: ClosableContentJudge;
let tester: string;

beforeAll(async () => {
  const [opa, cue, found] = await Promise.all([tool('opa'), tool('cue'), tool('tester')]);
  tester = found;
  judge = createContentJudge(
    { rego: RegoSettings.parse({ path: opa }), cue },
    {
      exec: createExec(),
      clock: { now: Date.now },
      findProgram: (name) => name,
      makeFolder: () => mkdtempSync(join(root, 'w-')),
    },
  );
});
afterAll(async () => {
  await judge.dispose();
  rmSync(root, { recursive: true, force: true });
});

type Language = 'rego' | 'cue';
type Verdict = 'passed' | 'denied';

async function ours(language: Language, text: string, spec: JsonValue): Promise<Verdict> {
  const input = { authorityMatches: { s: { static: true } }, spec };
  try {
    const { kind } = await judge.judge({ language, text, name: 'policy' }, input, AbortSignal.timeout(60_000));
    return kind === 'passed' ? 'passed' : 'denied';
  } catch {
    return 'denied';
  }
}

/** A static pass, so that the policy over the content decides alone; the content is the spec of the object. */
async function theirs(language: Language, text: string, spec: JsonValue): Promise<Verdict> {
  const folder = mkdtempSync(join(root, 't-'));
  const policy = {
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: 'p' },
    spec: {
      images: [{ glob: '**' }],
      authorities: [{ name: 's', static: { action: 'pass' } }],
      policy: { type: language, includeSpec: true, data: text },
    },
  };
  writeFileSync(join(folder, 'policy.json'), JSON.stringify(policy));
  writeFileSync(
    join(folder, 'object.json'),
    JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec }),
  );
  const image = `127.0.0.1:1/team/app@sha256:${'ab'.repeat(32)}`;
  const args = ['--policy', 'policy.json', '--resource', 'object.json', '--image', image, '--log-level', 'error'];
  return new Promise((done, failed) => {
    execFile(tester, args, { cwd: folder, env: { HOME: folder }, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error === null) done('passed');
      // A crash of theirs lets nothing in either.
      else if (/failed evaluating|"(errors|warnings)"|panic: interface conversion/.test(stdout + stderr))
        done('denied');
      else failed(new Error(`tester: ${stderr}`));
    });
  });
}

const set = (body: string) => `package sigstore\nisCompliant[response] { ${body} }`;
const v0 = (body: string) => `package sigstore\ndefault isCompliant = false\nisCompliant { ${body} }`;

type Case = readonly [name: string, language: Language, text: string, spec: JsonValue];

const alike: readonly Case[] = [
  ['equal', 'rego', v0('input.spec.n == 1'), { n: 1 }],
  ['not equal', 'rego', v0('input.spec.n == 1'), { n: 2 }],
  ['absent', 'rego', v0('input.spec.n == 1'), {}],
  ['undefined, without a default', 'rego', 'package sigstore\nisCompliant { input.spec.n == 1 }', { n: 2 }],
  ['the authority that passed', 'rego', v0('input.authorityMatches.s.static'), {}],
  ['another authority', 'rego', v0('input.authorityMatches.t'), {}],
  ['v1 by its import', 'rego', 'package sigstore\nimport rego.v1\nisCompliant if input.spec.n == 1', { n: 1 }],
  [
    'v1 by future keywords',
    'rego',
    'package sigstore\nimport future.keywords\nisCompliant if input.spec.n == 1',
    { n: 1 },
  ],
  ['v1 without an import', 'rego', 'package sigstore\nisCompliant if input.spec.n == 1', { n: 1 }],
  ['no parse', 'rego', 'package sigstore\nisCompliant {', {}],
  ['another package', 'rego', 'package main\nisCompliant { true }', {}],
  ['another rule', 'rego', 'package sigstore\nallow { true }', {}],
  ['a text', 'rego', 'package sigstore\nisCompliant = "true" { true }', {}],
  ['a number', 'rego', 'package sigstore\nisCompliant = 1 { true }', {}],
  ['an object', 'rego', 'package sigstore\nisCompliant = {"result": true} { true }', {}],
  ['an array of results', 'rego', 'package sigstore\nisCompliant = [{"result": true}] { true }', {}],
  ['an empty set', 'rego', set('input.spec.n == 1; response := {"result": true}'), { n: 2 }],
  ['a true result', 'rego', set('response := {"result": true}'), {}],
  ['a false result', 'rego', set('response := {"result": false, "error": "no"}'), {}],
  ['a result that is computed', 'rego', set('response := {"result": input.spec.n > 3}'), { n: 4 }],
  ['a true result with a warning', 'rego', set('response := {"result": true, "warning": "soon"}'), {}],
  ['a true result with an error', 'rego', set('response := {"result": true, "error": "odd"}'), {}],
  [
    'a false one, and a true one',
    'rego',
    'package sigstore\nisCompliant[r] { r := {"result": false, "error": "a"} }\nisCompliant[r] { r := {"result": true} }',
    {},
  ],
  ['a result that is a text', 'rego', set('response := {"result": "true"}'), {}],
  ['a set of texts', 'rego', set('response := "no"'), {}],
  ['two values', 'rego', 'package sigstore\nisCompliant = true { true }\nisCompliant = false { true }', {}],
  ['a built-in function that fails', 'rego', v0('to_number(input.spec.n) == 1'), { n: 'x' }],
  ['the time', 'rego', v0('time.now_ns() > 0'), {}],
  ['unifies', 'cue', 'spec: n: 1', { n: 1 }],
  ['conflicts', 'cue', 'spec: n: 1', { n: 2 }],
  ['bounds', 'cue', 'spec: n: >=1 & <5', { n: 4 }],
  ['out of bounds', 'cue', 'spec: n: >=1 & <5', { n: 5 }],
  ['a regular expression', 'cue', 'spec: image: =~"^registry\\\\.example/"', { image: 'registry.example/app' }],
  ['another text', 'cue', 'spec: image: =~"^registry\\\\.example/"', { image: 'evil.example/app' }],
  ['a standard package', 'cue', 'import "strings"\nspec: name: strings.MinRunes(3)', { name: 'ab' }],
  ['a closed struct', 'cue', 'spec: close({n: 1})', { n: 1, m: 2 }],
  ['a definition', 'cue', '#Spec: {n: int}\nspec: #Spec', { n: 1, m: 2 }],
  ['a list of one kind', 'cue', 'spec: names: [...string]', { names: ['a', 1] }],
  ['no parse', 'cue', 'spec: {', {}],
  ['an unknown name', 'cue', 'spec: n: undefinedName', { n: 1 }],
  ['a package that is not of the language', 'cue', 'import "example.com/x"\nspec: n: x.y', { n: 1 }],
];

/** Where they let pass what is denied here; each is on the page about attestations. */
const stricter: readonly (readonly [why: string, ...Case])[] = [
  ['a failure under not is no pass', 'not', 'rego', v0('not to_number(input.spec.n)'), { n: 'x' }],
  ['policies reach nothing outside', 'names of hosts', 'rego', v0('count(net.lookup_ip_addr("localhost")) > 0'), {}],
  ['what a policy names must be there', 'absent', 'cue', 'spec: reviewed: bool', {}],
  ['fields are spelt as they are', 'capital', 'rego', set('response := {"Result": true}'), {}],
];

describe('policies over content', () => {
  it.each(alike)('%s (%s)', async (_, language, text, spec) => {
    expect(await ours(language, text, spec)).toBe(await theirs(language, text, spec));
  });

  it.each(stricter)('stricter: %s (%s)', async (_, __, language, text, spec) => {
    expect([await ours(language, text, spec), await theirs(language, text, spec)]).toEqual(['denied', 'passed']);
  });

  it('holds enough of both verdicts', async () => {
    const verdicts = await Promise.all(alike.map(([, language, text, spec]) => ours(language, text, spec)));
    expect(verdicts.filter((each) => each === 'denied').length).toBeGreaterThan(alike.length * 0.4);
    expect(verdicts.filter((each) => each === 'passed').length).toBeGreaterThan(alike.length * 0.25);
  });
});
