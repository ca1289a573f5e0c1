import { describe, expect, it } from 'vitest';
import { type Files, findingsFor, withPolicies } from '../../support/policies.ts';

const rego = { 'policies/a.rego': 'package main\ndeny contains "x" if false' };
const load = (files: Files, paths?: readonly string[], settings?: Record<string, unknown>) =>
  withPolicies({ files, ...(paths && { paths }), ...(settings && { rego: settings }) }, async ({ described }) =>
    described.flatMap(({ policy, rules }) => rules.map(({ name }) => `${policy}.${name}`)),
  );

describe('what lies among the policies', () => {
  it.each([
    ['README.md', '# policies'],
    ['LICENSE', 'Apache'],
    ['.gitignore', '*.swp'],
    ['sub/.gitkeep', ''],
    ['.git/config', '[core]'],
    ['.regal/config.yaml', 'rules: {}'],
    ['labels/.kyverno-test/resources.yaml', 'apiVersion: v1\nkind: Pod\n'],
    ['labels/.chainsaw-test/chainsaw-test.yaml', 'apiVersion: chainsaw.kyverno.io/v1alpha1\nkind: Test\n'],
    ['labels/kyverno-test.yaml', 'apiVersion: cli.kyverno.io/v1alpha1\nkind: Test\n'],
    ['labels/artifacthub-pkg.yml', 'name: labels\n'],
    ['kustomization.yaml', 'resources: [a.yaml]\n'],
  ])('%s is left alone', async (name, text) => {
    expect(await load({ ...rego, [`policies/${name}`]: text })).toEqual(['main.deny']);
  });

  it.each([
    [
      'k.yaml',
      'apiVersion: kyverno.io/v2\nkind: UpdateRequest\n',
      /k\.yaml:2:7: kyverno.io\/v2 UpdateRequest is no policy/,
    ],
    [
      'g.yaml',
      'apiVersion: templates.gatekeeper.sh/v1\nkind: ConstraintTemplate\n',
      /a Gatekeeper template \("ConstraintTemplate"\)/,
    ],
    [
      'c.yml',
      'apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sRequired\n',
      /a Gatekeeper constraint \("K8sRequired"\)/,
    ],
    [
      'a.json',
      '{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingWebhookConfiguration"}',
      /ValidatingWebhookConfiguration is no policy/,
    ],
    ['s.yaml', 'apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\n', /an image policy/],
    ['d.yaml', 'apiVersion: v1\nkind: ConfigMap\n', /"v1" "ConfigMap", which is no policy/],
    [
      'two.yaml',
      '---\n# nothing\n---\nx: 1\n---\napiVersion: kubewarden.io/v1\nkind: AdmissionPolicy\n',
      /two\.yaml:7 is a Kubewarden policy/,
    ],
    [
      'mixed.yaml',
      'apiVersion: kyverno.io/v1\nkind: ClusterPolicy\n---\napiVersion: v1\nkind: ConfigMap\n',
      /mixed\.yaml:4:1 is "v1" "ConfigMap", which is no policy/,
    ],
    ['data.yaml', 'x: 1\n', /data\.yaml has no apiVersion and kind/],
    ['empty.yaml', '', /empty\.yaml has no apiVersion and kind/],
    ['broken.yaml', 'a: [', /^policies\/broken\.yaml:1/],
    [
      'main.rego.bak',
      'package main',
      /main\.rego\.bak is not a policy of a known dialect \(Rego, Kyverno and ValidatingAdmissionPolicy\)/,
    ],
    ['policy.wasm', '\0asm', /policy\.wasm is not a policy/],
    ['.manifest', '{}', /\.manifest is not a policy/],
  ])('%s is refused by name', async (name, text, message) => {
    await expect(load({ ...rego, [`policies/${name}`]: text })).rejects.toMatchObject({
      code: 'POLICY_UNSUPPORTED',
      message: expect.stringMatching(message),
    });
  });

  it('says where an image policy belongs, and where data does', async () => {
    const image = load({ 'policies/s.yaml': 'apiVersion: policy.sigstore.dev/v1beta1\nkind: ClusterImagePolicy\n' });
    await expect(image).rejects.toMatchObject({ mend: expect.stringContaining('spec.images.trust') });
    await expect(load({ 'policies/data.json': '{}' })).rejects.toMatchObject({
      mend: expect.stringContaining('spec.rego.data'),
    });
  });

  it.each([
    ['k.yaml', 'apiVersion: kyverno.io/v1\nkind: ClusterPolicy\n'],
    ['c.json', '{"apiVersion":"constraints.gatekeeper.sh/v1beta1","kind":"K8sRequired"}'],
    ['two.yaml', 'x: 1\n---\napiVersion: v1\nkind: ConfigMap\n---\napiVersion: kyverno.io/v1\nkind: Policy\n'],
  ])('%s is no data, though spec.rego.data names its folder', async (name, text) => {
    await expect(
      load({ ...rego, [`policies/${name}`]: text }, ['policies'], { data: ['policies'] }),
    ).rejects.toMatchObject({ code: 'POLICY_UNSUPPORTED', place: expect.stringContaining(`policies/${name}`) });
  });

  it('is left alone where spec.rego.data names it', async () => {
    const object = 'apiVersion: v1\nkind: ConfigMap\n';
    const files = { ...rego, 'policies/data.json': '{"x": 1}', 'policies/object.yaml': object };
    expect(await load(files, ['policies'], { data: ['policies'] })).toEqual(['main.deny']);
  });
});

describe('policy paths', () => {
  it('may be none', async () => {
    expect(await load({}, [])).toEqual([]);
    expect(
      await findingsFor({ files: {}, paths: [] }, [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } }]),
    ).toEqual([]);
  });

  it('may be files, folders, and both for one file', async () => {
    expect(await load(rego, ['policies/a.rego'])).toEqual(['main.deny']);
    expect(await load(rego, ['policies', 'policies/a.rego'])).toEqual(['main.deny']);
  });

  it.each([
    ['a folder without a policy', { ...rego, 'empty/README.md': '' }, 'empty', 'empty holds no policy'],
    ['a folder that is not there', rego, 'nothing', 'nothing does not exist'],
  ])('refuses %s', async (_, files, path, message) => {
    await expect(load(files, ['policies', path])).rejects.toMatchObject({ code: 'POLICY_MISSING', message });
  });

  it.each([
    ['that is not there', rego, 'd.json', 'd.json does not exist'],
    ['without data', { ...rego, 'd/readme.txt': '' }, 'd', 'd (spec.rego.data) holds no JSON or YAML'],
  ])('refuses a data path %s', async (_, files, data, message) => {
    await expect(load(files, ['policies'], { data: [data] })).rejects.toMatchObject({
      code: 'POLICY_MISSING',
      message,
    });
  });
});
