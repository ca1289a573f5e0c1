import { ago, always, authority, exact, type Row, signed, stamped, strict } from './row.ts';

export const revocation: readonly Row[] = [
  {
    name: 'a revoked signer',
    ask: signed('listed-signer', {}, { lists: ['full'] }),
    ours: 'rejected revoked revocation',
  },
  {
    name: 'a signer whose certificate is on hold',
    ask: signed('listed-signer', {}, { lists: ['hold'] }),
    ours: 'rejected revoked revocation',
  },
  {
    name: 'a revoked intermediate authority',
    ask: signed('listed-deep', {}, { lists: ['full'] }),
    ours: 'rejected revoked revocation',
  },
  { name: 'no list', ask: signed('listed-signer'), ours: 'rejected not-evaluated revocation' },
  {
    name: 'an outdated list',
    ask: signed('listed-signer', {}, { lists: ['stale'] }),
    ours: 'rejected not-evaluated revocation',
  },
  {
    name: 'a list by somebody of the same name',
    ask: signed('listed-signer', {}, { lists: ['impostor'] }),
    ours: 'rejected not-evaluated revocation',
  },
  {
    name: 'an outdated list beside a current one',
    ask: signed('listed-signer', {}, { lists: ['empty', 'stale'] }),
    ours: 'verified',
  },
  {
    name: 'a list that acquits beside one that accuses',
    ask: signed('listed-signer', {}, { lists: ['full', 'empty'] }),
    ours: 'rejected revoked revocation',
  },
  {
    name: 'a certificate that can only be asked about online',
    ask: signed('online'),
    ours: 'rejected not-evaluated revocation',
  },
  {
    name: 'the same with a list of its issuer',
    ask: signed('online', {}, { lists: ['empty'] }),
    ours: 'verified',
    theirs: false,
    because: 'a current list of all that the issuer revoked is an answer too',
  },
  {
    name: 'a revoked signer under permissive',
    ask: signed(
      'listed-signer',
      {},
      { lists: ['full'], document: exact({ signatureVerification: { level: 'permissive' } }) },
    ),
    ours: 'verified',
  },
  {
    name: 'a revoked authority for timestamps',
    ask: stamped('ec256', { authority: 'listed-clock' }, { document: exact(always), lists: ['full'] }),
    ours: 'rejected revoked authenticTimestamp',
  },
  {
    name: 'an authority for timestamps without a list, though revocation is skipped',
    ask: stamped(
      'ec256',
      { authority: 'listed-clock' },
      { document: exact({ ...always, ...strict({ revocation: 'skip' }) }) },
    ),
    ours: 'rejected not-evaluated authenticTimestamp',
  },
  {
    name: 'an authority for timestamps that is not revoked',
    ask: stamped('ec256', { authority: 'listed-clock' }, { document: exact(always), lists: ['empty'] }),
    ours: 'verified',
  },
  {
    name: 'a certificate that became invalid after it had signed',
    ask: () =>
      signed(
        'listed-signer',
        { scheme: authority, signingTime: ago(0.5) },
        { lists: ['invalid-later'], document: exact({ trustStores: ['signingAuthority:acme'] }) },
      )(),
    ours: 'rejected revoked revocation',
    theirs: true,
    because: 'whoever holds a stolen key writes the time himself',
  },
];
