/** RFC 3161 timestamp responses by our own writer. */
import { createHash } from 'node:crypto';
import { type Certified, signatureAlgorithm } from './certificates.ts';
import * as der from './der.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();
const sha256Identifier = der.sequence(der.oid('2.16.840.1.101.3.4.2.1'));

export interface TimestampRequest {
  /** What is stamped; its SHA-256 is the imprint. */
  readonly data: Uint8Array;
  readonly at: Date;
  readonly signer: Certified;
  readonly serial?: number;
  /** Changes the signed time after signing, as a forger would. */
  readonly forgedTime?: Date;
}

/** The DER of a TimeStampResp that holds the signer's certificate. */
export function timestamp({ data, at, signer, serial = 1, forgedTime }: TimestampRequest): Buffer {
  const infoAt = (date: Date) =>
    der.sequence(
      der.integer(1),
      der.oid('1.3.6.1.4.1.57264.2'),
      der.sequence(sha256Identifier, der.octets(sha256(data))),
      der.integer(serial),
      der.generalizedTime(date),
    );
  const info = infoAt(at);
  const attribute = (type: string, value: Buffer) => der.sequence(der.oid(type), der.set(value));
  const issuer = issuerOf(signer.der);
  const attributes = [
    attribute('1.2.840.113549.1.9.3', der.oid('1.2.840.113549.1.9.16.1.4')),
    attribute('1.2.840.113549.1.9.5', der.time(at)),
    attribute('1.2.840.113549.1.9.4', der.octets(sha256(info))),
    attribute('1.2.840.113549.1.9.16.2.47', der.sequence(der.sequence(der.sequence(der.octets(sha256(signer.der)))))),
  ];
  const algorithm = signatureAlgorithm(signer.keys.privateKey);
  const signature = algorithm.sign(der.set(...attributes));
  const sorted = [...attributes].sort(Buffer.compare);
  const signerInfo = der.sequence(
    der.integer(1),
    der.sequence(issuer, signer.serial),
    sha256Identifier,
    der.tagged(0, ...sorted),
    algorithm.identifier,
    der.octets(signature),
  );
  const content = forgedTime === undefined ? info : infoAt(forgedTime);
  const signedData = der.sequence(
    der.integer(3),
    der.set(sha256Identifier),
    der.sequence(der.oid('1.2.840.113549.1.9.16.1.4'), der.tagged(0, der.octets(content))),
    der.tagged(0, signer.der),
    der.set(signerInfo),
  );
  const token = der.sequence(der.oid('1.2.840.113549.1.7.2'), der.tagged(0, signedData));
  return der.sequence(der.sequence(der.integer(0)), token);
}

/** The issuer's name out of a certificate: the third element after version, serial and algorithm. */
function issuerOf(certificate: Buffer): Buffer {
  const [tbs] = children(certificate);
  const issuer = children(tbs as Buffer)[3];
  if (issuer === undefined) throw new Error('a certificate without an issuer');
  return issuer;
}

function children(element: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = headerLength(element); at < element.length; ) {
    const rest = element.subarray(at);
    const whole = headerLength(rest) + contentLength(rest);
    found.push(rest.subarray(0, whole));
    at += whole;
  }
  return found;
}

function headerLength(element: Buffer): number {
  const first = element[1] as number;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function contentLength(element: Buffer): number {
  const first = element[1] as number;
  return first < 0x80 ? first : element.readUIntBE(2, first & 0x7f);
}
