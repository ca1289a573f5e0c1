/** Everybody's writes of a gated namespace before the webhook, by the component admit-everyone. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFailed } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { waitFor } from '../support/argocd/component.ts';
import { deployment } from '../support/flux/application.ts';
import { USERS } from '../support/flux/flux.ts';
import { type Guarded, startGuarded } from '../support/flux/guarded.ts';
import { type Client, pathOf, type Writable } from '../support/kubernetes/client.ts';

let cluster: Guarded;
let tenant: Client;

beforeAll(async () => {
  cluster = await startGuarded({
    flux: { controllers: false },
    args: ['--admission-match=all'],
    prepare: (gates) => gates.setPolicy('limits.rego', limits),
  });
  tenant = cluster.flux.as(USERS.tenant);
  await shipped('admit-everyone');
});

afterAll(async () => cluster?.stop());

beforeEach(() => onTestFailed(() => void process.stderr.write(cluster.logs())));

const limits = `package main

import rego.v1

deny contains {"msg": "at most 5 replicas"} if input.spec.replicas > 5

deny contains {"msg": "at most 1Gi"} if {
	input.kind == "Pod"
	some container in input.spec.containers
	container.resources.limits.memory != "1Gi"
}

deny contains {"msg": "no endpoints"} if input.kind in {"EndpointSlice", "Endpoints"}
`;

/** Has the configuration that is shipped with these components in force. */
async function shipped(...components: readonly string[]): Promise<void> {
  await cluster.configure(components);
  const unsigned = JSON.parse(deployment('probe', cluster.gates.unsigned.pinned)) as Writable;
  const isJudged = components.includes('admit-everyone');
  await waitFor('the configuration to be in force', 30_000, async () => {
    const isRefused = await tenant.create(unsigned, { dryRun: true }).then(
      () => false,
      () => true,
    );
    return isRefused === isJudged ? true : undefined;
  });
}

function pod(name: string, memory: string): Writable {
  const resources = { limits: { memory, cpu: '1' }, requests: { memory, cpu: '1' } };
  const containers = [{ name: 'web', image: cluster.gates.signed.pinned, resources }];
  const spec = { automountServiceAccountToken: false, containers };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'apps' }, spec };
}

const slice: Writable = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web', namespace: 'apps' },
  addressType: 'IPv4',
  ports: [],
  endpoints: [{ addresses: ['10.0.0.9'] }],
};
const byFlux = { fieldManager: 'kustomize-controller', dryRun: true };

describe('what people write is judged', () => {
  it('as an object', async () => {
    await expect(tenant.create(pod('large', '64Gi'))).rejects.toThrow(/403 Forbidden .*at most 1Gi/s);
    await tenant.create(pod('web', '1Gi'));
  });

  it('as a Pod that gets other resources', async () => {
    const resize = async (memory: string, cpu: string) => {
      const amount = { memory, cpu };
      const containers = [{ name: 'web', resources: { limits: amount, requests: amount } }];
      const path = pathOf(pod('web', ''), 'resize');
      return await tenant.send('PATCH', path, { spec: { containers } }, 'application/strategic-merge-patch+json');
    };
    const refused = await resize('64Gi', '1');
    expect([refused.status, refused.body.message]).toEqual([403, expect.stringContaining('at most 1Gi')]);
    expect((await resize('1Gi', '2')).status).toBe(200);
    const [container] = (await cluster.flux.admin.get(pod('web', '')))?.['spec'].containers ?? [];
    expect(container.resources.limits).toEqual({ memory: '1Gi', cpu: '2' });
  });

  /** The page says so: a Scale holds a number, and not the object that it is of. */
  it('but not through scale and status', async () => {
    const web = JSON.parse(deployment('web', cluster.gates.signed.pinned)) as Writable;
    await tenant.create(web);
    const many: JsonValue = { spec: { replicas: 50 } };
    await expect(tenant.merge(web, many)).rejects.toThrow(/403 Forbidden .*at most 5 replicas/s);
    expect((await tenant.merge(web, many, { subresource: 'scale' }))['spec'].replicas).toBe(50);
    // It is judged at the next write of the object itself.
    const label = { metadata: { labels: { a: 'b' } } };
    await expect(tenant.merge(web, label)).rejects.toThrow(/403 Forbidden .*at most 5 replicas/s);
    await tenant.merge(pod('web', ''), label, { subresource: 'status' });
  });
});

describe('of what clusters write by the thousand', () => {
  it('that of others is not judged', async () => {
    await tenant.create(slice, { dryRun: true });
  });

  it.each([
    ['with the component', ['admit-everyone']],
    ['without it', []],
  ])('that of GitOps controllers is, %s', async (_, components) => {
    await shipped(...components);
    await expect(cluster.flux.admin.apply(slice, byFlux)).rejects.toThrow(/403 Forbidden .*no endpoints/s);
  });
});
