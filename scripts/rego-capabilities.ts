/** `node scripts/rego-capabilities.ts`: makes the list of what policies may call from the opa that tests run. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tool } from '../test/support/tools/resolve.ts';

const kept = new URL('../src/checks/policy/rego/capabilities.json', import.meta.url);
// The list does not exist before it is made for the first time.
try {
  writeFileSync(kept, '{}', { flag: 'wx' });
} catch {
  // It is there.
}
const { allowedOf } = await import('../src/checks/policy/rego/capabilities.ts');
const output = execFileSync(await tool('opa'), ['capabilities', '--current'], { encoding: 'utf8' });
writeFileSync(kept, `${JSON.stringify(allowedOf(JSON.parse(output)))}\n`);
