/** Policies of Kyverno that verify images: the same policies and objects, before a real registry, by the real Kyverno and here. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Registries } from '../../src/adapters/registry/registries.ts';
import { ImagesSettings } from '../../src/checks/images/settings.ts';
import { compilePolicies } from '../../src/checks/policy/compile.ts';
import type { PolicyDocument } from '../../src/checks/policy/document.ts';
import { createImageInquiry } from '../../src/checks/policy/image-answers.ts';
import { createResourceTable } from '../../src/checks/policy/kube/resources.ts';
import { clusterOf } from '../../src/checks/policy/testing/cluster.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { createImageVerification } from '../../src/wiring/policy-images.ts';
import { open } from '../adapters/registry/support.ts';
import { jws, World } from '../checks/images/notation/support.ts';
import { examiner } from '../checks/images/support.ts';
import { type Cosign, openCosign, type SigningKey } from '../support/cosign.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { tool } from '../support/tools/resolve.ts';

let cosign: Cosign;
let notary: World;
let registry: RunningRegistry;
let registries: Registries;
let key: SigningKey;
let other: SigningKey;
const images = new Map<string, PushedImage>();
const sbom = 'https://cyclonedx.org/bom';

beforeAll(async () => {
  cosign = openCosign();
  notary = await World.make();
  registry = await startRegistry();
  registries = open([{ host: registry.host, plainHttp: true }]);
  [key, other] = await Promise.all([cosign.key(), cosign.key()]);
  for (const name of [
    'legacy',
    'bundle',
    'both',
    'stranger',
    'attested',
    'attested-bundle',
    'otherwise-attested',
    'annotated',
    'notation',
    'notation-stranger',
    'nothing',
  ]) {
    images.set(name, await pushImage(registry.host, `team/${name}`, 'v1'));
  }
  const pinned = (name: string) => images.get(name)?.pinned ?? '';
  await cosign.sign(pinned('legacy'), key, { cosign: 2, format: 'legacy' });
  await cosign.sign(pinned('bundle'), key, { cosign: 3, format: 'bundle' });
  await cosign.sign(pinned('both'), key, { cosign: 3, format: 'legacy' });
  await cosign.sign(pinned('both'), other, { cosign: 3, format: 'legacy' });
  await cosign.sign(pinned('stranger'), other, { cosign: 3, format: 'legacy' });
  await cosign.sign(pinned('annotated'), key, { cosign: 2, format: 'legacy', flags: ['-a', 'team=web'] });
  const signed = { mediaType: jws, seconds: 3600 };
  await notary.notation.signImage({ ...signed, reference: pinned('notation'), certificate: 'ec256' });
  await notary.notation.signImage({ ...signed, reference: pinned('notation-stranger'), certificate: 'foreign' });
  await cosign.attest(pinned('attested'), key, { cosign: 2, format: 'legacy', predicateType: sbom });
  await cosign.attest(pinned('attested-bundle'), key, { cosign: 3, format: 'bundle', predicateType: sbom });
  await cosign.attest(pinned('otherwise-attested'), key, {
    cosign: 2,
    format: 'legacy',
    predicateType: 'https://spdx.dev/Document',
  });
}, 300_000);

afterAll(async () => {
  registries.close();
  cosign[Symbol.dispose]();
  await notary[Symbol.asyncDispose]();
  await registry.stop();
});

const podRule = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] };

function imagePolicy(
  name: string,
  keys: Record<string, SigningKey>,
  expression: string,
  more: object = {},
): JsonObject {
  const { annotations, ...spec } = more as { annotations?: object };
  return {
    apiVersion: 'policies.kyverno.io/v1',
    kind: 'ImageValidatingPolicy',
    metadata: { name },
    spec: {
      credentials: { allowInsecureRegistry: true },
      matchConstraints: { resourceRules: [podRule] },
      attestors: Object.entries(keys).map(([attestor, { publicPem }]) => ({
        name: attestor,
        cosign: {
          key: { data: publicPem },
          ctlog: { insecureIgnoreTlog: true, insecureIgnoreSCT: true },
          ...(annotations !== undefined && { annotations }),
        },
      })),
      validations: [{ expression: `images.containers.all(i, ${expression})`, message: 'no' }],
      ...spec,
    },
  } as unknown as JsonObject;
}

function notaryPolicy(name: string, authority: string): JsonObject {
  const policy = imagePolicy(name, { a: key }, 'verifyImageSignatures(i, [attestors.a]) > 0');
  const certs = { value: notary.issued.get(authority)?.pem };
  const spec = { ...(policy['spec'] as object), attestors: [{ name: 'a', notary: { certs } }] };
  return { ...policy, spec } as unknown as JsonObject;
}

function clusterPolicy(name: string, verify: object): JsonObject {
  return {
    apiVersion: 'kyverno.io/v1',
    kind: 'ClusterPolicy',
    metadata: { name },
    spec: {
      rules: [
        {
          name: 'r',
          match: { any: [{ resources: { kinds: ['Pod'] } }] },
          verifyImages: [
            { imageReferences: ['*'], failureAction: 'Enforce', mutateDigest: false, required: false, ...verify },
          ],
        },
      ],
    },
  } as unknown as JsonObject;
}

const by = ({ publicPem }: SigningKey) => ({
  keys: { publicKeys: publicPem, rekor: { ignoreTlog: true }, ctlog: { ignoreSCT: true } },
});

function policies(): JsonObject[] {
  const attested = { attestations: [{ name: 'sbom', intoto: { type: sbom } }] };
  const attesting = (name: string) => `verifyAttestationSignatures(i, attestations.${name}, [attestors.a])`;
  const saying = 'extractPayload(i, attestations.sbom).predicateType';
  const verify = 'verifyImageSignatures(i, [attestors.a])';
  return [
    imagePolicy('one-key', { a: key }, `${verify} > 0`),
    imagePolicy('two-keys', { a: key, b: other }, 'verifyImageSignatures(i, [attestors.a, attestors.b]) == 2'),
    imagePolicy('any-key', { a: key, b: other }, 'verifyImageSignatures(i, [attestors.a, attestors.b]) >= 1'),
    imagePolicy('never-mind', { a: key }, `${verify} >= 0`),
    imagePolicy('nothing-asked', { a: key }, 'true'),
    imagePolicy('nothing-required', { a: key }, 'true', { validationConfigurations: { required: false } }),
    imagePolicy('others', { a: key }, `${verify} > 0`, { matchImageReferences: [{ glob: 'ghcr.io/*' }] }),
    imagePolicy('sbom', { a: key }, 'verifyAttestationSignatures(i, attestations.sbom, [attestors.a]) > 0', attested),
    imagePolicy('says-sbom', { a: key }, `${attesting('sbom')} > 0 && ${saying} == '${sbom}'`, attested),
    imagePolicy('says-other', { a: key }, `${attesting('sbom')} > 0 && ${saying} == 'x'`, attested),
    imagePolicy('says-unasked', { a: key }, `${saying} == '${sbom}'`, attested),
    imagePolicy('says-short', { a: key }, `${attesting('sbom')} > 0 && ${saying} == '${sbom}'`, {
      attestations: [{ name: 'sbom', intoto: { type: 'cyclonedx' } }],
    }),
    imagePolicy('of-web', { a: key }, `${verify} > 0`, { annotations: { team: 'web' } }),
    notaryPolicy('notary', 'root'),
    notaryPolicy('notary-stranger', 'stranger'),
    clusterPolicy('c-one-key', { attestors: [{ entries: [by(key)] }] }),
    clusterPolicy('c-two-keys', { attestors: [{ entries: [by(key), by(other)] }] }),
    clusterPolicy('c-any-key', { attestors: [{ count: 1, entries: [by(key), by(other)] }] }),
    clusterPolicy('c-sbom', { attestations: [{ type: sbom, attestors: [{ entries: [by(key)] }] }] }),
    clusterPolicy('c-of-web', { attestors: [{ entries: [{ ...by(key), annotations: { team: 'web' } }] }] }),
    clusterPolicy('c-digest', { required: false }),
    clusterPolicy('c-others', { imageReferences: ['ghcr.io/*'], attestors: [{ entries: [by(key)] }] }),
  ];
}

function pods(): JsonObject[] {
  const written: [string, string][] = [...images].map(([name, { pinned }]) => [name, pinned]);
  written.push(['tag', images.get('legacy')?.tagged ?? '']);
  return written.map(([name, image]) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { containers: [{ name: 'c', image }] },
  }));
}

/** By policy and Pod, the worst of the results; nothing where there is none. */
type Verdicts = Map<string, string>;
const worst = ['error', 'fail', 'pass', 'skip'];

function note(verdicts: Verdicts, policy: string, name: string, status: string): void {
  const at = `${policy} ${name}`;
  const before = verdicts.get(at);
  if (before === undefined || worst.indexOf(status) < worst.indexOf(before)) verdicts.set(at, status);
}

async function theirs(): Promise<Verdicts> {
  const text = (objects: readonly JsonObject[]) => objects.map((each) => JSON.stringify(each)).join('\n---\n');
  const files = [cosign.file('policies.yaml', text(policies())), cosign.file('pods.yaml', text(pods()))] as const;
  const args = ['apply', files[0], '--resource', files[1], '--registry', '--policy-report'];
  // No proxy is there: nothing beyond this machine is asked.
  const env = { HOME: join(files[0], '..'), PATH: '', HTTPS_PROXY: 'http://127.0.0.1:9' };
  const answer = await promisify(execFile)(await tool('kyverno'), args, {
    env,
    timeout: 120_000,
    maxBuffer: 1 << 26,
  }).catch((error: { readonly stdout?: string }) => ({ stdout: error.stdout ?? '' }));
  const report = parse(answer.stdout.slice(answer.stdout.indexOf('apiVersion:'))) as {
    readonly results: readonly {
      readonly policy: string;
      readonly result: string;
      readonly resources: readonly { readonly name: string }[];
    }[];
  };
  const verdicts: Verdicts = new Map();
  for (const { policy, result, resources } of report.results) {
    for (const { name } of resources) note(verdicts, policy, name, result);
  }
  return verdicts;
}

async function ours(): Promise<Verdicts> {
  const clock = { now: () => Date.now() };
  const settings = ImagesSettings.parse({ trust: [], unmatched: 'deny', pin: true });
  const verification = createImageVerification({
    deps: () => ({ settings, registry: registries.forRun(), clock, examiner }),
    publicGood: () => Promise.reject(new Error('no policy asks for it')),
    signal: new AbortController().signal,
    clock,
  });
  const resources = createResourceTable();
  const documents = policies().map(
    (value, document): PolicyDocument => ({ value, file: 'p.yaml', document, locate: () => 'p.yaml:1:1' }),
  );
  const compiled = compilePolicies({ documents, resources, cluster: clusterOf([]), kubernetes: '1.36', isTest: false });
  expect(compiled.refused).toEqual([]);
  for (const trust of compiled.policies.flatMap(({ trusts }) => trusts ?? [])) await verification.prepare(trust);
  const verdicts: Verdicts = new Map();
  const kind = { group: '', version: 'v1', kind: 'Pod' };
  const requests = pods().map((object) => ({
    operation: 'CREATE' as const,
    kind,
    resource: resources.ofKind(kind).resource,
    subresource: '',
    name: String((object['metadata'] as JsonObject)['name']),
    namespace: 'shop',
    namespaced: true,
    object,
    oldObject: null,
    userInfo: undefined,
  }));
  const { answers, settle } = createImageInquiry(verification.forRun());
  const world = { cluster: clusterOf([]), now: Date.now(), random: () => 0, images: answers };
  const judgeAll = () =>
    compiled.policies.flatMap((policy) =>
      requests.map((request) => ({ policy, request, results: policy.judge(request, world) })),
    );
  let judged = judgeAll();
  while (await settle(AbortSignal.timeout(60_000))) judged = judgeAll();
  for (const { policy, request, results } of judged) {
    for (const { status } of results) note(verdicts, policy.identity.name, request.name, status);
  }
  return verdicts;
}

/** Where the two differ, and why. */
const asSignature = 'Kyverno takes any attestation in a bundle for a signature of the image';
const unsigned = 'Kyverno compares annotations of the layer, which nobody signed; here those that were signed count';
const listed = new Map<string, string>([
  ['one-key attested-bundle', asSignature],
  ['any-key attested-bundle', asSignature],
  ['of-web annotated', unsigned],
  ['says-unasked attested-bundle', 'Kyverno reads what another policy, judged before by chance, has verified'],
]);

it('judges real signatures as the real Kyverno does', async () => {
  const [kyverno, own] = await Promise.all([theirs(), ours()]);
  const all = [...new Set([...kyverno.keys(), ...own.keys()])].sort();
  const different = all
    .filter((at) => kyverno.get(at) !== own.get(at) && !listed.has(at))
    .map((at) => `${at}: Kyverno says ${kyverno.get(at) ?? 'nothing'}, here it is ${own.get(at) ?? 'nothing'}`);
  expect(different).toEqual([]);
  const idle = [...listed.keys()].filter((at) => kyverno.get(at) === own.get(at));
  expect(idle).toEqual([]);
  expect(all.length).toBeGreaterThan(100);
  expect([...own.values()].filter((status) => status === 'pass').length).toBeGreaterThan(20);
  expect([...own.values()].filter((status) => status === 'fail').length).toBeGreaterThan(40);
});
