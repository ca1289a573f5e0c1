/** Images in a real registry, each signed in another way, by whom and how its name says. */
import { parseDigest } from '../../../src/core/image.ts';
import { type PushedImage, pushImage } from '../registry.ts';
import { putBundle, putLayers } from '../registry-objects.ts';
import {
  type KeyPair,
  type Layer,
  type MockSigstore,
  signedAt,
  signStatement,
  simplePayload,
  statement,
} from '../sigstore/mock.ts';

export const provenance = 'https://slsa.dev/provenance/v0.2';
export const sbom = 'https://spdx.dev/Document';
export const issuer = 'https://issuer.example';
export const otherIssuer = 'https://ci.example';
export const dev = 'dev@example.com';
export const ops = 'ops@example.com';

export interface Signers {
  readonly sigstore: MockSigstore;
  readonly stranger: MockSigstore;
  readonly key: KeyPair;
  readonly otherKey: KeyPair;
}

const otherDigest = parseDigest(`sha256:${'b'.repeat(64)}`);
/** The certificate was valid for ten minutes from `signedAt`. */
const afterwards = new Date(signedAt.getTime() + 3_600_000);

type Sign = (image: PushedImage, signers: Signers, host: string) => Promise<void>;

const predicate = (builder: string) => ({
  builder: { id: builder },
  buildType: 'https://build.example/v1',
  invocation: {},
  materials: [],
});

async function legacy(image: PushedImage, ...layers: Layer[]): Promise<void> {
  await putLayers(image, layers);
}
async function attested(image: PushedImage, ...layers: Layer[]): Promise<void> {
  await putLayers(image, layers, 'att');
}

const ways: Readonly<Record<string, Sign>> = {
  unsigned: async () => {},
  'by-key': (image, { sigstore, key }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: key, log: 'none' })),
  'by-other-key': (image, { sigstore, otherKey }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: otherKey, log: 'none' })),
  'by-both-keys': (image, { sigstore, key, otherKey }) =>
    legacy(image, ...[otherKey, key].map((signer) => sigstore.legacySignature(image.digest, { signer, log: 'none' }))),
  'by-key-logged': (image, { sigstore, key }) => legacy(image, sigstore.legacySignature(image.digest, { signer: key })),
  'by-key-logged-elsewhere': (image, { sigstore, stranger, key }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: key, log: stranger.rekor })),
  'by-key-stamped': (image, { sigstore, key }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: key, log: 'none', timestamp: true })),
  'by-key-logged-stamped': (image, { sigstore, key }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: key, timestamp: true })),
  'by-key-sha512': (image, { sigstore, key }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: key, log: 'none', hash: 'sha512' })),
  'by-key-other-digest': (image, { sigstore, key }) =>
    legacy(image, sigstore.legacySignature(otherDigest, { signer: key, log: 'none' })),
  'by-key-other-type': (image, { sigstore, key }) =>
    legacy(
      image,
      sigstore.legacySignature(
        Buffer.from(
          simplePayload(image.digest).toString().replace('cosign container image signature', 'release notes'),
        ),
        { signer: key, log: 'none' },
      ),
    ),
  'by-key-bundle': (image, { sigstore, key }) =>
    putBundle(image, sigstore.bundle(signStatement(image.digest), { signer: key, log: 'none' })),
  'by-key-elsewhere': async (image, { sigstore, key }, host) => {
    const holder = await pushImage(host, 'oracle/signatures', 'v1', image.repository);
    await legacy(
      { ...holder, digest: image.digest },
      sigstore.legacySignature(image.digest, { signer: key, log: 'none' }),
    );
  },
  'by-key-and-keyless': async (image, { sigstore, key }) =>
    legacy(
      image,
      sigstore.legacySignature(image.digest, { signer: key, log: 'none' }),
      sigstore.legacySignature(image.digest, { signer: await sigstore.certificate() }),
    ),
  'keyless-bundle': async (image, { sigstore }) =>
    putBundle(image, sigstore.bundle(signStatement(image.digest), { signer: await sigstore.certificate() })),
  'keyless-bundle-stamped': async (image, { sigstore }) =>
    putBundle(
      image,
      sigstore.bundle(signStatement(image.digest), {
        signer: await sigstore.certificate(),
        log: 'none',
        timestamp: true,
      }),
    ),
  'attested-keyless-bundle': async (image, { sigstore }) =>
    putBundle(
      image,
      sigstore.bundle(statement(image.digest, provenance, predicate('https://builder.example')), {
        signer: await sigstore.certificate(),
      }),
    ),
  keyless: async (image, { sigstore }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: await sigstore.certificate() })),
  'keyless-ops': async (image, { sigstore }) =>
    legacy(
      image,
      sigstore.legacySignature(image.digest, { signer: await sigstore.certificate({ names: [{ email: ops }] }) }),
    ),
  'keyless-other-issuer': async (image, { sigstore }) =>
    legacy(
      image,
      sigstore.legacySignature(image.digest, { signer: await sigstore.certificate({ issuer: otherIssuer }) }),
    ),
  'keyless-ops-other-issuer': async (image, { sigstore }) =>
    legacy(
      image,
      sigstore.legacySignature(image.digest, {
        signer: await sigstore.certificate({ names: [{ email: ops }], issuer: otherIssuer }),
      }),
    ),
  'keyless-stranger': async (image, { stranger }) =>
    legacy(image, stranger.legacySignature(image.digest, { signer: await stranger.certificate() })),
  'keyless-without-sct': async (image, { sigstore }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: await sigstore.certificate({ sct: 'none' }) })),
  'keyless-not-logged': async (image, { sigstore }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: await sigstore.certificate(), log: 'none' })),
  'keyless-stamped': async (image, { sigstore }) =>
    legacy(
      image,
      sigstore.legacySignature(image.digest, { signer: await sigstore.certificate(), log: 'none', timestamp: true }),
    ),
  'keyless-too-late': async (image, { sigstore }) =>
    legacy(image, sigstore.legacySignature(image.digest, { signer: await sigstore.certificate(), at: afterwards })),
  'keyless-for-servers': async (image, { sigstore }) =>
    legacy(
      image,
      sigstore.legacySignature(image.digest, { signer: await sigstore.certificate({ usages: ['1.3.6.1.5.5.7.3.1'] }) }),
    ),
  'attested-by-key': (image, { sigstore, key }) =>
    attested(
      image,
      sigstore.legacyAttestation(statement(image.digest, provenance, predicate('https://builder.example')), {
        signer: key,
        log: 'none',
      }),
    ),
  'attested-by-key-other-builder': (image, { sigstore, key }) =>
    attested(
      image,
      sigstore.legacyAttestation(statement(image.digest, provenance, predicate('https://laptop.example')), {
        signer: key,
        log: 'none',
      }),
    ),
  'attested-by-key-sbom': (image, { sigstore, key }) =>
    attested(
      image,
      sigstore.legacyAttestation(statement(image.digest, sbom, { spdxVersion: 'SPDX-2.3' }), {
        signer: key,
        log: 'none',
      }),
    ),
  'attested-by-key-twice': (image, { sigstore, key }) =>
    attested(
      image,
      sigstore.legacyAttestation(statement(image.digest, provenance, predicate('https://builder.example')), {
        signer: key,
        log: 'none',
      }),
      sigstore.legacyAttestation(statement(image.digest, sbom, { spdxVersion: 'SPDX-2.3' }), {
        signer: key,
        log: 'none',
      }),
    ),
  'attested-by-other-key': (image, { sigstore, otherKey }) =>
    attested(
      image,
      sigstore.legacyAttestation(statement(image.digest, provenance, predicate('https://builder.example')), {
        signer: otherKey,
        log: 'none',
      }),
    ),
  'attested-other-digest': (image, { sigstore, key }) =>
    attested(
      image,
      sigstore.legacyAttestation(statement(otherDigest, provenance, predicate('https://builder.example')), {
        signer: key,
        log: 'none',
      }),
    ),
  'attested-keyless': async (image, { sigstore }) =>
    attested(
      image,
      sigstore.legacyAttestation(statement(image.digest, provenance, predicate('https://builder.example')), {
        signer: await sigstore.certificate(),
      }),
    ),
};

/** Pushes one image for every way of signing, by the name of the way. */
export async function pushSigned(host: string, signers: Signers): Promise<ReadonlyMap<string, PushedImage>> {
  const images = new Map<string, PushedImage>();
  for (const [name, sign] of Object.entries(ways)) {
    const image = await pushImage(host, `oracle/${name}`, 'v1');
    await sign(image, signers, host);
    images.set(name, image);
  }
  return images;
}
