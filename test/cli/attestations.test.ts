import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSandbox, gateText, type Sandbox } from '../support/cli.ts';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { podOf } from '../support/signed-application.ts';
import { tool } from '../support/tools/resolve.ts';

/** What attestations must say, from the configuration of a Gate to its exit code. */

let registry: RunningRegistry;
let cosign: Cosign;
let key: SigningKey;
let image: PushedImage;

beforeAll(async () => {
  registry = await startRegistry();
  cosign = openCosign();
  key = await cosign.key();
  image = await pushImage(registry.host, 'team/attested', 'v1');
  const predicate = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    components: [{ type: 'library', name: 'left-pad', version: '1.3.0', licenses: [{ license: { id: 'MIT' } }] }],
  };
  await cosign.attest(image.pinned, key, { cosign: 3, format: 'legacy', predicateType: 'cyclonedx', predicate });
});

afterAll(async () => {
  cosign[Symbol.dispose]();
  await registry.stop();
});

interface Content {
  readonly policy?: object;
  readonly predicates?: readonly object[];
  readonly cue?: string;
}

function sandboxOf({ policy, predicates, cue }: Content): Sandbox {
  const sandbox = createSandbox();
  const attestation = { name: 'sbom', predicateType: 'https://cyclonedx.org/bom', ...(policy && { policy }) };
  const trust = {
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: 'release' },
    spec: {
      images: [{ glob: '**' }],
      authorities: [{ key: { data: key.publicPem }, attestations: [attestation] }],
    },
  };
  const images = {
    trust: [{ path: 'trust/' }],
    unmatched: 'deny',
    pin: true,
    ...(predicates && { predicates }),
    ...(cue && { cue }),
  };
  sandbox.write({
    'platform/gate.yaml': gateText({ images, registries: [{ host: registry.host, plainHttp: true }] }),
    'platform/trust/release.yaml': JSON.stringify(trust),
    'repo/app/pod.yaml': podOf(image.tagged),
  });
  return sandbox;
}

const denying = (name: string) => [
  { policy: 'release', attestation: 'sbom', sbom: { format: 'any', deniedComponents: [name] } },
];
const rego = (name: string) => ({
  type: 'rego',
  data: `package sigstore\nisCompliant { input.predicate.components[_].name == "${name}" }`,
});
const cueOf = (name: string) => ({ type: 'cue', data: `predicate: components: [{name: "${name}"}]` });

describe('what an attestation says', () => {
  it.each<[string, (cue: string) => Content, number, string]>([
    ['a component that nobody denies', () => ({ predicates: denying('evil') }), 0, ''],
    ['a denied component', () => ({ predicates: denying('left-*') }), 1, 'left-pad 1.3.0 is denied (left-*)'],
    [
      'a setting that names no policy',
      () => ({ predicates: [{ ...denying('x')[0], policy: 'relaese' }] }),
      3,
      'no policy is called relaese',
    ],
    ['Rego that is content', () => ({ policy: rego('left-pad') }), 0, ''],
    [
      'Rego that is not',
      () => ({ policy: rego('right-pad') }),
      1,
      'attestation sbom refuses it: isCompliant is undefined',
    ],
    [
      'Rego that reaches out',
      () => ({ policy: { type: 'rego', data: 'package sigstore\nisCompliant { http.send({}) }' } }),
      3,
      'http.send is not available here',
    ],
    ['CUE that is content', (cue) => ({ policy: cueOf('left-pad'), cue }), 0, ''],
    ['CUE that is not', (cue) => ({ policy: cueOf('right-pad'), cue }), 1, 'conflicting values'],
    ['CUE without a program', () => ({ policy: cueOf('left-pad') }), 3, 'the Gate names no cue program'],
  ])('%s', async (_, content, exitCode, says) => {
    using sandbox = sandboxOf(content(await tool('cue')));
    await sandbox.realProgram('opa');
    const run = await sandbox.judge('render');
    expect(run, run.stderr).toMatchObject({ exitCode, leftFiles: [], leftProcesses: [] });
    expect(run.stderr).toContain(says);
    expect(run.stdout === '').toBe(exitCode !== 0);
  });
});
