import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createExec } from '../../../src/adapters/exec.ts';
import type { Registries } from '../../../src/adapters/registry/registries.ts';
import { bindPredicates } from '../../../src/checks/images/content/predicates.ts';
import { PredicatesSettings } from '../../../src/checks/images/content/settings.ts';
import { type ClosableContentJudge, createContentJudge } from '../../../src/checks/policy/content/judge.ts';
import { RegoSettings } from '../../../src/checks/policy/rego/settings.ts';
import { open } from '../../adapters/registry/support.ts';
import { type Cosign, openCosign, type SigningKey } from '../../support/cosign.ts';
import { pushImage, type RunningRegistry, startRegistry } from '../../support/registry.ts';
import { tool } from '../../support/tools/resolve.ts';
import { checked, loadFiles, podsWith } from './support.ts';

/** Attestations that the real cosign wrote, judged by the real opa and cue and by the gate's own settings. */

let cosign: Cosign;
let registry: RunningRegistry;
let registries: Registries;
let key: SigningKey;
let stranger: SigningKey;
let judge: ClosableContentJudge;
const root = mkdtempSync(join(realpathSync(tmpdir()), 'syncgate-test-attested-'));

beforeAll(async () => {
  cosign = openCosign();
  registry = await startRegistry();
  registries = open([{ host: registry.host, plainHttp: true }]);
  [key, stranger] = [await cosign.key(), await cosign.key()];
  const [opa, cue] = await Promise.all([tool('opa'), tool('cue')]);
  judge = createContentJudge(
    { rego: RegoSettings.parse({ path: opa }), cue },
    {
      exec: createExec(),
      clock: { now: Date.now },
      findProgram: (name) => name,
      makeFolder: () => mkdtempSync(join(root, 'w-')),
    },
  );
});

afterAll(async () => {
  registries.close();
  cosign[Symbol.dispose]();
  await judge.dispose();
  await registry.stop();
  rmSync(root, { recursive: true, force: true });
});

interface Asked {
  readonly type: string;
  readonly format?: 'legacy' | 'bundle';
  readonly policy?: { readonly type: 'rego' | 'cue'; readonly data: string };
  readonly predicates?: readonly object[];
  /** Further attestations of the same authority, by name. */
  readonly also?: Readonly<Record<string, string>>;
}

/** The verdict on an image by a policy that demands the attestation `subject`. */
async function verdict(tagged: string, { type, format = 'bundle', policy, predicates = [], also = {} }: Asked) {
  const attestations = [
    { name: 'subject', predicateType: type, ...(policy === undefined ? {} : { policy }) },
    ...Object.entries(also).map(([name, predicateType]) => ({ name, predicateType })),
  ];
  const document = {
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: 'release' },
    spec: {
      images: [{ glob: '**' }],
      authorities: [{ name: 'ci', key: { data: key.publicPem }, signatureFormat: format, attestations }],
    },
  };
  const loaded = await loadFiles({ 'release.yaml': JSON.stringify(document) }, undefined, { ports: { judge } });
  const settings = PredicatesSettings.parse(
    predicates.map((each) => ({ policy: 'release', attestation: 'subject', ...each })),
  );
  const trust = { ...loaded, policies: await bindPredicates(settings, loaded.policies) };
  const clock = { now: Date.now };
  const { findings, images } = await checked(podsWith(tagged), {
    trust,
    registry: registries.forRun(),
    content: judge,
    clock,
  });
  const denials = findings.filter(({ effect }) => effect !== 'warn');
  expect(images.length).toBe(denials.length === 0 ? 1 : 0);
  return denials.map(({ effect, code, message }) => `${effect} ${code} ${message}`);
}

let images = 0;
const newImage = () => pushImage(registry.host, `team/attested-${images++}`, 'v1');
const passed: string[] = [];
const ago = (days: number) => new Date(Date.now() - days * 24 * 60 * 60 * 1000).toISOString();

const scan = (severity: string | undefined, days = 0) => ({
  invocation: { parameters: [], uri: '', event_id: '', 'builder.id': '' },
  scanner: {
    uri: 'pkg:github/aquasecurity/trivy@0.60.0',
    version: '0.60.0',
    db: { uri: '', version: '' },
    result: {
      SchemaVersion: 2,
      ArtifactName: 'app',
      ArtifactType: 'container_image',
      Results: [
        {
          Target: 'app (debian 12)',
          Class: 'os-pkgs',
          Type: 'debian',
          Vulnerabilities:
            severity === undefined
              ? []
              : [
                  {
                    VulnerabilityID: 'CVE-2024-0001',
                    PkgName: 'openssl',
                    PkgIdentifier: { PURL: 'pkg:deb/debian/openssl@3.0.11-1' },
                    InstalledVersion: '3.0.11-1',
                    FixedVersion: '3.0.13-1',
                    Severity: severity,
                  },
                ],
        },
      ],
    },
  },
  metadata: { scanStartedOn: ago(days), scanFinishedOn: ago(days) },
});

const provenance = (repository: string) => ({
  buildDefinition: {
    buildType: 'https://actions.github.io/buildtypes/workflow/v1',
    externalParameters: { workflow: { ref: 'refs/heads/main', repository, path: '.github/workflows/release.yml' } },
  },
  runDetails: { builder: { id: 'https://github.com/actions/runner/github-hosted' } },
});

const spdx = (license: string) => ({
  spdxVersion: 'SPDX-2.3',
  dataLicense: 'CC0-1.0',
  SPDXID: 'SPDXRef-DOCUMENT',
  name: 'app',
  documentNamespace: 'https://example.com/app',
  creationInfo: { creators: ['Tool: syft'], created: '2026-06-01T00:00:00Z' },
  packages: [
    {
      name: 'left-pad',
      SPDXID: 'SPDXRef-p',
      versionInfo: '1.3.0',
      downloadLocation: 'NOASSERTION',
      licenseDeclared: license,
    },
  ],
  relationships: [],
});

const cyclonedx = (license: string) => ({
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  components: [{ type: 'library', name: 'left-pad', version: '1.3.0', licenses: [{ license: { id: license } }] }],
});

const noGpl = { format: 'any', deniedLicenses: ['GPL-*'], unknownLicenses: 'deny' };
const clean = { vulnerabilities: { format: 'trivy', maxSeverity: 'medium', maxAgeDays: 7 } };

const formats = ['legacy', 'bundle'] as const;
const kinds = [
  ['vuln', clean, scan('LOW'), scan('HIGH'), 'CVE-2024-0001 (high) in openssl 3.0.11-1, fixed in 3.0.13-1'],
  [
    'slsaprovenance1',
    { provenance: { sources: ['https://github.com/acme/app'], refs: ['refs/heads/main'] } },
    provenance('https://github.com/acme/app'),
    provenance('https://github.com/evil/app'),
    'the source https://github.com/evil/app is not one that is accepted',
  ],
  [
    'spdxjson',
    { sbom: noGpl },
    spdx('MIT'),
    spdx('GPL-3.0-only'),
    'left-pad 1.3.0 has the denied licence GPL-3.0-only',
  ],
  ['cyclonedx', { sbom: noGpl }, cyclonedx('MIT'), cyclonedx('GPL-3.0-only'), 'denied licence GPL-3.0-only'],
] as const;

describe('what cosign attests, by the settings of the gate', () => {
  it.each(formats.flatMap((format) => kinds.map((kind) => [format, ...kind] as const)))(
    'as %s, %s',
    async (format, type, asked, good, bad, message) => {
      const image = await newImage();
      const ask = { type, format, predicates: [asked] };
      const attest = (by: SigningKey, predicate: object) =>
        cosign.attest(image.pinned, by, { cosign: 3, format, predicateType: type, predicate });

      await attest(stranger, good);
      expect(await verdict(image.tagged, ask)).toEqual([expect.stringContaining('deny IMAGE_')]);
      await attest(key, good);
      expect(await verdict(image.tagged, ask)).toEqual(passed);

      const other = await newImage();
      await cosign.attest(other.pinned, key, { cosign: 3, format, predicateType: type, predicate: bad });
      expect(await verdict(other.tagged, ask)).toEqual([
        expect.stringMatching(/^deny IMAGE_PREDICATE_REFUSED attestation subject: /),
      ]);
      expect((await verdict(other.tagged, ask))[0]).toContain(message);
      // Without the settings, the same image passes: it is they that deny.
      expect(await verdict(other.tagged, { type, format })).toEqual(passed);
    },
  );

  it('rule 38: an old clean scan does not beat a newer failing one', async () => {
    const image = await newImage();
    const attest = (predicate: object) =>
      cosign.attest(image.pinned, key, { cosign: 3, format: 'bundle', predicateType: 'vuln', predicate });
    await attest(scan(undefined, 2));
    expect(await verdict(image.tagged, { type: 'vuln', predicates: [clean] })).toEqual(passed);
    await attest(scan('CRITICAL', 1));
    expect(await verdict(image.tagged, { type: 'vuln', predicates: [clean] })).toEqual([
      expect.stringContaining('CVE-2024-0001 (critical)'),
    ]);
    await attest(scan(undefined, 0));
    expect(await verdict(image.tagged, { type: 'vuln', predicates: [clean] })).toEqual(passed);
  });

  it('a scan of a month ago', async () => {
    const image = await newImage();
    await cosign.attest(image.pinned, key, {
      cosign: 3,
      format: 'bundle',
      predicateType: 'vuln',
      predicate: scan(undefined, 30),
    });
    expect(await verdict(image.tagged, { type: 'vuln', predicates: [clean] })).toEqual([
      expect.stringContaining('30 days old'),
    ]);
  });

  it('what cannot be read is no denial and no pass', async () => {
    const image = await newImage();
    await cosign.attest(image.pinned, key, {
      cosign: 3,
      format: 'bundle',
      predicateType: 'spdxjson',
      predicate: { spdxVersion: 'SPDX-9' },
    });
    expect(await verdict(image.tagged, { type: 'spdxjson', predicates: [{ sbom: noGpl }] })).toEqual([
      expect.stringMatching(/^error IMAGE_PREDICATE_UNREADABLE .*SPDX-9 is not read/),
    ]);
  });

  it('OpenVEX for this digest, by an accepted signer', async () => {
    const image = await newImage();
    const ask = {
      type: 'vuln',
      also: { vex: 'openvex' },
      predicates: [{ vulnerabilities: { ...clean.vulnerabilities, vex: 'vex' } }],
    };
    const vex = (status: string, product: string, days: number) => ({
      '@context': 'https://openvex.dev/ns/v0.2.0',
      '@id': `https://example.com/vex-${days}`,
      author: 'dev@example.com',
      timestamp: ago(days),
      version: 1,
      statements: [
        {
          vulnerability: { name: 'CVE-2024-0001' },
          products: [{ '@id': product }],
          status,
          ...(status === 'not_affected' ? { justification: 'vulnerable_code_not_present' } : {}),
        },
      ],
    });
    const attest = (by: SigningKey, predicateType: string, predicate: object) =>
      cosign.attest(image.pinned, by, { cosign: 3, format: 'bundle', predicateType, predicate });
    const product = `pkg:oci/app@${image.digest.replace(':', '%3A')}`;
    const denied = [expect.stringContaining('CVE-2024-0001 (high)')];

    await attest(key, 'vuln', scan('HIGH'));
    await attest(key, 'openvex', vex('not_affected', `pkg:oci/app@sha256%3A${'99'.repeat(32)}`, 5));
    await attest(stranger, 'openvex', vex('not_affected', product, 4));
    expect(await verdict(image.tagged, ask)).toEqual(denied);
    await attest(key, 'openvex', vex('not_affected', product, 3));
    expect(await verdict(image.tagged, ask)).toEqual(passed);
    await attest(key, 'openvex', vex('affected', product, 2));
    expect(await verdict(image.tagged, ask)).toEqual(denied);
  });
});

describe('what cosign attests, by policies over the content', () => {
  const rego = (repository: string) => ({
    type: 'rego' as const,
    data: `package sigstore
default isCompliant = false
isCompliant {
  input.predicateType == "https://slsa.dev/provenance/v1"
  input.predicate.buildDefinition.externalParameters.workflow.repository == "${repository}"
}`,
  });
  const cue = (repository: string) => ({
    type: 'cue' as const,
    data: `predicateType: "https://slsa.dev/provenance/v1"
predicate: buildDefinition: externalParameters: workflow: repository: "${repository}"`,
  });

  it.each([
    ['Rego', rego],
    ['CUE', cue],
  ])('%s', async (_, policy) => {
    const image = await newImage();
    const type = 'slsaprovenance1';
    const predicate = provenance('https://github.com/acme/app');
    await cosign.attest(image.pinned, key, { cosign: 3, format: 'bundle', predicateType: type, predicate });
    expect(await verdict(image.tagged, { type, policy: policy('https://github.com/acme/app') })).toEqual(passed);
    expect(await verdict(image.tagged, { type, policy: policy('https://github.com/acme/other') })).toEqual([
      expect.stringMatching(/^deny IMAGE_CONTENT_REFUSED attestation subject refuses it: /),
    ]);
  });

  it('provenance must satisfy both at once', async () => {
    const image = await newImage();
    const type = 'slsaprovenance1';
    for (const repository of ['https://github.com/acme/app', 'https://github.com/acme/other']) {
      const predicate = provenance(repository);
      await cosign.attest(image.pinned, key, { cosign: 3, format: 'bundle', predicateType: type, predicate });
    }
    const asked = (repository: string) => [{ provenance: { sources: [repository] } }];
    const policy = rego('https://github.com/acme/app');
    expect(await verdict(image.tagged, { type, policy, predicates: asked('https://github.com/acme/app') })).toEqual(
      passed,
    );
    expect(await verdict(image.tagged, { type, policy, predicates: asked('https://github.com/acme/other') })).toEqual([
      expect.stringContaining('IMAGE_PREDICATE_REFUSED'),
    ]);
  });
});
