import { describe, expect, it } from 'vitest';
import { PLAIN_FLUX } from '../../../src/render/request.ts';
import { GatedSourceSpec } from '../../../src/surfaces/flux/gated-source.ts';
import type { RequestInput } from '../../../src/surfaces/flux/ports.ts';
import { buildRequest } from '../../../src/surfaces/flux/request.ts';

const { signal } = new AbortController();

function input(spec: object, more: Partial<RequestInput> = {}): RequestInput {
  return {
    key: { namespace: 'apps', name: 'shop' },
    spec: GatedSourceSpec.parse({ sourceRef: { kind: 'OCIRepository', name: 'shop' }, interval: '10m', ...spec }),
    root: '/private/source',
    path: './',
    substitutes: [],
    values: [],
    cluster: undefined,
    ...more,
  };
}

it('asks for nothing that the spec does not say', async () => {
  expect(await buildRequest(input({}), signal)).toMatchObject({
    source: { kind: 'folder', root: '/private/source', path: './' },
    tool: 'flux',
    called: { path: 'spec.path', components: 'spec.components', patches: 'spec.patches', helm: 'spec.helm' },
    appName: 'shop',
    destinationNamespace: '',
    kubeVersion: '',
    apiVersions: [],
    flux: PLAIN_FLUX,
  });
});

it('asks for everything that a Kustomization would change', async () => {
  const changes = {
    patches: [{ patch: 'a', target: { kind: 'Deployment' } }, { patch: 'b' }],
    images: [{ name: 'a', newTag: 'b' }],
    components: ['../c'],
    ignoreMissingComponents: true,
    targetNamespace: 'shop',
    namePrefix: 'p-',
    nameSuffix: '-s',
    commonMetadata: { labels: { a: 'b' } },
  };
  const { flux, destinationNamespace } = await buildRequest(input(changes), signal);
  expect(flux).toEqual({
    ...PLAIN_FLUX,
    ...changes,
    commonMetadata: { labels: { a: 'b' }, annotations: {} },
    postBuild: undefined,
    helm: undefined,
  });
  expect(destinationNamespace).toBe('shop');
});

describe('variables', () => {
  it('of references are overruled by later ones and by those of the spec, without their line breaks', async () => {
    const substitutes = [
      { kind: 'ConfigMap' as const, name: 'one', data: { a: '1', b: '1', c: '1\n' } },
      { kind: 'Secret' as const, name: 'two', data: { b: '2', c: '2\n2\n' } },
    ];
    const { flux } = await buildRequest(
      input({ postBuild: { substitute: { c: '3' }, substituteStrategy: 'Always' } }, { substitutes }),
      signal,
    );
    expect({ ...flux.postBuild?.variables }).toEqual({ a: '1', b: '2', c: '3' });
    expect(flux.postBuild?.strategy).toBe('Always');
  });

  it('may be called anything', async () => {
    const substitutes = [{ kind: 'ConfigMap' as const, name: 'one', data: JSON.parse('{"__proto__":"x"}') }];
    const { flux } = await buildRequest(input({ postBuild: {} }, { substitutes }), signal);
    expect(Object.entries(flux.postBuild?.variables ?? {})).toEqual([['__proto__', 'x']]);
  });
});

describe('a chart', () => {
  it('is released under the name and into the namespace of the GatedSource', async () => {
    const cluster = { version: 'v1.36.3', apiVersions: ['v1', 'apps/v1'] };
    const request = await buildRequest(input({ helm: {} }, { cluster }), signal);
    expect(request).toMatchObject({
      kubeVersion: 'v1.36.3',
      apiVersions: ['v1', 'apps/v1'],
      destinationNamespace: 'apps',
      flux: { helm: { releaseName: 'shop', namespace: 'apps', values: '', skipCrds: false, skipTests: true } },
    });
  });

  it('has the values of its references, and the inline ones over them', async () => {
    const values = [{ name: 'ConfigMap one', text: 'a: 1\nb: 1\n', targetPath: undefined }];
    const spec = { targetNamespace: 'shop', helm: { releaseName: 'web', values: { b: 2 }, skipTests: false } };
    const { flux } = await buildRequest(input(spec, { values }), signal);
    expect(flux.helm).toMatchObject({ releaseName: 'web', namespace: 'shop', skipTests: false });
    expect(JSON.parse(flux.helm?.values ?? '')).toEqual({ a: 1, b: 2 });
  });
});
