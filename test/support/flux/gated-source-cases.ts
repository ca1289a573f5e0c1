/** GatedSources, and what is wrong with them: what the API server and the controller have to agree about. */
import type { JsonObject } from '../../../src/core/json.ts';

export interface GatedSourceCase {
  readonly what: string;
  readonly spec: JsonObject;
  /** What the API server says of it; undefined where it is good. */
  readonly refusal?: string;
  /** The name; needed where it matters. */
  readonly name?: string;
  /** Whether only the API server can tell, because the rule is about the object's name. */
  readonly ofName?: true;
}

const git = { sourceRef: { kind: 'GitRepository', name: 'app' }, interval: '1m' };
const chart = { sourceRef: { kind: 'HelmChart', name: 'app' }, interval: '1m' };
const external = { kind: 'ExternalArtifact', name: 'raw' };
const withGit = (more: JsonObject): JsonObject => ({ ...git, ...more });
const long = (length: number) => 'x'.repeat(length);

export const GATED_SOURCE_CASES: readonly GatedSourceCase[] = [
  { what: 'the least', spec: git },
  ...['OCIRepository', 'Bucket', 'ExternalArtifact'].map((kind) => ({
    what: kind,
    spec: withGit({ sourceRef: { kind, name: 'other', namespace: 'flux-system' } }),
  })),
  {
    what: 'everything for a directory',
    spec: withGit({
      ...{ path: './deploy/production', timeout: '90s', suspend: false, history: 20, targetNamespace: 'apps' },
      ...{
        namePrefix: 'a-',
        nameSuffix: '-b',
        components: ['../../components/x', 'y'],
        ignoreMissingComponents: true,
      },
      patches: [
        { patch: 'kind: x', target: { kind: 'Deployment', name: '.*', labelSelector: 'a=b' } },
        { patch: '{}' },
      ],
      images: [{ name: 'nginx', newName: 'registry.example/nginx', newTag: '1.29', digest: 'sha256:abc' }],
      commonMetadata: { labels: { 'example.com/a': 'b' }, annotations: { c: 'd' } },
      postBuild: {
        substitute: { NAME: 'x', _other: '' },
        substituteFrom: [{ kind: 'Secret', name: 'vars', optional: true }],
        substituteStrategy: 'Always',
      },
    }),
  },
  {
    what: 'everything for a chart',
    spec: {
      ...chart,
      helm: {
        ...{ releaseName: 'app', values: { image: { tag: 1, list: [{ a: null }] } }, skipCrds: true, skipTests: true },
        valuesFrom: [
          { kind: 'ConfigMap', name: 'values' },
          { kind: 'Secret', name: 'password', valuesKey: 'key', targetPath: 'a.b[0]', optional: true },
        ],
      },
      targetNamespace: 'apps',
      patches: [{ patch: 'kind: x' }],
      images: [{ name: 'nginx', newTag: '1' }],
      commonMetadata: { labels: { a: 'b' } },
    },
  },
  { what: 'a chart in a repository', spec: withGit({ path: 'charts/app', helm: {} }) },
  { what: 'an empty path', spec: withGit({ path: '' }) },
  { what: 'a folder with two dots in its name', spec: withGit({ path: 'a..b/..c' }) },
  { what: 'an interval of many units', spec: withGit({ interval: '1h30m10.5s' }) },

  { what: 'no interval', spec: { sourceRef: git.sourceRef }, refusal: 'spec.interval: Required' },
  { what: 'no source', spec: { interval: '1m' }, refusal: 'spec.sourceRef: Required' },
  { what: 'a source of no name', spec: withGit({ sourceRef: { kind: 'Bucket' } }), refusal: 'spec.sourceRef.name' },
  {
    what: 'a kind that holds no artifact',
    spec: withGit({ sourceRef: { kind: 'HelmRepository', name: 'a' } }),
    refusal: 'spec.sourceRef.kind',
  },
  {
    what: 'a name that is a path',
    spec: withGit({ sourceRef: { kind: 'Bucket', name: '../a' } }),
    refusal: 'spec.sourceRef.name',
  },
  { what: 'an interval of nothing', spec: withGit({ interval: '0s' }), refusal: 'must be at least 10s' },
  { what: 'too short an interval', spec: withGit({ interval: '9999ms' }), refusal: 'must be at least 10s' },
  { what: 'an interval longer than Go can hold', spec: withGit({ interval: '9999999999h' }), refusal: 'spec.interval' },
  { what: 'an interval below zero', spec: withGit({ interval: '-1m' }), refusal: 'spec.interval' },
  { what: 'a number for an interval', spec: withGit({ interval: 60 }), refusal: 'spec.interval' },
  { what: 'no time for a verdict', spec: withGit({ timeout: '10ms' }), refusal: 'must be at least 1s' },
  ...['..', '../a', 'a/../../b', 'a/..', '/a', '/', 'a\\b', '..\\a'].map((path) => ({
    what: `the path ${path}`,
    spec: withGit({ path }),
    refusal: 'spec.path',
  })),
  { what: 'too long a path', spec: withGit({ path: long(1025) }), refusal: 'spec.path' },
  ...['/a', 'https://example.com/a', 'git::example.com/a', 'git@example.com:a', 'a\\b'].map((component) => ({
    what: `the component ${component}`,
    spec: withGit({ components: [component] }),
    refusal: 'spec.components[0]',
  })),
  { what: 'too many components', spec: withGit({ components: Array(65).fill('a') }), refusal: 'spec.components' },
  { what: 'a history of nothing', spec: withGit({ history: 0 }), refusal: 'spec.history' },
  { what: 'a history without end', spec: withGit({ history: 21 }), refusal: 'spec.history' },
  { what: 'half a history', spec: withGit({ history: 1.5 }), refusal: 'spec.history' },
  { what: 'an empty prefix', spec: withGit({ namePrefix: '' }), refusal: 'spec.namePrefix' },
  { what: 'a namespace that is none', spec: withGit({ targetNamespace: 'A_b' }), refusal: 'spec.targetNamespace' },
  { what: 'a patch of nothing', spec: withGit({ patches: [{}] }), refusal: 'spec.patches[0].patch' },
  {
    what: 'a variable that none is',
    spec: withGit({ postBuild: { substitute: { 'a-b': 'c' } } }),
    refusal: 'spec.postBuild.substitute',
  },
  {
    what: 'variables of another kind',
    spec: withGit({ postBuild: { substituteFrom: [{ kind: 'Pod', name: 'a' }] } }),
    refusal: 'spec.postBuild.substituteFrom[0].kind',
  },
  { what: 'a HelmChart without helm', spec: chart, refusal: 'a HelmChart needs `helm`' },
  {
    what: 'a path in a HelmChart',
    spec: { ...chart, helm: {}, path: 'templates' },
    refusal: 'a HelmChart, which is a chart as a whole',
  },
  ...Object.entries({
    components: ['a'],
    ignoreMissingComponents: false,
    namePrefix: 'a',
    nameSuffix: 'a',
    postBuild: {},
  }).map(([field, value]) => ({
    what: `a chart with ${field}`,
    spec: withGit({ helm: {}, [field]: value }),
    refusal: 'a chart has no components',
  })),
  { what: 'values that are no object', spec: { ...chart, helm: { values: ['a'] } }, refusal: 'spec.helm.values' },
  {
    what: 'too long a name for a release',
    spec: { ...chart, helm: {} },
    name: long(54),
    refusal: 'too long for a release',
    ofName: true,
  },
  {
    what: 'a long name with a release of its own',
    spec: { ...chart, helm: { releaseName: 'short' } },
    name: `b${long(54)}`,
  },
  {
    what: 'what it writes itself',
    spec: withGit({ sourceRef: external }),
    name: 'raw',
    refusal: 'the very ExternalArtifact',
    ofName: true,
  },
  {
    what: 'an ExternalArtifact of its name elsewhere',
    spec: withGit({ sourceRef: { ...external, name: 'shared', namespace: 'platform' } }),
    name: 'shared',
  },
];
