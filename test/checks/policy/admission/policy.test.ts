import { describe, expect, it } from 'vitest';
import { checkBinding, compileAdmissionPolicy } from '../../../../src/checks/policy/admission/policy.ts';
import { kubernetes } from '../../../../src/checks/policy/cel/profiles.ts';
import { requestFor } from '../../../../src/checks/policy/compiled/requests.ts';
import { completeObject } from '../../../../src/checks/policy/kube/completion.ts';
import type { UserInfo } from '../../../../src/checks/policy/kube/request.ts';
import { createResourceTable } from '../../../../src/checks/policy/kube/resources.ts';
import { createCluster } from '../../../../src/checks/policy/kube/snapshot.ts';
import type { JsonObject } from '../../../../src/core/json.ts';
import { admissionCase } from '../../../support/kubernetes/admission-cases.ts';
import { policyDocument } from '../../../support/kubernetes/documents.ts';

const resources = createResourceTable();
const onPods = {
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
};
const denies = [{ name: 'denies', validationActions: ['Deny'] }];
type Bindings = Parameters<typeof admissionCase>[2];

function compile(spec: JsonObject, bindings: Bindings = denies) {
  const { policy, bindings: bound } = admissionCase('test', { matchConstraints: onPods, ...spec }, bindings);
  const context = { resources, profile: kubernetes('1.36'), bindings: bound.map(policyDocument) };
  return compileAdmissionPolicy(policyDocument(policy), context);
}

const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop', labels: { team: 'shop' } } };
const settings = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'limits', namespace: 'shop' },
  data: { most: '1' },
};
const pod = (spec: JsonObject = {}, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', ...metadata },
  spec: { containers: [{ name: 'app', image: 'web:1' }], ...spec },
});

function judge(
  policy: ReturnType<typeof compile>,
  object: JsonObject = pod(),
  {
    known = [namespace, settings],
    complete = ['Namespace', 'ConfigMap'],
    user,
  }: { known?: readonly JsonObject[]; complete?: readonly string[]; user?: UserInfo } = {},
) {
  const cluster = createCluster(
    known.map((each) => ({ object: each, place: 'test' })),
    complete,
  );
  const request = requestFor(completeObject(object, { now: 0 }).object, undefined, resources, user);
  return policy.judge(request, { cluster, now: 0, random: () => 0 });
}

const validation = (expression: string, more: JsonObject = {}) => ({ validations: [{ expression, ...more }] });

describe('what a policy says', () => {
  it('passes once for each binding', () => {
    const bindings = ['a', 'b'].map((name) => ({ name, validationActions: ['Deny'] }));
    expect(judge(compile(validation('true'), bindings))).toEqual([
      { rule: 'test-a', status: 'pass', message: '', action: 'deny' },
      { rule: 'test-b', status: 'pass', message: '', action: 'deny' },
    ]);
  });

  it('fails for every validation that does not hold', () => {
    const policy = compile({
      validations: [{ expression: 'false', message: 'one' }, { expression: 'true' }, { expression: '1 == 2' }],
    });
    expect(judge(policy).map(({ status, message }) => [status, message])).toEqual([
      ['fail', 'one'],
      ['fail', 'failed expression: 1 == 2'],
    ]);
  });

  it.each([
    [['Deny'], 'deny'],
    [['Audit', 'Deny'], 'deny'],
    [['Warn', 'Audit'], 'warn'],
    [['Audit'], 'audit'],
  ])('%j is done about it: %s', (validationActions, action) => {
    const [result] = judge(compile(validation('false'), [{ name: 'b', validationActions }]));
    expect(result).toMatchObject({ status: 'fail', action });
  });

  it('is a skip where the conditions leave the request out', () => {
    expect(
      judge(compile({ ...validation('false'), matchConditions: [{ name: 'no', expression: 'false' }] })),
    ).toMatchObject([{ rule: 'test-denies', status: 'skip' }]);
  });

  it('sees defaults, and no fields that the API does not know', () => {
    const policy = compile(validation("object.spec.restartPolicy == 'Always' && !has(object.spec.unknown)"));
    expect(judge(policy, pod({ unknown: 1 }))[0]?.status).toBe('pass');
  });
});

describe('what is listed of a binding', () => {
  const params = { paramKind: { apiVersion: 'example.com/v1', kind: 'Limits' }, ...validation('true') };
  const matchesOf = (spec: JsonObject, more: JsonObject = {}) =>
    compile(spec, [{ name: 'denies', validationActions: ['Deny'], ...more }]).rules.map(({ matches }) => matches);
  const selector = { matchLabels: { a: 'b' } };
  const paramRef = { name: 'x', parameterNotFoundAction: 'Deny' };

  it.each<[string, JsonObject, JsonObject, string]>([
    ['nothing of its own', validation('true'), {}, 'pods'],
    ['params', params, { paramRef }, 'pods, with params example.com/Limits x'],
    [
      'params of a namespace',
      params,
      { paramRef: { ...paramRef, namespace: 'shop' } },
      'pods, with params example.com/Limits shop/x',
    ],
    [
      'params by labels',
      params,
      { paramRef: { selector, parameterNotFoundAction: 'Deny' } },
      'pods, with params example.com/Limits by labels',
    ],
    [
      'selectors',
      validation('true'),
      { matchResources: { namespaceSelector: selector, objectSelector: selector } },
      'pods, there only by labels in Namespaces by labels',
    ],
    [
      'resources',
      validation('true'),
      {
        matchResources: {
          resourceRules: [{ ...onPods.resourceRules[0], resourceNames: ['web'] }],
          excludeResourceRules: onPods.resourceRules,
        },
      },
      'pods, there only pods named web but not pods',
    ],
    [
      'the selectors of the policy',
      { ...validation('true'), matchConstraints: { ...onPods, objectSelector: selector } },
      {},
      'pods by labels',
    ],
  ])('%s', (_, spec, binding, expected) => {
    expect(matchesOf(spec, binding)).toEqual([expected]);
  });
});

describe('data that the platform did not give', () => {
  const nothing = { known: [], complete: [] };
  const params = { paramKind: { apiVersion: 'v1', kind: 'ConfigMap' }, ...validation('true') };
  const ref = (more: JsonObject) => [
    { name: 'denies', validationActions: ['Deny'], paramRef: { parameterNotFoundAction: 'Deny', ...more } },
  ];
  const selecting = { matchConstraints: { ...onPods, namespaceSelector: { matchLabels: { team: 'shop' } } } };

  it.each<[string, JsonObject, Bindings, string, string]>([
    ['a parameter', params, ref({ name: 'limits' }), 'ConfigMap shop/limits is not in', 'snapshot'],
    [
      'parameters by labels',
      params,
      ref({ selector: { matchLabels: { a: 'b' } } }),
      'a ConfigMap that is selected in shop is not in',
      'snapshot',
    ],
    [
      'the kind of parameters',
      { ...params, paramKind: { apiVersion: 'example.com/v1', kind: 'Limits' } },
      ref({ name: 'limits' }),
      'not known',
      'snapshot',
    ],
    ['the labels of a Namespace', { ...validation('true'), ...selecting }, denies, 'are not known', 'snapshot'],
    ['namespaceObject', validation("namespaceObject.metadata.name == 'x'"), denies, 'is not known', 'snapshot'],
    [
      'a variable of one',
      { variables: [{ name: 'n', expression: 'namespaceObject' }], ...validation("variables.n.metadata.name == 'x'") },
      denies,
      'is not known',
      'snapshot',
    ],
    [
      'who asks, in a condition',
      { matchConditions: [{ name: 'c', expression: "request.userInfo.username == 'x'" }], ...validation('true') },
      denies,
      'no identity',
      'identity',
    ],
  ])('%s is told', (_, spec, bindings, message, lacks) => {
    expect(judge(compile(spec, bindings), pod(), nothing)).toMatchObject([
      { status: 'error', message: expect.stringContaining(message), lacks },
    ]);
  });

  it('is none where the snapshot speaks for all', () => {
    const [result] = judge(compile(params, ref({ name: 'other' })));
    expect(result).toMatchObject({ status: 'error', message: expect.stringContaining('no params found') });
    expect(result).not.toHaveProperty('lacks');
  });
});

describe('what errs', () => {
  const error = "expression 'object.spec.nothing == 1' resulted in error: no such key: nothing";

  it.each<[string, JsonObject, string[], boolean]>([
    ['denies', {}, ['Deny'], false],
    ['is let through by failurePolicy', { failurePolicy: 'Ignore' }, ['Deny'], true],
    ['does not deny where the binding only warns', {}, ['Warn'], true],
    ['does not deny where the binding only takes notes', {}, ['Audit'], true],
  ])('%s', (_, spec, validationActions, ignored) => {
    const policy = compile({ ...validation('object.spec.nothing == 1'), ...spec }, [{ name: 'b', validationActions }]);
    const [result] = judge(policy);
    expect(result).toMatchObject({ status: 'error', message: error });
    expect(result?.ignoreErrors === true).toBe(ignored);
  });

  it('in an audit annotation denies, whatever the binding wants', () => {
    const annotations = { auditAnnotations: [{ key: 'a', valueExpression: 'string(object.spec.nothing)' }] };
    const [result] = judge(compile(annotations, [{ name: 'b', validationActions: ['Audit'] }]));
    expect(result?.status).toBe('error');
    expect(result?.ignoreErrors).toBeUndefined();
  });

  it('for want of an identity, where the policy reads who asks', () => {
    const policy = compile(validation("request.userInfo.username != 'root'"));
    expect(judge(policy)[0]).toMatchObject({ status: 'error', message: expect.stringContaining('identity') });
    const user = { username: 'argocd', uid: '', groups: [], extra: {}, roles: [], clusterRoles: [] };
    expect(judge(policy, pod(), { user })[0]?.status).toBe('pass');
  });

  it('for want of a namespace', () => {
    const policy = compile(validation("namespaceObject.metadata.labels.team == 'shop'"));
    expect(judge(policy)[0]?.status).toBe('pass');
    expect(judge(policy, pod(), { known: [] })[0]?.status).toBe('error');
  });

  it('where it costs too much', () => {
    const list = `[${Array.from({ length: 60 }, (_, index) => index).join(',')}]`;
    const nested = `${list}.all(a, ${list}.all(b, ${list}.all(c, ${list}.all(d, a + b + c + d >= 0))))`;
    const [result] = judge(compile(validation(nested)));
    expect(result).toMatchObject({ status: 'error', message: expect.stringContaining('cost') });
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])('for a key that is only inherited: %s', (key) => {
    expect(
      judge(compile(validation(`object.metadata.labels['${key}'] == 'a'`)), pod({}, { labels: { a: 'b' } }))[0],
    ).toMatchObject({
      status: 'error',
      message: expect.stringContaining(`no such key: ${key}`),
    });
  });
});

describe('parameters', () => {
  const spec = {
    paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
    ...validation('size(object.spec.containers) <= int(params.data.most)'),
  };
  const refers = (paramRef: JsonObject) => compile(spec, [{ name: 'b', validationActions: ['Deny'], paramRef }]);

  it.each<[string, JsonObject, readonly JsonObject[], readonly string[], string[]]>([
    [
      'are found in the namespace of the object',
      { name: 'limits', parameterNotFoundAction: 'Deny' },
      [settings],
      [],
      ['pass'],
    ],
    [
      'that do not exist deny',
      { name: 'other', parameterNotFoundAction: 'Deny' },
      [settings],
      ['ConfigMap'],
      ['error'],
    ],
    ['that do not exist allow', { name: 'other', parameterNotFoundAction: 'Allow' }, [settings], ['ConfigMap'], []],
    [
      'that may exist outside of the snapshot are an error',
      { name: 'other', parameterNotFoundAction: 'Allow' },
      [settings],
      [],
      ['error'],
    ],
    [
      'that are selected are each a run',
      { selector: {}, parameterNotFoundAction: 'Deny' },
      [settings, { ...settings, metadata: { name: 'more', namespace: 'shop' } }],
      [],
      ['pass', 'pass'],
    ],
    [
      'of another namespace are others',
      { selector: {}, namespace: 'else', parameterNotFoundAction: 'Allow' },
      [settings],
      ['ConfigMap'],
      [],
    ],
  ])('%s', (_, paramRef, known, complete, statuses) => {
    expect(judge(refers(paramRef), pod(), { known, complete }).map(({ status }) => status)).toEqual(statuses);
  });

  it('of a kind that nobody knows are an error', () => {
    const unknown = { ...spec, paramKind: { apiVersion: 'example.com/v1', kind: 'Rule' } };
    const policy = compile(unknown, [
      { name: 'b', validationActions: ['Deny'], paramRef: { name: 'a', parameterNotFoundAction: 'Allow' } },
    ]);
    expect(judge(policy)[0]).toMatchObject({ status: 'error', message: expect.stringContaining('not known') });
  });
});

describe('a policy in lists', () => {
  it('without a binding warns that it judges nothing', () => {
    const policy = compile(validation('false'), []);
    expect(policy.warnings).toEqual([expect.stringContaining('no ValidatingAdmissionPolicyBinding')]);
    expect(policy.rules).toEqual([expect.objectContaining({ notEvaluated: 'no binding' })]);
    expect(judge(policy)).toEqual([]);
  });

  it.each<[string, JsonObject, string | undefined]>([
    ['CREATE', { operations: ['CREATE'] }, undefined],
    ['DELETE', { operations: ['DELETE'] }, 'only on DELETE'],
    ['UPDATE', { operations: ['UPDATE'] }, 'only on UPDATE'],
    ['subresources', { resources: ['pods/exec'] }, 'only for pods/exec'],
  ])('that is only for %s', (_, changes, why) => {
    const resourceRules = [{ ...onPods.resourceRules[0], ...changes }];
    const [rule] = compile({ ...validation('true'), matchConstraints: { resourceRules } }).rules;
    if (why === undefined) expect(rule?.notEvaluated).toBeUndefined();
    else expect(rule?.notEvaluated).toContain(why);
  });

  it('concerns no kind that it does not name', () => {
    const policy = compile(validation('true'));
    const of = (apiVersion: string, kind: string) => {
      const { kind: gvk, resource } = resources.ofKind({ group: apiVersion, version: 'v1', kind });
      return policy.concerns(gvk, resource, '');
    };
    expect([of('', 'Pod'), of('', 'Service'), of('apps', 'Deployment')]).toEqual([true, false, false]);
  });

  it('of admission is never judged by one', () => {
    const everything = {
      resourceRules: [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*'] }],
    };
    const policy = compile({ ...validation('false'), matchConstraints: everything });
    const object = {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'a' },
    };
    expect(judge(policy, object)).toEqual([]);
  });
});

describe('a policy that is refused when it is loaded', () => {
  it.each<[string, JsonObject, string]>([
    ['an unknown field', { validation: [] }, 'unknown key "validation"'],
    ['an unknown field of a validation', { validations: [{ expression: 'true', severity: 'high' }] }, 'severity'],
    ['nothing to validate', {}, 'at least one'],
    ['an expression that is no CEL', validation('object.'), 'validations[0].expression'],
    ['an unknown function', validation('object.spec.containers.sortAll()'), 'sortAll'],
    ['a value that is no answer', validation('object.spec.containers'), 'bool'],
    ['a message that is no string', validation('true', { messageExpression: '1' }), 'string'],
    ['a message of several lines', validation('true', { message: 'a\nb' }), 'more than one line'],
    [
      'a variable that is no identifier',
      { ...validation('true'), variables: [{ name: 'a-b', expression: '1' }] },
      'identifier',
    ],
    [
      'one variable twice',
      {
        ...validation('true'),
        variables: [
          { name: 'a', expression: '1' },
          { name: 'a', expression: '2' },
        ],
      },
      'twice',
    ],
    [
      'a variable before it is there',
      {
        ...validation('true'),
        variables: [
          { name: 'a', expression: 'variables.b' },
          { name: 'b', expression: '1' },
        ],
      },
      "undefined field 'b'",
    ],
    ['parameters without a kind', validation('params.a == 1'), 'params'],
    [
      'a selector that is none',
      { ...validation('true'), matchConstraints: { ...onPods, objectSelector: { matchLabels: { 'a b': 'c' } } } },
      'objectSelector',
    ],
    ['another failure policy', { ...validation('true'), failurePolicy: 'Warn' }, 'failurePolicy'],
  ])('%s', (_, spec, message) => {
    expect(() => compile(spec)).toThrow(message);
  });

  it('for it asks the authorizer', () => {
    expect(() => compile(validation("authorizer.group('').resource('pods').check('create').allowed()"))).toThrow(
      /authorizer/,
    );
  });

  it.each<[string, JsonObject]>([
    ['without actions', { validationActions: [] }],
    ['that denies and warns', { validationActions: ['Deny', 'Warn'] }],
    ['with a reference to nothing', { validationActions: ['Deny'], paramRef: { parameterNotFoundAction: 'Deny' } }],
    ['with an unknown field', { validationActions: ['Deny'], policy: 'a' }],
  ])('for a binding %s', (_, binding) => {
    expect(() => compile(validation('true'), [{ name: 'b', ...binding }])).toThrow();
  });

  it('for a binding of a policy that is not there', () => {
    const [binding] = admissionCase('missing', {}).bindings.map(policyDocument);
    if (binding === undefined) throw new Error('no binding');
    expect(() => checkBinding(binding, new Set(['other']))).toThrow(/"missing", which is not among the policies/);
    expect(() => checkBinding(binding, new Set(['missing']))).not.toThrow();
  });
});

describe('failurePolicy: Ignore', () => {
  const ignore = { failurePolicy: 'Ignore' };
  const asks = "request.userInfo.username != 'root'";
  const large = pod({ containers: [{ name: 'app', image: 'a'.repeat(5_000_001) }] });
  const beyond = "object.spec.containers[0].image.matches('[a-z]+x')";
  const selecting = {
    matchConstraints: {
      ...onPods,
      namespaceSelector: { matchExpressions: [{ key: 'free', operator: 'DoesNotExist' }] },
    },
  };
  const conditions = (...expressions: string[]) => ({
    matchConditions: expressions.map((expression, i) => ({ name: `c${i}`, expression })),
  });
  const nothing = { known: [], complete: [] };

  it.each<[string, JsonObject, JsonObject]>([
    ['who asks', validation(asks), pod()],
    ['who asks, in a condition', { ...validation('true'), ...conditions(asks) }, pod()],
    ['who asks, after an error that it could outweigh', validation(`object.spec.nothing == 1 || ${asks}`), pod()],
    ['who asks, in a variable', { variables: [{ name: 'v', expression: asks }], ...validation('variables.v') }, pod()],
    ['the labels of a Namespace', { ...validation('true'), ...selecting }, pod()],
    ['namespaceObject', validation("namespaceObject.metadata.name == 'x'"), pod()],
    ['what is beyond a bound of the gate', validation(beyond), large],
    ['the same in a condition', { ...validation('true'), ...conditions(beyond) }, large],
    [
      'the same in a variable',
      { variables: [{ name: 'v', expression: beyond }], ...validation('variables.v || true') },
      large,
    ],
  ])('forgives nothing for want of %s', (_, spec, object) => {
    const [result] = judge(compile({ ...spec, ...ignore }), object, nothing);
    expect(result?.status).toBe('error');
    expect(result).not.toHaveProperty('ignoreErrors');
  });

  it.each<[string, string[]]>([
    ['errs', ['object.spec.nothing == 1']],
    ['errs beside one that cannot be known', [asks, 'object.spec.nothing == 1']],
    ['reads the namespace, which the API server gives to none', ["namespaceObject.metadata.name == 'x'", asks]],
    ['is false beside one that cannot be known', [asks, 'false']],
  ])('leaves out a request where a condition %s', (_, expressions) => {
    const spec = { ...validation('false'), ...conditions(...expressions), ...ignore };
    expect(judge(compile(spec), pod(), nothing)).toMatchObject([{ status: 'skip' }]);
  });

  it('forgives what costs too much, as the API server does', () => {
    const dear = 'object.spec.containers.all(a, object.spec.containers.all(b, a.name + b.name != a.image))';
    const containers = Array.from({ length: 2_000 }, (_, i) => ({ name: `c${i}`, image: 'a' }));
    expect(judge(compile({ ...validation(dear), ...ignore }), pod({ containers }))).toMatchObject([
      { status: 'error', ignoreErrors: true },
    ]);
  });

  it('is told that conditions have no namespace, and that they tell operations apart', () => {
    const spec = { ...validation('true'), ...conditions('namespaceObject == null', "request.operation == 'UPDATE'") };
    expect(compile(spec).warnings).toEqual([
      expect.stringContaining('it depends on the operation; a gate judges as CREATE'),
      expect.stringContaining('namespaceObject is null in the match conditions'),
    ]);
    expect(compile({ ...validation('true'), ...conditions("request.operation != 'DELETE'") }).warnings).toEqual([]);
  });
});
