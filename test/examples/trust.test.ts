import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadTrust } from '../../src/checks/images/policy/trust.ts';
import { loadConfig } from '../../src/config.ts';
import { parseDigest } from '../../src/core/image.ts';
import { builtCommand } from '../support/cli.ts';
import { openLayout } from '../support/layout.ts';
import { openMockSigstore, signStatement } from '../support/sigstore/mock.ts';

const folder = resolve(import.meta.dirname, '../../examples/trust');
const examples = readdirSync(folder, { withFileTypes: true }).filter((each) => each.isDirectory());

interface Ended {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function runCommand(args: readonly string[]): Promise<Ended> {
  const bundle = await builtCommand();
  return new Promise((done) => {
    execFile(process.execPath, [bundle, ...args], { env: {}, timeout: 60_000 }, (error, stdout, stderr) => {
      done({ exitCode: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
  });
}

const verify = (example: string, image: string): Promise<Ended> =>
  runCommand(['verify-image', image, '--config', join(folder, example, 'gate.yaml')]);

describe('each example', () => {
  it('is one of the five', () => {
    expect(examples.map(({ name }) => name)).toEqual([
      'air-gapped',
      'attestations',
      'keyless-github-actions',
      'managed-keys',
      'private-sigstore',
    ]);
  });

  it.each(examples.map(({ name }) => name))('%s loads as a Gate, without a hazard', async (name) => {
    const read = async (path: string) => readFileSync(path, 'utf8');
    const { spec, resolvePath } = await loadConfig(join(folder, name, 'gate.yaml'), read);
    if (spec.images === 'unchecked') throw new Error('it verifies nothing');
    const { policies, warnings } = await loadTrust(spec.images.trust, resolvePath, {
      // The shipped root is no older than it was when the example was written.
      clock: { now: () => Date.parse('2026-01-16T00:00:00Z') },
      signal: new AbortController().signal,
      roots: spec.images.trustRoots,
    });
    expect(policies.length).toBeGreaterThan(0);
    expect(warnings.map(({ message }) => message)).toEqual([]);
  });

  it.each(examples.map(({ name }) => name))('%s tells of files that are there', (name) => {
    const text = readFileSync(join(folder, name, 'README.md'), 'utf8');
    for (const [, path = ''] of text.matchAll(/\b(examples\/trust\/[\w./-]+)/g)) {
      expect(existsSync(resolve(folder, '../..', path)), path).toBe(true);
    }
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect(existsSync(join(folder, name, target)), target).toBe(true);
    }
  });
});

describe('its images', () => {
  it.each([
    ['managed-keys', 'shop/web:1.0', 'authority team: signed by key'],
    ['managed-keys', 'shop/web:hotfix', 'authority emergency: signed by key'],
    ['managed-keys', 'shop/payments:1.0', '(log)'],
    ['private-sigstore', 'shop/web:1.0', 'ada@release.corp.example (issuer https://login.corp.example)'],
    [
      'attestations',
      'shop/web:1.0',
      'https://slsa.dev/provenance/v1 attested by https://ci.corp.example/pipelines/shop',
    ],
    ['air-gapped', 'vendor/agent:1.0', '(timestamp-authority)'],
  ])('%s: %s is verified', async (example, image, by) => {
    const { exitCode, stdout, stderr } = await verify(example, `registry.example/${image}`);
    expect(stdout + stderr).toContain(by);
    expect(exitCode).toBe(0);
  });

  it.each([
    ['managed-keys', 'shop/payments:unlogged', 'no entry of a transparency log'],
    ['managed-keys', 'shop/other:1.0', 'no policy matches it'],
    ['private-sigstore', 'shop/web:other', 'mallory@corp.example'],
    ['attestations', 'shop/web:old', 'CVE-2026-0001'],
    ['attestations', 'shop/web:bare', 'no attestation of type https://slsa.dev/provenance/v1'],
  ])('%s: %s is not', async (example, image, why) => {
    const { exitCode, stdout, stderr } = await verify(example, `registry.example/${image}`);
    expect(stdout + stderr).toContain(why);
    expect(exitCode).not.toBe(0);
  });

  it('one that was changed on the way is refused by name', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'syncgate-test-example-'));
    try {
      cpSync(join(folder, 'air-gapped'), copy, { recursive: true });
      const blobs = join(copy, 'images/registry.example/vendor/agent/blobs/sha256');
      const [bundle = ''] = readdirSync(blobs).filter((name) =>
        readFileSync(join(blobs, name)).includes('dsseEnvelope'),
      );
      writeFileSync(join(blobs, bundle), readFileSync(join(blobs, bundle), 'utf8').replace('v0.3', 'v0.1'));
      const { exitCode, stdout, stderr } = await runCommand([
        'verify-image',
        'registry.example/vendor/agent:1.0',
        '--config',
        join(copy, 'gate.yaml'),
      ]);
      expect(stdout + stderr).toContain(bundle.slice(0, 12));
      expect(exitCode).not.toBe(0);
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });
});

/** The certificates of GitHub's workflows cannot be had here: its Sigstore is exchanged for one of our own. */
describe('keyless, from GitHub Actions', () => {
  const github = 'https://token.actions.githubusercontent.com';
  const workflow = 'https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1.0.0';
  let copy: string;

  beforeAll(async () => {
    copy = mkdtempSync(join(tmpdir(), 'syncgate-test-example-'));
    cpSync(join(folder, 'keyless-github-actions'), copy, { recursive: true });
    const sigstore = await openMockSigstore();
    writeFileSync(join(copy, 'root.json'), JSON.stringify(sigstore.trustedRoot()));
    const gate = readFileSync(join(copy, 'gate.yaml'), 'utf8');
    const ours = '    trustRoots: { files: { public-good: root.json } }\n    unmatched';
    const host = '  registries: [{ host: ghcr.io, layout: images/ }]\n';
    writeFileSync(join(copy, 'gate.yaml'), gate.replace('    unmatched', ours) + host);
    const layout = openLayout(join(copy, 'images/acme/shop'));
    const manifest = 'application/vnd.oci.image.manifest.v1+json';
    const blob = (mediaType: string, content: object) => {
      const bytes = Buffer.from(JSON.stringify(content));
      return { mediaType, digest: layout.write(bytes), size: bytes.length };
    };
    for (const [tag, uri, issuer] of [
      ['v1.0.0', workflow, github],
      ['fork', workflow.replace('acme', 'evil'), github],
      ['branch', workflow.replace('tags/v1.0.0', 'heads/main'), github],
      ['elsewhere', workflow, 'https://gitlab.com'],
      ['longer', `https://evil.example/?${workflow}`, github],
    ] as const) {
      const config = blob('application/vnd.oci.image.config.v1+json', { tag });
      const image = blob(manifest, { schemaVersion: 2, mediaType: manifest, config, layers: [] });
      layout.list(image, tag);
      const signer = await sigstore.certificate({ names: [{ uri }], issuer });
      const bundle = sigstore.bundle(signStatement(parseDigest(image.digest)), { signer });
      const referrer = blob(manifest, {
        schemaVersion: 2,
        mediaType: manifest,
        artifactType: bundle.mediaType,
        config: blob('application/vnd.oci.empty.v1+json', {}),
        layers: [blob(bundle.mediaType, bundle)],
        subject: image,
      });
      layout.list(referrer, undefined);
    }
    layout.close();
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  const verifyHere = (tag: string, ...flags: string[]) =>
    runCommand(['verify-image', `ghcr.io/acme/shop:${tag}`, '--config', join(copy, 'gate.yaml'), ...flags]);

  it('the release workflow at a version tag is accepted', async () => {
    const { exitCode, stdout } = await verifyHere('v1.0.0');
    expect(stdout).toContain(workflow);
    expect(exitCode).toBe(0);
  });

  it.each(['fork', 'branch', 'elsewhere', 'longer'])('%s is not', async (tag) => {
    const { exitCode, stdout } = await verifyHere(tag);
    expect(stdout).toContain('not among those of the policy');
    expect(exitCode).toBe(1);
  });
});
