import { describe, expect, it } from 'vitest';
import { completeObject, completeStored } from '../../../../src/checks/policy/kube/completion.ts';
import { createResourceTable } from '../../../../src/checks/policy/kube/resources.ts';
import { type JsonObject, type JsonPath, type JsonValue, valueAt } from '../../../../src/core/json.ts';
import { nameOf } from '../../../support/kubernetes/judged.ts';
import { sampleObjects } from '../../../support/kubernetes/server.ts';
import { variantsOf } from '../../../support/kubernetes/variants.ts';

const complete = (object: JsonObject) => completeObject(object, { now: Date.parse('2026-01-02T03:04:05.678Z') });
const pod = (spec: JsonObject, metadata: JsonObject = {}): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', ...metadata },
  spec: { containers: [{ name: 'app', image: 'web:1' }], ...spec },
});
const container = (more: JsonObject) => pod({ containers: [{ name: 'app', image: 'web:1', ...more }] });
const deployment = (spec: JsonObject): JsonObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'd' },
  spec,
});
const service = (spec: JsonObject): JsonObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's' },
  spec,
});

describe('a field that the table of types does not know', () => {
  const strange = JSON.parse('{"newField": 1, "__proto__": {"a": 1}, "constructor": "x", "gone": null}') as JsonObject;
  const of = (kubernetes: string) => {
    const { object } = completeObject(container({ ...pod({}), securityContext: { newer: true } }), { kubernetes });
    const { object: top } = completeObject({ ...pod({}), spec: { containers: [], ...strange } }, { kubernetes });
    return [valueAt(object, ['spec', 'containers', 0, 'securityContext']), valueAt(top, ['spec'])] as const;
  };

  it.each(['1.30', '1.36'])('is gone in %s, whose types the table holds', (version) => {
    const [context, spec] = of(version);
    expect(context).toEqual({});
    expect(Object.keys(spec as JsonObject)).not.toContain('newField');
  });
  it('is kept in a version that is newer, with the defaults beside it', () => {
    const [context, spec] = of('1.37');
    expect(context).toEqual({ newer: true });
    expect(spec).toMatchObject({ newField: 1, constructor: 'x', restartPolicy: 'Always' });
    expect(Object.keys(spec as JsonObject)).not.toContain('gone');
  });
  it('gives nothing that could be inherited', () => {
    const spec = JSON.parse('{"containers": [], "__proto__": {"hostPID": true}}') as JsonObject;
    const { object } = completeObject({ ...pod({}), spec }, { kubernetes: '1.37' });
    expect((valueAt(object, ['spec']) as JsonObject)['hostPID']).toBeUndefined();
    expect(({} as JsonObject)['hostPID']).toBeUndefined();
  });
});

describe('an object is completed', () => {
  it.each<[string, JsonObject, JsonPath, JsonValue | undefined]>([
    ['a default', pod({}), ['spec', 'restartPolicy'], 'Always'],
    ['a default that was written otherwise', pod({ restartPolicy: 'Never' }), ['spec', 'restartPolicy'], 'Never'],
    ['a default below another', deployment({ strategy: {} }), ['spec', 'strategy', 'rollingUpdate', 'maxSurge'], '25%'],
    [
      'none where it does not belong',
      deployment({ strategy: { type: 'Recreate' } }),
      ['spec', 'strategy', 'rollingUpdate'],
      undefined,
    ],
    ['the pull policy of latest', container({ image: 'web' }), ['spec', 'containers', 0, 'imagePullPolicy'], 'Always'],
    ['the pull policy of a tag', container({}), ['spec', 'containers', 0, 'imagePullPolicy'], 'IfNotPresent'],
    [
      'the pull policy of a digest',
      container({ image: `web@sha256:${'0'.repeat(64)}` }),
      ['spec', 'containers', 0, 'imagePullPolicy'],
      'IfNotPresent',
    ],
    [
      'a quantity',
      container({ resources: { limits: { cpu: '1000m' } } }),
      ['spec', 'containers', 0, 'resources', 'limits', 'cpu'],
      '1',
    ],
    [
      'a quantity that is a number',
      container({ resources: { limits: { cpu: 0.5 } } }),
      ['spec', 'containers', 0, 'resources', 'limits', 'cpu'],
      '500m',
    ],
    [
      'requests from limits',
      container({ resources: { limits: { memory: '1024Mi' } } }),
      ['spec', 'containers', 0, 'resources', 'requests', 'memory'],
      '1Gi',
    ],
    ['a port from another', service({ ports: [{ port: 80 }] }), ['spec', 'ports', 0, 'targetPort'], 80],
    ['a false that Go leaves out', pod({ hostNetwork: false }), ['spec', 'hostNetwork'], undefined],
    [
      'a false behind a pointer',
      pod({ automountServiceAccountToken: false }),
      ['spec', 'automountServiceAccountToken'],
      false,
    ],
    ['an empty mapping', pod({}, { labels: {} }), ['metadata', 'labels'], undefined],
    ['a null', pod({ nodeName: null }), ['spec', 'nodeName'], undefined],
    ['an unknown field', pod({ unknown: 1 }), ['spec', 'unknown'], undefined],
    [
      'a key called __proto__',
      pod({}, JSON.parse('{"labels":{"__proto__":"a"}}') as JsonObject),
      ['metadata', 'labels', '__proto__'],
      'a',
    ],
    ['an unknown key called constructor', pod({ constructor: 1 }), ['spec', 'constructor'], undefined],
    ['a status', { ...pod({}), status: { phase: 'Running' } }, ['status', 'phase'], 'Pending'],
    ['the time', pod({}), ['metadata', 'creationTimestamp'], '2026-01-02T03:04:05Z'],
    ['a uid that was written', pod({}, { uid: 'mine' }), ['metadata', 'uid'], '00000000-0000-4000-8000-000000000000'],
    ['a name that is made up', pod({}, { name: '', generateName: 'a-' }), ['metadata', 'name'], 'a-00000'],
  ])('%s', (_, object, path, expected) => {
    expect(valueAt(complete(object).object, path)).toEqual(expected);
  });

  it('without a change to the object that was given', () => {
    const object = pod({});
    const before = JSON.stringify(object);
    complete(object);
    expect(JSON.stringify(object)).toBe(before);
  });
});

describe('what the API server would not decode', () => {
  it.each<[string, JsonObject, string]>([
    ['a string for a number', deployment({ replicas: '3' }), 'spec.replicas is not an integer'],
    ['a number for a string', container({ image: 1 }), 'spec.containers.0.image is not a string'],
    ['a list for a mapping', pod({ securityContext: [] }), 'spec.securityContext is not a mapping'],
    ['a mapping for a list', pod({ containers: {} }), 'spec.containers is not a list'],
    [
      'no quantity',
      container({ resources: { limits: { cpu: 'much' } } }),
      'spec.containers.0.resources.limits.cpu is not a quantity',
    ],
    ['an integer of more than 32 bits', deployment({ replicas: 2n ** 40n }), 'spec.replicas is not an integer'],
    [
      'no base64',
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { a: '!' } },
      'data.a is not base64 text',
    ],
  ])('%s is a fault, and stays as it is', (_, object, message) => {
    expect(complete(object).faults.map((fault) => fault.message)).toEqual([message]);
  });

  it.each<JsonObject>([
    { apiVersion: 'v1', kind: 'Pod' },
    { apiVersion: 'v1', kind: 'Pod', metadata: 1, spec: 1 },
    { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: [] }, spec: { template: 1 } },
    { apiVersion: 'v1', kind: 'Service', metadata: {}, spec: { ports: [1, null] } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {},
      spec: { containers: [null, 1, { resources: 1 }], tolerations: [1], volumes: 1 },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { annotations: 1, labels: 1 },
      spec: { affinity: 1, topologySpreadConstraints: [1] },
    },
    { apiVersion: 'v1', kind: 'ReplicationController', metadata: {}, spec: { template: 1, selector: 1 } },
    {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: {},
      spec: { limits: [{ type: 'Container', max: 1, default: [] }] },
    },
    { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: {}, spec: { behavior: { scaleUp: 1 } } },
    { apiVersion: 'v1', kind: 'Node', metadata: {}, spec: { taints: 1 } },
    { apiVersion: 'v1', kind: 'Secret', metadata: {}, data: 1, stringData: 1 },
    { apiVersion: 'nobody/knows', kind: 'This', metadata: null },
  ])('%j is never thrown over', (object) => {
    expect(() => complete(object)).not.toThrow();
    expect(() => completeStored(object)).not.toThrow();
  });
});

describe('a custom resource', () => {
  const schema: JsonObject = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          most: { type: 'integer', default: 3 },
          rules: {
            type: 'array',
            items: { type: 'object', properties: { action: { type: 'string', default: 'deny' } } },
          },
          free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          names: { type: 'object', additionalProperties: { type: 'string' } },
        },
      },
    },
  };
  const definition: JsonObject = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'rules.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { kind: 'Rule', plural: 'rules' },
      versions: [{ name: 'v1', served: true, schema: { openAPIV3Schema: schema }, subresources: { status: {} } }],
    },
  };
  const rule = (spec: JsonObject): JsonObject => ({
    apiVersion: 'example.com/v1',
    kind: 'Rule',
    metadata: { name: 'r' },
    spec,
    status: {},
  });

  it('has the defaults of its schema, and no fields that it does not know', () => {
    const resources = createResourceTable({ definitions: [definition] });
    const { object } = completeObject(rule({ rules: [{}], free: { a: 1 }, names: { b: 'c' }, other: 1 }), {
      resources,
    });
    expect(object['spec']).toEqual({ most: 3, rules: [{ action: 'deny' }], free: { a: 1 }, names: { b: 'c' } });
    expect(object['status']).toBeUndefined();
    expect(valueAt(object, ['metadata', 'generation'])).toBe(1);
  });

  it('without a definition keeps what it has', () => {
    const { object } = completeObject(rule({ other: 1 }), { resources: createResourceTable() });
    expect(object['spec']).toEqual({ other: 1 });
  });
});

describe('whatever stands in whatever place', () => {
  const strange: readonly JsonValue[] = [1, 'x', true, null, [], {}, [null], [1], { a: null }, 2n ** 70n, '\u0000'];

  it.each(sampleObjects().map((object) => [nameOf(object), object] as const))('%s is completed', (_, object) => {
    for (const { object: variant } of variantsOf(object, strange)) expect(() => complete(variant)).not.toThrow();
  });
});
