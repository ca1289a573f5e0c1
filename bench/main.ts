/** `npm run bench [-- --quick] [rego …]`: prints each part as it is done; every number stands beside its peer's. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { benchAdmission } from './admission.ts';
import { benchFlux } from './flux.ts';
import { benchImages } from './images.ts';
import { benchKyverno } from './kyverno.ts';
import { benchRego } from './rego.ts';
import { benchRejudge } from './rejudge.ts';
import { benchRender } from './render.ts';
import { benchTrust } from './trust.ts';

/** A part measures in a scratch folder of its own and answers with its report. */
type Part = (scratch: string, quick: boolean) => Promise<string>;

const PARTS: Readonly<Record<string, Part>> = {
  render: benchRender,
  images: benchImages,
  rego: benchRego,
  trust: benchTrust,
  kyverno: benchKyverno,
  admission: benchAdmission,
  rejudge: benchRejudge,
  flux: benchFlux,
};

const asked = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const quick = process.argv.includes('--quick');
const unknown = asked.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) {
  process.stderr.write(`no part is called ${unknown.join(', ')}; known: ${Object.keys(PARTS).join(', ')}\n`);
  process.exit(3);
}

const [cpu] = cpus();
process.stdout.write(
  `${cpus().length} × ${cpu?.model ?? 'unknown CPU'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.version}\n\n`,
);
for (const [name, part] of Object.entries(PARTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'syncgate-bench-'));
  try {
    process.stdout.write(`${await part(scratch, quick)}\n`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
