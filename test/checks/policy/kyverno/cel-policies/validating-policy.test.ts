import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../../src/core/json.ts';
import { type Asked, ask, compile, deployment, knowsNothing, pod, resources } from './ask.ts';

const forPods = `{resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE, UPDATE]}]}`;

/** A policy for Pods, with further fields of its spec in flow style. */
function podPolicy(rest: string, more = ''): string {
  return `{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: p}, spec: {matchConstraints: ${forPods}, ${rest}}}${more}`;
}

const latest = podPolicy(
  `validations: [{expression: "object.spec.containers.all(c, !c.image.endsWith(':latest'))", message: no latest}]`,
);
const withImage = (image: string): JsonObject => ({ containers: [{ name: 'c', image }] });

function statuses(yaml: string, asked: Asked) {
  return ask(compile(yaml), asked).map(({ status, message }) => [status, message]);
}

describe('a ValidatingPolicy', () => {
  it.each([
    ['an object that holds passes', pod(withImage('a:1')), [['pass', 'success']]],
    ['one that does not fails in the words of the policy', pod(withImage('a:latest')), [['fail', 'no latest']]],
    ['one that lacks a field is an error', pod({}), [['error', 'error: no such key: containers']]],
    ['one of another kind gets no answer', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } }, []],
    ['a workload is judged by its template', deployment(withImage('a:latest')), [['fail', 'no latest']]],
    [
      'a CronJob by the template in its template',
      {
        apiVersion: 'batch/v1',
        kind: 'CronJob',
        metadata: { name: 'x', namespace: 'shop' },
        spec: { jobTemplate: { spec: { template: { spec: withImage('a:latest') } } } },
      },
      [['fail', 'no latest']],
    ],
  ])('%s', (_, object, expected) => expect(statuses(latest, { object })).toEqual(expected));

  it('stops at the first validation that does not hold, and names it where it has no message', () => {
    const yaml = podPolicy(
      `validations: [{expression: 'true'}, {expression: 'false'}, {expression: object.nope == 1}]`,
    );
    expect(statuses(yaml, { object: pod({}) })).toEqual([['fail', 'CEL expression validation failed at index 1']]);
  });

  it('says its message by an expression, or why that failed', () => {
    const said = podPolicy(`validations: [{expression: 'false', messageExpression: "'no ' + object.metadata.name"}]`);
    expect(statuses(said, { object: pod({}) })).toEqual([['fail', 'no p']]);
    const failed = podPolicy(`validations: [{expression: 'false', messageExpression: string(object.spec.nope)}]`);
    expect(statuses(failed, { object: pod({}) })).toEqual([
      ['fail', 'failed to evaluate message expression: no such key: nope'],
    ]);
  });

  it('evaluates variables when they are read, in any depth', () => {
    const yaml = podPolicy(
      `variables: [{name: broken, expression: object.spec.nope}, {name: all, expression: object.spec.containers}, {name: first, expression: 'variables.all[0].name'}], validations: [{expression: variables.first == 'c'}]`,
    );
    expect(statuses(yaml, { object: pod(withImage('a')) })).toEqual([['pass', 'success']]);
  });

  it.each([
    [
      'a condition that is false takes the object out, whatever others are',
      ['object.nope == 1', 'false'],
      'Fail',
      ['skip', 'skip'],
    ],
    [
      'one that is an error is an error',
      ['object.nope == 1', 'true'],
      'Fail',
      ['error', 'failed to load context: no such key: nope'],
    ],
    ['or takes it out where the policy says Ignore', ['object.nope == 1'], 'Ignore', ['skip', 'skip']],
  ])('%s', (_, conditions, failurePolicy, expected) => {
    const written = conditions.map((expression, i) => `{name: c${i}, expression: "${expression}"}`).join(', ');
    const yaml = podPolicy(
      `failurePolicy: ${failurePolicy}, matchConditions: [${written}], validations: [{expression: 'true'}]`,
    );
    expect(statuses(yaml, { object: pod({}) })).toEqual([expected]);
  });

  it('shows what is absent as Kyverno does: an old object without fields, and a request without one', () => {
    const yaml = podPolicy(
      `validations: [{expression: 'oldObject != null && request.oldObject == null && !has(oldObject.spec) && request.operation == "CREATE" && !has(request.subResource)'}]`,
    );
    expect(statuses(yaml, { object: pod({}) })).toEqual([['pass', 'success']]);
  });

  it('does not know who asks unless it is told', () => {
    const yaml = podPolicy(`validations: [{expression: "request.userInfo.username == 'argo'"}]`);
    const [result] = ask(compile(yaml), { object: pod({}) });
    expect(result).toMatchObject({ status: 'error', message: expect.stringContaining('no identity is configured') });
    const userInfo = { username: 'argo', uid: '', groups: [], extra: {}, roles: [], clusterRoles: [] };
    expect(statuses(yaml, { object: pod({}), request: { userInfo } })).toEqual([['pass', 'success']]);
  });

  it('shows the Namespace of the snapshot, null where it speaks for all, and an error where it does not', () => {
    const yaml = podPolicy(`validations: [{expression: "namespaceObject.metadata.labels.team == 'a'"}]`);
    const cluster = [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'a' } } }];
    expect(statuses(yaml, { object: pod({}), cluster })).toEqual([['pass', 'success']]);
    const none = podPolicy(`validations: [{expression: namespaceObject == null}]`);
    expect(statuses(none, { object: pod({}) })).toEqual([['pass', 'success']]);
    expect(statuses(none, { object: pod({}), world: { cluster: knowsNothing } })).toEqual([
      ['error', expect.stringContaining('the snapshot does not hold the namespace "shop"')],
    ]);
  });

  it('obeys its selector of namespaces for workloads too', () => {
    const selecting = latest.replace('{resourceRules', '{namespaceSelector: {matchLabels: {team: a}}, resourceRules');
    const object = deployment(withImage('a:latest'));
    const ns = (team: string) => [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team } } },
    ];
    expect(statuses(selecting, { object, cluster: ns('a') })).toEqual([['fail', 'no latest']]);
    expect(statuses(selecting, { object, cluster: ns('b') })).toEqual([]);
    expect(statuses(selecting, { object, world: { cluster: knowsNothing } })).toEqual([
      ['error', expect.stringContaining('failed to execute matching')],
    ]);
  });

  it('warns or records where it says so', () => {
    const action = (actions: string) =>
      ask(compile(latest.replace('validations', `validationActions: ${actions}, validations`)), {
        object: pod(withImage('a')),
      })[0]?.action;
    expect(['[Deny]', '[Audit]', '[Warn]', '[Audit, Warn]', '[]'].map(action)).toEqual([
      'deny',
      'audit',
      'warn',
      'warn',
      'deny',
    ]);
  });

  it('holds in its own namespace alone where it has one', () => {
    const yaml = latest.replace(
      'kind: ValidatingPolicy, metadata: {name: p}',
      'kind: NamespacedValidatingPolicy, metadata: {name: p, namespace: shop}',
    );
    expect(statuses(yaml, { object: pod(withImage('a')) })).toEqual([['pass', 'success']]);
    expect(statuses(yaml, { object: pod(withImage('a'), { namespace: 'other' }) })).toEqual([]);
  });

  it('concerns the kinds that it or its autogen matches, and no others', () => {
    const policy = compile(latest);
    const concerns = (group: string, version: string, kind: string) => {
      const type = resources.ofKind({ group, version, kind });
      return policy.concerns(type.kind, type.resource, '');
    };
    expect(concerns('', 'v1', 'Pod')).toBe(true);
    expect(concerns('apps', 'v1', 'Deployment')).toBe(true);
    expect(concerns('batch', 'v1', 'CronJob')).toBe(true);
    expect(concerns('', 'v1', 'Service')).toBe(false);
    expect(concerns('', 'v1', 'ReplicationController')).toBe(false);
  });
});

describe('an exception', () => {
  const exception = (rest: string, name = 'e') =>
    `\n---\n{apiVersion: policies.kyverno.io/v1, kind: PolicyException, metadata: {name: ${name}, namespace: x}, spec: {policyRefs: [{kind: ValidatingPolicy, name: p}], ${rest}}}`;
  const object = pod(withImage('a:latest'));

  it('takes the object out, and says which it is', () => {
    const [result] = ask(
      compile(latest + exception(`matchConditions: [{name: n, expression: "object.metadata.name == 'p'"}]`)),
      { object },
    );
    expect(result).toMatchObject({
      status: 'skip',
      exceptedBy: ['x/e'],
      message: 'rule is skipped due to policy exception: x/e',
    });
  });

  it.each([
    ['does not hold', `matchConditions: [{name: n, expression: 'false'}]`],
    ['is over', `expiresAt: '2025-12-31T23:59:59Z'`],
    ['names another policy', `matchConditions: []`],
  ])('changes nothing where it %s', (what, rest) => {
    const yaml = latest + exception(rest);
    const text = what.startsWith('names')
      ? yaml.replace('name: p}], matchConditions', 'name: q}], matchConditions')
      : yaml;
    expect(statuses(text, { object })).toEqual([['fail', 'no latest']]);
  });

  it('holds up to its end', () => {
    expect(statuses(latest + exception(`expiresAt: '2026-01-01T01:00:00+01:00'`), { object })[0]?.[0]).toBe('skip');
  });

  it('is an error where it is one, unless another was granted before', () => {
    const broken = exception(`matchConditions: [{name: n, expression: object.nope == 1}]`, 'broken');
    expect(statuses(latest + broken, { object })).toEqual([['error', 'failed to load context: no such key: nope']]);
    expect(statuses(latest + exception('matchConditions: []') + broken, { object })[0]?.[0]).toBe('skip');
  });

  it('gives images and values to a policy that asks for them', () => {
    const yaml = podPolicy(
      `validations: [{expression: 'object.spec.containers.all(c, c.image in exceptions.allowedImages) || object.metadata.name in exceptions.allowedValues'}]`,
    );
    expect(statuses(yaml, { object })[0]?.[0]).toBe('fail');
    expect(statuses(yaml + exception(`images: ['a:latest']`), { object })[0]?.[0]).toBe('pass');
    expect(statuses(yaml + exception(`allowedValues: [p]`), { object })[0]?.[0]).toBe('pass');
  });

  it('counts as a pass where it says so, by the one of highest priority', () => {
    const passing = exception('reportResult: pass', 'second').replace(
      'name: second,',
      `name: second, labels: {'polex.kyverno.io/priority': '5'},`,
    );
    expect(statuses(latest + exception('reportResult: skip') + passing, { object })).toEqual([
      ['pass', 'rule is passed due to policy exception: x/e, x/second'],
    ]);
  });
});

describe('a policy over the templates inside custom resources', () => {
  const yaml = latest.replace(
    'validations',
    'autogen: {podControllers: {controllers: [jobsets.v1alpha2.jobset.x-k8s.io]}}, validations',
  );
  const jobSet = (spec: JsonObject): Asked => ({
    object: {
      apiVersion: 'jobset.x-k8s.io/v1alpha2',
      kind: 'JobSet',
      metadata: { name: 'j', namespace: 'shop' },
      spec,
    },
    request: { resource: { group: 'jobset.x-k8s.io', version: 'v1alpha2', resource: 'jobsets' } },
  });
  const template = (image: string) => ({ template: { spec: withImage(image) } });

  it('judges each, and says where the first was that is refused', () => {
    expect(statuses(yaml, jobSet({ jobs: [template('a:1'), template('a:latest')] }))).toEqual([
      ['fail', 'no latest (pod template at spec.jobs[1].template)'],
    ]);
    expect(statuses(yaml, jobSet({ jobs: [template('a:1')] }))).toEqual([['pass', 'success']]);
  });

  it('is an error where there is none', () => {
    expect(statuses(yaml, jobSet({}))).toEqual([
      ['error', 'error: extraction mode: no pod template found in jobset.x-k8s.io/v1alpha2/JobSet'],
    ]);
  });
});

describe('what is refused when it is loaded', () => {
  it.each([
    ['an unknown field', latest.replace('validations', 'validation: 1, validations'), 'unknown key "validation"'],
    ['an unknown field of a validation', latest.replace('message:', 'mesage:'), 'unknown key "mesage"'],
    [
      'an expression that is none',
      podPolicy(`validations: [{expression: 'object.'}]`),
      'spec.validations[0].expression',
    ],
    [
      'one that gives no bool',
      podPolicy(`validations: [{expression: object.spec.ok}]`),
      'it gives dyn, and bool is wanted',
    ],
    ['a function that is none', podPolicy(`validations: [{expression: nothing(object)}]`), 'nothing'],
    [
      'a message that is no text',
      podPolicy(`validations: [{expression: 'false', messageExpression: '1'}]`),
      'string is wanted',
    ],
    [
      'a variable that is declared later',
      podPolicy(
        `variables: [{name: a, expression: variables.b}, {name: b, expression: '1'}], validations: [{expression: 'true'}]`,
      ),
      'undefined field',
    ],
    [
      'a variable in a condition',
      podPolicy(
        `variables: [{name: a, expression: '1'}], matchConditions: [{name: c, expression: variables.a == 1}], validations: [{expression: 'true'}]`,
      ),
      'undefined field',
    ],
    [
      'two variables of one name',
      podPolicy(
        `variables: [{name: a, expression: '1'}, {name: a, expression: '2'}], validations: [{expression: 'true'}]`,
      ),
      'same name',
    ],
    ['nothing that is judged', podPolicy('validations: []'), 'nothing is judged'],
    ['nothing that it is for', latest.replace(forPods, '{}'), 'for nothing'],
    [
      'a mode of other programs',
      latest.replace('validations', 'evaluation: {mode: Envoy}, validations'),
      'evaluation.mode',
    ],
    [
      'a workload that only a cluster knows',
      latest.replace('validations', 'autogen: {podControllers: {controllers: [jobsets]}}, validations'),
      'only a cluster could tell',
    ],
    ['another kind', latest.replace('kind: ValidatingPolicy', 'kind: ValidPolicy'), 'ValidPolicy'],
  ])('%s', (_, yaml, message) => {
    expect(() => compile(yaml)).toThrow(message);
    expect(() => compile(yaml)).toThrow(/^policies\.yaml:\d+:\d+: /);
  });

  it('an exception that is none', () => {
    const exception =
      '\n---\n{apiVersion: policies.kyverno.io/v1, kind: PolicyException, metadata: {name: e}, spec: {policyRefs: [{kind: ValidatingPolicy, name: p}], ';
    expect(() => compile(`${latest}${exception}expiresAt: tomorrow}}`)).toThrow('spec.expiresAt');
    expect(() => compile(`${latest}${exception}matchConditions: [{name: n, expression: nope}]}}`)).toThrow(
      'spec.matchConditions[0].expression',
    );
  });
});

describe('policies that give no verdict', () => {
  it.each(['MutatingPolicy', 'NamespacedGeneratingPolicy', 'DeletingPolicy'])('%s is listed', (kind) => {
    const policy = compile(
      `{apiVersion: policies.kyverno.io/v1, kind: ${kind}, metadata: {name: m}, spec: {matchConstraints: ${forPods}}}`,
    );
    expect(policy.rules).toMatchObject([{ matches: 'pods', notEvaluated: expect.any(String) }]);
    expect(ask(policy, { object: pod({}) })).toEqual([]);
  });

  it.each([
    ['DELETE', 'only on DELETE'],
    ['UPDATE', 'only on UPDATE: judged where the live object is known'],
  ])('one for %s alone says so', (operation, notEvaluated) => {
    const policy = compile(latest.replace('[CREATE, UPDATE]', `[${operation}]`));
    expect(policy.rules).toMatchObject([{ notEvaluated }]);
  });
});

describe('hostile objects', () => {
  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])('a label %s is a label', (key) => {
    const labels = JSON.parse(`{${JSON.stringify(key)}: "x"}`) as JsonObject;
    const yaml = podPolicy(
      `validations: [{expression: "has(object.metadata.labels) && '${key}' in object.metadata.labels && object.metadata.labels['${key}'] == 'x'"}]`,
    );
    expect(statuses(yaml, { object: pod({}, { labels }) })).toEqual([['pass', 'success']]);
    const absent = podPolicy(
      `validations: [{expression: "!('${key}' in object.metadata) && !('${key}' in variables.all)"}], variables: [{name: all, expression: object.spec}]`,
    );
    expect(statuses(absent, { object: pod({}) })).toEqual([['pass', 'success']]);
  });

  it('end with a budget that is spent', () => {
    const ports = Array.from({ length: 3000 }, (_, i) => i);
    const yaml = podPolicy(
      `validations: [{expression: 'object.spec.ports.all(a, object.spec.ports.all(b, object.spec.ports.all(c, a + b + c >= 0)))'}]`,
    );
    expect(statuses(yaml, { object: pod({ ports }) })).toEqual([['error', expect.stringContaining('cost limit')]]);
  });
});
