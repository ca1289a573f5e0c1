/**
 * Renews trust/public-good from the npm package @sigstore/tuf, which Sigstore's own JavaScript client starts from. npm
 * checks the package against its integrity; run it, read the difference, and commit it.
 *
 *   node scripts/public-good-root.ts
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { readTrustedRoot } from '../src/checks/images/policy/trusted-root.ts';

const run = promisify(execFile);
const mirror = 'https://tuf-repo-cdn.sigstore.dev';
const folder = resolve(import.meta.dirname, '..', 'trust', 'public-good');

interface Seed {
  readonly 'root.json': string;
  readonly targets: Readonly<Record<string, string>>;
}

const scratch = await mkdtemp(join(tmpdir(), 'syncgate-public-good-'));
try {
  const npm = async (...args: string[]) => (await run('npm', args, { cwd: scratch, timeout: 120_000 })).stdout;
  const viewed = JSON.parse(await npm('view', '@sigstore/tuf', 'version', 'dist.integrity', 'time', '--json')) as {
    readonly version: string;
    readonly 'dist.integrity': string;
    readonly time: Readonly<Record<string, string>>;
  };
  await npm('pack', `@sigstore/tuf@${viewed.version}`);
  await run('tar', ['xzf', `sigstore-tuf-${viewed.version}.tgz`, 'package/seeds.json'], { cwd: scratch });
  const seeds = JSON.parse(await readFile(join(scratch, 'package', 'seeds.json'), 'utf8')) as Record<string, Seed>;
  const seed = seeds[mirror];
  const target = seed?.targets['trusted_root.json'];
  if (seed === undefined || target === undefined) throw new Error(`the package holds no trusted root of ${mirror}`);
  const content = Buffer.from(target, 'base64');
  await readTrustedRoot(content.toString('utf8'), 'trusted_root.json');
  const root = JSON.parse(Buffer.from(seed['root.json'], 'base64').toString('utf8')) as { signed: { version: number } };
  const published = viewed.time[viewed.version];
  if (published === undefined) throw new Error(`npm does not say when ${viewed.version} was published`);
  const provenance = {
    // When the package was published: the root was the current one then.
    asOf: published.slice(0, 10),
    mirror,
    tufRootVersion: root.signed.version,
    package: `@sigstore/tuf@${viewed.version}`,
    integrity: viewed['dist.integrity'],
    sha256: createHash('sha256').update(content).digest('hex'),
  };
  await writeFile(join(folder, 'trusted_root.json'), content);
  await writeFile(join(folder, 'provenance.json'), `${JSON.stringify(provenance, null, 2)}\n`);
  process.stdout.write(`trust/public-good is that of ${provenance.asOf} (${provenance.package})\n`);
} finally {
  await rm(scratch, { recursive: true, force: true });
}
