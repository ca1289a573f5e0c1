import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PolicyRequest } from '../../../../src/checks/policy/kube/request.ts';
import type { CompiledPolicy, PolicyWorld, RuleDescription, RuleResult } from '../../../../src/checks/policy/rule.ts';
import type { RowFilter } from '../../../../src/checks/policy/testing/rows.ts';
import { runTests } from '../../../../src/checks/policy/testing/run-test.ts';
import { GateError } from '../../../../src/core/errors.ts';
import type { JsonObject } from '../../../../src/core/json.ts';
import { readDocuments } from '../../../support/kyverno/cases.ts';

/** Rows, and what they make of answers; the answers themselves are the dialects' business. */

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rows-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

type Answer = (request: PolicyRequest, world: PolicyWorld) => readonly Partial<RuleResult>[];

interface Policy {
  readonly kind?: string;
  readonly namespace?: string;
  readonly rules?: readonly RuleDescription[];
  readonly answer: Answer;
}

function compiled(
  name: string,
  { kind = 'ClusterPolicy', namespace = '', rules = [], answer }: Policy,
): CompiledPolicy {
  return {
    identity: { apiVersion: 'kyverno.io/v1', kind, namespace, name },
    source: `${name}.yaml`,
    title: undefined,
    severity: undefined,
    category: undefined,
    rules,
    warnings: [],
    concerns: () => true,
    judge: (request, world) =>
      answer(request, world).map((result) => ({ rule: '', status: 'pass', message: '', action: 'deny', ...result })),
  };
}

const pods = ['good', 'bad'].map((name) => `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n`).join('---\n');
const namePasses: Answer = ({ name }) => [{ rule: 'check', status: name === 'good' ? 'pass' : 'fail', message: 'no' }];
const all: RowFilter = { policy: undefined, rule: undefined, resource: undefined };

function run(
  test: object,
  policies: Record<string, Policy>,
  options: { files?: Record<string, string>; filter?: RowFilter } = {},
) {
  const whole = { policies: ['policy.yaml'], resources: ['resources.yaml'], ...test };
  const files = { 'resources.yaml': pods, 'policy.yaml': '{apiVersion: v1, kind: X}', ...options.files };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const file = join(folder, 'kyverno-test.yaml');
  writeFileSync(file, JSON.stringify(whole));
  const [report] = runTests(file, options.filter ?? all, {
    read: readDocuments,
    isClusterScoped: () => false,
    compile: () => ({
      policies: Object.entries(policies).map(([name, policy]) => compiled(name, policy)),
      refused: [
        {
          identity: { apiVersion: 'kyverno.io/v1', kind: 'ClusterPolicy', namespace: '', name: 'refused' },
          error: new GateError('POLICY_UNSUPPORTED', 'policy.yaml:7:3: no such field'),
        },
      ],
    }),
    kubernetes: '1.36',
    now: () => 0,
    random: () => 0,
  });
  return report;
}

const row = (more: object) => ({ policy: 'names', rule: 'check', kind: 'Pod', result: 'pass', ...more });
const outcomeOf = (more: object, policy: Policy = { answer: namePasses, rules: [rule('check')] }) => {
  const judged = run({ results: [row(more)] }, { names: policy })?.rows[0];
  return [judged?.outcome, judged?.reason, judged?.differences.map(({ object, got }) => `${object}: ${got}`)];
};
function rule(name: string, notEvaluated?: string): RuleDescription {
  return { name, matches: 'Pod', action: 'deny', ...(notEvaluated && { notEvaluated }) };
}

describe('a row', () => {
  it.each<[string, object]>([
    ['that names a resource with this result', { resources: ['good'] }],
    ['that names it with its namespace', { resources: ['default/good'] }],
    ['that expects a failure', { resources: ['bad'], result: 'fail' }],
    ['by a specification', { resourceSpecs: [{ version: 'v1', kind: 'Pod', namespace: 'default', name: 'good' }] }],
  ])('%s passes', (_, more) => expect(outcomeOf(more)).toEqual(['passed', '', []]));

  it.each<[string, object, string, string[]]>([
    [
      'of which one resource gives another result',
      { resources: ['good', 'bad'] },
      'expected pass, got fail',
      ['Pod default/bad: fail'],
    ],
    ['without resources means all of its kind', {}, 'expected pass, got fail', ['Pod default/bad: fail']],
    ['about a resource that is not there', { resources: ['good', 'ugly'] }, 'no Pod of the test is called ugly', []],
    [
      'about one of another kind',
      { kind: 'Service', resources: ['good'] },
      'no Service of the test is called good',
      [],
    ],
    ['about one in another namespace', { resources: ['shop/good'] }, 'no Pod of the test is called shop/good', []],
    ['about a kind that the test has not', { kind: 'Service' }, 'the test has no Service', []],
    ['about a policy that is not there', { policy: 'else' }, 'no policy of the test is called "else"', []],
    [
      'about a policy in another namespace',
      { policy: 'shop/names' },
      'no policy of the test is called "shop/names"',
      [],
    ],
    [
      'about a policy that cannot judge',
      { policy: 'refused' },
      'the policy cannot judge: policy.yaml:7:3: no such field',
      [],
    ],
    [
      'about a rule that is not there',
      { rule: 'chekc', resources: ['good'] },
      'the policy has no rule "chekc"; did you mean check?',
      [],
    ],
    ['about a rule like no other', { rule: 'ports', resources: ['good'] }, 'the policy has no rule "ports"', []],
    ['that mistypes a policy', { policy: 'nmaes' }, 'no policy of the test is called "nmaes"; did you mean names?', []],
    [
      'that mistypes a policy which cannot judge',
      { policy: 'refusd' },
      'no policy of the test is called "refusd"; did you mean refused?',
      [],
    ],
    [
      'of another kind of policy than the one of this name',
      { isValidatingPolicy: true },
      'no policy of the test is called "names"',
      [],
    ],
    [
      'that mistypes resources',
      { resources: ['godo', 'bda'] },
      'no Pod of the test is called godo, bda; did you mean good, bad?',
      [],
    ],
    [
      'that mistypes a namespace',
      { resources: ['defualt/good'] },
      'no Pod of the test is called defualt/good; did you mean default/good?',
      [],
    ],
    [
      'that mistypes a specification',
      { resourceSpecs: [{ version: 'v1', kind: 'Pod', namespace: 'default', name: 'godo' }] },
      'no Pod of the test is called v1/Pod default/godo; did you mean v1/Pod default/good?',
      [],
    ],
    ['that mistypes a kind', { kind: 'Pdo' }, 'the test has no Pdo; did you mean Pod?', []],
    [
      'that mistypes the kind of a resource',
      { kind: 'Pdo', resources: ['good'] },
      'no Pdo of the test is called good; did you mean Pod?',
      [],
    ],
    [
      'that expects skip of a rule that passes',
      { result: 'skip', resources: ['good'] },
      'expected skip, got pass',
      ['Pod default/good: pass'],
    ],
  ])('%s fails', (_, more, reason, differences) => {
    const [outcome, why, found] = outcomeOf(more);
    expect([outcome, why]).toEqual(['failed', reason]);
    if (differences.length > 0) expect(found).toEqual(differences);
  });

  it.each(['pass', 'fail', 'skip'])('that expects %s of a rule that says nothing fails', (result) => {
    const [outcome, reason] = outcomeOf({ result, resources: ['good'] }, { answer: () => [], rules: [rule('check')] });
    expect([outcome, reason]).toEqual(['failed', `expected ${result}, got nothing`]);
  });

  it('hears every rule of a policy where it names none', () => {
    const answer: Answer = () => [{ rule: 'a' }, { rule: 'b', status: 'fail' }];
    expect(outcomeOf({ rule: undefined, resources: ['good'] }, { answer })).toEqual([
      'failed',
      'expected pass, got fail',
      ['Pod default/good: fail'],
    ]);
    expect(outcomeOf({ rule: 'a', resources: ['good'] }, { answer })).toEqual(['passed', '', []]);
  });

  it.each(['autogen-check', 'autogen-cronjob-check'])('hears %s where it names check', (name) => {
    expect(outcomeOf({ resources: ['good'] }, { answer: () => [{ rule: name }] })).toEqual(['passed', '', []]);
  });

  it('about a policy in CEL means all of it, whatever rule it names', () => {
    const policy: Policy = { kind: 'ValidatingPolicy', answer: () => [{ rule: '' }] };
    expect(outcomeOf({ rule: 'anything', resources: ['good'], isValidatingPolicy: true }, policy)).toEqual([
      'passed',
      '',
      [],
    ]);
    const [outcome] = outcomeOf({ resources: ['good'], isValidatingAdmissionPolicy: true }, policy);
    expect(outcome).toBe('failed');
  });

  it.each<[string, object, Policy | undefined]>([
    ['compares a patched resource', { patchedResources: 'patched.yaml' }, undefined],
    ['compares a generated resource', { generatedResource: 'generated.yaml' }, undefined],
    ['is about a mutating policy', { isMutatingPolicy: true }, undefined],
    ['is about a rule that mutates', {}, { answer: () => [], rules: [rule('check', 'it mutates'), rule('other')] }],
    [
      'is about a policy that only mutates, though no such rule',
      { rule: 'x' },
      { answer: () => [], rules: [rule('check', 'it mutates')] },
    ],
  ])('that %s is not evaluated', (_, more, policy) => {
    expect(outcomeOf(more, policy)[0]).toBe('not evaluated');
  });
});

describe('what rules are asked', () => {
  const seen: [PolicyRequest, PolicyWorld][] = [];
  const listen: Answer = (request, world) => {
    seen.push([request, world]);
    return [{ rule: 'check' }];
  };
  beforeEach(() => {
    seen.length = 0;
  });
  const ask = (test: object, files: Record<string, string> = {}, kind = 'ClusterPolicy') => {
    const report = run(
      { results: [row({ resources: ['good'] })], ...test },
      { names: { answer: listen, kind } },
      { files },
    );
    expect(report?.error).toBeUndefined();
    return seen[0] as [PolicyRequest, PolicyWorld];
  };

  it('is about an object in the namespace default, with maps where they were left empty', () => {
    const [{ object, namespace, resource }] = ask(
      {},
      {
        'resources.yaml':
          '{apiVersion: v1, kind: Pod, metadata: {name: good, labels: null}, spec: {nodeSelector: null, volumes: null}}',
      },
    );
    expect(object).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'good', labels: {}, namespace: 'default' },
      spec: { nodeSelector: {}, volumes: null },
    });
    expect([namespace, resource.resource]).toEqual(['default', 'pods']);
  });

  it.each([
    ['CREATE', true, false],
    ['UPDATE', true, true],
    ['DELETE', false, true],
  ])('is %s where the row says so', (operation, hasObject, hasOld) => {
    const [request] = ask({ results: [row({ resources: ['good'], operation })] });
    expect([request.operation, request.object !== null, request.oldObject !== null]).toEqual([
      operation,
      hasObject,
      hasOld,
    ]);
  });

  const values = {
    globalValues: { 'request.operation': 'DELETE' },
    policies: [{ name: 'names', resources: [{ name: 'good', values: { 'request.operation': 'UPDATE' } }] }],
  };
  it('is what the values say: for one object only where rules have a context', () => {
    expect(ask({ values })[0].operation).toBe('UPDATE');
    seen.length = 0;
    expect(ask({ values }, {}, 'ValidatingPolicy')[0].operation).toBe('DELETE');
  });

  it('is about a parent where the values call the kind a subresource', () => {
    const [{ kind, subresource, resource }] = ask(
      {
        values: {
          subresources: [
            {
              subresource: { name: 'deployments/scale', kind: 'Scale', group: 'autoscaling', version: 'v1' },
              parentResource: { name: 'deployments', kind: 'Deployment', group: 'apps', version: 'v1' },
            },
          ],
        },
        results: [row({ kind: 'Scale', resources: ['good'] })],
      },
      { 'resources.yaml': '{apiVersion: autoscaling/v1, kind: Scale, metadata: {name: good}}' },
    );
    expect([kind.kind, resource.resource, subresource]).toEqual(['Deployment', 'deployments', 'scale']);
  });

  it('comes from the user of the test, or from nobody', () => {
    const userinfo = '{kind: UserInfo, clusterRoles: [admin], userInfo: {username: eve, groups: [dev]}}';
    expect(ask({ userinfo: 'user.yaml' }, { 'user.yaml': userinfo })[0].userInfo).toEqual({
      username: 'eve',
      uid: '',
      groups: ['dev'],
      extra: {},
      roles: [],
      clusterRoles: ['admin'],
    });
    seen.length = 0;
    expect(ask({})[0].userInfo).toBeUndefined();
    seen.length = 0;
    expect(ask({}, {}, 'ValidatingPolicy')[0].userInfo?.username).toBe('');
  });

  it('may look at Namespaces and objects that the test names, the whole Namespace before its labels', () => {
    const [, { cluster }] = ask(
      {
        context: 'context.yaml',
        values: {
          namespaces: [{ apiVersion: 'v1', kind: 'namespace', metadata: { name: 'shop', labels: { tier: 'whole' } } }],
          namespaceSelector: [
            { name: 'shop', labels: { tier: 'label' } },
            { name: 'bank', labels: { tier: 'label' } },
          ],
        },
      },
      {
        'context.yaml':
          '{spec: {resources: [{apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: shop}, data: {a: b}}]}}',
      },
    );
    const tier = (name: string) =>
      (
        (cluster.object({ group: '', kind: 'Namespace' }, '', name)?.['metadata'] as JsonObject)?.[
          'labels'
        ] as JsonObject
      )?.['tier'];
    expect([tier('shop'), tier('bank')]).toEqual(['whole', 'label']);
    expect(cluster.list({ group: '', kind: 'ConfigMap' }, 'shop')).toHaveLength(1);
    expect(cluster.object({ group: '', kind: 'ConfigMap' }, 'bank', 'c')).toBeUndefined();
  });

  it('is asked once, however many rows want to know', () => {
    ask({
      results: [
        row({ resources: ['good'] }),
        row({ resources: ['good'] }),
        row({ resources: ['good'], rule: undefined }),
      ],
    });
    expect(seen).toHaveLength(1);
  });
});

describe('JSON that is no object of Kubernetes', () => {
  const payloads = { 'a.json': '{"name": "good"}', 'b.json': '{"name": "bad"}' };
  const byPayload: Answer = ({ object }) => [{ status: object?.['name'] === 'good' ? 'pass' : 'fail' }];
  const rowsOf = (results: readonly object[]) =>
    run(
      { resources: [], jsonPayloads: ['./a.json', 'b.json'], results },
      { names: { kind: 'ValidatingPolicy', answer: byPayload } },
      { files: payloads },
    )?.rows.map(({ outcome, differences }) => [outcome, differences.map(({ object }) => object)]);

  it('is called by its file, or meant by a row without resources', () => {
    const payload = (resources: string[] | undefined, result: string) => ({
      policy: 'names',
      kind: '',
      resources,
      result,
    });
    expect(rowsOf([payload(['a.json'], 'pass'), payload(['./b.json'], 'fail'), payload(undefined, 'pass')])).toEqual([
      ['passed', []],
      ['passed', []],
      ['failed', ['JSON b.json']],
    ]);
  });

  it('of a proxy is not evaluated', () => {
    const judged = run(
      { resources: [], httpPayloads: ['a.json'], results: [{ policy: 'names', result: 'pass' }] },
      {},
      { files: payloads },
    );
    expect(judged?.rows[0]?.outcome).toBe('not evaluated');
  });
});

describe('what a policy is', () => {
  const reported = (policyText: string, answer: Answer, result: string) =>
    run(
      { results: [row({ resources: ['good'], result })] },
      { names: { answer, rules: [rule('check')] } },
      { files: { 'policy.yaml': policyText } },
    )?.rows[0]?.outcome;
  const document = (more: string) => `{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: names${more}`;

  it('makes a warning of a failure where it is not scored', () => {
    const fails: Answer = () => [{ rule: 'check', status: 'fail' }];
    const unscored = document(", annotations: {policies.kyverno.io/scored: 'false'}}}");
    expect(reported(unscored, fails, 'warn')).toBe('passed');
    expect(reported(unscored, fails, 'fail')).toBe('failed');
    expect(reported(document('}}'), fails, 'fail')).toBe('passed');
  });

  it('leaves a row not evaluated where its rule verifies images, unless something was found out without', () => {
    const verifies = document('}, spec: {rules: [{name: check, verifyImages: []}]}}');
    expect(reported(verifies, () => [], 'pass')).toBe('not evaluated');
    expect(reported(verifies, () => [{ rule: 'check', status: 'error' }], 'pass')).toBe('not evaluated');
    expect(reported(verifies, () => [{ rule: 'check', status: 'fail' }], 'pass')).toBe('failed');
    expect(reported(document('}, spec: {rules: [{name: other, verifyImages: []}]}}'), () => [], 'pass')).toBe('failed');
  });
});

describe('a test that cannot be read', () => {
  it.each<[string, object, Record<string, string>, RegExp]>([
    [
      'has an unknown key',
      { result: [] },
      {},
      /kyverno-test\.yaml:1:\d+: unknown key "result" in the document; did you mean results/,
    ],
    ['expects what no rule gives', { results: [row({ result: 'passed' })] }, {}, /results\.0\.result/],
    ['names a file that is not there', { resources: ['nowhere.yaml'] }, {}, /nowhere\.yaml does not exist/],
    ['names a policy on a server', { policies: ['https://example.com/p.yaml'] }, {}, /without a network/],
    [
      'has values twice',
      { values: {}, variables: 'values.yaml' },
      { 'values.yaml': 'kind: Values' },
      /values stand in the test itself too/,
    ],
    [
      'has values of an unknown shape',
      { variables: 'values.yaml' },
      { 'values.yaml': 'policy: []' },
      /unknown key "policy"/,
    ],
    ['has a value whose name is no path', { values: { globalValues: { '"x': 1 } } }, {}, /opens a quote/],
    [
      'has an operation that is none',
      { values: { globalValues: { 'request.operation': 'PATCH' } } },
      {},
      /not "PATCH"/,
    ],
    ['has a resource that is no object', {}, { 'resources.yaml': '- 1' }, /an apiVersion and a kind is expected/],
    ['has YAML that is none', {}, { 'resources.yaml': 'a: [' }, /resources\.yaml:1/],
    [
      'has a subresource without a parent',
      { values: { subresources: [{ subresource: { name: 'scale' }, parentResource: {} }] } },
      {},
      /pods\/eviction/,
    ],
  ])('that %s', (_, test, files, message) => {
    const report = run({ results: [row({})], ...test }, {}, { files });
    expect(report?.error?.message).toMatch(message);
    expect(report?.rows).toEqual([]);
  });
});

describe('a filter', () => {
  const results = [
    row({ resources: ['good', 'bad'] }),
    row({ resources: ['bad'], result: 'fail' }),
    row({ rule: 'other', resources: ['good'] }),
  ];
  const rows = (filter: Partial<RowFilter>) =>
    run(
      { results },
      { names: { answer: namePasses, rules: [rule('check'), rule('other')] } },
      { filter: { ...all, ...filter } },
    )?.rows.map(({ outcome }) => outcome);
  it('leaves nothing of a test without results', () => {
    const without = (filter: RowFilter) => run({}, { names: { answer: namePasses } }, { filter });
    expect(without({ ...all, policy: 'n*' })).toBeUndefined();
    expect(without(all)).toMatchObject({
      rows: [],
      error: undefined,
      warnings: [expect.stringMatching(/kyverno-test\.yaml: the test has no results, and so nothing of it is judged$/)],
    });
    expect(run({ results }, { names: { answer: namePasses } })?.warnings).toEqual([]);
  });
  it('takes rows by policy, rule and resource, and of a row only such resources', () => {
    expect(rows({})).toEqual(['failed', 'passed', 'failed']);
    expect(rows({ rule: 'ch?ck' })).toEqual(['failed', 'passed']);
    expect(rows({ resource: 'g*' })).toEqual(['passed', 'failed']);
    expect(rows({ policy: 'else' })).toBeUndefined();
  });
});
