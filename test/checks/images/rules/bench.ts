/**
 * What the tests of the rules are made of: a real registry, objects that honest tools would not push, a Sigstore that signs
 * what it is told, and the command as a user runs it.
 */
import { afterAll, beforeAll, expect } from 'vitest';
import { CODES, type Code } from '../../../../src/core/errors.ts';
import { type CliRun, createSandbox, gateText } from '../../../support/cli.ts';
import { type PushedImage, pushImage, type RunningRegistry, startRegistry } from '../../../support/registry.ts';
import { putBundle } from '../../../support/registry-objects.ts';
import { podOf, verifyingGate } from '../../../support/signed-application.ts';
import {
  type Bundle,
  type KeyPair,
  keyPair,
  type MockSigstore,
  openMockSigstore,
  pemOf,
  signStatement,
  spkiOf,
  type TrustedRootParts,
} from '../../../support/sigstore/mock.ts';

export const issuer = 'https://issuer.example';
export const email = 'dev@example.com';

/** Of one file of tests: its registry, its Sigstore, a stranger's, and a key of each. */
export class Bench {
  registry!: RunningRegistry;
  sigstore!: MockSigstore;
  stranger!: MockSigstore;
  readonly key = keyPair();
  readonly strangerKey = keyPair();
  #pushed = 0;

  async open(): Promise<void> {
    this.registry = await startRegistry();
    this.sigstore = await openMockSigstore();
    this.stranger = await openMockSigstore();
  }

  /** The trusted root of the Sigstore. */
  root(parts?: TrustedRootParts): object {
    return this.sigstore.trustedRoot(parts);
  }

  /** A new image in a repository of its own. */
  newImage(name = 'image', tag = 'v1'): Promise<PushedImage> {
    return pushImage(this.registry.host, `team/${name}-${this.#pushed++}`, tag);
  }

  /** A policy of the key alone. */
  keyed(): string {
    return policy([byKey(this.key)]);
  }

  /** A signature by the key, in no log. */
  sign({ digest }: PushedImage): Bundle {
    return this.sigstore.bundle(signStatement(digest), { signer: this.key, log: 'none' });
  }

  /** A new image that the key signed. */
  async signedImage(name?: string): Promise<PushedImage> {
    const image = await this.newImage(name);
    await putBundle(image, this.sign(image));
    return image;
  }

  /** Signs a new image as told, and judges it. */
  async verdictOn(
    bundleFor: (image: PushedImage) => Promise<Bundle | string> | Bundle | string,
    trust = keyless(),
    parts?: TrustedRootParts,
  ): Promise<{ readonly image: PushedImage; readonly run: Verdict }> {
    const image = await this.newImage();
    await putBundle(image, await bundleFor(image));
    return { image, run: await this.judge({ runs: image, trust, root: this.root(parts) }) };
  }

  /** Runs `syncgate render`: what it allows stands on stdout. */
  judge(application: Application): Promise<Verdict> {
    return judge(this.registry.host, application);
  }
}

/** Opened before the tests of a file, and gone after them. */
export function openBench(): Bench {
  const bench = new Bench();
  beforeAll(() => bench.open());
  afterAll(async () => await bench.registry?.stop());
  return bench;
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

/** A policy of `byIdentity`. */
export function keyless(identity?: object, more?: object): string {
  return policy([byIdentity(identity, more)]);
}

/** A policy that asks for a timestamp and no log. */
export function stamped(): string {
  return keyless(undefined, { ctlog: {}, rfc3161timestamp: { trustRootRef: 'corp' } });
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

async function judge(host: string, application: Application): Promise<Verdict> {
  const { runs, trust, root, hosts = [] } = application;
  const files =
    typeof runs === 'string' ? { 'pod.yaml': podOf(runs) } : isPushed(runs) ? { 'pod.yaml': podOf(runs.tagged) } : runs;
  using sandbox = createSandbox(prefixed('app/', files));
  const roots = root === undefined ? {} : { trustRoots: { files: { corp: 'roots/corp.json' } } };
  const images = { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true, ...roots, ...application.images };
  const policies = typeof trust === 'string' ? { 'policy.yaml': trust } : trust;
  sandbox.write({
    'platform/gate.yaml': gateText(verifyingGate([host, ...hosts], { images, ...application.gate })),
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
