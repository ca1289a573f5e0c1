import { describe, expect, it } from 'vitest';
import { GateError } from '../../../../src/core/errors.ts';
import { compilePolicy, onKinds, onPods } from '../../../support/kyverno/policy.ts';

function refusalOf(yaml: string): string {
  try {
    compilePolicy(yaml);
  } catch (error) {
    if (error instanceof GateError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'taken';
}

const deny = 'validate: {deny: {}}';
const withContext = (entry: string) => onPods(`context: [${entry}], ${deny}`);
const withCondition = (condition: string) => onPods(`validate: {deny: {conditions: {all: [${condition}]}}}`);

describe('a policy that could not be judged as its author meant it', () => {
  it.each([
    ['an unknown field', onPods('validate: {denny: {}}'), /POLICY_INVALID .*unknown key "denny".*did you mean deny/],
    ['an unknown field of the policy', onPods(deny, 'rule: [],'), /POLICY_INVALID .*unknown key "rule".*rules/],
    ['an unknown version', onPods(deny).replace('/v1', '/v3'), /POLICY_INVALID .*apiVersion/],
    ['no rule', '{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: p}, spec: {rules: []}}', /rules/],
    ['nothing to validate', onPods('validate: {message: x}'), /one of deny, pattern, anyPattern and foreach/],
    ['two kinds of rule in one', onPods(`${deny}, mutate: {x: 1}`), /exactly one of validate, mutate/],
    ['assert', onPods('validate: {assert: {}}'), /POLICY_UNSUPPORTED .*assert has no effect/],
    ['manifests', onPods('validate: {manifests: {}}'), /POLICY_UNSUPPORTED .*manifests/],
    ['no kinds', onPods(deny).replace('kinds: [Pod]', 'names: [a]'), /names no kind/],
    ['a kind of too many parts', onKinds('[a/b/c/d/e]', deny), /"a\/b\/c\/d\/e" is no kind/],
    ['any beside all', onPods(deny).replace('match: {', 'match: {all: [{resources: {kinds: [Pod]}}], '), /any and all/],
    ['name beside names', onPods(deny).replace('kinds: [Pod]', 'kinds: [Pod], name: a, names: [b]'), /name and names/],
    [
      'a selector that is none',
      onPods(deny).replace('kinds: [Pod]', 'kinds: [Pod], selector: {matchLabels: {a: "b c"}}'),
      /value of a label/,
    ],
    [
      'a service account of no namespace',
      onPods(deny).replace('resources:', 'subjects: [{kind: ServiceAccount, name: a}], resources:'),
      /needs its namespace/,
    ],
    [
      'an unknown operator',
      withCondition('{key: a, operator: Matches, value: b}'),
      /there is no operator Matches; known here: Equals/,
    ],
    ['a condition without a value', withCondition('{key: a, operator: Equals}'), /a condition needs a value/],
    [
      'an expression that is none',
      withCondition('{key: "{{ request.object[ }}", operator: Equals, value: b}'),
      /POLICY_INVALID/,
    ],
    ['an unknown function', withCondition('{key: "{{ shout(request.object) }}", operator: Equals, value: b}'), /shout/],
    [
      'a function that asks a name server',
      withCondition('{key: "{{ is_external_url(request.name) }}", operator: Equals, value: true}'),
      /POLICY_UNSUPPORTED .*is_external_url/,
    ],
    [
      'an unknown variable',
      withCondition('{key: "{{ settings.data }}", operator: Equals, value: b}'),
      /settings\.data .*neither the request nor the context/,
    ],
    [
      'an element outside of foreach',
      withCondition('{key: "{{ element.name }}", operator: Equals, value: b}'),
      /outside of foreach/,
    ],
    [
      'an unknown variable in a message',
      onPods('validate: {message: "{{ settings }}", deny: {}}'),
      /neither the request nor the context/,
    ],
    ['a variable behind half a character', onPods('validate: {message: "“{{ request.name }}”", deny: {}}'), /ASCII/],
    [
      'a reference that leads nowhere',
      onPods('validate: {pattern: {spec: {a: "$(./../b)"}}}'),
      /got nil resolved variable/,
    ],
    [
      'an anchor that only changes objects',
      onPods('validate: {pattern: {spec: {"+(a)": b}}}'),
      /\+\(a\) changes objects/,
    ],
    [
      'a service of a network',
      withContext('{name: a, apiCall: {service: {url: "https://x"}}}'),
      /POLICY_UNSUPPORTED .*over the network/,
    ],
    [
      'an image of a registry',
      withContext('{name: a, imageRegistry: {reference: nginx}}'),
      /POLICY_UNSUPPORTED .*registry/,
    ],
    [
      'a GlobalContextEntry',
      withContext('{name: a, globalReference: {name: x}}'),
      /POLICY_UNSUPPORTED .*GlobalContextEntry/,
    ],
    [
      'two sources of an entry',
      withContext('{name: a, variable: {value: 1}, configMap: {name: c}}'),
      /exactly one of variable/,
    ],
    [
      'an entry of a name that is taken',
      withContext('{name: request, variable: {value: 1}}'),
      /name of what every rule has/,
    ],
    [
      'an entry that no expression could name',
      withContext('{name: "a b", variable: {value: 1}}'),
      /no name that an expression/,
    ],
    ['a variable of nothing', withContext('{name: a, variable: {default: 1}}'), /needs a value or a jmesPath/],
    [
      'a context beside CEL',
      onPods('context: [{name: a, variable: {value: 1}}], validate: {cel: {expressions: [{expression: "true"}]}}'),
      /do not see the context/,
    ],
    [
      'an expression of CEL that is none',
      onPods('validate: {cel: {expressions: [{expression: "object.("}]}}'),
      /POLICY_INVALID/,
    ],
    [
      'the authorizer of a cluster',
      onPods(
        `validate: {cel: {expressions: [{expression: "authorizer.group('').resource('pods').check('get').allowed()"}]}}`,
      ),
      /POLICY_UNSUPPORTED .*authorizer/,
    ],
    [
      'a control of containers without images',
      onPods('validate: {podSecurity: {level: baseline, version: latest, exclude: [{controlName: Capabilities}]}}'),
      /say by images/,
    ],
    [
      'a control that the level has not',
      onPods('validate: {podSecurity: {level: baseline, version: latest, exclude: [{controlName: Volume Types}]}}'),
      /no control of the level/,
    ],
    [
      'a ClusterPolicy in a namespace',
      onPods(deny).replace('{name: p}', '{name: p, namespace: n}'),
      /lies in no namespace/,
    ],
    [
      'a selector of an override that is none',
      onPods(
        deny,
        'validationFailureActionOverrides: [{action: Audit, namespaceSelector: {matchLabels: {"a b": c}}}],',
      ),
      /key of a label/,
    ],
  ])('%s is refused', (_, yaml, message) => {
    expect(refusalOf(yaml)).toMatch(message);
  });

  it('two rules of one name are refused', () => {
    const rule = '{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {deny: {}}}';
    const yaml = `{apiVersion: kyverno.io/v1, kind: ClusterPolicy, metadata: {name: p}, spec: {rules: [${rule}, ${rule}]}}`;
    expect(refusalOf(yaml)).toMatch(/policies\.yaml:1:\d+: another rule of the policy is called r/);
  });

  it('the place is that of the text, however deep it stands', () => {
    const yaml = `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: p}
spec:
  rules:
    - name: r
      match: {any: [{resources: {kinds: [Pod]}}]}
      validate:
        pattern:
          spec:
            containers:
              - name: "{{ oops }}"
`;
    expect(refusalOf(yaml)).toMatch(/^POLICY_INVALID policies\.yaml:12:/);
  });
});

describe('what is refused in a gate', () => {
  it.each([
    ['an image of a registry', '{name: a, imageRegistry: {reference: nginx}}'],
    ['a service', '{name: a, apiCall: {service: {url: "https://x"}}}'],
    ['a GlobalContextEntry', '{name: a, globalReference: {name: x}}'],
  ])('%s can be stood for by values in a test of policies', (_, entry) => {
    expect(() => compilePolicy(withContext(entry), true)).not.toThrow();
  });
});
