/** What the application's side asks for. Nothing in it can widen what the platform's `RenderSettings` allow. */

/** The renderers. `auto` looks at the folder as Argo CD does. */
export type Tool = 'kustomize' | 'helm' | 'directory';

export interface FolderSource {
  readonly kind: 'folder';
  /** Absolute path of the tree that may be read; nothing outside it is. For Argo CD, the root of the repository. */
  readonly root: string;
  /** The application's folder relative to the root; `.` for the root itself. */
  readonly path: string;
}

/** Manifests that another renderer printed. */
export interface StdinSource {
  readonly kind: 'stdin';
  readonly bytes: Uint8Array;
}

/** As `spec.source.kustomize` of an Argo CD Application, with the same meaning of every field. */
export interface KustomizeRequest {
  readonly namePrefix: string;
  readonly nameSuffix: string;
  readonly namespace: string;
  /** As `kustomize edit set image` takes them: `name=new:tag`, `name:tag`, `name@sha256:…`. */
  readonly images: readonly string[];
  readonly replicas: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly forceCommonLabels: boolean;
  readonly labelWithoutSelector: boolean;
  readonly labelIncludeTemplates: boolean;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly forceCommonAnnotations: boolean;
  readonly commonAnnotationsEnvsubst: boolean;
  readonly components: readonly string[];
  readonly ignoreMissingComponents: boolean;
  /** Each a YAML or JSON text of one entry of a kustomization's `patches`. */
  readonly patches: readonly string[];
}

/** As `spec.source.helm` of an Argo CD Application, with the same meaning of every field. */
export interface HelmRequest {
  readonly releaseName: string;
  readonly namespace: string;
  /** Relative to the application's folder, or with a leading `/` to the source root; `*`, `?`, `[…]`, `**` are globs. */
  readonly valueFiles: readonly string[];
  readonly ignoreMissingValueFiles: boolean;
  /** YAML; applied after the values files. */
  readonly values: string;
  /** `--set` */
  readonly parameters: Readonly<Record<string, string>>;
  /** `--set-string` */
  readonly stringParameters: Readonly<Record<string, string>>;
  /** `--set-file`; paths as for valueFiles, without globs. */
  readonly fileParameters: Readonly<Record<string, string>>;
  readonly skipCrds: boolean;
  readonly skipTests: boolean;
  readonly skipSchemaValidation: boolean;
}

/** As `spec.source.directory` of an Argo CD Application. */
export interface DirectoryRequest {
  readonly recurse: boolean;
  /** Globs over paths relative to the application's folder, in which `*` crosses `/`, and `{a,b}` lists; '' for none. */
  readonly include: string;
  readonly exclude: string;
}

export interface RenderRequest {
  readonly source: FolderSource | StdinSource;
  readonly tool: 'auto' | Tool;
  /** Helm's release name where none is set. An Argo CD name `<namespace>_<name>` gives its last part. */
  readonly appName: string;
  /** The namespace that the destination gives; Helm's release namespace. '' where it is not known. */
  readonly destinationNamespace: string;
  /** The version of the cluster, for charts that ask; '' leaves it to the renderer. */
  readonly kubeVersion: string;
  readonly apiVersions: readonly string[];
  /** What `$NAME` and `${NAME}` in images, labels, Helm parameters and file names stand for (Argo CD's build environment). */
  readonly buildEnvironment: Readonly<Record<string, string>>;
  readonly kustomize: KustomizeRequest;
  readonly helm: HelmRequest;
  readonly directory: DirectoryRequest;
}

/** A request that asks for nothing but the source itself. */
export function plainRequest(source: FolderSource | StdinSource): RenderRequest {
  return {
    source,
    tool: 'auto',
    appName: '',
    destinationNamespace: '',
    kubeVersion: '',
    apiVersions: [],
    buildEnvironment: {},
    kustomize: {
      namePrefix: '',
      nameSuffix: '',
      namespace: '',
      images: [],
      replicas: {},
      commonLabels: {},
      forceCommonLabels: false,
      labelWithoutSelector: false,
      labelIncludeTemplates: false,
      commonAnnotations: {},
      forceCommonAnnotations: false,
      commonAnnotationsEnvsubst: false,
      components: [],
      ignoreMissingComponents: false,
      patches: [],
    },
    helm: {
      releaseName: '',
      namespace: '',
      valueFiles: [],
      ignoreMissingValueFiles: false,
      values: '',
      parameters: {},
      stringParameters: {},
      fileParameters: {},
      skipCrds: false,
      skipTests: false,
      skipSchemaValidation: false,
    },
    directory: { recurse: false, include: '', exclude: '' },
  };
}
