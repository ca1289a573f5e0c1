import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePublicKey } from '../../../../src/checks/images/policy/key.ts';
import type { SignedName, TrustRoot } from '../../../../src/checks/images/policy/model.ts';
import { shippedPublicGood } from '../../../../src/checks/images/policy/public-good.ts';
import { fromSignatureLayer } from '../../../../src/checks/images/verify/signed-object.ts';
import { type Digest, parseImageReference } from '../../../../src/core/image.ts';
import { moduleFolder } from '../../../support/go-modules.ts';
import { byKey, judged, keyless, verdict } from './judging.ts';

/** What containers/image signs and verifies in its own tests; a Go module, of which nothing is kept here. */
const folder = join(await moduleFolder('go.podman.io/image/v5@v5.38.0'), 'signature/fixtures');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');
const key = parsePublicKey(read('cosign.pub'));
const otherKey = parsePublicKey(read('cosign2.pub'));

function layer(name: string) {
  // A header ends with a newline; the JSON of one layer follows.
  const { payload, annotations } = JSON.parse(read(`dir-img-cosign-${name}/signature-1`).replace(/^.*\n/, '')) as {
    payload: string;
    annotations: Record<string, string>;
  };
  const bytes = Buffer.from(payload, 'base64');
  const claimed = JSON.parse(bytes.toString()) as { critical: { image: { 'docker-manifest-digest': Digest } } };
  const wanted = { digest: claimed.critical.image['docker-manifest-digest'], claim: { kind: 'signature' } } as const;
  return { object: fromSignatureLayer(annotations, bytes, name), wanted };
}

describe('signatures that others made', () => {
  it('keyless, of 2023, by the shipped root of the public-good instance', async () => {
    const { root } = await shippedPublicGood();
    const { object, wanted } = layer('fulcio-rekor-valid');
    const identities = [{ issuer: { equal: 'https://github.com/login/oauth' }, subject: { equal: 'mitr@redhat.com' } }];
    expect(await judged(object, keyless(root, { identities }), wanted)).toMatchObject({
      kind: 'verified',
      times: [{ by: 'log', at: 1674247893000 }],
    });
    expect(await verdict(object, keyless(root), wanted)).toBe('8 identity');
  });

  it('by a key, and in the log', async () => {
    const { root } = await shippedPublicGood();
    const { object, wanted } = layer('key-rekor-valid');
    const log = { demand: 'required', roots: root } as const;
    expect(await verdict(object, byKey({ publicKey: otherKey.key }, { log }), wanted)).toBe('verified');
    expect(await verdict(object, byKey({ publicKey: key.key }, { log }), wanted)).toBe('4 other-key');
    const other = layer('valid');
    expect(await verdict(other.object, byKey({ publicKey: key.key }, { log }), other.wanted)).toBe('5 log');
  });

  it.each<[string, SignedName, string]>([
    ['192.168.64.2:5000/skopeo-signed:tag', { type: 'matchExact' }, 'verified'],
    ['192.168.64.2:5000/skopeo-signed:other', { type: 'matchExact' }, '9 other-name'],
    ['192.168.64.2:5000/skopeo-signed:other', { type: 'matchRepository' }, 'verified'],
    ['192.168.64.2:5000/other:tag', { type: 'matchRepository' }, '9 other-name'],
    ['192.168.64.2:5000/skopeo-signed:tag', { type: 'matchRepoDigestOrExact' }, 'verified'],
    ['192.168.64.2:5000/skopeo-signed', { type: 'matchRepoDigestOrExact' }, '9 other-name'],
    ['192.168.64.2:5000/skopeo-signed@DIGEST', { type: 'matchRepoDigestOrExact' }, 'verified'],
    ['192.168.64.2:5000/skopeo-signed@DIGEST', { type: 'matchExact' }, '9 other-name'],
    ['mirror.example/x', { type: 'exactReference', value: '192.168.64.2:5000/skopeo-signed:tag' }, 'verified'],
    ['mirror.example/x', { type: 'exactReference', value: '192.168.64.2:5000/skopeo-signed:old' }, '9 other-name'],
    ['mirror.example/x', { type: 'exactRepository', value: '192.168.64.2:5000/skopeo-signed' }, 'verified'],
    ['mirror.example/x', { type: 'exactRepository', value: '192.168.64.2:5000/skopeo' }, '9 other-name'],
    [
      'mirror.example/skopeo-signed:tag',
      { type: 'remapIdentity', prefix: 'mirror.example', signedPrefix: '192.168.64.2:5000' },
      'verified',
    ],
    [
      'mirror.example.evil/skopeo-signed:tag',
      { type: 'remapIdentity', prefix: 'mirror.example', signedPrefix: '192.168.64.2:5000' },
      '9 other-name',
    ],
  ])('by a key for a name: %s by %j', async (image, signedName, expected) => {
    const { object, wanted } = layer('valid-with-tag');
    const reference = parseImageReference(image.replace('DIGEST', wanted.digest));
    expect(await verdict(object, byKey({ publicKey: key.key }, { signedName }), { ...wanted, reference })).toBe(
      expected,
    );
  });

  it('by a key for a name without a tag, which is no exact match', async () => {
    const { object, wanted } = layer('valid');
    const reference = parseImageReference('192.168.64.2:5000/cosign-signed-single-sample:latest');
    const by = (signedName: SignedName) =>
      verdict(object, byKey({ publicKey: key.key }, { signedName }), { ...wanted, reference });
    expect(await by({ type: 'matchRepository' })).toBe('verified');
    expect(await by({ type: 'matchExact' })).toBe('9 other-name');
  });

  it('of a private authority, whose certificate says nothing of code: stricter than its maker', async () => {
    const { raw } = new X509Certificate(read('pki_root_crts.pem'));
    const authority = {
      certChain: { certificates: [{ rawBytes: raw.toString('base64') }] },
      validFor: { start: '2024-01-01T00:00:00Z' },
    };
    const roots: TrustRoot = {
      name: 'pki',
      digest: '',
      json: { certificateAuthorities: [authority], tlogs: [], ctlogs: [], timestampAuthorities: [] },
    };
    const { object, wanted } = layer('pki-valid');
    const policy = keyless(roots, { identities: [], sct: 'ignored', log: { demand: 'ignored' } });
    expect(await verdict(object, policy, wanted)).toBe('7 usage');
  });
});
