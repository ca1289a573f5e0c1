import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completeObject } from '../../src/checks/policy/kube/completion.ts';
import { isObject, type JsonObject } from '../../src/core/json.ts';
import { normalized } from '../support/kubernetes/normalized.ts';
import { homeNamespace, type PolicyServer, sampleObjects, startPolicyServer } from '../support/kubernetes/server.ts';
import { variantsOf } from '../support/kubernetes/variants.ts';

let server: PolicyServer;
beforeAll(async () => {
  server = await startPolicyServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** The object as it is sent to a namespace, which the server writes into it. */
function placed(object: JsonObject, answer: JsonObject): JsonObject {
  const metadata = answer['metadata'];
  const namespaced = isObject(metadata) && metadata['namespace'] !== undefined;
  return namespaced
    ? { ...object, metadata: { namespace: homeNamespace, ...(object['metadata'] as JsonObject) } }
    : object;
}

describe('a completed object is the one that the API server makes', () => {
  it.each(
    sampleObjects().map((object) => [object['kind'], (object['metadata'] as JsonObject)['name'], object] as const),
  )('%s %s', async (_kind, _name, object) => {
    const { status, body } = await server.create(object, { dryRun: true });
    expect(status, String(body['message'])).toBe(201);
    const completed = completeObject(placed(object, body), { now: Date.now() });
    expect(completed.faults).toEqual([]);
    expect(normalized(completed.object)).toEqual(normalized(body));
  });

  it('with one value less or another in every place, wherever the server takes it', async () => {
    let [equal, refused] = [0, 0];
    const different: string[] = [];
    for (const sample of sampleObjects()) {
      for (const { what, object } of variantsOf(sample)) {
        const { status, body } = await server.create(object, { dryRun: true });
        const { object: made, faults } = completeObject(placed(object, body), { now: Date.now() });
        const name = `${String(sample['kind'])} ${String((sample['metadata'] as JsonObject)['name'])} ${what}`;
        if (status === 201) {
          const same = JSON.stringify(normalized(made)) === JSON.stringify(normalized(body)) && faults.length === 0;
          if (same) equal += 1;
          else different.push(name);
        } else {
          refused += 1;
          // What cannot even be decoded is known without a server.
          if (status === 400 && faults.length === 0) different.push(`${name}: not decoded`);
        }
      }
    }
    expect(different).toEqual([]);
    expect(equal).toBeGreaterThan(1_500);
    expect(refused).toBeGreaterThan(100);
  });
});
