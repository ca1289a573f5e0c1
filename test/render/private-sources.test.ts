import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificates } from '../support/certificates.ts';
import {
  folderHandler,
  forwardHandler,
  gitHandler,
  PASSWORD,
  type Running,
  serve,
  startProxy,
  USER,
} from '../support/private-sources.ts';
import { type RunningRegistry, startRegistry } from '../support/registry.ts';
import {
  bare,
  type Files,
  launchers,
  refusalOf,
  renderedObjects,
  renderFiles,
  scratch,
  writeTree,
} from '../support/render.ts';

const folder = scratch();
const certificates = makeCertificates();
const configMap = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;
let charts: Running;
let chartsTls: Running;
let registry: RunningRegistry;
let registryDoor: Running;
let repositories: Running;
let commit: string;

/** Writes a credentials store for a place and answers with its path. */
function store(place: string, more: Record<string, string> = {}): string {
  const path = join(folder.path, 'store.yaml');
  writeFileSync(join(folder.path, 'password'), `${PASSWORD}\n`);
  writeFileSync(path, JSON.stringify({ credentials: [{ place, username: USER, passwordFile: 'password', ...more }] }));
  return path;
}

beforeAll(async () => {
  const packed = join(folder.path, 'charts');
  mkdirSync(packed);
  writeTree(folder.path, {
    'dep/Chart.yaml': 'apiVersion: v2\nname: dep\nversion: 1.2.3\n',
    'dep/values.yaml': 'a: b\n',
    'dep/templates/c.yaml': configMap('from-dep'),
    'bad/Chart.yaml': 'apiVersion: v2\nname: bad\nversion: 1.0.0\n',
    'bad/values.schema.json': '{"$ref": "http://127.0.0.1:1/x"}',
    'ca.pem': certificates.ca,
    'git/base/kustomization.yaml': 'resources: [own.yaml, ../shared]\n',
    'git/base/own.yaml': configMap('from-git'),
    'git/shared/kustomization.yaml': 'resources: [shared.yaml]\n',
    'git/shared/shared.yaml': configMap('shared'),
    'git/out/kustomization.yaml': 'resources: [../../../../../outside]\n',
    'git/evil/kustomization.yaml': 'resources: ["https://example.com/org/repo"]\n',
    'git/link/kustomization.yaml': { link: '../../../../../../etc/passwd' },
  });
  for (const name of ['dep', 'bad']) await bare('helm', folder.path, ['package', name, '-d', packed]);
  await bare('helm', folder.path, ['repo', 'index', packed]);
  charts = await serve(folderHandler(packed));
  chartsTls = await serve(folderHandler(packed), { tls: certificates.server });
  registry = await startRegistry();
  await bare('helm', folder.path, [
    'push',
    join(packed, 'dep-1.2.3.tgz'),
    `oci://${registry.host}/charts`,
    '--plain-http',
  ]);
  registryDoor = await serve(forwardHandler(registry.host));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t.invalid', ...args], {
      cwd: join(folder.path, 'git'),
      encoding: 'utf8',
    }).trim();
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-qm', 'all');
  git('tag', 'v1');
  commit = git('rev-parse', 'HEAD');
  mkdirSync(join(folder.path, 'repositories/org'), { recursive: true });
  execFileSync('git', [
    'clone',
    '-q',
    '--bare',
    join(folder.path, 'git'),
    join(folder.path, 'repositories/org/repo.git'),
  ]);
  repositories = await serve(gitHandler(join(folder.path, 'repositories')));
});
afterAll(async () => {
  for (const each of [charts, chartsTls, registryDoor, repositories]) await each?.[Symbol.asyncDispose]();
  await registry?.stop();
  folder[Symbol.dispose]();
});

const chart = (repository: string, name = 'dep', version = '1.2.3'): Files => ({
  'app/Chart.yaml': `apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies: [{name: ${name}, version: ${version}, repository: "${repository}"}]\n`,
  'app/templates/own.yaml': configMap('own'),
});
const names = (objects: unknown[]) =>
  objects.map((each) => (each as { metadata: { name: string } }).metadata.name).sort();

describe.each(['helm', 'helm4'] as const)('chart dependencies with %s', (helm) => {
  it('come from a repository behind a password', async () => {
    const url = `http://${charts.host}`;
    const settings = { helm: { repositories: [url] }, credentials: store(url) };
    expect(names(renderedObjects(await renderFiles(chart(url), { path: 'app', helm, settings })))).toEqual([
      'from-dep',
      'own',
    ]);
  });

  it('come from a repository whose authority is in the store', async () => {
    const url = `https://${chartsTls.host}`;
    const settings = {
      helm: { repositories: [chartsTls.host] },
      credentials: store(chartsTls.host, { caFile: 'ca.pem' }),
    };
    expect(names(renderedObjects(await renderFiles(chart(url), { path: 'app', helm, settings })))).toEqual([
      'from-dep',
      'own',
    ]);
  });

  it('come from a registry behind a password', async () => {
    const place = `oci+http://${registryDoor.host}`;
    const settings = { helm: { repositories: [place] }, credentials: store(place) };
    const files = chart(`oci://${registryDoor.host}/charts`);
    expect(names(renderedObjects(await renderFiles(files, { path: 'app', helm, settings })))).toEqual([
      'from-dep',
      'own',
    ]);
  });

  it('go by the lock file where there is one', async () => {
    const url = `http://${charts.host}`;
    const settings = { helm: { repositories: [url] }, credentials: store(url) };
    const lock = `dependencies: [{name: dep, repository: "${url}", version: 1.2.3}]\ndigest: sha256:0000\ngenerated: "2020-01-01T00:00:00Z"\n`;
    const error = await refusalOf(
      renderFiles({ ...chart(url), 'app/Chart.lock': lock }, { path: 'app', helm, settings }),
    );
    expect(error).toMatchObject({ code: 'RENDER_FETCH_FAILED', message: expect.stringContaining('out of sync') });
  });

  it('are looked at as what was there before', async () => {
    const url = `http://${charts.host}`;
    const settings = { helm: { repositories: [url] }, credentials: store(url) };
    const error = await refusalOf(renderFiles(chart(url, 'bad', '1.0.0'), { path: 'app', helm, settings }));
    expect(error).toMatchObject({ code: 'RENDER_REMOTE_REFUSED', message: expect.stringContaining('bad-1.0.0.tgz') });
  });

  it.each([
    ['without credentials', () => ({})],
    ['with credentials of another place', () => ({ credentials: store('https://elsewhere.example') })],
  ])('fail clearly %s', async (_, more) => {
    const url = `http://${charts.host}`;
    const error = await refusalOf(
      renderFiles(chart(url), { path: 'app', helm, settings: { helm: { repositories: [url] }, ...more() } }),
    );
    expect(error.code).toBe('RENDER_FETCH_FAILED');
    expect(error.message).toContain('401');
    expect(error.message).not.toMatch(/pass-7f31c9|\/tmp\//);
  });

  it('go over the proxy that is set', async () => {
    await using proxy = await startProxy(chartsTls.port);
    const settings = { helm: { repositories: ['localhost.syncgate.test'] }, proxy: { https: `http://${proxy.host}` } };
    await refusalOf(renderFiles(chart('https://localhost.syncgate.test/charts'), { path: 'app', helm, settings }));
    expect(proxy.requests).toContain('CONNECT localhost.syncgate.test:443');
  });
});

describe('charts that a kustomization inflates', () => {
  it.each(['helm', 'helm4'] as const)(
    'come from a repository and a registry behind passwords, with %s',
    async (helm) => {
      const url = `http://${charts.host}`;
      const place = `oci+http://${registryDoor.host}`;
      for (const [repo, listed] of [
        [url, url],
        [`oci://${registryDoor.host}/charts`, place],
      ] as const) {
        const files: Files = {
          'kustomization.yaml': `namePrefix: k-\nhelmCharts: [{name: dep, repo: "${repo}", version: 1.2.3, releaseName: r}]\n`,
        };
        const settings = { kustomize: { helm: true }, helm: { repositories: [listed] }, credentials: store(listed) };
        const rendered = await renderFiles(files, { helm, settings });
        expect(names(renderedObjects(rendered))).toEqual(['k-from-dep']);
        expect(rendered.engines).toMatchObject({ kustomize: 'v5.8.1', helm: expect.stringMatching(/^v[34]/) });
      }
    },
  );

  it('are looked at before helm renders them', async () => {
    const url = `http://${charts.host}`;
    const files: Files = { 'kustomization.yaml': `helmCharts: [{name: bad, repo: "${url}", version: 1.0.0}]\n` };
    const settings = { kustomize: { helm: true }, helm: { repositories: [url] }, credentials: store(url) };
    expect((await refusalOf(renderFiles(files, { settings }))).code).toBe('RENDER_REMOTE_REFUSED');
  });

  it('are rendered without setpriv too', async () => {
    const files: Files = {
      'kustomization.yaml': 'helmCharts: [{name: dep, releaseName: r}]\n',
      'charts/dep/Chart.yaml': 'apiVersion: v2\nname: dep\nversion: 1.0.0\n',
      'charts/dep/values.yaml': 'a: b\n',
      'charts/dep/templates/c.yaml': configMap('local'),
    };
    for (const setpriv of [undefined, launchers.setpriv]) {
      const rendered = await renderFiles(files, { settings: { kustomize: { helm: true } }, ports: { setpriv } });
      expect(names(renderedObjects(rendered))).toEqual(['local']);
    }
  });
});

describe('bases from a Git server', () => {
  const ask = (entry: string, more: Record<string, unknown> = {}, env: Record<string, string> = {}) => {
    const url = `http://${repositories.host}`;
    return renderFiles(
      { 'app/kustomization.yaml': `namePrefix: p-\nresources: ["${entry}"]\n` },
      { path: 'app', settings: { kustomize: { remoteBases: [url] }, credentials: store(url), ...more }, env },
    );
  };

  it.each([
    ['by its default branch', (h: string) => `http://${h}/org/repo.git//base`],
    ['by a branch', (h: string) => `http://${h}/org/repo.git/base?ref=main`],
    ['by a tag', (h: string) => `http://${h}/org/repo.git//base?ref=v1&timeout=10s`],
    ['by a commit', (h: string) => `http://${h}/org/repo.git//base?ref=${commit}`],
  ])('are fetched %s', async (_, entry) => {
    const rendered = await ask(entry(repositories.host));
    expect(names(renderedObjects(rendered))).toEqual(['p-from-git', 'p-shared']);
    expect(Buffer.from(rendered.texts[0]?.bytes ?? []).toString()).toContain('org/repo.git@');
  });

  it('are fetched once, however often they are named', async () => {
    repositories.requests.length = 0;
    const url = `http://${repositories.host}`;
    const entries = ['base', 'shared'].map((name) => `"${url}/org/repo.git//${name}?ref=v1"`);
    const files: Files = {
      'kustomization.yaml': `resources: [a, b]\n`,
      'a/kustomization.yaml': `nameSuffix: -a\nresources: [${entries[0]}]\n`,
      'b/kustomization.yaml': `nameSuffix: -b\nresources: [${entries[1]}]\n`,
    };
    const rendered = await renderFiles(files, {
      settings: { kustomize: { remoteBases: [url] }, credentials: store(url) },
    });
    expect(names(renderedObjects(rendered))).toEqual(['from-git-a', 'shared-a', 'shared-b']);
    expect(repositories.requests.filter((each) => each.includes('info/refs') && each.endsWith('200'))).toHaveLength(1);
  });

  it('take a component of the application from there', async () => {
    const url = `http://${repositories.host}`;
    const error = await refusalOf(
      renderFiles(
        { 'kustomization.yaml': 'namePrefix: a' },
        {
          settings: { kustomize: { remoteBases: [url] }, credentials: store(url) },
          request: (plain) => ({
            ...plain,
            kustomize: { ...plain.kustomize, components: [`${url}/org/repo.git//base`] },
          }),
        },
      ),
    );
    expect(error.message).toMatch(/expected kind 'Component'/);
  });

  it.each([
    ['a folder that is not there', 'gone', 'RENDER_FETCH_FAILED', /has no folder "gone"/],
    ['a base that leaves the repository', 'out', 'SOURCE_OUTSIDE', /org\/repo.git@HEAD\/out\/kustomization.yaml:1/],
    ['a base that wants another host', 'evil', 'RENDER_REMOTE_REFUSED', /example.com is not listed/],
    ['a kustomization that is a link out', 'link', 'SOURCE_OUTSIDE', /leaves the source/],
  ])('refuse %s', async (_, name, code, message) => {
    const error = await refusalOf(ask(`http://${repositories.host}/org/repo.git//${name}`));
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(message);
  });

  it('fail clearly without credentials, and never ask at a terminal', async () => {
    const error = await refusalOf(ask(`http://${repositories.host}/org/repo.git//base`, { credentials: undefined }));
    expect(error.code).toBe('RENDER_FETCH_FAILED');
    expect(error.message).not.toMatch(/pass-7f31c9|\/tmp\//);
  });

  it('use what Argo CD gives for the application’s own repository, and for that host alone', async () => {
    const header = `Authorization: Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
    const url = `http://${repositories.host}`;
    const files: Files = { 'kustomization.yaml': `resources: ["${url}/org/repo.git//base"]\n` };
    const render = (own: string) =>
      renderFiles(files, {
        settings: { kustomize: { remoteBases: [url] } },
        env: { ARGOCD_GIT_AUTH_HEADER: header },
        request: (plain) => ({ ...plain, buildEnvironment: { ARGOCD_APP_SOURCE_REPO_URL: own } }),
      });
    expect(names(renderedObjects(await render(`${url}/org/own.git`)))).toEqual(['from-git', 'shared']);
    expect((await refusalOf(render('https://elsewhere.example/org/own.git'))).code).toBe('RENDER_FETCH_FAILED');
  });

  it('asks Argo CD’s program for the password', async () => {
    const url = `http://${repositories.host}`;
    writeFileSync(
      join(folder.path, 'askpass'),
      `#!/bin/sh\ncase "$1" in Username*) echo '${USER}';; *) echo '${PASSWORD}';; esac\n`,
      { mode: 0o755 },
    );
    const rendered = await renderFiles(
      { 'kustomization.yaml': `resources: ["${url}/org/repo.git//shared"]\n` },
      {
        settings: { kustomize: { remoteBases: [url] } },
        env: { GIT_ASKPASS: join(folder.path, 'askpass') },
        request: (plain) => ({ ...plain, buildEnvironment: { ARGOCD_APP_SOURCE_REPO_URL: `${url}/org/own.git` } }),
      },
    );
    expect(names(renderedObjects(rendered))).toEqual(['shared']);
  });

  it('hand ssh nothing but a file of our own', async () => {
    writeFileSync(join(folder.path, 'id'), 'key');
    writeFileSync(join(folder.path, 'known_hosts'), '');
    const settings = {
      kustomize: { remoteBases: ['127.0.0.1:1'] },
      credentials: store('ssh://127.0.0.1:1', { sshKeyFile: 'id', knownHostsFile: 'known_hosts' }),
    };
    const error = await refusalOf(
      renderFiles({ 'kustomization.yaml': 'resources: ["ssh://git@127.0.0.1:1/org/repo"]' }, { settings }),
    );
    expect(error).toMatchObject({
      code: 'RENDER_FETCH_FAILED',
      message: expect.stringMatching(/ssh: connect to host|Connection refused/),
    });
  });
});

describe('files from a web server', () => {
  it('are fetched with what the store holds, over a redirect to a listed host', async () => {
    await using files = await serve((_, response) => response.end(configMap('fetched')));
    await using entry = await serve(
      (_, response) => response.writeHead(302, { location: `http://${files.host}/real.yaml` }).end(),
      { open: true },
    );
    const settings = {
      kustomize: { remoteBases: [`http://${files.host}`, `http://${entry.host}`] },
      credentials: store(`http://${files.host}`),
    };
    const rendered = await renderFiles(
      { 'kustomization.yaml': `resources: ["http://${entry.host}/install.yaml"]` },
      { settings },
    );
    expect(names(renderedObjects(rendered))).toEqual(['fetched']);
  });

  it.each<[string, (host: string) => Record<string, string>, number, RegExp]>([
    [
      'a redirect to a host that is not listed',
      () => ({ location: 'http://127.0.0.1:1/x.yaml' }),
      302,
      /redirects to .*not listed/,
    ],
    ['a redirect that never ends', () => ({ location: '/install.yaml' }), 302, /more than 5 times/],
    ['an error', () => ({}), 500, /answered 500/],
  ])('refuse %s', async (_, headers, status, message) => {
    await using server = await serve((_request, response) => response.writeHead(status, headers('')).end('x'), {
      open: true,
    });
    const settings = { kustomize: { remoteBases: [`http://${server.host}`] } };
    const error = await refusalOf(
      renderFiles({ 'kustomization.yaml': `resources: ["http://${server.host}/install.yaml"]` }, { settings }),
    );
    expect(error).toMatchObject({ code: 'RENDER_FETCH_FAILED', message: expect.stringMatching(message) });
  });

  it('refuse a body that is too large, and a server that is not there', async () => {
    await using server = await serve((_, response) => response.end(Buffer.alloc(2 * 1024 * 1024)), { open: true });
    const ask = (host: string) =>
      refusalOf(
        renderFiles(
          { 'kustomization.yaml': `resources: ["http://${host}/install.yaml"]` },
          { settings: { kustomize: { remoteBases: [`http://${host}`] }, limits: { fileMiB: 1 } } },
        ),
      );
    expect((await ask(server.host)).message).toMatch(/larger than/);
    expect((await ask('127.0.0.1:1')).message).toMatch(/ECONNREFUSED/);
  });

  it('are fetched with an authority of the store, and not without', async () => {
    await using server = await serve((_, response) => response.end(configMap('fetched')), { tls: certificates.server });
    const files: Files = { 'kustomization.yaml': `resources: ["https://${server.host}/a.yaml"]` };
    const settings = {
      kustomize: { remoteBases: [server.host] },
      credentials: store(server.host, { caFile: 'ca.pem' }),
    };
    expect(names(renderedObjects(await renderFiles(files, { settings })))).toEqual(['fetched']);
    expect(
      (await refusalOf(renderFiles(files, { settings: { ...settings, credentials: store(server.host) } }))).code,
    ).toBe('RENDER_FETCH_FAILED');
  });
});
