/** What the shipped manifests leave to others, and what they leave the gate. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { RenderSettings } from '../../src/render/settings.ts';

const folder = resolve(import.meta.dirname, '../../flux/base');

function objects(file: string) {
  return parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) => document.toJS());
}

it.each(['network-policies.yaml', 'source/network-policies.yaml'])('%s lets nobody in from every namespace', (file) => {
  for (const { spec } of objects(file)) {
    for (const { from } of spec.ingress ?? []) {
      expect(from).toBeDefined();
      for (const { namespaceSelector } of from) {
        if (namespaceSelector !== undefined) expect(namespaceSelector.matchLabels).toBeDefined();
      }
    }
  }
});

it('leaves the Pods of Flux open to one another, also where this is their first policy', () => {
  const policy = objects('source/network-policies.yaml').find(({ metadata }) => metadata.name === 'allow-syncgate');
  expect(policy.spec.ingress).toContainEqual({ from: [{ podSelector: {} }] });
});

it('has room for as many sources as are judged at once, or the Pod is evicted', () => {
  const [set] = objects('source/stateful-set.yaml');
  const { volumes } = set.spec.template.spec;
  const { sizeLimit } = volumes.find(({ name }: { name: string }) => name === 'tmp').emptyDir;
  const [atOnce, packedMiB, unpackedMiB] = [4, 128, 512];
  const { sourceMiB } = RenderSettings.parse({}).limits;
  expect(Number.parseInt(sizeLimit, 10) * 1024).toBeGreaterThan(atOnce * (packedMiB + unpackedMiB + sourceMiB));
});
