import { describe, expect, it } from 'vitest';
import { RegistriesSettings, RegistryCredentials } from '../../../src/adapters/registry/settings.ts';
import type { GateError } from '../../../src/core/errors.ts';
import { readSettings, validateSettings } from '../../../src/core/settings-file.ts';

function read(text: string): unknown {
  const [document] = readSettings(text, 'gate.yaml', 'CONFIG_INVALID');
  if (document === undefined) throw new Error('no document');
  return validateSettings(RegistriesSettings, document, 'CONFIG_INVALID');
}

function complaint(text: string): string {
  try {
    read(text);
  } catch (error) {
    return (error as GateError).message;
  }
  return '';
}

describe('RegistriesSettings', () => {
  it.each([
    ['none', '[]'],
    ['a host alone', '- host: ghcr.io'],
    ['a layout', '- { host: registry.example, layout: mirror/ }'],
    ['plain HTTP', '- { host: "127.0.0.1:5000", plainHttp: true }'],
    ['certificates', '- { host: a.example, ca: ca.pem, clientCert: c.pem, clientKey: k.pem }'],
    ['a docker config.json', '- { host: a.example, credentials: config.json }'],
    ['helpers', '- { host: a.example, credentials: { dockerConfig: c.json, helpers: { ecr-login: /bin/x } } }'],
    ['password files', '- { host: a.example, credentials: { usernameFile: u, passwordFile: p } }'],
    ['token realms', '- { host: a.example, tokenRealms: [auth.example] }'],
    ['a mirror', '- { host: docker.io, mirror: harbor.example/hub }'],
  ])('takes %s', (_, text) => {
    expect(complaint(text)).toBe('');
  });

  it.each([
    [
      'an unknown key',
      '- { host: a.example, plainHtp: true }',
      /^gate\.yaml:1:22: unknown key "plainHtp" .* did you mean plainHttp\?/,
    ],
    ['no host', '- { plainHttp: true }', /host is required/],
    ['an empty host', '- { host: "" }', /0\.host/],
    ['a layout over the network', '- { host: a.example, layout: x, plainHttp: true }', /layout stands alone/],
    ['half a client certificate', '- { host: a.example, clientCert: x }', /clientCert and clientKey need each other/],
    [
      'a password in the configuration',
      '- { host: a.example, credentials: { username: a, password: b } }',
      /unknown key "(username|password)"/,
    ],
    [
      'a helper without its path',
      '- { host: a.example, credentials: { dockerConfig: c, helpers: { x: x } } }',
      /must be an absolute path/,
    ],
    ['a switch that is no boolean', '- { host: a.example, plainHttp: "yes" }', /0\.plainHttp/],
  ])('refuses %s', (_, text, message) => {
    expect(complaint(text)).toMatch(message);
  });
});

describe('RegistryCredentials', () => {
  it.each([
    ['a path', 'config.json', true],
    ['helpers', { dockerConfig: 'config.json', helpers: { pass: '/usr/bin/docker-credential-pass' } }, true],
    ['a password, which belongs to one host', { usernameFile: 'u', passwordFile: 'p' }, false],
    ['nothing', '', false],
  ])('%s', (_, value, good) => {
    expect(RegistryCredentials.safeParse(value).success).toBe(good);
  });
});
