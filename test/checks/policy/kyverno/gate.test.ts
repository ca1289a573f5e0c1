import { describe, expect, it } from 'vitest';
import type { UserInfo } from '../../../../src/checks/policy/kube/request.ts';
import type { RuleResult } from '../../../../src/checks/policy/rule.ts';
import {
  compilePolicy,
  judgeOne,
  objectOf,
  onKinds,
  onPods,
  requestOf,
  worldOf,
} from '../../../support/kyverno/policy.ts';

const pod =
  '{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop, labels: {app: web}}, spec: {containers: [{name: a, image: nginx}]}}';
const controller: UserInfo = {
  username: 'system:serviceaccount:flux-system:kustomize-controller',
  uid: '',
  groups: ['system:serviceaccounts'],
  extra: {},
  roles: ['flux-system:deployer'],
  clusterRoles: ['cluster-admin'],
};

function said(results: readonly RuleResult[]): string[] {
  return results.map(({ rule, status, message }) => `${rule} ${status}: ${message}`);
}

const denyIf = (key: string, value: string, operator = 'Equals') =>
  `validate: {message: "seen {{ ${key} }}", deny: {conditions: {all: [{key: "{{ ${key} }}", operator: ${operator}, value: "${value}"}]}}}`;

describe('who asks', () => {
  const byName = onPods(denyIf("request.userInfo.username || 'nobody'", 'nobody'));
  const subjects = '[{kind: Group, name: "system:*"}]';

  it('cannot be made up where it is not configured', () => {
    const unknown = { status: 'error', message: expect.stringContaining('no identity'), lacks: 'identity' };
    expect(judgeOne(byName, pod)).toMatchObject([unknown]);
    const cel = onPods(`validate: {cel: {expressions: [{expression: "request.userInfo.username == 'a'"}]}}`);
    expect(judgeOne(cel, pod)).toMatchObject([{ status: 'error', lacks: 'identity' }]);
    for (const key of ["serviceAccountName || 'x'", "request.roles || 'x'", "request.clusterRoles || 'x'"]) {
      expect(judgeOne(onPods(denyIf(key, 'x')), pod)).toMatchObject([{ status: 'error' }]);
    }
  });
  it('is the configured identity', () => {
    const judged = (key: string, value: string) =>
      said(judgeOne(onPods(denyIf(key, value)), pod, worldOf(), { userInfo: controller }));
    expect(judged('serviceAccountName', 'kustomize-controller')).toEqual(['r fail: seen kustomize-controller']);
    expect(judged('serviceAccountNamespace', 'flux-system')).toEqual(['r fail: seen flux-system']);
    expect(judged('request.roles[0]', 'flux-system:deployer')).toEqual(['r fail: seen flux-system:deployer']);
  });
  it.each([
    ['match', onPods('validate: {deny: {}}').replace('resources:', `subjects: ${subjects}, resources:`), 'fail'],
    ['exclude', onPods(`exclude: {any: [{subjects: ${subjects}}]}, validate: {deny: {}}`), undefined],
  ])('decides in %s, and is an error where nobody knows', (_, policy, expected) => {
    expect(judgeOne(policy, pod)).toMatchObject([{ status: 'error' }]);
    expect(judgeOne(policy, pod, worldOf(), { userInfo: controller })[0]?.status).toBe(expected);
  });
  it('does not matter to an object that is not meant anyway', () => {
    const policy = onPods('validate: {deny: {}}').replace(
      'resources: {',
      `subjects: ${subjects}, resources: {names: [other], `,
    );
    expect(judgeOne(policy, pod)).toEqual([]);
  });
});

describe('what the cluster holds', () => {
  const inTeam = onPods('validate: {deny: {}}').replace(
    'kinds: [Pod]',
    'kinds: [Pod], namespaceSelector: {matchLabels: {team: a}}',
  );
  const namespace = (labels: string) =>
    objectOf(`{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: ${labels}}}`);

  it('selects by the labels of a Namespace of the snapshot', () => {
    expect(judgeOne(inTeam, pod, worldOf([namespace('{team: a}')]))).toMatchObject([{ status: 'fail' }]);
    expect(judgeOne(inTeam, pod, worldOf([namespace('{team: b}')]))).toEqual([]);
    expect(judgeOne(inTeam, pod)).toMatchObject([{ status: 'error', message: expect.stringContaining('"shop"') }]);
  });

  const byMap = onPods(
    `context: [{name: settings, configMap: {name: allowed, namespace: platform}}], ${denyIf('settings.data.app', 'web')}`,
  );
  const map = objectOf(
    '{apiVersion: v1, kind: ConfigMap, metadata: {name: allowed, namespace: platform}, data: {app: web}}',
  );

  it('reads a ConfigMap of the snapshot, and cannot do without it', () => {
    expect(said(judgeOne(byMap, pod, worldOf([map])))).toEqual(['r fail: seen web']);
    for (const world of [worldOf(), worldOf([], ['ConfigMap'])]) {
      expect(judgeOne(byMap, pod, world)).toMatchObject([
        { status: 'error', message: expect.stringContaining('platform/allowed') },
      ]);
    }
  });
  it('lets no default stand for a ConfigMap that nobody knows', () => {
    const entries =
      '{name: settings, configMap: {name: allowed, namespace: platform}}, {name: app, variable: {jmesPath: settings.data.app, default: none}}';
    const policy = onPods(`context: [${entries}], ${denyIf('app', 'web')}`);
    expect(judgeOne(policy, pod)).toMatchObject([{ status: 'error' }]);
    expect(judgeOne(policy, pod, worldOf([], ['ConfigMap']))).toMatchObject([{ status: 'pass' }]);
  });

  const counting = (urlPath: string, jmesPath = 'items | length(@)') =>
    onPods(
      `context: [{name: found, apiCall: {urlPath: "${urlPath}", jmesPath: "${jmesPath}"}}], ${denyIf('found', '1')}`,
    );

  it('answers calls of the API server by the snapshot', () => {
    const world = worldOf([map], ['ConfigMap']);
    expect(said(judgeOne(counting('/api/v1/namespaces/platform/configmaps'), pod, world))).toEqual(['r fail: seen 1']);
    expect(said(judgeOne(counting('/api/v1/namespaces/{{ request.namespace }}/configmaps'), pod, world))).toEqual([
      "r pass: validation rule 'r' passed.",
    ]);
    expect(said(judgeOne(counting('/api/v1/namespaces/platform/configmaps/allowed', 'data.app'), pod, world))).toEqual([
      "r pass: validation rule 'r' passed.",
    ]);
  });
  it.each([
    ['a list that may lack an object', '/api/v1/configmaps', worldOf([map])],
    ['an object that may be elsewhere', '/api/v1/namespaces/platform/configmaps/other', worldOf([map])],
    ['a resource that nobody knows', '/apis/example.com/v1/things', worldOf([], ['Thing'])],
    ['a call of another sort', '/version', worldOf()],
    ['a way out of a path', '/api/v1/namespaces/shop/../../x', worldOf()],
  ])('is no answer to %s', (_, path, world) => {
    expect(judgeOne(counting(path), pod, world)).toMatchObject([{ status: 'error' }]);
  });
  it.each([
    ['a list', '/apis/networking.k8s.io/v1/ingresses', 'does not hold every networking.k8s.io/Ingress'],
    [
      'an object',
      '/apis/networking.k8s.io/v1/namespaces/shop/ingresses/web',
      'holds no networking.k8s.io/Ingress shop/web',
    ],
    ['an object of the core', '/api/v1/namespaces/shop', 'holds no Namespace shop'],
  ])('says which kind it lacks, of %s', (_, path, message) => {
    expect(judgeOne(counting(path), pod)).toMatchObject([
      { status: 'error', message: expect.stringContaining(message), lacks: 'snapshot' },
    ]);
  });
  it('lacks nothing where nobody could answer', () => {
    const [result] = judgeOne(counting('/version'), pod);
    expect(result?.status).toBe('error');
    expect(result).not.toHaveProperty('lacks');
  });
});

describe('where an element of a loop fails', () => {
  const web = objectOf(
    '{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {initContainers: [{name: i, image: a}], containers: [{name: a, image: b, ports: [{n: 1}]}, {name: b, image: bad, args: [x, bad], ports: [{n: 1}, {n: 2}]}]}}',
  );
  const pathOf = (loop: string) => {
    const [result] = judgeOne(onPods(`validate: {message: m, foreach: [${loop}]}`), web);
    return result?.status === 'fail' ? (result.path?.join('.') ?? 'unknown') : result?.status;
  };
  const containers = 'list: request.object.spec.containers';
  const pattern = 'pattern: {image: "!bad"}';
  const deny = (key: string, value: string) =>
    `deny: {conditions: {any: [{key: "{{ ${key} }}", operator: Equals, value: ${value}}]}}`;

  it.each([
    ['a pattern', `{${containers}, ${pattern}}`, 'spec.containers.1.image'],
    ['a deny', `{${containers}, ${deny('element.image', 'bad')}}`, 'spec.containers.1'],
    ['one of several patterns', `{${containers}, anyPattern: [{image: "!bad"}]}`, 'spec.containers.1.image'],
    ['a path in quotes', `{list: 'request.object."spec".containers', ${pattern}}`, 'spec.containers.1.image'],
    ['a list of all of it', `{list: "request.object.spec.containers[]", ${pattern}}`, 'spec.containers.1.image'],
    ['two lists', `{list: "request.object.spec.[initContainers, containers][]", ${pattern}}`, 'unknown'],
    ['a filter', `{list: "request.object.spec.containers[?name == 'b']", ${pattern}}`, 'unknown'],
    [
      'a list of what elements hold',
      `{list: "request.object.spec.containers[].args[]", ${deny('element', 'bad')}}`,
      'unknown',
    ],
    [
      'a loop in a loop',
      `{${containers}, foreach: [{list: element.ports, pattern: {n: 1}}]}`,
      'spec.containers.1.ports.1.n',
    ],
    [
      'a text in a loop in a loop',
      `{${containers}, preconditions: {all: [{key: "{{ element.name }}", operator: Equals, value: b}]}, foreach: [{list: element.args, ${deny('element', 'bad')}}]}`,
      'spec.containers.1.args.1',
    ],
    [
      'the object as a whole',
      `{${containers}, elementScope: false, pattern: {spec: {initContainers: [{image: b}]}}}`,
      'spec.initContainers.0.image',
    ],
  ])('is told of %s', (_, loop, path) => expect(pathOf(loop)).toBe(path));
});

describe('what is done about a failure', () => {
  const failing = 'message: m, deny: {}';
  it.each([
    ['nothing is said', '', '', 'audit'],
    ['the policy enforces', 'validationFailureAction: Enforce,', '', 'deny'],
    ['the old spelling', 'validationFailureAction: enforce,', '', 'deny'],
    ['the rule says otherwise', 'validationFailureAction: Enforce,', 'failureAction: Audit,', 'audit'],
    ['the rule enforces', '', 'failureAction: Enforce,', 'deny'],
    [
      'a namespace is let off',
      'validationFailureAction: Enforce, validationFailureActionOverrides: [{action: Audit, namespaces: ["sh*"]}],',
      '',
      'audit',
    ],
    [
      'another namespace is let off',
      'validationFailureAction: Enforce, validationFailureActionOverrides: [{action: Audit, namespaces: [other]}],',
      '',
      'deny',
    ],
    [
      'a rule enforces in a namespace',
      '',
      'failureActionOverrides: [{action: Enforce, namespaces: [shop]}], failureAction: Audit,',
      'deny',
    ],
    ['an audit warns', 'emitWarning: true,', '', 'warn'],
    ['the policy only scans', 'validationFailureAction: Enforce, admission: false,', '', 'audit'],
  ])('where %s', (_, spec, rule, action) => {
    expect(judgeOne(onPods(`validate: {${rule} ${failing}}`, spec), pod)).toMatchObject([{ status: 'fail', action }]);
  });
  it('says that errors are let through where the policy says so', () => {
    const erring = denyIf('request.object.spec.nothing', 'x');
    expect(judgeOne(onPods(erring), pod)[0]).not.toHaveProperty('ignoreErrors');
    expect(judgeOne(onPods(erring, 'failurePolicy: Ignore,'), pod)).toMatchObject([
      { status: 'error', ignoreErrors: true },
    ]);
  });
  it('lets an object stay as bad as it was, unless the rule says no', () => {
    const live = { operation: 'UPDATE', oldObject: objectOf(pod) } as const;
    const judged = (rule: string) =>
      judgeOne(onPods(`validate: {${rule} failureAction: Enforce, deny: {}}`), pod, worldOf(), live)[0]?.status;
    expect(judged('')).toBe('skip');
    expect(judged('allowExistingViolations: false,')).toBe('fail');
  });
});

describe('exceptions', () => {
  const exception = (rules: string, match = '{any: [{resources: {kinds: [Pod], namespaces: [shop]}}]}', rest = '') =>
    `---\n{apiVersion: kyverno.io/v2, kind: PolicyException, metadata: {name: e, namespace: platform}, spec: {match: ${match}, exceptions: [{policyName: p, ruleNames: ${rules}}]${rest}}}`;
  const failing = onPods('validate: {deny: {}}');

  it.each([
    ['of the rule', exception('[r]'), 'skip'],
    ['of every rule', exception('["*"]'), 'skip'],
    ['of another rule', exception('[other]'), 'fail'],
    ['elsewhere', exception('[r]', '{any: [{resources: {kinds: [Pod], namespaces: [other]}}]}'), 'fail'],
    [
      'for somebody whom nobody knows',
      exception('[r]', '{any: [{resources: {kinds: [Pod]}, subjects: [{kind: User, name: a}]}]}'),
      'fail',
    ],
    [
      'whose conditions hold',
      exception(
        '[r]',
        undefined,
        ', conditions: {all: [{key: "{{ request.object.metadata.labels.app }}", operator: Equals, value: web}]}',
      ),
      'skip',
    ],
    [
      'whose conditions do not hold',
      exception('[r]', undefined, ', conditions: {any: [{key: a, operator: Equals, value: b}]}'),
      'fail',
    ],
    [
      'whose conditions cannot be told',
      exception(
        '[r]',
        undefined,
        ', conditions: {all: [{key: "{{ request.object.nothing }}", operator: Equals, value: b}]}',
      ),
      'fail',
    ],
  ])('one %s', (_, exempting, status) => {
    const results = judgeOne(`${failing}\n${exempting}`, pod);
    expect(results).toMatchObject([{ status, ...(status === 'skip' && { exceptedBy: ['platform/e'] }) }]);
  });
});

describe('autogen', () => {
  const template =
    'template: {metadata: {labels: {app: web}}, spec: {hostNetwork: true, containers: [{name: a, image: nginx}]}}';
  const deployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, namespace: shop}, spec: {${template}}}`;
  const cronJob = `{apiVersion: batch/v1, kind: CronJob, metadata: {name: web, namespace: shop}, spec: {jobTemplate: {spec: {${template}}}}}`;
  const policy = onPods(
    'validate: {message: "no host at request.object.spec", pattern: {spec: {=(hostNetwork): false}}}',
  );

  it('carries a rule over to what creates Pods', () => {
    expect(judgeOne(policy, deployment)).toMatchObject([
      {
        rule: 'autogen-r',
        status: 'fail',
        message:
          'validation error: no host at request.object.spec.template.spec. rule autogen-r failed at path /spec/template/spec/hostNetwork/',
        path: ['spec', 'template', 'spec', 'hostNetwork'],
      },
    ]);
    expect(said(judgeOne(policy, cronJob))[0]).toMatch(
      /^autogen-cronjob-r fail: .*jobTemplate\/spec\/template\/spec\/hostNetwork/,
    );
  });
  it.each([
    ['all of them', policy, 'Pod, and the templates of DaemonSet, Deployment'],
    [
      'none of them',
      policy.replace('{name: p}', '{name: p, annotations: {pod-policies.kyverno.io/autogen-controllers: none}}'),
      'Pod',
    ],
    [
      'some of them',
      policy.replace(
        '{name: p}',
        '{name: p, annotations: {pod-policies.kyverno.io/autogen-controllers: "Deployment"}}',
      ),
      'Pod, and the templates of Deployment',
    ],
    [
      'none where a rule selects',
      policy.replace('kinds: [Pod]', 'kinds: [Pod], selector: {matchLabels: {app: web}}'),
      'Pod by labels',
    ],
  ])('is told of: %s', (_, yaml, matches) => {
    expect(compilePolicy(yaml).rules[0]?.matches).toContain(matches);
  });
  it('errs where a rule cannot be carried over', () => {
    const absolute = onPods('validate: {pattern: {spec: {hostname: "?*", subdomain: "$(/spec/hostname)"}}}');
    expect(judgeOne(absolute, deployment)).toMatchObject([{ rule: 'autogen-r', status: 'error' }]);
  });
});

it('a field with nothing behind it is not there', () => {
  const empty = onPods('exclude: null, preconditions: null, context: null, validate: {message: null, deny: {}}');
  expect(said(judgeOne(empty, pod))).toEqual(['r fail: validation error: rule r failed']);
});

describe('rules of a policy', () => {
  const rule = (name: string, body: string) => `{name: ${name}, match: {any: [{resources: {kinds: [Pod]}}]}, ${body}}`;
  const rules = [
    rule('first', 'preconditions: [{key: a, operator: Equals, value: b}], validate: {deny: {}}'),
    rule('second', 'validate: {deny: {}}'),
    rule('third', 'validate: {deny: {}}'),
  ].join(', ');
  const spec = (more: string) =>
    `{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: p}, spec: {${more} rules: [${rules}]}}`;

  it('all speak, or none after the first that applies', () => {
    expect(judgeOne(spec(''), pod).map(({ rule: name, status }) => `${name} ${status}`)).toEqual([
      'first skip',
      'second fail',
      'third fail',
    ]);
    expect(judgeOne(spec('applyRules: One,'), pod).map(({ rule: name }) => name)).toEqual(['first', 'second']);
  });
  it('of a Policy are about its own namespace', () => {
    const namespaced = onPods('validate: {deny: {}}')
      .replace('ClusterPolicy', 'Policy')
      .replace('{name: p}', '{name: p, namespace: shop}');
    expect(judgeOne(namespaced, pod)).toHaveLength(1);
    expect(judgeOne(namespaced, pod.replace('namespace: shop', 'namespace: other'))).toEqual([]);
  });
  it('that change objects are listed, and named for the objects that they touch', () => {
    const compiled = compilePolicy(
      onKinds('[Pod, Service]', 'mutate: {patchStrategicMerge: {metadata: {labels: {a: b}}}}'),
    );
    expect(compiled.rules).toMatchObject([{ name: 'r', notEvaluated: expect.stringContaining('mutate') }]);
    expect(judgeOne(compiled, pod)).toEqual([]);
    expect(compiled.mutates?.(requestOf(objectOf(pod)), worldOf())).toEqual(['r']);
    const elsewhere = pod.replace('kind: Pod', 'kind: ConfigMap');
    expect(compiled.mutates?.(requestOf(objectOf(elsewhere)), worldOf())).toEqual([]);
  });
  it.each([
    ['[UPDATE, DELETE]', 'only on UPDATE, DELETE'],
    ['[CREATE, DELETE]', undefined],
  ])('on %s are listed by what they are about', (operations, reason) => {
    const yaml = onPods('validate: {deny: {}}').replace('kinds: [Pod]', `kinds: [Pod], operations: ${operations}`);
    expect(compilePolicy(yaml).rules[0]?.notEvaluated).toBe(reason);
  });
});
