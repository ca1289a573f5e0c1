import { describe, expect, it } from 'vitest';
import { PARAMETERS, type ParameterValues, requestFrom } from '../../src/render/parameters.ts';
import { plainRequest } from '../../src/render/request.ts';

const base = plainRequest({ kind: 'folder', root: '/r', path: '.' });

describe('parameters', () => {
  it('have names that a flag and a plugin can have, once each', () => {
    const names = PARAMETERS.map((parameter) => parameter.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, title, tooltip } of PARAMETERS) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(title).not.toBe('');
      expect(tooltip).not.toMatch(/\n|\.$/);
    }
  });

  it('reach every field of what an application may ask', () => {
    const reached = new Set<string>();
    for (const parameter of PARAMETERS) {
      const value =
        parameter.type === 'array'
          ? ['1']
          : parameter.type === 'map'
            ? { a: '1' }
            : parameter.name === 'tool'
              ? 'helm'
              : 'true';
      const request = parameter.apply(base, value);
      for (const part of ['kustomize', 'helm', 'directory'] as const) {
        for (const [field, content] of Object.entries(request[part])) {
          if (JSON.stringify(content) !== JSON.stringify(base[part][field as never])) reached.add(`${part}.${field}`);
        }
      }
    }
    const fields = (['kustomize', 'helm', 'directory'] as const).flatMap((part) =>
      Object.keys(base[part]).map((field) => `${part}.${field}`),
    );
    expect([...reached].sort()).toEqual(fields.sort());
  });

  it('change what they name and nothing else', () => {
    const request = requestFrom(base, {
      tool: 'helm',
      'helm-parameters': { a: 'b' },
      'kustomize-images': ['a:b'],
      'directory-recurse': 'true',
      'kubernetes-version': '1.30',
      'kubernetes-api-versions': ['v1'],
    });
    expect(request).toEqual({
      ...base,
      tool: 'helm',
      kubeVersion: '1.30',
      apiVersions: ['v1'],
      helm: { ...base.helm, parameters: { a: 'b' } },
      kustomize: { ...base.kustomize, images: ['a:b'] },
      directory: { ...base.directory, recurse: true },
    });
  });

  it.each<[string, ParameterValues, string, RegExp]>([
    ['a name that nobody knows', { 'helm-args': 'x' }, 'PARAMETER_UNKNOWN', /helm-args/],
    ['a name of JavaScript', { constructor: 'x' }, 'PARAMETER_UNKNOWN', /constructor/],
    ['a text for a list', { 'kustomize-images': 'a' }, 'PARAMETER_INVALID', /is a array, and was given a string|array/],
    ['a list for a map', { 'helm-parameters': ['a'] }, 'PARAMETER_INVALID', /map/],
    ['a map for a text', { 'helm-values': { a: 'b' } }, 'PARAMETER_INVALID', /string/],
    ['numbers in a list', { 'kustomize-images': [1] as never }, 'PARAMETER_INVALID', /cannot be/],
    ['nothing', { 'helm-values': null as never }, 'PARAMETER_INVALID', /cannot be/],
    ['a flag that is neither', { 'helm-skip-crds': 'yes' }, 'PARAMETER_INVALID', /true, false/],
    ['a renderer that there is not', { tool: 'jsonnet' }, 'PARAMETER_INVALID', /auto, kustomize/],
    ['replicas that are not a number', { 'kustomize-replicas': { web: '-1' } }, 'PARAMETER_INVALID', /number for web/],
    ['a NUL byte', { 'helm-release-name': 'a\0b' }, 'PARAMETER_INVALID', /NUL/],
    ['a NUL byte in a map', { 'helm-parameters': { 'a\0': 'b' } }, 'PARAMETER_INVALID', /NUL/],
    ['an entry without a name', { 'helm-parameters': { '': 'b' } }, 'PARAMETER_INVALID', /without a name/],
  ])('refuse %s', (_, values, code, message) => {
    expect(() => requestFrom(base, values)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
