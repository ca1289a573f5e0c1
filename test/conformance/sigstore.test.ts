import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtCommand } from '../support/cli.ts';
import { foldersIn, suiteFolder, suitesAbsent } from '../support/suites.ts';

const found = suiteFolder('sigstore-conformance/bundle-verify');
const suite = found ?? '';
const cases = found === undefined ? [] : foldersIn(found);
const identity =
  'https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main';
const issuer = 'https://token.actions.githubusercontent.com';

/** What the suite's own runner would put on the command line of a client. */
function argumentsOf(name: string, asDigest = false): string[] {
  const file = (part: string) => join(suite, name, part);
  const read = (part: string, otherwise: string) =>
    existsSync(file(part)) ? readFileSync(file(part), 'utf8').trim() : otherwise;
  const artifact = existsSync(file('artifact')) ? file('artifact') : join(suite, 'a.txt');
  const digest = createHash('sha256').update(readFileSync(artifact)).digest('hex');
  return [
    'verify-bundle',
    '--bundle',
    file('bundle.sigstore.json'),
    ...(existsSync(file('key.pub'))
      ? ['--key', file('key.pub')]
      : ['--certificate-identity', read('identity', identity), '--certificate-oidc-issuer', read('issuer', issuer)]),
    ...(existsSync(file('trusted_root.json')) ? ['--trusted-root', file('trusted_root.json')] : []),
    asDigest ? `sha256:${digest}` : artifact,
  ];
}

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function syncgate(args: readonly string[]): Promise<Run> {
  const command = await builtCommand();
  return await new Promise((done) => {
    execFile(process.execPath, [command, ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ exitCode, stdout, stderr });
    });
  });
}

beforeAll(async () => {
  await builtCommand();
});

if (found === undefined) it.skip(`sigstore-conformance: ${suitesAbsent}`);
else
  describe('sigstore-conformance, through the command', () => {
    it('has all of its cases', () => expect(cases).toHaveLength(70));

    it.concurrent.each(cases.filter((name) => !name.endsWith('_fail')))('%s is verified', async (name) => {
      const { exitCode, stdout, stderr } = await syncgate(argumentsOf(name));
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toMatch(/^verified: signed by /);
    });

    it.concurrent.each(cases.filter((name) => !name.endsWith('_fail')))('%s is verified by digest', async (name) => {
      expect(await syncgate(argumentsOf(name, true))).toMatchObject({ exitCode: 0, stderr: '' });
    });

    it.concurrent.each(cases.filter((name) => name.endsWith('_fail')))('%s is refused', async (name) => {
      const { exitCode, stdout, stderr } = await syncgate(argumentsOf(name));
      // A fault of the bundle is an answer (1); one of the key or the root is the asker's (3). None is a crash (2).
      expect([1, 3]).toContain(exitCode);
      expect(stdout).toBe('');
      expect(stderr.trim().split('\n')[0]).toMatch(/\S/);
    });

    it.concurrent.each(cases.filter((name) => name.endsWith('_fail')))('%s is refused by digest', async (name) => {
      expect([1, 3]).toContain((await syncgate(argumentsOf(name, true))).exitCode);
    });
  });
