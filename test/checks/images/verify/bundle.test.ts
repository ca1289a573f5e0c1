import { beforeAll, describe, expect, it } from 'vitest';
import { Malformed } from '../../../../src/checks/images/verify/json.ts';
import {
  fromAttestationLayer,
  fromBundle,
  fromEnvelope,
  fromSignatureLayer,
} from '../../../../src/checks/images/verify/signed-object.ts';
import type { JsonValue } from '../../../../src/core/json.ts';
import {
  type Bundle,
  keyPair,
  type Layer,
  openMockSigstore,
  signStatement,
  statement,
} from '../../../support/sigstore/mock.ts';
import { digest } from './judging.ts';

const old = (version: string) => `application/vnd.dev.sigstore.bundle+json;version=${version}`;
let good: Bundle;
let chained: Bundle;
let keyed: Bundle;
let layer: Layer;
let attestation: Layer;
beforeAll(async () => {
  const sigstore = await openMockSigstore();
  const signer = await sigstore.certificate();
  good = sigstore.bundle(signStatement(digest), { signer, timestamp: true });
  chained = sigstore.bundle(signStatement(digest), { signer, chain: [sigstore.intermediate], mediaType: old('0.1') });
  keyed = sigstore.bundle(signStatement(digest), { signer: keyPair() });
  layer = sigstore.legacySignature(digest, { signer, timestamp: true });
  attestation = sigstore.legacyAttestation(statement(digest, 'https://slsa.dev/provenance/v1'), { signer });
});

const read = (bundle: object) => fromBundle(Buffer.from(JSON.stringify(bundle)), 'the bundle');

/** The document with one value changed, or gone where the change is undefined; `entry` stands for the first log entry. */
function changed(document: object, path: string, change: Change): object {
  const copy = structuredClone(document) as Record<string, Open>;
  const keys = path.replace('entry', 'verificationMaterial.tlogEntries.0').split('.');
  const last = keys.pop() ?? '';
  const holder = keys.reduce<Record<string, Open>>((from, key) => from[key] as Record<string, Open>, copy);
  const value = typeof change === 'function' ? change(holder[last]) : change;
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return copy;
}
type Open = JsonValue | undefined | Record<string, unknown>;
type Change = JsonValue | undefined | ((value: Open) => Open);
const chainOf = (value: Open) => {
  const { certificate, ...rest } = value as Record<string, JsonValue>;
  return { ...rest, x509CertificateChain: { certificates: [certificate] } };
};
const nine = (value: Open) => [...(value as JsonValue[]), ...Array<JsonValue>(9).fill({ rawBytes: 'AAAA' })];
const seventeen = (value: Open) => Array<JsonValue>(17).fill((value as JsonValue[])[0] as JsonValue);
const twice = (value: Open) => [...(value as JsonValue[]), ...(value as JsonValue[])];

describe('a bundle', () => {
  it('is read with all that proves it', () => {
    expect(read(good)).toMatchObject({
      format: 'dsse',
      family: 'bundle',
      material: { kind: 'certificate', chain: [] },
      entries: [{ kind: 'dsse', version: '0.0.1', proof: { hashes: expect.anything() } }],
    });
    expect(read(good).timestamps).toHaveLength(1);
    expect(read(chained)).toMatchObject({ material: { chain: [expect.any(Uint8Array)] } });
    expect(read(keyed)).toMatchObject({ material: { kind: 'key', hint: expect.stringMatching(/=$/) } });
  });

  it.each<[string, string, Change, string]>([
    ['another version', 'mediaType', old('0.4'), 'it is a bundle of type'],
    ['a version with a tail', 'mediaType', `${old('0.3')}0`, 'it is a bundle of type'],
    ['an inherited name for a version', 'mediaType', 'constructor', 'it is a bundle of type'],
    ['no version', 'mediaType', undefined, 'mediaType is not a string'],
    ['an unknown field', 'extra', 1, 'unknown field "extra"'],
    ['two kinds of material', 'verificationMaterial.publicKey', {}, 'not exactly one'],
    ['no material', 'verificationMaterial.certificate', undefined, 'not exactly one'],
    ['two contents', 'messageSignature', {}, 'not exactly one of dsseEnvelope'],
    ['no content', 'dsseEnvelope', undefined, 'not exactly one of dsseEnvelope'],
    ['two signatures', 'dsseEnvelope.signatures', twice, 'not exactly one signature'],
    ['no signature', 'dsseEnvelope.signatures', [], 'not exactly one signature'],
    ['a signature of nothing', 'dsseEnvelope.signatures.0.sig', '', 'not base64'],
    ['base64 of URLs', 'dsseEnvelope.payload', '_-8=', 'not base64'],
    ['base64 without padding', 'dsseEnvelope.payload', 'QQ', 'not base64'],
    ['too large a signature', 'dsseEnvelope.signatures.0.sig', 'AAAA'.repeat(6000), 'more than 16384'],
    ['too large a certificate', 'verificationMaterial.certificate.rawBytes', 'AAAA'.repeat(22_000), 'more than 65536'],
    ['too many entries', 'verificationMaterial.tlogEntries', seventeen, 'more than 16'],
    ['a negative index', 'entry.logIndex', '-1', 'whole number'],
    ['an index beyond numbers', 'entry.logIndex', '9007199254740993', 'whole number'],
    ['an index with a zero before it', 'entry.logIndex', '01', 'whole number'],
    ['a time of a fraction', 'entry.integratedTime', 1.5, 'whole number'],
    ['no proof', 'entry.inclusionProof', undefined, 'no proof of inclusion'],
    ['a proof without checkpoint', 'entry.inclusionProof.checkpoint', undefined, 'checkpoint'],
    ['too long a proof', 'entry.inclusionProof.hashes', Array(65).fill('AAAA'), 'more than 64'],
    ['too long a checkpoint', 'entry.inclusionProof.checkpoint.envelope', 'x'.repeat(20_000), 'more than 16384'],
    ['entries that are no list', 'verificationMaterial.tlogEntries', {}, 'not a list'],
    ['a chain in 0.3', 'verificationMaterial', chainOf, 'may not bring a chain'],
  ])('is refused with %s', (_, path, change, message) => {
    const bundle = changed(good, path, change);
    expect(() => read(bundle)).toThrow(Malformed);
    expect(() => read(bundle)).toThrow(message);
  });

  it.each<[string, string, Change, string]>([
    ['an empty chain', 'verificationMaterial.x509CertificateChain.certificates', [], 'is empty'],
    ['too long a chain', 'verificationMaterial.x509CertificateChain.certificates', nine, 'more than 10'],
    ['no promise', 'entry.inclusionPromise', undefined, 'no promise'],
  ])('of version 0.1 is refused with %s', (_, path, change, message) => {
    const bundle = changed(chained, path, change);
    expect(() => read(bundle)).toThrow(message);
  });

  it('of version 0.1 may have a proof without a checkpoint, which then proves nothing', () => {
    const bundle = changed(chained, 'entry.inclusionProof.checkpoint', undefined);
    expect(read(bundle)).toMatchObject({ entries: [{ proof: undefined, promise: expect.any(Uint8Array) }] });
  });

  it('is refused with a key twice, wherever it is', () => {
    const text = JSON.stringify(good).replace('"dsseEnvelope":{', '"dsseEnvelope":{"payloadType":"x",');
    expect(() => fromBundle(Buffer.from(text), 'x')).toThrow('twice');
  });
});

describe('a layer', () => {
  it('is read with all that proves it', () => {
    expect(fromSignatureLayer(layer.annotations, layer.payload, 'x')).toMatchObject({
      format: 'simple-signing',
      family: 'legacy',
      material: { kind: 'certificate', chain: [expect.any(Uint8Array)] },
      entries: [{ kind: 'hashedrekord', promise: expect.any(Uint8Array), proof: undefined }],
      timestamps: [expect.any(Uint8Array)],
    });
    expect(fromAttestationLayer(attestation.annotations, attestation.payload, 'x')).toMatchObject({
      format: 'dsse',
      envelope: attestation.payload,
      entries: [{ kind: 'dsse' }],
    });
    expect(fromEnvelope(attestation.payload, 'x')).toMatchObject({ material: { kind: 'key' }, entries: [] });
  });

  it('may have its signature wrapped into lines', () => {
    const wrapped = layer.annotations['dev.cosignproject.cosign/signature']?.replace(/(.{20})/g, '$1\n') ?? '';
    const annotations = { ...layer.annotations, 'dev.cosignproject.cosign/signature': wrapped };
    expect(fromSignatureLayer(annotations, layer.payload, 'x').signature).toEqual(
      fromSignatureLayer(layer.annotations, layer.payload, 'x').signature,
    );
  });

  const certificate = 'dev.sigstore.cosign/certificate';
  it.each<[string, Record<string, JsonValue>, string]>([
    ['no signature', { 'dev.cosignproject.cosign/signature': 1 }, 'has no annotation'],
    ['an annotation that is no string', { [certificate]: 1 }, 'not a string'],
    ['an empty certificate', { [certificate]: '' }, 'is not PEM certificates'],
    [
      'a key for a certificate',
      { [certificate]: '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----' },
      'is not PEM',
    ],
    [
      'text before the certificate',
      { [certificate]: 'x\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' },
      'is not PEM',
    ],
    [
      'text after the certificate',
      { [certificate]: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\nx' },
      'is not PEM',
    ],
    [
      'two certificates',
      { [certificate]: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'.repeat(2) },
      'not exactly one',
    ],
    [
      'too long a chain',
      { 'dev.sigstore.cosign/chain': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'.repeat(11) },
      'more than 10',
    ],
    ['an entry that is no JSON', { 'dev.sigstore.cosign/bundle': 'x' }, 'not JSON'],
    [
      'an entry with a short log ID',
      { 'dev.sigstore.cosign/bundle': '{"SignedEntryTimestamp":"AAAA","Payload":{"logID":"00"}}' },
      '64 hex digits',
    ],
    ['a timestamp that is none', { 'dev.sigstore.cosign/rfc3161timestamp': '{}' }, 'not a string'],
  ])('is refused with %s', (_, change, message) => {
    const made = () => fromSignatureLayer({ ...layer.annotations, ...change }, layer.payload, 'x');
    expect(made).toThrow(Malformed);
    expect(made).toThrow(message);
  });

  it('with a chain and no certificate is refused', () => {
    const { [certificate]: _, ...annotations } = layer.annotations;
    expect(() => fromSignatureLayer(annotations, layer.payload, 'x')).toThrow('and no certificate');
  });
});
