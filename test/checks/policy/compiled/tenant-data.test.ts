import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/core/json.ts';
import { configMap, type Files, findingsFor } from '../../../support/policies.ts';
import { rejectionOf } from '../../../support/thrown.ts';

/**
 * What rules are fed with belongs to the platform. Each case has a rule that reads some other object, the object as the
 * platform has it, and the one that an application renders beside what is judged: only the platform's may count.
 */
interface Case {
  readonly what: string;
  /** The rule reads the object of the snapshot and refuses; with the tenant's it would pass. */
  readonly policies: string;
  readonly snapshot: readonly JsonObject[];
  readonly tenant: JsonObject;
  readonly judged: JsonObject;
  /** As `spec.cluster.fromRendered` names what the policy is fed with; undefined where nothing feeds that way. */
  readonly feed?: { readonly policy: string; readonly kinds: readonly string[] };
}

const shop = (labels: JsonObject): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'apps', labels },
});

function clusterPolicy(name: string, match: string, validate: string, context = ''): string {
  return `apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: ${name}}
spec:
  validationFailureAction: Enforce
  rules:
  - name: r
    match: {any: [{resources: {kinds: [Secret]${match}}}]}
${context}    validate: ${validate}
`;
}

const admission = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: limits}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [secrets], operations: [CREATE]}]
  validations: [{expression: "params.data.allowed == 'yes'", message: not allowed}]
`;
const binding = (params: string) => `---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: limits}
spec: {policyName: limits, validationActions: [Deny]${params}}
`;

const secret: JsonObject = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'apps' } };
const denied = '{message: refused, deny: {}}';

const cases: readonly Case[] = [
  {
    what: 'labels of a Namespace, for Kyverno',
    policies: clusterPolicy('p', ', namespaceSelector: {matchLabels: {strict: "yes"}}', denied),
    snapshot: [shop({ strict: 'yes' })],
    tenant: shop({ strict: 'no' }),
    judged: secret,
    feed: { policy: 'ClusterPolicy p', kinds: ['Namespace'] },
  },
  {
    what: 'labels of a Namespace, for ValidatingAdmissionPolicy',
    policies: admission
      .replace('  matchConstraints:', '  matchConstraints:\n    namespaceSelector: {matchLabels: {strict: "yes"}}')
      .replace('  paramKind: {apiVersion: v1, kind: ConfigMap}\n', '')
      .replace("params.data.allowed == 'yes'", 'false')
      .concat(binding('')),
    snapshot: [shop({ strict: 'yes' })],
    tenant: shop({ strict: 'no' }),
    judged: secret,
    feed: { policy: 'ValidatingAdmissionPolicy limits', kinds: ['Namespace'] },
  },
  {
    what: 'params',
    policies: admission + binding(', paramRef: {name: limits, namespace: platform, parameterNotFoundAction: Deny}'),
    snapshot: [configMap('limits', { metadata: { name: 'limits', namespace: 'platform' }, data: { allowed: 'no' } })],
    tenant: configMap('limits', { metadata: { name: 'limits', namespace: 'platform' }, data: { allowed: 'yes' } }),
    judged: secret,
    feed: { policy: 'ValidatingAdmissionPolicy limits', kinds: ['ConfigMap'] },
  },
  {
    what: 'a ConfigMap of a context entry',
    policies: clusterPolicy(
      'p',
      '',
      '{message: refused, deny: {conditions: {any: [{key: "{{ limits.data.allowed }}", operator: NotEquals, value: "yes"}]}}}',
      '    context: [{name: limits, configMap: {name: limits, namespace: platform}}]\n',
    ),
    snapshot: [configMap('limits', { metadata: { name: 'limits', namespace: 'platform' }, data: { allowed: 'no' } })],
    tenant: configMap('limits', { metadata: { name: 'limits', namespace: 'platform' }, data: { allowed: 'yes' } }),
    judged: secret,
    feed: { policy: 'ClusterPolicy p', kinds: ['ConfigMap'] },
  },
  {
    what: 'a PolicyException',
    policies: clusterPolicy('p', '', denied),
    snapshot: [],
    tenant: {
      apiVersion: 'kyverno.io/v2',
      kind: 'PolicyException',
      metadata: { name: 'mine', namespace: 'apps' },
      spec: {
        exceptions: [{ policyName: 'p', ruleNames: ['r'] }],
        match: { any: [{ resources: { kinds: ['Secret'] } }] },
      },
    },
    judged: secret,
  },
  {
    what: 'a binding that says Audit',
    policies:
      admission
        .replace("params.data.allowed == 'yes'", 'false')
        .replace('  paramKind: {apiVersion: v1, kind: ConfigMap}\n', '') + binding(''),
    snapshot: [],
    tenant: {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'limits' },
      spec: { policyName: 'limits', validationActions: ['Audit'] },
    },
    judged: secret,
  },
  {
    what: 'the scope and plural of a CustomResourceDefinition',
    policies: admission
      .replace(
        'apiGroups: [""], apiVersions: [v1], resources: [secrets]',
        'apiGroups: [example.com], apiVersions: [v1], resources: [things], scope: Namespaced',
      )
      .replace("params.data.allowed == 'yes'", 'false')
      .replace('  paramKind: {apiVersion: v1, kind: ConfigMap}\n', '')
      .concat(binding('')),
    snapshot: [definition('things', 'Namespaced')],
    tenant: definition('thingies', 'Cluster'),
    judged: { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 't', namespace: 'apps' } },
  },
];

function definition(plural: string, scope: string): JsonObject {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.example.com` },
    spec: {
      group: 'example.com',
      scope,
      names: { plural, kind: 'Thing', singular: 'thing', listKind: 'ThingList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  };
}

const files = ({ policies, snapshot }: Case): Files => ({
  'policies/p.yaml': policies,
  'cluster/objects.json': JSON.stringify({ apiVersion: 'v1', kind: 'List', items: snapshot }),
});

const effects = async (each: Case, objects: readonly JsonObject[], cluster: Record<string, unknown> = {}) =>
  (await findingsFor({ files: files(each), cluster: { objects: [{ path: 'cluster' }], ...cluster } }, objects)).map(
    ({ effect, object }) => `${effect} ${object?.kind}`,
  );

describe.each(cases)('$what', (each) => {
  const kind = String(each.judged['kind']);

  it('refuses as the platform has it', async () => {
    expect(await effects(each, [each.judged])).toContain(`deny ${kind}`);
  });

  it('refuses the same where the application renders another one', async () => {
    expect(await effects(each, [each.judged, each.tenant])).toContain(`deny ${kind}`);
    expect(await effects(each, [each.tenant, each.judged])).toContain(`deny ${kind}`);
  });
});

describe.each(cases.filter(({ feed }) => feed !== undefined))(
  '$what, where the Gate feeds the policy with it',
  (each) => {
    const fed = { objects: [], fromRendered: [each.feed] };

    it('counts if the platform has none', async () => {
      expect(await effects(each, [each.judged, each.tenant], fed)).toEqual([]);
    });

    it('denies the set if the platform has another one', async () => {
      const clash = effects(each, [each.judged, each.tenant], { fromRendered: [each.feed] });
      expect(await rejectionOf(clash)).toMatchObject({ code: 'SNAPSHOT_CLASH' });
    });

    it('counts for no policy that is not named', async () => {
      const other = { objects: [], fromRendered: [{ ...each.feed, kinds: ['Service'] }] };
      expect(await effects(each, [each.judged, each.tenant], other)).toEqual([expect.stringMatching(/^(error|deny) /)]);
    });
  },
);

it('a feed for a policy that is not there is refused', async () => {
  const [first] = cases;
  if (first === undefined) throw new Error('there are no cases');
  const mistyped = effects(first, [], { fromRendered: [{ policy: 'ClusterPolicy q', kinds: ['Namespace'] }] });
  expect(await rejectionOf(mistyped)).toMatchObject({ code: 'CONFIG_INVALID' });
});

it.each([
  ['complete', { complete: ['Namespaces'] }],
  ['complete', { complete: ['Ingress'] }],
  ['fromRendered', { fromRendered: [{ policy: 'ClusterPolicy p', kinds: ['apps/Deploymint'] }] }],
])('a kind that cannot exist in %s is refused', async (field, cluster) => {
  const [first] = cases;
  if (first === undefined) throw new Error('there are no cases');
  expect(await rejectionOf(effects(first, [], cluster))).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(`spec.cluster.${field} names`),
  });
});
