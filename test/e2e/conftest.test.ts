/** The same policies over the same objects, by the real conftest and by us: every verdict, and where we mean to differ. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { configMap, type Files, findingsFor, folderOf, longLived } from '../support/policies.ts';
import { tool } from '../support/tools/resolve.ts';

interface Settings {
  readonly version?: 'v0' | 'v1';
  readonly packages?: 'all' | readonly string[];
  readonly combined?: boolean;
  readonly data?: readonly string[];
}

interface ConftestResult {
  readonly msg: string;
  readonly metadata: { readonly query?: string };
}

/** What conftest says, as `effect rule message`; undefined where it refuses to judge. */
async function byConftest(
  files: Files,
  objects: readonly JsonObject[],
  settings: Settings,
): Promise<string[] | undefined> {
  const { version = 'v1', packages = ['main'], combined = false, data = [] } = settings;
  const folder = folderOf(files);
  try {
    const inputs = objects.map((object, i) => {
      writeFileSync(join(folder.path, `o${i}.json`), canonicalJson(object));
      return `o${i}.json`;
    });
    const args = [
      ...['test', '--output', 'json', '--no-fail', '--policy', 'policies', '--rego-version', version],
      ...(packages === 'all' ? ['--all-namespaces'] : packages.flatMap((name) => ['--namespace', name])),
      ...(combined ? ['--combine'] : []),
      ...data.flatMap((path) => ['--data', path]),
    ];
    const conftest = await tool('conftest');
    const output = execFileSync(conftest, [...args, ...inputs], {
      cwd: folder.path,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const results = JSON.parse(output) as Record<'failures' | 'warnings', ConftestResult[] | undefined>[];
    const said = (effect: string, list: readonly ConftestResult[] = []) =>
      list.map(({ msg, metadata }) => `${effect} ${metadata.query?.replace('data.', '')} ${msg}`);
    return results.flatMap(({ failures, warnings }) => [...said('deny', failures), ...said('warn', warnings)]).sort();
  } catch (error) {
    if ((error as { status?: unknown }).status === 1) return undefined;
    throw error;
  } finally {
    folder.remove();
  }
}

async function byUs(files: Files, objects: readonly JsonObject[], settings: Settings, ports = {}): Promise<string[]> {
  const { version = 'v1', packages = ['main'], combined = false, data = [] } = settings;
  const rego = { version, packages, data, combined: combined ? (packages === 'all' ? ['main'] : packages) : [] };
  const findings = await findingsFor({ files, rego, ports }, objects);
  return findings
    .filter(({ code }) => code !== 'POLICY_EXCEPTED')
    .map(({ effect, rule, message }) => `${effect} ${rule} ${message}`)
    .sort();
}

function workload(name: string, image: string, more: JsonObject = {}): JsonObject {
  const containers = [{ name: 'app', image, ...more }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { template: { spec: { containers } } },
  };
}

const objects: readonly JsonObject[] = [
  workload('latest', 'shop/web:latest'),
  workload('pinned', 'shop/web:1.2', { resources: { limits: { memory: '512Mi' } } }),
  workload('greedy', 'shop/web:1.2', {
    resources: { limits: { memory: '4Gi' } },
    securityContext: { privileged: true },
  }),
  { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'NodePort', ports: [{ port: 80 }] } },
  configMap('cfg', { data: { a: '1', b: 'yes' } }),
  configMap('big', { number: 42, float: 1.5, list: [null, true, 'é'] }),
];

const containers = 'containers contains c if some c in input.spec.template.spec.containers';

const cases: [says: string, policy: string | Files, settings?: Settings][] = [
  [
    'tags',
    `package main
${containers}
deny contains msg if { some c in containers; endswith(c.image, ":latest"); msg := sprintf("%s uses %s", [input.metadata.name, c.image]) }`,
  ],
  [
    'quantities, privileges and objects as results',
    `package main
${containers}
violation_memory contains {"msg": msg, "details": {"limit": c.resources.limits.memory}} if {
  some c in containers
  units.parse_bytes(c.resources.limits.memory) > 1073741824
  msg := sprintf("%v: %v", [c.name, c.resources.limits])
}
deny_privileged contains sprintf("%s is privileged", [c.name]) if { some c in containers; c.securityContext.privileged }
warn_limits contains sprintf("%s has no limits: %v", [c.name, c]) if { some c in containers; not c.resources }`,
  ],
  ['numbers as they are', 'package main\ndeny contains sprintf("%v %v %v", [input.number, input.float, input.list])'],
  [
    'exceptions',
    `package main
deny_type contains "type" if input.spec.type == "NodePort"
deny_name contains "name" if input.metadata.name == "web"
violation contains "v" if input.kind == "ConfigMap"
deny contains "d" if input.kind == "ConfigMap"
exception contains ["type"] if input.metadata.name == "web"
exception contains ["", "x"] if input.metadata.name == "cfg"`,
  ],
  [
    'exceptions by suffixes of several parts',
    `package main
deny_a_b contains "1"
violation_deny_x contains "2"
deny_violation_x contains "3"
warn_deny_y contains "4"
exception contains [r] if { input.kind == "Service"; some r in ["a_b", "x"] }
exception contains [r] if { input.kind == "ConfigMap"; some r in ["b", "violation_x", "deny_y"] }`,
  ],
  [
    'exceptions of other shapes',
    `package main
deny_a contains "1"
deny_b contains "2"
exception := {"k": ["a"], "l": {"b"}} if input.kind == "Service"`,
  ],
  [
    'names that are rules, and names that are not',
    'package main\ndeny_1 contains "1"\ndenied contains "2"\nwarning contains "3"\nwarn_A contains "4"',
  ],
  [
    'a set that is no partial rule',
    'package main\ndeny := {m | input.kind == "Service"; m := "s"}\nwarn := {"always"}',
  ],
  [
    'metadata without a namespace',
    'package main\ndeny contains concat("/", [object.get(input.metadata, "namespace", "-"), input.kind])',
  ],
  [
    'data by folder and by file',
    {
      'policies/a.rego':
        'package main\ndeny contains msg if { input.kind in data.kinds; msg := sprintf("%v %v", [data.team.limit, data.top]) }',
      'data/kinds.yaml': 'kinds: [Service, ConfigMap]\n',
      'data/team/limit.json': '{"limit": 3}',
      'top.yaml': 'top: {on: "yes"}\n',
    },
    { data: ['data', 'top.yaml'] },
  ],
  [
    'data among the policies',
    {
      'policies/a.rego': 'package main\ndeny contains data.d.say if input.kind == "Service"',
      'policies/d/d.json': '{"say": "no"}',
    },
    { data: ['policies'] },
  ],
  [
    'several packages by name',
    {
      'policies/a.rego': 'package main\nimport data.lib\ndeny contains "a" if lib.service',
      'policies/b.rego': 'package x.y\nwarn contains "b"',
      'policies/l.rego': 'package lib\nservice if input.kind == "Service"',
    },
    { packages: ['main', 'x.y'] },
  ],
  [
    'all packages',
    {
      'policies/a.rego': 'package main\ndeny contains "a" if input.kind == "Service"',
      'policies/deep/b.rego': 'package x.y\nwarn contains "b"',
      'policies/l.rego': 'package lib\nx := 1',
    },
    { packages: 'all' },
  ],
  [
    'one package in several files',
    {
      'policies/a.rego': 'package main\ndeny contains "a"',
      'policies/b.rego': 'package main\ndeny contains "b"\nwarn contains "w"',
    },
  ],
  [
    'tests among the policies',
    {
      'policies/a.rego': 'package main\ndeny contains "a" if input.kind == "Service"',
      'policies/a_test.rego': 'package main\ntest_deny if deny with input as {"kind": "Service"}',
    },
  ],
  [
    'Rego v0',
    `package main
deny[msg] { input.kind == "Service"; msg := "v0" }
warn_x[{"msg": msg}] { some i; input.spec.ports[i].port == 80; msg := sprintf("port %d", [i]) }
exception[rules] { input.kind == "ConfigMap"; rules := [""] }
deny[msg] { input.kind == "ConfigMap"; msg := "except me" }`,
    { version: 'v0' },
  ],
  [
    'the whole set',
    `package main
names contains o.contents.metadata.name if some o in input
deny contains concat(",", sort(names))
deny contains msg if { some o in input; o.contents.kind == "Service"; msg := sprintf("%d objects", [count(input)]) }`,
    { combined: true },
  ],
  [
    'values of any kind in a message',
    'package main\ndeny contains sprintf("%v|%d|%s|%q", [input.spec, count(input.metadata), input.kind, input.apiVersion]) if input.spec',
  ],
];

const filesOf = (policy: string | Files): Files =>
  typeof policy === 'string' ? { 'policies/a.rego': policy } : policy;

describe('equal to conftest', () => {
  it.each(cases)('%s', async (_, policy, settings = {}) => {
    const expected = await byConftest(filesOf(policy), objects, settings);
    expect(expected?.length).toBeGreaterThan(0);
    expect(await byUs(filesOf(policy), objects, settings)).toEqual(expected);
    expect(await byUs(filesOf(policy), objects, settings, { longLived })).toEqual(expected);
  });
});

/** conftest finds nothing wrong with any of these; a gate must not. */
describe('conftest passes, we do not', () => {
  it.each([
    ['a complete rule', 'deny := "always"'],
    ['deny[msg] in v1', 'deny[msg] := true if msg := "x"'],
    ['a built-in function that fails', 'deny contains "x" if to_number(input.metadata.name) > 1'],
    ['a result of another type', 'deny contains 5'],
    ['an empty message', 'deny contains ""'],
    [
      'a package of another name',
      'warn contains "x" if false',
      'package kubernetes.admission\ndeny contains "x" if input.request.kind.kind',
    ],
    ['an admission rule', 'deny contains "x" if input.review.object.kind'],
    ['a rule whose name it does not know', 'deny contains "x" if false\ndeny__x contains "x"'],
    ['a rule of several parts', 'warn contains "x" if false\ndeny.x contains "x"'],
    ['data that nobody gives', 'deny contains "x" if input.kind in data.forbidden'],
    ['a selected package that judges nothing', 'allow := true'],
  ])('%s', async (_, rule, other?: string) => {
    const files = {
      'policies/a.rego': `package main\n${rule}`,
      ...(other !== undefined && { 'policies/b.rego': other }),
    };
    expect(await byConftest(files, objects, {})).toEqual([]);
    const said = await byUs(files, objects, {}).catch((error) => [`refused ${error.code}`]);
    expect(said.length).toBeGreaterThan(0);
    for (const each of said) expect(each).toMatch(/^(error|deny|refused) /);
  });
});

it('keeps an integer that conftest rounds', async () => {
  const files = { 'policies/a.rego': 'package main\ndeny contains sprintf("%v", [input.n])' };
  const big = [configMap('big', { n: 12345678901234567890n })];
  expect(await byConftest(files, big, {})).toEqual(['deny main.deny 1.2345678901234567e+19']);
  expect(await byUs(files, big, {})).toEqual(['deny main.deny 12345678901234567890']);
});
