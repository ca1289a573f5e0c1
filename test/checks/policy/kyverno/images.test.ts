import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../../src/checks/policy/kyverno/fault.ts';
import { BadImage, readImageInfo } from '../../../../src/checks/policy/kyverno/image-info.ts';
import { contextImages } from '../../../../src/checks/policy/kyverno/images-context.ts';
import type { JsonObject, JsonValue } from '../../../../src/core/json.ts';

/** Image names with what Kyverno 1.19.1 makes of them: their parts, or what it says is wrong. */
const recorded = JSON.parse(readFileSync(new URL('./images.json', import.meta.url), 'utf8')) as readonly (readonly [
  image: string,
  parts: JsonObject | string,
])[];

/** Go leaves out what is empty, but for two. */
function written(info: object): JsonObject {
  return Object.fromEntries(
    Object.entries(info).filter(([key, value]) => value !== '' || key === 'name' || key === 'path'),
  );
}

describe('the parts of an image name', () => {
  it.each(recorded)('%s', (image, parts) => {
    if (typeof parts !== 'string') expect(written(readImageInfo(image))).toEqual(parts);
    else expect(() => readImageInfo(image)).toThrow(BadImage);
  });

  it('come out of any text, or it is said to be none', () => {
    const part = fc.constantFrom(
      'a',
      'B',
      '.',
      ':',
      '/',
      '@',
      '_',
      '-',
      '[',
      ']',
      'sha256:',
      '0'.repeat(64),
      'localhost',
      'é',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part, { maxLength: 12 }).map((list) => list.join('')),
        ),
        (image) => {
          try {
            expect(readImageInfo(image).reference).not.toBe('');
          } catch (error) {
            expect(error).toBeInstanceOf(BadImage);
          }
        },
      ),
    );
  });
});

const containers: JsonValue = [
  { name: 'a', image: 'nginx' },
  { name: 'b', image: 'ghcr.io/x/y:1' },
];
const nginx = {
  registry: 'docker.io',
  name: 'nginx',
  path: 'nginx',
  tag: 'latest',
  reference: 'docker.io/nginx:latest',
  referenceWithTag: 'docker.io/nginx:latest',
};

describe('the variable `images`', () => {
  it.each([
    ['Pod', '/spec', (spec: JsonValue) => ({ spec })],
    ['Deployment', '/spec/template/spec', (spec: JsonValue) => ({ spec: { template: { spec } } })],
    [
      'CronJob',
      '/spec/jobTemplate/spec/template/spec',
      (spec: JsonValue) => ({ spec: { jobTemplate: { spec: { template: { spec } } } } }),
    ],
  ])('names the images of a %s', (kind, path, within) => {
    const object = { kind, ...within({ containers, initContainers: [{ name: 'i', image: 'nginx' }] }) } as JsonObject;
    expect(contextImages(object)).toEqual({
      initContainers: { i: { ...nginx, jsonPointer: `${path}/initContainers/0/image` } },
      containers: {
        a: { ...nginx, jsonPointer: `${path}/containers/0/image` },
        b: {
          registry: 'ghcr.io',
          name: 'y',
          path: 'x/y',
          tag: '1',
          reference: 'ghcr.io/x/y:1',
          referenceWithTag: 'ghcr.io/x/y:1',
          jsonPointer: `${path}/containers/1/image`,
        },
      },
    });
  });

  it.each<[string, JsonObject]>([
    ['another kind', { kind: 'Service', spec: { containers } }],
    ['no kind', { spec: { containers } }],
    ['a kind that every object inherits', { kind: 'constructor', spec: { containers } }],
    ['no containers', { kind: 'Pod', spec: {} }],
    ['containers that are null', { kind: 'Pod', spec: { containers: null } }],
    ['a container without an image', { kind: 'Pod', spec: { containers: [{ name: 'a' }, { name: 'b', image: ' ' }] } }],
  ])('is not there for %s', (_, object) => {
    expect(contextImages(object)).toBeUndefined();
  });

  it.each<[string, JsonObject]>([
    ['an image that cannot be read', { kind: 'Pod', spec: { containers: [{ name: 'a', image: 'a b' }] } }],
    ['a container without a name', { kind: 'Pod', spec: { containers: [{ image: 'nginx' }] } }],
    ['containers that are a text', { kind: 'Pod', spec: { containers: 'nginx' } }],
    ['a spec that is a list', { kind: 'Pod', spec: [] }],
  ])('is a fault for %s', (_, object) => {
    expect(() => contextImages(object)).toThrow(Fault);
  });

  it('takes the names of containers as they are', () => {
    const named = ['__proto__', 'constructor', 'toString'].map((name) => ({ name, image: 'nginx' }));
    const images = contextImages({ kind: 'Pod', spec: { containers: named } });
    expect(Object.keys(images?.['containers'] as object)).toEqual(['__proto__', 'constructor', 'toString']);
  });
});
