import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createExec } from '../../../src/adapters/exec.ts';
import { type CommonCredentials, createCredentials } from '../../../src/adapters/registry/credentials.ts';
import { createHosts } from '../../../src/adapters/registry/hosts.ts';
import type { RegistriesSettings } from '../../../src/adapters/registry/settings.ts';
import type { Exec } from '../../../src/core/ports.ts';
import { startHostileRegistry, unauthorized } from '../../support/hostile-registry.ts';
import { expectCode, folderForTest, never, open } from './support.ts';

const folder = folderForTest();
afterAll(() => folder.remove());
let made = 0;
const fresh = (): string => {
  const path = join(folder.path, String(made++));
  mkdirSync(path);
  return path;
};
const config = (content: unknown): string => {
  const path = join(fresh(), 'config.json');
  writeFileSync(path, JSON.stringify(content));
  return path;
};
const user = (username: string) => ({ auth: Buffer.from(`${username}:secret`).toString('base64') });

/** The user that is found for `host/path`. */
async function userFor(
  host: string,
  common: Partial<CommonCredentials>,
  more: {
    registries?: RegistriesSettings;
    path?: string;
    secrets?: readonly string[];
    exec?: Exec;
    now?: () => number;
  } = {},
): Promise<string | undefined> {
  const hosts = createHosts(more.registries ?? [], (path) => path);
  const find = createCredentials(
    { credentials: undefined, ...common },
    {
      elapsed: more.now ?? (() => 0),
      exec: more.exec,
      helperEnvironment: {},
      resolvePath: (path) => path,
    },
  );
  const path = more.path ?? 'team/app';
  const found = await find(more.secrets ?? [])(hosts.endpoint({ registry: host, path }).host, path, never);
  return found?.kind === 'password' ? found.username : found?.kind;
}

/** A store of pull secrets by name, as Kubernetes mounts them. */
function store(secrets: Readonly<Record<string, { file?: string; content: unknown }>>): string {
  const path = fresh();
  for (const [name, { file = '.dockerconfigjson', content }] of Object.entries(secrets)) {
    mkdirSync(join(path, name, '..data'), { recursive: true });
    writeFileSync(join(path, name, '..data', file), typeof content === 'string' ? content : JSON.stringify(content));
    symlinkSync(join('..data', file), join(path, name, file));
  }
  return path;
}

describe('which credentials count', () => {
  const gate = () => config({ auths: { 'ghcr.io': user('gate') } });
  const environment = () => config({ auths: { 'ghcr.io': user('environment'), 'quay.io': user('environment') } });
  const secrets = () =>
    store({
      pull: { content: { auths: { 'ghcr.io': user('secret'), 'quay.io': user('secret'), 'gcr.io': user('secret') } } },
    });

  it('those of the Gate, and then not those of the environment', async () => {
    const common = { credentials: gate(), authFile: environment() };
    expect(await userFor('ghcr.io', common)).toBe('gate');
    expect(await userFor('quay.io', common)).toBeUndefined();
  });

  it('without them, those of REGISTRY_AUTH_FILE', async () => {
    expect(await userFor('ghcr.io', { authFile: environment() })).toBe('environment');
    expect(await userFor('ghcr.io', { authFile: '' })).toBeUndefined();
    expect(await userFor('ghcr.io', {})).toBeUndefined();
  });

  it('last, the pull secrets', async () => {
    const common = { credentials: gate(), pullSecrets: secrets() };
    expect(await userFor('ghcr.io', common)).toBe('gate');
    expect(await userFor('quay.io', common)).toBe('secret');
    expect(await userFor('quay.io', { authFile: environment(), pullSecrets: secrets() })).toBe('environment');
    expect(await userFor('gcr.io', { authFile: environment(), pullSecrets: secrets() })).toBe('secret');
  });

  it('the own ones of a host before all of these, alone', async () => {
    const registries = [{ host: 'ghcr.io', credentials: config({ auths: {} }) }];
    const common = { credentials: gate(), authFile: environment(), pullSecrets: secrets() };
    expect(await userFor('ghcr.io', common, { registries })).toBeUndefined();
  });

  it('a pull secret that a policy names before all others, and where it says nothing, the others', async () => {
    const common = { credentials: gate(), pullSecrets: secrets() };
    expect(await userFor('ghcr.io', common, { secrets: ['pull'] })).toBe('secret');
    const other = { credentials: gate(), pullSecrets: store({ pull: { content: { auths: {} } } }) };
    expect(await userFor('ghcr.io', other, { secrets: ['pull'] })).toBe('gate');
  });

  it('REGISTRY_AUTH_FILE must be there and absolute: the working folder may be an application', async () => {
    const relative = await expectCode(userFor('ghcr.io', { authFile: 'config.json' }), 'REGISTRY_SETTINGS_INVALID');
    expect(relative.message).toContain('not an absolute path');
    const missing = await expectCode(userFor('ghcr.io', { authFile: '/nonexistent/x' }), 'REGISTRY_SETTINGS_INVALID');
    expect(missing.message).toContain('REGISTRY_AUTH_FILE');
    expect(missing.message).not.toContain('/nonexistent');
  });
});

describe('a host is matched whole', () => {
  it.each<[string, string, boolean]>([
    ['index.docker.io', 'https://index.docker.io/v1/', true],
    ['index.docker.io', 'docker.io', true],
    ['index.docker.io', 'registry-1.docker.io', true],
    ['index.docker.io', 'auth.docker.io', false],
    ['ghcr.io', 'https://GHCR.io:443/v2/', true],
    ['ghcr.io', 'ghcr.io.evil.example', false],
    ['ghcr.io.evil.example', 'ghcr.io', false],
    ['evilghcr.io', 'ghcr.io', false],
    ['a.ghcr.io', 'ghcr.io', false],
    ['ghcr.io', '*.io', false],
    ['ghcr.io:5000', 'ghcr.io', false],
    ['ghcr.io', 'user@ghcr.io', false],
    ['evil.example', 'evil.example@ghcr.io', false],
    ['123.dkr.ecr.eu-west-1.amazonaws.com.evil.example', '123.dkr.ecr.eu-west-1.amazonaws.com', false],
    ['evil.azurecr.io.example', 'evil.azurecr.io', false],
  ])('%s by the entry %s: %s', async (host, key, found) => {
    expect((await userFor(host, { credentials: config({ auths: { [key]: user('me') } }) })) === 'me').toBe(found);
    const pullSecrets = store({ pull: { content: { auths: { [key]: user('me') } } } });
    expect((await userFor(host, { pullSecrets })) === 'me').toBe(found);
  });
});

describe('pull secrets', () => {
  it.each<[string, string, unknown]>([
    ['of type dockerconfigjson', '.dockerconfigjson', { auths: { 'ghcr.io': user('me') } }],
    ['of type dockercfg', '.dockercfg', { 'ghcr.io': user('me') }],
  ])('%s are read', async (_, file, content) => {
    expect(await userFor('ghcr.io', { pullSecrets: store({ pull: { file, content } }) })).toBe('me');
  });

  it('the closest path counts, and of equals the first name', async () => {
    const pullSecrets = store({
      a: { content: { auths: { 'quay.io': user('a') } } },
      b: { content: { auths: { 'quay.io/team': user('b') } } },
      c: { content: { auths: { 'quay.io': user('c') } } },
    });
    expect(await userFor('quay.io', { pullSecrets })).toBe('b');
    expect(await userFor('quay.io', { pullSecrets }, { path: 'other/app' })).toBe('a');
    expect(await userFor('quay.io', { pullSecrets }, { path: 'other/app', secrets: ['c', 'a'] })).toBe('c');
  });

  it('run no helper, whatever they say', async () => {
    const pullSecrets = store({ pull: { content: { credsStore: 'evil', credHelpers: { 'ghcr.io': 'evil' } } } });
    const exec: Exec = async () => expect.fail('a program was started');
    expect(await userFor('ghcr.io', { pullSecrets }, { exec })).toBeUndefined();
  });

  it.each<[string, readonly string[], RegExp]>([
    ['is not there', ['absent'], /absent holds neither/],
    ['leads elsewhere', ['../pull'], /no Secret has that name/],
    ['leads nowhere', ['..'], /no Secret has that name/],
    ['is empty', [''], /no Secret has that name/],
    ['is not JSON', ['broken'], /the pull secret broken is not JSON/],
    ['is another type of Secret', ['opaque'], /opaque holds neither/],
    ['is missing beside one that is there', ['pull', 'absent'], /absent holds neither/],
  ])('one that is named and %s denies', async (_, secrets, message) => {
    const pullSecrets = store({
      pull: { content: { auths: { 'ghcr.io': user('me') } } },
      broken: { content: 'hunter2' },
      opaque: { file: 'password', content: 'hunter2' },
    });
    const error = await expectCode(userFor('ghcr.io', { pullSecrets }, { secrets }), 'REGISTRY_SETTINGS_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/hunter2|syncgate-test/);
  });

  it('named by a policy and without a store deny', async () => {
    await expectCode(userFor('ghcr.io', {}, { secrets: ['pull'] }), 'REGISTRY_SETTINGS_INVALID');
  });

  it('without their folder deny', async () => {
    await expectCode(userFor('ghcr.io', { pullSecrets: '/nonexistent' }), 'REGISTRY_SETTINGS_INVALID');
  });

  it('sign in for the source that names them, and for no other question', async () => {
    await using registry = await startHostileRegistry({
      behaviour: (request, response, count) =>
        request.headers['authorization'] === undefined ? unauthorized(request, response, count) : false,
    });
    const pullSecrets = store({ pull: { content: { auths: { [registry.host]: user('signatures') } } } });
    const own = config({ auths: { [registry.host]: user('images') } });
    const registries = open([{ host: registry.host, plainHttp: true, credentials: own }], {
      settings: { pullSecrets },
    });
    const run = registries.forRun();
    const repository = { registry: registry.host, path: 'team/app' };
    await run.resolveTag(repository, 'v1', never);
    await run.resolveTag({ ...repository, pullSecrets: ['pull'] }, 'v1', never);
    const sent = registry.seen.flatMap(({ headers }) => headers['authorization'] ?? []);
    expect(sent.map((each) => Buffer.from(String(each).slice(6), 'base64').toString())).toEqual([
      'images:secret',
      'signatures:secret',
    ]);
    registries.close();
  });
});

describe('credentials that change while a process runs', () => {
  it('are read again', async () => {
    const path = config({ auths: { 'ghcr.io': user('old') } });
    const pullSecrets = store({ pull: { content: { auths: { 'quay.io': user('old') } } } });
    const [name, password] = [join(fresh(), 'name'), join(fresh(), 'password')];
    writeFileSync(name, 'old');
    writeFileSync(password, 'secret');
    const hosts = createHosts(
      [{ host: 'gcr.io', credentials: { usernameFile: name, passwordFile: password } }],
      (p) => p,
    );
    const find = createCredentials(
      { credentials: path, pullSecrets },
      { elapsed: () => 0, exec: undefined, helperEnvironment: {}, resolvePath: (p) => p },
    )([]);
    const users = async () =>
      await Promise.all(
        ['ghcr.io', 'quay.io', 'gcr.io'].map(async (registry) => {
          const found = await find(hosts.endpoint({ registry, path: 'a/b' }).host, 'a/b', never);
          return found?.kind === 'password' ? found.username : undefined;
        }),
      );
    expect(await users()).toEqual(['old', 'old', 'old']);
    writeFileSync(path, JSON.stringify({ auths: { 'ghcr.io': user('renewed') } }));
    writeFileSync(name, 'renewed');
    // As the kubelet does it: another folder behind the same link.
    const data = join(pullSecrets, 'pull', '..data');
    rmSync(data, { recursive: true });
    mkdirSync(`${data}-2`);
    writeFileSync(join(`${data}-2`, '.dockerconfigjson'), JSON.stringify({ auths: { 'quay.io': user('renewed') } }));
    symlinkSync(`${data}-2`, data);
    expect(await users()).toEqual(['renewed', 'renewed', 'renewed']);
    writeFileSync(path, '{');
    await expectCode(users(), 'REGISTRY_SETTINGS_INVALID');
    writeFileSync(path, JSON.stringify({ auths: { 'ghcr.io': user('mended') } }));
    expect(await users()).toEqual(['mended', 'renewed', 'renewed']);
  });
});

describe('a helper', () => {
  const script = (text: string): string => {
    const path = join(fresh(), 'docker-credential-test');
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
    return path;
  };

  it('can be named for one host, without a config.json', async () => {
    const helper = script(`read server; echo "{\\"Username\\":\\"$server\\",\\"Secret\\":\\"s\\"}"`);
    const registries = [
      { host: 'docker.io', credentials: { helper } },
      { host: 'registry.example:5000', credentials: { helper } },
    ];
    const more = { registries, exec: createExec() };
    expect(await userFor('index.docker.io', {}, more)).toBe('https://index.docker.io/v1/');
    expect(await userFor('registry.example:5000', {}, more)).toBe('registry.example:5000');
    expect(await userFor('ghcr.io', {}, more)).toBeUndefined();
  });

  it('may be given for the file of REGISTRY_AUTH_FILE, which names it', async () => {
    const authFile = config({ credHelpers: { 'ghcr.io': 'cloud' } });
    const helper = script(`echo '{"Username":"<token>","Secret":"t"}'`);
    const credentials = { helpers: { cloud: helper } };
    expect(await userFor('ghcr.io', { authFile, credentials }, { exec: createExec() })).toBe('identity');
    await expectCode(userFor('ghcr.io', { authFile }, { exec: createExec() }), 'REGISTRY_SETTINGS_INVALID');
  });

  it('is asked once for all who want it now, and again after five minutes', async () => {
    let [now, calls] = [0, 0];
    const exec: Exec = async () => {
      calls += 1;
      return { kind: 'exited', code: 0, stdout: Buffer.from('{"Username":"me","Secret":"s"}'), stderr: '' };
    };
    const hosts = createHosts([{ host: 'ghcr.io', credentials: { helper: '/bin/x' } }], (p) => p);
    const find = createCredentials(
      { credentials: undefined },
      { elapsed: () => now, exec, helperEnvironment: {}, resolvePath: (p) => p },
    )([]);
    const { host } = hosts.endpoint({ registry: 'ghcr.io', path: 'a/b' });
    await Promise.all(['a/b', 'a/c', 'a/d'].map((path) => find(host, path, never)));
    now = 299_000;
    await find(host, 'a/b', never);
    expect(calls).toBe(1);
    now = 301_000;
    await find(host, 'a/b', never);
    expect(calls).toBe(2);
  });
});
