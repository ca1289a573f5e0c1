import { describe, expect, it } from 'vitest';
import { compilePolicy, onKinds, onPods } from '../../../support/kyverno/policy.ts';

const warningsOf = (policy: string) => compilePolicy(policy).warnings.map((each) => each.replace(/^[^ ]+ /, ''));
const pass = 'validate: {deny: {conditions: {all: [{key: a, operator: Equals, value: b}]}}}';

describe('a kind that nobody knows', () => {
  it.each([
    ['[Servce]', ['no known kind is called Servce; did you mean Service?']],
    ['[Pod, v1/Deploymnt]', ['no known kind is called Deploymnt; did you mean Deployment?']],
    ['[Servce/status]', ['no known kind is called Servce; did you mean Service?']],
    ['[VeryOwnCustomResource]', ['no known kind is called VeryOwnCustomResource']],
    ['[Service, Pod/exec, "*", "*Set", PodExecOptions, apps/v1/Deployment]', []],
    // Its definition may be missing in the snapshot.
    ['[example.com/v1/Servce]', []],
  ])('%s: %j', (kinds, expected) => expect(warningsOf(onKinds(kinds, pass))).toEqual(expected));

  it('is told of exclude too, with its place', () => {
    const policy = onPods(`exclude: {all: [{resources: {kinds: [Servce]}}]}, ${pass}`);
    expect(compilePolicy(policy).warnings).toEqual([
      expect.stringMatching(/^policies\.yaml:1:\d+: no known kind is called Servce; did you mean Service\?$/),
    ]);
  });
});

describe('an operator that Kyverno has deprecated', () => {
  const condition = '{key: a, operator: In, value: [b]}';
  const told = 'the operator In is deprecated; use AllIn or AnyIn';

  it.each([
    ['preconditions', `preconditions: {all: [${condition}]}, ${pass}`],
    ['the old spelling of preconditions', `preconditions: [${condition}], ${pass}`],
    ['deny', `validate: {deny: {conditions: {any: [${condition}]}}}`],
    [
      'a loop in a loop',
      `validate: {foreach: [{list: request.object.spec.x, foreach: [{list: element.y, deny: {conditions: {any: [${condition}]}}}]}]}`,
    ],
  ])('is told of %s', (_, rule) => expect(warningsOf(onPods(rule))).toEqual([told]));

  it('is none of those that are not', () => expect(warningsOf(onPods(pass))).toEqual([]));
});
