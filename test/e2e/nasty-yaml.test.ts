/** What the real argocd-cmp-server decodes is the oracle for what the gate must have read: they judge the same objects. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/core/json.ts';
import { readJson } from '../../src/manifests/json-reader.ts';
import { nasty } from '../manifests/nasty.ts';
import { type CmpServer, startCmpServer } from '../support/argocd/cmp-server.ts';

let server: CmpServer;
let root: string;

beforeAll(async () => {
  // The server takes one newline off the end of what a command prints.
  const plugin =
    '{kind: ConfigManagementPlugin, metadata: {name: cat}, spec: {generate: {command: [sh, -c, cat nasty.yaml && echo]}}}';
  server = await startCmpServer({ plugin, env: { PATH: '/usr/bin:/bin' }, name: 'cat' });
  root = mkdtempSync(join(tmpdir(), 'nasty-'));
});

afterAll(async () => {
  await server?.stop();
  rmSync(root, { recursive: true, force: true });
});

const canonical = (json: string) => canonicalJson(readJson(json, 0, { maxDepth: 1000 }).value);

/** What the repo-server makes of a decoded object: a list gives its items, and a list of null nothing. */
function expanded(json: string): string[] {
  const object = JSON.parse(json);
  if (Array.isArray(object.items)) return object.items.map((item: unknown) => canonical(JSON.stringify(item)));
  if (object.items === null && !('spec' in object) && !('status' in object)) return [];
  return [canonical(json)];
}

describe('Argo CD decodes what the gate judges', () => {
  const rows = nasty.flatMap((row) =>
    row.expected === 'refused' ? [] : [[row.name, row.yaml, row.expected] as const],
  );

  it.each(rows)('%s', async (_, yaml, expected) => {
    writeFileSync(join(root, 'nasty.yaml'), yaml);
    const answer = await server.generate({ root, path: '.', env: [], deadlineMs: 30_000 });
    if (answer.kind === 'refused') throw new Error(answer.details);
    expect(answer.manifests.flatMap(expanded)).toEqual(expected.map(canonical));
  });
});
