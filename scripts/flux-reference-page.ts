/** docs/flux-reference.md, made from the schema of GatedSource and the table of Kustomization's fields. */
import { gatedSourceDefinition, gatedSourceSchema, type StructuralSchema } from './crd.ts';
import { KUSTOMIZATION_FIELDS } from './kustomization-policy.ts';

interface Row {
  readonly path: string;
  readonly schema: StructuralSchema;
  readonly required: boolean;
}

/** Every field by its path, a folder before what is in it. */
function rowsOf(schema: StructuralSchema, at: string): Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, each]) => {
    const path = `${at}.${name}`;
    const row = {
      path: each.items === undefined ? path : `${path}[]`,
      schema: each,
      required: schema.required?.includes(name) ?? false,
    };
    return [row, ...rowsOf(each.items ?? each, row.path)];
  });
}

function rulesOf(schema: StructuralSchema | undefined): string[] {
  const rules = schema?.['x-kubernetes-validations'] as readonly { readonly message: string }[] | undefined;
  return rules?.map(({ message }) => message) ?? [];
}

function boundsOf({ path: _, schema, required }: Row): string {
  const inner = schema.items ?? schema.additionalProperties ?? schema;
  const said = (key: string, words: (value: unknown) => string, from = schema) =>
    from[key] === undefined ? [] : [words(from[key])];
  return [
    required ? 'required' : '',
    ...(schema.default === undefined ? [] : [`\`${JSON.stringify(schema.default)}\` by itself`]),
    ...(schema.enum === undefined ? [] : [schema.enum.map((value) => `\`${value}\``).join(', ')]),
    ...said('minimum', (value) => `at least ${value}`),
    ...said('maximum', (value) => `at most ${value}`),
    ...said('maxItems', (value) => `at most ${value} of them`),
    ...said('maxProperties', (value) => `at most ${value} of them`),
    ...said('maxLength', (value) => `at most ${value} characters`, inner),
    ...new Set([...rulesOf(schema), ...rulesOf(schema.items)]),
  ]
    .filter((each) => each !== '')
    .join('; ');
}

function typeOf(schema: StructuralSchema): string {
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}s`;
  if (schema.additionalProperties !== undefined) return `map of ${typeOf(schema.additionalProperties)}s`;
  return schema['x-kubernetes-preserve-unknown-fields'] === true ? 'any object' : (schema.type ?? '');
}

const cell = (text: string) => text.replaceAll('|', '\\|');

function fieldsTable(schema: StructuralSchema, at: string): string {
  const rows = rowsOf(schema, at).map(
    (row) =>
      `| \`${row.path}\` | ${typeOf(row.schema)} | ${cell(row.schema.description ?? '')} | ${cell(boundsOf(row))} |`,
  );
  return ['| Field | Type | | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

function kustomizationTable(): string {
  const words = { allowed: 'may be set', bounded: 'bounded', refused: '**refused**' };
  const rows = KUSTOMIZATION_FIELDS.map(({ field, answer, why }) => `| \`${field}\` | ${words[answer]} | ${why} |`);
  return ['| Field of `spec` | | Why |', '| --- | --- | --- |', ...rows].join('\n');
}

export function fluxReferencePage(): string {
  const { spec, status } = gatedSourceSchema();
  const [version] = gatedSourceDefinition().spec.versions;
  const rules = [...rulesOf(spec), ...rulesOf(version?.schema.openAPIV3Schema as StructuralSchema)];
  return `# Flux: reference

What is in \`flux/\`: the fields of GatedSource, what the admission policies refuse, whose rights are whose, and what can be
chosen otherwise. How to get there is in [flux.md](flux.md), who is kept from what in [threat-model.md](threat-model.md). The
tables are made from the code by \`npm run docs\`.

## GatedSource

\`syncgate.dev/v1alpha1\`, short name \`gs\`. It becomes an ExternalArtifact of its own name and namespace, which a Kustomization
names in \`spec.sourceRef\`. What Flux would do to the objects afterwards is said here instead, and is judged with the rest.

${fieldsTable(spec, 'spec')}

Besides:

${rules.map((rule) => `- ${rule}`).join('\n')}
- References to ConfigMaps and Secrets are read in the namespace of the GatedSource, and only where a RoleBinding of that
  namespace gives the gate the ClusterRole \`syncgate-values-reader\` (below).

### Status

${fieldsTable(status, 'status')}

\`kubectl get gs\` shows ${version?.additionalPrinterColumns
    .filter(({ priority }) => priority === undefined)
    .map(({ name }) => name)
    .join(', ')}; with \`-o wide\` also ${version?.additionalPrinterColumns
    .filter(({ priority }) => priority === 1)
    .map(({ name }) => name)
    .join(' and ')}. A new
object has \`observedGeneration: -1\`, so that \`kubectl wait\` and Flux's health checks do not take it for finished.

### Conditions

\`Ready\` says whether the newest revision was let out; while it is False, what was let out last is served on. \`Compliant\` says
whether what is served passes by the rules of now, \`ConsumerReady\` whether kustomize-controller may read it. The ExternalArtifact has
\`Ready\` too, with the reason \`VerificationFailed\` where the GatedSource has one of a verdict. \`Reconciling\` and \`Stalled\` are
those of kstatus: what is stalled waits for a change of its \`spec\`.

| Reason | Means | Mended by |
| --- | --- | --- |
| \`Succeeded\` | allowed, and served | — |
| \`Denied\` | judged and refused; \`status.findings\` says by what | the application, or a signature |
| \`Unevaluated\` | a check could not finish: a registry, a renderer, a rule that cannot be run | its code in [errors.md](errors.md); tried again by itself |
| \`NoGate\`, \`SeveralGates\` | no Gate governs the namespace, or more than one | the namespace's labels, or \`spec.namespaces\` of the Gates |
| \`GateUnavailable\` | a Gate, or a file that it names, cannot be loaded; one file that is no Gate stops all | the platform, at the place that the message names |
| \`InvalidSpec\` | a field of the GatedSource (or it reads what the gate has made) | the GatedSource |
| \`SourceNotFound\` | there is no such source | \`spec.sourceRef\` |
| \`SourceNotReady\`, \`ArtifactNotFound\` | the source has no artifact, or a new one by now | the source: its own \`Ready\` says why |
| \`AccessDenied\` | a source of another namespace, or one whose address is not its own; of \`ConsumerReady\`: ExternalArtifacts are turned off in kustomize-controller | \`spec.sourceRef\`; the feature gate |
| \`FetchFailed\` | source-controller cannot be reached | NetworkPolicies; it is tried again |
| \`SourceRefused\` | the archive is too large, or is none that one reader could read in one way | the repository, below |
| \`ReferenceForbidden\` | the gate may not read that ConfigMap or Secret | a RoleBinding to \`syncgate-values-reader\`, below |
| \`ReferenceMissing\`, \`ReferenceInvalid\` | it, or the key in it, is not there or cannot be read | \`valuesFrom\`, \`substituteFrom\` |
| \`NamespaceUnknown\` | the gate does not know the namespace's labels yet | passes by itself |
| \`StorageOperationFailed\` | the volume is full or cannot be written | the platform: the size of the volume, retention |
| \`ReconciliationFailed\` | the API server refuses or fails; the message says which right or kind | the platform |
| \`Withdrawn\` | of \`Compliant\`, with \`--withdraw\`: rules that changed have taken it back | the application |

## Gated namespaces

A namespace is gated by its label:

\`\`\`yaml
apiVersion: v1
kind: Namespace
metadata:
  name: apps
  labels:
    syncgate.dev/gated: "true"
\`\`\`

Admission policies and the webhook go by that label. Which Gate *judges* is said by the Gates. With one, let it
be for every namespace (\`spec.namespaces.names: ["*"]\`): none is gated without a Gate, and GatedSources can be tried in a namespace
before it is gated. With several, let each say its own, by names or by labels of your platform; where no Gate governs, or two do,
every GatedSource is refused, and in gated namespaces whatever GitOps controllers write.

Whoever may label Namespaces may gate them. Taking the label off needs a verb of its own, \`ungate\` on
\`namespaces.syncgate.dev\`: administrators of the cluster have it by \`*\`, and a role that gives \`update\` on Namespaces does not.
What Flux applies takes it off only where it came from \`flux-system\`, whatever its rights: Flux labels what it applies with the
namespace that it came from, and \`syncgate-origins\` keeps anybody else from writing that label over it; hooks of a chart, which can
do without the label, never do. That is worth as much as the accounts: where a Kustomization may name none
(\`trust-flux-account\`), it may write into \`flux-system\` itself, or give somebody the verb. **Who may create Namespaces, or write into one
that is not gated, is not kept back by any of this**: leave both to the platform, or gate every namespace (\`every-namespace\`, below).

Admission does not look at what is there already. Before a namespace is gated, look for what goes around the gate in it, and
for artifacts that somebody else wrote:

\`\`\`sh
kubectl --namespace apps get kustomizations.kustomize.toolkit.fluxcd.io,helmreleases.helm.toolkit.fluxcd.io
kubectl --namespace apps get externalartifacts.source.toolkit.fluxcd.io
\`\`\`

And in all of them for labels of origin that are written already:

\`\`\`sh
kubectl get kustomizations.kustomize.toolkit.fluxcd.io --all-namespaces \\
  -o custom-columns='FROM:.metadata.namespace,NAME:.metadata.name,LABELS:.spec.commonMetadata.labels' | grep toolkit.fluxcd.io/
\`\`\`

What is there goes on as it was, a Kustomization without an account with all of Flux's rights, on objects of the cluster too: its annotations and finalizers can be
written, and it can be deleted; its \`spec\` can only be changed into one that the policies let in.

## What a Kustomization may say

kustomize-controller changes objects after they were rendered. In gated namespaces a Kustomization may hold no field that does,
in no version of the API, empty or not; and none that the policy does not know, so that a newer Flux brings no new way around.

${kustomizationTable()}

- \`sourceRef\`: \`kind: ExternalArtifact\`, of the same namespace.
- \`path\`: left out, or \`./\`.
- \`decryption\`: \`provider: sops\`. An encrypted Secret is judged as it is, closed; any other kind that is encrypted is refused when
  the source is judged.
- \`kubeConfig\`: refused by a policy of its own.
- \`serviceAccountName\`: must be there, by a policy of its own. It names an account of the Kustomization's own namespace; one that
  does not exist may do nothing.

**Without \`serviceAccountName\` kustomize-controller applies with its own rights, which are everything**: a team could render a
RoleBinding for itself into the namespace of another and read the Secrets there, or change these policies. With it, what is rendered gets
as far as the account's RoleBindings go. Give it one in its own namespace:

\`\`\`sh
kubectl --namespace apps create serviceaccount deployer
kubectl --namespace apps create rolebinding deployer --clusterrole edit --serviceaccount apps:deployer
\`\`\`

\`admin\` in the place of \`edit\` where the application brings Roles and RoleBindings of its own. A team may name any account of its
namespace: keep accounts with more rights elsewhere. \`flux create tenant\` binds \`cluster-admin\` in the namespace: that works too, and is
more than most applications need.

The alternative is Flux's own. With \`--default-service-account=default\` in kustomize-controller and helm-controller, as
[Flux's lockdown](https://fluxcd.io/flux/installation/configuration/multitenancy/) has it, whoever names no account gets that of
this name in the own namespace. No policy can see the flag, so the component \`trust-flux-account\` turns the refusal into a
warning. Take it only with the flag set, or where every team may do whatever Flux may.

What a gated source *renders* can go around the gate as well, where what applies it may do anything: a Kustomization in a namespace
that is not gated, a Namespace without the label, a change to the policies. \`flux/gate-policies/\` holds policies against that, for
the folder that your Gate names in \`spec.policies\`: the same table for Kustomizations wherever they go; no HelmReleases,
ExternalArtifacts, ArtifactGenerators, ResourceSets or Applications, nor what some other controllers apply (k3s, Crossplane, Fleet and
the like: look for yours); no Namespaces but gated ones; nothing in \`syncgate-system\`,
\`flux-system\` or \`kube-system\`; no definitions of Flux or the gate; no APIServices, and nothing that sees, refuses, delays or
mutates what others write (admission policies and webhook configurations, FlowSchemas, policies of Kyverno, mutations of Gatekeeper):
one that exchanges the URL in an ExternalArtifact's status goes around every Gate; no ClusterRoleBindings, and no ClusterRoles that
are aggregated, or called as the cluster's, Flux's or the gate's own. A ClusterRole that teams are bound to, and that your platform
has called otherwise, is not among them: add its name. Take what your platform's own Gates must not have out of the copy. What none
of this stops is an object in another team's namespace, such as a RoleBinding for oneself or a Pod that mounts its Secrets: that is what the account of every Kustomization stops.

## The policies

All are ValidatingAdmissionPolicies with \`failurePolicy: Fail\`, and answer with 403: kustomize-controller takes a 409 or a 422 for
a reason to delete the object and make it anew, where \`force\` is set.

| Name | In | Refuses |
| --- | --- | --- |
| \`syncgate-kustomizations\` | gated namespaces | what the table above says |
| \`syncgate-remote-clusters\` | gated namespaces | \`kubeConfig\` in a Kustomization |
| \`syncgate-accounts\` | gated namespaces | Kustomizations and HelmReleases without \`serviceAccountName\` |
| \`syncgate-helm-releases\` | gated namespaces | HelmReleases, whose values and post-renderers change without a new artifact |
| \`syncgate-external-artifacts\` | gated namespaces | every write to \`externalartifacts\` and \`externalartifacts/status\`, and deletion, but by the gate; garbage collection may delete |
| \`syncgate-gated-sources\` | all namespaces | writes to the status of a GatedSource, and taking off its finalizer while it is deleted, but by the gate |
| \`syncgate-resource-sets\` | gated namespaces | ResourceSets and whatever else flux-operator applies |
| \`syncgate-namespaces\` | all namespaces | taking off \`syncgate.dev/gated\`, as above |
| \`syncgate-origins\` | all namespaces but \`flux-system\` | labels of Flux's own in \`commonMetadata\` of Kustomizations and HelmReleases, which would say that an object came from \`flux-system\` |

Those of all namespaces leave alone what does nothing of the sort, gated or not. What was there before may be annotated and deleted.

None is about controllers that deliver and are not Flux's: who may create an Application of Argo CD, a Bundle of Fleet or a Profile of
Sveltos in a gated namespace has it applied, and RBAC decides who may. The webhook judges what Argo CD applies there, and what the others
apply with \`admit-everyone\`.

## The webhook

The ValidatingWebhookConfiguration \`syncgate\` asks about objects of gated namespaces (\`objects.syncgate.dev\`), with
\`failurePolicy: Fail\`, and about nothing else: a namespace that nobody has labelled, and what is in no namespace, does not notice that
it is there, or away. Never asked about are \`syncgate-system\`, \`flux-system\` and \`kube-system\`, even if they are labelled: Flux and
the gate must come up without it. With the component \`cluster-objects\` a second one, \`cluster-objects.syncgate.dev\`, asks about
objects of the cluster wherever they come from ([admission.md](admission.md#objects-of-the-cluster)). Without it they are judged where
a gated source renders them, with the whole set, and not at admission.

Only GitOps controllers are asked about: the field managers \`kustomize-controller\`, \`helm-controller\` and
\`argocd-controller\`, and the account of Argo CD's application controller. \`admit-everyone\` (below) has the first webhook asked about
everybody.

The gate writes \`caBundle\` under its own field manager, \`syncgate\`: \`kubectl apply\`, Flux and Argo CD with server-side apply leave
it as it is. Where a tool replaces whole objects, annotate the configuration with \`kustomize.toolkit.fluxcd.io/ssa: IfNotPresent\`.
With \`own-certificates\` (below) the gate writes neither a Secret nor \`caBundle\`.

**Bootstrap.** From the moment that the configuration is there until the first replica is ready and has written \`caBundle\`, GitOps
controllers write nothing in gated namespaces. Nothing that the replicas themselves need is among that.
**Break glass.** \`kubectl delete validatingwebhookconfiguration syncgate\`; for one policy, delete its
ValidatingAdmissionPolicyBinding. The API server puts neither kind before any webhook or policy. A configuration that is applied
again has no \`caBundle\` for some seconds, and until then GitOps controllers are refused with an error of x509.

## Accounts

| Account of \`syncgate-system\` | Everywhere | In its own namespace |
| --- | --- | --- |
| \`syncgate\` | reads the five kinds of sources, GatedSources, Kustomizations and Namespaces; writes ExternalArtifacts with their status, finalizers and status of GatedSources, Events | the Lease \`syncgate\`, the EndpointSlice \`syncgate-artifacts\` |
| \`syncgate-admission\` | reads Namespaces; writes the webhook configuration \`syncgate\` | the Secret \`syncgate-admission-tls\` |

Neither reads Secrets or ConfigMaps of others. A team that takes values or variables from its own lets the gate read them:

\`\`\`yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: syncgate-values-reader, namespace: apps }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: syncgate-values-reader }
subjects:
  - { kind: ServiceAccount, name: syncgate, namespace: syncgate-system }
\`\`\`

From then on whoever may write GatedSources in \`apps\` can have its Secrets rendered into objects of \`apps\`. Whoever edits a
namespace (\`edit\`, \`admin\`) may write GatedSources in it, and whoever views it may read them; that is aggregated by itself.

**The accounts are the gate.** In \`syncgate-system\`, nobody but the platform may create Pods, tokens or Kustomizations.

**Statuses of sources.** Flux's own role for those who edit a namespace lets them write the status of a GitRepository, and so choose
what the gate downloads. It downloads only from addresses that end in the source's own \`/<kind>/<namespace>/<name>/<file>\`, because
source-controller, which lets the gate in, serves the sources of every team. What it downloads is judged like everything else.

## Overlays and components

| Overlay | Holds |
| --- | --- |
| \`flux/overlays/source\` | the controller of GatedSources and the policies |
| \`flux/overlays/admission\` | the webhook, and the policies \`syncgate-accounts\`, \`syncgate-namespaces\`, \`syncgate-origins\` and \`syncgate-resource-sets\`; no GatedSources, and Kustomizations stay as they are but for an account that they name |
| \`flux/overlays/both\` | all of it |

Components are in \`flux/components\`. Over an overlay that has nothing of what it changes, a component stops the build with
\`no resource matches strategic merge patch\`.

| Component | Over | Then |
| --- | --- | --- |
| \`every-namespace\` | \`source\`, \`admission\`, \`both\` | every namespace is gated but \`syncgate-system\`, \`flux-system\` and \`kube-system\`, whatever its labels. Each needs a Gate: \`names: ["*"]\` in one, or several that share them out. Where none governs, all that GitOps controllers write is \`GATE_NONE\`. Objects of the cluster are in no namespace: combine it with \`cluster-objects\`, or a team's ClusterRoleBinding is asked about by nobody |
| \`cluster-objects\` | \`admission\`, \`both\` | the webhook judges objects of the cluster too, from wherever they are applied; look first ([admission.md](admission.md#objects-of-the-cluster)) |
| \`trust-flux-account\` | \`source\`, \`admission\`, \`both\` | Kustomizations without \`serviceAccountName\` are warned of and noted in the audit log, and not refused; for Flux with \`--default-service-account\` |
| \`allow-helm-releases\` | \`both\` | HelmReleases may be, and are noted in the audit log; the webhook judges their objects one by one, and a refusal leaves a release half applied. Objects of the cluster among them only with \`cluster-objects\` |
| \`allow-remote-clusters\` | \`source\`, \`both\` | Kustomizations may have a \`kubeConfig\`, which is noted in the audit log; nobody judges for that cluster |
| \`flux-without-policies\` | \`source\`, \`both\` | the NetworkPolicy \`allow-syncgate\` of \`flux-system\` is about no Pod; for a Flux that has no NetworkPolicies of its own ([below](#the-network)) |
| \`admit-everyone\` | \`admission\`, \`both\` | the webhook judges what anybody writes in gated namespaces, and not only GitOps controllers |
| \`own-certificates\` | \`admission\`, \`both\` | the webhook serves the Secret \`syncgate-admission-certificate\`, which cert-manager or you renew ([admission.md](admission.md#certificates), which says what is left where the webhook ran without it) |
| \`ipv6\` | \`source\`, \`both\` | artifacts are served on IPv6 addresses |

\`\`\`yaml
resources: [syncgate/overlays/both]
components: [syncgate/components/cluster-objects, syncgate/components/ipv6]
\`\`\`

Where the overlay is in use already, put a component on or take it off by applying: none takes an object away but
\`own-certificates\`, a Secret. Before \`ipv6\`, delete the EndpointSlice \`syncgate-artifacts\`.

\`flux/patches/external-artifact.yaml\` turns on ExternalArtifacts in Flux, which ships with them turned off.

## The image

The manifests name \`registry.invalid/syncgate\`, which is nobody's: there is no published image, and a digest that nobody looked
up would be worse than none. Build it from the Dockerfile and name it by digest, never by a tag alone:

\`\`\`yaml
images:
  - name: registry.invalid/syncgate
    newName: registry.example/platform/syncgate
    digest: sha256:…                # of the image that you pushed
\`\`\`

## Files of the Pods

| Below \`/etc/syncgate\` | From | |
| --- | --- | --- |
| \`gates\` | ConfigMap \`syncgate-gates\` | each \`.yaml\` is one Gate; must be there, or the Pods do not start |
| \`policies\`, \`trust\` | ConfigMaps \`syncgate-policies\`, \`syncgate-trust\` | what Gates name as \`../policies/\` and \`../trust/\` |
| \`credentials\` | Secret \`syncgate-credentials\` | what Gates name as \`../credentials/…\`: a \`config.json\` of docker, certificates of authorities ([registries.md](registries.md)) |

Both workloads have all four. A file that changes is loaded within a minute or two, when the kubelet has handed it over.

## The network

Everything is denied in \`syncgate-system\` but: names, of the Pods \`k8s-app: kube-dns\` in \`kube-system\`; ports 443 and 6443 outwards,
for the API server and registries; artifacts on 9090, for kustomize-controller, helm-controller and the other replica;
source-controller, source-watcher and notification-controller on 9090, which \`allow-syncgate\` in \`flux-system\` opens; the webhook on
9443, for whoever asks, because no selector names an API server; metrics on 9440, for Pods of namespaces with the label
\`syncgate.dev/metrics: "true"\` (label that of Prometheus). A registry or an API server on another port needs a policy of yours, and so
do names that come from elsewhere (NodeLocal DNSCache), with port 53 over UDP and TCP:

\`\`\`yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: registry, namespace: syncgate-system }
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{ ports: [{ protocol: TCP, port: 5000 }] }]
\`\`\`

Whoever reaches the webhook's port can hold its connections, and then the API server is not answered and refuses what GitOps
controllers apply: \`--admission-client-ca\` keeps strangers from asking, not from connecting. Where your network can tell the API
server apart (an \`ipBlock\` of the control plane), put that into the policy \`syncgate-admission\`.

Where Flux was installed without NetworkPolicies of its own, \`allow-syncgate\` would be the first about these Pods, and close all their
ports but the artifacts' to other namespaces: metrics to Prometheus, the webhooks of Receivers to an ingress. With the component
\`flux-without-policies\` it is about none. When Flux gets its own, take the component out, or the gate reads no source.

## How much a team may take

Namespaces take turns, and one holds at most all turns but one (\`--concurrent\`). A source has a minute to be downloaded (128 MiB) and
one to be unpacked: 512 MiB, 50,000 files, 64 MiB a file, and beyond 32 MiB no more than 200 times its packed size, so that one large
file of repetitions (a log, an empty disk image) refuses the whole repository with \`SOURCE_TOO_LARGE\`, and with it every GatedSource
that reads it. Leave such files out by \`spec.ignore\` of the GitRepository. A verdict has what the Gate gives it
(\`spec.timeoutSeconds\`), and its renderer what \`spec.render.limits\` says, \`fileMiB\` (32) for one file among it. What steers a
rendering (kustomizations, chart files, values) may hold 250,000 values in all its files together, and so may the values that a chart
is given by its references. Two things are to be set by the platform:

- **Memory and time.** Where a renderer uses up what the container may have, the kernel ends the whole container. With
  \`spec.render.limits.memoryMiB\` at its default (2048) helm has at most 0.8 GiB: three of those, and the gate, are within the
  4 GiB of the shipped StatefulSet; raise both together. A set as large as a Gate may take keeps one processor busy for seconds, and
  whoever leads must renew its Lease within ten: where teams are not trusted, give their Gates
  \`spec.manifests.maxValues: 500000\`, which is more than real applications have.
- **Objects.** Every GatedSource keeps up to three artifacts, of at most what a Gate lets be rendered (\`spec.manifests.maxBytes\`), on
  a volume of 2 GiB that all share. Set a ResourceQuota in gated namespaces:

\`\`\`yaml
apiVersion: v1
kind: ResourceQuota
metadata: { name: gated-sources, namespace: apps }
spec:
  hard:
    count/gatedsources.syncgate.dev: "20"
\`\`\`
`;
}
