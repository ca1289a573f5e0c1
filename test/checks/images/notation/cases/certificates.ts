import { forged, type Row } from './row.ts';

export const certificates: readonly Row[] = [
  ...[
    ['for servers', 'server'],
    ['for clients besides', 'client'],
    ['for mail', 'mail'],
    ['for timestamps', 'stamp'],
    ['for answering on revocation', 'responder'],
    ['without a key usage', 'no-usage'],
    ['whose key usage is not critical', 'loose-usage'],
    ['for enciphering too', 'enciphers'],
    ['for signing certificates too', 'issues'],
    ['of an authority', 'authority'],
    ['with a short RSA key', 'short-rsa'],
    ['with a short elliptic key', 'short-ec'],
  ].map(([what = '', by = '']) => ({
    name: `a certificate ${what}`,
    ask: forged({ by, algorithm: by === 'short-rsa' ? 'PS256' : 'ES256' }),
    ours: 'rejected malformed certificates',
  })),
  {
    name: 'a certificate for anything',
    ask: forged({ by: 'any-eku' }),
    ours: 'rejected malformed certificates',
    theirs: true,
    because: 'the specification forbids anyExtendedKeyUsage',
  },
  {
    name: 'a certificate with an unknown critical extension',
    ask: forged({ by: 'critical' }),
    ours: 'rejected malformed certificates',
    theirs: true,
    because: 'RFC 5280 refuses what is critical and not understood',
  },
  {
    name: 'an authority deeper than its issuer allows',
    ask: forged({ by: 'deep', chain: ['deep', 'shallow-middle', 'shallow'] }),
    ours: 'rejected malformed certificates',
  },
  {
    name: 'an authority that may not sign certificates',
    ask: forged({ by: 'below-weak', chain: ['below-weak', 'weak', 'root'] }),
    ours: 'rejected malformed certificates',
  },
  {
    name: 'a signer that was issued by a signer',
    ask: forged({ by: 'below-signer', chain: ['below-signer', 'direct', 'root'] }),
    ours: 'rejected malformed certificates',
  },
  {
    name: 'a chain in reverse',
    ask: forged({ by: 'ec256', chain: ['root', 'middle', 'ec256'] }),
    ours: 'rejected malformed certificates',
  },
  {
    name: 'a chain with the middle first',
    ask: forged({ by: 'ec256', chain: ['ec256', 'root', 'middle'] }),
    ours: 'rejected malformed certificates',
  },
  {
    name: 'a chain without its root',
    ask: forged({ by: 'ec256', chain: ['ec256', 'middle'] }),
    ours: 'rejected malformed certificates',
  },
  { name: 'a signer alone', ask: forged({ by: 'ec256', chain: ['ec256'] }), ours: 'rejected malformed certificates' },
  { name: 'no certificate', ask: forged({ by: 'ec256', chain: [] }), ours: 'rejected malformed envelope' },
  {
    name: 'a trusted root behind a foreign chain',
    ask: forged({ by: 'foreign', chain: ['foreign', 'stranger', 'root'] }),
    ours: 'rejected malformed certificates',
  },
  {
    name: 'the root twice',
    ask: forged({ by: 'ec256', chain: ['ec256', 'middle', 'root', 'root'] }),
    ours: 'rejected malformed certificates',
  },
  {
    name: 'a certificate of the same name in front',
    ask: forged({ by: 'ec256', chain: ['same-name', 'middle', 'root'] }),
    ours: 'rejected altered signature',
  },
  {
    name: 'more certificates than are read',
    ask: forged({ by: 'ec256', chain: Array.from({ length: 11 }, () => 'root') }),
    ours: 'rejected malformed envelope',
  },
];
