import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { completeObject } from '../../src/checks/policy/kube/completion.ts';
import { isObject, type JsonObject } from '../../src/core/json.ts';
import { nameOf } from '../support/kubernetes/judged.ts';
import { normalized } from '../support/kubernetes/normalized.ts';
import { type Observer, startObserver } from '../support/kubernetes/observer.ts';
import { homeNamespace, type PolicyServer, sampleObjects, startPolicyServer } from '../support/kubernetes/server.ts';
import { variantsOf } from '../support/kubernetes/variants.ts';

let server: PolicyServer;
let observer: Observer;
beforeAll(async () => {
  server = await startPolicyServer();
  observer = await startObserver(server);
});
afterAll(async () => {
  await observer[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** No webhook is asked about webhooks. */
const samples = sampleObjects().filter(({ kind }) => !String(kind).endsWith('WebhookConfiguration'));

/**
 * Where the two differ, and why. A Job whose template has an empty mapping of labels gets the labels of its Pods, because
 * the server's maps are shared; one without any mapping does not.
 */
const known = new Set([
  'Job parallel spec.template.metadata.labels = {}',
  'Job parallel without spec.template.metadata.labels.app',
]);

/** The object as it is sent to a namespace, which the server writes into it. */
function placed(object: JsonObject, shown: JsonObject | undefined): JsonObject {
  const metadata = shown?.['metadata'];
  const namespaced = isObject(metadata) && metadata['namespace'] !== undefined;
  return namespaced
    ? { ...object, metadata: { namespace: homeNamespace, ...(object['metadata'] as JsonObject) } }
    : object;
}

describe('a completed object is the one that policies are shown by the API server', () => {
  it.each(samples.map((object) => [nameOf(object), object] as const))('%s', async (_, object) => {
    const { object: shown, status } = await observer.shown(object);
    expect(status).toBe(201);
    const completed = completeObject(placed(object, shown), { now: Date.now() });
    expect(completed.faults).toEqual([]);
    expect(normalized(completed.object)).toEqual(normalized(shown ?? {}));
  });

  it('with one value less or another in every place, wherever the server takes it', async () => {
    let [equal, refused] = [0, 0];
    const different: string[] = [];
    for (const sample of samples) {
      for (const { what, object } of variantsOf(sample)) {
        const { object: shown, status } = await observer.shown(object);
        const { object: made, faults } = completeObject(placed(object, shown), { now: Date.now() });
        const name = `${nameOf(sample)} ${what}`;
        if (shown !== undefined) {
          const same = JSON.stringify(normalized(made)) === JSON.stringify(normalized(shown)) && faults.length === 0;
          if (same) equal += 1;
          else different.push(name);
        } else {
          refused += 1;
          // What cannot even be decoded is known without a server.
          if (status === 400 && faults.length === 0) different.push(`${name}: not decoded`);
        }
      }
    }
    expect(new Set(different)).toEqual(known);
    expect(equal).toBeGreaterThan(1_500);
    expect(refused).toBeGreaterThan(100);
  });
});
