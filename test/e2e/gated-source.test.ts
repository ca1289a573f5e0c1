/** The definition of GatedSource on a real kube-apiserver: what it lets in, and that the controller agrees. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { JsonObject } from '../../src/core/json.ts';
import { GatedSourceSpec } from '../../src/surfaces/flux/gated-source.ts';
import { GATED_SOURCE_CASES } from '../support/flux/gated-source-cases.ts';
import { type Client, openClient } from '../support/kubernetes/client.ts';
import { type KubernetesServer, startKubernetes } from '../support/kubernetes/cluster.ts';

const definition = parse(readFileSync(resolve(import.meta.dirname, '../../flux/base/crd.yaml'), 'utf8'));
const collection = '/apis/syncgate.dev/v1alpha1/namespaces/default/gatedsources';
let server: KubernetesServer;
let client: Client;
let made = 0;

beforeAll(async () => {
  server = await startKubernetes();
  client = openClient(server);
  await client.create(definition);
  await client.condition(definition, { type: 'Established', status: 'True' });
});

afterAll(async () => {
  client?.[Symbol.dispose]();
  await server?.stop();
});

const gatedSource = (spec: JsonObject, name = `source-${made++}`) => ({
  apiVersion: 'syncgate.dev/v1alpha1',
  kind: 'GatedSource',
  metadata: { name, namespace: 'default' },
  spec,
});

describe('the definition', () => {
  it('is structural, and nothing else is said against it', async () => {
    const conditions = (await client.get(definition))?.['status'].conditions;
    expect(conditions.map(({ type, status }: { type: string; status: string }) => `${type}=${status}`).sort()).toEqual([
      'Established=True',
      'NamesAccepted=True',
    ]);
  });

  it.each(GATED_SOURCE_CASES)('$what', async ({ spec, refusal, name }) => {
    const { status, body } = await client.send('POST', collection, gatedSource(spec, name));
    if (refusal === undefined) {
      expect(body.message).toBeUndefined();
      // What the server has made of it is what the controller reads.
      expect(GatedSourceSpec.parse(body['spec'])).toEqual(body['spec']);
    } else {
      expect(body.message).toContain(refusal);
      expect(status).toBe(422);
    }
  });

  it('lets no field in that nobody knows', async () => {
    const object = gatedSource({ sourceRef: { kind: 'Bucket', name: 'a' }, interval: '1m', postBuld: {} });
    const strict = await client.send('POST', `${collection}?fieldValidation=Strict`, object);
    expect(strict.body.message).toContain('unknown field "spec.postBuld"');
    await expect(client.apply(object)).rejects.toThrow('field not declared in schema');
    expect((await client.create(object))['spec']).not.toHaveProperty('postBuld');
  });

  it('does not look current before anybody has handled it', async () => {
    const object = gatedSource({ sourceRef: { kind: 'Bucket', name: 'a' }, interval: '1m' });
    expect((await client.create(object))['status']).toEqual({ observedGeneration: -1 });
  });

  it('keeps spec and status apart', async () => {
    const object = gatedSource({ sourceRef: { kind: 'Bucket', name: 'a' }, interval: '1m' });
    await client.create(object);
    const status = { conditions: [ready()], lastAcceptedRevision: 'main@sha1:abc', gate: 'production' };
    const patched = await client.merge(object, { status, spec: { interval: '5m' } }, { subresource: 'status' });
    expect(patched['spec'].interval).toBe('1m');
    expect(patched['status']).toMatchObject(status);
    expect((await client.merge(object, { status: null, spec: { interval: '5m' } }))['status']).toMatchObject(status);
  });

  it('has columns that say what became of it', async () => {
    const object = gatedSource({ sourceRef: { kind: 'Bucket', name: 'a' }, interval: '1m' }, 'columns');
    await client.create(object);
    const status = { conditions: [ready()], lastAcceptedRevision: 'main@sha1:abc', gate: 'production' };
    await client.merge(object, { status }, { subresource: 'status' });
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const table = await asked(`${collection}/columns`, accept);
    expect(table.columnDefinitions.filter(({ priority }) => priority === 0).map(({ name }) => name)).toEqual([
      ...['Name', 'Ready', 'Reason', 'Gate', 'Accepted', 'Age'],
    ]);
    expect(table.rows[0]?.cells.slice(0, 5)).toEqual(['columns', 'True', 'Succeeded', 'production', 'main@sha1:abc']);
  });
});

function ready() {
  const lastTransitionTime = '2026-08-20T10:00:00Z';
  return { type: 'Ready', status: 'True', reason: 'Succeeded', message: 'let out', lastTransitionTime };
}

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

async function asked(path: string, accept: string): Promise<Table> {
  const { request } = await import('node:https');
  return await new Promise((done, failed) => {
    const headers = { accept, authorization: `Bearer ${server.tokenOf('admin')}` };
    request(`${server.url}${path}`, { headers, ca: server.authority, timeout: 10_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => done(JSON.parse(text)));
    })
      .on('error', failed)
      .end();
  });
}
