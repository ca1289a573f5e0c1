/** A real API server asks the webhook, and nothing that a Gate refuses gets in. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Decision } from '../../src/core/decision.ts';
import { decisionOf, gateOf, gatesOf } from '../support/admission/review.ts';
import {
  gate,
  startWebhook,
  type Webhook,
  type WebhookOptions,
  webhookConfiguration,
} from '../support/admission/webhook.ts';
import { waitFor } from '../support/argocd/component.ts';
import { makeCertificates } from '../support/certificates.ts';
import { openCosign } from '../support/cosign.ts';
import { type Client, openClient, Refused, type Writable } from '../support/kubernetes/client.ts';
import { type KubernetesServer, serviceAccount, startKubernetes } from '../support/kubernetes/cluster.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { policyOf } from '../support/signed-application.ts';
import { tool } from '../support/tools/resolve.ts';

const flux = serviceAccount('flux-system', 'kustomize-controller');
const argo = serviceAccount('argocd', 'argocd-application-controller');
const kustomizeController = { fieldManager: 'kustomize-controller' };
let server: KubernetesServer;
let webhook: Webhook;
let admin: Client;
let registry: RunningRegistry;
let signed: PushedImage;
let unsigned: PushedImage;
/** Of the API server, which shows it to every webhook. */
const own = makeCertificates();
const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-admission-'));

/** What tells an API server which client certificate it shows to webhooks. */
function admissionConfiguration(): string {
  const file = (name: string, content: string | object) => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const user = {
    'client-certificate': file('client.crt', own.client.cert),
    'client-key': file('client.key', own.client.key),
  };
  const kubeConfigFile = file('webhooks.json', { apiVersion: 'v1', kind: 'Config', users: [{ name: '*', user }] });
  const configuration = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'WebhookAdmissionConfiguration',
    kubeConfigFile,
  };
  return file('admission.json', {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AdmissionConfiguration',
    plugins: [{ name: 'ValidatingAdmissionWebhook', configuration }],
  });
}

beforeAll(async () => {
  const apiServerArgs = ['--admission-control-config-file', admissionConfiguration()];
  [server, registry] = await Promise.all([startKubernetes({ users: [flux, argo], apiServerArgs }), startRegistry()]);
  admin = openClient(server);
  using cosign = openCosign();
  const key = await cosign.key();
  signed = await pushImage(registry.host, 'team/web', '1');
  unsigned = await pushImage(registry.host, 'team/other', '1');
  await cosign.sign(signed.pinned, key, { cosign: 3, format: 'bundle' });
  webhook = await startWebhook({
    files: {
      'gates/apps.yaml': gate(
        'apps',
        { names: ['apps', 'team-*', 'slow'] },
        {
          policies: [{ path: '../rules' }],
          images: { trust: [{ path: '../trust' }], unmatched: 'deny', pin: true },
          registries: [{ host: registry.host, plainHttp: true }],
          rego: { version: 'v1', packages: ['main'], path: await tool('opa') },
        },
      ),
      'gates/cluster.yaml': gate('cluster', { clusterObjects: true }, {}),
      'trust/release.yaml': policyOf(key.publicPem),
      ...rules,
    },
  });
  for (const name of ['apps', 'team-a', 'nobody', 'slow']) await admin.apply(namespace(name));
  for (const user of [flux, argo]) await admin.apply(administrator(user.name));
  await admin.apply(webhookConfiguration(webhook));
  // The server reads its webhooks from a copy of its own.
  await waitFor('the webhook to be asked', 30_000, async () => {
    const probe = configMap('probe', { deny: 'kyverno' });
    return (await refusal(admin.apply(probe, { ...kustomizeController, dryRun: true }))) === '' ? undefined : true;
  });
});
afterAll(async () => {
  admin?.[Symbol.dispose]();
  await webhook?.stop();
  await server?.stop();
  await registry?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A rule of each dialect, which refuses what is labelled with its name. */
const rules = {
  'rules/kyverno.yaml': {
    apiVersion: 'kyverno.io/v1',
    kind: 'ClusterPolicy',
    metadata: { name: 'labels' },
    spec: {
      validationFailureAction: 'Enforce',
      rules: [
        {
          name: 'none-of-these',
          match: { any: [{ resources: { kinds: ['ConfigMap'] } }] },
          validate: {
            message: 'The label deny says kyverno',
            deny: {
              conditions: {
                any: [
                  {
                    key: "{{ request.object.metadata.labels.deny || 'none' }}",
                    operator: 'Equals',
                    value: 'kyverno',
                  },
                ],
              },
            },
          },
        },
      ],
    },
  },
  'rules/validating-policy.yaml': {
    apiVersion: 'policies.kyverno.io/v1',
    kind: 'ValidatingPolicy',
    metadata: { name: 'labels' },
    spec: {
      validationActions: ['Deny'],
      matchConstraints: {
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
        ],
      },
      validations: [
        { expression: "object.metadata.?labels.?deny.orValue('') != 'validating-policy'", message: 'refused by CEL' },
      ],
    },
  },
  'rules/admission-policy.yaml': [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'labels' },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
          ],
        },
        validations: [
          {
            expression: "!has(object.metadata.labels) || object.metadata.labels[?'deny'].orValue('') != 'vap'",
            message: 'refused by the policy of Kubernetes',
          },
          {
            expression: "request.operation == 'CREATE' || object.data[?'frozen'] == oldObject.data[?'frozen']",
            message: 'the field is immutable, an Immutable field',
          },
          {
            expression: "request.userInfo.username != 'system:serviceaccount:apps:mallory'",
            message: 'mallory may not',
          },
        ],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'labels' },
      spec: { policyName: 'labels', validationActions: ['Deny'] },
    },
  ]
    .map((document) => JSON.stringify(document))
    .join('\n---\n'),
  'rules/labels.rego': `package main

deny contains msg if {
	input.kind == "ConfigMap"
	input.metadata.labels.deny == "rego"
	msg := "the label deny says rego"
}
`,
};

function namespace(name: string): Writable {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

function configMap(name: string, labels: object = {}, data: object = {}, where = 'apps'): Writable {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: where, labels }, data } as Writable;
}

function deployment(name: string, image: string): Writable {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'apps' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image }] } },
    },
  } as Writable;
}

function administrator(user: string): Writable {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: user.replaceAll(':', '.') },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: user }],
  } as Writable;
}

/** The message of a refusal, which must be 403 Forbidden; empty where nothing was refused. */
async function refusal(asked: Promise<unknown>): Promise<string> {
  try {
    await asked;
    return '';
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    expect(error.message).not.toMatch(/is\s?immutable|immutable\s?field/i);
    expect([error.status, error.reason]).toEqual([403, 'Forbidden']);
    return error.message;
  }
}

describe('an image', () => {
  it('that nobody signed is refused', async () => {
    const message = await refusal(admin.apply(deployment('web', unsigned.pinned), kustomizeController));
    expect(message).toContain('IMAGE_UNSIGNED');
    expect(message).toContain('admission webhook "admission.syncgate.dev" denied the request: syncgate refuses');
    expect(await admin.get(deployment('web', ''))).toBeUndefined();
  });

  it('that is signed and not pinned is refused, and the message says what to write', async () => {
    const message = await refusal(admin.apply(deployment('web', signed.tagged), kustomizeController));
    expect(message).toContain('IMAGE_NOT_PINNED');
    expect(message).toContain(`${signed.tagged}@${signed.digest}`);
  });

  it('that is signed and pinned gets in, and stays as it was written', async () => {
    const live = await admin.apply(deployment('web', signed.pinned), kustomizeController);
    expect(live['spec'].template.spec.containers[0].image).toBe(signed.pinned);
  });

  it('of a Pod is judged in its ephemeral containers too', async () => {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'debugged', namespace: 'apps' },
      spec: { containers: [{ name: 'web', image: signed.pinned }] },
    };
    await admin.apply(pod as Writable, kustomizeController);
    const patch = (image: string) => ({ spec: { ephemeralContainers: [{ name: 'shell', image }] } });
    const options = { ...kustomizeController, subresource: 'ephemeralcontainers' };
    expect(await refusal(admin.merge(pod as Writable, patch(unsigned.pinned), options))).toContain('IMAGE_UNSIGNED');
    expect(await refusal(admin.merge(pod as Writable, patch(signed.pinned), options))).toBe('');
  });
});

describe('every dialect', () => {
  it.each([
    ['kyverno', 'The label deny says kyverno'],
    ['validating-policy', 'refused by CEL'],
    ['vap', 'refused by the policy of Kubernetes'],
    ['rego', 'the label deny says rego'],
  ])('%s refuses', async (label, message) => {
    expect(await refusal(admin.apply(configMap(label, { deny: label }), kustomizeController))).toContain(message);
    expect(await refusal(admin.apply(configMap(label, { deny: 'nobody' }), kustomizeController))).toBe('');
  });

  it('and what is updated is held against what was there, in words that delete nothing', async () => {
    await admin.apply(configMap('frozen', {}, { frozen: 'yes' }), kustomizeController);
    const message = await refusal(admin.apply(configMap('frozen', {}, { frozen: 'no' }), kustomizeController));
    expect(message).toContain('the field is unchangeable');
    expect((await admin.get(configMap('frozen')))?.['data']).toEqual({ frozen: 'yes' });
  });
});

describe('who asks', () => {
  it('kubectl is not asked about', async () => {
    expect(await refusal(admin.apply(configMap('by-hand', { deny: 'rego' })))).toBe('');
    expect(await refusal(admin.create(configMap('by-hand-too', { deny: 'rego' })))).toBe('');
  });

  it.each([['kustomize-controller'], ['helm-controller'], ['argocd-controller']])(
    'the field manager %s is',
    async (fieldManager) => {
      expect(await refusal(admin.apply(configMap('manager', { deny: 'rego' }), { fieldManager }))).toContain('rego');
    },
  );

  it('Argo CD is known by its account where it names no field manager', async () => {
    const client = openClient(server, argo.name);
    expect(await refusal(client.create(configMap('argo', { deny: 'rego' })))).toContain('rego');
    client[Symbol.dispose]();
  });

  it('an account that Flux impersonates is found by the field manager, and rules see the account', async () => {
    await admin.apply(administrator('system:serviceaccount:apps:mallory'));
    await admin.apply(administrator('system:serviceaccount:apps:alice'));
    const as = (user: string) => asImpersonated(user, configMap('impersonated'));
    expect(await as('system:serviceaccount:apps:mallory')).toMatchObject({
      status: 403,
      body: { message: expect.stringContaining('mallory may not') },
    });
    expect(await as('system:serviceaccount:apps:alice')).toMatchObject({ status: 201 });
  });

  /** As kustomize-controller does it for `spec.serviceAccountName`: one header, and server-side apply. */
  async function asImpersonated(user: string, object: Writable): Promise<{ status: number; body: unknown }> {
    const path = `/api/v1/namespaces/apps/configmaps/${object.metadata.name}?fieldManager=kustomize-controller&force=true`;
    return await new Promise((done, failed) => {
      const asked = request(
        `${server.url}${path}`,
        {
          method: 'PATCH',
          rejectUnauthorized: false,
          headers: {
            'content-type': 'application/apply-patch+yaml',
            authorization: `Bearer ${server.tokenOf(flux.name)}`,
            'impersonate-user': user,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            done({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) }),
          );
        },
      );
      asked.on('error', failed);
      asked.end(JSON.stringify(object));
    });
  }
});

describe('where', () => {
  it('no Gate governs, a GitOps controller is refused and others are not', async () => {
    const message = await refusal(admin.apply(configMap('there', {}, {}, 'nobody'), kustomizeController));
    expect(message).toContain('GATE_NONE');
    expect(await refusal(admin.apply(configMap('there', {}, {}, 'nobody')))).toBe('');
  });

  it('objects of the cluster are judged by the Gate for them', async () => {
    expect(await refusal(admin.apply(namespace('team-b'), kustomizeController))).toBe('');
    const line = webhook.lines.findLast(({ fields }) => fields['object'] === 'Namespace team-b');
    expect(line?.fields).toMatchObject({ gate: 'cluster', verdict: 'allowed', operation: 'CREATE' });
  });

  it('Flux lives is not judged', async () => {
    await admin.apply(namespace('flux-system'));
    const own = configMap('own', { deny: 'rego' }, {}, 'flux-system');
    expect(await refusal(admin.apply(own, kustomizeController))).toBe('');
  });
});

describe('an object that is applied again as it is', () => {
  it('is answered from memory, until rules change', async () => {
    const object = configMap('again', {}, { value: randomBytes(4).toString('hex') });
    await admin.apply(object, kustomizeController);
    const options = { ...kustomizeController, dryRun: true };
    const hits = () => webhook.counts.get('syncgate_cache_total cache=admission result=hit') ?? 0;
    await admin.apply(object, options);
    const before = hits();
    await admin.apply(object, options);
    await admin.apply(object, options);
    expect(hits()).toBe(before + 2);
    webhook.put('rules/more.rego', 'package main\n\ndeny contains "not that one" if input.metadata.name == "again"\n');
    await expect.poll(() => refusal(admin.apply(object, options)), { timeout: 30_000 }).toContain('not that one');
  });
});

describe('a webhook of another kind', () => {
  const slow = configMap('a', {}, {}, 'slow');

  /** Has the API server ask another webhook about the namespace `slow`, and nothing else. */
  async function asked<Answer>(
    options: WebhookOptions,
    more: { readonly timeoutSeconds?: number },
    use: (webhook: Webhook) => Promise<Answer>,
  ): Promise<Answer> {
    await using other = await startWebhook(options);
    const configuration = webhookConfiguration(other, { name: 'other', namespace: 'slow', ...more });
    await admin.apply(configuration);
    await waitFor('the other webhook to be asked', 30_000, async () => {
      const tried = admin.apply(slow, { ...kustomizeController, dryRun: true });
      return await tried.then(
        () => undefined,
        () => true,
      );
    });
    try {
      return await use(other);
    } finally {
      await admin.delete(configuration);
    }
  }

  it('that does not decide denies before the API server stops waiting, and says so', async () => {
    const gate = gateOf(() => new Promise(() => {}));
    const gates = gatesOf(() => ({ kind: 'one', gate }));
    await asked({ gates }, { timeoutSeconds: 1 }, async () => {
      const message = await refusal(admin.apply(slow, kustomizeController));
      expect(message).toContain('CHECK_TIMEOUT [admission] not judged within 500 ms');
    });
  });

  it.each([
    ['throws', () => Promise.reject(new Error('boom')), 'CHECK_CRASHED'],
    ['says nothing', () => Promise.resolve(undefined as unknown as Decision), 'CHECK_SILENT'],
  ])('that %s denies', async (_, judge, code) => {
    const gate = gateOf(judge);
    await asked({ gates: gatesOf(() => ({ kind: 'one', gate })) }, {}, async () => {
      expect(await refusal(admin.apply(slow, kustomizeController))).toContain(code);
    });
  });

  it('that asks for the certificate of the API server is shown it', async () => {
    const gate = gateOf(async () => decisionOf('denied'));
    const gates = gatesOf(() => ({ kind: 'one', gate }));
    await asked({ gates, clientCa: own.ca }, {}, async () => {
      expect(await refusal(admin.apply(slow, kustomizeController))).toContain('it is not liked');
    });
  });

  it('that asks for the certificate of another authority answers nobody, and nothing gets in', async () => {
    const gate = gateOf(async () => decisionOf('allowed'));
    const gates = gatesOf(() => ({ kind: 'one', gate }));
    await asked({ gates, clientCa: makeCertificates().ca }, {}, async () => {
      await expect(admin.apply(slow, kustomizeController)).rejects.toMatchObject({ status: 500 });
      expect(gate.asked).toEqual([]);
    });
  });
});

describe('a webhook that is gone', () => {
  it('lets nothing of a GitOps controller in, and everything else', async () => {
    await webhook.stop();
    const asked = admin.apply(configMap('late'), kustomizeController);
    await expect(asked).rejects.toMatchObject({ status: 500, reason: 'InternalError' });
    expect(await refusal(admin.apply(configMap('late')))).toBe('');
  });
});
