import { describe, expect, it } from 'vitest';
import { createResourceTable } from '../../../../src/checks/policy/kube/resources.ts';
import { compilePolicy, judgeOne, objectOf, onKinds, worldOf } from '../../../support/kyverno/policy.ts';

const definition = (conversion: string) =>
  objectOf(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  conversion: {strategy: ${conversion}}
  versions: [{name: v1, served: true}, {name: v1beta1, served: true}, {name: v1alpha1, served: false}]
`);
const unchanged = createResourceTable({ definitions: [definition('None')] });
const byWebhook = createResourceTable({ definitions: [definition('Webhook')] });
const nobody = createResourceTable();

const widget = '{apiVersion: example.com/v1beta1, kind: Widget, metadata: {name: w, namespace: shop}, spec: {size: 3}}';
const scaler =
  '{apiVersion: autoscaling/v1, kind: HorizontalPodAutoscaler, metadata: {name: h}, spec: {maxReplicas: 9}}';
const seen =
  'validate: {message: "{{ request.kind.version }} {{ request.object.apiVersion }}", pattern: {spec: {size: 1}}}';

const judged = (kinds: string, object: string, resources = unchanged, rule = seen) =>
  judgeOne(compilePolicy(onKinds(kinds, rule), false, resources), object).map(
    ({ status, message }) => `${status}: ${message}`,
  );

describe('a rule about another version of a kind', () => {
  it('judges the object as the definition converts it, if only its apiVersion changes', () => {
    expect(judged('[example.com/v1/Widget]', widget)).toEqual([
      expect.stringMatching(/^fail: .*v1 example\.com\/v1\b/),
    ]);
    expect(judged('[v1/Widget]', widget)).toEqual([expect.stringMatching(/^fail: .*v1 example\.com\/v1\b/)]);
    expect(judged('[example.com/v1/Widget]', widget.replace('size: 3', 'size: 1'))).toEqual([
      expect.stringMatching(/^pass/),
    ]);
  });

  it.each([
    ['its own version', '[example.com/v1beta1/Widget]'],
    ['any version', '[example.com/*/Widget]'],
    ['no version', '[Widget]'],
    ['its own version beside another', '[example.com/v1/Widget, example.com/v1beta1/Widget]'],
  ])('judges it as it is where it names %s', (_, kinds) => {
    expect(judged(kinds, widget)).toEqual([expect.stringMatching(/^fail: .*v1beta1 example\.com\/v1beta1/)]);
  });

  it.each([
    ['another kind', '[example.com/v1/Gadget]'],
    ['another group', '[example.org/v1/Widget]'],
    ['a version that is not served', '[example.com/v1alpha1/Widget]'],
    ['a subresource', '[example.com/v1/Widget/status]'],
  ])('says nothing where it names %s', (_, kinds) => expect(judged(kinds, widget)).toEqual([]));

  it.each([
    ['a webhook converts', '[example.com/v1/Widget]', widget, byWebhook],
    ['no definition is known for', '[example.com/v1/Widget]', widget, nobody],
    ['no definition is known for, in any group', '[v1/Widget]', widget, nobody],
    ['no definition is known for, by a wildcard in the version', '[example.com/v2*/Widget]', widget, nobody],
    ['Kubernetes itself converts', '[autoscaling/v2/HorizontalPodAutoscaler]', scaler, nobody],
  ])('cannot judge what %s', (_, kinds, object, resources) => {
    expect(judged(kinds, object, resources)).toEqual([expect.stringMatching(/^error: .* cannot be converted/)]);
  });

  it('says that a definition would help, where one would', () => {
    const about = (kinds: string, object: string) => judgeOne(compilePolicy(onKinds(kinds, seen)), object);
    expect(about('[example.com/v1/Widget]', widget)).toMatchObject([{ status: 'error', lacks: 'snapshot' }]);
    expect(about('[autoscaling/v2/HorizontalPodAutoscaler]', scaler)[0]).not.toHaveProperty('lacks');
  });

  it('is no error about an object that the rest of the match block leaves out', () => {
    const named = onKinds('[example.com/v1/Widget], names: [other]', seen);
    expect(judgeOne(compilePolicy(named, false, nobody), widget)).toEqual([]);
    const excluded = onKinds(
      '[example.com/v1/Widget]',
      `exclude: {any: [{resources: {namespaces: [shop], kinds: [example.com/v1/Widget]}}]}, ${seen}`,
    );
    expect(judgeOne(compilePolicy(excluded, false, nobody), widget)).toEqual([]);
    expect(judgeOne(compilePolicy(excluded, false, unchanged), widget)).toEqual([]);
  });

  it('is not asked in a test of policies, as by the command of Kyverno', () => {
    const supplied = { ...worldOf(), supplied: {} as never };
    const policy = compilePolicy(onKinds('[example.com/v1/Widget]', seen), true, unchanged);
    expect(judgeOne(policy, widget, supplied)).toEqual([]);
  });
});
