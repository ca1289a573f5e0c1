/**
 * Makes what the examples ship: keys, trust roots, and `images/`, registries that are folders. The images have no layers. A
 * Sigstore in this process signs them, and its private keys are gone when it ends, so every run makes others.
 *
 * Run it as `npm exec -- node examples/trust/make.ts [FOLDER]`.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseDigest } from '../../src/core/image.ts';
import { openLayout } from '../../test/support/layout.ts';
import type { SubjectName } from '../../test/support/sigstore/certificates.ts';
import {
  type Bundle,
  type Certified,
  type KeyPair,
  keyPair,
  type MockSigstore,
  openMockSigstore,
  signStatement,
  statement,
} from '../../test/support/sigstore/mock.ts';

const target = resolve(process.argv[2] ?? import.meta.dirname);
const day = 24 * 60 * 60 * 1000;
/** When the newest of all this was signed. */
const now = new Date('2026-01-15T12:01:00Z');

await managedKeys(join(target, 'managed-keys'));
await privateSigstore(join(target, 'private-sigstore'));
await attestations(join(target, 'attestations'));
await airGapped(join(target, 'air-gapped'));

async function managedKeys(folder: string): Promise<void> {
  const sigstore = await openMockSigstore('corp.example');
  const keys = { 'web-team': keyPair(), emergency: keyPair('ed25519'), 'payments-team': keyPair('p384') };
  for (const [name, key] of Object.entries(keys)) write(join(folder, `secrets/${name}.pub`), pemOf(key));
  const logAlone = sigstore.trustedRoot({ fulcio: false, ctlog: false, tsa: false, rekor2: false });
  write(join(folder, 'log.json'), `${JSON.stringify(logAlone, null, 2)}\n`);
  const images = registry(join(folder, 'images'));
  images.image('shop/web', '1.0', (digest) => [
    sigstore.bundle(signStatement(digest), { signer: keys['web-team'], log: 'none' }),
  ]);
  images.image('shop/web', 'hotfix', (digest) => [
    sigstore.bundle(signStatement(digest), { signer: keys.emergency, log: 'none' }),
  ]);
  images.image('shop/payments', '1.0', (digest) => [
    sigstore.bundle(signStatement(digest), { signer: keys['payments-team'], hash: 'sha384' }),
  ]);
  images.image('shop/payments', 'unlogged', (digest) => [
    sigstore.bundle(signStatement(digest), { signer: keys['payments-team'], hash: 'sha384', log: 'none' }),
  ]);
  images.close();
}

async function privateSigstore(folder: string): Promise<void> {
  const sigstore = await openMockSigstore('corp.example');
  writeRoot(folder, sigstore);
  const of = (email: string) => certificate(sigstore, 'https://login.corp.example', { email });
  const [team, other] = [await of('ada@release.corp.example'), await of('mallory@corp.example')];
  const images = registry(join(folder, 'images'));
  images.image('shop/web', '1.0', (digest) => [sigstore.bundle(signStatement(digest), { signer: team })]);
  images.image('shop/web', 'other', (digest) => [sigstore.bundle(signStatement(digest), { signer: other })]);
  images.close();
}

async function attestations(folder: string): Promise<void> {
  const sigstore = await openMockSigstore('corp.example');
  writeRoot(folder, sigstore);
  const pipeline = { uri: 'https://ci.corp.example/pipelines/shop' };
  const build = await certificate(sigstore, 'https://login.corp.example', pipeline);
  const earlier = await certificate(sigstore, 'https://login.corp.example', pipeline, new Date(now.getTime() - day));
  const about = (digest: string, type: string, predicate: object) =>
    sigstore.bundle(statement(digest, type, predicate), { signer: build });
  const usual = (digest: string) => [
    sigstore.bundle(signStatement(digest), { signer: build }),
    about(digest, 'https://slsa.dev/provenance/v1', provenance()),
    about(digest, 'https://cyclonedx.org/bom', bom()),
  ];
  const scanType = 'https://cosign.sigstore.dev/attestation/vuln/v1';
  const images = registry(join(folder, 'images'));
  images.image('shop/web', '1.0', (digest) => [...usual(digest), about(digest, scanType, scan(digest, now, []))]);
  images.image('shop/web', 'old', (digest) => {
    const before = new Date(now.getTime() - day);
    const clean = statement(digest, scanType, scan(digest, before, []));
    return [
      ...usual(digest),
      sigstore.bundle(clean, { signer: earlier, at: before }),
      about(digest, scanType, scan(digest, now, ['CVE-2026-0001'])),
    ];
  });
  images.image('shop/web', 'bare', () => []);
  images.close();
}

async function airGapped(folder: string): Promise<void> {
  const sigstore = await openMockSigstore('vendor.example');
  writeRoot(folder, sigstore);
  const vendor = await certificate(sigstore, 'https://login.vendor.example', { email: 'release@vendor.example' });
  const images = registry(join(folder, 'images/registry.example'));
  images.image('vendor/agent', '1.0', (digest) => [
    sigstore.bundle(signStatement(digest), { signer: vendor, log: 'v2', timestamp: true }),
  ]);
  images.close();
}

/** Repositories below a folder, one OCI image layout each. */
function registry(folder: string) {
  rmSync(folder, { recursive: true, force: true });
  const layouts = new Map<string, ReturnType<typeof openLayout>>();
  const manifestType = 'application/vnd.oci.image.manifest.v1+json';
  return {
    image(
      repository: string,
      tag: string,
      signed: (digest: ReturnType<typeof parseDigest>) => readonly Bundle[],
    ): void {
      let layout = layouts.get(repository);
      if (layout === undefined) {
        layout = openLayout(join(folder, repository));
        layouts.set(repository, layout);
      }
      const blob = (mediaType: string, content: object) => {
        const bytes = Buffer.from(JSON.stringify(content));
        return { mediaType, digest: layout.write(bytes), size: bytes.length };
      };
      const config = {
        architecture: 'amd64',
        os: 'linux',
        config: { Labels: { name: `${repository}:${tag}` } },
        rootfs: { type: 'layers', diff_ids: [] },
      };
      const image = blob(manifestType, {
        schemaVersion: 2,
        mediaType: manifestType,
        config: blob('application/vnd.oci.image.config.v1+json', config),
        layers: [],
      });
      layout.list(image, tag);
      for (const bundle of signed(parseDigest(image.digest))) {
        const referrer = blob(manifestType, {
          schemaVersion: 2,
          mediaType: manifestType,
          artifactType: bundle.mediaType,
          config: blob('application/vnd.oci.empty.v1+json', {}),
          layers: [blob(bundle.mediaType, bundle)],
          subject: image,
        });
        layout.list(referrer, undefined);
      }
    },
    close(): void {
      for (const layout of layouts.values()) layout.close();
    },
  };
}

function certificate(sigstore: MockSigstore, issuer: string, name: SubjectName, at = now): Promise<Certified> {
  const notBefore = new Date(at.getTime() - 60_000);
  return sigstore.certificate({
    names: [name],
    issuer,
    validity: { notBefore, notAfter: new Date(at.getTime() + 9 * 60_000) },
  });
}

function writeRoot(folder: string, sigstore: MockSigstore): void {
  write(join(folder, 'trusted_root.json'), `${JSON.stringify(sigstore.trustedRoot(), null, 2)}\n`);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function pemOf({ publicKey }: KeyPair): string {
  return publicKey.export({ format: 'pem', type: 'spki' }).toString();
}

function provenance(): object {
  return {
    buildDefinition: {
      buildType: 'https://actions.github.io/buildtypes/workflow/v1',
      externalParameters: {
        workflow: { ref: 'refs/heads/main', repository: 'https://git.corp.example/acme/shop', path: 'release.yml' },
      },
      internalParameters: {},
      resolvedDependencies: [
        {
          uri: 'git+https://git.corp.example/acme/shop@refs/heads/main',
          digest: { gitCommit: createHash('sha1').update('shop').digest('hex') },
        },
      ],
    },
    runDetails: {
      builder: { id: 'https://ci.corp.example/runner' },
      metadata: { invocationId: 'https://ci.corp.example/runs/1' },
    },
  };
}

function bom(): object {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    components: [
      {
        type: 'library',
        name: 'express',
        version: '5.1.0',
        purl: 'pkg:npm/express@5.1.0',
        licenses: [{ license: { id: 'MIT' } }],
      },
      {
        type: 'library',
        name: 'pg',
        version: '8.16.0',
        purl: 'pkg:npm/pg@8.16.0',
        licenses: [{ license: { id: 'MIT' } }],
      },
    ],
  };
}

/** cosign's predicate around Trivy's JSON. */
function scan(digest: string, at: Date, found: readonly string[]): object {
  const when = new Date(at.getTime() - 30_000).toISOString();
  return {
    invocation: { parameters: null, uri: '', event_id: '', 'builder.id': '' },
    scanner: {
      uri: 'pkg:github/aquasecurity/trivy@0.68.1',
      version: '0.68.1',
      db: { uri: '', version: '' },
      result: {
        SchemaVersion: 2,
        CreatedAt: when,
        ArtifactName: `registry.example/shop/web@${digest}`,
        ArtifactType: 'container_image',
        Metadata: { OS: { Family: 'debian', Name: '13.2' }, RepoDigests: [`registry.example/shop/web@${digest}`] },
        Results: [
          {
            Target: 'Node.js',
            Class: 'lang-pkgs',
            Type: 'node-pkg',
            Packages: [{ Name: 'express', Version: '5.1.0' }],
            Vulnerabilities: found.map((id) => ({
              VulnerabilityID: id,
              PkgName: 'express',
              InstalledVersion: '5.1.0',
              FixedVersion: '5.1.1',
              Status: 'fixed',
              Severity: 'CRITICAL',
              Title: 'it is only an example',
            })),
          },
        ],
      },
    },
    metadata: { scanStartedOn: when, scanFinishedOn: when },
  };
}
