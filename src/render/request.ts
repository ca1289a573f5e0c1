/** What the application's side asks for. Nothing in it can widen what the platform's `RenderSettings` allow. */

/** The renderers. `auto` looks at the folder as Argo CD does; `flux` builds as Flux does, and is never guessed. */
export type Tool = 'kustomize' | 'helm' | 'directory' | 'flux';

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
  /** What findings call it; `-` if nothing is said. */
  readonly name?: string;
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

/** One entry of `patches` of a Kustomization of Flux. */
export interface FluxPatch {
  /** A strategic merge patch, or a list of JSON 6902 operations; YAML or JSON. */
  readonly patch: string;
  /** What it is for; an empty text is as good as no field. */
  readonly target?: {
    readonly group?: string | undefined;
    readonly version?: string | undefined;
    readonly kind?: string | undefined;
    readonly name?: string | undefined;
    readonly namespace?: string | undefined;
    readonly annotationSelector?: string | undefined;
    readonly labelSelector?: string | undefined;
  };
}

/** One entry of `images` of a Kustomization of Flux. */
export interface FluxImage {
  readonly name: string;
  readonly newName?: string | undefined;
  readonly newTag?: string | undefined;
  readonly digest?: string | undefined;
}

/** Substitution of variables in what was built. */
export interface FluxPostBuild {
  /**
   * Every variable with its value, resolved: those of `substituteFrom` in their order, those of `substitute` over them.
   * Line breaks in values are dropped, as Flux does.
   */
  readonly variables: Readonly<Record<string, string>>;
  /** `WithVariables` leaves objects alone while there is no variable; `Always` fills in defaults even then. */
  readonly strategy: 'WithVariables' | 'Always';
}

/** A chart, as a HelmRelease of Flux renders it on install. */
export interface FluxHelm {
  readonly releaseName: string;
  /** The namespace of the release: where objects go that name none. */
  readonly namespace: string;
  /** One YAML mapping: what `mergeValues` made of references and inline values; '' for none. */
  readonly values: string;
  readonly skipCrds: boolean;
  /** Leaves the chart's tests out. Where it is false, a chart that has some is refused. */
  readonly skipTests: boolean;
}

/**
 * What a Kustomization of Flux, or a HelmRelease, changes in its source, with the same meaning of every field. An empty
 * text is a field that is not there.
 */
export interface FluxRequest {
  readonly patches: readonly FluxPatch[];
  readonly images: readonly FluxImage[];
  /** Relative to the path that is built. */
  readonly components: readonly string[];
  readonly ignoreMissingComponents: boolean;
  readonly targetNamespace: string;
  readonly namePrefix: string;
  readonly nameSuffix: string;
  readonly commonMetadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  readonly postBuild: FluxPostBuild | undefined;
  /** Set where the path holds a chart; `patches` and `images` then change what it renders to. */
  readonly helm: FluxHelm | undefined;
}

/** A request that changes nothing. */
export const PLAIN_FLUX: FluxRequest = {
  patches: [],
  images: [],
  components: [],
  ignoreMissingComponents: false,
  targetNamespace: '',
  namePrefix: '',
  nameSuffix: '',
  commonMetadata: { labels: {}, annotations: {} },
  postBuild: undefined,
  helm: undefined,
};

/** What the parts of a request are called where whoever asks wrote them, so that errors name what there is to correct. */
export interface CalledParts {
  /** The path of the folder. */
  readonly path: string;
  readonly components: string;
  readonly patches: string;
  /** What makes the folder a chart's. */
  readonly helm: string;
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
  /** Read where the tool is `flux`, and only there. */
  readonly flux: FluxRequest;
  /** Absent where errors can speak of the command line, or of Argo CD's parameters. */
  readonly called?: CalledParts | undefined;
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
    flux: PLAIN_FLUX,
  };
}
