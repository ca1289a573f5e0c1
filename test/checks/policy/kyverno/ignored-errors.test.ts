import { describe, expect, it } from 'vitest';
import { judgeOne, objectOf, onPods, worldOf } from '../../../support/kyverno/policy.ts';

const ignore = 'failurePolicy: Ignore,';
const pod = objectOf(
  '{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: a, image: b}]}}',
);
const many = Array.from({ length: 4_500 }, (_, i) => `x${i}`);
/** A Pod whose labels and arguments are more than a gate compares. */
const large = {
  ...pod,
  metadata: { name: 'web', namespace: 'shop', annotations: Object.fromEntries(many.map((key) => [key, key])) },
  spec: { containers: [{ name: 'a', image: 'e'.repeat(9_000), args: many.map((each) => `${each}y`) }] },
};
const lists = (operator: string) =>
  `{key: "{{ request.object.metadata.annotations.values(@) }}", operator: ${operator}, value: "{{ request.object.spec.containers[].args[] }}"}`;
const looped = (body: string) => `validate: {message: m, foreach: [{list: request.object.spec.containers, ${body}}]}`;
const stars = `"!*${'e'.repeat(4_500)}x"`;

describe('failurePolicy: Ignore', () => {
  it.each([
    [
      'a key that an object does not have',
      'validate: {deny: {conditions: {all: [{key: "{{ request.object.nothing }}", operator: Equals, value: a}]}}}',
    ],
    [
      'a precondition that reads one',
      'preconditions: {all: [{key: "{{ request.object.nothing }}", operator: Equals, value: a}]}, validate: {deny: {}}',
    ],
    [
      'a function that cannot take its argument',
      'validate: {deny: {conditions: {all: [{key: "{{ to_upper(request.object.spec) }}", operator: Equals, value: a}]}}}',
    ],
  ])('forgives %s', (_, rule) => {
    expect(judgeOne(onPods(rule, ignore), pod)).toMatchObject([{ status: 'error', ignoreErrors: true }]);
  });

  it.each([
    ['too many comparisons of a deny', `validate: {deny: {conditions: {any: [${lists('AnyIn')}]}}}`],
    ['too many comparisons of a precondition', `preconditions: {all: [${lists('AnyIn')}]}, validate: {deny: {}}`],
    ['too many comparisons in a loop', looped(`deny: {conditions: {any: [${lists('AnyIn')}]}}`)],
    ['too many comparisons that choose the elements', looped(`preconditions: {all: [${lists('AnyIn')}]}, deny: {}`)],
    [
      'a pattern that is too long by a default',
      `context: [{name: c, variable: {jmesPath: "regex_match(join('', request.object.spec.containers[].args[]), 'x')", default: a}}], validate: {deny: {conditions: {all: [{key: "{{ c }}", operator: Equals, value: b}]}}}`,
    ],
    ['a wildcard that takes too long', `validate: {pattern: {spec: {containers: [{image: ${stars}}]}}}`],
  ])('does not forgive %s', (_, rule) => {
    const [result] = judgeOne(onPods(rule, ignore), large);
    expect(result?.status).toBe('error');
    expect(result).not.toHaveProperty('ignoreErrors');
  });

  it('does not forgive a value that nests too deep', () => {
    let deep = objectOf('{a: b}');
    for (let i = 0; i < 50_000; i += 1) deep = { deep };
    const object = { ...pod, metadata: { name: 'web', namespace: 'shop' }, spec: deep };
    const rule =
      'validate: {deny: {conditions: {all: [{key: "{{ to_string(request.object.spec) }}", operator: Equals, value: a}]}}}';
    const [result] = judgeOne(onPods(rule, ignore), object);
    expect(result?.status).toBe('error');
    expect(result).not.toHaveProperty('ignoreErrors');
  });

  const selecting =
    'match: {any: [{resources: {kinds: [Pod], namespaceSelector: {matchExpressions: [{key: free, operator: DoesNotExist}]}}}]}';
  it.each([
    ['the labels of a Namespace', `${selecting}, validate: {deny: {}}`, 'snapshot'],
    [
      'a ConfigMap',
      'context: [{name: c, configMap: {name: c, namespace: x}}], validate: {deny: {conditions: {all: [{key: "{{ c.data.a }}", operator: Equals, value: a}]}}}',
      'snapshot',
    ],
    [
      'who asks',
      'validate: {deny: {conditions: {all: [{key: "{{ request.userInfo.username }}", operator: Equals, value: a}]}}}',
      'identity',
    ],
  ])('does not forgive that %s is not known', (_, rule, lacks) => {
    const policy = `{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: p}, spec: {${ignore} rules: [{name: r, ${rule.startsWith('match') ? '' : 'match: {any: [{resources: {kinds: [Pod]}}]}, '}${rule}}]}}`;
    const [result] = judgeOne(policy, pod);
    expect(result).toMatchObject({ status: 'error', lacks });
    expect(result).not.toHaveProperty('ignoreErrors');
  });

  it('forgives a ConfigMap that is known not to be there', () => {
    const rule =
      'context: [{name: c, configMap: {name: c, namespace: x}}], validate: {deny: {conditions: {all: [{key: "{{ c.data.a }}", operator: Equals, value: a}]}}}';
    expect(judgeOne(onPods(rule, ignore), pod, worldOf([], ['ConfigMap']))).toMatchObject([
      { status: 'error', ignoreErrors: true },
    ]);
  });
});

it('grants no exception by conditions that are too long to compare', () => {
  const exception = `---\n{apiVersion: kyverno.io/v2, kind: PolicyException, metadata: {name: e, namespace: platform}, spec: {match: {any: [{resources: {kinds: [Pod]}}]}, exceptions: [{policyName: p, ruleNames: [r]}], conditions: {all: [${lists('AnyNotIn')}]}}}`;
  expect(judgeOne(`${onPods('validate: {deny: {}}', ignore)}\n${exception}`, large)).toMatchObject([
    { status: 'fail' },
  ]);
});
