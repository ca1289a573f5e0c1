import { describe, expect, it } from 'vitest';
import { tellsOperations } from '../../../src/checks/policy/operation.ts';
import { compilePolicy, onPods } from '../../support/kyverno/policy.ts';

describe('an expression', () => {
  it.each([
    ["request.operation == 'UPDATE'", true],
    ["request.operation != 'CREATE' || object.spec.x == 1", true],
    ["'UPDATE' == request.operation", true],
    ["request['operation'] == 'UPDATE'", true],
    ["request . operation == 'UPDATE'", true],
    ["request.operation in ['UPDATE', 'DELETE']", true],
    ['request.operation in [variables.one]', true],
    ["request.operation != 'DELETE' && request.operation == 'UPDATE'", true],
    ["request.operation != 'DELETE'", false],
    ['request.operation in ["CREATE", "UPDATE"]', false],
    ["request.operation in ['CONNECT']", false],
    ["object.request.operations == 'UPDATE'", false],
    ['request.userInfo.username == object.operation', false],
  ])('%s tells an update from a creation: %s', (expression, expected) =>
    expect(tellsOperations(expression)).toBe(expected),
  );
});

describe('a rule of Kyverno', () => {
  const told = ['it depends on the operation; a gate judges as CREATE'];
  const warningsOf = (rule: string, spec = '') =>
    compilePolicy(onPods(rule, spec)).warnings.map((each) => each.replace(/^policies\.yaml:1:\d+: /, ''));
  const deny = 'validate: {deny: {}}';
  const condition = (operator: string, value: string, key = '{{ request.operation }}') =>
    `preconditions: {all: [{key: "${key}", operator: ${operator}, value: ${value}}]}, ${deny}`;

  it.each([
    ['a precondition that takes creations out', condition('NotEquals', 'CREATE'), told],
    [
      'one that only takes updates',
      condition('AnyIn', '[UPDATE, DELETE]', "{{request.operation || 'BACKGROUND'}}"),
      told,
    ],
    ['one that compares with a variable', condition('Equals', '"{{ request.object.x }}"'), told],
    [
      'one in which the operation is part of something',
      condition('Equals', 'a', '{{ to_lower(request.operation) }}'),
      told,
    ],
    ['one that takes deletions out', condition('NotEquals', 'DELETE', "{{request.operation || 'BACKGROUND'}}"), []],
    ['one that takes both', condition('AnyIn', '[CREATE, UPDATE]'), []],
    ['one about something else', condition('Equals', 'a', '{{ request.object.operation }}'), []],
    ['exclude of creations', `exclude: {any: [{resources: {operations: [CREATE]}}]}, ${deny}`, told],
    [
      'exclude of creations, as it was written once',
      `exclude: {resources: {operations: [CREATE, DELETE]}}, ${deny}`,
      told,
    ],
    ['exclude of both', `exclude: {any: [{resources: {operations: [CREATE, UPDATE]}}]}, ${deny}`, []],
    ['exclude of updates', `exclude: {any: [{resources: {operations: [UPDATE]}}]}, ${deny}`, []],
    ['a context entry', `context: [{name: o, variable: {jmesPath: request.operation}}], ${deny}`, told],
    [
      'a deny',
      'validate: {deny: {conditions: {any: [{key: "{{ request.operation }}", operator: Equals, value: UPDATE}]}}}',
      told,
    ],
    [
      'a loop',
      'validate: {foreach: [{list: request.object.x, preconditions: {any: [{key: "{{ request.operation }}", operator: Equals, value: UPDATE}]}, deny: {}}]}',
      told,
    ],
    [
      'conditions of CEL',
      `celPreconditions: [{name: a, expression: "request.operation == 'UPDATE'"}], validate: {cel: {expressions: [{expression: 'true'}]}}`,
      told,
    ],
    [
      'a change, which is no verdict',
      condition('Equals', 'UPDATE').replace(deny, 'mutate: {patchStrategicMerge: {a: b}}'),
      [],
    ],
  ])('is told of %s', (_, rule, expected) => expect(warningsOf(rule)).toEqual(expected));

  it('is told of the conditions of its webhook', () => {
    const spec = `webhookConfiguration: {matchConditions: [{name: a, expression: "request.operation == 'UPDATE'"}]},`;
    expect(warningsOf(deny, spec)).toEqual(told);
  });
});
