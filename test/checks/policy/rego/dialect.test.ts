import { describe, expect, it } from 'vitest';
import {
  configMap,
  findingsFor,
  inShort,
  longLived,
  NOW,
  type Setup,
  withPolicies,
} from '../../../support/policies.ts';

/** The same questions to a process of their own and to a server: the answers may not differ. */
const engines = [
  ['opa eval', {}],
  ['an opa server', { longLived }],
] as const;

const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'apps' } };

interface Row {
  readonly says: string;
  readonly policy: string;
  readonly expected: readonly string[];
  readonly rego?: Record<string, unknown>;
  readonly more?: Setup['files'];
}

const denyPods = 'package main\ndeny contains "no pods" if input.kind == "Pod"';

const rows: readonly Row[] = [
  {
    says: 'a deny rule denies the objects that it speaks of, and no others',
    policy: denyPods,
    expected: ['deny main.deny web: no pods'],
  },
  {
    says: 'deny, violation and warn are rules, with suffixes; other names are not',
    policy: `package main
      deny_a_B2 contains "1" if input.kind == "Pod"
      violation contains "2" if input.kind == "Pod"
      violation_x contains "3" if input.kind == "Pod"
      warn contains "4" if input.kind == "Pod"
      warn_y contains "5" if input.kind == "Pod"
      denied contains "6" if input.kind == "Pod"
      advice contains "7" if input.kind == "Pod"`,
    expected: [
      'deny main.deny_a_B2 web: 1',
      'deny main.violation web: 2',
      'deny main.violation_x web: 3',
      'warn main.warn web: 4',
      'warn main.warn_y web: 5',
    ],
  },
  {
    says: 'an object with msg is a result, whatever else it holds',
    policy: 'package main\ndeny contains {"msg": "m", "details": {"a": [1]}} if input.kind == "Pod"',
    expected: ['deny main.deny web: m'],
  },
  {
    says: 'a set that is not written as a partial rule is a set',
    policy: 'package main\ndeny := {m | input.kind == "Pod"; m := "c"}',
    expected: ['deny main.deny web: c'],
  },
  {
    says: 'an empty message is a reason to deny, though conftest passes it',
    policy: 'package main\ndeny contains "" if input.kind == "Pod"\nwarn contains {"msg": ""} if input.kind == "Pod"',
    expected: ['deny main.deny web: main.deny gives no reason', 'warn main.warn web: main.warn gives no reason'],
  },
  {
    says: 'a message is one line without control characters or a full stop',
    policy: 'package main\ndeny contains "a\\u001b[31m\\n b\\u202e\\tc." if input.kind == "Pod"',
    expected: ['deny main.deny web: a [31m b c'],
  },
  {
    says: 'an exception takes away the rule that it names, and is told',
    policy: `package main
      deny_a contains "1" if input.kind == "Pod"
      deny_b contains "2" if input.kind == "Pod"
      exception contains ["a"] if input.metadata.name == "web"`,
    expected: ['warn main.deny_a web: main.deny_a is excepted for it (1 result)', 'deny main.deny_b web: 2'],
  },
  {
    says: 'an exception with the empty name takes away the plain rules',
    policy: `package main
      deny contains "1" if input.kind == "Pod"
      violation contains "2" if input.kind == "Pod"
      exception contains ["", "other"]`,
    expected: [
      'warn main.deny web: main.deny is excepted for it (1 result)',
      'warn main.violation web: main.violation is excepted for it (1 result)',
    ],
  },
  {
    says: 'an exception for another object, of another name or in another package changes nothing',
    policy: `package main
      deny_a contains "1" if input.kind == "Pod"
      exception contains ["a"] if input.kind == "Secret"
      exception contains ["deny_a"]
      exception contains "a"`,
    more: { 'policies/other.rego': 'package other\nwarn contains "w" if false\nexception contains ["a"]' },
    rego: { packages: ['main', 'other'] },
    expected: ['deny main.deny_a web: 1'],
  },
  {
    says: 'every selected package judges',
    policy: denyPods,
    more: { 'policies/deep/er.rego': 'package a.b\ndeny contains "b" if input.kind == "Pod"' },
    rego: { packages: ['main', 'a.b'] },
    expected: ['deny a.b.deny web: b', 'deny main.deny web: no pods'],
  },
  {
    says: 'all selects every package that judges, whatever its name',
    policy: denyPods,
    more: {
      'policies/x.rego': 'package a["b-c"]\ndeny contains "b" if input.kind == "Pod"',
      'policies/l.rego': 'package lib\nf := 1',
    },
    rego: { packages: 'all' },
    expected: ['deny a["b-c"].deny web: b', 'deny main.deny web: no pods'],
  },
  {
    says: 'Rego v0 is read where the setting says so',
    policy:
      'package main\ndeny[msg] { input.kind == "Pod"; msg := "v0" }\nexception[rules] { input.kind == "Secret"; rules := [""] }',
    rego: { version: 'v0' },
    expected: ['deny main.deny web: v0'],
  },
  {
    says: 'data files are read below data: a folder by its folders, a file from the top',
    policy: `package main
      deny contains msg if { input.kind == data.kinds[_]; msg := data.team.words.no }
      deny contains msg if { input.kind == "Pod"; msg := data.top }`,
    more: {
      'data/kinds.yaml': 'kinds: [Pod]\n',
      'data/team/words/w.json': '{"no": "never"}',
      'top.yml': 'top: top\n',
      'data/notes.txt': 'not data',
    },
    rego: { data: ['data', 'top.yml'] },
    expected: ['deny main.deny web: never', 'deny main.deny web: top'],
  },
  {
    says: 'data files may lie among the policies',
    policy: 'package main\nimport data.cfg\ndeny contains cfg.say if input.kind == "Pod"',
    more: { 'policies/data.json': '{"cfg": {"say": "so"}}' },
    rego: { data: ['policies'] },
    expected: ['deny main.deny web: so'],
  },
  {
    says: 'the file is known as conftest knows it',
    policy:
      'package main\ndeny contains concat("|", [f.dir, f.name]) if { input.kind == "Pod"; f := data.conftest.file }',
    expected: ['deny main.deny web: app|objects.yaml'],
  },
  {
    says: 'a combined package gets the whole set once, in the shape of --combine',
    policy: denyPods,
    more: {
      'policies/set.rego': `package set
        deny contains msg if {
          names := [o.contents.metadata.name | some o in input; o.path == "app/objects.yaml"]
          msg := concat(",", names)
        }`,
    },
    rego: { packages: 'all', combined: ['set'] },
    expected: ['deny main.deny web: no pods', 'deny set.deny -: web,cfg'],
  },
  {
    says: 'the time is the one that the gate gives',
    policy: 'package main\ndeny contains time.format(time.now_ns()) if input.kind == "Pod"',
    expected: [`deny main.deny web: ${new Date(NOW).toISOString().replace('.000Z', 'Z')}`],
  },
  {
    says: 'the pure functions of networks stay',
    policy: 'package main\ndeny contains "in" if { input.kind == "Pod"; net.cidr_contains("10.0.0.0/8", "10.1.2.3") }',
    expected: ['deny main.deny web: in'],
  },
  {
    says: 'what is printed goes nowhere',
    policy: 'package main\ndeny contains "p" if { input.kind == "Pod"; print("secret", input); trace("secret") }',
    expected: ['deny main.deny web: p'],
  },
  {
    says: 'an unselected package may hold helpers and warnings',
    policy: 'package main\nimport data.lib\ndeny contains "l" if lib.is_pod(input)',
    more: { 'policies/lib.rego': 'package lib\nis_pod(o) if o.kind == "Pod"\nwarn contains "w" if true' },
    expected: ['deny main.deny web: l'],
  },
];

describe.each(engines)('by %s', (_, ports) => {
  it.each(rows)('$says', async ({ policy, expected, rego, more }) => {
    const files = { 'policies/main.rego': policy, ...more };
    const findings = await findingsFor({ files, ports, ...(rego && { rego }) }, [pod, configMap('cfg')]);
    expect(findings.map(inShort).sort()).toEqual([...expected].sort());
  });

  it('gives the same answer every time, in the order of the objects', async () => {
    const policy =
      'package main\ndeny contains msg if { some i in numbers.range(1, 20); msg := sprintf("%s %d", [input.metadata.name, i]) }';
    const setup = { files: { 'policies/main.rego': policy }, ports };
    const objects = ['b', 'a', 'c'].map((name) => configMap(name));
    const [first, second] = [await findingsFor(setup, objects), await findingsFor(setup, objects)];
    expect(first).toHaveLength(60);
    expect(second).toEqual(first);
    expect([...new Set(first.map(({ object }) => object?.name))]).toEqual(['b', 'a', 'c']);
  });

  it('judges each of many objects once, in their order, and the set once', async () => {
    const files = {
      'policies/a.rego': 'package main\ndeny contains input.metadata.name',
      'policies/s.rego': 'package s\ndeny contains sprintf("%d", [count(input)])',
    };
    const many = Array.from({ length: 101 }, (_, i) => configMap(`o${i}`));
    const findings = await findingsFor({ files, ports, rego: { packages: 'all', combined: ['s'] } }, many);
    expect(findings.map(({ message }) => message)).toEqual([...many.map((_, i) => `o${i}`), '101']);
  });

  it('gives rules the numbers as they were written', async () => {
    const policy = 'package main\ndeny contains sprintf("%v %v", [input.big, input.small]) if input.big';
    const objects = [configMap('n', { big: 12345678901234567890n, small: 0.1 })];
    const findings = await findingsFor({ files: { 'policies/main.rego': policy }, ports }, objects);
    expect(findings.map(inShort)).toEqual(['deny main.deny n: 12345678901234567890 0.1']);
  });

  it('takes whatever an object holds for data', async () => {
    const policy = 'package main\ndeny contains input.data.text if input.data.text';
    const text = '"]} data.main := {} } `x` \\u0000 with input as {} # "';
    const objects = [configMap('n', { data: { text, __proto__: 'x', 'data.main.deny': 'y' } })];
    const findings = await findingsFor({ files: { 'policies/main.rego': policy }, ports }, objects);
    expect(findings.map(({ message }) => message)).toEqual([text]);
  });

  it('counts what it examined and says which opa judged', async () => {
    const files = {
      'policies/main.rego': `${denyPods}\nwarn contains "w" if false`,
      'policies/s.rego': 'package s\ndeny contains "s" if false',
    };
    await withPolicies({ files, ports, rego: { packages: 'all', combined: ['s'] } }, async (policies) => {
      expect(policies.described).toEqual([
        {
          dialect: 'Rego',
          policy: 'main',
          source: 'policies/main.rego',
          rules: [
            { name: 'deny', matches: 'every object', action: 'deny' },
            { name: 'warn', matches: 'every object', action: 'warn' },
          ],
          warnings: [],
        },
        {
          dialect: 'Rego',
          policy: 's',
          source: 'policies/s.rego',
          rules: [{ name: 'deny', matches: 'the whole set at once', action: 'deny' }],
          warnings: [],
        },
      ]);
      const { outcome, engines: versions } = await policies.judge([], AbortSignal.timeout(20_000));
      expect(outcome).toEqual({ kind: 'completed', examined: 1, findings: [] });
      expect(versions['opa']).toMatch(/^1\.\d+\.\d+$/);
    });
  });
});

describe('a finding', () => {
  it('names the rule, the object, its place and where the rule stands', async () => {
    const files = { 'policies/sub/main.rego': `package main\n\n${denyPods.split('\n')[1]}` };
    const [finding] = await findingsFor({ files }, [configMap('cfg'), pod]);
    expect(finding).toMatchObject({
      effect: 'deny',
      code: 'POLICY_DENIED',
      rule: 'main.deny',
      object: { kind: 'Pod', name: 'web', namespace: 'apps' },
      place: { file: 'app/objects.yaml', line: 11 },
    });
    expect(finding?.mend).toContain('the rule is in policies/sub/main.rego:3');
  });
});
