import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CODES } from '../src/core/errors.ts';
import { PARAMETERS } from '../src/render/parameters.ts';
import { builtCommand } from './support/cli.ts';
import { openCosign } from './support/cosign.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from './support/registry.ts';
import { putBundle } from './support/registry-objects.ts';
import { openMockSigstore, signStatement } from './support/sigstore/mock.ts';
import { tool } from './support/tools/resolve.ts';

const root = resolve(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

interface Block {
  readonly language: string;
  readonly text: string;
  /** What the comment before the block says of it. */
  readonly mark: string | undefined;
}

const blocks: readonly Block[] = [...readme.matchAll(/(?:<!-- test: ([^>]*) -->\s*)?^```(\w+)\n([\s\S]*?)^```$/gm)].map(
  ([, mark, language = '', text = '']) => ({ language, text, mark }),
);

const commands = blocks.filter(({ language }) => language === 'sh');

/** The one block that holds a text. */
function blockWith(text: string): string {
  const [found, more] = blocks.filter((block) => block.text.includes(text));
  if (found === undefined || more !== undefined) throw new Error(`the README has not one block with ${text}`);
  return found.text;
}

describe('the commands of the README', () => {
  it('each says how it is tested', () => {
    const known = /^(runs|runs, exit code \d|runs by itself in CI|needs a cluster)$/;
    expect(commands.length).toBeGreaterThan(5);
    expect(commands.filter(({ mark }) => mark === undefined || !known.test(mark))).toEqual([]);
  });

  it('those that install and test are what CI runs', () => {
    const alone = commands.filter(({ mark }) => mark === 'runs by itself in CI').map(({ text }) => text.trim());
    expect(alone).toEqual(['npm ci && npm run demo', 'npm ci && npm test']);
    const ci = readFileSync(join(root, '.ci/run'), 'utf8');
    for (const command of alone.flatMap((line) => line.split(' && '))) expect(ci).toContain(command);
  });

  it('those that need a cluster name files that are there', () => {
    for (const { text } of commands.filter(({ mark }) => mark === 'needs a cluster')) {
      for (const [path] of text.matchAll(/\b(?:argocd|flux|docs|examples)\/[\w./-]+/g)) {
        expect(existsSync(join(root, path)), path).toBe(true);
      }
    }
  });
});

describe('as a new user', () => {
  let folder: string;
  let registry: RunningRegistry;
  let env: Record<string, string>;

  /** A copy of the project as it is cloned, an application, its signed image in a registry, and the key. */
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'readme-'));
    await builtCommand();
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root });
    for (const file of listed.toString('utf8').split('\0')) {
      if (/^(src|scripts|examples|package|dist|trust)/.test(file)) cpSync(join(root, file), join(folder, file));
    }
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    mkdirSync(join(folder, 'bin'));
    symlinkSync(await tool('opa'), join(folder, 'bin/opa'));
    registry = await startRegistry();
    const image = await pushImage(registry.host, 'acme/shop', '1.0');
    using cosign = openCosign();
    const key = await cosign.key();
    await cosign.sign(image.pinned, key, { cosign: 3, format: 'bundle' });
    writeFileSync(join(folder, 'cosign.pub'), key.publicPem);
    await signInPrivateSigstore(await pushImage(registry.host, 'acme/tools', '1.0'));
    mkdirSync(join(folder, 'my-app'));
    writeFileSync(join(folder, 'my-app/shop.yaml'), deployment(image.tagged));
    const PATH = [join(folder, 'bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
    // What the README says of registries without TLS: this is one.
    writeFileSync(
      join(folder, 'registries.yaml'),
      blockWith('# registries.yaml')
        .replace('registry.acme.example:5000', registry.host)
        .replace('ca: acme-ca.pem # or ', ''),
    );
    const SYNCGATE_CONFIG = join(folder, 'registries.yaml');
    env = {
      ...definedEnvironment(),
      SYNCGATE_CONFIG,
      PATH,
      npm_config_cache: join(folder, 'npm-cache'),
      npm_config_offline: 'true',
    };
  });

  afterAll(async () => {
    await registry?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('every command works from top to bottom', { timeout: 180_000 }, async () => {
    mkdirSync(join(folder, 'gate/trust'), { recursive: true });
    mkdirSync(join(folder, 'gate/policies'), { recursive: true });
    const here = (text: string) => text.replaceAll('ghcr.io', registry.host);
    // The README's registry is a public one with TLS; the one here must be listed to be asked at all.
    const listed = `  registries: [{ host: "${registry.host}", plainHttp: true }]\n`;
    writeFileSync(join(folder, 'gate/trust/acme.yaml'), here(blockWith('kind: ClusterImagePolicy')));
    writeFileSync(join(folder, 'gate/policies/replicas.rego'), blockWith('package main'));
    writeFileSync(join(folder, 'gate/gate.yaml'), blockWith('name: production') + listed);

    for (const { text, mark = '' } of commands.filter(({ mark }) => mark?.startsWith('runs') && !mark.includes('CI'))) {
      const told = Number(/exit code (\d)/.exec(mark)?.[1] ?? 0);
      const { exitCode, output } = await shell(text);
      expect(exitCode, `${text}\n${output}`).toBe(told);
    }

    const manifests = readFileSync(join(folder, 'manifests.yaml'), 'utf8');
    expect(manifests).toMatch(/image: "?127\.0\.0\.1:\d+\/acme\/shop:1\.0@sha256:[0-9a-f]{64}"?\n/);
    expect(JSON.parse(readFileSync(join(folder, 'decision.json'), 'utf8'))).toMatchObject({
      verdict: 'allowed',
      images: [{ by: [expect.stringContaining('acme-release')] }],
    });
  });

  it('and its rule refuses what it says', async () => {
    writeFileSync(
      join(folder, 'my-app/shop.yaml'),
      readFileSync(join(folder, 'my-app/shop.yaml'), 'utf8').replace('replicas: 2', 'replicas: 1'),
    );
    const { exitCode, output } = await shell('node dist/syncgate.mjs check my-app --config gate/gate.yaml');
    expect(output).toContain('a Deployment needs two replicas or more');
    expect(exitCode).toBe(1);
  });

  /** What `cosign sign` leaves where there is a Sigstore of one's own, and its root. */
  async function signInPrivateSigstore(image: PushedImage): Promise<void> {
    const sigstore = await openMockSigstore('acme.example');
    writeFileSync(join(folder, 'trusted_root.json'), JSON.stringify(sigstore.trustedRoot()));
    const names = [{ email: 'dev@acme.example' }];
    const signer = await sigstore.certificate({ names, issuer: 'https://login.acme.example' });
    await putBundle(image, sigstore.bundle(signStatement(image.digest), { signer }));
  }

  async function shell(text: string) {
    type Ended = { code?: number; stdout: string; stderr: string };
    const options = { cwd: folder, env, timeout: 60_000 };
    const ended = await promisify(execFile)('sh', ['-ec', text.replaceAll('ghcr.io', registry.host)], options).catch(
      (error: Ended) => error,
    );
    return { exitCode: (ended as Ended).code ?? 0, output: ended.stdout + ended.stderr };
  }
});

describe('what the README says', () => {
  const spec = JSON.parse(readFileSync(join(root, 'schema/gate.schema.json'), 'utf8')).properties.spec;

  it.each([...new Set([...readme.matchAll(/`spec\.([\w.]+)`/g)].map(([, path = '']) => path))])(
    'spec.%s is a setting',
    (path) => {
      let at = spec;
      for (const name of path.split('.')) at = at?.properties?.[name];
      expect(at).toBeDefined();
    },
  );

  it.each([...new Set([...readme.matchAll(/`([A-Z]+(?:_[A-Z]+)+)`/g)].map(([, code = '']) => code))])(
    '%s is a code, or a variable that is read',
    (name) => {
      const variables = ['SYNCGATE_CONFIG', 'REGISTRY_AUTH_FILE'];
      expect([...Object.keys(CODES), ...variables]).toContain(name);
    },
  );

  it.each([...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = '']) => target))(
    '%s is there',
    (target) => {
      expect(existsSync(join(root, target))).toBe(true);
    },
  );

  it.each(['CONTRIBUTING.md', 'SECURITY.md', 'examples/demo/README.md', 'docs/decisions/README.md'])(
    'and %s links to pages that are there',
    (page) => {
      const text = readFileSync(join(root, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        expect(existsSync(join(root, dirname(page), target)), target).toBe(true);
      }
    },
  );

  it.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md'])('%s speaks of files and scripts that are there', (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, path = ''] of text.matchAll(/`((?:src|test|docs|examples|argocd|scripts|schema|\.ci)\/[\w./-]+)`/g)) {
      expect(existsSync(join(root, path)), path).toBe(true);
    }
    const scripts = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).scripts as Record<string, string>;
    for (const [, name = ''] of text.matchAll(/`npm run ([\w:-]+)/g)) expect(Object.keys(scripts)).toContain(name);
  });

  it('the parameters of its Application are parameters of the plugin', () => {
    const [, list = ''] = /parameters:\n((?: {8}.*\n)+)/.exec(blockWith('kind: Application')) ?? [];
    const names = [...list.matchAll(/- name: ([\w-]+)/g)].map(([, name]) => name);
    expect(names).not.toEqual([]);
    expect(PARAMETERS.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
  });
});

function deployment(image: string): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 2
  selector:
    matchLabels: { app: shop }
  template:
    metadata:
      labels: { app: shop }
    spec:
      containers:
        - name: shop
          image: ${image}
`;
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
