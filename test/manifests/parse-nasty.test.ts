import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GateError } from '../../src/core/errors.ts';
import { canonicalJson } from '../../src/core/json.ts';
import { readJson } from '../../src/manifests/json-reader.ts';
import { parseManifests } from '../../src/manifests/parse.ts';
import { defaultManifestSettings } from '../../src/manifests/settings.ts';
import { type KubernetesReading, Kubeyaml } from '../support/kubeyaml.ts';
import { nasty } from './nasty.ts';

/** The objects as canonical JSON, or the code of the refusal. */
function read(yaml: string): string[] | string {
  try {
    const texts = [{ file: 'nasty.yaml', bytes: Buffer.from(yaml), marks: 'none' as const }];
    return parseManifests(texts, defaultManifestSettings).map(({ object }) => canonicalJson(object));
  } catch (error) {
    if (error instanceof GateError) return error.code;
    throw error;
  }
}

const canonical = (json: string) => canonicalJson(readJson(json, 0, { maxDepth: 1000 }).value);

/** What Argo CD makes of the objects it decoded: lists taken apart, null lists dropped. */
function expanded(objects: readonly string[]): string[] {
  return objects.flatMap((json) => {
    const object = JSON.parse(json);
    if (Array.isArray(object.items)) return object.items.map((item: unknown) => canonical(JSON.stringify(item)));
    if (object.items === null && !('spec' in object) && !('status' in object)) return [];
    return [canonical(json)];
  });
}

it('names every row, and each once', () => {
  const names = nasty.map((row) => row.name);
  expect(new Set(names).size).toBe(names.length);
  expect(nasty.length).toBeGreaterThan(150);
});

describe('what is read', () => {
  it.each(nasty.map((row) => [row.name, row] as const))('%s', (_, row) => {
    const ours = read(row.yaml);
    if (row.expected === 'refused') expect(ours).toMatch(/^MANIFEST_/);
    else expect(ours).toEqual(row.expected.map(canonical));
  });
});

describe("Kubernetes' own decoders", () => {
  const readings: KubernetesReading[] = [];
  beforeAll(async () => {
    await using kubeyaml = await Kubeyaml.start();
    readings.push(...(await kubeyaml.readAll(nasty.map((row) => row.yaml))));
  });
  afterAll(() => {
    readings.length = 0;
  });

  it.each(nasty.map((row, i) => [row.name, row, i] as const))('%s', (_, row, i) => {
    const { raw, direct } = readings[i] as KubernetesReading;
    if (row.expected !== 'refused') expect(expanded(direct.documents ?? [])).toEqual(row.expected.map(canonical));
    else if (row.stricter === undefined) expect(direct.documents).toBeNull();
    // A row that claims to be stricter must be so, or the claim is stale.
    else expect(raw.documents).not.toBeNull();
  });
});
