import type { JsonObject, JsonValue } from '../../../core/json.ts';
import { readEnvelope } from './envelope.ts';
import { asRecord, bytesAt, countAt, listAt, Malformed, parseStrictJson, stringAt } from './json.ts';
import {
  type InclusionProof,
  type LogEntry,
  MATERIAL_LIMITS,
  type Material,
  type MessageSignature,
  type SignedObject,
} from './material.ts';

/** The versions of the Sigstore bundle, by media type. 0.3 has two spellings. */
const versions: Readonly<Record<string, '0.1' | '0.2' | '0.3'>> = {
  'application/vnd.dev.sigstore.bundle+json;version=0.1': '0.1',
  'application/vnd.dev.sigstore.bundle+json;version=0.2': '0.2',
  'application/vnd.dev.sigstore.bundle+json;version=0.3': '0.3',
  'application/vnd.dev.sigstore.bundle.v0.3+json': '0.3',
};

const hashNames: Readonly<Record<string, MessageSignature['digest']['algorithm']>> = {
  SHA2_256: 'sha256',
  SHA2_384: 'sha384',
  SHA2_512: 'sha512',
};

/** Whether a layer of this media type holds a bundle that `fromBundle` can read. */
export function isBundleMediaType(mediaType: string): boolean {
  return Object.hasOwn(versions, mediaType);
}

/**
 * Reads a Sigstore bundle of version 0.1, 0.2 or 0.3, whose rules on promises, proofs and chains differ. Throws
 * Malformed for other versions, unknown fields, anything beyond MATERIAL_LIMITS, and more or fewer than one signature.
 */
export function fromBundle(bytes: Uint8Array, source: string): SignedObject {
  const bundle = asRecord(parseStrictJson(bytes), 'the bundle', [
    'mediaType',
    'verificationMaterial',
    'dsseEnvelope',
    'messageSignature',
  ]);
  const mediaType = stringAt(bundle, 'mediaType', 'the bundle');
  const version = Object.hasOwn(versions, mediaType) ? versions[mediaType] : undefined;
  if (version === undefined) throw new Malformed(`it is a bundle of type ${JSON.stringify(mediaType.slice(0, 80))}`);
  const material = asRecord(bundle['verificationMaterial'], 'verificationMaterial', [
    'publicKey',
    'certificate',
    'x509CertificateChain',
    'tlogEntries',
    'timestampVerificationData',
  ]);
  const found = {
    source,
    family: 'bundle' as const,
    material: readMaterial(material, version),
    entries: listAt(material, 'tlogEntries', 'verificationMaterial', MATERIAL_LIMITS.entries).map((entry) =>
      readEntry(entry, version),
    ),
    timestamps: readTimestamps(material),
  };
  const isMessage = Object.hasOwn(bundle, 'messageSignature');
  if (isMessage === Object.hasOwn(bundle, 'dsseEnvelope'))
    throw new Malformed('it holds not exactly one of dsseEnvelope and messageSignature');
  if (isMessage) return { ...found, format: 'message', ...readMessage(bundle['messageSignature']) };
  const { payloadType, payload, signature, keyid } = readEnvelope(bundle['dsseEnvelope']);
  return { ...found, format: 'dsse', payloadType, payload, signature, keyid, envelope: undefined };
}

function readMaterial(material: JsonObject, version: string): Material {
  const contents = ['publicKey', 'certificate', 'x509CertificateChain'].filter((key) => Object.hasOwn(material, key));
  if (contents.length !== 1)
    throw new Malformed('verificationMaterial holds not exactly one of publicKey and certificate');
  switch (contents[0]) {
    case 'publicKey': {
      const publicKey = asRecord(material['publicKey'], 'publicKey', ['hint']);
      const hint = publicKey['hint'] ?? '';
      if (typeof hint !== 'string') throw new Malformed('publicKey.hint is not a string');
      return { kind: 'key', hint };
    }
    case 'certificate':
      return { kind: 'certificate', leaf: readCertificate(material['certificate']), chain: [] };
    default: {
      if (version === '0.3') throw new Malformed('a bundle of version 0.3 may not bring a chain of certificates');
      const holder = asRecord(material['x509CertificateChain'], 'x509CertificateChain', ['certificates']);
      const all = listAt(holder, 'certificates', 'x509CertificateChain', MATERIAL_LIMITS.chain).map(readCertificate);
      const [leaf, ...chain] = all;
      if (leaf === undefined) throw new Malformed('its chain of certificates is empty');
      return { kind: 'certificate', leaf, chain };
    }
  }
}

function readCertificate(value: JsonValue | undefined): Uint8Array {
  return bytesAt(
    asRecord(value, 'the certificate', ['rawBytes']),
    'rawBytes',
    'the certificate',
    MATERIAL_LIMITS.certificateBytes,
  );
}

function readEntry(value: JsonValue, version: string): LogEntry {
  const entry = asRecord(value, 'a log entry', [
    'logIndex',
    'logId',
    'kindVersion',
    'integratedTime',
    'inclusionPromise',
    'inclusionProof',
    'canonicalizedBody',
  ]);
  const kindVersion = asRecord(entry['kindVersion'], 'kindVersion', ['kind', 'version']);
  const read: LogEntry = {
    kind: stringAt(kindVersion, 'kind', 'kindVersion'),
    version: stringAt(kindVersion, 'version', 'kindVersion'),
    logId: bytesAt(asRecord(entry['logId'], 'logId', ['keyId']), 'keyId', 'logId', 64),
    logIndex: countAt(entry, 'logIndex', 'a log entry'),
    integratedTime: countAt(entry, 'integratedTime', 'a log entry'),
    promise: absent(entry, 'inclusionPromise')
      ? undefined
      : bytesAt(
          asRecord(entry['inclusionPromise'], 'inclusionPromise', ['signedEntryTimestamp']),
          'signedEntryTimestamp',
          'inclusionPromise',
          MATERIAL_LIMITS.signatureBytes,
        ),
    proof: absent(entry, 'inclusionProof') ? undefined : readProof(entry['inclusionProof'], version),
    body: bytesAt(entry, 'canonicalizedBody', 'a log entry', MATERIAL_LIMITS.bodyBytes),
  };
  if (version === '0.1' && read.promise === undefined)
    throw new Malformed('a log entry has no promise, which version 0.1 demands');
  if (version !== '0.1' && read.proof === undefined)
    throw new Malformed(`a log entry has no proof of inclusion, which version ${version} demands`);
  return read;
}

function readProof(value: JsonValue | undefined, version: string): InclusionProof | undefined {
  const proof = asRecord(value, 'inclusionProof', ['logIndex', 'rootHash', 'treeSize', 'hashes', 'checkpoint']);
  // Version 0.1 came before checkpoints: a proof without one proves nothing, and its promise must.
  if (version === '0.1' && absent(proof, 'checkpoint')) return undefined;
  const checkpoint = stringAt(
    asRecord(proof['checkpoint'], 'checkpoint', ['envelope']),
    'envelope',
    'inclusionProof.checkpoint',
  );
  if (checkpoint.length > MATERIAL_LIMITS.checkpointLength)
    throw new Malformed(`its checkpoint has more than ${MATERIAL_LIMITS.checkpointLength} characters`);
  return {
    logIndex: countAt(proof, 'logIndex', 'inclusionProof'),
    treeSize: countAt(proof, 'treeSize', 'inclusionProof'),
    rootHash: Object.hasOwn(proof, 'rootHash') ? bytesAt(proof, 'rootHash', 'inclusionProof', 64) : new Uint8Array(),
    hashes: listAt(proof, 'hashes', 'inclusionProof', MATERIAL_LIMITS.proofHashes).map((hash) =>
      bytesAt({ hash }, 'hash', 'inclusionProof', 64),
    ),
    checkpoint,
  };
}

function readTimestamps(material: JsonObject): readonly Uint8Array[] {
  if (absent(material, 'timestampVerificationData')) return [];
  const data = asRecord(material['timestampVerificationData'], 'timestampVerificationData', ['rfc3161Timestamps']);
  return listAt(data, 'rfc3161Timestamps', 'timestampVerificationData', MATERIAL_LIMITS.timestamps).map((each) =>
    bytesAt(
      asRecord(each, 'a timestamp', ['signedTimestamp']),
      'signedTimestamp',
      'a timestamp',
      MATERIAL_LIMITS.timestampBytes,
    ),
  );
}

function readMessage(value: JsonValue | undefined): Pick<MessageSignature, 'digest' | 'signature'> {
  const message = asRecord(value, 'messageSignature', ['messageDigest', 'signature']);
  const digest = asRecord(message['messageDigest'], 'messageDigest', ['algorithm', 'digest']);
  const written = stringAt(digest, 'algorithm', 'messageDigest');
  const algorithm = Object.hasOwn(hashNames, written) ? hashNames[written] : undefined;
  if (algorithm === undefined) throw new Malformed(`its digest is of kind ${JSON.stringify(written.slice(0, 40))}`);
  return {
    digest: { algorithm, value: bytesAt(digest, 'digest', 'messageDigest', 64) },
    signature: bytesAt(message, 'signature', 'messageSignature', MATERIAL_LIMITS.signatureBytes),
  };
}

/** In protobuf's JSON null is the same as nothing. */
function absent(record: JsonObject, key: string): boolean {
  return record[key] === undefined || record[key] === null;
}
