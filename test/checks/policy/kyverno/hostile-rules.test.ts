import { describe, expect, it } from 'vitest';
import { GateError } from '../../../../src/core/errors.ts';
import { type JsonObject, objectFrom } from '../../../../src/core/json.ts';
import { bare, compilePolicy, judgeOne, objectOf, onPods } from '../../../support/kyverno/policy.ts';

function podWith(labels: JsonObject, containers: unknown = []): JsonObject {
  const made = bare({ apiVersion: 'v1', kind: 'Pod', spec: { containers: containers as never } }) as JsonObject;
  return objectFrom([
    ...Object.entries(made),
    [
      'metadata',
      objectFrom([
        ['name', 'x'],
        ['namespace', 'shop'],
        ['labels', labels],
      ]),
    ],
  ]);
}

const deny = (key: string, value = 'x') =>
  `validate: {message: "m", deny: {conditions: {all: [{key: "${key}", operator: Equals, value: "${value}"}]}}}`;

describe('objects made to break rules', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'a label %s is a label like any other',
    (name) => {
      const label = objectFrom([[name, 'x']]);
      const policy = onPods(deny(`{{ request.object.metadata.labels.\\"${name}\\" }}`));
      expect(judgeOne(policy, podWith(label))).toMatchObject([{ status: 'fail' }]);
      // What every JavaScript object has is on no object of a cluster.
      expect(judgeOne(policy, podWith(objectFrom([['a', 'b']])))).toMatchObject([
        { status: 'error', message: expect.stringContaining(`Unknown key "${name}"`) },
      ]);
    },
  );

  it('values that spell themselves as variables come to an end', () => {
    const label = '{{ request.object.metadata.labels.app }} again';
    const results = judgeOne(
      onPods(deny('a {{ request.object.metadata.labels.app }}')),
      podWith(objectFrom([['app', label]])),
    );
    expect(results).toMatchObject([{ status: 'error', message: expect.stringContaining('never come to an end') }]);
  });

  it('texts that double with every round stay bounded', () => {
    const two = '{{ request.object.metadata.labels.b }}{{ request.object.metadata.labels.b }}';
    const labels = objectFrom([
      ['a', two],
      ['b', `${two} `],
    ]);
    const results = judgeOne(onPods(deny('x {{ request.object.metadata.labels.a }}')), podWith(labels));
    expect(results).toMatchObject([{ status: 'error' }]);
  });

  it('100,000 elements are gone through', () => {
    const containers = Array.from({ length: 100_000 }, (_, i) => ({ name: `c${i}`, image: 'nginx' }));
    const body = `validate: {message: m, foreach: [{list: request.object.spec.containers, ${deny('{{ element.image }}', 'busybox').slice('validate: {message: "m", '.length, -1)}}]}`;
    expect(judgeOne(onPods(body), podWith({}, containers))).toMatchObject([{ status: 'pass' }]);
  });

  it('a loop in a loop over thousands of elements is an error, not an hour', () => {
    const containers = Array.from({ length: 5_000 }, (_, i) => ({ name: `c${i}` }));
    const inner =
      'foreach: [{list: request.object.spec.containers, deny: {conditions: {all: [{key: a, operator: Equals, value: b}]}}}]';
    const policy = onPods(`validate: {message: m, foreach: [{list: request.object.spec.containers, ${inner}}]}`);
    expect(judgeOne(policy, podWith({}, containers))).toMatchObject([
      { status: 'error', message: expect.stringContaining('more than 1000000 elements') },
    ]);
  });

  it('deep nesting is an error', () => {
    let deep: JsonObject = objectFrom([]);
    for (let i = 0; i < 200_000; i += 1) deep = objectFrom([['a', deep]]);
    const results = judgeOne(onPods(deny('{{ request.object.metadata.labels }}')), podWith(objectFrom([['x', deep]])));
    expect(results).toMatchObject([{ status: expect.stringMatching(/^(error|pass)$/) }]);
    const text = judgeOne(onPods(deny('in {{ request.object.metadata.labels }}')), podWith(objectFrom([['x', deep]])));
    expect(text).toMatchObject([{ status: 'error' }]);
  });

  it.each([
    ['no metadata', '{apiVersion: v1, kind: Pod, spec: {}}'],
    ['metadata of another type', '{apiVersion: v1, kind: Pod, metadata: [], spec: {}}'],
    ['labels of another type', '{apiVersion: v1, kind: Pod, metadata: {name: x, labels: [a]}}'],
    ['a name that is none', '{apiVersion: v1, kind: Pod, metadata: {name: 5, labels: {a: 1}}}'],
  ])('%s is nothing that a rule breaks on', (_, object) => {
    const selecting = onPods('validate: {deny: {}}').replace(
      'kinds: [Pod]',
      'kinds: [Pod], names: ["*"], annotations: {a: b}, selector: {matchLabels: {a: "*"}}',
    );
    expect(judgeOne(selecting, objectOf(object))).toEqual([]);
    expect(judgeOne(onPods('validate: {pattern: {metadata: {name: "?*"}}}'), objectOf(object))).toHaveLength(1);
  });

  it('images that are none are an error where a rule asks for them', () => {
    const policy = onPods(deny('{{ images.containers.*.registry }}'));
    for (const containers of [[{ name: 'a', image: 'A B' }], [{ image: 'nginx' }], 'nginx', { a: [] }]) {
      expect(judgeOne(policy, podWith({}, containers))).toMatchObject([{ status: 'error' }]);
    }
  });
});

describe('policies made to break the gate', () => {
  it('a key of the name __proto__ is refused', () => {
    const document =
      '{"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "metadata": {"name": "p"}, "spec": {"__proto__": {}}}';
    expect(() => compilePolicy(document)).toThrow(GateError);
  });
});
