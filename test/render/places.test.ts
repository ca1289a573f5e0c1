import { describe, expect, it } from 'vitest';
import { allows, parseAddress } from '../../src/render/places.ts';

describe('addresses', () => {
  it.each([
    ['https://Charts.Example.com/stable', { scheme: 'https', host: 'charts.example.com', path: '/stable' }],
    ['https://charts.example.com:443', { scheme: 'https', host: 'charts.example.com', path: '/' }],
    ['https://charts.example.com.:8443/', { scheme: 'https', host: 'charts.example.com:8443', path: '/' }],
    ['ssh://git@host:22/a/b', { scheme: 'ssh', host: 'host', path: '/a/b' }],
    ['oci://[::1]:5000/x', { scheme: 'oci', host: '[::1]:5000', path: '/x' }],
  ])('%j', (text, expected) => expect(parseAddress(text)).toEqual(expected));

  it.each([
    'ftp://host/x',
    'HTTPS://host/x',
    'https:///x',
    'https://a b/x',
    'https://host/a/../b',
    'https://host/a/%2e%2E/b',
    'https://host\\@evil/x',
    'https://host/x?y',
    'https://host/x#y',
    'https://ho%73t/x',
    'https://a@b@c/x',
    'host/x',
    '',
    'https://host/x\n',
  ])('is no address of ours: %j', (text) => expect(parseAddress(text)).toBeUndefined());
});

describe('a list', () => {
  it.each([
    ['host', 'https://host/a/b', true],
    ['HOST', 'https://host/a/b', true],
    ['host', 'ssh://git@host/a', true],
    ['host', 'oci://host/a', true],
    ['host', 'http://host/a', false],
    ['host', 'oci+http://host/a', false],
    ['host', 'https://host:8443/a', false],
    ['host:8443', 'https://host:8443/a', true],
    ['host', 'https://host.evil/a', false],
    ['host', 'https://evilhost/a', false],
    ['host', 'https://host@evil/a', false],
    ['http://host', 'http://host/a', true],
    ['http://host', 'https://host/a', false],
    ['https://host/team', 'https://host/team', true],
    ['https://host/team', 'https://host/team/x', true],
    ['https://host/team/', 'https://host/team/x', true],
    ['https://host/team', 'https://host/teams', false],
    ['https://host/team', 'https://host/other', false],
    ['oci://host/team', 'oci://host/team/chart', true],
    ['oci://host/team', 'https://host/team/chart', false],
    ['*', 'https://host/a', false],
    ['', 'https://host/a', false],
    ['nonsense://host', 'https://host/a', false],
  ])('with %j allows %j: %s', (entry, text, expected) => {
    const address = parseAddress(text);
    expect(address).toBeDefined();
    expect(address !== undefined && allows(entry, address)).toBe(expected);
  });
});
