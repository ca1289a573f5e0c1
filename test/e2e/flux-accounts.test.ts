/**
 * A team renders a role for itself into the namespace of another team, whose Secrets it would read then. A Gate has nothing
 * against the object as such: whose rights apply it decides.
 */
import { afterAll, beforeAll, beforeEach, expect, it, onTestFailed } from 'vitest';
import { waitFor } from '../support/argocd/component.ts';
import { type Application, live, startApplication } from '../support/flux/application.ts';
import { type Flux, startFlux, USERS } from '../support/flux/flux.ts';
import { type GateFiles, startGateFiles } from '../support/flux/gates.ts';
import { applyShipped, type Syncgate, shippedObjects, startSyncgate } from '../support/flux/syncgate.ts';
import { type Client, conditionOf, type Live, type Writable } from '../support/kubernetes/client.ts';

const bank = live('Secret', 'vault', 'bank');
const binding: Writable = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'RoleBinding',
  metadata: { name: 'friends', namespace: 'bank' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  subjects: [{ kind: 'ServiceAccount', name: 'tenant', namespace: 'apps' }],
};

let flux: Flux;
let gates: GateFiles;
let syncgate: Syncgate;
let tenant: Client;
let attack: Application & { readonly first: string };

beforeAll(async () => {
  [flux, gates] = await Promise.all([startFlux(), startGateFiles()]);
  for (const object of [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bank' } },
    { ...bank, stringData: { code: '1234' } },
  ]) {
    await flux.admin.apply(object);
  }
  await applyShipped(flux);
  syncgate = await startSyncgate(flux, gates);
  tenant = flux.as(USERS.tenant);
  attack = await startApplication(flux, 'attack', { 'friends.yaml': JSON.stringify(binding) });
  await attack.accepted(attack.first);
});

afterAll(async () => {
  await attack?.[Symbol.asyncDispose]();
  await syncgate?.stop();
  await gates?.stop();
  await flux?.stop();
});

beforeEach(() => {
  onTestFailed(() => void process.stderr.write(`${flux.logs()}\n--- syncgate\n${syncgate.log().slice(-4000)}\n`));
});

/** The Kustomization of the attack with another account, or with none. */
function consumer(serviceAccountName?: string): Writable {
  return { ...attack.consumer, spec: { ...(attack.consumer['spec'] as object), serviceAccountName } };
}

async function nothingWasWon(): Promise<void> {
  expect(await flux.admin.get(binding)).toBeUndefined();
  await expect(tenant.get(bank)).rejects.toThrow(/403 Forbidden/);
}

/** Waits until kustomize-controller has tried what the Kustomization says now, and RBAC has said no. */
async function refusedByRbac(name: string, account: string): Promise<void> {
  const cannot = `User "system:serviceaccount:apps:${account}" cannot`;
  const refused = await flux.admin.until(
    { ...attack.consumer, metadata: { ...attack.consumer.metadata, name } },
    'to be refused',
    (each) => failureOf(each).includes(cannot),
  );
  expect(failureOf(refused)).toContain('in the namespace "bank"');
  await nothingWasWon();
}

const failureOf = (each: Live) => {
  const ready = conditionOf(each);
  return ready?.status === 'False' ? ready.message : '';
};

it('is refused by RBAC where the Kustomization names an account', async () => {
  await refusedByRbac('attack', 'deployer');
});

it.each(['', undefined])('is refused by the API server where it names none: %j', async (account) => {
  await expect(tenant.create(fresh('nobody', account))).rejects.toThrow(
    /403 Forbidden .*spec\.serviceAccountName is missing/,
  );
  // Fields of the administrator stay in an apply of another: a merge takes the account away.
  const none = { spec: { serviceAccountName: account ?? null } };
  await expect(tenant.merge(attack.consumer, none)).rejects.toThrow('spec.serviceAccountName is missing');
  await nothingWasWon();
});

it.each([
  ['of another namespace', 'flux-system:kustomize-controller'],
  ['of another namespace by its path', '../flux-system/kustomize-controller'],
  ['that is not there', 'nobody'],
])('comes to nothing with an account %s', async (_, account) => {
  const object = fresh('other', account);
  await tenant.create(object);
  const failed = await flux.admin.until(object, 'to fail', (each) => failureOf(each) !== '');
  expect(failureOf(failed)).toMatch(/cannot|forbidden|not found|invalid/i);
  await nothingWasWon();
  await flux.admin.delete(object);
  await flux.admin.gone(object);
});

it('is refused by RBAC where Flux gives an account to those that name none', async () => {
  await trustFluxAccount();
  await flux.kustomizeController.stop();
  await flux.kustomizeController.start(['--default-service-account=default']);
  await flux.admin.apply({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'apps' },
  });
  await tenant.create(fresh('by-default'));
  await refusedByRbac('by-default', 'default');
  await flux.admin.delete(fresh('by-default'));
  await flux.admin.gone(fresh('by-default'));
});

it('is won with the rights of Flux: what the policy is there for', async () => {
  await flux.kustomizeController.stop();
  await flux.kustomizeController.start();
  await tenant.create(fresh('won'));
  await waitFor('the tenant to read the Secret', 60_000, async () => tenant.get(bank).catch(() => undefined));
});

function fresh(name: string, account?: string): Writable {
  return { ...consumer(account), metadata: { ...attack.consumer.metadata, name } };
}

/** What the component makes of the binding that is shipped. */
async function trustFluxAccount(): Promise<void> {
  const [shipped] = (await shippedObjects('flux/overlays/source')).filter(
    ({ kind, metadata }) => kind === 'ValidatingAdmissionPolicyBinding' && metadata.name === 'syncgate-accounts',
  );
  if (shipped === undefined) throw new Error('the policy of accounts is not shipped');
  await flux.admin.merge(shipped, { spec: { validationActions: ['Warn', 'Audit'] } });
  await waitFor('the API server to warn only', 30_000, async () =>
    tenant.create(fresh('probe'), { dryRun: true }).catch(() => undefined),
  );
}
