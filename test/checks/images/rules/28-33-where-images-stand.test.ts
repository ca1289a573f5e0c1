import { describe, expect, it } from 'vitest';
import { putBundle } from '../../../support/registry-objects.ts';
import { podOf } from '../../../support/signed-application.ts';
import { signStatement } from '../../../support/sigstore/mock.ts';
import { byKey, expectAllowed, expectDenied, openBench, policy } from './bench.ts';

const bench = openBench();

/** A manifest as JSON, which is YAML. */
function object(apiVersion: string, kind: string, more: object, name = 'web'): string {
  return JSON.stringify({ apiVersion, kind, metadata: { name }, ...more });
}

describe('rule 28: every field of a pod that runs an image is verified [CVE-2023-2727]', () => {
  const fields = (image: string): readonly (readonly [string, object])[] => {
    const container = { name: 'evil', image };
    return [
      ['containers', { containers: [container] }],
      ['initContainers', { containers: [], initContainers: [container] }],
      ['ephemeralContainers', { containers: [], ephemeralContainers: [{ ...container, targetContainerName: 'x' }] }],
      ['volumes', { containers: [], volumes: [{ name: 'models', image: { reference: image, pullPolicy: 'Always' } }] }],
    ];
  };
  const holders: readonly (readonly [string, (spec: object) => string])[] = [
    ['Pod', (spec) => object('v1', 'Pod', { spec })],
    ['PodTemplate', (spec) => object('v1', 'PodTemplate', { template: { spec } })],
    ['ReplicationController', (spec) => object('v1', 'ReplicationController', { spec: { template: { spec } } })],
    ['Deployment', (spec) => object('apps/v1', 'Deployment', { spec: { selector: {}, template: { spec } } })],
    ['ReplicaSet', (spec) => object('apps/v1', 'ReplicaSet', { spec: { selector: {}, template: { spec } } })],
    ['StatefulSet', (spec) => object('apps/v1', 'StatefulSet', { spec: { selector: {}, template: { spec } } })],
    ['DaemonSet', (spec) => object('apps/v1', 'DaemonSet', { spec: { selector: {}, template: { spec } } })],
    ['Job', (spec) => object('batch/v1', 'Job', { spec: { template: { spec } } })],
    [
      'CronJob',
      (spec) =>
        object('batch/v1', 'CronJob', {
          spec: { schedule: '* * * * *', jobTemplate: { spec: { template: { spec } } } },
        }),
    ],
    [
      'List',
      (spec) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [JSON.parse(object('v1', 'Pod', { spec }))] }),
    ],
  ];

  it.each(holders)('in a %s', async (_, holder) => {
    const image = await bench.newImage('unsigned');
    for (const [, spec] of fields(image.tagged)) {
      const run = await bench.judge({ runs: { 'app.yaml': holder(spec) }, trust: bench.keyed() });
      expectDenied(run, 'IMAGE_UNSIGNED');
    }
  });
});

describe('rule 29: what looks like an image where nobody expects one is no secret', () => {
  it('an unknown kind that names one is denied, unless the platform says otherwise', async () => {
    const image = await bench.signedImage();
    const widget = object('widgets.example/v1', 'Widget', { spec: { parts: [{ image: image.tagged }] } });
    expectDenied(
      await bench.judge({ runs: { 'app.yaml': widget }, trust: bench.keyed() }),
      'IMAGE_SUSPECTED',
      'spec.parts',
    );
  });
});

describe('rule 30: an image that is not one yet is denied', () => {
  it.each([
    '',
    ' ',
    '$(IMAGE)',
    `$\{IMAGE}`,
    '{{ .Values.image }}',
    'app:$(TAG)',
    '<image>',
    'auto',
    'registry.example/App:v1',
    ':v1',
    '@sha256:abc',
  ])('%j', async (text) => {
    const run = await bench.judge({ runs: text, trust: bench.keyed(), images: { unmatched: 'allow' } });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stdout).toBe('');
  });

  it('and so is one that is no text', async () => {
    for (const image of [null, 7, true, [], {}]) {
      const run = await bench.judge({
        runs: { 'app.yaml': object('v1', 'Pod', { spec: { containers: [{ name: 'x', image }] } }) },
        trust: bench.keyed(),
      });
      expect(run.exitCode, run.stderr).toBe(1);
    }
  });
});

describe('rule 31: a policy that only warns is heard, and vouches for nothing [CVE-2023-7279]', () => {
  it('the image runs, is told, and is neither pinned nor called verified', async () => {
    const image = await bench.newImage();
    const run = await bench.judge({ runs: image, trust: policy([byKey(bench.key)], { mode: 'warn' }) });
    expect(run.exitCode, run.stderr).toBe(0);
    expect(run.stderr).toMatch(/warning IMAGE_UNSIGNED/);
    expect(run.stdout).not.toContain(image.digest);
  });

  it('beside one that enforces it takes nothing away', async () => {
    const image = await bench.newImage();
    const trust = {
      'a.yaml': policy([byKey(bench.key)], { mode: 'warn' }),
      'b.yaml': policy([byKey(bench.key)], {}, ['**'], 'strict'),
    };
    const run = await bench.judge({ runs: image, trust });
    expect(run.exitCode, run.stderr).toBe(1);
    expect(run.stdout).toBe('');
  });

  it('an expression that other engines choke on is linear', async () => {
    const image = await bench.newImage();
    const signer = await bench.sigstore.certificate({ names: [{ email: `${'a'.repeat(5000)}!@example.com` }] });
    await putBundle(image, bench.sigstore.bundle(signStatement(image.digest), { signer }));
    const identity = { issuer: 'https://issuer.example', subjectRegExp: '^(a+)+@example.com$' };
    const authority = { keyless: { trustRootRef: 'corp', identities: [identity] }, ctlog: { trustRootRef: 'corp' } };
    const run = await bench.judge({ runs: image, trust: policy([authority]), root: bench.root() });
    expectDenied(run, 'IMAGE_SIGNATURE_OTHER_IDENTITY');
  });
});

describe('rule 32: an application cannot bring its own exemption', () => {
  it.each<[string, (pem: string) => string]>([
    ['a ClusterImagePolicy', () => policy([{ static: { action: 'pass' } }])],
    ['a TrustRoot', () => object('policy.sigstore.dev/v1alpha1', 'TrustRoot', { spec: {} }, 'corp')],
    [
      'a PolicyException',
      () =>
        object('kyverno.io/v2', 'PolicyException', {
          spec: { exceptions: [{ policyName: 'rule', ruleNames: ['*'] }] },
        }),
    ],
    [
      'a namespace that opts out',
      () =>
        JSON.stringify({
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'default', labels: { 'policy.sigstore.dev/include': 'false' } },
        }),
    ],
    ['a Gate', () => object('syncgate.dev/v1alpha1', 'Gate', { spec: { images: 'unchecked', policies: [] } })],
    ['a secret by the name of the key', () => object('v1', 'Secret', { stringData: { 'cosign.pub': 'x' } }, 'rule')],
  ])('%s', async (_, text) => {
    const image = await bench.newImage();
    const run = await bench.judge({
      runs: { 'pod.yaml': podOf(image.tagged), 'own.yaml': text('') },
      trust: bench.keyed(),
    });
    expect(run.exitCode, run.stderr).not.toBe(0);
    expect(run.stderr).toContain('IMAGE_UNSIGNED');
    expect(run.stdout).toBe('');
  });
});

describe('rule 33: a resource that says its images are verified says nothing', () => {
  it('annotations of Kyverno and of the gate', async () => {
    const image = await bench.newImage();
    const pod = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'web',
        annotations: {
          'kyverno.io/verify-images': JSON.stringify({ [image.tagged]: 'pass' }),
          'kyverno.io/image-verification-outcomes': JSON.stringify({ rule: { status: 'pass' } }),
          'syncgate.dev/verified': 'true',
          'policy.sigstore.dev/verified': 'true',
        },
        labels: { 'policy.sigstore.dev/include': 'false' },
      },
      spec: { containers: [{ name: 'web', image: image.tagged }] },
    });
    expectDenied(await bench.judge({ runs: { 'pod.yaml': pod }, trust: bench.keyed() }), 'IMAGE_UNSIGNED');
    const good = await bench.signedImage();
    expectAllowed(await bench.judge({ runs: good, trust: bench.keyed() }), good);
  });
});
