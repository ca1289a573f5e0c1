/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: those are the variables of Flux */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { GateError } from '../../src/core/errors.ts';
import { type Asked, asTexts, consumed, objectsForFlux, specOf, withoutNotes } from '../support/flux-gate.ts';
import { Fluxbuild } from '../support/fluxbuild.ts';
import { fuzzRuns } from '../support/fuzz-runs.ts';
import { type Files, scratch, writeTree } from '../support/render.ts';

let flux: Fluxbuild;
beforeAll(async () => {
  flux = await Fluxbuild.start();
});
afterAll(() => flux[Symbol.asyncDispose]());

const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'web', 'db', 'cache', 'x-${N:-1}');
const values = fc.constantFrom(
  'plain',
  '${V}',
  '"${N}"',
  '${none:-x}',
  '"a: b"',
  '|\n    line ${V}\n    more',
  '5',
  '$${V}',
);
const objects = fc.oneof(
  fc
    .tuple(names, values)
    .map(([name, value]) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: ${value}\n`),
  fc
    .tuple(names, fc.constantFrom('nginx:1', 'nginx', `nginx@sha256:${'0'.repeat(64)}`, 'example.com/app:1'))
    .map(
      ([name, image]) =>
        `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, labels: {app: ${name}}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: ${name}}}\n  template:\n    metadata: {labels: {app: ${name}}}\n    spec:\n      containers:\n      - {name: app, image: "${image}", envFrom: [{configMapRef: {name: a}}]}\n`,
    ),
  names.map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`),
  fc.constant(
    'apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: x}\nroleRef: {kind: Role, name: r, apiGroup: rbac.authorization.k8s.io}\nsubjects: [{kind: ServiceAccount, name: default, namespace: x}]\n',
  ),
);
const documents = fc.array(objects, { minLength: 1, maxLength: 2 }).map((all) => all.join('---\n'));
const fields = fc
  .record({
    namePrefix: fc.option(fc.constant('own-'), { nil: undefined }),
    namespace: fc.option(fc.constant('own'), { nil: undefined }),
    images: fc.option(fc.constantFrom('[{name: nginx, newTag: "2"}]', '[{name: nginx, newName: x/y}]'), {
      nil: undefined,
    }),
    labels: fc.option(fc.constant('[{pairs: {own: "true"}, includeSelectors: true}]'), { nil: undefined }),
    commonAnnotations: fc.option(fc.constant('{note: "${V:-d}"}'), { nil: undefined }),
    configMapGenerator: fc.option(fc.constant('[{name: generated, literals: [x=y]}]'), { nil: undefined }),
    generatorOptions: fc.option(fc.constantFrom('{disableNameSuffixHash: true}', '{labels: {g: "1"}}'), {
      nil: undefined,
    }),
    buildMetadata: fc.option(fc.constantFrom('[originAnnotations]', '[transformerAnnotations]'), {
      nil: undefined,
      freq: 4,
    }),
  })
  .map((given) =>
    Object.entries(given)
      .flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}\n`]))
      .join(''),
  );
const kustomization = (resources: readonly string[], more: string) =>
  `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n${resources.length === 0 ? '' : `resources: [${resources.join(', ')}]\n`}${more}`;
const component = 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -c\n';

const sources: fc.Arbitrary<Files> = fc.oneof(
  fc
    .tuple(fc.array(documents, { maxLength: 3 }), documents, fields, fc.boolean())
    .map(([files, base, more, nested]) => ({
      ...Object.fromEntries(
        files.map((text, i) => [`app/${i % 2 === 0 ? '' : 'deep/'}f${i}.${i === 2 ? 'yml' : 'yaml'}`, text]),
      ),
      ...(nested && { 'app/sub/kustomization.yaml': kustomization(['x.yaml'], more), 'app/sub/x.yaml': base }),
      'app/README.md': 'x',
      'c/kustomization.yaml': component,
    })),
  fc
    .tuple(documents, documents, fields, fields, fc.constantFrom(true, true, true, false))
    .map(([file, base, more, baseMore, listed]) => ({
      'app/kustomization.yaml': kustomization(listed ? ['f.yaml', '../base'] : [], more),
      'app/f.yaml': file,
      'base/kustomization.yml': kustomization(['x.yaml'], baseMore),
      'base/x.yaml': base,
      'c/Kustomization': component,
    })),
);
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 2 });
const asked: fc.Arbitrary<Asked> = fc
  .record({
    targetNamespace: optional(fc.constant('target')),
    namePrefix: optional(fc.constant('p-')),
    nameSuffix: optional(fc.constantFrom('-s', '-${N}')),
    images: optional(
      fc.constantFrom(
        [{ name: 'nginx', newTag: '9' }],
        [
          { name: 'nginx', digest: `sha256:${'1'.repeat(64)}` },
          { name: 'example.com/app', newName: 'z' },
        ],
      ),
    ),
    patches: optional(
      fc.constantFrom(
        [
          {
            patch: '- op: add\n  path: /metadata/annotations\n  value: {patched: "yes"}\n',
            target: { kind: 'ConfigMap' },
          },
        ],
        [
          {
            patch: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: any}\ndata: {more: "${V}"}\n',
            target: { kind: 'ConfigMap|Secret', name: 'a' },
          },
        ],
        [
          {
            patch: '$patch: delete\napiVersion: v1\nkind: Namespace\nmetadata: {name: any}\n',
            target: { kind: 'Namespace' },
          },
        ],
      ),
    ),
    components: optional(fc.constantFrom(['../c'], ['../c'], ['../c'], ['missing'])),
    ignoreMissingComponents: optional(fc.boolean()),
    commonMetadata: optional(fc.constant({ labels: { common: 'label' }, annotations: { note: 'common' } })),
    postBuild: optional(
      fc.constantFrom(
        { variables: { V: 'value', N: '7' }, strategy: 'WithVariables' as const },
        { variables: { V: 'other', N: 'seven' }, strategy: 'Always' as const },
        { variables: { V: '', N: '0' }, strategy: 'WithVariables' as const },
        { variables: {}, strategy: 'Always' as const },
        { variables: {}, strategy: 'WithVariables' as const },
        { variables: { V: 'x: y', N: 'n' }, strategy: 'WithVariables' as const },
      ),
    ),
  })
  .map((given) => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Asked);

it('whatever is asked of whatever source comes out as from Flux, or is refused as there', async () => {
  let built = 0;
  await fc.assert(
    fc.asyncProperty(sources, asked, async (files, fields) => {
      using folder = scratch();
      writeTree(folder.path, files);
      const theirs = await flux.build(folder.path, specOf('./app', fields));
      const ours = await objectsForFlux(folder.path, './app', fields).catch((thrown) => {
        if (thrown instanceof GateError) return thrown;
        throw thrown;
      });
      if (ours instanceof GateError) {
        expect({ refused: ours.message, theirs }).toEqual({
          refused: ours.message,
          theirs: { error: expect.anything() },
        });
        return;
      }
      expect({ objects: asTexts(ours.map(({ object }) => object)) }).toEqual(
        'value' in theirs ? { objects: asTexts(theirs.value.map(withoutNotes)) } : theirs,
      );
      built++;
      const applied = await consumed(flux, ours);
      expect('value' in applied ? asTexts(applied.value) : applied.error).toEqual(
        asTexts(ours.map(({ object }) => object)),
      );
    }),
    { numRuns: fuzzRuns(30) },
  );
  expect(built).toBeGreaterThan(10);
});
