import { GateError } from '../core/errors.ts';
import type { DirectoryRequest, HelmRequest, KustomizeRequest, RenderRequest, Tool } from './request.ts';

export type ParameterValue = string | readonly string[] | Readonly<Record<string, string>>;
export type ParameterValues = Readonly<Record<string, ParameterValue>>;

/** Something that an application may set: a flag of the command, a parameter of the Argo CD plugin. */
export interface Parameter {
  readonly name: string;
  readonly type: 'string' | 'array' | 'map';
  readonly title: string;
  /** One sentence: what it does, and what form the value has. */
  readonly tooltip: string;
  /** The request with the value in it. Throws PARAMETER_INVALID where the value cannot be. */
  readonly apply: (request: RenderRequest, value: ParameterValue) => RenderRequest;
}

/**
 * Every parameter of the application's side. They say what is rendered, as the fields of an Argo CD Application do; none
 * reaches the platform's settings, the policies or the trust.
 */
export const PARAMETERS: readonly Parameter[] = [
  choice('tool', ['auto', 'kustomize', 'helm', 'directory'], 'Renderer', 'Which renderer to use', (request, value) => ({
    ...request,
    tool: value as 'auto' | Tool,
  })),
  text(
    'kubernetes-version',
    'Kubernetes version',
    'The version that charts are told, instead of the cluster’s',
    (request, value) => ({
      ...request,
      kubeVersion: value,
    }),
  ),
  list(
    'kubernetes-api-versions',
    'API versions',
    'The API versions that charts are told, instead of the cluster’s',
    (request, value) => ({
      ...request,
      apiVersions: value,
    }),
  ),

  kustomize('namePrefix', text, 'kustomize-name-prefix', 'Name prefix', 'Goes before the name of every object'),
  kustomize('nameSuffix', text, 'kustomize-name-suffix', 'Name suffix', 'Goes after the name of every object'),
  kustomize('namespace', text, 'kustomize-namespace', 'Namespace', 'The namespace of every object'),
  kustomize(
    'images',
    list,
    'kustomize-images',
    'Images',
    'Images to exchange, as `name=new:tag`, `name:tag` or `name@sha256:…`',
  ),
  kustomize('replicas', counts, 'kustomize-replicas', 'Replicas', 'How many replicas a workload of this name has'),
  kustomize('commonLabels', map, 'kustomize-common-labels', 'Labels', 'Labels of every object and selector'),
  kustomize(
    'forceCommonLabels',
    flag,
    'kustomize-force-common-labels',
    'Force labels',
    'Whether labels replace those that the kustomization sets',
  ),
  kustomize(
    'labelWithoutSelector',
    flag,
    'kustomize-label-without-selector',
    'Labels without selectors',
    'Whether selectors are left as they are',
  ),
  kustomize(
    'labelIncludeTemplates',
    flag,
    'kustomize-label-include-templates',
    'Labels in templates',
    'Whether pod templates get the labels too, where selectors do not',
  ),
  kustomize('commonAnnotations', map, 'kustomize-common-annotations', 'Annotations', 'Annotations of every object'),
  kustomize(
    'forceCommonAnnotations',
    flag,
    'kustomize-force-common-annotations',
    'Force annotations',
    'Whether annotations replace those that the kustomization sets',
  ),
  kustomize(
    'commonAnnotationsEnvsubst',
    flag,
    'kustomize-common-annotations-envsubst',
    'Variables in annotations',
    'Whether `$ARGOCD_APP_…` in annotations is replaced',
  ),
  kustomize(
    'components',
    list,
    'kustomize-components',
    'Components',
    'Folders of components to add, relative to the application',
  ),
  kustomize(
    'ignoreMissingComponents',
    flag,
    'kustomize-ignore-missing-components',
    'Ignore missing components',
    'Whether components that do not exist are left out',
  ),
  kustomize(
    'patches',
    list,
    'kustomize-patches',
    'Patches',
    'Patches to add, each the YAML or JSON of one entry of `patches`',
  ),

  helm(
    'releaseName',
    text,
    'helm-release-name',
    'Release name',
    'The name of the release, instead of the application’s',
  ),
  helm(
    'namespace',
    text,
    'helm-namespace',
    'Release namespace',
    'The namespace of the release, instead of the destination’s',
  ),
  helm(
    'valueFiles',
    list,
    'helm-value-files',
    'Values files',
    'Relative to the application, or with a leading slash to the repository; globs are allowed',
  ),
  helm(
    'ignoreMissingValueFiles',
    flag,
    'helm-ignore-missing-value-files',
    'Ignore missing values files',
    'Whether values files that do not exist are left out',
  ),
  helm('values', text, 'helm-values', 'Values', 'Values as YAML, merged after the values files'),
  helm('parameters', map, 'helm-parameters', 'Parameters', 'Single values, as `helm --set` takes them'),
  helm(
    'stringParameters',
    map,
    'helm-string-parameters',
    'Text parameters',
    'Single values that stay text, as `helm --set-string` takes them',
  ),
  helm(
    'fileParameters',
    map,
    'helm-file-parameters',
    'File parameters',
    'Values that are the content of a file, as `helm --set-file` takes them',
  ),
  helm('skipCrds', flag, 'helm-skip-crds', 'Skip CRDs', 'Whether the chart’s `crds` folder is left out'),
  helm('skipTests', flag, 'helm-skip-tests', 'Skip tests', 'Whether the chart’s tests are left out'),
  helm(
    'skipSchemaValidation',
    flag,
    'helm-skip-schema-validation',
    'Skip the values schema',
    'Whether values are not held against the chart’s schema',
  ),

  directory('recurse', flag, 'directory-recurse', 'Recurse', 'Whether folders below are read too'),
  directory('include', text, 'directory-include', 'Include', 'A glob; only files that it matches are read'),
  directory('exclude', text, 'directory-exclude', 'Exclude', 'A glob; files that it matches are not read'),
];

/**
 * A request with the values put into it. Throws PARAMETER_UNKNOWN for a name that is not in the table and
 * PARAMETER_INVALID for a value of the wrong type or form.
 */
export function requestFrom(base: RenderRequest, values: ParameterValues): RenderRequest {
  let request = base;
  for (const [name, value] of Object.entries(values)) {
    const parameter = PARAMETERS.find((each) => each.name === name);
    if (parameter === undefined) {
      throw new GateError('PARAMETER_UNKNOWN', `there is no parameter ${JSON.stringify(name.slice(0, 100))}`);
    }
    const given = typeOf(value);
    if (given !== parameter.type) {
      throw new GateError(
        'PARAMETER_INVALID',
        `the parameter ${name} is a ${parameter.type}, and was given a ${given}`,
      );
    }
    request = parameter.apply(request, value);
  }
  return request;
}

function typeOf(value: unknown): 'string' | 'array' | 'map' | 'value that it cannot be' {
  const isText = (each: unknown) => typeof each === 'string';
  if (isText(value)) return 'string';
  if (Array.isArray(value) && value.every(isText)) return 'array';
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isText))
    return 'map';
  return 'value that it cannot be';
}

type Put<Value> = (request: RenderRequest, value: Value) => RenderRequest;
type Form<Value> = (name: string, title: string, tooltip: string, put: Put<Value>) => Parameter;

function text(name: string, title: string, tooltip: string, put: Put<string>): Parameter {
  return {
    name,
    type: 'string',
    title,
    tooltip,
    apply: (request, value) => put(request, plain(name, value as string)),
  };
}

function list(name: string, title: string, tooltip: string, put: Put<readonly string[]>): Parameter {
  const apply = (request: RenderRequest, value: ParameterValue) =>
    put(
      request,
      (value as readonly string[]).map((each) => plain(name, each)),
    );
  return { name, type: 'array', title, tooltip, apply };
}

function map(name: string, title: string, tooltip: string, put: Put<Readonly<Record<string, string>>>): Parameter {
  const apply = (request: RenderRequest, value: ParameterValue) => {
    for (const [key, each] of Object.entries(value)) {
      plain(name, `${key}${each as string}`);
      if (key === '') throw new GateError('PARAMETER_INVALID', `the parameter ${name} has an entry without a name`);
    }
    return put(request, value as Readonly<Record<string, string>>);
  };
  return { name, type: 'map', title, tooltip, apply };
}

function counts(name: string, title: string, tooltip: string, put: Put<Readonly<Record<string, string>>>): Parameter {
  return map(name, title, tooltip, (request, value) => {
    const odd = Object.entries(value).find(([, count]) => !/^\d{1,9}$/.test(count));
    if (odd !== undefined) {
      throw new GateError(
        'PARAMETER_INVALID',
        `the parameter ${name} wants a number for ${odd[0]}, not ${JSON.stringify(odd[1])}`,
      );
    }
    return put(request, value);
  });
}

function flag(name: string, title: string, tooltip: string, put: Put<boolean>): Parameter {
  return choice(name, ['true', 'false'], title, tooltip, (request, value) => put(request, value === 'true'));
}

function choice(name: string, values: readonly string[], title: string, tooltip: string, put: Put<string>): Parameter {
  const apply = (request: RenderRequest, value: ParameterValue) => {
    if (!values.includes(value as string)) {
      throw new GateError(
        'PARAMETER_INVALID',
        `the parameter ${name} is one of ${values.join(', ')}, not ${JSON.stringify(value)}`,
      );
    }
    return put(request, value as string);
  };
  return { name, type: 'string', title, tooltip: `${tooltip}: ${values.join(', ')}`, apply };
}

/** No program takes a NUL byte in an argument. */
function plain(name: string, value: string): string {
  if (value.includes('\0')) throw new GateError('PARAMETER_INVALID', `the parameter ${name} holds a NUL byte`);
  return value;
}

function kustomize<Field extends keyof KustomizeRequest>(
  field: Field,
  form: Form<KustomizeRequest[Field]>,
  ...[name, title, tooltip]: [string, string, string]
): Parameter {
  return form(name, title, tooltip, (request, value) => ({
    ...request,
    kustomize: { ...request.kustomize, [field]: value },
  }));
}

function helm<Field extends keyof HelmRequest>(
  field: Field,
  form: Form<HelmRequest[Field]>,
  ...[name, title, tooltip]: [string, string, string]
): Parameter {
  return form(name, title, tooltip, (request, value) => ({ ...request, helm: { ...request.helm, [field]: value } }));
}

function directory<Field extends keyof DirectoryRequest>(
  field: Field,
  form: Form<DirectoryRequest[Field]>,
  ...[name, title, tooltip]: [string, string, string]
): Parameter {
  return form(name, title, tooltip, (request, value) => ({
    ...request,
    directory: { ...request.directory, [field]: value },
  }));
}
