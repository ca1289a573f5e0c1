import { cose, jws, keyKinds, target } from '../support.ts';
import { ago, always, authority, exact, type Row, scheme, signed, stamped, strict, x509 } from './row.ts';

export const honest: readonly Row[] = [
  ...[jws, cose].flatMap((mediaType) =>
    keyKinds.map((key) => ({
      name: `${key} in ${mediaType}`,
      ask: signed(key, {}, { mediaType }),
      ours: 'verified',
    })),
  ),
  { name: 'a signer right below the root', ask: signed('direct'), ours: 'verified' },
  { name: 'a signer that issued itself and is trusted', ask: signed('alone'), ours: 'verified' },
  {
    name: 'an intermediate authority as the only trusted one',
    ask: signed('ec256', {}, { document: exact({ trustStores: ['ca:middle'] }) }),
    ours: 'verified',
  },
  { name: 'no extended key usage', ask: signed('no-eku'), ours: 'verified' },
  { name: 'an extended key usage of their own besides', ask: signed('private-eku'), ours: 'verified' },
  { name: 'non-repudiation besides', ask: signed('non-repudiation'), ours: 'verified' },
  { name: 'an expiry to come (JWS)', ask: () => signed('ec256', { expiry: ago(-1) })(), ours: 'verified' },
  {
    name: 'an expiry to come (COSE)',
    ask: () => signed('ec256', { expiry: ago(-1) }, { mediaType: cose })(),
    ours: 'verified',
  },
  {
    name: 'user metadata',
    ask: signed('ec256', { payload: JSON.stringify({ targetArtifact: { ...target, annotations: { build: '7' } } }) }),
    ours: 'verified',
  },
  {
    name: 'an attribute that is not critical',
    ask: signed('ec256', { attributes: [{ key: 'note', value: 'x', critical: false }] }),
    ours: 'verified',
  },
  {
    name: 'a trusted identity',
    ask: signed('ec256', {}, { document: exact({ trustedIdentities: [x509('other'), x509('ec256')] }) }),
    ours: 'verified',
  },
  {
    name: 'an identity by a part of the name',
    ask: signed('ec256', {}, { document: exact({ trustedIdentities: ['x509.subject: O=acme, S=WA, C=US'] }) }),
    ours: 'verified',
  },
  {
    name: 'an identity with escapes',
    ask: signed(
      'one-unit',
      {},
      { document: exact({ trustedIdentities: ['x509.subject:C=US,ST=WA,O=acme,OU=one\\, or \\232'] }) },
    ),
    ours: 'verified',
  },
  {
    name: 'the scope of all repositories',
    ask: signed('ec256', {}, { document: exact({ registryScopes: ['*'] }) }),
    ours: 'verified',
  },
  {
    name: 'a signing authority (JWS)',
    ask: signed('ec256', scheme(authority), { document: exact({ trustStores: ['signingAuthority:acme'] }) }),
    ours: 'verified',
  },
  {
    name: 'a signing authority (COSE)',
    ask: signed('ec256', scheme(authority), {
      mediaType: cose,
      document: exact({ trustStores: ['signingAuthority:acme'] }),
    }),
    ours: 'verified',
  },
  {
    name: 'a signing authority, and a certificate that has expired since',
    ask: () =>
      signed(
        'expired',
        { ...scheme(authority), signingTime: ago(5) },
        { document: exact({ trustStores: ['signingAuthority:acme'] }) },
      )(),
    ours: 'verified',
  },
  {
    name: 'a timestamp (JWS)',
    ask: signed('rsa2048', { authority: 'clock' }, { document: exact(always) }),
    ours: 'verified',
  },
  {
    name: 'a timestamp (COSE)',
    ask: signed('ec384', { authority: 'clock' }, { mediaType: cose, document: exact(always) }),
    ours: 'verified',
  },
  {
    name: 'a timestamp by an elliptic key',
    ask: signed('ec521', { authority: 'ec-clock' }, { document: exact(always) }),
    ours: 'verified',
  },
  {
    name: 'a certificate that expired after the timestamp',
    ask: () => stamped('expired', { authority: 'clock', time: ago(5) }, { document: exact(always) })(),
    ours: 'verified',
  },
  {
    name: 'the same where timestamps count after expiry only',
    ask: () =>
      stamped(
        'expired',
        { authority: 'clock', time: ago(5) },
        {
          document: exact({
            ...always,
            signatureVerification: { level: 'strict', verifyTimestamp: 'afterCertExpiry' },
          }),
        },
      )(),
    ours: 'verified',
  },
  {
    name: 'no timestamp where none is needed yet',
    ask: signed(
      'ec256',
      {},
      {
        document: exact({ ...always, signatureVerification: { level: 'strict', verifyTimestamp: 'afterCertExpiry' } }),
      },
    ),
    ours: 'verified',
  },
  { name: 'a timestamp that nobody asks for', ask: signed('ec256', { authority: 'foreign-clock' }), ours: 'verified' },
  {
    name: 'a current list that does not name the signer',
    ask: signed('listed-signer', {}, { lists: ['empty'] }),
    ours: 'verified',
  },
  { name: 'a signer taken off the list', ask: signed('listed-signer', {}, { lists: ['removed'] }), ours: 'verified' },
  {
    name: 'an unknown revocation that is skipped',
    ask: signed('listed-signer', {}, { document: exact(strict({ revocation: 'skip' })) }),
    ours: 'verified',
  },
  {
    name: 'an unknown revocation that is logged',
    ask: signed('listed-signer', {}, { document: exact({ signatureVerification: { level: 'permissive' } }) }),
    ours: 'verified',
  },
  {
    name: 'an expired signature under permissive',
    ask: () =>
      signed(
        'ec256',
        { signingTime: ago(0.9), expiry: ago(0.1) },
        { document: exact({ signatureVerification: { level: 'permissive' } }) },
      )(),
    ours: 'verified',
  },
  {
    name: 'an expired certificate under permissive',
    ask: () =>
      signed(
        'expired',
        { signingTime: ago(5) },
        { document: exact({ signatureVerification: { level: 'permissive' } }) },
      )(),
    ours: 'verified',
  },
  {
    name: 'a stranger under audit',
    ask: signed('foreign', {}, { document: exact({ signatureVerification: { level: 'audit' } }) }),
    ours: 'tolerated',
  },
  {
    name: 'a trusted signer under audit',
    ask: signed('ec256', {}, { document: exact({ signatureVerification: { level: 'audit' } }) }),
    ours: 'verified',
  },
  {
    name: 'level skip',
    ask: signed(
      'ec256',
      {},
      { document: exact({ signatureVerification: { level: 'skip' }, trustStores: [], trustedIdentities: [] }) },
    ),
    ours: 'skip',
  },
];
