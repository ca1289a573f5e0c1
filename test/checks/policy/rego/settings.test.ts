import { describe, expect, it } from 'vitest';
import { RegoSettings } from '../../../../src/checks/policy/rego/settings.ts';

describe('spec.rego', () => {
  it('is Rego v1 in the package main where nothing is said', () => {
    expect(RegoSettings.parse({})).toEqual({
      version: 'v1',
      packages: ['main'],
      combined: [],
      data: [],
      limits: { timeoutSeconds: 20, memoryMiB: 2048, outputMiB: 16 },
    });
  });

  it.each([
    [{ packages: 'all' }],
    [{ packages: ['main', 'a.b_c.D1'] }],
    [{ version: 'v0' }],
    [{ combined: ['main'] }],
    [{ path: '/usr/bin/opa' }],
  ])('takes %j', (settings) => expect(RegoSettings.safeParse(settings).success).toBe(true));

  it.each([
    [{ packages: [] }],
    [{ packages: 'main' }],
    [{ packages: ['*'] }],
    [{ packages: ['main.*'] }],
    [{ packages: ['a b'] }],
    [{ packages: ['data["x"]'] }],
    [{ version: 'v2' }],
    [{ version: 1 }],
    [{ data: [''] }],
    [{ data: 'data' }],
    [{ limits: { timeoutSeconds: 0 } }],
    [{ limits: { memoryMiB: 512 } }],
    [{ namespace: 'main' }],
  ])('refuses %j', (settings) => expect(RegoSettings.safeParse(settings).success).toBe(false));
});
