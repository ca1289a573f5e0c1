import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../../core/json.ts';
import { isObject } from '../../../core/json.ts';
import { decodeBase64, Malformed, parseStrictJson, stringAt } from './json.ts';
import type { LogEntry, SignedObject } from './material.ts';
import { Refusal, shown } from './refusal.ts';
import { isDigestOf, type SignedContent, sameBytes } from './signed-content.ts';

/** What signed an object, as a log entry must name it. */
export type LoggedKey =
  | { readonly kind: 'key'; readonly spki: Uint8Array }
  | { readonly kind: 'certificate'; readonly der: Uint8Array };

/** What the body of an entry says: each is undefined only where its kind has no such field. */
interface Logged {
  readonly digest: { readonly of: 'content' | 'payload' | 'envelope'; readonly value: Uint8Array };
  readonly signature: Uint8Array | undefined;
  readonly key: LoggedKey;
}

/** Entries that say when they were made by themselves, if their promise holds. Those of Rekor v2 never do. */
export function hasOwnTime(entry: LogEntry): boolean {
  return entry.promise !== undefined && entry.integratedTime > 0 && !isOfRekor2(entry);
}

function isOfRekor2({ kind, version }: LogEntry): boolean {
  return (kind === 'hashedrekord' || kind === 'dsse') && version !== '0.0.1';
}

/** Kinds whose body the library compares too, and whose inclusion it proves. */
export function isKnownToLibrary({ kind, version }: LogEntry): boolean {
  return !(kind === 'rekord' || (kind === 'intoto' && version === '0.0.1'));
}

/**
 * Throws Refusal unless the entry is about this very signature: over this content, and made with this key or
 * certificate. An entry that names another key was accepted elsewhere (CVE-2022-36056, GHSA-whqx-f9j3-ch6m): anybody
 * can log a signature that somebody else made.
 */
export function demandBinding(entry: LogEntry, object: SignedObject, content: SignedContent, signer: LoggedKey): void {
  const logged = readBody(entry);
  const isAbout = (what: string, same: boolean) => {
    if (!same) throw new Refusal('log', `its entry in the log is about another ${what}`);
  };
  isAbout('content', isDigestLogged(logged.digest, object, content));
  if (logged.signature !== undefined) isAbout('signature', sameBytes(logged.signature, object.signature));
  const sameKey =
    logged.key.kind === 'key'
      ? signer.kind === 'key' && sameBytes(logged.key.spki, signer.spki)
      : signer.kind === 'certificate' && sameBytes(logged.key.der, signer.der);
  isAbout('key', sameKey);
}

function isDigestLogged({ of, value }: Logged['digest'], object: SignedObject, content: SignedContent): boolean {
  switch (of) {
    case 'content':
      return isDigestOf(content, value);
    case 'payload':
      return object.format === 'dsse' && isDigestOf({ kind: 'bytes', bytes: object.payload }, value);
    case 'envelope':
      // Over the bytes as they were uploaded: known only where the envelope stood alone.
      return (
        object.format === 'dsse' &&
        object.envelope !== undefined &&
        sameBytes(createHash('sha256').update(object.envelope).digest(), value)
      );
    default:
      return of satisfies never;
  }
}

function readBody(entry: LogEntry): Logged {
  const body = record(parseStrictJson(entry.body), 'the log entry');
  const kind = stringAt(body, 'kind', 'the log entry');
  const version = stringAt(body, 'apiVersion', 'the log entry');
  if (kind !== entry.kind || version !== entry.version)
    throw new Refusal('log', `its entry in the log is a ${shown(`${kind} ${version}`)}, and says that it is another`);
  const spec = record(body['spec'], 'spec');
  switch (`${kind} ${version}`) {
    case 'hashedrekord 0.0.1': {
      const signature = record(spec['signature'], 'signature');
      return {
        digest: { of: 'content', value: hash(record(spec['data'], 'data')['hash']) },
        signature: bytes(signature, 'content'),
        key: keyOfPem(bytes(record(signature['publicKey'], 'publicKey'), 'content')),
      };
    }
    case 'rekord 0.0.1': {
      const signature = record(spec['signature'], 'signature');
      if (signature['format'] !== 'x509') throw new Refusal('log', 'its entry in the log is not of format x509');
      return {
        digest: { of: 'content', value: hash(record(spec['data'], 'data')['hash']) },
        signature: bytes(signature, 'content'),
        key: keyOfPem(bytes(record(signature['publicKey'], 'publicKey'), 'content')),
      };
    }
    case 'dsse 0.0.1': {
      const signature = only(spec['signatures']);
      return {
        digest: { of: 'payload', value: hash(spec['payloadHash']) },
        signature: bytes(signature, 'signature'),
        key: keyOfPem(bytes(signature, 'verifier')),
      };
    }
    case 'intoto 0.0.2': {
      const content = record(spec['content'], 'content');
      const signature = only(record(content['envelope'], 'envelope')['signatures']);
      return {
        digest: { of: 'payload', value: hash(content['payloadHash']) },
        // In base64 twice: Rekor took the text of the envelope for bytes.
        signature: decodeBase64(Buffer.from(bytes(signature, 'sig')).toString('latin1'), 'sig'),
        key: keyOfPem(bytes(signature, 'publicKey')),
      };
    }
    case 'intoto 0.0.1':
      return {
        digest: { of: 'envelope', value: hash(record(spec['content'], 'content')['hash']) },
        signature: undefined,
        key: keyOfPem(bytes(spec, 'publicKey')),
      };
    case 'hashedrekord 0.0.2': {
      const read = record(spec['hashedRekordV002'], 'hashedRekordV002');
      const signature = record(read['signature'], 'signature');
      return {
        digest: { of: 'content', value: bytes(record(read['data'], 'data'), 'digest') },
        signature: bytes(signature, 'content'),
        key: keyOfVerifier(signature['verifier']),
      };
    }
    case 'dsse 0.0.2': {
      const read = record(spec['dsseV002'], 'dsseV002');
      const signature = only(read['signatures']);
      return {
        digest: { of: 'payload', value: bytes(record(read['payloadHash'], 'payloadHash'), 'digest') },
        signature: bytes(signature, 'content'),
        key: keyOfVerifier(signature['verifier']),
      };
    }
    default:
      throw new Refusal('log', `its entry in the log is a ${shown(`${kind} ${version}`)}, which is not read`);
  }
}

function record(value: JsonValue | undefined, what: string): JsonObject {
  if (!isObject(value)) throw new Malformed(`${what} of its log entry is not an object`);
  return value;
}

function only(value: JsonValue | undefined): JsonObject {
  if (!Array.isArray(value) || value.length !== 1)
    throw new Refusal('log', 'its entry in the log has not exactly one signature');
  return record(value[0] as JsonValue, 'the signature');
}

function bytes(from: JsonObject, key: string): Uint8Array {
  return decodeBase64(stringAt(from, key, 'the log entry'), `${key} of its log entry`);
}

/** Rekor v1 writes hashes in hex beside the name of their algorithm; the length tells which it is. */
function hash(value: JsonValue | undefined): Uint8Array {
  const read = record(value, 'hash');
  const algorithm = stringAt(read, 'algorithm', 'hash');
  const hex = stringAt(read, 'value', 'hash');
  const lengths: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
  if (hex.length !== lengths[algorithm] || !/^[0-9a-f]+$/.test(hex))
    throw new Malformed('a hash of its log entry is not one of SHA-2 in hex');
  return Buffer.from(hex, 'hex');
}

function keyOfPem(pem: Uint8Array): LoggedKey {
  const text = Buffer.from(pem).toString('latin1').trim();
  const [, label = '', body = ''] =
    /^-----BEGIN (CERTIFICATE|PUBLIC KEY)-----([A-Za-z0-9+/=\s]*)-----END \1-----$/.exec(text) ?? [];
  const der = decodeBase64(body.replaceAll(/\s/g, ''), 'the key of its log entry');
  if (label === 'CERTIFICATE') return { kind: 'certificate', der };
  return { kind: 'key', spki: der };
}

function keyOfVerifier(value: JsonValue | undefined): LoggedKey {
  const verifier = record(value, 'verifier');
  const isCertificate = Object.hasOwn(verifier, 'x509Certificate');
  if (isCertificate === Object.hasOwn(verifier, 'publicKey'))
    throw new Malformed('its log entry names not exactly one key');
  const raw = bytes(record(verifier[isCertificate ? 'x509Certificate' : 'publicKey'], 'verifier'), 'rawBytes');
  return isCertificate ? { kind: 'certificate', der: raw } : { kind: 'key', spki: raw };
}
