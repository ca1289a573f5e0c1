/**
 * What the tests of the rules are made of: a real registry, objects that honest tools would not push, a Sigstore that signs
 * what it is told, and the command as a user runs it.
 */
import { afterAll, beforeAll, expect } from 'vitest';
import { CODES, type Code } from '../../../../src/core/errors.ts';
import { type CliRun, createSandbox, gateText } from '../../../support/cli.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../../../support/registry.ts';
import { podOf, verifyingGate } from '../../../support/signed-application.ts';
import {
  type KeyPair,
  keyPair,
  type MockSigstore,
  openMockSigstore,
  pemOf,
  spkiOf,
} from '../../../support/sigstore/mock.ts';

export {
  manifestUrl,
  ociManifest,
  putBlob,
  putBundle,
  putLayers,
  putManifest,
  putReferrer,
} from '../../../support/registry-objects.ts';
export const issuer = 'https://issuer.example';
export const email = 'dev@example.com';

export interface Bench {
  readonly registry: RunningRegistry;
  readonly sigstore: MockSigstore;
  readonly stranger: MockSigstore;
  readonly key: KeyPair;
  readonly strangerKey: KeyPair;
}

/** Opened before the tests of a file, and gone after them. */
export function openBench(): Bench {
  const bench = { key: keyPair(), strangerKey: keyPair() } as { -readonly [Part in keyof Bench]: Bench[Part] };
  beforeAll(async () => {
    bench.registry = await startRegistry();
    bench.sigstore = await openMockSigstore();
    bench.stranger = await openMockSigstore();
  });
  afterAll(async () => await bench.registry?.stop());
  return bench;
}

let pushed = 0;

/** A new image in a repository of its own. */
export async function newImage(bench: Bench, name = 'image', tag = 'v1'): Promise<PushedImage> {
  const repository = `team/${name}-${pushed++}`;
  return await pushImage(bench.registry.host, repository, tag);
}

/** A ClusterImagePolicy. */
export function policy(
  authorities: readonly object[],
  more: object = {},
  globs: readonly string[] = ['**'],
  name = 'rule',
): string {
  return JSON.stringify({
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name },
    spec: { images: globs.map((glob) => ({ glob })), authorities, ...more },
  });
}

export function publicPem(keys: KeyPair): string {
  return pemOf(spkiOf(keys.publicKey), 'PUBLIC KEY');
}

export function byKey(keys: KeyPair, more: object = {}): object {
  return { name: 'key', key: { data: publicPem(keys) }, ...more };
}

/** An authority of keyless signatures in the root `corp`: its certificates, its logs. */
function byIdentity(identity: object = { issuer, subject: email }, more: object = {}, keyless: object = {}): object {
  return {
    name: 'keyless',
    keyless: { trustRootRef: 'corp', identities: [identity], ...keyless },
    ctlog: { trustRootRef: 'corp' },
    ...more,
  };
}

export interface Application {
  /** Rendered objects, or an image that a pod runs. */
  readonly runs: PushedImage | string | Readonly<Record<string, string>>;
  /** Files of the trust folder; one text is one policy. */
  readonly trust: string | Readonly<Record<string, string>>;
  /** The trusted root called `corp`. */
  readonly root?: object;
  /** Parts of the Gate's spec. */
  readonly gate?: object;
  readonly images?: object;
  /** Plain-HTTP registries besides that of the bench. */
  readonly hosts?: readonly string[];
  /** Further flags of the command. */
  readonly flags?: readonly string[];
  /** Further files of the platform. */
  readonly platform?: Readonly<Record<string, string>>;
}

export interface Verdict extends CliRun {
  readonly codes: readonly Code[];
}

/** Runs `syncgate render`: what it allows stands on stdout. */
export async function judge(bench: Bench, application: Application): Promise<Verdict> {
  const { runs, trust, root, hosts = [] } = application;
  const files =
    typeof runs === 'string' ? { 'pod.yaml': podOf(runs) } : isPushed(runs) ? { 'pod.yaml': podOf(runs.tagged) } : runs;
  using sandbox = createSandbox(prefixed('app/', files));
  const roots = root === undefined ? {} : { trustRoots: { files: { corp: 'roots/corp.json' } } };
  const images = { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true, ...roots, ...application.images };
  const policies = typeof trust === 'string' ? { 'policy.yaml': trust } : trust;
  sandbox.write({
    'platform/gate.yaml': gateText(verifyingGate([bench.registry.host, ...hosts], { images, ...application.gate })),
    ...prefixed('platform/trust/', policies),
    ...prefixed('platform/', application.platform ?? {}),
    ...(root === undefined ? {} : { 'platform/roots/corp.json': JSON.stringify(root) }),
  });
  const run = await sandbox.judge('render', application.flags);
  const codes = [...run.stderr.matchAll(/^(?:denied|unevaluated|error|usage|deny) ([A-Z_]+)/gm)].map(
    ([, code]) => code as Code,
  );
  return { ...run, codes };
}

function isPushed(runs: Exclude<Application['runs'], string>): runs is PushedImage {
  return 'pinned' in runs && 'digest' in runs && 'tagged' in runs;
}

function prefixed(prefix: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`${prefix}${name}`, text]));
}

/** Allowed, and what is emitted is pinned to the digest that was verified. */
export function expectAllowed(run: Verdict, image: PushedImage): void {
  expect(run.exitCode, run.stderr).toBe(0);
  expect(run.stdout).toContain(`@${image.digest}`);
}

/** Withheld: nothing on stdout, the exit code of the code, and the reason in words. */
export function expectDenied(run: Verdict, code: Code | readonly Code[], ...says: readonly (string | RegExp)[]): void {
  expect(run.codes, run.stderr).toEqual(typeof code === 'string' ? [code] : code);
  const answers = run.codes.map((each) => CODES[each].answer);
  const exit = answers.includes('denied') ? 1 : answers.includes('unevaluated') ? 2 : 3;
  expect(run.exitCode, run.stderr).toBe(exit);
  expect(run.stdout).toBe('');
  for (const text of says) expect(run.stderr).toMatch(text);
}
