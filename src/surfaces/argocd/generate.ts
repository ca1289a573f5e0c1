import { isAbsolute, posix, sep } from 'node:path';
import { GateError } from '../../core/errors.ts';
import { nearest } from '../../core/settings-file.ts';
import { PARAMETERS, type ParameterValue, type ParameterValues, requestFrom } from '../../render/parameters.ts';
import { plainRequest, type RenderRequest } from '../../render/request.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration's place in the container image. */
const mountedConfig = '/etc/syncgate/gate.yaml';

/** Argo CD's build environment: what `$NAME` stands for in a source (reposerver/repository, newEnv). */
const buildEnvironmentNames = [
  'ARGOCD_APP_NAME',
  'ARGOCD_APP_NAMESPACE',
  'ARGOCD_APP_PROJECT_NAME',
  'ARGOCD_APP_REVISION',
  'ARGOCD_APP_REVISION_SHORT',
  'ARGOCD_APP_REVISION_SHORT_8',
  'ARGOCD_APP_SOURCE_REPO_URL',
  'ARGOCD_APP_SOURCE_PATH',
  'ARGOCD_APP_SOURCE_TARGET_REVISION',
] as const;

/**
 * What Argo CD asks a plugin to render, from the environment and the working folder of its generate command. Everything
 * in there but the sidecar's own variables is the tenant's: it says what to render and never by which rules. Throws
 * PLUGIN_ENVIRONMENT_INVALID, PLUGIN_ENV_REFUSED, PARAMETER_UNKNOWN or PARAMETER_INVALID.
 */
export function requestFromPluginEnvironment(env: Environment, cwd: string): RenderRequest {
  const appName = env['ARGOCD_APP_NAME'] ?? '';
  if (appName === '') {
    throw new GateError('PLUGIN_ENVIRONMENT_INVALID', 'ARGOCD_APP_NAME is not set, so this was not started by Argo CD');
  }
  refusePluginEnv(env);
  const base = plainRequest({ kind: 'folder', ...sourceFolder(cwd, env['ARGOCD_APP_SOURCE_PATH'] ?? '.') });
  return requestFrom(
    {
      ...base,
      appName,
      destinationNamespace: env['ARGOCD_APP_NAMESPACE'] ?? '',
      kubeVersion: kubeVersion(env['KUBE_VERSION'] ?? ''),
      apiVersions: apiVersions(env['KUBE_API_VERSIONS'] ?? ''),
      buildEnvironment: Object.fromEntries(buildEnvironmentNames.map((name) => [name, env[name] ?? ''])),
    },
    pluginParameters(env['ARGOCD_APP_PARAMETERS']),
  );
}

/**
 * Where the platform's configuration is: SYNCGATE_CONFIG of the sidecar's environment, else the image's mount. An
 * Application cannot set that variable: Argo CD gives its variables the prefixes ARGOCD_ENV_ and PARAM_. Throws
 * CONFIG_MISSING for a relative path, because the working folder is the tenant's repository.
 */
export function platformConfigPath(env: Environment): string {
  const path = env['SYNCGATE_CONFIG'] ?? mountedConfig;
  if (isAbsolute(path)) return path;
  throw new GateError(
    'CONFIG_MISSING',
    'SYNCGATE_CONFIG is a relative path, and the working folder is not the platform’s',
    {
      mend: 'Set it to an absolute path in the environment of the sidecar.',
    },
  );
}

/**
 * A variable of `plugin.env` that is quietly without effect looks like a setting that works, so it is refused.
 */
function refusePluginEnv(env: Environment): void {
  const [name] = Object.keys(env)
    .filter((each) => each.startsWith('ARGOCD_ENV_'))
    .sort();
  if (name === undefined) return;
  const short = JSON.stringify(name.slice('ARGOCD_ENV_'.length).slice(0, 60));
  throw new GateError('PLUGIN_ENV_REFUSED', `plugin.env sets ${short}, and syncgate takes nothing from there`);
}

/**
 * The unpacked repository and the application's folder in it. argocd-cmp-server unpacks each request below
 * `_cmp_server/<uuid>`; that folder is the root, whatever the Application calls its path. (With
 * `--plugin-use-manifest-generate-paths` only a part of the repository is sent, and climbing as many folders as the path
 * has would end among the repositories of other tenants.) Elsewhere the path is taken off the end of the folder, and
 * where it does not stand there, nothing above the folder may be read.
 */
function sourceFolder(cwd: string, sourcePath: string): { readonly root: string; readonly path: string } {
  const unpacked = /^(.*?\/_cmp_server\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:\/(.*))?$/s.exec(cwd);
  if (unpacked !== null) return { root: unpacked[1] ?? cwd, path: unpacked[2] || '.' };
  const path = posix.normalize(sourcePath).replace(/\/+$/, '');
  if (path === '.' || path.startsWith('/') || path.split('/').includes('..')) return { root: cwd, path: '.' };
  if (!cwd.endsWith(sep + path) || cwd.length === path.length + 1) return { root: cwd, path: '.' };
  return { root: cwd.slice(0, -path.length - 1), path };
}

/** Empty for the source hydrator, which renders for no cluster. */
function kubeVersion(text: string): string {
  if (text === '' || /^v?\d{1,9}(?:\.\d{1,9}){1,3}$/.test(text)) return text;
  throw new GateError('PLUGIN_ENVIRONMENT_INVALID', `KUBE_VERSION ${quote(text)} is not a version such as 1.36.3`);
}

/** `group/version` and `group/version/Kind`, in the order in which Argo CD sorted them. */
function apiVersions(text: string): readonly string[] {
  const entries = text.split(',').filter((entry) => entry !== '');
  const wrong = entries.find((entry) => !/^[A-Za-z0-9][A-Za-z0-9.-]*(?:\/[A-Za-z0-9][A-Za-z0-9.-]*){0,2}$/.test(entry));
  if (wrong === undefined) return entries;
  throw new GateError('PLUGIN_ENVIRONMENT_INVALID', `KUBE_API_VERSIONS holds ${quote(wrong)}, which is no API version`);
}

/**
 * ARGOCD_APP_PARAMETERS: a JSON array of `{name, string | array | map}`; `null` where the plugin block has none, unset
 * where there is no block (Argo CD's ApplicationSourcePluginParameter). The PARAM_ variables say the same again, but two
 * names can collide there, so they are not read.
 */
function pluginParameters(text: string | undefined): ParameterValues {
  if (text === undefined || text === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new GateError('PLUGIN_ENVIRONMENT_INVALID', 'ARGOCD_APP_PARAMETERS is not JSON', { cause });
  }
  if (parsed === null) return {};
  if (!Array.isArray(parsed)) {
    throw new GateError('PLUGIN_ENVIRONMENT_INVALID', 'ARGOCD_APP_PARAMETERS is not a JSON array');
  }
  const values = new Map<string, ParameterValue>();
  for (const entry of parsed) {
    const [name, value] = pluginParameter(entry);
    if (values.has(name)) throw wrongParameter(`${quote(name)} is set twice`);
    values.set(name, value);
  }
  return Object.fromEntries(values);
}

/** Where the Application's author finds them. */
const parametersField = 'plugin.parameters';

function pluginParameter(entry: unknown): [string, ParameterValue] {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    throw wrongParameter('an entry is no object');
  const { name, ...held } = entry as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || name === '') throw wrongParameter('an entry has no name');
  const known = PARAMETERS.find((parameter) => parameter.name === name);
  if (known === undefined) {
    const near = nearest(
      name,
      PARAMETERS.map((parameter) => parameter.name),
    );
    const hint = near === undefined ? '' : `; did you mean ${near}?`;
    throw new GateError('PARAMETER_UNKNOWN', `there is no parameter ${quote(name)}${hint}`, { place: parametersField });
  }
  const kinds = Object.keys(held);
  if (kinds.length !== 1 || kinds[0] !== known.type) {
    const has = kinds.length === 0 ? 'no value' : kinds.map((kind) => quote(kind)).join(' and ');
    throw wrongParameter(`${quote(name)} takes \`${known.type}:\` and has ${has}`);
  }
  const value = held[known.type];
  if (known.type === 'string' && typeof value === 'string') return [name, value];
  if (known.type === 'array' && Array.isArray(value) && value.every(isString)) return [name, value];
  if (known.type === 'map' && isStringMap(value)) return [name, value];
  throw wrongParameter(`the ${known.type} of ${quote(name)} holds something that is not text`);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isStringMap(value: unknown): value is Readonly<Record<string, string>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isString);
}

function wrongParameter(message: string): GateError {
  return new GateError('PARAMETER_INVALID', message, { place: parametersField });
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
