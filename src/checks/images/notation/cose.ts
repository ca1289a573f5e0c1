import { decode, Tag } from 'cbor2';
import { Malformed } from '../verify/json.ts';
import { readAttributes, unsignedNames } from './attributes.ts';
import { type Algorithm, type Envelope, maxCertificates } from './model.ts';

/** RFC 9052. */
const signedMessageTag = 18;
const labels = { algorithm: 1, critical: 2, contentType: 3, certificates: 33 } as const;
const algorithms = new Map<unknown, Algorithm>([
  [-37, 'PS256'],
  [-38, 'PS384'],
  [-39, 'PS512'],
  [-7, 'ES256'],
  [-35, 'ES384'],
  [-36, 'ES512'],
]);
const maxEntries = 100;

type Label = string | number;

/**
 * A COSE_Sign1_Tagged message (RFC 9052 §4.2) as signature-envelope-cose.md profiles it. The signature is over the
 * protected bytes and the payload as they came. Throws Malformed.
 */
export function readCose(bytes: Uint8Array): Envelope {
  const message = readCbor(bytes, 'the envelope');
  if (!(message instanceof Tag) || Number(message.tag) !== signedMessageTag) {
    throw new Malformed('it is not a COSE message with one signer');
  }
  const parts: unknown = message.contents;
  if (!Array.isArray(parts) || parts.length !== 4) throw new Malformed('its COSE message has not its four parts');
  const [protectedBytes, unprotected, payload, signature]: unknown[] = parts;
  if (!(protectedBytes instanceof Uint8Array) || protectedBytes.length === 0)
    throw new Malformed('its protected header is not there');
  if (!(payload instanceof Uint8Array)) throw new Malformed('its payload is not in it');
  if (!(signature instanceof Uint8Array)) throw new Malformed('its signature is not there');
  const head = asHeader(readCbor(protectedBytes, 'its protected header'));
  const rest = asHeader(unprotected);
  for (const label of rest.keys()) {
    if (head.has(label)) throw new Malformed(`${JSON.stringify(label)} is in both of its headers`);
  }
  const algorithm = algorithms.get(head.get(labels.algorithm));
  if (algorithm === undefined) throw new Malformed('its algorithm is one that no signature of this kind has');
  const contentType = head.get(labels.contentType);
  if (typeof contentType !== 'string') throw new Malformed('its content type is not text');
  const attributes = new Map<string, unknown>();
  for (const [label, value] of head) if (typeof label === 'string') attributes.set(label, value);
  const timestamp = rest.get(unsignedNames.timestamp);
  if (timestamp !== undefined && !(timestamp instanceof Uint8Array)) throw new Malformed('its timestamp is not bytes');
  return {
    algorithm,
    contentType,
    ...readAttributes(attributes, criticalNames(head), readTime),
    payload,
    signed: signatureStructure(protectedBytes, payload),
    signature,
    chain: readChain(rest.get(labels.certificates)),
    timestamp,
  };
}

/**
 * Any CBOR without indefinite lengths, floats and keys that occur twice. Tags stay tags: the library would make dates,
 * URLs and regular expressions of what an attacker wrote.
 */
function readCbor(bytes: Uint8Array, what: string): unknown {
  try {
    return decode(bytes, {
      maxDepth: 8,
      ignoreGlobalTags: true,
      rejectStreaming: true,
      rejectFloats: true,
      rejectUndefined: true,
      createObject: (entries) => {
        if (entries.length > maxEntries) throw new Malformed('it has a map of too many entries');
        const made = new Map<unknown, unknown>();
        for (const [key, value] of entries) {
          if (typeof key !== 'string' && typeof key !== 'number') throw new Malformed('it has a key that is no label');
          if (made.has(key)) throw new Malformed(`it has the label ${JSON.stringify(key)} twice`);
          made.set(key, value);
        }
        return made;
      },
    });
  } catch (error) {
    throw error instanceof Malformed ? error : new Malformed(`${what} is not CBOR`);
  }
}

function asHeader(value: unknown): Map<Label, unknown> {
  if (value instanceof Map) return value as Map<Label, unknown>;
  throw new Malformed('a header of it is not a map');
}

/** Labels of the standard may be critical too; those that are read here are then met, and all others are unknown. */
function criticalNames(head: ReadonlyMap<Label, unknown>): string[] {
  const listed = head.get(labels.critical);
  if (!Array.isArray(listed)) throw new Malformed('its list of critical attributes is not there');
  const critical: string[] = [];
  for (const label of listed as unknown[]) {
    if (label === labels.algorithm || label === labels.contentType) continue;
    if (typeof label !== 'string')
      throw new Malformed(`its attribute ${JSON.stringify(String(label).slice(0, 40))} is critical and not known`);
    critical.push(label);
  }
  return critical;
}

function readChain(value: unknown): Uint8Array[] {
  if (!Array.isArray(value) || value.length === 0) throw new Malformed('it carries no certificates');
  if (value.length > maxCertificates)
    throw new Malformed(`it carries ${value.length} certificates, and at most ${maxCertificates} are read`);
  return value.map((each: unknown) => {
    if (!(each instanceof Uint8Array)) throw new Malformed('a certificate in it is not bytes');
    return each;
  });
}

/** Seconds since the epoch under tag 1. */
function readTime(value: unknown, name: string): number {
  const seconds = value instanceof Tag && Number(value.tag) === 1 ? value.contents : undefined;
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || Math.abs(seconds) > 8.64e12) {
    throw new Malformed(`its attribute ${name} is not a time`);
  }
  return seconds * 1000;
}

/** The Sig_structure of RFC 9052 §4.4: ["Signature1", protected, no external data, payload]. */
function signatureStructure(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  const context = Buffer.from('Signature1', 'latin1');
  return Buffer.concat([
    Buffer.from([0x84, 0x60 + context.length]),
    context,
    byteStringHead(protectedBytes.length),
    protectedBytes,
    byteStringHead(0),
    byteStringHead(payload.length),
    payload,
  ]);
}

function byteStringHead(length: number): Uint8Array {
  if (length < 24) return Uint8Array.of(0x40 + length);
  if (length < 0x100) return Uint8Array.of(0x58, length);
  if (length < 0x10000) return Uint8Array.of(0x59, length >> 8, length & 0xff);
  const head = Buffer.alloc(5);
  head.writeUInt8(0x5a);
  head.writeUInt32BE(length, 1);
  return head;
}
