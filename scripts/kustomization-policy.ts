/**
 * What a Kustomization of Flux may say in a gated namespace: every field of its spec, with the reason. The policy of the
 * API server and the page of the documentation are made of this table, and a test holds it to Flux's own definition.
 */

export interface FieldRule {
  readonly field: string;
  /** `bounded`: allowed with the values that a rule of its own names. */
  readonly answer: 'allowed' | 'bounded' | 'refused';
  readonly why: string;
}

/** KustomizationSpec, kustomize-controller v1.9. */
export const KUSTOMIZATION_FIELDS: readonly FieldRule[] = [
  { field: 'buildMetadata', answer: 'refused', why: 'adds annotations to every object' },
  { field: 'commonMetadata', answer: 'refused', why: 'changes labels and annotations of every object' },
  { field: 'components', answer: 'refused', why: 'may change anything' },
  {
    field: 'decryption',
    answer: 'bounded',
    why: 'opens Secrets that were judged as they are, closed; `sops` alone is known',
  },
  { field: 'deletionPolicy', answer: 'allowed', why: 'says what is left when the Kustomization goes' },
  { field: 'dependsOn', answer: 'allowed', why: 'says when, not what' },
  {
    field: 'force',
    answer: 'allowed',
    why: 'recreates what cannot be changed in place; the object is the one that was judged',
  },
  { field: 'healthCheckExprs', answer: 'allowed', why: 'reads what was applied' },
  { field: 'healthChecks', answer: 'allowed', why: 'reads what was applied' },
  { field: 'ignore', answer: 'refused', why: 'leaves fields that were judged out of what is applied' },
  { field: 'ignoreMissingComponents', answer: 'refused', why: 'belongs to `components`' },
  { field: 'images', answer: 'refused', why: 'exchanges images that were verified for others' },
  { field: 'interval', answer: 'allowed', why: 'says when, not what' },
  {
    field: 'kubeConfig',
    answer: 'bounded',
    why: 'applies to a cluster that nobody judged for; a policy of its own refuses it',
  },
  { field: 'namePrefix', answer: 'refused', why: 'changes every name' },
  { field: 'nameSuffix', answer: 'refused', why: 'changes every name' },
  { field: 'patches', answer: 'refused', why: 'may change anything' },
  { field: 'path', answer: 'bounded', why: 'the whole artifact was judged, and the whole is applied' },
  { field: 'postBuild', answer: 'refused', why: 'puts values into the objects that nobody judged' },
  { field: 'prune', answer: 'allowed', why: 'removes what is no longer among the objects' },
  { field: 'retryInterval', answer: 'allowed', why: 'says when, not what' },
  {
    field: 'serviceAccountName',
    answer: 'bounded',
    why: 'an account of the same namespace, with whose rights is applied; a policy of its own asks for it',
  },
  {
    field: 'sourceRef',
    answer: 'bounded',
    why: 'an ExternalArtifact of the same namespace, which only the gate writes',
  },
  { field: 'suspend', answer: 'allowed', why: 'says when, not what' },
  { field: 'targetNamespace', answer: 'refused', why: 'changes where every object goes' },
  { field: 'timeout', answer: 'allowed', why: 'says when, not what' },
  { field: 'wait', answer: 'allowed', why: 'reads what was applied' },
];

/** What is known below the fields that are bounded. */
export const KNOWN_BELOW: Readonly<Record<string, readonly string[]>> = {
  sourceRef: ['apiVersion', 'kind', 'name', 'namespace'],
  decryption: ['provider', 'secretRef', 'serviceAccountName'],
};

const names = (answers: readonly FieldRule['answer'][]) =>
  KUSTOMIZATION_FIELDS.filter(({ answer }) => answers.includes(answer)).map(({ field }) => field);
const list = (values: readonly string[]) => `[${values.map((value) => `'${value}'`).join(', ')}]`;
const below = (field: string) =>
  `!has(variables.spec.${field}) || variables.spec.${field}.all(key, key in ${list(KNOWN_BELOW[field] ?? [])})`;

/** `flux/base/policies/kustomizations.yaml`: of Kustomizations in gated namespaces, by the API server. */
export function kustomizationPolicyFile(): string {
  const comment = `# Flux changes what it applies after it was rendered, by fields of the Kustomization. In gated namespaces none of them may
# be set: what reaches the cluster is what was judged. docs/flux-reference.md goes through the fields.`;
  const matchResources = `
  matchResources:
    namespaceSelector:
      matchLabels: { syncgate.dev/gated: "true" }
`;
  return policyFile('syncgate-kustomizations', comment, matchResources);
}

/** `flux/gate-policies/kustomizations.yaml`: of Kustomizations that are rendered, by a Gate, wherever they go. */
export function renderedKustomizationPolicyFile(): string {
  const comment = `# For the policies of a Gate: a Kustomization that a gated source renders may go into a namespace that is not gated, where the
# API server would let it be anything.`;
  return policyFile('syncgate-rendered-kustomizations', comment, '\n');
}

function policyFile(policy: string, comment: string, matchResources: string): string {
  return `# Made from scripts/kustomization-policy.ts by \`npm run docs\`.
#
${comment}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: ${policy}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
      - apiGroups: [kustomize.toolkit.fluxcd.io]
        apiVersions: ["*"]
        operations: [CREATE, UPDATE]
        resources: [kustomizations]
  variables:
    # What was there before the namespace was gated keeps its finalizers and annotations up to date, and can be deleted;
    # changing it means mending it.
    - name: changed
      expression: oldObject == null || !has(oldObject.spec) || !has(object.spec) || object.spec != oldObject.spec
    - name: spec
      expression: "has(object.spec) ? object.spec : {}"
    - name: transforming
      expression: |-
        ${list(names(['refused']))}.filter(field, field in variables.spec)
    - name: unknown
      expression: |-
        variables.spec.map(field, field).filter(field, !(field in
        ${list(names(['allowed', 'bounded', 'refused']))}))
  # 403 and never 422: upon a 422 kustomize-controller deletes the object and makes it anew, where \`force\` is set.
  validations:
    - expression: "!variables.changed || size(variables.transforming) == 0"
      reason: Forbidden
      message: "syncgate: a field of spec changes what was judged; set it in the GatedSource"
      messageExpression: "'syncgate: spec.' + variables.transforming.join(', spec.') + ' would change what was judged; set it in the GatedSource instead'"
    - expression: "!variables.changed || size(variables.unknown) == 0"
      reason: Forbidden
      message: "syncgate: a field of spec is not known to this version of the policy; take it out, or upgrade syncgate"
      messageExpression: "'syncgate: spec.' + variables.unknown.join(', spec.') + ' is not known to this version of the policy; take it out, or upgrade syncgate'"
    - expression: >-
        !variables.changed || (has(variables.spec.sourceRef) && has(variables.spec.sourceRef.kind) &&
        variables.spec.sourceRef.kind == 'ExternalArtifact')
      reason: Forbidden
      message: "syncgate: spec.sourceRef goes around the gate; name the ExternalArtifact of a GatedSource"
    - expression: >-
        !variables.changed || !has(variables.spec.sourceRef) || !has(variables.spec.sourceRef.namespace) ||
        variables.spec.sourceRef.namespace in ['', request.namespace]
      reason: Forbidden
      message: "syncgate: spec.sourceRef.namespace is another namespace, whose artifacts were judged by its own rules; leave it out"
    - expression: >-
        !variables.changed || !has(variables.spec.sourceRef) || !has(variables.spec.sourceRef.apiVersion) ||
        variables.spec.sourceRef.apiVersion in ['', 'source.toolkit.fluxcd.io/v1']
      reason: Forbidden
      message: "syncgate: spec.sourceRef.apiVersion is not known; leave it out"
    - expression: "!variables.changed || ${below('sourceRef')}"
      reason: Forbidden
      message: "syncgate: a field of spec.sourceRef is not known to this version of the policy; take it out"
    - expression: "!variables.changed || !has(variables.spec.path) || variables.spec.path in ['', '.', './', '/']"
      reason: Forbidden
      message: "syncgate: spec.path leads into the artifact, which is applied as a whole; set it to ./"
    - expression: >-
        !variables.changed || !has(variables.spec.decryption) ||
        (has(variables.spec.decryption.provider) && variables.spec.decryption.provider == 'sops')
      reason: Forbidden
      message: "syncgate: spec.decryption.provider is not known; only sops is"
    - expression: "!variables.changed || ${below('decryption')}"
      reason: Forbidden
      message: "syncgate: a field of spec.decryption is not known to this version of the policy; take it out"
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: ${policy}
spec:
  policyName: ${policy}
  validationActions: [Deny]${matchResources}`;
}
