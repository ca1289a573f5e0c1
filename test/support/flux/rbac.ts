/** What `flux install` lets its controllers do. */

interface RoleRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

const controllers = ['kustomize-controller', 'helm-controller', 'source-controller', 'notification-controller'];
const write = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

const rules: readonly RoleRule[] = [
  ...['source', 'kustomize', 'helm', 'notification', 'image', 'source.extensions'].map((group) => ({
    apiGroups: [`${group}.${group.includes('.') ? 'fluxcd.io' : 'toolkit.fluxcd.io'}`],
    resources: ['*'],
    verbs: ['*'],
  })),
  {
    apiGroups: [''],
    resources: ['namespaces', 'secrets', 'configmaps', 'serviceaccounts'],
    verbs: ['get', 'list', 'watch'],
  },
  { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: write },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: write },
];

const subjects = (names: readonly string[]) =>
  names.map((name) => ({ kind: 'ServiceAccount', name, namespace: 'flux-system' }));

const roleRef = (name: string) => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name });

/** An account with all rights in its namespace and none elsewhere, as `flux create tenant` makes it. */
export const deployerOf = (namespace: string) =>
  [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'deployer', namespace } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name: 'deployer', namespace },
      roleRef: roleRef('cluster-admin'),
      subjects: [{ kind: 'ServiceAccount', name: 'deployer', namespace }],
    },
  ] as const;

/** The roles and bindings of Flux: all of its controllers handle its kinds, and two of them administer the cluster. */
export const fluxRbac = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'crd-controller-flux-system' },
    rules,
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'crd-controller-flux-system' },
    roleRef: roleRef('crd-controller-flux-system'),
    subjects: subjects(controllers),
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'cluster-reconciler-flux-system' },
    roleRef: roleRef('cluster-admin'),
    subjects: subjects(['kustomize-controller', 'helm-controller']),
  },
] as const;
