/** Writes what is made from the code: pages of the documentation, the JSON schema of the Gate, and plugin.yaml. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod/mini';
import { GateDocument } from '../src/config.ts';
import { CODES, type Code } from '../src/core/errors.ts';
import { commandPage } from './command-page.ts';
import { configurationPage, type Schema } from './configuration-page.ts';
import { cosignCasesPage } from './cosign-cases-page.ts';
import { definitionFile } from './crd.ts';
import { decisionsPage } from './decisions-page.ts';
import { fluxReferencePage } from './flux-reference-page.ts';
import { kustomizationPolicyFile, renderedKustomizationPolicyFile } from './kustomization-policy.ts';
import { metricsPage } from './metrics-page.ts';
import { parametersPage, pluginFile } from './plugin.ts';

const root = resolve(import.meta.dirname, '..');

/** The files that are made, by path relative to the project. */
export function generatedFiles(): Record<string, string> {
  return {
    'docs/errors.md': errorsPage(),
    'docs/parameters.md': parametersPage(),
    'plugin.yaml': pluginFile(),
    'docs/configuration.md': configurationPage(gateSchema()),
    'docs/cli.md': commandPage(),
    'docs/metrics.md': metricsPage(),
    'docs/cosign-cases.md': cosignCasesPage(),
    'docs/decisions/README.md': decisionsPage(join(root, 'docs/decisions')),
    'docs/flux-reference.md': fluxReferencePage(),
    'flux/base/crd.yaml': definitionFile(),
    'flux/base/policies/kustomizations.yaml': kustomizationPolicyFile(),
    'flux/gate-policies/kustomizations.yaml': renderedKustomizationPolicyFile(),
    'schema/gate.schema.json': `${JSON.stringify(gateSchema(), undefined, 2)}\n`,
  };
}

/** Codes that nothing is refused with. */
const onlyWarnings: ReadonlySet<string> = new Set<Code>([
  'IMAGE_POLICY_HAZARD',
  'IMAGE_TRUST_ROOT_AGED',
  'POLICY_ERROR_IGNORED',
  'POLICY_EXCEPTED',
  'POLICY_HAZARD',
  'POLICY_NOT_EVALUATED',
  'POLICY_WARNED',
]);

function errorsPage(): string {
  const exit = { denied: '1 (denied)', unevaluated: '2 (could not evaluate)', usage: '3 (usage or configuration)' };
  const rows = Object.entries(CODES)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, entry]) =>
        `## ${code}\n\n${entry.meaning}\n\n*Mend:* ${entry.mend}\n\n*Exit code:* ${onlyWarnings.has(code) ? 'none of its own' : exit[entry.answer]}\n`,
    );
  return `# Errors and findings\n\nEvery code that syncgate prints, what it means and what to do. All but warnings withhold the manifests.\nThis page is made from \`src/core/errors.ts\` by \`npm run docs\`.\n\n${rows.join('\n')}`;
}

function gateSchema(): Schema {
  const schema = z.toJSONSchema(GateDocument, { io: 'input' }) as Schema;
  return { ...schema, ...{ $id: 'https://syncgate.dev/schema/gate.schema.json', title: 'Gate' } };
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
