import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileAdmissionPolicy } from '../../src/checks/policy/admission/policy.ts';
import { kubernetes } from '../../src/checks/policy/cel/profiles.ts';
import { requestFor } from '../../src/checks/policy/compiled/requests.ts';
import { completeObject } from '../../src/checks/policy/kube/completion.ts';
import { createResourceTable } from '../../src/checks/policy/kube/resources.ts';
import { createCluster } from '../../src/checks/policy/kube/snapshot.ts';
import type { CompiledPolicy } from '../../src/checks/policy/rule.ts';
import { isObject, type JsonObject } from '../../src/core/json.ts';
import { waitFor } from '../support/argocd/component.ts';
import { type AdmissionCase, admissionCases, clusterObjects } from '../support/kubernetes/admission-cases.ts';
import { policyDocument } from '../support/kubernetes/documents.ts';
import { gateJudgement, install, isError, nameOf, serverJudgement } from '../support/kubernetes/judged.ts';
import { homeNamespace, type PolicyServer, sampleObjects, startPolicyServer } from '../support/kubernetes/server.ts';

const definitions = clusterObjects.filter(({ kind }) => kind === 'CustomResourceDefinition');
const resources = createResourceTable({ definitions });
const admin = {
  username: 'admin',
  uid: 'admin',
  groups: ['system:masters', 'system:authenticated'],
  extra: {},
  roles: [],
  clusterRoles: [],
};

let server: PolicyServer;
let snapshot: ReturnType<typeof createCluster>;

beforeAll(async () => {
  server = await startPolicyServer(definitions);
  for (const object of clusterObjects) {
    await waitFor(`${nameOf(object)} to be there`, 30_000, async () => {
      const { status } = await server.create(object);
      return status === 201 || status === 409 ? true : undefined;
    });
  }
  const { body } = await server.send('GET', `/api/v1/namespaces/${homeNamespace}`);
  const known = [...clusterObjects, body].map((object) => ({ object, place: 'the server' }));
  snapshot = createCluster(known, ['Namespace', 'ConfigMap', 'rules.example.com/PodRule']);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function compile({ policy, bindings }: AdmissionCase): CompiledPolicy {
  return compileAdmissionPolicy(policyDocument(policy), {
    resources,
    profile: kubernetes('1.36'),
    bindings: bindings.map(policyDocument),
  });
}

/** As the gate would ask: completed, in its namespace. */
function judge(policy: CompiledPolicy, object: JsonObject) {
  const { namespaced } = resources.ofKind({
    group: String(object['apiVersion']).split('/').toReversed()[1] ?? '',
    version: String(object['apiVersion']).split('/').at(-1) ?? '',
    kind: String(object['kind']),
  });
  const metadata = isObject(object['metadata']) ? object['metadata'] : {};
  const placed = namespaced ? { ...object, metadata: { namespace: homeNamespace, ...metadata } } : object;
  const completed = completeObject(placed, { now: Date.now(), resources }).object;
  const request = requestFor(completed, undefined, resources, admin);
  const world = { cluster: snapshot, now: Date.now(), random: () => 0 };
  return gateJudgement(policy, policy.judge(request, world));
}

const cases = admissionCases();
const tally = { pairs: 0, denied: 0, errors: 0, policies: 0 };

describe('the gate answers as the API server', () => {
  it.each(cases.filter(({ refused }) => refused === undefined).map((each) => [each.name, each] as const))(
    '%s',
    async (_, admission) => {
      const policy = compile(admission);
      const remove = await install(server, admission);
      tally.policies += 1;
      try {
        for (const object of [...sampleObjects(), ...admission.objects]) {
          const theirs = serverJudgement(await server.create(object, { dryRun: true }));
          // Refused by the API itself: no policy was asked.
          if (theirs.kind === 'invalid') continue;
          const ours = judge(policy, object);
          const type = resources.ofKind({
            group: String(object['apiVersion']).split('/').toReversed()[1] ?? '',
            version: String(object['apiVersion']).split('/').at(-1) ?? '',
            kind: String(object['kind']),
          });
          expect(withoutRandom(ours), nameOf(object)).toEqual(withoutRandom(theirs));
          // Objects that the policy cannot be about prove little, and are not counted.
          if (!policy.concerns(type.kind, type.resource, '')) continue;
          tally.pairs += 1;
          if (theirs.kind === 'denied') tally.denied += 1;
          if (theirs.kind === 'denied' && isError(theirs.message)) tally.errors += 1;
        }
      } finally {
        await remove();
      }
    },
  );

  it.each(cases.filter(({ refused }) => refused !== undefined).map((each) => [each.name, each] as const))(
    '%s is refused by both',
    async (_, admission) => {
      const { status, body } = await server.create(admission.policy, { dryRun: true });
      expect(status).toBe(422);
      expect(body['message']).toContain(admission.refused);
      expect(() => compile(admission)).toThrow();
    },
  );

  it('over enough policies, denials and errors', () => {
    expect(tally.policies).toBeGreaterThanOrEqual(40);
    expect(tally.pairs).toBeGreaterThanOrEqual(300);
    expect(tally.denied / tally.pairs).toBeGreaterThanOrEqual(0.3);
    expect(tally.errors / tally.pairs).toBeGreaterThanOrEqual(0.1);
  });
});

/** Names that the server makes up end in five random characters. */
function withoutRandom<Kept extends { readonly message: string }>(judgement: Kept): Kept {
  return { ...judgement, message: judgement.message.replace(/made-up-[a-z0-9]{5}/g, 'made-up-(random)') };
}
