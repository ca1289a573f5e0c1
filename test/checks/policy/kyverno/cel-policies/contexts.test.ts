import { describe, expect, it } from 'vitest';
import type { Supplied } from '../../../../../src/checks/policy/supplied.ts';
import type { JsonObject } from '../../../../../src/core/json.ts';
import { type Asked, ask, compile, knowsNothing, pod } from './ask.ts';

function policy(expression: string, kind = 'ValidatingPolicy', namespace = ''): string {
  const metadata = namespace === '' ? '{name: p}' : `{name: p, namespace: ${namespace}}`;
  return `{apiVersion: policies.kyverno.io/v1, kind: ${kind}, metadata: ${metadata}, spec: {matchConstraints: {resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE]}]}, validations: [{expression: "${expression}"}]}}`;
}

const configMap = (name: string, namespace: string, labels: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace, labels },
  data: { ok: 'yes' },
});
const cluster = [configMap('a', 'shop', { team: 'x' }), configMap('b', 'shop'), configMap('c', 'other', { team: 'x' })];

const supplied: Supplied = {
  variables: [],
  ruleVariables: () => [],
  hasCluster: true,
  imageData: (image) => (image === 'nginx' ? { config: { user: 'nobody' } } : undefined),
  response: (method, url) => (url === 'https://x.example' ? { status: 200, body: { by: method } } : undefined),
  globalContext: (name) => (name === 'known' ? { part: [1] } : undefined),
};

function judge(yaml: string, asked: Partial<Asked> = {}, isTest = false) {
  const [result] = ask(compile(yaml, isTest), { object: pod({}), cluster, ...asked });
  return `${result?.status} ${result?.message}`;
}

describe('objects of the snapshot', () => {
  it.each([
    ["resource.Get('v1', 'configmaps', 'shop', 'a').data.ok == 'yes'", 'pass success'],
    ["dyn(resource.get('v1', 'configmaps', 'shop', 'nothing')) == null", 'pass success'],
    ["resource.Get(resource.ToGVR('v1', 'ConfigMap'), 'shop', 'a').data.ok == 'yes'", 'pass success'],
    ["resource.List('v1', 'configmaps', 'shop').items.size() == 2", 'pass success'],
    ["resource.List('v1', 'configmaps', '').items.size() == 3", 'pass success'],
    [
      "resource.List('v1', 'configmaps', '', {'team': 'x'}).items.map(i, i.metadata.name) == ['c', 'a']",
      'pass success',
    ],
    ["resource.List('v1', 'secrets', '').items.size() == 0", 'pass success'],
    [
      "dyn(resource.Get('v1', 'widgets', 'shop', 'a')) == null",
      'error error: failed to get resource: v1 widgets is not known',
    ],
  ])('%s: %s', (expression, expected) => expect(judge(policy(expression))).toBe(expected));

  it('are not known where the snapshot does not speak for them', () => {
    const world = { cluster: knowsNothing };
    expect(judge(policy("dyn(resource.Get('v1', 'configmaps', 'shop', 'a')) == null"), { world })).toContain(
      'does not hold the ConfigMap shop/a',
    );
    expect(judge(policy("resource.List('v1', 'configmaps', 'shop').items.size() == 0"), { world })).toContain(
      'does not speak for every ConfigMap',
    );
  });

  it.each([
    ["resource.List('networking.k8s.io/v1', 'ingresses', '').items.size() == 0", 'every networking.k8s.io/Ingress'],
    ["namespaceObject.metadata.name == 'x'", 'namespaceObject is not known'],
  ])('are told to be lacking by %s', (expression, message) => {
    const [result] = ask(compile(policy(expression)), { object: pod({}), world: { cluster: knowsNothing } });
    expect(result).toMatchObject({ status: 'error', message: expect.stringContaining(message), lacks: 'snapshot' });
  });

  it('are those of its own namespace for a policy that has one', () => {
    const own = (expression: string) => policy(expression, 'NamespacedValidatingPolicy', 'shop');
    expect(judge(own("resource.Get('v1', 'configmaps', 'a').data.ok == 'yes'"))).toBe('pass success');
    expect(judge(own("resource.List('v1', 'configmaps').items.size() == 2"))).toBe('pass success');
    expect(() => compile(own("resource.Get('v1', 'configmaps', 'other', 'c') == null"))).toThrow(
      'no matching overload',
    );
  });

  it('cannot be written', () => {
    expect(() => compile(policy("resource.Post('v1', 'configmaps', 'shop', {}) == null"))).toThrow(
      /spec\.validations\[0\]\.expression/,
    );
  });
});

describe('servers, registries and stores', () => {
  const expressions = [
    "http.Get('https://x.example').body.by == 'GET' && http.Post('https://x.example', {}).body.by == 'POST'",
    "image.GetMetadata('nginx').config.user == 'nobody'",
    "globalContext.Get('known', '').part == [1] && globalContext.Get('known', 'part') == [1] && globalContext.Get('other', '') == null",
  ];

  it.each(expressions)('are refused by name in a gate: %s', (expression) => {
    expect(() => compile(policy(expression))).toThrow(
      /^policies\.yaml:\d+:\d+: .*: it reads (?:http|image|globalContext), and /,
    );
  });

  it.each(expressions)('are stood in for in a test: %s', (expression) => {
    expect(judge(policy(expression), { world: { supplied } }, true)).toBe('pass success');
  });

  it.each([
    ["http.Get('https://y.example') == null", 'request failed'],
    ["image.GetMetadata('redis') == null", 'image data for redis not found'],
    ["globalContext.Get('known', 'nothing') == null", 'projection \\"nothing\\" not found'],
  ])('are an error where nothing stands in for them: %s', (expression, message) => {
    expect(judge(policy(expression), { world: { supplied } }, true)).toMatch(new RegExp(`^error .*${message}`));
    expect(judge(policy(expression), {}, true)).toMatch(/^(?:error|fail|pass) /);
  });
});
