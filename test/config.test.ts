import { describe, expect, it } from 'vitest';
import { loadConfig } from '../src/config.ts';
import { rejectionOf } from './support/thrown.ts';

const gate = (spec: object, more: object = {}) =>
  JSON.stringify({ apiVersion: 'syncgate.dev/v1alpha1', kind: 'Gate', metadata: { name: 'test' }, spec, ...more });
const least = { policies: [], images: 'unchecked' };
const trust = { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true };

function load(text: string, path = 'platform/gate.yaml') {
  return loadConfig(path, async () => text);
}

describe('a Gate', () => {
  it('that says the least has documented defaults for the rest', async () => {
    const { name, spec } = await load(gate(least));
    expect(name).toBe('test');
    expect(spec).toMatchObject({
      policies: [],
      images: 'unchecked',
      registries: [],
      timeoutSeconds: 40,
      render: { allowEmpty: false, kustomize: { remoteBases: [], helm: false }, helm: { repositories: [] } },
      rego: { version: 'v1', packages: ['main'] },
    });
  });

  it.each([
    ['platform/gate.yaml', 'trust', `${process.cwd()}/platform/trust`],
    ['gate.yaml', '../trust', `${process.cwd().replace(/\/[^/]+$/, '')}/trust`],
    ['/etc/syncgate/gate.yaml', 'trust', '/etc/syncgate/trust'],
    ['/etc/syncgate/gate.yaml', '/keys', '/keys'],
  ])('at %s finds %s relative to itself', async (path, relative, absolute) => {
    expect((await load(gate(least), path)).resolvePath(relative)).toBe(absolute);
  });
});

describe('a security choice has no default', () => {
  it.each<[string, object, string]>([
    ['policies', { images: 'unchecked' }, 'spec.policies is required'],
    ['images', { policies: [] }, 'spec.images is required'],
    ['images.unmatched', { policies: [], images: { trust: [], pin: true } }, 'spec.images.unmatched'],
    ['images.pin', { policies: [], images: { trust: [], unmatched: 'deny' } }, 'spec.images.pin'],
    ['images.trust', { policies: [], images: { unmatched: 'deny', pin: true } }, 'spec.images.trust'],
  ])('%s', async (_, spec, message) => {
    expect((await rejectionOf(load(gate(spec)))).message).toContain(message);
  });
});

describe('what is refused, in a word that names the place', () => {
  it.each<[string, string, string]>([
    ['an unknown key at the top', gate(least, { status: {} }), 'unknown key "status"'],
    [
      'an unknown key in metadata',
      gate(least, { metadata: { name: 'a', labels: {} } }),
      'unknown key "labels" in metadata',
    ],
    [
      'an unknown key in a policy source',
      gate({ ...least, policies: [{ path: 'a', dialect: 'rego' }] }),
      'unknown key "dialect" in spec.policies.0',
    ],
    [
      'an unknown key beside trust',
      gate({ ...least, images: { ...trust, warn: true } }),
      'unknown key "warn" in spec.images',
    ],
    ['a policy source without a path', gate({ ...least, policies: [{ path: '' }] }), 'spec.policies.0.path'],
    ['a deadline that is too long', gate({ ...least, timeoutSeconds: 3601 }), 'spec.timeoutSeconds'],
    ['a registry without a host', gate({ ...least, registries: [{ plainHttp: true }] }), 'spec.registries.0.host'],
    [
      'a folder and the network at once',
      gate({ ...least, registries: [{ host: 'a', layout: 'b', plainHttp: true }] }),
      'layout stands alone',
    ],
    ['no name', gate(least, { metadata: {} }), 'metadata.name is required'],
    ['another version', gate(least, { apiVersion: 'syncgate.dev/v1' }), 'apiVersion'],
    ['a number', '3', 'holds no Gate'],
    ['a text', 'gate', 'holds no Gate'],
    ['two Gates', `${gate(least)}\n---\n${gate(least)}`, 'more than one document'],
  ])('%s', async (_, text, message) => {
    const error = await rejectionOf(load(text));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(error.message).toContain(message);
    expect(error.message).toContain('platform/gate.yaml');
  });

  it.each([
    ['ENOENT', 'does not exist'],
    ['EACCES', 'cannot be read: EACCES'],
    ['EISDIR', 'is a folder'],
  ])('a file that answers %s', async (code, message) => {
    const read = () => Promise.reject(Object.assign(new Error('no'), { code }));
    const error = await rejectionOf(loadConfig('gate.yaml', read));
    expect(error).toMatchObject({ code: 'CONFIG_MISSING', message: `the configuration gate.yaml ${message}` });
  });
});
