import { Tag } from 'cbor2';
import { cose } from '../support.ts';
import { ago, forged, forgedCose, isoSeconds, type Row, signed } from './row.ts';

export const attributes: readonly Row[] = [
  {
    name: 'no algorithm, by name',
    ask: forged({ by: 'ec256', head: { alg: 'none' } }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'an algorithm with a shared secret',
    ask: forged({ by: 'ec256', head: { alg: 'HS256' } }),
    ours: 'rejected malformed envelope',
  },
  { name: 'RSA without PSS', ask: forged({ by: 'rsa2048', algorithm: 'RS256' }), ours: 'rejected malformed envelope' },
  {
    name: 'a stronger hash than the key has',
    ask: forged({ by: 'rsa2048', algorithm: 'PS384' }),
    ours: 'rejected altered signature',
  },
  {
    name: 'a weaker hash than the key has',
    ask: forged({ by: 'ec384', algorithm: 'ES256' }),
    ours: 'rejected altered signature',
  },
  {
    name: 'the algorithm of another kind of key',
    ask: forged({ by: 'rsa2048', algorithm: 'PS256', head: { alg: 'ES256' } }),
    ours: 'rejected altered signature',
  },
  {
    name: 'a stronger hash than the key has (COSE)',
    ask: forgedCose({ by: 'rsa2048', algorithm: 'PS384' }),
    ours: 'rejected altered signature',
  },
  {
    name: 'no algorithm (COSE)',
    ask: forgedCose({ by: 'ec256', head: (head) => head.delete(1) }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'an unknown critical attribute',
    ask: signed('ec256', { attributes: [{ key: 'com.example.must', value: 'x', critical: true }] }),
    ours: 'rejected unsupported plugin',
    theirs: true,
    because:
      'the specification fails unknown critical attributes; notation-go leaves them to a plugin, and asks nobody where there is none',
  },
  {
    name: 'an unknown critical attribute (COSE)',
    ask: signed(
      'ec256',
      { attributes: [{ key: 'com.example.must', value: 'x', critical: true }] },
      { mediaType: cose },
    ),
    ours: 'rejected unsupported plugin',
    theirs: true,
    because: 'the same',
  },
  {
    name: 'b64, which changes what is signed',
    ask: forged({ by: 'ec256', head: { b64: false, crit: ['io.cncf.notary.signingScheme', 'b64'] } }),
    ours: 'rejected unsupported plugin',
    theirs: true,
    because: 'the same',
  },
  {
    name: 'a verification plugin',
    ask: signed('ec256', {
      attributes: [{ key: 'io.cncf.notary.verificationPlugin', value: 'com.example.plugin', critical: true }],
    }),
    ours: 'rejected unsupported plugin',
  },
  {
    name: 'a verification plugin that is not critical',
    ask: signed('ec256', {
      attributes: [{ key: 'io.cncf.notary.verificationPlugin', value: 'com.example.plugin', critical: false }],
    }),
    ours: 'rejected unsupported plugin',
  },
  { name: 'nothing critical', ask: forged({ by: 'ec256', head: { crit: [] } }), ours: 'rejected malformed envelope' },
  {
    name: 'no list of what is critical',
    ask: forged({ by: 'ec256', head: { crit: undefined } }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'a critical attribute that is missing',
    ask: forged({ by: 'ec256', head: { crit: ['io.cncf.notary.signingScheme', 'gone'] } }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'an attribute that is critical twice',
    ask: forged({ by: 'ec256', head: { crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.signingScheme'] } }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'an expiry that is not critical',
    ask: () => forged({ by: 'ec256', head: { 'io.cncf.notary.expiry': isoSeconds(ago(-1)) } })(),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'an expiry that is not critical (COSE)',
    ask: forgedCose({
      by: 'ec256',
      head: (head) => head.set('io.cncf.notary.expiry', new Tag(1, Math.floor(Date.now() / 1000) + 3600)),
    }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'an unknown scheme',
    ask: forged({ by: 'ec256', head: { 'io.cncf.notary.signingScheme': 'notary.x509.other' } }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'no scheme',
    ask: forged({ by: 'ec256', head: { 'io.cncf.notary.signingScheme': undefined } }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'no signing time',
    ask: forged({ by: 'ec256', head: { 'io.cncf.notary.signingTime': undefined } }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'both signing times',
    ask: () =>
      forged({
        by: 'ec256',
        head: {
          'io.cncf.notary.authenticSigningTime': isoSeconds(ago(1)),
          crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.authenticSigningTime'],
        },
      })(),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'a signing time that is no time',
    ask: forged({ by: 'ec256', head: { 'io.cncf.notary.signingTime': '2026-02-30T00:00:00Z' } }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'a signing time without a tag (COSE)',
    ask: forgedCose({ by: 'ec256', head: (head) => head.set('io.cncf.notary.signingTime', 1_700_000_000) }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'a signing time as text (COSE)',
    ask: forgedCose({
      by: 'ec256',
      head: (head) => head.set('io.cncf.notary.signingTime', new Tag(0, '2026-01-01T00:00:00Z')),
    }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'an expiry before the signature',
    ask: () =>
      forged({
        by: 'ec256',
        head: {
          'io.cncf.notary.expiry': isoSeconds(ago(1)),
          crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.expiry'],
        },
      })(),
    ours: 'rejected malformed envelope',
  },
];
