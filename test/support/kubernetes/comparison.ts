/** The gate and a real API server with the same policies, objects and cluster. */
import { compileAdmissionPolicy } from '../../../src/checks/policy/admission/policy.ts';
import { kubernetes } from '../../../src/checks/policy/cel/profiles.ts';
import { requestFor } from '../../../src/checks/policy/compiled/requests.ts';
import { completeObject } from '../../../src/checks/policy/kube/completion.ts';
import { createResourceTable, groupVersionKind, type ResourceType } from '../../../src/checks/policy/kube/resources.ts';
import { createCluster } from '../../../src/checks/policy/kube/snapshot.ts';
import type { CompiledPolicy } from '../../../src/checks/policy/rule.ts';
import { isObject, type JsonObject, valueAt } from '../../../src/core/json.ts';
import { waitFor } from '../argocd/component.ts';
import type { AdmissionCase } from './admission-cases.ts';
import { policyDocument } from './documents.ts';
import { gateJudgement, install, type Judgement, nameOf, serverJudgement } from './judged.ts';
import { homeNamespace, type PolicyServer, startPolicyServer } from './server.ts';

/** What both said of one object. Names that the server makes up have one spelling. */
interface Pair {
  readonly object: JsonObject;
  readonly ours: Judgement;
  readonly theirs: Judgement;
  /** Whether the policy could be about objects of this kind; the others prove little. */
  readonly concerned: boolean;
}

export interface Comparison extends AsyncDisposable {
  readonly server: PolicyServer;
  compile(admission: AdmissionCase): CompiledPolicy;
  typeOf(object: JsonObject): ResourceType;
  /** Has both judge objects by a policy; those that the API itself refuses are left out. */
  judge(admission: AdmissionCase, policy: CompiledPolicy, objects: readonly JsonObject[]): Promise<Pair[]>;
}

/** As the server knows the administrator of these tests. */
const admin = {
  username: 'admin',
  uid: 'admin',
  groups: ['system:masters', 'system:authenticated'],
  extra: {},
  roles: [],
  clusterRoles: [],
};

/** Starts a server with these objects, which are the gate's snapshot too. `complete`: kinds that it speaks for. */
export async function startComparison(known: readonly JsonObject[], complete: readonly string[]): Promise<Comparison> {
  const definitions = known.filter(({ kind }) => kind === 'CustomResourceDefinition');
  const resources = createResourceTable({ definitions });
  const server = await startPolicyServer(definitions);
  for (const object of known) {
    await waitFor(`${nameOf(object)} to be there`, 30_000, async () => {
      const { status } = await server.create(object);
      return status === 201 || status === 409 ? true : undefined;
    });
  }
  const { body: home } = await server.send('GET', `/api/v1/namespaces/${homeNamespace}`);
  const objects = [...known, home].map((object) => ({ object, place: 'the server' }));
  const snapshot = createCluster(objects, complete);
  const typeOf: Comparison['typeOf'] = (object) =>
    resources.ofKind(groupVersionKind(String(object['apiVersion']), String(object['kind'])));

  function ours(policy: CompiledPolicy, object: JsonObject, live: JsonObject | undefined): Judgement {
    const metadata = isObject(object['metadata']) ? object['metadata'] : {};
    const placed = typeOf(object).namespaced
      ? { ...object, metadata: { namespace: homeNamespace, ...metadata } }
      : object;
    const completed = completeObject(placed, { now: Date.now(), resources }).object;
    const world = { cluster: snapshot, now: Date.now(), random: () => 0 };
    return gateJudgement(policy, policy.judge(requestFor(completed, live, resources, admin), world));
  }

  return {
    server,
    typeOf,
    compile: ({ policy, bindings }) =>
      compileAdmissionPolicy(policyDocument(policy), {
        resources,
        profile: kubernetes('1.36'),
        bindings: bindings.map(policyDocument),
      }),
    async judge(admission, policy, asked) {
      const remove = await install(server, admission);
      const pairs: Pair[] = [];
      try {
        for (const object of asked) {
          const theirs = serverJudgement(await server.create(object, { dryRun: true }));
          pairs.push(...(await updated(policy, object)));
          if (theirs.kind === 'invalid') continue;
          const { kind, resource } = typeOf(object);
          const concerned = policy.concerns(kind, resource, '');
          pairs.push({ object, ours: settled(ours(policy, object, undefined)), theirs: settled(theirs), concerned });
        }
      } finally {
        await remove();
      }
      return pairs;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };

  /** The same object once more, as an update of what is live under its name. */
  async function updated(policy: CompiledPolicy, object: JsonObject): Promise<Pair[]> {
    if (valueAt(object, ['metadata', 'annotations', 'test/update']) !== 'yes') return [];
    const live = await server.send('GET', server.pathOf(object, true));
    if (live.status !== 200) return [];
    const theirs = serverJudgement(await server.send('PUT', `${server.pathOf(object, true)}?dryRun=All`, object));
    if (theirs.kind === 'invalid') return [];
    return [{ object, ours: settled(ours(policy, object, live.body)), theirs: settled(theirs), concerned: true }];
  }
}

function settled(judgement: Judgement): Judgement {
  return { ...judgement, message: judgement.message.replace(/made-up-[a-z0-9]{5}/g, 'made-up-(random)') };
}
