/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: those are the variables of Flux */
/** A request of Flux through a whole gate: what the policies see, and what leaves, is what Flux would have applied. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import type { Judged } from '../../src/gate.ts';
import { type FluxRequest, PLAIN_FLUX, plainRequest } from '../../src/render/request.ts';
import { openGate } from '../../src/wiring/gate.ts';
import { type Files, scratch, writeTree } from '../support/render.ts';
import { tool } from '../support/tools/resolve.ts';

const noValue = [
  'package main',
  '',
  'deny contains msg if {',
  '  input.data.key == "forbidden"',
  '  msg := "the value is forbidden"',
  '}',
  '',
  'deny contains msg if {',
  '  not input.metadata.labels.team',
  '  msg := "there is no team"',
  '}',
].join('\n');

async function judged(files: Files, asked: Partial<FluxRequest>): Promise<Judged> {
  using folder = scratch();
  writeTree(join(folder.path, 'source'), files);
  writeTree(folder.path, {
    'policies/rules.rego': noValue,
    'gate.yaml': JSON.stringify({
      apiVersion: 'syncgate.dev/v1alpha1',
      kind: 'Gate',
      metadata: { name: 'one' },
      spec: {
        policies: [{ path: 'policies/' }],
        images: 'unchecked',
        rego: { version: 'v1', packages: ['main'], path: await tool('opa') },
        render: { kustomize: { path: await tool('kustomize') } },
      },
    }),
  });
  mkdirSync(join(folder.path, 'tmp'));
  const config = await loadConfig(join(folder.path, 'gate.yaml'), async (path) =>
    (await import('node:fs')).readFileSync(path, 'utf8'),
  );
  const world = { env: { PATH: process.env['PATH'] }, temporaryFolder: join(folder.path, 'tmp'), program: '' };
  const gate = openGate(config, world, new AbortController().signal);
  try {
    const plain = plainRequest({ kind: 'folder', root: join(folder.path, 'source'), path: '.' });
    return await gate.judge(
      { ...plain, tool: 'flux', flux: { ...PLAIN_FLUX, ...asked } },
      'yaml',
      AbortSignal.timeout(60_000),
    );
  } finally {
    await gate.close();
  }
}

const source = { 'a.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  key: ${KEY}\n' };
const commonMetadata = { labels: { team: 'shop' }, annotations: {} };
const variables = (KEY: string) => ({ variables: { KEY }, strategy: 'WithVariables' as const });

describe('a request of Flux', () => {
  it('leaves with variables replaced and metadata set', async () => {
    const answer = await judged(source, { commonMetadata, postBuild: variables('fine') });
    expect(answer.decision.verdict).toBe('allowed');
    expect(answer.manifests).toBe(
      '---\napiVersion: v1\ndata:\n  key: fine\nkind: ConfigMap\nmetadata:\n  labels:\n    team: shop\n  name: a\n',
    );
  });

  it.each([
    ['by what a variable becomes', { commonMetadata, postBuild: variables('forbidden') }, 'the value is forbidden'],
    ['without the metadata that it lacks', { postBuild: variables('fine') }, 'there is no team'],
  ])('is judged %s', async (_, asked, reason) => {
    const { decision, manifests } = await judged(source, asked);
    expect(manifests).toBeUndefined();
    expect(decision.verdict).toBe('denied');
    expect(JSON.stringify(decision)).toContain(reason);
    expect(JSON.stringify(decision)).toContain('a.yaml');
  });

  it('is withheld where a variable is missing', async () => {
    const { decision, manifests } = await judged(source, {
      commonMetadata,
      postBuild: { ...variables(''), variables: {}, strategy: 'Always' },
    });
    expect(manifests).toBeUndefined();
    expect(decision.verdict).toBe('unevaluated');
    expect(JSON.stringify(decision)).toContain('ConfigMap a: the variable KEY is not set, and has no default');
  });
});
