/** A program that tests, the demo and the benchmarks run as it really is. */
export interface Tool {
  readonly name: string;
  /** The version that is built, and that tests which assert exact behaviour get. */
  readonly version: string;
  /** What the file on PATH is called; undefined where only the pinned build will do. */
  readonly onPath: string | undefined;
  /**
   * `go install` of a package, or `go build` in a module of our own where the package's module carries `replace` lines,
   * or a program out of a Debian package, unpacked and not installed.
   */
  readonly build:
    | { readonly kind: 'install'; readonly package: string }
    | {
        readonly kind: 'module';
        readonly folder: string;
        readonly package: string;
        readonly ldflags?: string;
        readonly tags?: string;
      }
    | { readonly kind: 'debian'; readonly package: string; readonly program: string };
  /** Who needs it, for the message when it cannot be had. */
  readonly neededBy: string;
}

const apiserverVersion = 'k8s.io/component-base/version';

export const TOOLS = [
  {
    name: 'kustomize',
    version: 'v5.8.1',
    onPath: 'kustomize',
    build: { kind: 'install', package: 'sigs.k8s.io/kustomize/kustomize/v5' },
    neededBy: 'rendering Kustomize',
  },
  {
    name: 'helm',
    version: 'v3.22.0',
    onPath: 'helm',
    build: { kind: 'install', package: 'helm.sh/helm/v3/cmd/helm' },
    neededBy: 'rendering Helm charts',
  },
  {
    name: 'helm4',
    version: 'v4.3.1',
    onPath: undefined,
    build: { kind: 'install', package: 'helm.sh/helm/v4/cmd/helm' },
    neededBy: 'tests that render with Helm 4',
  },
  {
    name: 'opa',
    version: 'v1.22.0',
    onPath: 'opa',
    build: { kind: 'install', package: 'github.com/open-policy-agent/opa' },
    neededBy: 'judging Rego policies',
  },
  {
    name: 'cue',
    version: 'v0.17.1',
    onPath: undefined,
    build: { kind: 'install', package: 'cuelang.org/go/cmd/cue' },
    neededBy: 'judging attestations by CUE policies in tests',
  },
  {
    name: 'crane',
    version: 'v0.22.1',
    onPath: undefined,
    build: { kind: 'install', package: 'github.com/google/go-containerregistry/cmd/crane' },
    neededBy: 'pushing images in tests',
  },
  {
    name: 'registry',
    version: 'v0.22.1',
    onPath: undefined,
    build: { kind: 'module', folder: 'registry', package: '.' },
    neededBy: 'a registry with the referrers API in tests',
  },
  {
    name: 'distribution',
    version: 'v3.1.2',
    onPath: undefined,
    build: { kind: 'install', package: 'github.com/distribution/distribution/v3/cmd/registry' },
    neededBy: 'a registry with TLS, htpasswd and token sign-in in tests',
  },
  {
    name: 'cosign',
    version: 'v3.1.3',
    onPath: undefined,
    build: { kind: 'install', package: 'github.com/sigstore/cosign/v3/cmd/cosign' },
    neededBy: 'signing images in tests',
  },
  {
    name: 'cosign2',
    version: 'v2.6.5',
    onPath: undefined,
    build: { kind: 'install', package: 'github.com/sigstore/cosign/v2/cmd/cosign' },
    neededBy: 'signing images as cosign 2 does in tests',
  },
  {
    name: 'fulcio',
    version: 'v1.8.8',
    onPath: undefined,
    build: { kind: 'install', package: 'github.com/sigstore/fulcio' },
    neededBy: 'a private Sigstore in tests: certificates',
  },
  {
    name: 'rekor',
    version: 'v2.3.0',
    onPath: undefined,
    build: { kind: 'install', package: 'github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix' },
    neededBy: 'a private Sigstore in tests: the transparency log',
  },
  {
    name: 'timestamp-server',
    version: 'v2.1.3',
    onPath: undefined,
    build: { kind: 'install', package: 'github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server' },
    neededBy: 'a private Sigstore in tests: timestamps',
  },
  {
    name: 'tester',
    version: 'v0.13.1',
    onPath: undefined,
    build: { kind: 'module', folder: 'tester', package: 'github.com/sigstore/policy-controller/cmd/tester' },
    neededBy: "comparing verdicts on ClusterImagePolicies with policy-controller's",
  },
  {
    name: 'spellings',
    version: 'v5.38.0',
    onPath: undefined,
    // Without the tag it wants the C library of GnuPG.
    build: { kind: 'module', folder: 'spellings', package: '.', tags: 'containers_image_openpgp' },
    neededBy: "comparing policy.json and Kyverno's wildcards with what their own programs make of them",
  },
  {
    name: 'conftest',
    version: 'v0.71.1',
    onPath: undefined,
    build: { kind: 'install', package: 'github.com/open-policy-agent/conftest' },
    neededBy: 'comparing Rego verdicts with conftest',
  },
  {
    name: 'argocd',
    version: 'v3.5.7',
    onPath: undefined,
    build: { kind: 'module', folder: 'argocd', package: 'github.com/argoproj/argo-cd/v3/cmd' },
    neededBy: 'the end-to-end tests in Argo CD',
  },
  {
    name: 'kyverno',
    version: 'v1.19.1',
    onPath: undefined,
    build: { kind: 'module', folder: 'kyverno', package: 'github.com/kyverno/kyverno/cmd/cli/kubectl-kyverno' },
    neededBy: "recording Kyverno's verdicts, and the benchmark against it",
  },
  {
    name: 'kyverno-queries',
    version: 'v1.19.1',
    onPath: undefined,
    build: { kind: 'module', folder: 'kyverno', package: './queries' },
    neededBy: "recording what Kyverno's own JMESPath makes of queries",
  },
  {
    name: 'kyverno-functions',
    version: 'v1.19.1',
    onPath: undefined,
    build: { kind: 'module', folder: 'kyverno', package: './functions' },
    neededBy: "recording what Kyverno's own functions say of patterns, conditions and Pods",
  },
  {
    name: 'kubeyaml',
    version: 'v0.36.1',
    onPath: undefined,
    build: { kind: 'module', folder: 'kubeyaml', package: '.' },
    neededBy: "comparing what is read from YAML with what Kubernetes' decoders read",
  },
  {
    name: 'go-unicode',
    version: 'v1.0.0',
    onPath: undefined,
    build: { kind: 'module', folder: 'go-unicode', package: '.' },
    neededBy: 'knowing which characters are letters and digits to Go',
  },
  {
    name: 'kubetypes',
    version: 'v0.36.3',
    onPath: undefined,
    build: { kind: 'module', folder: 'kubetypes', package: '.' },
    neededBy: "making the table of Kubernetes' built-in types",
  },
  {
    name: 'kubecel',
    version: 'v0.36.3',
    onPath: undefined,
    build: { kind: 'module', folder: 'kubecel', package: '.' },
    neededBy: 'recording what an API server makes of expressions',
  },
  {
    name: 'notation',
    version: 'v1.3.2',
    onPath: undefined,
    build: { kind: 'module', folder: 'notation', package: '.' },
    neededBy: "signing as the Notary Project does, and comparing verdicts with its verifier's",
  },
  {
    name: 'etcd',
    version: 'v3.7.3',
    onPath: undefined,
    build: { kind: 'module', folder: 'etcd', package: 'go.etcd.io/etcd/server/v3' },
    neededBy: 'the end-to-end tests in Argo CD',
  },
  {
    name: 'kube-apiserver',
    version: 'v1.36.3',
    onPath: undefined,
    build: {
      kind: 'module',
      folder: 'kube-apiserver',
      package: 'k8s.io/kubernetes/cmd/kube-apiserver',
      ldflags: `-X ${apiserverVersion}.gitVersion=v1.36.3 -X ${apiserverVersion}.gitMajor=1 -X ${apiserverVersion}.gitMinor=36`,
    },
    neededBy: 'the end-to-end tests in Argo CD',
  },
  {
    name: 'kubectl',
    version: 'v1.36.3',
    onPath: undefined,
    build: {
      kind: 'module',
      folder: 'kube-apiserver',
      package: 'k8s.io/kubernetes/cmd/kubectl',
      ldflags: `-X ${apiserverVersion}.gitVersion=v1.36.3 -X ${apiserverVersion}.gitMajor=1 -X ${apiserverVersion}.gitMinor=36`,
    },
    neededBy: 'running the commands of the pages about Flux',
  },
  {
    name: 'source-controller',
    version: 'v1.9.5',
    onPath: undefined,
    build: { kind: 'module', folder: 'source-controller', package: 'github.com/fluxcd/source-controller' },
    neededBy: 'the end-to-end tests in Flux',
  },
  {
    name: 'kustomize-controller',
    version: 'v1.9.5',
    onPath: undefined,
    build: { kind: 'module', folder: 'kustomize-controller', package: 'github.com/fluxcd/kustomize-controller' },
    neededBy: 'the end-to-end tests in Flux',
  },
  {
    name: 'fluxbuild',
    version: 'v1.35.6',
    onPath: undefined,
    build: { kind: 'module', folder: 'fluxbuild', package: '.' },
    neededBy: "comparing what is built for Flux with what Flux's own libraries build",
  },
  {
    name: 'fluxevent',
    version: 'v0.27.2',
    onPath: undefined,
    build: { kind: 'module', folder: 'fluxevent', package: '.' },
    neededBy: "reading events as Flux's published type has them",
  },
  {
    name: 'redis-server',
    version: 'debian',
    onPath: 'redis-server',
    build: { kind: 'debian', package: 'redis-server', program: 'usr/bin/redis-server' },
    neededBy: 'the end-to-end tests in Argo CD',
  },
] as const satisfies readonly Tool[];

export type ToolName = (typeof TOOLS)[number]['name'];
