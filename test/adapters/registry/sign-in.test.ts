import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createExec } from '../../../src/adapters/exec.ts';
import { mirrorImage } from '../../../src/adapters/registry/mirror.ts';
import type { RegistryEntry } from '../../../src/adapters/registry/settings.ts';
import { parseImageReference } from '../../../src/core/image.ts';
import type { Exec } from '../../../src/core/ports.ts';
import { makeCertificates } from '../../support/certificates.ts';
import {
  account,
  identityToken,
  startDistribution,
  startTokenService,
  type TokenService,
} from '../../support/distribution.ts';
import { type HostileRegistry, startHostileRegistry, unauthorized } from '../../support/hostile-registry.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../../support/registry.ts';
import { expectCode, folderForTest, never, type OpenOptions, open } from './support.ts';

const folder = folderForTest();
afterAll(() => folder.remove());
let files = 0;
const file = (content: unknown): string => {
  files += 1;
  const path = join(folder.path, `file-${files}`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
};
const auth = Buffer.from(`${account.username}:${account.password}`).toString('base64');

/** A folder with a config.json for crane, which pushes. */
const dockerConfig = (host: string): string => {
  const path = join(folder.path, `docker-${host.replace(':', '-')}`);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }));
  return path;
};

const resolve = (host: string, entry: Partial<RegistryEntry>, options: OpenOptions = {}, more: RegistryEntry[] = []) =>
  open([{ host, plainHttp: true, ...entry }, ...more], options)
    .forRun()
    .resolveTag({ registry: host, path: 'team/app' }, 'v1', never);

describe('distribution with htpasswd', () => {
  let registry: RunningRegistry;
  let image: PushedImage;
  beforeAll(async () => {
    registry = await startDistribution({ auth: { kind: 'htpasswd' } });
    image = await pushImage(registry.host, 'team/app', 'v1', 'x', { dockerConfig: dockerConfig(registry.host) });
  });
  afterAll(async () => registry?.stop());

  it.each<[string, (host: string) => unknown]>([
    ['auth', (host) => ({ auths: { [host]: { auth } } })],
    [
      'auth padded with NUL bytes',
      (host) => ({
        auths: { [host]: { auth: Buffer.from(`${account.username}:${account.password}\0\0`).toString('base64') } },
      }),
    ],
    ['username and password', (host) => ({ auths: { [host]: account } })],
    ['a key with a scheme', (host) => ({ auths: { [`https://${host}`]: account } })],
    ['a key with a version', (host) => ({ auths: { [`https://${host}/v2/`]: account } })],
    ['a key with the path of the repository', (host) => ({ auths: { [`${host}/team`]: account } })],
    [
      'the closest of several paths',
      (host) => ({
        auths: {
          [`${host}/team/app`]: account,
          [`${host}/team`]: { username: 'x', password: 'y' },
          [host]: { username: 'x', password: 'y' },
        },
      }),
    ],
  ])('is signed in to by config.json with %s', async (_, config) => {
    const found = await resolve(registry.host, { credentials: file(config(registry.host)) });
    expect(found?.digest).toBe(image.digest);
    const common = await resolve(registry.host, {}, { credentials: file(config(registry.host)) });
    expect(common?.digest).toBe(image.digest);
  });

  it('is mirrored with them, into a folder that needs none', async () => {
    const credentials = file({ auths: { [registry.host]: { auth } } });
    const from = open([{ host: registry.host, plainHttp: true, credentials }]);
    const target = join(folder.path, 'mirrored');
    const mirrored = await mirrorImage(parseImageReference(image.tagged), [], target, from.forRun(), never);
    expect(mirrored).toEqual({ digest: image.digest, host: registry.host, objects: 2, added: 2 });
    const run = open([{ host: registry.host, layout: join(target, registry.host) }]).forRun();
    const found = await run.resolveTag({ registry: registry.host, path: 'team/app' }, 'v1', never);
    expect(found?.digest).toBe(image.digest);
    from.close();
  });

  it('is signed in to by a file each for name and password', async () => {
    const usernameFile = file(`${account.username}\n`);
    const passwordFile = file(`${account.password}\n`);
    const found = await resolve(registry.host, { credentials: { usernameFile, passwordFile } });
    expect(found?.digest).toBe(image.digest);
  });

  it.each<[string, (host: string) => unknown]>([
    ['no file names it', () => ({})],
    ['the entry is of a host that begins like it', (host) => ({ auths: { [`${host}0`]: account } })],
    ['the entry is of a host that ends like it', (host) => ({ auths: { [`1${host}`]: account } })],
    ['the entry is of the same host at another port', (host) => ({ auths: { [host.split(':')[0] ?? '']: account } })],
    ['the entry has a wildcard', (host) => ({ auths: { [`*.0.0.1:${host.split(':')[1]}`]: account } })],
    [
      'the entry is of another path',
      (host) => ({ auths: { [`${host}/team/ap`]: account, [`${host}/other`]: account } }),
    ],
    ['the password is wrong', (host) => ({ auths: { [host]: { username: account.username, password: 'wrong' } } })],
    ['the entry is empty', (host) => ({ auths: { [host]: {} } })],
  ])('is not signed in to where %s', async (_, config) => {
    const error = await expectCode(
      resolve(registry.host, { credentials: file(config(registry.host)) }),
      'REGISTRY_UNAUTHORIZED',
    );
    expect(error.message).not.toMatch(/s3cret|wrong/);
  });

  it.each<[string, unknown, RegExp]>([
    ['no JSON', '{"auths": s3cret', /is not JSON/],
    ['no object', '[]', /not a JSON object/],
    ['auths that is no object', { auths: [] }, /auths .* is not an object/],
    [
      'an auth that is no base64 of a pair',
      (host: string) => ({ auths: { [host]: { auth: 's3cret' } } }),
      /not base64 of user:password/,
    ],
    ['an auth that is no string', (host: string) => ({ auths: { [host]: { auth: 5 } } }), /is not a string/],
    ['an entry that is no object', (host: string) => ({ auths: { [host]: 's3cret' } }), /is not an object/],
  ])('says what is wrong with a file of credentials that holds %s', async (_, content, message) => {
    const config = typeof content === 'function' ? content(registry.host) : content;
    const error = await expectCode(resolve(registry.host, { credentials: file(config) }), 'REGISTRY_SETTINGS_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/s3cret/);
    expect(error.message).not.toContain(folder.path);
  });

  it('says so where a file of credentials is missing', async () => {
    const error = await expectCode(
      resolve(registry.host, { credentials: '/nonexistent/x' }),
      'REGISTRY_SETTINGS_INVALID',
    );
    expect(error.message).toBe('the file of registry credentials cannot be used: the file is absent');
  });
});

describe('credential helpers', () => {
  let registry: RunningRegistry;
  let front: HostileRegistry;
  beforeAll(async () => {
    registry = await startRegistry();
    await pushImage(registry.host, 'team/app', 'v1');
    front = await startHostileRegistry({
      upstream: registry.host,
      behaviour: (request, response, count) =>
        request.headers['authorization'] === undefined ? unauthorized(request, response, count) : false,
    });
  });
  afterAll(async () => {
    await front?.stop();
    await registry?.stop();
  });
  const helper = (script: string): string => {
    const path = file(`#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const ask = (script: string, options: OpenOptions = {}, key: 'credHelpers' | 'credsStore' = 'credHelpers') => {
    const config = key === 'credHelpers' ? { credHelpers: { [front.host]: 'mine' } } : { credsStore: 'mine' };
    const credentials = { dockerConfig: file(config), helpers: { mine: helper(script) } };
    return resolve(front.host, { credentials }, { ...options, ports: { exec: createExec(), ...options.ports } });
  };

  it.each(['credHelpers', 'credsStore'] as const)('are asked for the host that %s names them for', async (key) => {
    const script = `read server; [ "$1 $server" = "get ${front.host}" ] && [ -z "$HOME" ] && echo '{"Username":"me","Secret":"s3cret"}'`;
    front.behave((request, response, count) =>
      request.headers['authorization'] === undefined ? unauthorized(request, response, count) : false,
    );
    expect(await ask(script, {}, key)).toBeDefined();
    const sent = front.seen.at(-1)?.headers['authorization'];
    expect(sent).toBe(`Basic ${Buffer.from('me:s3cret').toString('base64')}`);
  });

  it.each<[string, string, RegExp]>([
    ['fails', 'echo "the s3cret is s3cret"; exit 3', /"mine" failed \(exit code 3\)/],
    ['says nothing', 'true', /did not answer with Username and Secret/],
    ['says something else', `echo '{"Username":"me"}'`, /did not answer with Username and Secret/],
    ['says no JSON', 'echo s3cret', /did not answer with Username and Secret/],
    ['says too much', 'head -c 1000000 /dev/zero', /was stopped \(output\)/],
  ])('deny where one %s', async (_, script, message) => {
    const error = await expectCode(ask(script), 'REGISTRY_HELPER_FAILED');
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/s3cret/);
  });

  it('deny where one hangs', async () => {
    const exec: Exec = async () => ({ kind: 'killed', why: 'deadline', stderr: '' });
    await expectCode(ask('true', { ports: { exec } }), 'REGISTRY_HELPER_FAILED');
  });

  it('deny where one is missing', async () => {
    const credentials = { dockerConfig: file({ credsStore: 'mine' }), helpers: { mine: '/nonexistent/helper' } };
    await expectCode(resolve(front.host, { credentials }, { ports: { exec: createExec() } }), 'REGISTRY_HELPER_FAILED');
  });

  it('have nothing to show where they say so in the words of the protocol', async () => {
    await expectCode(ask('echo "credentials not found in native keychain"; exit 1'), 'REGISTRY_UNAUTHORIZED');
  });

  it.each<[string, unknown]>([
    ['credsStore', { credsStore: 'desktop' }],
    ['a name from Object.prototype', { credsStore: 'constructor' }],
  ])('are refused by name where no program is configured for %s', async (_, config) => {
    const error = await expectCode(
      resolve(front.host, { credentials: file(config) }, { ports: { exec: createExec() } }),
      'REGISTRY_SETTINGS_INVALID',
    );
    expect(error.message).toMatch(/credential helper "(desktop|constructor)" .* no program is configured/);
  });

  it('are not asked where auths has an entry', async () => {
    const credentials = file({ credsStore: 'desktop', auths: { [front.host]: { username: 'me', password: 'x' } } });
    expect(await resolve(front.host, { credentials })).toBeDefined();
  });
});

describe('distribution with a token service', () => {
  let tokens: TokenService;
  let registry: RunningRegistry;
  let image: PushedImage;
  beforeAll(async () => {
    tokens = await startTokenService();
    // crane goes to no token service on loopback, so it pushes before there is one.
    const storage = join(folder.path, 'storage');
    const unguarded = await startDistribution({ storage });
    image = await pushImage(unguarded.host, 'team/app', 'v1');
    await pushImage(unguarded.host, 'team/other', 'v1');
    await unguarded.stop();
    registry = await startDistribution({ auth: { kind: 'token', tokens }, storage });
  });
  afterEach(() => {
    tokens.asked.length = 0;
    tokens.lifetime = 300;
  });
  afterAll(async () => {
    await registry?.stop();
    await tokens?.stop();
  });
  const account_ = () => file({ auths: { [registry.host]: account } });
  const listed = (): RegistryEntry[] => [
    { host: registry.host, plainHttp: true, credentials: account_(), tokenRealms: [tokens.host] },
    { host: tokens.host, plainHttp: true },
  ];

  it('is signed in to with a token for the repository, shared by all who want it', async () => {
    const run = open(listed()).forRun();
    const repository = { registry: registry.host, path: 'team/app' };
    expect((await run.resolveTag(repository, 'v1', never))?.digest).toBe(image.digest);
    await Promise.all([
      run.manifest(repository, image.digest, never),
      run.referrers(repository, image.digest, never),
      run.resolveTag(repository, 'absent', never),
    ]);
    expect(tokens.asked.map(({ method, scope }) => `${method} ${scope}`)).toEqual(['GET repository:team/app:pull']);
  });

  it('asks for one token a repository, however many ask at once', async () => {
    const run = open(listed()).forRun();
    const asking = ['team/app', 'team/other'].flatMap((path) =>
      ['v1', 'a', 'b', 'c'].map((tag) => run.resolveTag({ registry: registry.host, path }, tag, never)),
    );
    await Promise.all(asking);
    expect(tokens.asked.map(({ scope }) => scope).sort()).toEqual([
      'repository:team/app:pull',
      'repository:team/other:pull',
    ]);
  });

  it('renews a token before it expires', async () => {
    let now = Date.now();
    const run = open(listed(), { ports: { elapsed: () => now } }).forRun();
    const repository = { registry: registry.host, path: 'team/app' };
    await run.resolveTag(repository, 'v1', never);
    now += 294_000;
    await run.resolveTag(repository, 'a', never);
    expect(tokens.asked).toHaveLength(1);
    now += 1_000;
    await run.resolveTag(repository, 'b', never);
    expect(tokens.asked).toHaveLength(2);
  });

  it('gets another token when one is refused before its time', async () => {
    // It has expired for the registry (which allows a minute), and not for the clock of this run.
    tokens.lifetime = -100;
    const run = open(listed(), { ports: { elapsed: () => 0 } }).forRun();
    const repository = { registry: registry.host, path: 'team/app' };
    await expectCode(run.resolveTag(repository, 'v1', never), 'REGISTRY_UNAUTHORIZED');
    tokens.lifetime = 300;
    expect((await run.resolveTag(repository, 'V1', never))?.digest).toBeUndefined();
    expect(tokens.asked).toHaveLength(2);
  });

  it('is signed in to by an identity token, which the registry never sees', async () => {
    const credentials = file({ auths: { [registry.host]: { identitytoken: identityToken } } });
    const [entry, realm] = listed() as [RegistryEntry, RegistryEntry];
    const run = open([{ ...entry, credentials }, realm]).forRun();
    const found = await run.resolveTag({ registry: registry.host, path: 'team/app' }, 'v1', never);
    expect(found?.digest).toBe(image.digest);
    expect(tokens.asked).toHaveLength(1);
    expect(tokens.asked[0]).toMatchObject({
      method: 'POST',
      scope: 'repository:team/app:pull',
      authorization: undefined,
    });
    expect(Object.fromEntries(new URLSearchParams(tokens.asked[0]?.body))).toMatchObject({
      grant_type: 'refresh_token',
      service: 'test-registry',
    });
  });

  it.each<[string, unknown]>([
    ['no credentials', undefined],
    ['a wrong password', { username: account.username, password: 'wrong' }],
    ['a wrong identity token', { identitytoken: 'wrong' }],
    ['a bearer token of its own that is none', { registrytoken: 'wrong' }],
  ])('is not signed in to with %s', async (_, entry) => {
    const credentials = file({ auths: entry === undefined ? {} : { [registry.host]: entry } });
    const [own, realm] = listed() as [RegistryEntry, RegistryEntry];
    const run = open([{ ...own, credentials }, realm]).forRun();
    const error = await expectCode(
      run.resolveTag({ registry: registry.host, path: 'team/app' }, 'v1', never),
      'REGISTRY_UNAUTHORIZED',
    );
    expect(error.message).not.toMatch(/wrong/);
  });

  it('is not signed in to at a token service that is not listed', async () => {
    const [own, realm] = listed() as [RegistryEntry, RegistryEntry];
    const run = open([{ ...own, tokenRealms: [] }, realm]).forRun();
    const repository = { registry: registry.host, path: 'team/app' };
    const error = await expectCode(run.resolveTag(repository, 'v1', never), 'REGISTRY_REALM_REFUSED');
    expect(error.mend).toContain(`list ${tokens.host} in tokenRealms`);
    expect(tokens.asked).toEqual([]);
  });
});

describe('TLS', () => {
  const certificates = makeCertificates();
  const other = makeCertificates();
  let registry: RunningRegistry;
  let secure: RunningRegistry;
  let mutual: HostileRegistry;
  let image: PushedImage;
  beforeAll(async () => {
    registry = await startRegistry();
    await pushImage(registry.host, 'team/app', 'v1');
    secure = await startDistribution({ tls: certificates.server });
    image = await pushImage(secure.host, 'team/app', 'v1');
    mutual = await startHostileRegistry({
      upstream: registry.host,
      tls: { ...certificates.server, clientCa: certificates.ca },
    });
  });
  afterAll(async () => {
    await mutual?.stop();
    await secure?.stop();
    await registry?.stop();
  });
  const tls = { plainHttp: false };

  it('trusts a registry by the authority that its entry names', async () => {
    const found = await resolve(secure.host, { ...tls, ca: file(certificates.ca) });
    expect(found?.digest).toBe(image.digest);
  });

  it.each<[string, () => Partial<RegistryEntry>]>([
    ['without an authority', () => ({})],
    ['with another authority', () => ({ ca: file(other.ca) })],
  ])('trusts no registry %s', async (_, entry) => {
    const error = await expectCode(resolve(secure.host, { ...tls, ...entry() }), 'REGISTRY_TLS');
    expect(error.message).toMatch(/has a certificate that is not trusted \([A-Z_]+\)/);
  });

  it('trusts no certificate of another name', async () => {
    const host = `registry.example:${secure.host.split(':')[1]}`;
    const lookup = async () => [{ address: '127.0.0.1', family: 4 as const }];
    const reading = resolve(host, { ...tls, ca: file(certificates.ca) }, { ports: { lookup } });
    await expectCode(reading, 'REGISTRY_TLS');
  });

  it('says so where a registry does not speak TLS', async () => {
    const error = await expectCode(resolve(registry.host, tls), 'REGISTRY_TLS');
    expect(error.mend).toContain('plainHttp: true');
  });

  it('is not left for plain HTTP, not even on the same host', async () => {
    const front = await startHostileRegistry({ tls: certificates.server });
    front.behave((request, response) => {
      response.writeHead(307, { location: `http://${front.host}${request.url}` });
      return response.end();
    });
    const reading = resolve(front.host, { ...tls, ca: file(certificates.ca) });
    await expectCode(reading, 'REGISTRY_REDIRECT_REFUSED');
    await front.stop();
  });

  it('shows a client certificate', async () => {
    const entry = { ...tls, ca: file(certificates.ca) };
    const client = { clientCert: file(certificates.client.cert), clientKey: file(certificates.client.key) };
    expect(await resolve(mutual.host, { ...entry, ...client })).toBeDefined();
    const error = await expectCode(resolve(mutual.host, entry), 'REGISTRY_TLS');
    expect(error.message).toContain(mutual.host);
  });

  it.each<[string, Partial<RegistryEntry>]>([
    ['an authority that is missing', { ca: '/nonexistent/ca.pem' }],
    ['an authority that is no PEM', { ca: file('nothing') }],
    [
      'a client certificate that is none',
      {
        clientCert: file('-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'),
        clientKey: file('-----BEGIN x'),
      },
    ],
  ])('refuses %s', async (_, entry) => {
    await expectCode(resolve(secure.host, { ...tls, ...entry }), 'REGISTRY_SETTINGS_INVALID');
  });
});
