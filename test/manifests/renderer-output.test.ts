/**
 * Kustomize reads YAML in a way of its own (`yes` is a text to it, a date gets a time) and writes it anew. What counts
 * is that its output is read here as Kubernetes reads it.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { canonicalJson } from '../../src/core/json.ts';
import { Kubeyaml } from '../support/kubeyaml.ts';
import { tool } from '../support/tools/resolve.ts';
import { nasty } from './nasty.ts';
import { parse } from './read.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'output-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const head = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: nasty\n';
/** Kustomize refuses them, and everything that is built with them. */
const notForKustomize = /!!bool|tab that starts|^a key of|^a long key|^the key|over the same number|escape of DEL/;

it('what kustomize prints is read as Kubernetes reads it', async () => {
  const rows = nasty.filter(
    ({ name, yaml, expected }) => expected !== 'refused' && yaml.startsWith(head) && !notForKustomize.test(name),
  );
  expect(rows.length).toBeGreaterThan(120);
  const resources = rows.map(({ yaml }, i) => {
    writeFileSync(join(folder, `${i}.yaml`), yaml.replace('name: nasty', `name: nasty-${i}`));
    return `${i}.yaml`;
  });
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify({ resources }));
  const { stdout } = await promisify(execFile)(await tool('kustomize'), ['build', folder]);

  await using kubeyaml = await Kubeyaml.start();
  const { raw } = await kubeyaml.read(stdout);
  const ours = parse(stdout).map(({ object }) => canonicalJson(object));
  expect(ours).toHaveLength(rows.length);
  const theirs = parse((raw.documents ?? []).join('\n')).map(({ object }) => canonicalJson(object));
  expect(ours).toEqual(theirs);
});
