import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Digest } from '../../../src/core/image.ts';
import type { Registry } from '../../../src/core/ports.ts';
import { openCosign } from '../../support/cosign.ts';
import { checked, type LegacyLayer, MemoryRegistry, podsWith, trustOf } from './support.ts';

/**
 * Objects that are not signatures of the image by the trusted key, each close to one that is. All but the signing of
 * blobs is made by hand, because cosign would not write them.
 */

const trusted = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicPem = trusted.publicKey.export({ format: 'pem', type: 'spki' }).toString();
const fingerprint = createHash('sha256')
  .update(trusted.publicKey.export({ format: 'der', type: 'spki' }))
  .digest('base64');
const trust = await trustOf({ keys: [publicPem] });
const reference = 'registry.example/team/app:v1';
const otherDigest = `sha256:${'a'.repeat(64)}` as Digest;
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

type Key = typeof trusted;

function signature(bytes: string | Uint8Array, key: Key = trusted): string {
  return sign('sha256', Buffer.from(bytes), key.privateKey).toString('base64');
}

function payloadOf(digest: string, type = 'cosign container image signature'): string {
  const critical = {
    identity: { 'docker-reference': 'registry.example/team/app' },
    image: { 'docker-manifest-digest': digest },
    type,
  };
  return JSON.stringify({ critical, optional: null });
}

function layerOf(payload: string, key: Key = trusted, annotations: object = {}): LegacyLayer {
  return { payload, signature: signature(payload, key), annotations };
}

interface Statement {
  readonly digest?: string;
  readonly predicateType?: string;
  readonly subject?: unknown;
  readonly text?: string;
  readonly more?: object;
}

function statementOf({
  digest,
  predicateType = 'https://sigstore.dev/cosign/sign/v1',
  subject,
  text,
  more,
}: Statement): string {
  const subjects = subject === undefined ? [{ digest: { sha256: digest?.slice(7) } }] : subject;
  return (
    text ??
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: subjects,
      predicateType,
      predicate: {},
      ...more,
    })
  );
}

interface Bundle {
  readonly payloadType?: string;
  readonly signedType?: string;
  readonly key?: Key;
  readonly material?: object;
  readonly more?: object;
  readonly envelope?: object;
}

function bundleOf(statement: string, options: Bundle = {}) {
  const {
    payloadType = 'application/vnd.in-toto+json',
    key = trusted,
    material = { publicKey: { hint: fingerprint } },
  } = options;
  const type = options.signedType ?? payloadType;
  const signed = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${Buffer.byteLength(statement)} ${statement}`;
  const dsseEnvelope = {
    payload: Buffer.from(statement).toString('base64'),
    payloadType,
    signatures: [{ sig: signature(signed, key) }],
    ...options.envelope,
  };
  return { mediaType: bundleType, verificationMaterial: material, dsseEnvelope, ...options.more };
}

async function verdictOn(arrange: (registry: MemoryRegistry, digest: Digest) => void, settings = {}, by = trust) {
  const registry = new MemoryRegistry();
  arrange(registry, registry.image('v1'));
  return await checked(podsWith(reference), { trust: by, registry, settings });
}

describe('the genuine article, made by hand, is accepted', () => {
  it.each<[string, (registry: MemoryRegistry, digest: Digest) => void]>([
    ['a legacy signature', (registry, digest) => registry.legacy(digest, [layerOf(payloadOf(digest))])],
    [
      'one whose base64 is wrapped',
      (registry, digest) => {
        const payload = payloadOf(digest);
        registry.legacy(digest, [{ payload, signature: signature(payload).replace(/.{20}/g, '$&\n') }]);
      },
    ],
    [
      'a payload with blanks, signed as it is stored',
      (registry, digest) => registry.legacy(digest, [layerOf(JSON.stringify(JSON.parse(payloadOf(digest)), null, 2))]),
    ],
    [
      'a payload whose name is another: the name is no claim',
      (registry, digest) =>
        registry.legacy(digest, [layerOf(payloadOf(digest).replace('registry.example', 'other.example'))]),
    ],
    ['a bundle', (registry, digest) => registry.bundle(digest, bundleOf(statementOf({ digest })))],
    [
      'a bundle without a hint',
      (registry, digest) => registry.bundle(digest, bundleOf(statementOf({ digest }), { material: { publicKey: {} } })),
    ],
    [
      'a bundle with a log entry, which this policy does not ask for',
      (registry, digest) => {
        registry.bundle(
          digest,
          bundleOf(statementOf({ digest }), {
            material: {
              publicKey: { hint: 'x' },
              tlogEntries: [
                {
                  logIndex: '1',
                  logId: { keyId: 'AA==' },
                  kindVersion: { kind: 'dsse', version: '0.0.1' },
                  inclusionProof: { checkpoint: { envelope: 'none' } },
                  canonicalizedBody: 'AA==',
                },
              ],
            },
          }),
        );
      },
    ],
    [
      'one of several subjects',
      (registry, digest) => {
        registry.bundle(
          digest,
          bundleOf(
            statementOf({
              subject: [{ digest: { sha256: 'b'.repeat(64) } }, { name: 'x', digest: { sha256: digest.slice(7) } }],
            }),
          ),
        );
      },
    ],
    [
      'a good one after bad ones',
      (registry, digest) => {
        registry.legacy(digest, [
          { payload: 'not json', signature: 'AAAA' },
          { payload: payloadOf(digest) },
          layerOf(payloadOf(otherDigest)),
          layerOf(payloadOf(digest), stranger),
          layerOf(payloadOf(digest)),
        ]);
      },
    ],
    [
      'a good bundle beside a bad legacy manifest',
      (registry, digest) => {
        registry.tag(`${digest.replace(':', '-')}.sig`, registry.put('{"layers": 7}'));
        registry.bundle(digest, bundleOf(statementOf({ digest })));
      },
    ],
    [
      'a good legacy signature beside bundles that are none',
      (registry, digest) => {
        registry.bundle(digest, '{');
        registry.bundle(digest, { mediaType: bundleType });
        registry.bundle(digest, bundleOf(statementOf({ digest, predicateType: 'https://slsa.dev/provenance/v1' })));
        registry.legacy(digest, [layerOf(payloadOf(digest))]);
      },
    ],
  ])('%s', async (_, arrange) => expect((await verdictOn(arrange)).findings).toEqual([]));
});

type Row = readonly [string, string, (registry: MemoryRegistry, digest: Digest) => void];

describe('legacy forgeries', () => {
  const legacy = (layer: (digest: Digest) => LegacyLayer) => (registry: MemoryRegistry, digest: Digest) =>
    registry.legacy(digest, [layer(digest)]);
  it.each<Row>([
    ['signed by a stranger', 'IMAGE_SIGNATURE_OTHER_KEY', legacy((digest) => layerOf(payloadOf(digest), stranger))],
    [
      'payload changed after signing',
      'IMAGE_SIGNATURE_OTHER_KEY',
      legacy((digest) => ({ payload: payloadOf(digest), signature: signature(payloadOf(otherDigest)) })),
    ],
    [
      'one byte more',
      'IMAGE_SIGNATURE_OTHER_KEY',
      legacy((digest) => ({ payload: `${payloadOf(digest)}\n`, signature: signature(payloadOf(digest)) })),
    ],
    ['replayed from another digest', 'IMAGE_SIGNATURE_OTHER_DIGEST', legacy(() => layerOf(payloadOf(otherDigest)))],
    [
      'a digest that begins alike',
      'IMAGE_SIGNATURE_OTHER_DIGEST',
      legacy((digest) => layerOf(payloadOf(`${digest}0`))),
    ],
    ['upper-case digest', 'IMAGE_SIGNATURE_OTHER_DIGEST', legacy((digest) => layerOf(payloadOf(digest.toUpperCase())))],
    [
      'of type "release notes"',
      'IMAGE_NOT_A_SIGNATURE',
      legacy((digest) => layerOf(payloadOf(digest, 'release notes'))),
    ],
    [
      'of the type of another tool',
      'IMAGE_NOT_A_SIGNATURE',
      legacy((digest) => layerOf(payloadOf(digest, 'atomic container signature'))),
    ],
    [
      'type in another case',
      'IMAGE_NOT_A_SIGNATURE',
      legacy((digest) => layerOf(payloadOf(digest, 'Cosign container image signature'))),
    ],
    [
      'two digests under one key',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) =>
        layerOf(
          payloadOf(otherDigest).replace(
            '{"docker-manifest-digest"',
            `{"docker-manifest-digest":"${digest}","docker-manifest-digest"`,
          ),
        ),
      ),
    ],
    [
      'two criticals',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) =>
        layerOf(
          payloadOf(otherDigest).replace(
            '{"critical"',
            `{"critical":${JSON.stringify(JSON.parse(payloadOf(digest)).critical)},"critical"`,
          ),
        ),
      ),
    ],
    [
      'a second critical that differs in case',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) => layerOf(payloadOf(digest).replace('{"critical"', '{"Critical":{},"critical"'))),
    ],
    [
      'duplicate by escape',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) => layerOf(payloadOf(digest).replace('{"critical"', '{"\\u0063ritical":{},"critical"'))),
    ],
    [
      'unknown field',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) => layerOf(payloadOf(digest).replace('{"critical"', '{"extra":1,"critical"'))),
    ],
    ['no critical', 'IMAGE_SIGNATURE_INVALID', legacy(() => layerOf('{"optional":{}}'))],
    ['critical null', 'IMAGE_SIGNATURE_INVALID', legacy(() => layerOf('{"critical":null,"optional":{}}'))],
    [
      'digest a number',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) => layerOf(payloadOf(digest).replace(`"${digest}"`, '7'))),
    ],
    ['not JSON', 'IMAGE_SIGNATURE_INVALID', legacy((digest) => layerOf(`docker-manifest-digest: ${digest}`))],
    ['a byte order mark', 'IMAGE_SIGNATURE_INVALID', legacy((digest) => layerOf(`\ufeff${payloadOf(digest)}`))],
    ['more after the JSON', 'IMAGE_SIGNATURE_INVALID', legacy((digest) => layerOf(`${payloadOf(digest)}{}`))],
    ['nested too deep', 'IMAGE_SIGNATURE_INVALID', legacy(() => layerOf('['.repeat(100_000)))],
    ['empty payload', 'IMAGE_SIGNATURE_INVALID', legacy(() => layerOf(''))],
    ['no signature annotation', 'IMAGE_SIGNATURE_INVALID', legacy((digest) => ({ payload: payloadOf(digest) }))],
    ['empty signature', 'IMAGE_SIGNATURE_INVALID', legacy((digest) => ({ payload: payloadOf(digest), signature: '' }))],
    [
      'base64 without padding',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) => ({ payload: payloadOf(digest), signature: 'AAA' })),
    ],
    [
      'base64 with bits to spare',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) => ({ payload: payloadOf(digest), signature: 'AAB=' })),
    ],
    [
      'base64 for URLs',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) => ({ payload: payloadOf(digest), signature: 'a-_b' })),
    ],
    [
      'base64 with blanks',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) => ({ payload: payloadOf(digest), signature: ` ${signature(payloadOf(digest))}` })),
    ],
    [
      'bytes after the DER',
      'IMAGE_SIGNATURE_OTHER_KEY',
      legacy((digest) => ({
        payload: payloadOf(digest),
        signature: Buffer.concat([
          sign('sha256', Buffer.from(payloadOf(digest)), trusted.privateKey),
          Buffer.from([0]),
        ]).toString('base64'),
      })),
    ],
    [
      'the bare r and s',
      'IMAGE_SIGNATURE_OTHER_KEY',
      legacy((digest) => ({
        payload: payloadOf(digest),
        signature: sign('sha256', Buffer.from(payloadOf(digest)), {
          key: trusted.privateKey,
          dsaEncoding: 'ieee-p1363',
        }).toString('base64'),
      })),
    ],
    [
      'r and s zero',
      'IMAGE_SIGNATURE_OTHER_KEY',
      legacy((digest) => ({ payload: payloadOf(digest), signature: 'MAYCAQACAQA=' })),
    ],
    [
      'a hash that neither policy nor key names',
      'IMAGE_SIGNATURE_OTHER_KEY',
      legacy((digest) => ({
        payload: payloadOf(digest),
        signature: sign('sha384', Buffer.from(payloadOf(digest)), trusted.privateKey).toString('base64'),
      })),
    ],
    [
      'a certificate beside a good signature',
      'IMAGE_SIGNATURE_INVALID',
      legacy((digest) =>
        layerOf(payloadOf(digest), trusted, { 'dev.sigstore.cosign/certificate': '-----BEGIN CERTIFICATE-----' }),
      ),
    ],
    [
      'annotations that claim it was verified',
      'IMAGE_SIGNATURE_OTHER_KEY',
      legacy((digest) => layerOf(payloadOf(digest), stranger, { 'dev.sigstore.cosign/verified': 'true' })),
    ],
    [
      'a layer of another type',
      'IMAGE_UNSIGNED',
      legacy((digest) => ({ ...layerOf(payloadOf(digest)), mediaType: 'application/vnd.oci.image.layer.v1.tar' })),
    ],
    [
      'an attestation layer',
      'IMAGE_UNSIGNED',
      legacy((digest) => ({ ...layerOf(payloadOf(digest)), mediaType: 'application/vnd.dsse.envelope.v1+json' })),
    ],
    ['no layer at all', 'IMAGE_UNSIGNED', (registry, digest) => registry.legacy(digest, [])],
    [
      'an index under the tag',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => registry.legacy(digest, [layerOf(payloadOf(digest))], { manifests: [] }),
    ],
    [
      'a manifest with layers twice',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => registry.tag(`${digest.replace(':', '-')}.sig`, registry.put('{"layers":[],"layers":[]}')),
    ],
    [
      'a layer by sha512',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => {
        const layers = [
          {
            mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
            digest: `sha512:${'a'.repeat(128)}`,
            size: 1,
          },
        ];
        registry.tag(`${digest.replace(':', '-')}.sig`, registry.put({ layers }));
      },
    ],
    [
      'a layer whose digest is a path',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => {
        const layers = [
          {
            mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
            digest: 'sha256:../../../etc/passwd',
            size: 1,
          },
        ];
        registry.tag(`${digest.replace(':', '-')}.sig`, registry.put({ layers }));
      },
    ],
    [
      'a layer that is not there',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => {
        const layers = [
          { mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json', digest: otherDigest, size: 1 },
        ];
        registry.tag(`${digest.replace(':', '-')}.sig`, registry.put({ layers }));
      },
    ],
    [
      'a layer that says it is huge',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => {
        const layers = [
          {
            mediaType: 'application/vnd.dev.cosign.simplesigning.v1+json',
            digest: registry.put(payloadOf(digest)),
            size: 2 ** 40,
          },
        ];
        registry.tag(`${digest.replace(':', '-')}.sig`, registry.put({ layers }));
      },
    ],
  ])('%s: %s', async (_, code, arrange) => {
    const { codes, images, pinned } = await verdictOn(arrange);
    expect(codes).toEqual([`deny ${code}`]);
    expect(images).toEqual([]);
    expect(JSON.stringify(pinned[0]?.object)).not.toContain('sha256');
  });
});

describe('bundle forgeries', () => {
  const bundle =
    (statement: Omit<Statement, 'digest'>, options?: Bundle) => (registry: MemoryRegistry, digest: Digest) =>
      registry.bundle(digest, bundleOf(statementOf({ digest, ...statement }), options));
  const subject = (value: unknown) => bundle({ subject: value });
  it.each<Row>([
    [
      'signed by a stranger',
      'IMAGE_SIGNATURE_OTHER_KEY',
      bundle({}, { key: stranger, material: { publicKey: { hint: '' } } }),
    ],
    ['signed by a stranger who names the trusted key', 'IMAGE_SIGNATURE_INVALID', bundle({}, { key: stranger })],
    [
      'payload changed after signing',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => {
        const envelope = { payload: Buffer.from(statementOf({ digest })).toString('base64') };
        registry.bundle(digest, bundleOf(statementOf({ digest: otherDigest }), { envelope }));
      },
    ],
    [
      'replayed from another digest',
      'IMAGE_SIGNATURE_OTHER_DIGEST',
      (registry, digest) => registry.bundle(digest, bundleOf(statementOf({ digest: otherDigest }))),
    ],
    ['provenance', 'IMAGE_NOT_A_SIGNATURE', bundle({ predicateType: 'https://slsa.dev/provenance/v1' })],
    [
      'a predicate type that begins alike',
      'IMAGE_NOT_A_SIGNATURE',
      bundle({ predicateType: 'https://sigstore.dev/cosign/sign/v10' }),
    ],
    ['no predicate type', 'IMAGE_SIGNATURE_INVALID', bundle({ more: { predicateType: undefined } })],
    [
      'two predicate types',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) =>
        registry.bundle(
          digest,
          bundleOf(statementOf({ digest }).replace('"predicateType"', '"predicateType":"x","predicateType"')),
        ),
    ],
    ['another payload type', 'IMAGE_NOT_A_SIGNATURE', bundle({}, { payloadType: 'application/json' })],
    [
      'payload type changed after signing',
      'IMAGE_SIGNATURE_INVALID',
      bundle({}, { payloadType: 'application/vnd.in-toto+json', signedType: 'application/json' }),
    ],
    ['another statement type', 'IMAGE_SIGNATURE_INVALID', bundle({ more: { _type: 'https://in-toto.io/Link/v1' } })],
    ['unknown field of the statement', 'IMAGE_SIGNATURE_INVALID', bundle({ more: { extra: 1 } })],
    ['subject null', 'IMAGE_SIGNATURE_INVALID', subject(null)],
    ['no subjects', 'IMAGE_SIGNATURE_INVALID', subject([])],
    ['subject an object', 'IMAGE_SIGNATURE_INVALID', subject({ 0: { digest: {} }, length: 1 })],
    ['a null among the subjects', 'IMAGE_SIGNATURE_INVALID', subject([null])],
    ['subject without digest', 'IMAGE_SIGNATURE_INVALID', subject([{ name: 'registry.example/team/app' }])],
    [
      'a subject too many',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) =>
        registry.bundle(
          digest,
          bundleOf(statementOf({ subject: new Array(1025).fill({ digest: { sha256: digest.slice(7) } }) })),
        ),
    ],
    [
      'sha512 under the name of sha256',
      'IMAGE_SIGNATURE_OTHER_DIGEST',
      (registry, digest) =>
        registry.bundle(digest, bundleOf(statementOf({ subject: [{ digest: { sha512: digest.slice(7) } }] }))),
    ],
    [
      'the digest as the name',
      'IMAGE_SIGNATURE_OTHER_DIGEST',
      (registry, digest) =>
        registry.bundle(
          digest,
          bundleOf(statementOf({ subject: [{ name: digest, digest: { sha256: 'c'.repeat(64) } }] })),
        ),
    ],
    [
      'a certificate in place of the key',
      'IMAGE_SIGNATURE_INVALID',
      bundle({}, { material: { certificate: { rawBytes: 'AAAA' } } }),
    ],
    [
      'a chain in place of the key',
      'IMAGE_SIGNATURE_INVALID',
      bundle({}, { material: { x509CertificateChain: { certificates: [] } } }),
    ],
    [
      'key and certificate',
      'IMAGE_SIGNATURE_INVALID',
      bundle({}, { material: { publicKey: { hint: fingerprint }, certificate: { rawBytes: 'AAAA' } } }),
    ],
    ['neither key nor certificate', 'IMAGE_SIGNATURE_INVALID', bundle({}, { material: {} })],
    [
      'the key itself in the bundle',
      'IMAGE_SIGNATURE_INVALID',
      bundle({}, { key: stranger, material: { publicKey: { hint: '', rawBytes: 'AAAA' } } }),
    ],
    ['unknown field of the bundle', 'IMAGE_SIGNATURE_INVALID', bundle({}, { more: { extra: 1 } })],
    [
      'version 0.4',
      'IMAGE_SIGNATURE_INVALID',
      bundle({}, { more: { mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.4' } }),
    ],
    [
      'a message signature',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => {
        const messageSignature = {
          messageDigest: { algorithm: 'SHA2_256', digest: Buffer.from(digest.slice(7), 'hex').toString('base64') },
          signature: signature(Buffer.from(digest.slice(7), 'hex')),
        };
        registry.bundle(digest, {
          mediaType: bundleType,
          verificationMaterial: { publicKey: { hint: fingerprint } },
          messageSignature,
        });
      },
    ],
    [
      'a message signature beside the envelope',
      'IMAGE_SIGNATURE_INVALID',
      bundle({}, { more: { messageSignature: {} } }),
    ],
    ['no signature in the envelope', 'IMAGE_SIGNATURE_INVALID', bundle({}, { envelope: { signatures: [] } })],
    [
      'two signatures in the envelope',
      'IMAGE_SIGNATURE_INVALID',
      bundle({}, { envelope: { signatures: [{ sig: 'AAAA' }, { sig: 'AAAA' }] } }),
    ],
    ['payload in base64 for URLs', 'IMAGE_SIGNATURE_INVALID', bundle({}, { envelope: { payload: '-_-_' } })],
    [
      'payload with a newline',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) =>
        registry.bundle(
          digest,
          bundleOf(statementOf({ digest }), {
            envelope: { payload: `${Buffer.from(statementOf({ digest })).toString('base64')}\n` },
          }),
        ),
    ],
    [
      'the payload twice',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) =>
        registry.bundle(
          digest,
          JSON.stringify(bundleOf(statementOf({ digest }))).replace('"payload"', '"payload":"AAAA","payload"'),
        ),
    ],
    ['not JSON', 'IMAGE_SIGNATURE_INVALID', (registry, digest) => registry.bundle(digest, 'MIIB')],
    [
      'a referrer of another subject',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => registry.bundle(otherDigest, bundleOf(statementOf({ digest }))),
    ],
    [
      'a referrer without subject',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => registry.bundle(digest, bundleOf(statementOf({ digest })), { subject: null }),
    ],
    [
      'two layers, one of them good',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => {
        const text = JSON.stringify(bundleOf(statementOf({ digest })));
        const layer = { mediaType: bundleType, digest: registry.put(text), size: text.length };
        registry.bundle(digest, text, { layers: [layer, layer] });
      },
    ],
    [
      'a layer of version 0.4',
      'IMAGE_SIGNATURE_INVALID',
      (registry, digest) => {
        const text = JSON.stringify(bundleOf(statementOf({ digest })));
        registry.bundle(digest, text, {
          layers: [
            {
              mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.4',
              digest: registry.put(text),
              size: text.length,
            },
          ],
        });
      },
    ],
    [
      'an SBOM that refers to the image',
      'IMAGE_UNSIGNED',
      (registry, digest) =>
        registry.bundle(digest, '{}', {
          layers: [{ mediaType: 'application/spdx+json', digest: registry.put('{}'), size: 2 }],
          artifactType: bundleType,
        }),
    ],
    [
      'annotations that claim a signature',
      'IMAGE_UNSIGNED',
      (registry, digest) => {
        const annotations = { 'dev.sigstore.bundle.predicateType': 'https://sigstore.dev/cosign/sign/v1' };
        registry.bundle(digest, '{}', { layers: [], annotations, artifactType: bundleType });
      },
    ],
  ])('%s: %s', async (_, code, arrange) => {
    const { codes, images } = await verdictOn(arrange);
    expect(codes).toEqual([`deny ${code}`]);
    expect(images).toEqual([]);
  });

  it('reads a payload of megabytes without trouble', async () => {
    const more = { predicate: { padding: 'a'.repeat(4_000_000) } };
    const { codes } = await verdictOn((registry, digest) =>
      registry.bundle(digest, bundleOf(statementOf({ digest, more }))),
    );
    expect(codes).toEqual([]);
  });
});

describe('floods', () => {
  const limits = { limits: { signatures: 5, referrers: 5 } };
  const layers = (digest: Digest, count: number) => new Array<LegacyLayer>(count).fill(layerOf(payloadOf(digest)));

  it('as many as the bound are read, one more denies and tells count and bound', async () => {
    expect((await verdictOn((registry, digest) => registry.legacy(digest, layers(digest, 5)), limits)).codes).toEqual(
      [],
    );
    const over = await verdictOn((registry, digest) => registry.legacy(digest, layers(digest, 6)), limits);
    expect(over.codes).toEqual(['deny IMAGE_TOO_MANY_SIGNATURES']);
    expect(over.findings[0]?.message).toMatch(/6 signatures .* images\.limits\.signatures is 5/);
  });

  it('the same for referrers', async () => {
    const refer = (count: number) => (registry: MemoryRegistry, digest: Digest) => {
      for (let i = 1; i < count; i++) registry.bundle(digest, '{}', { annotations: { i } });
      registry.bundle(digest, bundleOf(statementOf({ digest })));
    };
    expect((await verdictOn(refer(5), limits)).codes).toEqual([]);
    const over = await verdictOn(refer(6), limits);
    expect(over.codes).toEqual(['deny IMAGE_TOO_MANY_SIGNATURES']);
    expect(over.findings[0]?.message).toMatch(/6 manifests .* images\.limits\.referrers is 5/);
  });

  it('a flood of one format does not starve the other', async () => {
    const both = await verdictOn((registry, digest) => {
      registry.legacy(digest, layers(digest, 100));
      registry.bundle(digest, bundleOf(statementOf({ digest })));
    }, limits);
    expect(both.codes).toEqual([]);
  });

  it('a payload over the bound denies', async () => {
    const result = await verdictOn((registry, digest) => registry.legacy(digest, [layerOf(payloadOf(digest))]), {
      limits: { signatureBytes: 100 },
    });
    expect(result.codes).toEqual(['deny IMAGE_SIGNATURE_INVALID']);
    expect(result.findings[0]?.message).toContain('images.limits.signatureBytes is 100');
  });
});

describe('a blob that cosign signed is no image signature', () => {
  it('though its bytes are those of one, of type "release notes"', async () => {
    using cosign = openCosign();
    const key = await cosign.key();
    const byCosign = await trustOf({ keys: [key.publicPem] });
    const arrange = async (registry: MemoryRegistry, type?: string) => {
      const digest = registry.image('v1');
      const payload = payloadOf(digest, type);
      registry.legacy(digest, [{ payload, signature: await cosign.signBlob(Buffer.from(payload), key) }]);
    };
    for (const [type, codes] of [
      ['release notes', ['deny IMAGE_NOT_A_SIGNATURE']],
      [undefined, []],
    ] as const) {
      const registry = new MemoryRegistry();
      await arrange(registry, type);
      expect((await checked(podsWith(reference), { trust: byCosign, registry })).codes).toEqual(codes);
    }
  });
});

describe('a registry that cannot be relied on', () => {
  const signed = () => {
    const registry = new MemoryRegistry();
    const digest = registry.image('v1');
    // With something added to it, for any other payload is known before it is asked for.
    registry.legacy(digest, [layerOf(payloadOf(digest).replace('null', '{"build":"7"}'))]);
    return { registry, digest };
  };
  const without = (changes: Partial<Registry>) => {
    const { registry, digest } = signed();
    return { registry: Object.assign(registry, changes), digest };
  };
  const broken = async () => {
    throw new Error('broken\nby design');
  };

  it.each<[string, Partial<Registry>, string]>([
    ['throws on tags', { resolveTag: broken }, 'error IMAGE_UNVERIFIABLE'],
    [
      'throws before it returns a promise',
      {
        resolveTag: () => {
          throw new Error('at once');
        },
      },
      'error IMAGE_UNVERIFIABLE',
    ],
    ['throws on manifests', { manifest: broken }, 'error IMAGE_UNVERIFIABLE'],
    ['throws on blobs', { blob: broken }, 'error IMAGE_UNVERIFIABLE'],
    ['answers nothing for a tag', { resolveTag: async () => undefined }, 'deny IMAGE_NOT_FOUND'],
    ['answers null for a tag', { resolveTag: async () => null as never }, 'error IMAGE_UNVERIFIABLE'],
    [
      'answers no manifests and null for referrers',
      { manifest: async () => undefined, referrers: async () => null as never },
      'error IMAGE_UNVERIFIABLE',
    ],
    ['answers no blobs', { blob: async () => undefined }, 'deny IMAGE_SIGNATURE_INVALID'],
    [
      'says that the tag is a text',
      { resolveTag: async () => ({ digest: otherDigest, mediaType: 'text/html', size: 1 }) },
      'error IMAGE_UNVERIFIABLE',
    ],
    [
      'says that the tag is schema 1',
      {
        resolveTag: async () => ({
          digest: otherDigest,
          mediaType: 'application/vnd.docker.distribution.manifest.v1+prettyjws',
          size: 1,
        }),
      },
      'error IMAGE_UNVERIFIABLE',
    ],
    [
      'answers a malformed digest',
      {
        resolveTag: async () => ({
          digest: 'sha256:x' as Digest,
          mediaType: 'application/vnd.oci.image.index.v1+json',
          size: 1,
        }),
      },
      'deny IMAGE_DIGEST_INVALID',
    ],
    [
      'answers another blob',
      { blob: async () => ({ digest: otherDigest, mediaType: '', bytes: Buffer.from('{}') }) },
      'error IMAGE_UNVERIFIABLE',
    ],
  ])('%s', async (_, changes, code) => {
    const { registry } = without(changes);
    const result = await checked(podsWith(reference), { trust, registry });
    expect(result.codes).toEqual([code]);
    expect(result.images).toEqual([]);
    expect(result.findings[0]?.message).not.toMatch(/\n/);
  });

  it('that does not have the digest at all is told apart from one whose image is unsigned', async () => {
    const mistaken = podsWith(`ghcr.io/org/app@${otherDigest}`);
    const { registry } = signed();
    expect((await checked(mistaken, { trust, registry })).codes).toEqual(['deny IMAGE_NOT_FOUND']);
    const unsigned = new MemoryRegistry();
    const present = podsWith(`ghcr.io/org/app@${unsigned.image('v1')}`);
    expect((await checked(present, { trust, registry: unsigned })).codes).toEqual(['deny IMAGE_UNSIGNED']);
    // One that cannot say is believed in what it said before.
    const { registry: silent } = signed();
    const { manifest } = silent;
    silent.manifest = async (repository: Parameters<typeof manifest>[0], name: string) =>
      name === otherDigest ? await broken() : await manifest.call(silent, repository, name);
    expect((await checked(mistaken, { trust, registry: silent })).codes).toEqual(['deny IMAGE_UNSIGNED']);
  });

  it('that fails on referrers does not take back a good legacy signature', async () => {
    const { registry } = without({ referrers: broken });
    expect((await checked(podsWith(reference), { trust, registry })).codes).toEqual([]);
  });

  it.each(['resolveTag', 'manifest', 'blob', 'referrers'] as const)(
    'hangs for ever in %s: the deadline denies',
    async (method) => {
      const { registry } = without({ [method]: () => new Promise(() => {}) });
      const deadline = new AbortController();
      // Of a policy that has seen no image yet, all places are asked.
      const unused = await trustOf({ keys: [publicPem] });
      const running = checked(podsWith(reference), { trust: unused, registry }, deadline.signal);
      setImmediate(() => deadline.abort(new Error('too late')));
      const { outcome, pinned } = await running;
      expect(outcome).toMatchObject({ kind: 'errored', error: { code: 'CHECK_TIMEOUT' } });
      expect(JSON.stringify(pinned[0]?.object)).not.toContain('sha256');
    },
  );

  it('is not asked at all after the deadline', async () => {
    const { registry } = signed();
    const { outcome } = await checked(podsWith(reference), { trust, registry }, AbortSignal.abort());
    expect(outcome).toMatchObject({ kind: 'errored', error: { code: 'CHECK_TIMEOUT' } });
    expect(registry.asked).toEqual([]);
  });

  it('moves the tag between two questions: it is asked once, and the digest that was verified is written', async () => {
    const { registry, digest } = signed();
    let answers = 0;
    registry.resolveTag = async () => {
      answers += 1;
      return {
        digest: answers === 1 ? digest : otherDigest,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        size: 1,
      };
    };
    const { pinned, codes } = await checked(podsWith(reference, reference, 'REGISTRY.example./team/app:v1'), {
      trust,
      registry,
    });
    expect(codes).toEqual([]);
    expect(answers).toBe(1);
    for (const manifest of pinned) expect(JSON.stringify(manifest.object)).toContain(`${reference}@${digest}`);
  });
});
