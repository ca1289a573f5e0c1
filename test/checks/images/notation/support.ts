import { constants, createPrivateKey, sign as signBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode, Tag } from 'cbor2';
import { loadNotation } from '../../../../src/checks/images/notation/load.ts';
import type { NotationPolicy, TargetDescriptor } from '../../../../src/checks/images/notation/model.ts';
import { type NotationVerdict, verifyNotation } from '../../../../src/checks/images/notation/verify.ts';
import type { ImagePolicy } from '../../../../src/checks/images/policy/model.ts';
import { GateError } from '../../../../src/core/errors.ts';
import { type Issued, Notation, type NotationAnswer } from '../../../support/notation.ts';

export const jws = 'application/jose+json';
export const cose = 'application/cose';
export const hour = 3_600_000;
const payloadType = 'application/vnd.cncf.notary.payload.v1+json';
export const repository = 'registry.example/team/app';
const listUrl = 'http://lists.example/root.crl';

export const target: TargetDescriptor = {
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: `sha256:${'ab'.repeat(32)}`,
  size: 528,
};
export const payload = JSON.stringify({ targetArtifact: target });

export const keyKinds = ['rsa2048', 'rsa3072', 'rsa4096', 'ec256', 'ec384', 'ec521'] as const;

/** A public key infrastructure with its trust stores, and both verifiers. */
export class World implements AsyncDisposable {
  readonly notation: Notation;
  readonly issued: ReadonlyMap<string, Issued>;
  readonly folder: string;

  private constructor(notation: Notation, issued: ReadonlyMap<string, Issued>, folder: string) {
    this.notation = notation;
    this.issued = issued;
    this.folder = folder;
  }

  static async make(): Promise<World> {
    const notation = await Notation.start();
    const issued = new Map<string, Issued>();
    const now = Date.now();
    const past = { notBefore: new Date(now - 10 * hour), notAfter: new Date(now - 2 * hour) };
    const long = { notBefore: new Date(now - 100 * hour), notAfter: new Date(now + 100 * hour) };
    const authorities = [
      ['root', undefined, long],
      ['middle', 'root', { ...long, pathLength: 0 }],
      ['stranger', undefined, long],
      ['clocks', undefined, long],
      ['listed', undefined, long],
      ['listed-middle', 'listed', { ...long, listUrls: [listUrl] }],
      ['shallow', undefined, { ...long, pathLength: 0 }],
      ['shallow-middle', 'shallow', long],
      ['weak', 'root', { ...long, keyUsage: ['digitalSignature'] }],
    ] as const;
    for (const [name, issuer, more] of authorities) {
      issued.set(name, await notation.authority(name, { ...more, ...(issuer === undefined ? {} : { issuer }) }));
    }
    const signers = [
      ...keyKinds.map((key) => [key, 'middle', { key }] as const),
      ['direct', 'root', {}],
      ['alone', undefined, {}],
      ['foreign', 'stranger', {}],
      ['expired', 'middle', past],
      ['early', 'middle', { notBefore: new Date(now + hour) }],
      ['no-eku', 'middle', { extendedKeyUsage: [] }],
      ['private-eku', 'middle', { extendedKeyUsage: ['codeSigning', 'private'] }],
      ['non-repudiation', 'middle', { keyUsage: ['digitalSignature', 'nonRepudiation'] }],
      ['server', 'middle', { extendedKeyUsage: ['serverAuth'] }],
      ['client', 'middle', { extendedKeyUsage: ['codeSigning', 'clientAuth'] }],
      ['mail', 'middle', { extendedKeyUsage: ['emailProtection'] }],
      ['stamp', 'middle', { extendedKeyUsage: ['timeStamping'] }],
      ['responder', 'middle', { extendedKeyUsage: ['ocspSigning'] }],
      ['any-eku', 'middle', { extendedKeyUsage: ['any'] }],
      ['no-usage', 'middle', { keyUsage: [] }],
      ['loose-usage', 'middle', { keyUsage: [], keyUsageLoose: true }],
      ['enciphers', 'middle', { keyUsage: ['digitalSignature', 'keyEncipherment'] }],
      ['issues', 'middle', { keyUsage: ['digitalSignature', 'keyCertSign'] }],
      ['authority', 'middle', { ca: true }],
      ['short-rsa', 'middle', { key: 'rsa1024' }],
      ['short-ec', 'middle', { key: 'ec224' }],
      ['critical', 'middle', { unknown: ['x'] }],
      ['deep', 'shallow-middle', {}],
      ['below-weak', 'weak', {}],
      ['below-signer', 'direct', {}],
      ['listed-signer', 'listed', { listUrls: [listUrl] }],
      ['listed-deep', 'listed-middle', {}],
      ['online', 'listed', { statusUrls: ['http://status.example'] }],
      ['same-name', 'middle', { subject: { C: 'US', ST: 'WA', O: 'acme', CN: 'ec256' } }],
      ['nameless', 'middle', { subject: { CN: 'nameless' } }],
      ['mailed', 'middle', { subject: { C: 'US', ST: 'WA', O: 'acme', CN: 'mailed', E: 'a@example.com' } }],
      ['two-units', 'middle', { units: ['one', 'two'] }],
      ['one-unit', 'middle', { units: ['one, or #2'] }],
    ] as const;
    for (const [name, issuer, more] of signers) issued.set(name, await notation.signer(name, issuer, more));
    const clocks = [
      ['clock', 'clocks', { key: 'rsa2048' }],
      ['ec-clock', 'clocks', { key: 'ec384' }],
      ['foreign-clock', 'stranger', {}],
      ['loose-clock', 'clocks', { extendedCritical: false }],
      ['busy-clock', 'clocks', { extendedKeyUsage: ['timeStamping', 'codeSigning'] }],
      ['late-clock', 'clocks', past],
      ['listed-clock', 'listed', { listUrls: [listUrl] }],
    ] as const;
    for (const [name, issuer, more] of clocks)
      issued.set(name, await notation.clock(name, issuer, { ...long, ...more }));
    const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-notation-'));
    const world = new World(notation, issued, folder);
    world.store('ca', 'acme', ['root', 'alone', 'listed', 'shallow']);
    world.store('ca', 'middle', ['middle']);
    world.store('signingAuthority', 'acme', ['root', 'listed']);
    world.store('tsa', 'clocks', ['clocks', 'listed']);
    return world;
  }

  get(name: string): Issued {
    const found = this.issued.get(name);
    if (found === undefined) throw new Error(`no certificate is called ${name}`);
    return found;
  }

  store(type: string, name: string, certificates: readonly string[]): void {
    const path = join(this.folder, 'truststore/x509', type, name);
    mkdirSync(path, { recursive: true });
    for (const each of certificates) writeFileSync(join(path, `${each}.pem`), this.get(each).pem);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.notation[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface StatementChange {
  readonly name?: string;
  readonly registryScopes?: readonly string[];
  readonly signatureVerification?: Readonly<Record<string, unknown>>;
  readonly trustStores?: readonly string[];
  readonly trustedIdentities?: readonly string[];
}

export function trustPolicy(change: StatementChange = {}): Record<string, unknown> {
  const statement = {
    name: 'release',
    registryScopes: [repository],
    signatureVerification: { level: 'strict' },
    trustStores: ['ca:acme'],
    trustedIdentities: ['*'],
    ...change,
  };
  return { version: '1.0', trustPolicies: [statement] };
}

/** What a document, the trust stores of the world and some lists are read into. */
export async function loadPolicies(
  world: World,
  document: unknown,
  lists: Readonly<Record<string, Buffer>> = {},
): Promise<readonly ImagePolicy[]> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-notation-policy-'));
  try {
    writeFileSync(join(folder, 'trustpolicy.json'), typeof document === 'string' ? document : JSON.stringify(document));
    mkdirSync(join(folder, 'crls'));
    for (const [name, der] of Object.entries(lists)) writeFileSync(join(folder, 'crls', `${name}.crl`), der);
    const trust = { trustPolicy: 'trustpolicy.json', trustStore: 'truststore', crls: 'crls' };
    return await loadNotation(trust, (path) => join(path === 'truststore' ? world.folder : folder, path));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The policy of the one statement that applies to an image of the repository. */
export function policyOf(policies: readonly ImagePolicy[]): NotationPolicy | 'none' | 'skip' {
  const found = policies.filter(({ scope }) => scope.some((each) => each.matches(`${repository}@${target.digest}`)));
  if (found.length > 1) throw new Error('more than one statement applies');
  const authority = found[0]?.authorities[0];
  if (authority === undefined) return 'none';
  return authority.kind === 'notation' ? (authority.policy as NotationPolicy) : 'skip';
}

export interface Question {
  readonly envelope: Buffer;
  readonly mediaType: string;
  readonly target?: TargetDescriptor;
  readonly document?: unknown;
  /** Names of lists that are mounted; the first answers for notation-go at the address in the certificates. */
  readonly lists?: readonly string[];
}

export interface Answers {
  /** `policy`: the policy was refused. `none`: no statement applies. */
  readonly ours:
    | NotationVerdict
    | { readonly kind: 'policy'; readonly error: GateError }
    | { readonly kind: 'none' | 'skip' };
  readonly theirs: NotationAnswer;
}

export async function askBoth(world: World, lists: ReadonlyMap<string, Buffer>, question: Question): Promise<Answers> {
  const document = question.document ?? trustPolicy();
  const asked = question.target ?? target;
  const [first] = question.lists ?? [];
  const theirs = await world.notation.verify({
    envelope: question.envelope,
    mediaType: question.mediaType,
    reference: `${repository}@${target.digest}`,
    descriptor: asked,
    trustPolicy: document,
    folder: world.folder,
    lists: first === undefined ? {} : { [listUrl]: first },
  });
  const mounted = Object.fromEntries((question.lists ?? []).map((name) => [name, lists.get(name) ?? Buffer.alloc(0)]));
  try {
    const policy = policyOf(await loadPolicies(world, document, mounted));
    if (policy === 'none' || policy === 'skip') return { ours: { kind: policy }, theirs };
    return { ours: verifyNotation(question.envelope, question.mediaType, asked, policy, Date.now()), theirs };
  } catch (error) {
    if (error instanceof GateError) return { ours: { kind: 'policy', error }, theirs };
    throw error;
  }
}

const head = {
  cty: payloadType,
  crit: ['io.cncf.notary.signingScheme'],
  'io.cncf.notary.signingScheme': 'notary.x509',
};

export interface Forgery {
  /** The certificate whose key signs. */
  readonly by: string;
  /** Names of certificates; the chain of the signer if left out. */
  readonly chain?: readonly string[];
  readonly algorithm?: string;
  readonly payload?: string | Buffer;
  /** Replaces attributes; undefined takes one out. */
  readonly head?: Readonly<Record<string, unknown>>;
  /** The protected header as text, instead of all that. */
  readonly headText?: string;
  readonly header?: Readonly<Record<string, unknown>>;
}

const chains: Readonly<Record<string, readonly string[]>> = {
  direct: ['direct', 'root'],
  alone: ['alone'],
  foreign: ['foreign', 'stranger'],
};

function chainOf(world: World, forgery: Pick<Forgery, 'by' | 'chain'>): Buffer[] {
  const names = forgery.chain ?? chains[forgery.by] ?? [forgery.by, 'middle', 'root'];
  return names.map((name) => world.get(name).der);
}

function signatureOf(world: World, by: string, algorithm: string, bytes: Buffer): Buffer {
  const key = createPrivateKey(world.get(by).key);
  const hash = `sha${algorithm.slice(2)}`;
  if (key.asymmetricKeyType === 'ec') return signBytes(hash, bytes, { key, dsaEncoding: 'ieee-p1363' });
  if (algorithm.startsWith('RS')) return signBytes(hash, bytes, key);
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return signBytes(hash, bytes, { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST });
}

/** A JWS that no signer would make: properly signed, whatever is in it. */
export function forgeJws(world: World, forgery: Forgery): Buffer {
  const algorithm = forgery.algorithm ?? 'ES256';
  const signingTime = new Date(Date.now() - 60_000).toISOString().replace(/\.\d+Z/, 'Z');
  const attributes = { alg: algorithm, ...head, 'io.cncf.notary.signingTime': signingTime, ...forgery.head };
  const protectedText = Buffer.from(forgery.headText ?? JSON.stringify(attributes)).toString('base64url');
  const payloadText = Buffer.from(forgery.payload ?? payload).toString('base64url');
  const signature = signatureOf(world, forgery.by, algorithm, Buffer.from(`${protectedText}.${payloadText}`));
  const header = { x5c: chainOf(world, forgery).map((der) => der.toString('base64')), ...forgery.header };
  const made = { payload: payloadText, protected: protectedText, header, signature: signature.toString('base64url') };
  return Buffer.from(JSON.stringify(made));
}

export interface CoseForgery extends Omit<Forgery, 'head' | 'headText' | 'header'> {
  readonly head?: (attributes: Map<unknown, unknown>) => void;
  readonly headBytes?: Buffer;
  readonly unprotected?: (header: Map<unknown, unknown>) => void;
  /** Instead of tag 18 around the four parts. */
  readonly wrap?: (parts: unknown[]) => unknown;
  readonly detached?: boolean;
}

/** As `forgeJws`, in COSE. */
export function forgeCose(world: World, forgery: CoseForgery): Buffer {
  const algorithm = forgery.algorithm ?? 'ES256';
  const numbers: Record<string, number> = { ES256: -7, ES384: -35, PS256: -37, PS384: -38 };
  const attributes = new Map<unknown, unknown>([
    [1, numbers[algorithm]],
    [2, head.crit],
    [3, payloadType],
    ['io.cncf.notary.signingScheme', 'notary.x509'],
    ['io.cncf.notary.signingTime', new Tag(1, Math.floor(Date.now() / 1000) - 60)],
  ]);
  forgery.head?.(attributes);
  const protectedBytes = plain(forgery.headBytes ?? encode(attributes));
  const content = plain(Buffer.from(forgery.payload ?? payload));
  const signed = encode(['Signature1', protectedBytes, new Uint8Array(), content]);
  const signature = plain(signatureOf(world, forgery.by, algorithm, Buffer.from(signed)));
  const header = new Map<unknown, unknown>([[33, chainOf(world, forgery).map(plain)]]);
  forgery.unprotected?.(header);
  const parts = [protectedBytes, header, forgery.detached === true ? null : content, signature];
  return Buffer.from(encode(forgery.wrap === undefined ? new Tag(18, parts) : forgery.wrap(parts)));
}

/** The encoder knows byte strings, and no subclass of them. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
