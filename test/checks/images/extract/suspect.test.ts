import { describe, expect, it } from 'vitest';
import {
  hintOf,
  promisesImage,
  suspectsIn,
  suspectsInManifestText,
  suspectsUnderHint,
} from '../../../../src/checks/images/extract/suspect.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('looks like an image', () => {
  it.each([
    ['quay.io/org/app:v1', ['quay.io/org/app:v1']],
    ['ghcr.io/org/app', ['ghcr.io/org/app']],
    ['GHCR.IO/org/app', ['GHCR.IO/org/app']],
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/app', ['123456789012.dkr.ecr.eu-west-1.amazonaws.com/app']],
    ['eu.gcr.io/project/app', ['eu.gcr.io/project/app']],
    ['registry.example/team/app:v1', ['registry.example/team/app:v1']],
    ['127.0.0.1:5000/app:v1', ['127.0.0.1:5000/app:v1']],
    ['localhost:5000/app:v1', ['localhost:5000/app:v1']],
    [`nginx@${digest}`, [`nginx@${digest}`]],
    [`team/app:v1@${digest}`, [`team/app:v1@${digest}`]],
    ['--sidecar=quay.io/org/app:v1', ['quay.io/org/app:v1']],
    ['docker://quay.io/org/app:v1', ['quay.io/org/app:v1']],
    ['oci://ghcr.io/org/chart', ['ghcr.io/org/chart']],
    ['docker run --rm quay.io/org/app:v1 && echo "done"', ['quay.io/org/app:v1']],
    ['quay.io/a/b:1,quay.io/c/d:2', ['quay.io/a/b:1', 'quay.io/c/d:2']],
    ['{"image":"quay.io/a/b:1"}', ['quay.io/a/b:1']],
    ['see quay.io/a/b:1.', ['quay.io/a/b:1']],
  ])('%s', (value, found) => expect(suspectsIn(value)).toEqual(found));

  it.each([
    '',
    'nginx',
    'nginx:1.27',
    'redis:6379',
    'true',
    'app.kubernetes.io/name',
    'app.kubernetes.io/managed-by=Helm',
    'kustomize.config.k8s.io/v1beta1',
    'networking.k8s.io/v1',
    'https://quay.io/org/app:v1',
    'https://example.com:8443/path',
    'http://prometheus.monitoring.svc:9090/api/v1',
    'prometheus.monitoring.svc:9090/metrics',
    'example.com/some/path',
    '/etc/config/app.yaml:/tmp',
    '/var/run/secrets/kubernetes.io/serviceaccount',
    'git@github.com:org/repo.git',
    'github.com/org/repo:main',
    'system:serviceaccount:default:app',
    'arn:aws:iam::123456789012:role/app',
    '10.0.0.0/8',
    '10.0.0.1:8080',
    'fd00::/8',
    '--bind=0.0.0.0:8080',
    '-Dcom.example.key=value',
    'sha256:abc',
    'key: value/with:colon',
    'spiffe://cluster.local/ns/a/sa/b',
    '%{host}:%{port}/path',
  ])('not %s', (value) => expect(suspectsIn(value)).toEqual([]));

  it('is decided in time that grows with the text', () => {
    expect(suspectsIn('a/'.repeat(500_000))).toEqual([]);
    expect(suspectsIn('a.b/c:'.repeat(200_000))).toEqual([]);
    expect(suspectsIn(`${':'.repeat(1_000_000)}a`)).toEqual([]);
    expect(suspectsIn(`a${'.'.repeat(1_000_000)}b`)).toEqual([]);
    expect(suspectsIn('a.b/C:d '.repeat(100_000))).toEqual([]);
    expect(suspectsUnderHint('IMAGE', `${'-'.repeat(1_000_000)}=`)).toEqual([]);
  });
});

describe('under a name that promises an image', () => {
  it.each([
    ['SIDECAR_IMAGE', 'nginx', ['nginx']],
    ['RELATED_IMAGE_PROXY', 'team/proxy:v1', ['team/proxy:v1']],
    ['', '--proxy-image=nginx:1.27', ['nginx:1.27']],
    ['--image', 'nginx', ['nginx']],
    ['images', 'nginx, redis', ['nginx', 'redis']],
    ['baseImage', '$(REGISTRY)/app', ['$(REGISTRY)/app']],
  ])('%s %s', (name, value, found) => expect(suspectsUnderHint(name, value)).toEqual(found));

  it.each([
    ['NAME', 'nginx'],
    ['IMAGE_PULL_POLICY', 'always'],
    ['IMAGE_PULL_SECRETS', 'regcred'],
    ['ENABLE_IMAGE', 'true'],
    ['', '--image-pull-policy=always'],
    ['IMAGE', '$(OTHER_IMAGE)'],
    ['IMAGE', ''],
    ['image', 'Not An Image!'],
  ])('not %s %s', (name, value) => expect(suspectsUnderHint(name, value)).toEqual([]));

  it.each([
    'image',
    'Image',
    'imageName',
    'base_image',
    '--helper-image',
    'RELATED_IMAGE_X',
    'images',
    'imageRef',
    'containerImage',
    'sidecar.istio.io/proxyImage',
  ])('%s does', (name) => expect(promisesImage(name)).toBe(true));
  it.each(['networkPolicyImage', 'imagePullerImage', 'POLICY_CONTROLLER_IMAGE'])('%s does too', (name) =>
    expect(promisesImage(name)).toBe(true),
  );
  it.each([
    [['spec', 'image', 'ref'], 'image'],
    [['spec', 'sidecarImage', 'value'], 'sidecarImage'],
    [['spec', 'images', 0, 'name'], 'images'],
    [['spec', 'owner', 'name'], 'name'],
    [['spec', 'image', 'owner'], 'owner'],
    [['image'], 'image'],
    [[0], ''],
  ])('%j goes by %s', (path, hint) => expect(hintOf(path)).toBe(hint));
  it.each([
    'imagePullPolicy',
    'imagePullSecrets',
    'imageTag',
    'imageRegistry',
    'name',
    'imagined',
    'imageGCHighThresholdPercent',
  ])('%s does not', (name) => expect(promisesImage(name)).toBe(false));
});

describe('a manifest that is kept as text', () => {
  it.each([
    ['spec:\n  containers:\n    - name: a\n      image: evil/app\n', ['evil/app']],
    ['{"containers":[{"name":"main","image":"evil/app"}]}', ['evil/app']],
    ['{containers: [{image: evil/app}]}', ['evil/app']],
    ["containers:\n- image: 'nginx'\n  name: x\n- image: redis", ['nginx', 'redis']],
    ['template:\n  sidecarImage: team/x:v1', ['team/x:v1']],
    ['containers: [{image: {{inputs.image}}}]', ['{{inputs.image}}}]']],
  ])('%s', (value, found) => expect(suspectsInManifestText(value)).toEqual(found));
  it.each([
    'The image: nginx is not in a manifest',
    'containers: [{name: main, resources: {limits: {memory: 1Gi}}}]',
    'containers:\n- imagePullPolicy: Always\n',
  ])('not %s', (value) => expect(suspectsInManifestText(value)).toEqual([]));
  it('is searched in time that grows with the text', () => {
    expect(suspectsInManifestText(`containers: ${'image'.repeat(200_000)}`)).toEqual([]);
    expect(suspectsInManifestText(`containers: ${' image'.repeat(200_000)}`)).toEqual([]);
    expect(suspectsInManifestText(`containers: ${'{image: '.repeat(100_000)}`)).toEqual([]);
  });
});
