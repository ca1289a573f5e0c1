/** Writes what is made from the code: docs/errors.md, and the JSON schema of the Gate. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod/mini';
import { GateDocument } from '../src/config.ts';
import { CODES } from '../src/core/errors.ts';

const root = resolve(import.meta.dirname, '..');

/** The files that are made, by path relative to the project. */
export function generatedFiles(): Record<string, string> {
  return { 'docs/errors.md': errorsPage(), 'schema/gate.schema.json': gateSchema() };
}

function errorsPage(): string {
  const exit = { denied: '1 (denied)', unevaluated: '2 (could not evaluate)', usage: '3 (usage or configuration)' };
  const rows = Object.entries(CODES)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, entry]) =>
        `## ${code}\n\n${entry.meaning}\n\n*Mend:* ${entry.mend}\n\n*Exit code:* ${exit[entry.answer]}\n`,
    );
  return `# Errors and findings\n\nEvery code that syncgate prints, what it means and what to do. All of them withhold the manifests. This page is made\nfrom \`src/core/errors.ts\` by \`npm run docs\`.\n\n${rows.join('\n')}`;
}

function gateSchema(): string {
  const schema = z.toJSONSchema(GateDocument, { io: 'input' });
  return `${JSON.stringify({ ...schema, $id: 'https://syncgate.dev/schema/gate.schema.json', title: 'Gate' }, undefined, 2)}\n`;
}

if (process.argv[1] === import.meta.filename) {
  for (const [path, text] of Object.entries(generatedFiles())) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    let before = '';
    try {
      before = readFileSync(join(root, path), 'utf8');
    } catch {}
    if (before !== text) writeFileSync(join(root, path), text);
  }
}
