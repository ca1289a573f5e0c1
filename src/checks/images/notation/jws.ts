import { isObject } from '../../../core/json.ts';
import { asRecord, decodeBase64, Malformed, parseStrictJson, stringAt } from '../verify/json.ts';
import { readAttributes, unsignedNames } from './attributes.ts';
import { type Algorithm, type Envelope, maxCertificates } from './model.ts';

const registered = ['alg', 'cty', 'crit'];

/**
 * A flattened JWS (RFC 7515 §7.2.2) as signature-envelope-jws.md profiles it. The signature is over the protected text
 * and the payload text as they came. Throws Malformed.
 */
export function readJws(bytes: Uint8Array): Envelope {
  const envelope = asRecord(parseStrictJson(bytes), 'the envelope', ['payload', 'protected', 'header', 'signature']);
  const protectedText = stringAt(envelope, 'protected', 'the envelope');
  const payloadText = stringAt(envelope, 'payload', 'the envelope');
  const signatureText = stringAt(envelope, 'signature', 'the envelope');
  const head = parseStrictJson(decodeBase64Url(protectedText, 'protected'));
  if (!isObject(head)) throw new Malformed('its protected header is not an object');
  const header = envelope['header'];
  if (!isObject(header)) throw new Malformed('its header is not an object');
  for (const name of Object.keys(header)) {
    // RFC 7515 §7.2.1. A reader that joins the two could take the unsigned word for the signed one.
    if (Object.hasOwn(head, name))
      throw new Malformed(`${JSON.stringify(name.slice(0, 100))} is in both of its headers`);
  }
  const attributes = new Map(Object.entries(head).filter(([name]) => !registered.includes(name)));
  return {
    algorithm: algorithmNamed(stringAt(head, 'alg', 'the protected header')),
    contentType: stringAt(head, 'cty', 'the protected header'),
    ...readAttributes(attributes, criticalNames(head['crit']), readTime),
    payload: decodeBase64Url(payloadText, 'payload'),
    signed: Buffer.from(`${protectedText}.${payloadText}`, 'latin1'),
    signature: decodeBase64Url(signatureText, 'signature'),
    chain: readChain(header['x5c']),
    timestamp: readTimestamp(header[unsignedNames.timestamp]),
  };
}

function criticalNames(value: unknown): string[] {
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string')) {
    throw new Malformed('its list of critical attributes is not a list of names');
  }
  return value;
}

function algorithmNamed(name: string): Algorithm {
  switch (name) {
    case 'PS256':
    case 'PS384':
    case 'PS512':
    case 'ES256':
    case 'ES384':
    case 'ES512':
      return name;
  }
  throw new Malformed(`its algorithm is ${JSON.stringify(name.slice(0, 40))}, which no signature of this kind has`);
}

function readChain(value: unknown): Uint8Array[] {
  if (!Array.isArray(value) || value.length === 0) throw new Malformed('it carries no certificates');
  if (value.length > maxCertificates)
    throw new Malformed(`it carries ${value.length} certificates, and at most ${maxCertificates} are read`);
  return value.map((each: unknown) => {
    if (typeof each !== 'string') throw new Malformed('a certificate in it is not text');
    return decodeBase64(each, 'a certificate in it');
  });
}

function readTimestamp(value: unknown): Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new Malformed('its timestamp is not text');
  return decodeBase64(value, 'its timestamp');
}

/** RFC 3339, to the letter: two readers of a looser date could see two times. */
function readTime(value: unknown, name: string): number {
  const pattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
  const found = typeof value === 'string' ? pattern.exec(value) : null;
  const time = found === null ? Number.NaN : Date.parse(found[0]);
  // Date.parse takes the 31st of a shorter month for the 1st of the next.
  const local = found === null ? Number.NaN : Date.parse(`${found[1]}.000Z`);
  if (Number.isNaN(time) || Number.isNaN(local) || new Date(local).toISOString() !== `${found?.[1]}.000Z`) {
    throw new Malformed(`its attribute ${name} is not a time`);
  }
  return time;
}

/** base64url without padding, in its one canonical form (RFC 7515 §2). Throws Malformed. */
function decodeBase64Url(text: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  if (text === '' || bytes.toString('base64url') !== text) throw new Malformed(`its ${what} is not base64url`);
  return bytes;
}
