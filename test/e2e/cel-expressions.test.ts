import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileAdmissionPolicy } from '../../src/checks/policy/admission/policy.ts';
import { kubernetes } from '../../src/checks/policy/cel/profiles.ts';
import { requestFor } from '../../src/checks/policy/compiled/requests.ts';
import { createResourceTable } from '../../src/checks/policy/kube/resources.ts';
import { createCluster } from '../../src/checks/policy/kube/snapshot.ts';
import type { CompiledPolicy } from '../../src/checks/policy/rule.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { waitFor } from '../support/argocd/component.ts';
import { EXPRESSIONS, probeObject, probeSpec } from '../support/cel/probes.ts';
import { policyDocument } from '../support/kubernetes/documents.ts';
import { gateJudgement, serverJudgement } from '../support/kubernetes/judged.ts';
import { type Answer, type PolicyServer, startPolicyServer } from '../support/kubernetes/server.ts';

const API = 'admissionregistration.k8s.io/v1';
const resources = createResourceTable({ definitions: [] });
const admin = { username: 'admin', uid: '', groups: [], extra: {}, roles: [], clusterRoles: [] };
const probes = EXPRESSIONS.map((expression, number) => ({ expression, number }));

function policyOf(number: number): JsonObject {
  return {
    apiVersion: API,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: `probe-${number}` },
    spec: { failurePolicy: 'Fail', ...probeSpec(number) },
  };
}

function bindingOf(number: number): JsonObject {
  const spec = { policyName: `probe-${number}`, validationActions: ['Deny'] };
  return { apiVersion: API, kind: 'ValidatingAdmissionPolicyBinding', metadata: { name: `probe-${number}` }, spec };
}

let server: PolicyServer;
const created: Answer[] = [];
let snapshot: ReturnType<typeof createCluster>;

beforeAll(async () => {
  server = await startPolicyServer();
  const { body } = await server.send('GET', '/api/v1/namespaces/default');
  snapshot = createCluster([{ object: body, place: 'the server' }], ['Namespace']);
  for (const { number } of probes) {
    created.push(await server.create(policyOf(number)));
    if (created[number]?.status === 201) await server.create(bindingOf(number));
  }
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function compile(number: number): CompiledPolicy | Error {
  try {
    return compileAdmissionPolicy(policyDocument(policyOf(number)), {
      resources,
      profile: kubernetes('1.36'),
      bindings: [policyDocument(bindingOf(number))],
    });
  } catch (error) {
    return error as Error;
  }
}

describe('expressions are what they are to the API server', () => {
  it.each(probes)('$number: $expression', async ({ number }) => {
    const ours = compile(number);
    const { status, body } = created[number] as Answer;
    const complaint =
      ours instanceof Error ? `refused: ${ours.message}` : `accepted, server: ${String(body['message'])}`;
    expect(status, complaint).toBe(ours instanceof Error ? 422 : 201);
    if (ours instanceof Error) return;
    const object = probeObject(number);
    const theirs = await waitFor(`probe ${number} to be in force`, 60_000, async () => {
      const judged = serverJudgement(await server.create(object, { dryRun: true }));
      return judged.kind === 'denied' ? judged : undefined;
    });
    const request = requestFor(object, undefined, resources, admin);
    const world = { cluster: snapshot, now: Date.now(), random: () => 0 };
    expect(gateJudgement(ours, ours.judge(request, world))).toEqual(theirs);
  });

  it('in numbers that prove something', () => {
    const accepted = created.filter(({ status }) => status === 201).length;
    expect(accepted).toBeGreaterThanOrEqual(100);
    expect(created.length - accepted).toBeGreaterThanOrEqual(40);
  });
});
