import { describe, expect, it } from 'vitest';
import { createHosts } from '../../../src/adapters/registry/hosts.ts';
import type { RegistryEntry } from '../../../src/adapters/registry/settings.ts';
import { createSignIn, type TokenRequest } from '../../../src/adapters/registry/sign-in.ts';
import { errorOf, never } from './support.ts';

const path = 'team/app';

/** Signs in to `name` with a password, with a token service that hands out what `tokens` holds. */
function start(name: string, entries: RegistryEntry[], tokens: unknown[] = [{ token: 'abc' }]) {
  const asked: TokenRequest[] = [];
  const hosts = createHosts(entries, (file) => file);
  const now = { at: 0 };
  const signIn = createSignIn(hosts.endpoint({ registry: name, path }).host, {
    elapsed: () => now.at,
    hosts,
    maxTokens: 16,
    findCredentials: async () => ({ kind: 'password', username: 'me', password: 'secret' }),
    askTokenService: async (request) => {
      asked.push(request);
      return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(tokens.shift() ?? {})) };
    },
  });
  const refusal = (challenge: string) => ({
    status: 401,
    headers: { 'www-authenticate': challenge },
    body: Buffer.alloc(0),
  });
  return { signIn, asked, refusal, now };
}

describe('a token service is trusted with credentials', () => {
  it.each<[string, string, Partial<RegistryEntry>]>([
    ['registry.example', 'https://registry.example/token', {}],
    ['registry.example:8443', 'https://registry.example:8443/token', {}],
    ['registry.gitlab.example', 'https://gitlab.example/jwt/auth', {}],
    ['index.docker.io', 'https://auth.docker.io/token', {}],
    ['index.docker.io', 'https://registry-1.docker.io/token', {}],
    ['registry.example', 'https://auth.example/token', { tokenRealms: ['AUTH.example:443'] }],
    ['registry.example', 'https://auth.example:8443/token', { tokenRealms: ['auth.example:8443'] }],
  ])('by %s at %s', async (name, realm, entry) => {
    const { signIn, asked, refusal } = start(name, entry.tokenRealms ? [{ host: name, ...entry }] : []);
    const challenge = refusal(`Bearer realm="${realm}",service="a b",scope="repository:other/secret:push"`);
    const { header } = await signIn.afterRefusal(path, challenge, undefined, never);
    expect(header).toBe('Bearer abc');
    expect(asked.map(({ url }) => url.href)).toEqual([`${realm}?service=a+b&scope=repository%3Ateam%2Fapp%3Apull`]);
    expect(asked[0]?.headers['authorization']).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`);
  });

  it.each<[string, string, Partial<RegistryEntry>]>([
    ['registry.example', 'https://auth.example/token', {}],
    ['registry.example', 'https://registry.example.evil.example/token', {}],
    ['registry.example', 'https://evilregistry.example/token', {}],
    ['registry.example', 'https://registry.example:8443/token', {}],
    ['registry.example', 'https://sub.registry.example/token', {}],
    ['registry.example', 'https://example/token', {}],
    ['registry.example', 'http://registry.example/token', {}],
    ['registry.example', 'https://registry.example@evil.example/token', {}],
    ['ghcr.io', 'https://auth.docker.io/token', {}],
    ['index.docker.io', 'https://docker.io.evil.example/token', {}],
    ['index.docker.io', 'https://index.docker.io.evil.example/token', {}],
    ['registry.gitlab.example', 'https://gitlab.example:8443/jwt/auth', {}],
    ['registry.example', 'https://auth.example:8443/token', { tokenRealms: ['auth.example'] }],
    ['registry.example', 'https://sub.auth.example/token', { tokenRealms: ['auth.example'] }],
  ])('not by %s at %s', async (name, realm, entry) => {
    const { signIn, asked, refusal } = start(name, entry.tokenRealms ? [{ host: name, ...entry }] : []);
    const error = await errorOf(signIn.afterRefusal(path, refusal(`Bearer realm="${realm}"`), undefined, never));
    expect(error.code).toBe('REGISTRY_REALM_REFUSED');
    expect(asked).toEqual([]);
  });
});

describe('a token', () => {
  const realm = 'Bearer realm="https://registry.example/token"';

  it('that is refused before its time is replaced once', async () => {
    const { signIn, asked, refusal } = start('registry.example', [], [{ token: 'old' }, { access_token: 'new' }]);
    await signIn.afterRefusal(path, refusal(realm), undefined, never);
    const used = await signIn.authorization(path, never);
    expect(used).toEqual({ header: 'Bearer old', fresh: false });
    const renewed = await signIn.afterRefusal(path, refusal(realm), used, never);
    expect(renewed).toEqual({ header: 'Bearer new', fresh: true });
    expect((await errorOf(signIn.afterRefusal(path, refusal(realm), renewed, never))).code).toBe(
      'REGISTRY_UNAUTHORIZED',
    );
    expect(asked).toHaveLength(2);
  });

  it('that another request renewed meanwhile is used', async () => {
    const { signIn, asked, refusal } = start('registry.example', [], [{ token: 'old' }, { token: 'new' }]);
    await signIn.afterRefusal(path, refusal(realm), undefined, never);
    const used = await signIn.authorization(path, never);
    await signIn.afterRefusal(path, refusal(realm), used, never);
    expect((await signIn.afterRefusal(path, refusal(realm), used, never)).header).toBe('Bearer new');
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['lives as long as its service says', { token: 'a', expires_in: 300 }, 294_999, 295_000],
    ['lives a minute where its service says nothing', { token: 'a' }, 54_999, 55_000],
    ['lives a minute where its service says nonsense', { token: 'a', expires_in: 'long' }, 54_999, 55_000],
  ])('%s, less what it takes to be used', async (_, token, kept, renewed) => {
    const { signIn, asked, refusal, now } = start('registry.example', [], [token, { token: 'b' }]);
    await signIn.afterRefusal(path, refusal(realm), undefined, never);
    now.at = kept;
    expect((await signIn.authorization(path, never))?.header).toBe('Bearer a');
    now.at = renewed;
    expect((await signIn.authorization(path, never))?.header).toBe('Bearer b');
    expect(asked).toHaveLength(2);
  });
});
