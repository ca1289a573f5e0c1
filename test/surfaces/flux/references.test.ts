import { describe, expect, it } from 'vitest';
import { KubeError, type KubeResource } from '../../../src/core/kube.ts';
import { GatedSourceSpec } from '../../../src/surfaces/flux/gated-source.ts';
import type { Hindrance } from '../../../src/surfaces/flux/hindrance.ts';
import { readReferences } from '../../../src/surfaces/flux/references.ts';
import { createMemoryKube } from '../../support/kube/memory.ts';

const CONFIG_MAPS: KubeResource = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
};
const SECRETS: KubeResource = { ...CONFIG_MAPS, kind: 'Secret', plural: 'secrets' };
const signal = new AbortController().signal;

function given(data: Record<string, string>, secret: Record<string, string> = {}) {
  const kube = createMemoryKube();
  const metadata = { name: 'values', namespace: 'apps' };
  kube.put(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  const encoded = Object.entries(secret).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  kube.put(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, data: Object.fromEntries(encoded) });
  return kube;
}

function spec(more: object): GatedSourceSpec {
  return GatedSourceSpec.parse({ sourceRef: { kind: 'OCIRepository', name: 'shop' }, interval: '10m', ...more });
}

const from = (kind: string, more = {}) => spec({ helm: { valuesFrom: [{ kind, name: 'values', ...more }] } });

async function hindrance(kube: ReturnType<typeof given>, wanted: GatedSourceSpec): Promise<Hindrance> {
  return await readReferences(kube, 'apps', wanted, signal).then(
    () => Promise.reject(new Error('nothing was thrown')),
    (thrown: Hindrance) => thrown,
  );
}

describe('values', () => {
  it.each([
    ['of a ConfigMap', from('ConfigMap'), 'a: 1', undefined],
    ['of a Secret', from('Secret'), 'a: 2', undefined],
    ['of a key', from('ConfigMap', { valuesKey: 'other' }), 'b', undefined],
    ['at a path', from('ConfigMap', { valuesKey: 'other', targetPath: 'image.tag' }), 'b', 'image.tag'],
  ])('%s are read as text', async (_, wanted, text, targetPath) => {
    const kube = given({ 'values.yaml': 'a: 1', other: 'b' }, { 'values.yaml': 'a: 2' });
    expect((await readReferences(kube, 'apps', wanted, signal)).values).toMatchObject([{ text, targetPath }]);
  });

  it.each([
    ['an object that is not there', { name: 'none' }, 'ConfigMap apps/none does not exist'],
    ['a key that is not there', { valuesKey: 'none' }, 'has no key "none"'],
  ])('%s is told, and left out where it may be absent', async (_, more, message) => {
    const kube = given({});
    const { error, reason, next } = await hindrance(kube, from('ConfigMap', more));
    expect([error.code, reason, next]).toEqual(['FLUX_REFERENCE_MISSING', 'ReferenceMissing', 'retry']);
    expect(error.message).toContain(message);
    const optional = await readReferences(kube, 'apps', from('ConfigMap', { ...more, optional: true }), signal);
    expect(optional.values).toEqual([]);
  });

  it('a Secret that is not text is told', async () => {
    const kube = given({});
    const metadata = { name: 'values', namespace: 'apps' };
    kube.put(SECRETS, { apiVersion: 'v1', kind: 'Secret', metadata, data: { 'values.yaml': '/w==' } });
    expect((await hindrance(kube, from('Secret'))).reason).toBe('ReferenceInvalid');
  });

  it('what may not be read is told with what opens it, and without what it holds', async () => {
    const kube = given({}, { 'values.yaml': 'password: x' });
    kube.onCall = () => {
      throw new KubeError(403, 'Forbidden', 'secrets "values" is forbidden');
    };
    const { error, reason } = await hindrance(kube, from('Secret', { optional: true }));
    expect([error.code, reason]).toEqual(['FLUX_REFERENCE_REFUSED', 'ReferenceForbidden']);
    expect(error.mend).toContain('RoleBinding');
    expect(error.mend).toContain('syncgate-values-reader');
  });
});

it('variables come in their order, and each object is read once', async () => {
  const kube = given({ a: '1' }, { b: '2' });
  const refs = (kind: string) => ({ kind, name: 'values' });
  const wanted = spec({ postBuild: { substituteFrom: [refs('Secret'), refs('ConfigMap'), refs('Secret')] } });
  const { substitutes } = await readReferences(kube, 'apps', wanted, signal);
  expect(substitutes.map(({ kind, data }) => [kind, { ...data }])).toEqual([
    ['Secret', { b: '2' }],
    ['ConfigMap', { a: '1' }],
    ['Secret', { b: '2' }],
  ]);
  expect(kube.calls).toHaveLength(2);
});

it('the stamp tells whether anything was changed, made or removed', async () => {
  const kube = given({ 'values.yaml': 'a: 1' });
  const stamp = async () => (await readReferences(kube, 'apps', from('ConfigMap', { optional: true }), signal)).stamp;
  const stamps = [await stamp(), await stamp()];
  const metadata = { name: 'values', namespace: 'apps' };
  kube.put(CONFIG_MAPS, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'values.yaml': 'a: 2' } });
  stamps.push(await stamp());
  kube.remove(CONFIG_MAPS, metadata);
  stamps.push(await stamp());
  expect(new Set(stamps).size).toBe(3);
});
