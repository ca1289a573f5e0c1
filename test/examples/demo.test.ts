import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { acts, imagesIn } from '../../examples/demo/acts.ts';
import { builtCommand } from '../support/cli.ts';
import { tool } from '../support/tools/resolve.ts';

const root = resolve(import.meta.dirname, '../..');
const demo = join(root, 'examples/demo');
const files = (folder: string) => globSync('**/*.yaml', { cwd: join(demo, folder) }).sort();
const read = (path: string) => readFileSync(join(demo, path), 'utf8');

interface Ended {
  readonly code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

async function run(program: string, args: readonly string[], env: Record<string, string> = {}) {
  const options = { cwd: root, env: { ...process.env, ...env }, timeout: 110_000 };
  const answer: Ended = await promisify(execFile)(program, [...args], options).catch((error: Ended) => error);
  return { exitCode: answer.code ?? 0, stdout: answer.stdout ?? '', stderr: answer.stderr ?? '' };
}

const syncgate = async (...args: readonly string[]) => run(process.execPath, [await builtCommand(), ...args]);
const gate = ['--config', 'examples/demo/gate.yaml'];

beforeAll(async () => {
  await builtCommand();
});

describe('npm run demo', () => {
  it('plays every act, and each comes out as told', { timeout: 120_000 }, async () => {
    const tools = { SYNCGATE_TOOL_HELM: await tool('helm'), SYNCGATE_TOOL_OPA: await tool('opa') };
    const { exitCode, stdout } = await run(process.execPath, ['examples/demo/run.ts'], tools);
    expect(stdout).toContain(`All ${acts.length} acts that were played came out as told.`);
    expect(stdout).not.toContain('Left out');
    expect(exitCode).toBe(0);
  });

  it('plays the acts that need Node alone where a program is missing, and tells how to get it', async () => {
    const none = { SYNCGATE_TOOL_OPA: '/nowhere/opa' };
    const { exitCode, stdout } = await run(process.execPath, ['examples/demo/run.ts'], none);
    const alone = acts.filter((act) => act.needs.length === 0).length;
    expect(alone).toBe(3);
    expect(stdout).toContain(`All ${alone} acts that were played came out as told.`);
    expect(stdout).toMatch(/Left out, because a program is missing.*:\n {2}Act 4\. .*\n {2}Act 5\. .*\n {2}Act 6\. /);
    expect(stdout).toContain('npm run tools opa');
    expect(exitCode).toBe(0);
  });

  it.each(acts.map((act) => [act.title, act] as const))('would notice if this did not come out: %s', (_, act) => {
    const crashed = { exitCode: 2, stdout: '', stderr: 'unevaluated' };
    expect(act.wrong(crashed).filter((what) => what !== false)).not.toEqual([]);
    const letThrough = { exitCode: 0, stdout: 'image: registry.example/shop/api:2.8.0\n', stderr: 'allowed' };
    expect(act.wrong(letThrough).filter((what) => what !== false)).not.toEqual([]);
  });
});

describe('the demo’s applications', () => {
  it('the refused one: exit code 1, one line a finding, nothing on stdout', async () => {
    const { exitCode, stdout, stderr } = await syncgate('check', 'examples/demo/refused', ...gate);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    const findings = stderr.split('\n').filter((line) => line.startsWith('denied '));
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(
      /IMAGE_UNSIGNED .*Deployment api, image registry\.example\/shop\/api:2\.8\.0, at .*api\.yaml:\d+:\d+: /,
    );
  });

  it('the allowed one: only pinned images, and the same bytes three times', async () => {
    const runs = [];
    for (let i = 0; i < 3; i++) runs.push(await syncgate('render', 'examples/demo/allowed', ...gate));
    for (const { exitCode } of runs) expect(exitCode).toBe(0);
    expect(new Set(runs.map(({ stdout }) => createHash('sha256').update(stdout).digest('hex'))).size).toBe(1);
    const images = [...(runs[0]?.stdout ?? '').matchAll(/"image": ?"([^"]+)"/g)].map(([, image]) => image);
    expect(images).toHaveLength(4);
    for (const image of images) expect(image).toMatch(/^registry\.example\/shop\/[a-z]+:[\d.]+@sha256:[0-9a-f]{64}$/);
  });

  it('refused/ differs from allowed/ in one image, as the demo says', () => {
    expect(files('refused')).toEqual(files('allowed'));
    const differences = files('allowed').flatMap((file) => {
      const refused = read(`refused/${file}`).split('\n');
      return read(`allowed/${file}`)
        .split('\n')
        .flatMap((line, i) => (line === refused[i] ? [] : [[line.trim(), refused[i]?.trim()]]));
    });
    expect(differences).toEqual([['image: registry.example/shop/api:2.7.0', 'image: registry.example/shop/api:2.8.0']]);
  });

  it('holds every image that an application names', () => {
    const named = ['allowed', 'refused'].flatMap((folder) =>
      files(folder).flatMap((file) => imagesIn(read(`${folder}/${file}`))),
    );
    expect(named).toHaveLength(8);
    for (const image of named) {
      const [, repository = '', tag = ''] = /^registry\.example\/(.+):(.+)$/.exec(image) ?? [];
      expect(read(`images/${repository}/index.json`), image).toContain(`"org.opencontainers.image.ref.name": "${tag}"`);
    }
  });
});

describe('the demo’s registry', () => {
  it('names every blob by its digest, all of them small', () => {
    const blobs = globSync('images/**/blobs/sha256/*', { cwd: demo });
    expect(blobs.length).toBeGreaterThan(20);
    for (const blob of blobs) {
      expect(
        createHash('sha256')
          .update(readFileSync(join(demo, blob)))
          .digest('hex'),
      ).toBe(basename(blob));
      expect(statSync(join(demo, blob)).size).toBeLessThan(2048);
    }
  });

  it('holds signatures of both kinds that cosign writes', () => {
    const kinds = globSync('images/**/index.json', { cwd: demo }).map((index) => {
      const { manifests } = JSON.parse(read(index)) as { manifests: { annotations?: Record<string, string> }[] };
      const tags = manifests.map((each) => each.annotations?.['org.opencontainers.image.ref.name'] ?? 'referrer');
      return [dirname(index), tags.map((tag) => tag.replace(/^sha256-[0-9a-f]{64}/, '<digest>'))];
    });
    expect(Object.fromEntries(kinds)).toEqual({
      'images/shop/api': ['2.7.0', 'referrer', '2.8.0'],
      'images/shop/migrate': ['2.7.0', '<digest>.sig'],
      'images/shop/report': ['1.1.0', 'referrer'],
      'images/shop/web': ['1.4.2', 'referrer'],
    });
  });

  it('ships no private key', () => {
    for (const file of globSync('**/*', { cwd: demo })) {
      if (!statSync(join(demo, file)).isFile()) continue;
      expect(read(file), file).not.toMatch(/BEGIN [A-Z ]*PRIVATE KEY/);
    }
  });
});
