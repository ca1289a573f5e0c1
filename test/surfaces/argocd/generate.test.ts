import { describe, expect, it } from 'vitest';
import { PARAMETERS } from '../../../src/render/parameters.ts';
import { platformConfigPath, requestFromPluginEnvironment } from '../../../src/surfaces/argocd/generate.ts';
import { type PluginApplication, pluginEnvironment } from '../../support/argocd/plugin-environment.ts';

const unpacked = '/tmp/_cmp_server/00a46cbc-8cab-4384-b9e2-c1c9e9a029f0';

function environment(app: Partial<PluginApplication> = {}): Record<string, string> {
  return Object.fromEntries(pluginEnvironment({ name: 'web', ...app }).map(({ name, value }) => [name, value]));
}

function request(app: Partial<PluginApplication> = {}, cwd = unpacked) {
  return requestFromPluginEnvironment(environment(app), cwd);
}

describe('requestFromPluginEnvironment', () => {
  it('takes over what Argo CD says of the Application and the cluster', () => {
    const asked = request({
      namespace: 'team',
      destinationNamespace: 'apps',
      kubeVersion: 'v1.31.2-gke.1',
      apiVersions: ['apps/v1', 'apps/v1/Deployment', 'v1', 'v1/Pod'],
      revision: 'f00dfeedf00dfeed',
    });
    expect(asked).toMatchObject({
      tool: 'auto',
      appName: 'team_web',
      destinationNamespace: 'apps',
      kubeVersion: '1.31.2',
      apiVersions: ['apps/v1', 'apps/v1/Deployment', 'v1', 'v1/Pod'],
    });
    expect(asked.buildEnvironment).toMatchObject({ ARGOCD_APP_NAME: 'team_web', ARGOCD_APP_REVISION_SHORT: 'f00dfee' });
  });

  it('gives to templates only what Argo CD gives them, and nothing of the sidecar', () => {
    const env = { ...environment(), AWS_SECRET_ACCESS_KEY: 'secret', SYNCGATE_CONFIG: '/etc/syncgate/gate.yaml' };
    const { buildEnvironment } = requestFromPluginEnvironment(env, unpacked);
    expect(Object.keys(buildEnvironment).every((name) => name.startsWith('ARGOCD_APP_'))).toBe(true);
    expect(Object.keys(buildEnvironment)).toHaveLength(9);
  });

  it('accepts the source hydrator, which has no cluster, and a local tree, which has no revision', () => {
    const asked = request({ kubeVersion: '', apiVersions: [], revision: 'streamed' });
    expect(asked).toMatchObject({ kubeVersion: '', apiVersions: [] });
    expect(asked.buildEnvironment['ARGOCD_APP_REVISION']).toBe('streamed');
  });

  it('refuses to start outside of Argo CD', () => {
    expect(() => requestFromPluginEnvironment({ PATH: '/bin' }, '/work')).toThrow(/ARGOCD_APP_NAME is not set/);
  });

  describe('the repository root', () => {
    it.each([
      ['the root of the repository', unpacked, '.', unpacked, '.'],
      ['a folder', `${unpacked}/apps/web`, 'apps/web', unpacked, 'apps/web'],
      ['a chart or an OCI artifact, which has no path', unpacked, '', unpacked, '.'],
      [
        'a part of the repository, which is shorter than the path',
        `${unpacked}/web`,
        'teams/a/apps/web',
        unpacked,
        'web',
      ],
      ['a part that is the folder itself', unpacked, 'apps/web', unpacked, '.'],
      [
        'a folder that calls itself so',
        `${unpacked}${unpacked}/x`,
        `${unpacked.slice(1)}/x`,
        unpacked,
        `${unpacked.slice(1)}/x`,
      ],
      ['another working folder', `/data/w${unpacked.slice(4)}/web`, 'web', `/data/w${unpacked.slice(4)}`, 'web'],
      ['by hand, inside a clone', '/home/me/clone/apps/web', './apps//web/', '/home/me/clone', 'apps/web'],
      ['by hand, elsewhere', '/home/me/web', 'apps/web', '/home/me/web', '.'],
      ['by hand, with a path that climbs', '/home/me/web', '../web', '/home/me/web', '.'],
      ['by hand, with an absolute path', '/home/me/web', '/home/me/web', '/home/me/web', '.'],
      ['by hand, half a name', '/home/me/fooweb', 'web', '/home/me/fooweb', '.'],
      ['by hand, up to the root of the machine', '/web', 'web', '/web', '.'],
      [
        'a folder of that name without a run below',
        '/tmp/_cmp_server/apps/web',
        'x/y/z',
        '/tmp/_cmp_server/apps/web',
        '.',
      ],
    ])('%s', (_, cwd, path, root, inside) => {
      expect(request({ path }, cwd).source).toEqual({ kind: 'folder', root, path: inside });
    });
  });

  describe('plugin.env', () => {
    it.each(['SYNCGATE_CONFIG', 'HELM_ARGS', ''])('is refused rather than ignored: %j', (name) => {
      const plugin = { env: [{ name, value: '/elsewhere' }] };
      expect(() => request({ plugin })).toThrowError(expect.objectContaining({ code: 'PLUGIN_ENV_REFUSED' }));
    });
  });

  describe('the cluster', () => {
    it.each(['1.31', 'v1.31.2', '1.31.2'])('has a version: %s', (version) => {
      expect(requestFromPluginEnvironment({ ...environment(), KUBE_VERSION: version }, unpacked).kubeVersion).toBe(
        version,
      );
    });
    it.each([
      ['KUBE_VERSION', '1.31 --post-renderer=x'],
      ['KUBE_VERSION', '--version'],
      ['KUBE_API_VERSIONS', 'v1,--post-renderer=x'],
      ['KUBE_API_VERSIONS', 'a/b/c/d'],
      ['KUBE_API_VERSIONS', 'v1,apps/ v1'],
    ])('%s is no place for anything else: %s', (name, value) => {
      const error = expect.objectContaining({ code: 'PLUGIN_ENVIRONMENT_INVALID' });
      expect(() => requestFromPluginEnvironment({ ...environment(), [name]: value }, unpacked)).toThrowError(error);
    });
  });

  describe('parameters', () => {
    it.each([
      ['a source without a plugin block', null],
      ['a block without parameters', {}],
      ['an empty list', { parameters: [] }],
    ])('may be absent: %s', (_, plugin) => expect(request({ plugin }).tool).toBe('auto'));

    it('set what the table says they set', () => {
      const parameters = [
        { name: 'tool', string: 'helm' },
        { name: 'helm-value-files', array: ['values.yaml', '/common/<b>&.yaml'] },
        { name: 'helm-parameters', map: { 'image.tag': '1', __proto__x: 'y' } },
      ];
      const asked = request({ plugin: { parameters } });
      expect(asked.tool).toBe('helm');
      expect(asked.helm.valueFiles).toEqual(['values.yaml', '/common/<b>&.yaml']);
      expect(asked.helm.parameters).toEqual({ 'image.tag': '1', __proto__x: 'y' });
    });

    it('each of the table can be set', () => {
      for (const { name, type, tooltip } of PARAMETERS) {
        const [choice = ''] = /: ([^:]*)$/.exec(tooltip)?.[1]?.split(', ') ?? [];
        const value = type === 'string' ? choice : type === 'array' ? [] : {};
        expect(() => request({ plugin: { parameters: [{ name, [type]: value }] } }), name).not.toThrow();
      }
    });

    it.each([
      ['not JSON', '[', 'PLUGIN_ENVIRONMENT_INVALID', /is not JSON/],
      ['an object', '{}', 'PLUGIN_ENVIRONMENT_INVALID', /is not a JSON array/],
      ['an entry that is text', '["tool"]', 'PARAMETER_INVALID', /no object/],
      ['an entry without a name', '[{"string":"helm"}]', 'PARAMETER_INVALID', /no name/],
      [
        'an unknown name',
        '[{"name":"helm-valuefiles","array":[]}]',
        'PARAMETER_UNKNOWN',
        /did you mean helm-value-files\?/,
      ],
      ['a name of every object', '[{"name":"__proto__","string":""}]', 'PARAMETER_UNKNOWN', /there is no parameter/],
      [
        'the wrong type',
        '[{"name":"tool","array":["helm"]}]',
        'PARAMETER_INVALID',
        /"tool" takes `string:` and has "array"/,
      ],
      ['two values', '[{"name":"tool","string":"helm","array":[]}]', 'PARAMETER_INVALID', /has "string" and "array"/],
      ['no value', '[{"name":"tool"}]', 'PARAMETER_INVALID', /has no value/],
      ['a number in a text', '[{"name":"tool","string":1}]', 'PARAMETER_INVALID', /not text/],
      ['a number in an array', '[{"name":"helm-value-files","array":[1]}]', 'PARAMETER_INVALID', /not text/],
      ['null in a map', '[{"name":"helm-parameters","map":{"a":null}}]', 'PARAMETER_INVALID', /not text/],
      ['an array for a map', '[{"name":"helm-parameters","map":["a"]}]', 'PARAMETER_INVALID', /not text/],
      [
        'one name twice',
        '[{"name":"tool","string":"helm"},{"name":"tool","string":"auto"}]',
        'PARAMETER_INVALID',
        /twice/,
      ],
      ['a word that is no choice', '[{"name":"tool","string":"sh"}]', 'PARAMETER_INVALID', /one of/],
    ])('are read strictly: %s', (_, text, code, message) => {
      const env = { ...environment(), ARGOCD_APP_PARAMETERS: text };
      expect(() => requestFromPluginEnvironment(env, unpacked)).toThrowError(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      );
    });
  });
});

describe('platformConfigPath', () => {
  it('is the mount of the image unless the sidecar says otherwise', () => {
    expect(platformConfigPath({})).toBe('/etc/syncgate/gate.yaml');
    expect(platformConfigPath({ SYNCGATE_CONFIG: '/mnt/gate.yaml' })).toBe('/mnt/gate.yaml');
  });
  it.each(['gate.yaml', './gate.yaml', ''])('is never looked for in the tenant’s repository: %j', (path) => {
    expect(() => platformConfigPath({ SYNCGATE_CONFIG: path })).toThrow(/relative path/);
  });
  it('cannot be set by an Application', () => {
    const plugin = {
      env: ['SYNCGATE_CONFIG', '=SYNCGATE_CONFIG', '\nSYNCGATE_CONFIG', '\0SYNCGATE_CONFIG'].map((name) => ({
        name,
        value: '/evil',
      })),
      parameters: [{ name: 'SYNCGATE_CONFIG', string: '/evil' }],
    };
    expect(platformConfigPath(environment({ plugin }))).toBe('/etc/syncgate/gate.yaml');
  });
});
