/**
 * The environment that Argo CD's repo-server gives a plugin, built as its reposerver/repository (`newEnv`,
 * `getPluginEnvs`, `getPluginParamEnvs`) builds it: entries in order, later ones win.
 */
interface PluginParameter {
  readonly name: string;
  readonly string?: string;
  readonly array?: readonly string[];
  readonly map?: Readonly<Record<string, string>>;
}

/** What of an Application, its revision and its cluster reaches a plugin. */
export interface PluginApplication {
  readonly name: string;
  /** The Application's own namespace, where it is not Argo CD's. */
  readonly namespace?: string;
  readonly destinationNamespace?: string;
  readonly project?: string;
  readonly revision?: string;
  readonly repoUrl?: string;
  /** Of the source, relative to the repository's root. */
  readonly path?: string;
  readonly targetRevision?: string;
  /** As the cluster spells it, such as `v1.31.2-gke.1`; empty for the source hydrator. */
  readonly kubeVersion?: string;
  readonly apiVersions?: readonly string[];
  /** `spec.source.plugin`; null where the source has no such block. */
  readonly plugin?: {
    readonly env?: readonly { readonly name: string; readonly value: string }[];
    readonly parameters?: readonly PluginParameter[];
  } | null;
}

export interface EnvEntry {
  readonly name: string;
  readonly value: string;
}

export function pluginEnvironment(app: PluginApplication): EnvEntry[] {
  const revision = app.revision ?? '0123456789abcdef0123456789abcdef01234567';
  const entries: EnvEntry[] = [
    { name: 'ARGOCD_APP_NAME', value: app.namespace === undefined ? app.name : `${app.namespace}_${app.name}` },
    { name: 'ARGOCD_APP_NAMESPACE', value: app.destinationNamespace ?? '' },
    { name: 'ARGOCD_APP_PROJECT_NAME', value: app.project ?? 'default' },
    { name: 'ARGOCD_APP_REVISION', value: revision },
    { name: 'ARGOCD_APP_REVISION_SHORT', value: revision.slice(0, 7) },
    { name: 'ARGOCD_APP_REVISION_SHORT_8', value: revision.slice(0, 8) },
    { name: 'ARGOCD_APP_SOURCE_REPO_URL', value: app.repoUrl ?? 'https://git.example/team/app.git' },
    { name: 'ARGOCD_APP_SOURCE_PATH', value: app.path ?? '.' },
    { name: 'ARGOCD_APP_SOURCE_TARGET_REVISION', value: app.targetRevision ?? 'HEAD' },
    { name: 'KUBE_VERSION', value: genericVersion(app.kubeVersion ?? '1.36.3') },
    {
      name: 'KUBE_API_VERSIONS',
      value: (app.apiVersions ?? ['apps/v1', 'apps/v1/Deployment', 'v1', 'v1/Pod']).join(','),
    },
  ];
  if (app.plugin === null) return entries;
  const known = new Map(entries.map((entry) => [entry.name, entry.value]));
  for (const entry of app.plugin?.env ?? []) {
    entries.push({ name: `ARGOCD_ENV_${entry.name}`, value: expand(entry.value, known) });
  }
  entries.push(...parameterEntries(app.plugin?.parameters));
  return entries;
}

function parameterEntries(parameters: readonly PluginParameter[] | undefined): EnvEntry[] {
  const entries = [{ name: 'ARGOCD_APP_PARAMETERS', value: goJson(parameters ?? null) }];
  for (const parameter of parameters ?? []) {
    const base = `PARAM_${escaped(parameter.name)}`;
    if (parameter.string !== undefined) entries.push({ name: base, value: parameter.string });
    for (const [key, value] of Object.entries(parameter.map ?? {})) {
      entries.push({ name: `${base}_${escaped(key)}`, value });
    }
    for (const [index, value] of (parameter.array ?? []).entries()) entries.push({ name: `${base}_${index}`, value });
  }
  return entries;
}

/** As Go's encoding/json writes it, which escapes these for HTML. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function escaped(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9_]/g, '_');
}

/** `v1.31.2-gke.1` is given as `1.31.2` (apimachinery's ParseGeneric). */
function genericVersion(version: string): string {
  return /^v?(\d+(?:\.\d+)+)/.exec(version)?.[1] ?? version;
}

/** Go's os.Expand over Argo's own entries; what is not among them becomes empty, and `$$` a dollar. */
function expand(value: string, known: ReadonlyMap<string, string>): string {
  return value.replace(/\$(?:\$|\{([^}]*)\}|(\w+))/g, (whole, braced?: string, bare?: string) =>
    whole === '$$' ? '$' : (known.get(braced ?? bare ?? '') ?? ''),
  );
}
