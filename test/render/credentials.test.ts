import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadCredentials } from '../../src/render/credentials.ts';
import { parseAddress } from '../../src/render/places.ts';
import { scratch, writeTree } from '../support/render.ts';

const folder = scratch();
afterAll(() => folder[Symbol.dispose]());
writeTree(folder.path, {
  'store/a.yaml':
    'credentials:\n- place: charts.example.com\n  username: wide\n  password: p1\n- place: https://charts.example.com/team\n  tokenFile: token\n  caFile: ca.pem\n',
  'store/b.yml': 'credentials: [{place: "oci://registry.example", username: u, passwordFile: token}]',
  'store/token': 'secret-token\n',
  'store/ca.pem': 'x',
  'store/..data/c.yaml': 'nonsense',
  'store/readme.md': 'x',
});
const find = (text: string, path = 'store') => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(text);
  return loadCredentials(join(folder.path, path)).find(address);
};

describe('the credentials store', () => {
  it('gives what the longest place that fits holds', () => {
    expect(find('https://charts.example.com/other')).toEqual({ username: 'wide', password: 'p1' });
    expect(find('https://charts.example.com/team/x')).toEqual({
      token: 'secret-token',
      caFile: join(folder.path, 'store/ca.pem'),
    });
    expect(find('oci://registry.example/x')).toEqual({ username: 'u', password: 'secret-token' });
  });

  it('gives nothing to other places', () => {
    expect(find('https://charts.example.com.evil/x')).toBeUndefined();
    expect(find('http://charts.example.com/x')).toBeUndefined();
    expect(find('https://registry.example/x')).toBeUndefined();
  });

  it('knows every form in which a secret could be shown', () => {
    const { secrets } = loadCredentials(join(folder.path, 'store/a.yaml'));
    expect(secrets).toContain('p1');
    expect(secrets).toContain(Buffer.from('wide:p1').toString('base64'));
  });

  it.each([
    ['an unknown key', 'credentials: [{place: a, pasword: x}]', /pasword/],
    ['no place', 'credentials: [{password: x}]', /place/],
    ['a file that is not there', 'credentials: [{place: a, passwordFile: gone}]', /gone/],
    ['an authority that is not there', 'credentials: [{place: a, caFile: gone}]', /gone/],
    ['what is not YAML', 'credentials: [', /YAML/],
  ])('refuses %s', (_, text, message) => {
    writeTree(folder.path, { 'bad.yaml': text });
    expect(() => loadCredentials(join(folder.path, 'bad.yaml'))).toThrow(
      expect.objectContaining({ code: 'CREDENTIALS_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('refuses a store that is not there', () => {
    expect(() => loadCredentials(join(folder.path, 'nowhere'))).toThrow(
      expect.objectContaining({ code: 'CREDENTIALS_INVALID' }),
    );
  });
});
