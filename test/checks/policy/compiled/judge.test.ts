import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../../src/core/json.ts';
import { configMap, type Files, findingsFor, judged, type Setup, withPolicies } from '../../../support/policies.ts';
import { rejectionOf } from '../../../support/thrown.ts';

/** A Kyverno policy; `spec` is what stands below `rules`. */
function policy(name: string, rule: string, kind = 'ClusterPolicy', more = ''): string {
  return `apiVersion: kyverno.io/v1
kind: ${kind}
metadata: {name: ${name}, annotations: {policies.kyverno.io/title: "About ${name}", policies.kyverno.io/severity: high, policies.kyverno.io/category: Tests}}
spec:
  validationFailureAction: Enforce
${more}  rules:
${rule}`;
}

const needsTeam = policy(
  'needs-team',
  `  - name: team
    match: {any: [{resources: {kinds: [ConfigMap]}}]}
    validate: {message: "a team is needed", pattern: {metadata: {labels: {team: "?*"}}}}
`,
);

const noLatest = policy(
  'no-latest',
  `  - name: tag
    match: {any: [{resources: {kinds: [Pod]}}]}
    validate: {message: "no latest", pattern: {spec: {containers: [{image: "!*:latest"}]}}}
`,
);

/** Autogen stops at a selector: in a cluster this rule judges the Pods of a workload, and never the workload. */
const selected = policy(
  'selected',
  `  - name: probes
    match: {any: [{resources: {kinds: [Pod], selector: {matchLabels: {tier: web}}}}]}
    validate: {message: "a probe is needed", pattern: {spec: {containers: [{livenessProbe: "*"}]}}}
`,
);

function deployment(image: string, labels: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { template: { metadata: { labels }, spec: { containers: [{ name: 'c', image }] } } },
  };
}

const one = (text: string): Files => ({ 'policies/p.yaml': text });
const short = async (setup: Setup, objects: readonly JsonObject[]) =>
  (await findingsFor(setup, objects)).map(({ effect, code, rule, message }) => `${effect} ${code} ${rule}: ${message}`);

describe('findings', () => {
  it('name the policy, the rule, the object, its field, and what the policy says of itself', async () => {
    const [finding, ...others] = await findingsFor({ files: one(needsTeam) }, [configMap('c')]);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      effect: 'deny',
      code: 'POLICY_DENIED',
      rule: 'ClusterPolicy needs-team/team',
      message: expect.stringContaining('a team is needed'),
      object: { kind: 'ConfigMap', name: 'c' },
      field: 'metadata.labels',
      title: 'About needs-team',
      severity: 'high',
      category: 'Tests',
    });
  });

  it.each([
    ['Audit is told and denies nothing', needsTeam.replace('Enforce', 'Audit'), 'warn POLICY_WARNED'],
    ['Enforce denies', needsTeam, 'deny POLICY_DENIED'],
  ])('of a policy that says %s', async (_, text, start) => {
    expect(await short({ files: one(text) }, [configMap('c')])).toEqual([expect.stringMatching(`^${start}`)]);
  });

  it('are none where the rule holds', async () => {
    const fine = configMap('c', { metadata: { name: 'c', namespace: 'apps', labels: { team: 'a' } } });
    expect(await short({ files: one(needsTeam) }, [fine])).toEqual([]);
  });

  it('count every rule that gave an answer', async () => {
    await withPolicies({ files: one(needsTeam) }, async (policies) => {
      const { outcome } = await policies.judge(
        [judged(configMap('a')), judged(configMap('b'), 1)],
        AbortSignal.timeout(9000),
      );
      expect(outcome).toMatchObject({ kind: 'completed', examined: 2 });
    });
  });
});

describe('an error', () => {
  const unknown = policy(
    'reads',
    `  - name: label
    match: {any: [{resources: {kinds: [ConfigMap]}}]}
    validate: {message: m, deny: {conditions: {any: [{key: "{{ request.object.metadata.labels.none }}", operator: Equals, value: x}]}}}
`,
  );

  it('of a rule denies', async () => {
    expect(await short({ files: one(unknown) }, [configMap('c')])).toEqual([
      expect.stringMatching(/^error POLICY_EVALUATION_FAILED ClusterPolicy reads\/label: /),
    ]);
  });

  it('is told and denies nothing where the policy says Ignore', async () => {
    const ignored = unknown.replace('  rules:', '  failurePolicy: Ignore\n  rules:');
    expect(await short({ files: one(ignored) }, [configMap('c')])).toEqual([
      expect.stringMatching(/^warn POLICY_ERROR_IGNORED /),
    ]);
  });
});

describe('what the platform did not say', () => {
  const denyIf = (key: string, context = '') =>
    policy(
      'reads',
      `  - name: r
    match: {any: [{resources: {kinds: [ConfigMap]}}]}
${context}    validate: {message: m, deny: {conditions: {any: [{key: "{{ ${key} }}", operator: Equals, value: x}]}}}
`,
    );
  const map = '    context: [{name: map, configMap: {name: limits, namespace: platform}}]\n';

  it.each([
    [
      'an object',
      denyIf('map.data.a', map),
      /^Add it to spec\.cluster\.objects, or name its kind in spec\.cluster\.complete/,
    ],
    ['who asks', denyIf('request.userInfo.username'), /^Say in spec\.cluster\.identity who applies the manifests/],
  ])('is asked for: %s', async (_, text, mend) => {
    expect(await findingsFor({ files: one(text) }, [configMap('c')])).toMatchObject([
      { code: 'POLICY_EVALUATION_FAILED', mend: expect.stringMatching(mend) },
    ]);
  });
});

describe('an object that names no namespace', () => {
  const inProd = policy(
    'in-prod',
    `  - name: team
    match: {any: [{resources: {kinds: [ConfigMap], namespaces: ["prod-*"]}}]}
    validate: {message: "a team is needed", pattern: {metadata: {labels: {team: "?*"}}}}
`,
  );
  const nowhere = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } };

  it('is no pass of a policy that looks at namespaces', async () => {
    expect(await short({ files: one(inProd) }, [nowhere])).toEqual([
      expect.stringMatching(/^error POLICY_EVALUATION_FAILED ClusterPolicy in-prod: .*--namespace/),
    ]);
  });

  it.each([
    ['of a policy that does not', needsTeam, nowhere, ['deny']],
    ['where it has one', inProd, configMap('c'), []],
    [
      'where its kind has none',
      inProd.replace('ConfigMap', 'ClusterRole'),
      { ...nowhere, apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' },
      [],
    ],
  ])('is judged %s', async (_, text, object, effects) => {
    const found = await findingsFor({ files: one(text) }, [object]);
    expect(found.map(({ effect }) => effect)).toEqual(effects);
  });
});

describe('what a person should know of a policy', () => {
  it('is a warning with every verdict', async () => {
    const files = {
      ...one(needsTeam),
      'policies/q.yaml': needsTeam.replace('needs-team', 'odd').replace('[ConfigMap]', '[Servce]'),
    };
    const found = await findingsFor({ files }, [
      configMap('c', { metadata: { name: 'c', namespace: 'a', labels: { team: 'a' } } }),
    ]);
    expect(found).toMatchObject([
      { effect: 'warn', code: 'POLICY_HAZARD', rule: 'ClusterPolicy odd', message: expect.stringContaining('Service') },
    ]);
  });
});

describe('several policies that cannot be judged by', () => {
  it('are all named', async () => {
    const strange = needsTeam.replace('pattern:', 'patern:');
    const files = { ...one(strange), 'policies/q.yaml': strange.replaceAll('needs-team', 'other') };
    const error = await rejectionOf(findingsFor({ files }, []));
    expect(error.message).toMatch(/^policies\/p\.yaml:\d+:\d+: .*; more is wrong at policies\/q\.yaml:\d+:\d+$/);
  });
});

describe('what a workload would create', () => {
  it('is judged where a rule was not carried over to the workload', async () => {
    const files = one(selected);
    expect(await findingsFor({ files }, [deployment('nginx:1', { tier: 'web' })])).toMatchObject([
      {
        effect: 'deny',
        rule: 'ClusterPolicy selected/probes',
        message: expect.stringMatching(/^the Pod that it creates: .*a probe is needed/),
        object: { kind: 'Deployment', name: 'web' },
        field: 'spec.template.spec.containers[0]',
      },
    ]);
    expect(await short({ files }, [deployment('nginx:1', { tier: 'db' })])).toEqual([]);
  });

  it('is not judged again by a rule that was', async () => {
    const found = await findingsFor({ files: one(noLatest) }, [deployment('nginx:latest')]);
    expect(found).toMatchObject([{ rule: 'ClusterPolicy no-latest/autogen-tag', object: { kind: 'Deployment' } }]);
  });

  it('has no name, so a rule that reads it cannot be evaluated', async () => {
    const named = selected.replace(
      'pattern: {spec: {containers: [{livenessProbe: "*"}]}}',
      'deny: {conditions: {any: [{key: "{{ request.object.metadata.name }}", operator: Equals, value: x}]}}',
    );
    expect(await short({ files: one(named) }, [deployment('nginx:1', { tier: 'web' })])).toEqual([
      expect.stringMatching(/^error POLICY_EVALUATION_FAILED .*the Pod that it creates: /),
    ]);
  });
});

describe('a rule that only the pinned object passes', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const pinned = (evaluation: Record<string, unknown>) =>
    withPolicies({ files: one(noLatest), evaluation }, async (policies) => {
      const written = deployment('nginx:latest');
      const object = deployment(`nginx:latest@${digest}`);
      const { outcome } = await policies.judge([{ ...judged(object), written }], AbortSignal.timeout(9000));
      return outcome;
    });

  it.each([
    [{}, 'warn'],
    [{ onlyPinnedPasses: 'warn' }, 'warn'],
    [{ onlyPinnedPasses: 'deny' }, 'deny'],
  ])('with %j: %s', async (evaluation, effect) => {
    expect(await pinned(evaluation)).toMatchObject({
      findings: [{ effect, code: 'POLICY_PINNED_PASSES', rule: 'ClusterPolicy no-latest/autogen-tag' }],
    });
  });
});

describe('what is not evaluated', () => {
  const mutate = policy(
    'adds',
    `  - name: label
    match: {any: [{resources: {kinds: [ConfigMap]}}]}
    mutate: {patchStrategicMerge: {metadata: {labels: {team: a}}}}
`,
  );

  it('is in every answer by name, and a warning where it would change what another rule judges', async () => {
    await withPolicies({ files: { ...one(needsTeam), 'policies/m.yaml': mutate } }, async (policies) => {
      const { outcome, notEvaluated } = await policies.judge([judged(configMap('c'))], AbortSignal.timeout(9000));
      expect(notEvaluated).toEqual([
        { policy: 'ClusterPolicy adds', rule: 'label', why: expect.stringContaining('mutate') },
      ]);
      expect(outcome).toMatchObject({
        findings: [
          { effect: 'deny', rule: 'ClusterPolicy needs-team/team' },
          { effect: 'warn', code: 'POLICY_NOT_EVALUATED', rule: 'ClusterPolicy adds/label' },
        ],
      });
    });
  });

  it('warns of nothing where no other rule judges the object', async () => {
    expect(await short({ files: { ...one(mutate), 'policies/o.yaml': noLatest } }, [configMap('c')])).toEqual([]);
  });

  it('denies where no rule gives a verdict at all', async () => {
    const error = await rejectionOf(findingsFor({ files: one(mutate) }, [configMap('c')]));
    expect(error).toMatchObject({ code: 'POLICY_MISSING', message: 'no rule of the policies gives a verdict' });
  });

  it('is one warning for a rule, however many objects it would change', async () => {
    const files = { ...one(needsTeam), 'policies/m.yaml': mutate };
    const found = await findingsFor({ files }, [configMap('a'), configMap('b'), configMap('c')]);
    expect(found.filter(({ code }) => code === 'POLICY_NOT_EVALUATED')).toMatchObject([
      { object: { name: 'a' }, message: expect.stringContaining('this object and 2 more') },
    ]);
  });
});

describe('what cannot be judged by', () => {
  const strange = needsTeam.replace('pattern:', 'patern:');

  it('is refused when it is loaded, with its place', async () => {
    const error = await rejectionOf(findingsFor({ files: one(strange) }, []));
    expect(error).toMatchObject({ code: 'POLICY_INVALID', place: expect.stringMatching(/^policies\/p\.yaml:\d+/) });
    expect(error.message).toContain('patern');
  });

  const waiver = { policy: 'ClusterPolicy needs-team', reason: 'we are moving it' };

  it('is named in every answer where the platform waives it', async () => {
    const files = { ...one(strange), 'policies/o.yaml': noLatest };
    await withPolicies({ files, evaluation: { waivers: [waiver] } }, async (policies) => {
      const { notEvaluated } = await policies.judge([judged(configMap('c'))], AbortSignal.timeout(9000));
      expect(notEvaluated).toEqual([
        { policy: waiver.policy, rule: '', why: expect.stringMatching(/^waived \(we are moving it\): .*patern/) },
      ]);
    });
  });

  it.each([
    ['has ended', strange, { ...waiver, until: '2020-01-01T00:00:00Z' }, 'POLICY_INVALID'],
    ['is for a policy that can be judged by', needsTeam, waiver, 'POLICY_WAIVER_UNUSED'],
    ['is for a policy that is not there', needsTeam, { ...waiver, policy: 'ClusterPolicy x' }, 'POLICY_WAIVER_UNUSED'],
  ])('is refused where the waiver %s', async (_, text, each, code) => {
    const error = await rejectionOf(findingsFor({ files: one(text), evaluation: { waivers: [each] } }, []));
    expect(error.code).toBe(code);
  });

  it('is a policy that is there twice', async () => {
    const error = await rejectionOf(findingsFor({ files: { ...one(needsTeam), 'policies/q.yaml': needsTeam } }, []));
    expect(error).toMatchObject({ code: 'POLICY_REPEATED', message: expect.stringContaining('policies/p.yaml:1') });
  });
});
