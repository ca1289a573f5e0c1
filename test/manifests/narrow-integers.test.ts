import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { finishForFlux } from '../../src/manifests/flux.ts';
import { findCutInteger } from '../../src/manifests/narrow-integers.ts';
import { parseManifests } from '../../src/manifests/parse.ts';
import { defaultManifestSettings } from '../../src/manifests/settings.ts';
import { Fluxbuild } from '../support/fluxbuild.ts';
import { thrownBy } from '../support/thrown.ts';

let flux: Fluxbuild;
beforeAll(async () => {
  flux = await Fluxbuild.start();
});
afterAll(() => flux[Symbol.asyncDispose]());

function finished(text: string): Manifest[] {
  const manifests = parseManifests(
    [{ file: 'app.yaml', bytes: Buffer.from(text), marks: 'none' }],
    defaultManifestSettings,
  );
  const commonMetadata = { labels: {}, annotations: {} };
  return finishForFlux(
    manifests,
    { substitution: undefined, commonMetadata, releaseNamespace: undefined },
    defaultManifestSettings,
  );
}

const pod = (port: string) =>
  `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"a","image":"b","ports":[{"containerPort":80,"hostPort":${port}}]}]}}`;
const hostPort = (object: JsonObject) =>
  JSON.parse(JSON.stringify(object)).spec.containers[0].ports[0].hostPort as unknown;

describe('integers that Flux would cut down', () => {
  // Were it not for the refusal: judged as a high port, applied as the one of ssh.
  it.each(['4294967318', '-4294967274', '4294967318.0'])('%s for a port is refused', async (port) => {
    const applied = await flux.normalize(pod(port));
    expect('value' in applied && hostPort(applied.value)).toBe(22);
    expect(thrownBy(() => finished(pod(port)))).toMatchObject({
      code: 'FLUX_REWRITTEN',
      message: expect.stringMatching(/^app\.yaml:1:\d+: Pod a: -?\d+ does not fit in this field/),
    });
  });

  it.each(['1e21', '2147483648', '-2147483649', '99999999999999999999999'])('%s for a port is refused', (port) => {
    expect(thrownBy(() => finished(pod(port)))).toMatchObject({ code: 'FLUX_REWRITTEN' });
  });

  it.each(['2147483647', '-2147483648', '22', '22.0'])('%s for a port leaves, and stays what it is', async (port) => {
    const [manifest] = finished(pod(port));
    const applied = await flux.normalize(pod(port));
    expect(hostPort(manifest?.object as JsonObject)).toBe(Number(port));
    expect('value' in applied && hostPort(applied.value)).toBe(Number(port));
  });

  it.each([
    '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"replicas":4294967297}}',
    '{"apiVersion":"scheduling.k8s.io/v1","kind":"PriorityClass","metadata":{"name":"a"},"value":4294967297}',
  ])('%s is refused', (text) => {
    expect(thrownBy(() => finished(text))).toMatchObject({ code: 'FLUX_REWRITTEN' });
  });

  it.each([
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"securityContext":{"runAsUser":4294967296},"containers":[{"name":"a","image":"b","resources":{"limits":{"memory":8589934592}}}]}}',
    '{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"a"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"a"},"metrics":[{"type":"Object","object":{"target":{"type":"Value","value":8589934592}}}]}}',
    // Flux has no types for these, and leaves them as they are.
    '{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"a"},"spec":{"port":4294967318}}',
  ])('%s leaves', (text) => {
    expect(finished(text)).toHaveLength(1);
  });

  it('are known by every name that they have in the types of Kubernetes', async () => {
    const names = await flux.narrow();
    expect(names.length).toBeGreaterThan(80);
    const unknown = names.filter((name) => findCutInteger({ [name]: [2 ** 31] }, [], 'Pod') === undefined);
    expect(unknown).toEqual(['value']);
  });
});
