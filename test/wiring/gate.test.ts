/** What a gate that judges often leaves in its private folder. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { plainRequest, type RenderRequest } from '../../src/render/request.ts';
import { type OpenGate, openGate } from '../../src/wiring/gate.ts';
import { scratch, writeTree } from '../support/render.ts';
import { tool } from '../support/tools/resolve.ts';

let folder: ReturnType<typeof scratch>;
let gate: OpenGate;
let left: () => string[];

beforeEach(async () => {
  folder = scratch();
  writeTree(folder.path, {
    'plain/a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n',
    'kustomized/kustomization.yaml': 'resources: [a.yaml]\n',
    'kustomized/a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n',
    'broken/kustomization.yaml': 'resources: [b.yaml]\n',
    'gate.yaml': JSON.stringify({
      apiVersion: 'syncgate.dev/v1alpha1',
      kind: 'Gate',
      metadata: { name: 'one' },
      spec: { policies: [], images: 'unchecked', render: { kustomize: { path: await tool('kustomize') } } },
    }),
  });
  mkdirSync(join(folder.path, 'tmp'));
  const config = await loadConfig(join(folder.path, 'gate.yaml'), async (path) => readFileSync(path, 'utf8'));
  const world = { env: { PATH: process.env['PATH'] }, temporaryFolder: join(folder.path, 'tmp'), program: '' };
  gate = openGate(config, world, new AbortController().signal, 'many verdicts');
  const [own] = readdirSync(join(folder.path, 'tmp'));
  left = () => readdirSync(join(folder.path, 'tmp', own as string)).filter((name) => name !== '.owner');
});
afterEach(async () => {
  await gate.close();
  folder[Symbol.dispose]();
});

const inFolder = (path: string): RenderRequest => plainRequest({ kind: 'folder', root: folder.path, path });
const judge = (request: RenderRequest, signal = AbortSignal.timeout(60_000)) => gate.judge(request, 'yaml', signal);

describe('a gate that judges often leaves no folder behind', () => {
  it.each([
    ['a kustomization', () => inFolder('kustomized'), 'allowed'],
    ['a kustomization that cannot be rendered', () => inFolder('broken'), 'unevaluated'],
    ['plain files', () => inFolder('plain'), 'allowed'],
    ['a folder that is not there', () => inFolder('nowhere'), 'usage'],
    [
      'what was rendered elsewhere',
      () => plainRequest({ kind: 'stdin', bytes: Buffer.from('kind: x\n') }),
      'unevaluated',
    ],
  ] as const)('for %s', async (_, request, verdict) => {
    for (let i = 0; i < 3; i++) expect((await judge(request())).decision.verdict).toBe(verdict);
    expect(left()).toEqual([]);
  });

  it('for one that was interrupted', async () => {
    const over = new AbortController();
    const judging = judge(inFolder('kustomized'), over.signal);
    setTimeout(() => over.abort(), 5);
    await judging;
    await expect.poll(left, { timeout: 20_000 }).toEqual([]);
  });
});
