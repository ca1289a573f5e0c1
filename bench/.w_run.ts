import { mkdtempSync } from 'node:fs';

const { benchAdmission } = await import('./admission.ts');
const scratch = mkdtempSync('/tmp/w-bench-');
try {
  process.stdout.write(await benchAdmission(scratch, process.argv.includes('--quick')));
} catch (e) {
  console.error(e);
}
process.exit(0);
