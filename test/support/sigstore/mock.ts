/**
 * A private Sigstore inside the test's own process: certificate authority, certificate log, Rekor of both versions and a
 * timestamp authority, which sign whatever they are told. For what the real servers (`./servers.ts`) will not make:
 * certificates that are expired, for another use, of another log; entries that tell of another key or digest; forged
 * timestamps; entry kinds that clients no longer write.
 *
 * How to use it:
 *
 *     const sigstore = await openMockSigstore();
 *     const dev = await sigstore.certificate({ names: [{ email: 'dev@example.com' }], issuer: 'https://issuer.example' });
 *     registry.bundle(digest, sigstore.bundle(signStatement(digest), { signer: dev }));              // v0.3, Rekor v1
 *     registry.bundle(digest, sigstore.bundle(statement, { signer: dev, log: 'v2', timestamp: true }));
 *     registry.legacy(digest, [sigstore.legacySignature(digest, { signer: dev })]);                  // a layer of `.sig`
 *     const layer = sigstore.legacyAttestation(statement, { signer: dev, entry: 'intoto-0.0.2' });   // a layer of `.att`
 *     const root = sigstore.trustedRoot();                                                           // trusted_root.json
 *
 * A signer is a certificate of `certificate()`, or a bare key pair (`keyPair('p384')`) for managed keys. All that is
 * answered is plain JSON, to be tampered with at will. Times: authorities are valid 2020–2040, certificates for ten minutes
 * from `signedAt` (2026-01-15 12:00 UTC), and signatures are logged and stamped one minute after that, unless told otherwise.
 */
import { createHash, sign } from 'node:crypto';
import { initializeCTLog } from '@sigstore/mock';
import type { Digest } from '../../../src/core/image.ts';
import {
  authorityExtensions,
  type Certified,
  type Extension,
  eku,
  issue,
  type KeyPair,
  type KeyType,
  keyPair,
  leafExtensions,
  type SubjectName,
  spkiOf,
  subjectNames,
  type Validity,
} from './certificates.ts';
import * as der from './der.ts';
import { bundleMaterial, type EntryKind, entryBody, legacyMaterial, type Signer, type Told } from './log-entries.ts';
import { bundleType, inTotoType, preAuthEncoding, simplePayload } from './statements.ts';
import { timestamp } from './timestamps.ts';
import { type AppendOptions, type LogEntry, openLog, type TransparencyLog } from './transparency-log.ts';

export {
  type Certified,
  eku,
  type KeyPair,
  type KeyType,
  keyPair,
  pemOf,
  spkiOf,
} from './certificates.ts';
export * from './statements.ts';
export { canonical } from './transparency-log.ts';

/** When certificates of the mock begin, unless told otherwise. */
export const signedAt = new Date('2026-01-15T12:00:00Z');
const minute = 60_000;
const after = (date: Date, minutes: number) => new Date(date.getTime() + minutes * minute);
const authorityValidity: Validity = {
  notBefore: new Date('2020-01-01T00:00:00Z'),
  notAfter: new Date('2040-01-01T00:00:00Z'),
};

interface CertificateOptions {
  /** Subject alternative names; default one email, `dev@example.com`. */
  readonly names?: readonly SubjectName[];
  /** OpenID issuer, put into both extensions; null leaves them out. Default `https://issuer.example`. */
  readonly issuer?: string | null;
  /** `v1` writes only the old, raw issuer extension. */
  readonly issuerExtension?: 'both' | 'v1' | 'v2';
  /** Further Fulcio extensions by OID, each a DER UTF8String. */
  readonly fulcio?: Readonly<Record<string, string>>;
  readonly extensions?: readonly Extension[];
  readonly usages?: readonly string[];
  readonly key?: KeyType | KeyPair;
  readonly validity?: Partial<Validity>;
  /** Who signs it: the root, an intermediate that is valid, or one that had expired at `signedAt`. Default `root`. */
  readonly by?: 'root' | 'intermediate' | 'expired-intermediate' | Certified;
  /** The certificate log's timestamp: of our log, of a stranger's, one whose signature is of another certificate, or none. */
  readonly sct?: 'good' | 'stranger' | 'other-certificate' | 'none';
}

interface SignOptions {
  readonly signer: Signer;
  /** When it is logged and stamped. */
  readonly at?: Date;
  /** Hash of the signature; default SHA-256 (Ed25519 has its own). */
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
  /** Which log it goes to; a log of another Sigstore is a stranger's. Default `v1`. */
  readonly log?: 'v1' | 'v2' | 'none' | TransparencyLog;
  /** The kind of entry. Default `dsse` or `hashedrekord`, and `hashedrekord-0.0.2` in a log of the second version. */
  readonly entry?: EntryKind;
  /** What the log is told instead of the truth. */
  readonly told?: Partial<Told>;
  readonly append?: Omit<AppendOptions, 'at'>;
  /** A timestamp of our authority, or of another one. Default false. */
  readonly timestamp?:
    | boolean
    | { readonly signer?: Certified; readonly at?: Date; readonly data?: Uint8Array; readonly forgedTime?: Date };
}

interface BundleOptions extends SignOptions {
  readonly mediaType?: string;
  readonly payloadType?: string;
  /** Whether the certificate stands alone, as in 0.3, or as a chain with what is given, as in 0.1 and 0.2. */
  readonly chain?: readonly Certified[];
  readonly hint?: string;
}

/** Plain JSON of a bundle. */
export interface Bundle {
  mediaType: string;
  verificationMaterial: {
    certificate?: { rawBytes: string };
    x509CertificateChain?: { certificates: { rawBytes: string }[] };
    publicKey?: { hint: string };
    tlogEntries: LogEntry[];
    timestampVerificationData?: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
  dsseEnvelope?: { payload: string; payloadType: string; signatures: { sig: string; keyid?: string }[] };
  messageSignature?: { messageDigest: { algorithm: string; digest: string }; signature: string };
}

/** A layer of a `.sig` or `.att` manifest. */
export interface Layer {
  readonly payload: Uint8Array;
  readonly annotations: Record<string, string>;
  readonly mediaType: string;
}

export interface MockSigstore {
  readonly root: Certified;
  readonly intermediate: Certified;
  readonly expiredIntermediate: Certified;
  readonly tsa: Certified;
  readonly tsaRoot: Certified;
  readonly rekor: TransparencyLog;
  readonly rekor2: TransparencyLog;
  certificate(options?: CertificateOptions): Promise<Certified>;
  /** A certificate of the timestamp authority's root, for other uses than ours: wrong EKU, expired. */
  timestamper(options?: { readonly usages?: readonly string[]; readonly validity?: Partial<Validity> }): Certified;
  /** Signs a statement (an object, or the exact bytes) as a DSSE bundle. */
  bundle(statement: object | Uint8Array, options: BundleOptions): Bundle;
  /** Signs bytes as a `messageSignature` bundle, as `sign-blob` does. */
  blobBundle(bytes: Uint8Array, options: BundleOptions): Bundle;
  /** Signs a simple-signing payload (of the digest, or the exact bytes). */
  legacySignature(what: Digest | Uint8Array, options: SignOptions): Layer;
  legacyAttestation(statement: object | Uint8Array, options: SignOptions & { readonly payloadType?: string }): Layer;
  /** `trusted_root.json`. Parts that are set to false are left out. */
  trustedRoot(parts?: TrustedRootParts): Record<string, unknown>;
}

export interface TrustedRootParts {
  readonly fulcio?: boolean | { readonly validFor?: object; readonly chain?: readonly Certified[] };
  readonly rekor?: boolean | { readonly validFor?: object };
  readonly rekor2?: boolean | { readonly validFor?: object };
  readonly ctlog?: boolean | { readonly validFor?: object };
  readonly tsa?: boolean | { readonly validFor?: object; readonly leaf?: Certified };
}

/** A Sigstore with new keys; two of them share nothing but their names. */
export async function openMockSigstore(name = 'sigstore.test.example'): Promise<MockSigstore> {
  const authority = (commonName: string, validity: Validity, issuer?: Certified) =>
    issue({
      commonName,
      keys: keyPair('p256'),
      validity,
      extensions: authorityExtensions(),
      ...(issuer === undefined ? {} : { issuer }),
    });
  const root = authority('fulcio root', authorityValidity);
  const intermediate = authority('fulcio intermediate', authorityValidity, root);
  const expired = { notBefore: authorityValidity.notBefore, notAfter: after(signedAt, -60) };
  const expiredIntermediate = authority('fulcio intermediate, expired', expired, root);
  const tsaRoot = authority('timestamps root', authorityValidity);
  const timestamper: MockSigstore['timestamper'] = ({ usages = [eku.timeStamping], validity } = {}) =>
    issue({
      commonName: 'timestamps',
      keys: keyPair('p256'),
      validity: { ...authorityValidity, ...validity },
      extensions: leafExtensions(usages, true),
      issuer: tsaRoot,
      serial: 0x7151,
    });
  const tsa = timestamper();
  const rekor = openLog(1, `rekor.${name}`);
  const rekor2 = openLog(2, `log2026.rekor.${name}`, keyPair('ed25519'));
  const [ctKeys, strangerCtKeys] = [keyPair('p256'), keyPair('p256')];
  const issuers = { root, intermediate, 'expired-intermediate': expiredIntermediate };

  async function certificate(options: CertificateOptions = {}): Promise<Certified> {
    const {
      names = [{ email: 'dev@example.com' }],
      issuer = 'https://issuer.example',
      sct = 'good',
      by = 'root',
    } = options;
    const keys = typeof options.key === 'object' ? options.key : keyPair(options.key);
    const signer = typeof by === 'string' ? issuers[by] : by;
    const validity = { notBefore: signedAt, notAfter: after(signedAt, 10), ...options.validity };
    const base = {
      commonName: 'sigstore',
      keys,
      validity,
      issuer: signer,
      extensions: [
        ...leafExtensions(options.usages ?? [eku.codeSigning]),
        ...subjectNames(names),
        ...issuerExtensions(issuer, options.issuerExtension ?? 'both'),
        ...Object.entries(options.fulcio ?? {}).map(([oid, text]) => ({ oid, value: der.utf8(text) })),
        ...(options.extensions ?? []),
      ],
    };
    if (sct === 'none') return issue(base);
    const logged = sct === 'other-certificate' ? issue({ ...base, serial: 0xbad }) : issue(base);
    const log = await initializeCTLog(sct === 'stranger' ? strangerCtKeys : ctKeys, validity.notBefore);
    const issuerId = createHash('sha256').update(spkiOf(signer.keys.publicKey)).digest();
    const list = Buffer.from(await log.log(exactBuffer(logged.der), exactBuffer(issuerId)));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(list.length);
    const extension = { oid: '1.3.6.1.4.1.11129.2.4.2', value: der.octets(Buffer.concat([length, list])) };
    return issue({ ...base, extensions: [...base.extensions, extension] });
  }

  function logged(truth: Told, payloadType: string | undefined, options: SignOptions): LogEntry | undefined {
    const log =
      options.log === 'none'
        ? undefined
        : options.log === 'v2'
          ? rekor2
          : typeof options.log === 'object'
            ? options.log
            : rekor;
    if (log === undefined) return undefined;
    const usual = log.version === 2 ? 'hashedrekord-0.0.2' : payloadType === undefined ? 'hashedrekord' : 'dsse';
    const body = entryBody(options.entry ?? usual, { ...truth, ...options.told }, payloadType);
    return log.append(body, { ...options.append, at: options.at ?? after(signedAt, 1) });
  }

  function stamped(data: Uint8Array, options: SignOptions): Buffer | undefined {
    if (options.timestamp === undefined || options.timestamp === false) return undefined;
    const usual = { data, at: options.at ?? after(signedAt, 1), signer: tsa };
    return timestamp({ ...usual, ...(options.timestamp === true ? {} : options.timestamp) });
  }

  function bundleOf(
    content: Pick<Bundle, 'dsseEnvelope' | 'messageSignature'>,
    truth: Told,
    payloadType: string | undefined,
    options: BundleOptions,
  ): Bundle {
    const entry = logged(truth, payloadType, options);
    const stamp = stamped(truth.signature, options);
    return {
      mediaType: options.mediaType ?? bundleType,
      verificationMaterial: {
        ...bundleMaterial(options.signer, options.chain, options.hint),
        tlogEntries: entry === undefined ? [] : [entry],
        ...(stamp === undefined
          ? {}
          : { timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: stamp.toString('base64') }] } }),
      },
      ...content,
    };
  }

  const instant = (date: Date) => date.toISOString();
  const always = { start: instant(authorityValidity.notBefore) };
  const validFor = (part: boolean | { readonly validFor?: object } | undefined) =>
    typeof part === 'object' ? (part.validFor ?? always) : always;
  const raw = (certificates: readonly Certified[]) => ({
    certificates: certificates.map((each) => ({ rawBytes: each.der.toString('base64') })),
  });

  return {
    root,
    intermediate,
    expiredIntermediate,
    tsa,
    tsaRoot,
    rekor,
    rekor2,
    certificate,
    timestamper,
    bundle(content, options) {
      const payloadType = options.payloadType ?? inTotoType;
      const { dsseEnvelope, truth } = envelopeOf(content, payloadType, options);
      return bundleOf({ dsseEnvelope }, truth, payloadType, options);
    },
    blobBundle(bytes, options) {
      const signature = signWith(bytes, options);
      const digest = createHash('sha256').update(bytes).digest('base64');
      const messageSignature = {
        messageDigest: { algorithm: 'SHA2_256', digest },
        signature: signature.toString('base64'),
      };
      return bundleOf(
        { messageSignature },
        { payload: bytes, signature, verifier: options.signer, envelope: bytes },
        undefined,
        options,
      );
    },
    legacySignature(what, options) {
      const payload = typeof what === 'string' ? simplePayload(what) : what;
      const signature = signWith(payload, options);
      const entry = logged({ payload, signature, verifier: options.signer, envelope: payload }, undefined, options);
      return {
        payload,
        mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
        annotations: {
          'dev.cosignproject.cosign/signature': signature.toString('base64'),
          ...legacyMaterial(options.signer, [root], entry, stamped(signature, options)),
        },
      };
    },
    legacyAttestation(content, options) {
      const payloadType = options.payloadType ?? inTotoType;
      const { truth } = envelopeOf(content, payloadType, options);
      const entry = logged(truth, payloadType, options);
      return {
        payload: truth.envelope,
        mediaType: 'application/vnd.dsse.envelope.v1+json',
        annotations: {
          'dev.cosignproject.cosign/signature': '',
          ...('predicateType' in content ? { predicateType: String(content.predicateType) } : {}),
          // The imprint of a legacy attestation's timestamp is over the whole envelope.
          ...legacyMaterial(options.signer, [root], entry, stamped(truth.envelope, options)),
        },
      };
    },
    trustedRoot(parts = {}) {
      const tlog = (log: TransparencyLog, part: TrustedRootParts['rekor']) => ({
        baseUrl: log.baseUrl,
        hashAlgorithm: 'SHA2_256',
        publicKey: {
          rawBytes: spkiOf(log.keys.publicKey).toString('base64'),
          keyDetails: log.version === 2 ? 'PKIX_ED25519' : 'PKIX_ECDSA_P256_SHA_256',
          validFor: validFor(part),
        },
        logId: { keyId: log.logId.toString('base64') },
      });
      const fulcioChain = typeof parts.fulcio === 'object' ? parts.fulcio.chain : undefined;
      const fulcios =
        fulcioChain === undefined ? [[root], [intermediate, root], [expiredIntermediate, root]] : [fulcioChain];
      const tsaLeaf = typeof parts.tsa === 'object' ? (parts.tsa.leaf ?? tsa) : tsa;
      const subject = { organization: 'test.example', commonName: 'fulcio root' };
      return {
        mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
        tlogs: [
          ...(parts.rekor === false ? [] : [tlog(rekor, parts.rekor)]),
          ...(parts.rekor2 === false ? [] : [tlog(rekor2, parts.rekor2)]),
        ],
        certificateAuthorities:
          parts.fulcio === false
            ? []
            : fulcios.map((chain) => ({
                subject,
                uri: `https://fulcio.${name}`,
                certChain: raw(chain),
                validFor: validFor(parts.fulcio),
              })),
        ctlogs:
          parts.ctlog === false
            ? []
            : [
                {
                  baseUrl: `https://ctlog.${name}`,
                  hashAlgorithm: 'SHA2_256',
                  publicKey: {
                    rawBytes: spkiOf(ctKeys.publicKey).toString('base64'),
                    keyDetails: 'PKIX_ECDSA_P256_SHA_256',
                    validFor: validFor(parts.ctlog),
                  },
                  logId: { keyId: createHash('sha256').update(spkiOf(ctKeys.publicKey)).digest('base64') },
                },
              ],
        timestampAuthorities:
          parts.tsa === false
            ? []
            : [
                {
                  subject: { organization: 'test.example', commonName: 'timestamps' },
                  uri: `https://timestamp.${name}`,
                  certChain: raw([tsaLeaf, tsaRoot]),
                  validFor: validFor(parts.tsa),
                },
              ],
      };
    },
  };
}

function issuerExtensions(issuer: string | null, which: 'both' | 'v1' | 'v2'): Extension[] {
  if (issuer === null) return [];
  return [
    ...(which === 'v2' ? [] : [{ oid: '1.3.6.1.4.1.57264.1.1', value: Buffer.from(issuer) }]),
    ...(which === 'v1' ? [] : [{ oid: '1.3.6.1.4.1.57264.1.8', value: der.utf8(issuer) }]),
  ];
}

function signWith(bytes: Uint8Array, { signer, hash = 'sha256' }: SignOptions): Buffer {
  const { privateKey } = keysOf(signer);
  return sign(privateKey.asymmetricKeyType === 'ed25519' ? undefined : hash, bytes, privateKey);
}

function keysOf(signer: Signer): KeyPair {
  return 'keys' in signer ? signer.keys : signer;
}

function envelopeOf(content: object | Uint8Array, payloadType: string, options: SignOptions) {
  const payload = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
  const signature = signWith(preAuthEncoding(payloadType, payload), options);
  const dsseEnvelope = {
    payloadType,
    payload: Buffer.from(payload).toString('base64'),
    signatures: [{ sig: signature.toString('base64') }],
  };
  const envelope = Buffer.from(JSON.stringify(dsseEnvelope));
  const truth: Told = { payload, signature, verifier: options.signer, envelope };
  return { dsseEnvelope, truth };
}

/** The bytes in an ArrayBuffer of their own, as WebCrypto wants them. */
function exactBuffer(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}
