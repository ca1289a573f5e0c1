import { describe, expect, it } from 'vitest';
import { ask, compile, knowsNothing, pod } from './ask.ts';

const forPods = `{resourceRules: [{apiGroups: [''], apiVersions: [v1], resources: [pods], operations: [CREATE, UPDATE]}]}`;
const policy = (conditions: readonly string[]) =>
  `{apiVersion: policies.kyverno.io/v1, kind: ValidatingPolicy, metadata: {name: p}, spec: {failurePolicy: Ignore, matchConstraints: ${forPods}, matchConditions: ${JSON.stringify(conditions.map((expression, i) => ({ name: `c${i}`, expression })))}, validations: [{expression: 'false', message: never}]}}`;

const genuine = "object.spec.nothing == 'a'";
const unknown = "namespaceObject.metadata.labels['env'] == 'prod'";
const dear = "object.spec.containers.all(a, object.spec.containers.all(b, a.name + b.name != 'x'))";
const beyond = "object.spec.containers[0].image.matches('[a-z]+x')";
const large = pod({
  containers: [
    { name: 'a', image: 'a'.repeat(5_000_001) },
    ...Array.from({ length: 2_000 }, (_, i) => ({ name: `c${i}`, image: 'a' })),
  ],
});

describe('failurePolicy: Ignore', () => {
  it.each([
    ['a condition that errs', [genuine], pod({})],
    ['a condition that costs too much in a cluster too', [dear], large],
    ['one that errs beside one that cannot be known', [unknown, genuine], pod({})],
    ['one that is false beside one that cannot be known', [unknown, 'false'], pod({})],
  ])('takes an object out for %s', (_, conditions, object) => {
    expect(ask(compile(policy(conditions)), { object, world: { cluster: knowsNothing } })).toMatchObject([
      { status: 'skip' },
    ]);
  });

  it.each([
    ['what the snapshot does not hold', [unknown], pod({}), 'snapshot'],
    ['that, after an error that it could have outweighed', [`${genuine} || ${unknown}`], pod({}), 'snapshot'],
    ['that, in a loop', [`[1, 2].exists(i, i == 1 ? ${genuine} : ${unknown})`], pod({}), 'snapshot'],
    ['a bound of its own', [beyond], large, undefined],
  ])('takes none out for %s', (_, conditions, object, lacks) => {
    const [result] = ask(compile(policy(conditions)), { object, world: { cluster: knowsNothing } });
    expect(result?.status).toBe('error');
    expect(result?.lacks).toBe(lacks);
  });

  it('lets no exception hang on what is not known', () => {
    const exception = `\n---\n{apiVersion: policies.kyverno.io/v1, kind: PolicyException, metadata: {name: e, namespace: x}, spec: {policyRefs: [{name: p, kind: ValidatingPolicy}], matchConditions: ${JSON.stringify([{ name: 'c', expression: unknown }])}}}`;
    const [result] = ask(compile(policy(['true']) + exception), { object: pod({}), world: { cluster: knowsNothing } });
    expect(result).toMatchObject({ status: 'error', lacks: 'snapshot' });
  });
});

it('warns of conditions on the operation', () => {
  expect(compile(policy(["request.operation == 'UPDATE'"])).warnings).toEqual([
    expect.stringMatching(/^policies\.yaml:1:\d+: it depends on the operation; a gate judges as CREATE$/),
  ]);
  expect(compile(policy(["request.operation != 'DELETE'"])).warnings).toEqual([]);
});
