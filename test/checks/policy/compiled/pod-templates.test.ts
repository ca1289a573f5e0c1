import { describe, expect, it } from 'vitest';
import { findPodTemplates, MAX_TEMPLATES } from '../../../../src/checks/policy/compiled/pod-templates.ts';
import type { JsonObject, JsonValue } from '../../../../src/core/json.ts';

const container = { name: 'c', image: 'nginx' };
const spec = { containers: [container] };

function pathsIn(object: JsonObject, group = 'example.com') {
  const found = findPodTemplates(object, group);
  return found === 'tooMany' ? found : found.map(({ specPath }) => specPath.join('.'));
}

describe('what a Pod could be made of in a custom object', () => {
  it.each<[string, JsonObject, readonly string[]]>([
    ['ScaledJob', { spec: { jobTargetRef: { template: { spec } } } }, ['spec.jobTargetRef.template.spec']],
    [
      'JobSet',
      { spec: { replicatedJobs: [{ template: { spec: { template: { spec } } } }] } },
      ['spec.replicatedJobs.0.template.spec.template.spec'],
    ],
    ['PyTorchJob', { spec: { a: { template: { spec } }, b: { spec } } }, ['spec.a.template.spec', 'spec.b.spec']],
    ['itself', { spec }, ['spec']],
    ['with initContainers alone', { spec: { initContainers: [container] } }, ['spec']],
    ['with an image alone', { spec: { containers: [{ image: 'a' }] } }, ['spec']],
    ['in another one', { spec: { ...spec, inner: spec } }, ['spec', 'spec.inner']],
    ['without containers', { spec: { template: { spec: {} } } }, []],
    ['with no list of them', { spec: { containers: { name: 'c' } } }, []],
    ['with a list of something else', { spec: { containers: ['a', { size: 1 }] } }, []],
  ])('%s', (_, object, paths) => expect(pathsIn(object)).toEqual(paths));

  it('has the metadata that stands beside its spec', () => {
    const metadata = { labels: { a: 'b' } };
    expect(findPodTemplates({ spec: { worker: { metadata, spec } } }, '')).toMatchObject([
      { metadata: { value: metadata, path: ['spec', 'worker', 'metadata'] } },
    ]);
  });

  it.each(['kyverno.io', 'policies.kyverno.io', 'constraints.gatekeeper.sh'])('is a pattern in %s', (group) => {
    expect(pathsIn({ spec: { rules: [{ validate: { pattern: { spec } } }] } }, group)).toEqual([]);
  });

  it('is too much beyond a bound', () => {
    const of = (count: number) => ({ spec: { all: Array.from({ length: count }, () => ({ spec })) } });
    expect(pathsIn(of(MAX_TEMPLATES))).toHaveLength(MAX_TEMPLATES);
    expect(pathsIn(of(MAX_TEMPLATES + 1))).toBe('tooMany');
  });

  it('is too deep beyond a bound', () => {
    let deep: JsonValue = { spec };
    for (let level = 0; level < 200; level += 1) deep = { a: deep };
    expect(pathsIn(deep as JsonObject)).toBe('tooMany');
  });
});
