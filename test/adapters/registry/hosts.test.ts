import { describe, expect, it } from 'vitest';
import { createHosts } from '../../../src/adapters/registry/hosts.ts';

describe('the host that a redirect leads to', () => {
  const hosts = createHosts(
    [
      { host: 'registry.corp.example' },
      { host: 'plain.corp.example:5000', plainHttp: true },
      { host: 'mirrored.corp.example', layout: '/mirror/mirrored.corp.example' },
    ],
    (path) => path,
  );

  it.each([
    ['https://registry.corp.example/v2/', true],
    ['https://registry.corp.example:443/v2/', true],
    ['http://plain.corp.example:5000/v2/', true],
    ['https://registry.corp.example:8443/v2/', false],
    ['http://registry.corp.example/v2/', false],
    ['https://plain.corp.example:5000/v2/', false],
    ['https://registry.corp.example.evil.example/v2/', false],
    ['https://me@evil.example/registry.corp.example', false],
    // A folder stands for it; the host of that name may be anything, and at any address.
    ['https://mirrored.corp.example/v2/', false],
  ])('%s is listed: %s', (url, listed) => {
    expect(hosts.of(new URL(url)).listed).toBe(listed);
  });
});
