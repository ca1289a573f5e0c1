import { expect, it } from 'vitest';
import { createConsumers } from '../../../src/surfaces/flux/consumers.ts';
import { artifactOf, isAddressOf } from '../../../src/surfaces/flux/sources.ts';

const key = { namespace: 'apps', name: 'shop' };

it.each([
  ['GitRepository', '/gitrepository/apps/shop/0123.tar.gz', true],
  ['HelmChart', '/helmchart/apps/shop/shop-1.0.0+1.tgz', true],
  ['GitRepository', '/behind/a/proxy/gitrepository/apps/shop/0123.tar.gz', true],
  ['ExternalArtifact', '/externalartifact/apps/shop/0123.tar.gz', true],
  ['ExternalArtifact', '/artifactgenerator/apps/shop/0123.tar.gz', true],
  ['ExternalArtifact', '/externalartifact/other/shop/0123.tar.gz', false],
  ['GitRepository', '/gitrepository/other/shop/0123.tar.gz', false],
  ['GitRepository', '/ocirepository/apps/shop/0123.tar.gz', false],
  ['GitRepository', '/gitrepository/apps/shop/', false],
  ['GitRepository', '/gitrepository/apps/shop', false],
  ['GitRepository', '/gitrepository/apps/shop/a/b', false],
  ['GitRepository', '/gitrepository/apps/shop/%2e%2e/x', false],
  ['GitRepository', '/gitrepository/apps/shop/..%2F..%2Fother%2Fshop%2Fx', false],
  ['GitRepository', '/gitrepository/other/x%00/gitrepository/apps/shop/x', false],
  ['GitRepository', '/', false],
] as const)('the address of a %s: %s is its own: %s', (kind, path, own) => {
  expect(isAddressOf(kind, key, new URL(`http://source.example${path}`))).toBe(own);
});

it.each(['main\n[31mallowed', 'main\u202edekcehc', 'main\u2028x', ' '.repeat(5000), '', 7])(
  'a revision %j is none',
  (revision) => {
    const artifact = { url: 'http://a/b', digest: 'sha256:1', revision };
    expect(artifactOf({ metadata: { name: 'a' }, status: { artifact } } as never)).toBeUndefined();
    const plain = {
      ...artifact,
      revision: 'größe/1@sha1:2',
      metadata: { 'org.opencontainers.image.revision': revision },
    };
    expect(artifactOf({ metadata: { name: 'a' }, status: { artifact: plain } } as never)).toMatchObject({
      revision: 'größe/1@sha1:2',
      originRevision: undefined,
    });
  },
);

it('what a Kustomization of another namespace says, is not said on the GatedSource', () => {
  const consumers = createConsumers();
  const refused = (namespace: string, sourceRef: object) => ({
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name: 'reader', namespace },
    spec: { sourceRef: { kind: 'ExternalArtifact', name: 'shop', ...sourceRef } },
    status: { conditions: [{ type: 'Ready', status: 'False', reason: 'AccessDenied', message: 'call 555-1234' }] },
  });
  const [evil, own] = [refused('evil', { namespace: 'apps' }), refused('apps', { namespace: 'apps' })];
  expect(consumers.changed({ namespace: 'evil', name: 'reader' }, evil as never)).toEqual([]);
  expect(consumers.refused(key)).toBeUndefined();
  expect(consumers.changed({ namespace: 'apps', name: 'reader' }, own as never)).toEqual(['apps/shop']);
  expect(consumers.refused(key)).toContain('call 555-1234');
});
