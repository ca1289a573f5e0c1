/** One object through a gate of real files: the same rules as for a set, as far as one object allows. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { AdmittedObject } from '../../src/gates.ts';
import { readJson } from '../../src/manifests/json-reader.ts';
import { type OpenGate, openGate } from '../../src/wiring/gate.ts';
import { openCosign } from '../support/cosign.ts';
import { pushImage, startRegistry } from '../support/registry.ts';
import { policyOf } from '../support/signed-application.ts';
import { tool } from '../support/tools/resolve.ts';

const folders: string[] = [];
const gates: OpenGate[] = [];
afterEach(async () => {
  for (const gate of gates.splice(0)) await gate.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

type Files = Readonly<Record<string, object | string>>;

async function open(spec: object, files: Files = {}): Promise<OpenGate> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-object-'));
  folders.push(folder);
  const document = {
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'Gate',
    metadata: { name: 'one' },
    spec: { policies: [], images: 'unchecked', ...spec },
  };
  for (const [path, content] of Object.entries({ 'gate.yaml': document, ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  mkdirSync(join(folder, 'tmp'));
  const config = await loadConfig(join(folder, 'gate.yaml'), async (path) =>
    (await import('node:fs')).readFileSync(path, 'utf8'),
  );
  const world = { env: { PATH: process.env['PATH'] }, temporaryFolder: join(folder, 'tmp'), program: '' };
  const gate = openGate(config, world, new AbortController().signal, 'many verdicts');
  gates.push(gate);
  return gate;
}

/** As it is read from a review. */
function objectOf(value: object): JsonObject {
  return readJson(JSON.stringify(value), 0, { maxDepth: 100 }).value as JsonObject;
}

function configMap(more: object = {}): JsonObject {
  return objectOf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'apps' }, ...more });
}

function pod(image: string): JsonObject {
  const spec = { containers: [{ name: 'web', image }] };
  return objectOf({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'apps' }, spec });
}

const userInfo = { username: 'system:serviceaccount:apps:tenant', uid: 'u', groups: ['tenants'], extra: {} };

function admitted(object: JsonObject, more: Partial<AdmittedObject> = {}): AdmittedObject {
  const resource = { group: '', version: 'v1', resource: `${String(object['kind']).toLowerCase()}s` };
  return {
    operation: 'CREATE',
    object,
    oldObject: undefined,
    resource,
    subresource: '',
    namespace: 'apps',
    userInfo,
    ...more,
  };
}

const judge = (gate: OpenGate, asked: AdmittedObject): Promise<Decision> =>
  gate.judgeObject(asked, AbortSignal.timeout(30_000));

function admissionPolicy(...expressions: readonly string[]): string {
  const resourceRules = [
    {
      apiGroups: ['*'],
      apiVersions: ['*'],
      operations: ['CREATE', 'UPDATE'],
      resources: ['*', 'pods/ephemeralcontainers'],
    },
  ];
  return [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'policy' },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: { resourceRules },
        validations: expressions.map((expression) => ({ expression, message: expression })),
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'policy' },
      spec: { policyName: 'policy', validationActions: ['Deny'] },
    },
  ]
    .map((document) => JSON.stringify(document))
    .join('\n---\n');
}

function clusterPolicy(rule: object): object {
  return {
    apiVersion: 'kyverno.io/v1',
    kind: 'ClusterPolicy',
    metadata: { name: 'policy' },
    spec: { validationFailureAction: 'Enforce', rules: [{ name: 'rule', ...rule }] },
  };
}

const withPolicies = (...texts: readonly (object | string)[]) =>
  open(
    { policies: [{ path: 'rules' }] },
    Object.fromEntries(texts.map((text, index) => [`rules/${index}.yaml`, text])),
  );

describe('rules see the request as it is', () => {
  it.each([
    [
      'its user',
      "request.userInfo.username == 'system:serviceaccount:apps:tenant' && 'tenants' in request.userInfo.groups",
    ],
    ['its operation', "request.operation == 'UPDATE'"],
    ['its resource', "request.resource.resource == 'configmaps' && request.namespace == 'apps' && request.name == 'a'"],
    ['its options', "request.dryRun && request.options.fieldManager == 'kustomize-controller'"],
    ['what was there', "oldObject.data.a == 'old' && object.data.a == 'new'"],
  ])('%s', async (_, expression) => {
    const gate = await withPolicies(admissionPolicy(expression));
    const update = admitted(configMap({ data: { a: 'new' } }), {
      operation: 'UPDATE',
      oldObject: configMap({ data: { a: 'old' } }),
      dryRun: true,
      options: objectOf({ fieldManager: 'kustomize-controller' }),
    });
    expect((await judge(gate, update)).verdict).toBe('allowed');
    const other = { userInfo: { ...userInfo, username: 'other' }, namespace: 'elsewhere' };
    const object = objectOf({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'b', namespace: 'elsewhere' },
      data: { a: 'x' },
    });
    expect((await judge(gate, admitted(object, other))).verdict).toBe('denied');
  });

  it('and the object as the server has it: nothing is filled in that it does not say', async () => {
    const gate = await withPolicies(admissionPolicy('!has(object.spec.restartPolicy)'));
    expect((await judge(gate, admitted(pod('a')))).verdict).toBe('allowed');
  });

  it('a custom resource by the name that it is served under', async () => {
    const gate = await withPolicies(admissionPolicy("request.resource.resource == 'widgets'"));
    const widget = objectOf({
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'a', namespace: 'apps' },
    });
    const resource = { group: 'example.com', version: 'v1', resource: 'widgets' };
    expect((await judge(gate, admitted(widget, { resource }))).verdict).toBe('allowed');
    expect((await judge(gate, admitted(widget, { resource: { ...resource, resource: 'gadgets' } }))).verdict).toBe(
      'denied',
    );
  });

  it('ephemeral containers as the subresource that they are', async () => {
    const gate = await withPolicies(admissionPolicy("request.subResource != 'ephemeralcontainers'"));
    const update = admitted(pod('a'), { operation: 'UPDATE', oldObject: pod('a') });
    expect((await judge(gate, { ...update, subresource: 'ephemeralcontainers' })).verdict).toBe('denied');
  });

  it('the Pods of a workload, as in a set', async () => {
    const gate = await withPolicies(
      clusterPolicy({
        match: { any: [{ resources: { kinds: ['Pod'] } }] },
        validate: { message: 'no host network', pattern: { spec: { '=(hostNetwork)': false } } },
      }),
    );
    const template = {
      metadata: { labels: { app: 'a' } },
      spec: { hostNetwork: true, containers: [{ name: 'a', image: 'a' }] },
    };
    const deployment = objectOf({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a', namespace: 'apps' },
      spec: { selector: { matchLabels: { app: 'a' } }, template },
    });
    const resource = { group: 'apps', version: 'v1', resource: 'deployments' };
    const { verdict, reasons } = await judge(gate, admitted(deployment, { resource }));
    expect([verdict, reasons[0]?.message]).toEqual(['denied', expect.stringContaining('no host network')]);
  });
});

describe('who is bound to a role', () => {
  const rule = (filter: object) =>
    clusterPolicy({
      match: { any: [{ resources: { kinds: ['ConfigMap'] }, ...filter }] },
      validate: { message: 'refused', deny: {} },
    });

  it.each([
    ['roles', { roles: ['apps:admin'] }],
    ['clusterRoles', { clusterRoles: ['admin'] }],
  ])('%s: no admission request says, so a rule that asks cannot be evaluated', async (_, filter) => {
    const { verdict, reasons } = await judge(await withPolicies(rule(filter)), admitted(configMap()));
    expect(verdict).toBe('unevaluated');
    expect(reasons[0]?.message).toContain('which roles are bound');
  });

  it('the platform may say it of the account that it names', async () => {
    const gate = await open(
      {
        policies: [{ path: 'rules' }],
        cluster: { identity: { username: userInfo.username, clusterRoles: ['admin'] } },
      },
      { 'rules/0.yaml': rule({ clusterRoles: ['admin'] }) },
    );
    expect((await judge(gate, admitted(configMap()))).verdict).toBe('denied');
    const other = { userInfo: { ...userInfo, username: 'other' } };
    expect((await judge(gate, admitted(configMap(), other))).verdict).toBe('unevaluated');
  });
});

describe('rules over the whole set are named, and judge nothing here', () => {
  it('combined packages of Rego', async () => {
    const text = (name: string) => `package ${name}\n\ndeny contains "${name} says no" if true\n`;
    const gate = await open(
      {
        policies: [{ path: 'rules' }],
        rego: { version: 'v1', packages: ['each', 'whole'], combined: ['whole'], path: await tool('opa') },
      },
      { 'rules/each.rego': text('each'), 'rules/whole.rego': text('whole') },
    );
    const { reasons, notEvaluated } = await judge(gate, admitted(configMap()));
    expect(reasons.map(({ message }) => message)).toEqual(['each says no']);
    expect(notEvaluated).toEqual([{ policy: 'whole', rule: 'deny', why: expect.stringContaining('whole set') }]);
  });

  it('policies that are fed by what is rendered', async () => {
    const gate = await open(
      {
        policies: [{ path: 'rules' }],
        cluster: { fromRendered: [{ policy: 'ValidatingAdmissionPolicy policy', kinds: ['ConfigMap'] }] },
      },
      { 'rules/0.yaml': admissionPolicy('false') },
    );
    const { verdict, notEvaluated } = await judge(gate, admitted(configMap()));
    expect(verdict).toBe('allowed');
    expect(notEvaluated).toEqual([{ policy: 'ValidatingAdmissionPolicy policy', rule: '', why: expect.any(String) }]);
  });
});

describe('images', () => {
  it('must be signed and pinned; a Gate may take the tag for what it is now', async () => {
    await using registry = await startRegistry();
    using cosign = openCosign();
    const key = await cosign.key();
    const [signed, unsigned] = await Promise.all([
      pushImage(registry.host, 'team/web', '1'),
      pushImage(registry.host, 'team/other', '1'),
    ]);
    await cosign.sign(signed.pinned, key, { cosign: 3, format: 'bundle' });
    const spec = (more: object = {}) => ({
      images: { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true },
      registries: [{ host: registry.host, plainHttp: true }],
      ...more,
    });
    const files = { 'trust/release.yaml': policyOf(key.publicPem) };
    const strict = await open(spec(), files);
    const trusting = await open(spec({ admission: { unpinned: 'verify' } }), files);
    const codes = async (gate: OpenGate, image: string) =>
      (await judge(gate, admitted(pod(image)))).reasons.map(({ code }) => code);
    expect(await codes(strict, signed.pinned)).toEqual([]);
    expect(await codes(strict, signed.tagged)).toEqual(['IMAGE_NOT_PINNED']);
    // Nobody pins here, whatever the settings say.
    const [reason] = (await judge(strict, admitted(pod(signed.tagged)))).reasons;
    expect(reason?.mend).toContain('render it with a GatedSource');
    expect(await codes(strict, unsigned.pinned)).toEqual(['IMAGE_UNSIGNED']);
    expect(await codes(trusting, signed.tagged)).toEqual([]);
    expect(await codes(trusting, unsigned.tagged)).toEqual(['IMAGE_UNSIGNED']);
  });
});

describe('what is no object of the request is refused', () => {
  it.each<[string, AdmittedObject]>([
    ['an object of another namespace', admitted(configMap(), { namespace: 'other' })],
    ['an object of a namespace in a request of the cluster', admitted(configMap(), { namespace: '' })],
    ['an object without a name', admitted(objectOf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }))],
    ['an object without a kind', admitted(objectOf({ apiVersion: 'v1', metadata: { name: 'a', namespace: 'apps' } }))],
    ['nothing', { ...admitted(configMap()), object: null as unknown as JsonObject }],
    ['another Namespace', admitted(objectOf({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } }))],
  ])('%s', async (_, asked) => {
    const { verdict, reasons } = await judge(await open({}), asked);
    expect([verdict, reasons[0]?.code]).toEqual(['unevaluated', 'MANIFEST_FIELD']);
  });

  it('and what is one is not: a Namespace, an object of the cluster, one with items', async () => {
    const gate = await open({});
    const namespace = objectOf({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'apps' } });
    const role = objectOf({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'a' } });
    const verdicts = [
      await judge(gate, admitted(namespace)),
      await judge(gate, admitted(role, { namespace: '' })),
      await judge(gate, admitted(configMap({ items: [{ kind: 'Pod' }] }))),
    ].map(({ verdict }) => verdict);
    expect(verdicts).toEqual(['allowed', 'allowed', 'allowed']);
  });
});

describe('a gate whose rules cannot be loaded', () => {
  it('denies every object', async () => {
    const gate = await withPolicies(
      'apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: a}\nspec: {unknown: 1}\n',
    );
    expect((await judge(gate, admitted(configMap()))).verdict).toBe('usage');
  });

  it('denies when the time is over', async () => {
    const gate = await withPolicies(admissionPolicy('true'));
    const { verdict, reasons } = await gate.judgeObject(admitted(configMap()), AbortSignal.abort());
    expect([verdict, reasons[0]?.code]).toEqual(['unevaluated', 'CHECK_TIMEOUT']);
  });
});
