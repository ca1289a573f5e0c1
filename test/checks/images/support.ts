/** What the tests of the images check are made of: manifests, policies, and a registry in memory. */
import { createHash } from 'node:crypto';
import { startThread } from '../../../src/adapters/thread.ts';
import type { ImagesDeps, ImagesResult } from '../../../src/checks/images/check.ts';
import { checkImages } from '../../../src/checks/images/check.ts';
import { loadTrust, type Trust } from '../../../src/checks/images/policy/trust.ts';
import { ImagesSettings } from '../../../src/checks/images/settings.ts';
import { createExaminer } from '../../../src/checks/images/verify/examiner.ts';
import type { Finding } from '../../../src/core/decision.ts';
import { type Digest, parseDigest, repositoryName } from '../../../src/core/image.ts';
import type { JsonObject, JsonPath } from '../../../src/core/json.ts';
import type { Manifest } from '../../../src/core/manifest.ts';
import type { Descriptor, Registry, VerifiedBytes } from '../../../src/core/ports.ts';
import { loadFiles, trustPorts } from './trust-files.ts';

export { loadFiles, trustPorts };

const never = new AbortController().signal;

/** Verifying threads of the sources, shared by the tests of a file. */
export const examiner = createExaminer({
  startThread: () =>
    startThread(new URL('../../support/verifier-thread.ts', import.meta.url), { syncgate: 'verifier' }),
  threads: 1,
  deadlineMs: 20_000,
});

/** A manifest whose places tell the path that was asked for. */
export function manifestOf(object: Record<string, unknown>, index = 0): Manifest {
  const { apiVersion, kind, metadata } = object as {
    apiVersion: string;
    kind: string;
    metadata?: { name?: string; namespace?: string };
  };
  return {
    index,
    identity: { apiVersion, kind, namespace: metadata?.namespace, name: metadata?.name ?? 'nameless' },
    object: object as JsonObject,
    origin: { file: 'app.yaml', line: 1 },
    locate: (path: JsonPath) => ({ file: `app.yaml#${path.join('.')}`, line: 1, column: 1 }),
  };
}

/** Pods, each of one container. */
export function podsWith(...images: readonly unknown[]): Manifest[] {
  return images.map((image, i) =>
    manifestOf(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: `pod-${i}` },
        spec: { containers: [{ name: 'main', image }] },
      },
      i,
    ),
  );
}

export function imageOf(manifest: Manifest | undefined): unknown {
  const spec = manifest?.object['spec'] as { containers: { image: unknown }[] } | undefined;
  return spec?.containers[0]?.image;
}

export interface PolicyOptions {
  readonly name?: string;
  readonly globs?: readonly string[];
  readonly keys?: readonly string[];
  readonly hashAlgorithm?: string;
  readonly authorities?: readonly object[];
  readonly mode?: 'enforce' | 'warn';
  readonly match?: readonly object[];
  readonly policy?: object;
}

/** A ClusterImagePolicy as JSON, which is YAML. */
export function policyText({
  name = 'release',
  globs = ['**'],
  keys = [],
  hashAlgorithm,
  authorities,
  ...more
}: PolicyOptions): string {
  // An empty ctlog says that no log is meant.
  const byKey = keys.map((data) => ({
    key: { data, ...(hashAlgorithm === undefined ? {} : { hashAlgorithm }) },
    ctlog: {},
  }));
  return JSON.stringify({
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name },
    spec: { images: globs.map((glob) => ({ glob })), authorities: authorities ?? byKey, ...more },
  });
}

/** Trust that was really loaded from files. */
export async function trustOf(...policies: readonly PolicyOptions[]): Promise<Trust> {
  const files = Object.fromEntries(
    policies.map((policy, i) => [`policy-${i}.yaml`, policyText({ name: `policy-${i}`, ...policy })]),
  );
  return policies.length === 0 ? await loadTrust([], (path) => path, trustPorts) : await loadFiles(files);
}

function settingsOf(settings: Partial<Record<keyof ImagesSettings, unknown>> = {}): ImagesSettings {
  return ImagesSettings.parse({ trust: [], unmatched: 'deny', pin: true, ...settings });
}

export async function checked(
  manifests: readonly Manifest[],
  deps: Pick<ImagesDeps, 'trust' | 'registry'> &
    Partial<Pick<ImagesDeps, 'examiner' | 'content' | 'clock'>> & {
      readonly settings?: Partial<Record<keyof ImagesSettings, unknown>>;
    },
  signal: AbortSignal = never,
): Promise<ImagesResult & { readonly findings: readonly Finding[]; readonly codes: readonly string[] }> {
  const settings = settingsOf(deps.settings);
  const result = await checkImages(manifests, { clock: { now: () => 0 }, examiner, ...deps, settings }, signal);
  const findings = result.outcome.kind === 'completed' ? result.outcome.findings : [];
  return { ...result, findings, codes: findings.map(({ effect, code }) => `${effect} ${code}`) };
}

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';

/** A registry that keeps everything in memory, and does as it is told in what a hostile one would do. */
export class MemoryRegistry implements Registry {
  readonly blobs = new Map<string, Uint8Array>();
  readonly tags = new Map<string, { readonly digest: Digest; readonly mediaType: string }>();
  readonly referring: Digest[] = [];
  readonly asked: string[] = [];

  put(content: string | Uint8Array | object): Digest {
    const bytes =
      typeof content === 'string'
        ? Buffer.from(content)
        : content instanceof Uint8Array
          ? content
          : Buffer.from(JSON.stringify(content));
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return digest;
  }

  tag(name: string, digest: Digest, mediaType = ociManifest): void {
    this.tags.set(name, { digest, mediaType });
  }

  /** An image whose digest follows from its name. */
  image(tag: string): Digest {
    const digest = this.put({ schemaVersion: 2, mediaType: ociManifest, config: {}, layers: [], annotations: { tag } });
    this.tag(tag, digest);
    return digest;
  }

  /** Puts layers under the `.sig` tag of a digest. */
  legacy(digest: Digest, layers: readonly LegacyLayer[], extra: object = {}): void {
    const described = layers.map(({ payload, signature, annotations, mediaType }) => {
      const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
      return {
        mediaType: mediaType ?? 'application/vnd.dev.cosign.simplesigning.v1+json',
        digest: this.put(bytes),
        size: bytes.length,
        annotations: {
          ...(signature === undefined ? {} : { 'dev.cosignproject.cosign/signature': signature }),
          ...annotations,
        },
      };
    });
    this.tag(
      `${digest.replace(':', '-')}.sig`,
      this.put({ schemaVersion: 2, mediaType: ociManifest, layers: described, ...extra }),
    );
  }

  /** Adds a manifest that refers to a digest and holds a bundle. */
  bundle(subject: Digest | string, bundle: string | object, extra: object = {}): void {
    const text = typeof bundle === 'string' ? bundle : JSON.stringify(bundle);
    const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    const layers = [{ mediaType, digest: this.put(text), size: Buffer.byteLength(text) }];
    this.referring.push(
      this.put({ schemaVersion: 2, mediaType: ociManifest, layers, subject: { digest: subject }, ...extra }),
    );
  }

  async resolveTag(...[repository, tag]: Parameters<Registry['resolveTag']>): Promise<Descriptor | undefined> {
    this.asked.push(`tag ${repositoryName(repository)}:${tag}`);
    const found = this.tags.get(tag);
    return found === undefined ? undefined : { ...found, size: 1 };
  }

  async manifest(_: Parameters<Registry['manifest']>[0], reference: string): Promise<VerifiedBytes | undefined> {
    this.asked.push(`manifest ${reference}`);
    return this.#read(this.tags.get(reference)?.digest ?? reference);
  }

  async blob(...[, digest]: BlobQuestion): Promise<VerifiedBytes | undefined> {
    this.asked.push(`blob ${digest}`);
    return this.#read(digest);
  }

  async referrers(): Promise<readonly Descriptor[]> {
    this.asked.push('referrers');
    return this.referring.map((digest) => ({ digest, mediaType: ociManifest, size: 1 }));
  }

  #read(digest: string): VerifiedBytes | undefined {
    const bytes = this.blobs.get(digest);
    return bytes === undefined ? undefined : { digest: parseDigest(digest), mediaType: ociManifest, bytes };
  }
}

/** How much is read of it at most matters to some tests only. */
export type BlobQuestion = readonly [Parameters<Registry['blob']>[0], Digest, number?, AbortSignal?];

export interface LegacyLayer {
  readonly payload: string | Uint8Array;
  readonly signature?: string;
  readonly annotations?: object;
  readonly mediaType?: string;
}

export function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}
