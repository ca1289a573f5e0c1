import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ContentJudge } from '../../src/core/ports.ts';
import { open } from '../adapters/registry/support.ts';
import { checked, manifestOf, policyText } from '../checks/images/support.ts';
import { loadFiles } from '../checks/images/trust-files.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../support/registry.ts';
import { ociManifest, putBlob, putBundle, putLayers, putManifest } from '../support/registry-objects.ts';
import { keyPair, type MockSigstore, openMockSigstore, pemOf, spkiOf, statement } from '../support/sigstore/mock.ts';
import { dev, issuer, provenance, sbom } from '../support/tester/images.ts';
import { inputOfTester, trustRootDocument } from '../support/tester/tester.ts';

/**
 * What `spec.policy` is shown of an image, field by field, by policy-controller's own tester and here: the same JSON, but
 * for what is listed with its reason.
 */

let registry: RunningRegistry;
let folder: string;
let sigstore: MockSigstore;
const [key, otherKey] = [keyPair(), keyPair()];

beforeAll(async () => {
  registry = await startRegistry();
  folder = mkdtempSync(join(tmpdir(), 'syncgate-test-input-'));
  sigstore = await openMockSigstore();
  writeFileSync(join(folder, 'root.yaml'), trustRootDocument(sigstore));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await registry?.stop();
});

const corp = { trustRootRef: 'corp' };
const byKey = (name: string, of = key, more: object = {}) => ({
  name,
  key: { data: pemOf(spkiOf(of.publicKey), 'PUBLIC KEY') },
  ...more,
});
const certified = { url: 'https://fulcio.test.example', ...corp, identities: [{ issuer, subject: dev }] };
const keyless = (more: object = {}) => ({
  name: 'keyless',
  keyless: certified,
  ctlog: { url: 'https://rekor.test.example', ...corp },
  ...more,
});
const attests = (...types: readonly (readonly [name: string, predicateType: string, policy?: object])[]) => ({
  attestations: types.map(([name, predicateType, policy]) => ({ name, predicateType, ...(policy && { policy }) })),
});
const ofBuilder = {
  type: 'rego',
  data: 'package sigstore\ndefault isCompliant = false\nisCompliant { input.predicate.builder.id == "https://builder.example" }\n',
};
const byBuilder = (image: PushedImage, id = 'https://builder.example', type = provenance) =>
  statement(image.digest, type, {
    builder: { id },
    buildType: 'https://build.example/v1',
    invocation: {},
    materials: [],
  });

/** Extensions 2 to 6 of a certificate of Fulcio for a GitHub workflow hold their text as it is. */
const workflow = ['push', '0123abcd', 'release <&>', 'team/app', 'refs/heads/main'].map((text, i) => ({
  oid: `1.3.6.1.4.1.57264.1.${i + 2}`,
  value: Buffer.from(text),
}));

interface Row {
  readonly policy: { readonly authorities: readonly object[]; readonly policy?: object };
  readonly sign: (image: PushedImage) => Promise<void>;
  readonly config?: object;
}

const signedBy = async (image: PushedImage, ...keys: readonly (typeof key)[]) =>
  putLayers(
    image,
    keys.map((signer) => sigstore.legacySignature(image.digest, { signer, log: 'none' })),
  );
const whole = { includeSpec: true, includeObjectMeta: true, includeTypeMeta: true };

const rows: Record<string, Row> = {
  'a signature by a key, and a static authority': {
    policy: { authorities: [byKey('key'), { name: 'pass', static: { action: 'pass' } }, byKey('other', otherKey)] },
    sign: (image) => signedBy(image, key),
  },
  'two signatures by one key, and one by another': {
    policy: { authorities: [byKey('key'), byKey('other', otherKey)] },
    sign: (image) => signedBy(image, key, otherKey, key),
  },
  'a signature of a workflow': {
    policy: { authorities: [keyless()] },
    sign: async (image) =>
      putLayers(image, [
        sigstore.legacySignature(image.digest, { signer: await sigstore.certificate({ extensions: workflow }) }),
      ]),
  },
  'a signature with a certificate that says nothing of a workflow': {
    policy: { authorities: [keyless(), byKey('key')] },
    sign: async (image) =>
      putLayers(image, [sigstore.legacySignature(image.digest, { signer: await sigstore.certificate() })]),
  },
  'attestations by a key, of which one is refused and one is of another type': {
    policy: {
      authorities: [
        byKey('key', key, attests(['build', 'slsaprovenance', ofBuilder], ['parts', sbom], ['more', provenance])),
      ],
    },
    sign: (image) =>
      putLayers(
        image,
        [
          byBuilder(image),
          byBuilder(image, 'https://laptop.example'),
          byBuilder(image, 'https://sbom.example', sbom),
        ].map((said) => sigstore.legacyAttestation(said, { signer: key, log: 'none' })),
        'att',
      ),
  },
  'an attestation of a workflow': {
    policy: { authorities: [keyless(attests(['build', provenance]))] },
    sign: async (image) =>
      putLayers(
        image,
        [
          sigstore.legacyAttestation(byBuilder(image), {
            signer: await sigstore.certificate({ extensions: workflow }),
          }),
        ],
        'att',
      ),
  },
  'an attestation in a bundle': {
    policy: {
      authorities: [
        // There no bundle, and no certificate in one, is found in a log of a TrustRoot.
        keyless({
          keyless: { ...certified, insecureIgnoreSCT: true },
          ctlog: undefined,
          rfc3161timestamp: corp,
          signatureFormat: 'bundle',
          ...attests(['build', provenance]),
        }),
      ],
    },
    sign: async (image) => {
      const signer = await sigstore.certificate();
      await putBundle(image, sigstore.bundle(byBuilder(image), { signer, log: 'none', timestamp: true }));
    },
  },
  'the object': {
    policy: { authorities: [byKey('key')], policy: whole },
    sign: (image) => signedBy(image, key),
  },
  'a configuration with nothing in it': {
    policy: { authorities: [byKey('key')], policy: { fetchConfigFile: true } },
    sign: (image) => signedBy(image, key),
    config: {},
  },
  'a configuration with everything in it': {
    policy: { authorities: [byKey('key')], policy: { fetchConfigFile: true } },
    sign: (image) => signedBy(image, key),
    config: {
      architecture: 'arm64',
      os: 'linux',
      variant: 'v8',
      'os.version': '1.2',
      'os.features': ['a'],
      author: 'dev',
      container: 'c',
      docker_version: '27',
      created: '2026-01-15T12:00:00.120000000Z',
      'moby.buildkit.buildinfo.v1': 'e30=',
      history: [
        { created: '2026-01-15T14:00:00+02:00', created_by: 'RUN', comment: 'c', author: 'a', empty_layer: true },
        {},
      ],
      rootfs: { type: 'layers', diff_ids: [`sha256:${'1'.repeat(64)}`] },
      config: {
        ...Object.fromEntries(['AttachStderr', 'AttachStdin', 'AttachStdout', 'OpenStdin'].map((name) => [name, true])),
        ...Object.fromEntries(['StdinOnce', 'Tty', 'ArgsEscaped', 'NetworkDisabled'].map((name) => [name, true])),
        ...Object.fromEntries(['Domainname', 'Hostname', 'Image', 'User', 'WorkingDir'].map((name) => [name, 'x'])),
        ...Object.fromEntries(['MacAddress', 'StopSignal'].map((name) => [name, 'x'])),
        ...Object.fromEntries(['Cmd', 'Entrypoint', 'Env', 'OnBuild', 'Shell'].map((name) => [name, ['a', '']])),
        Labels: { a: 'b', c: '' },
        Volumes: { '/data': {}, '/more': { x: 1 } },
        ExposedPorts: { '80/tcp': {} },
        Healthcheck: { Test: ['NONE'], Interval: 1, Timeout: 2, StartPeriod: 3, StartInterval: 4, Retries: 5 },
        Memory: 7,
      },
    },
  },
  'a configuration of empty fields': {
    policy: { authorities: [byKey('key')], policy: { fetchConfigFile: true } },
    sign: (image) => signedBy(image, key),
    config: {
      architecture: 'amd64',
      os: 'linux',
      author: '',
      created: null,
      history: [],
      'os.features': null,
      rootfs: { type: 'layers', diff_ids: [] },
      config: {
        User: '',
        Tty: false,
        Env: [],
        Cmd: null,
        Labels: {},
        Volumes: null,
        Healthcheck: { Interval: 0, Test: [] },
        WorkingDir: null,
      },
    },
  },
};

/** What differs, and why. */
const withoutListed = (input: unknown, theirs: boolean, row: string): unknown =>
  JSON.parse(JSON.stringify(input), (name, value: unknown) => {
    if (name !== 'attestations') return value;
    const each = Object.entries(value as Record<string, Record<string, unknown>[]>);
    return Object.fromEntries(
      each.map(([as, proofs]) => {
        const told = proofs.map(({ id, ...rest }) => {
          // There it is over the certificate alone, so that all attestations by one key have one id; here over the
          // signature too, as for signatures.
          expect(id).toMatch(/^[0-9a-f]{64}$/);
          // There nobody is named who signed a bundle.
          if (!theirs && row === 'an attestation in a bundle') {
            expect(rest).toMatchObject({ subject: dev, issuer });
            const { subject: _, issuer: __, ...more } = rest;
            return more;
          }
          return rest;
        });
        return [as, told];
      }),
    );
  });

it.each(Object.entries(rows))('%s', async (name, { policy, sign, config }) => {
  const image = await imageWith(name.replaceAll(/[^a-z]+/g, '-'), config);
  await sign(image);
  const text = policyText({
    globs: [`${registry.host}/**`],
    ...policy,
    policy: { type: 'rego', data: 'package sigstore\ndefault isCompliant = false\n', ...policy.policy },
  });
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'shop', labels: { app: 'web' }, annotations: { '': '' } },
    spec: { containers: [{ name: 'web', image: image.pinned, args: [] }], nodeName: '' },
  };
  writeFileSync(join(folder, 'policy.yaml'), text);
  writeFileSync(join(folder, 'pod.yaml'), JSON.stringify(pod));
  const theirs = await inputOfTester({
    policyFile: join(folder, 'policy.yaml'),
    image: image.pinned,
    trustRootFile: join(folder, 'root.yaml'),
    resourceFile: join(folder, 'pod.yaml'),
  });
  const ours = await inputHere(text, pod);
  expect(theirs).toBeDefined();
  expect(withoutListed(ours, false, name)).toEqual(withoutListed(theirs, true, name));
});

/** What the policy is shown here. Policies over attestations are asked who the builder is. */
async function inputHere(text: string, pod: object): Promise<unknown> {
  const inputs: unknown[] = [];
  const content: ContentJudge = {
    check: async () => {},
    judge: async (question, input) => {
      if (question.name.includes('attestation')) {
        const builder = JSON.stringify(input).includes('builder.example');
        return builder ? { kind: 'passed' } : { kind: 'failed', message: 'another builder' };
      }
      inputs.push(input);
      return { kind: 'failed', message: 'never' };
    },
  };
  const trust = await loadFiles({ 'policy.yaml': text, 'root.yaml': trustRootDocument(sigstore) }, undefined, {
    ports: { judge: content },
  });
  using registries = closing(open([{ host: registry.host, plainHttp: true }]));
  await checked([manifestOf(pod as Record<string, unknown>)], {
    trust,
    registry: registries.value.forRun(),
    content,
    clock: { now: () => Date.now() },
  });
  expect(inputs).toHaveLength(1);
  return inputs[0];
}

function closing<Value extends { close(): void }>(value: Value) {
  return { value, [Symbol.dispose]: () => value.close() };
}

async function imageWith(name: string, config: object | undefined): Promise<PushedImage> {
  const image = await pushImage(registry.host, `input/${name}`, 'v1');
  if (config === undefined) return image;
  const type = 'application/vnd.oci.image.config.v1+json';
  const { digest } = await putManifest(image, {
    schemaVersion: 2,
    mediaType: ociManifest,
    config: await putBlob(image, Buffer.from(JSON.stringify(config)), type),
    layers: [],
  });
  return { ...image, digest: digest as PushedImage['digest'], pinned: `${image.host}/${image.repository}@${digest}` };
}
