import { cose } from '../support.ts';
import { ago, always, authority, exact, forged, isoSeconds, type Row, signed, stamped } from './row.ts';

export const times: readonly Row[] = [
  {
    name: 'an expired signature',
    ask: () => signed('ec256', { signingTime: ago(0.9), expiry: ago(0.1) })(),
    ours: 'rejected expired expiry',
  },
  {
    name: 'an expired signature (COSE)',
    ask: () => signed('ec256', { signingTime: ago(0.9), expiry: ago(0.1) }, { mediaType: cose })(),
    ours: 'rejected expired expiry',
  },
  {
    name: 'an expired certificate',
    ask: () => signed('expired', { signingTime: ago(5) })(),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'a certificate that is not valid yet',
    ask: forged({ by: 'early' }),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'a signing authority that signed after the certificate',
    ask: () =>
      forged(
        {
          by: 'expired',
          head: {
            'io.cncf.notary.signingScheme': authority,
            'io.cncf.notary.signingTime': undefined,
            'io.cncf.notary.authenticSigningTime': isoSeconds(ago(1)),
            crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.authenticSigningTime'],
          },
        },
        { document: exact({ trustStores: ['signingAuthority:acme'] }) },
      )(),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'a signing authority with a time to come',
    ask: () =>
      forged(
        {
          by: 'ec256',
          head: {
            'io.cncf.notary.signingScheme': authority,
            'io.cncf.notary.signingTime': undefined,
            'io.cncf.notary.authenticSigningTime': isoSeconds(ago(-2)),
            crit: ['io.cncf.notary.signingScheme', 'io.cncf.notary.authenticSigningTime'],
          },
        },
        { document: exact({ trustStores: ['signingAuthority:acme'] }) },
      )(),
    ours: 'rejected untimely authenticTimestamp',
    theirs: true,
    because: 'what has not come yet is not authentic',
  },
  {
    name: 'no timestamp where one is demanded',
    ask: signed('ec256', {}, { document: exact(always) }),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'a timestamp by a stranger',
    ask: stamped('ec256', { authority: 'foreign-clock' }, { document: exact(always) }),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'a timestamp of another signature',
    ask: stamped('ec256', { authority: 'clock' }, { document: exact(always) }, Buffer.from('another')),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'a timestamp after the certificate',
    ask: () => stamped('expired', { authority: 'clock', time: ago(1) }, { document: exact(always) })(),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'a timestamp that may be after the certificate',
    ask: () =>
      stamped('expired', { authority: 'clock', time: ago(2.01), accuracy: 120_000 }, { document: exact(always) })(),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'an authority for timestamps whose purpose is not critical',
    ask: stamped('ec256', { authority: 'loose-clock' }, { document: exact(always) }),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'an authority for timestamps and code',
    ask: stamped('ec256', { authority: 'busy-clock' }, { document: exact(always) }),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'an authority that had expired',
    ask: stamped('ec256', { authority: 'late-clock' }, { document: exact(always) }),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'a timestamp that is none',
    ask: forged({ by: 'ec256', header: { 'io.cncf.notary.timestampSignature': 'MAA=' } }, { document: exact(always) }),
    ours: 'rejected untimely authenticTimestamp',
  },
  {
    name: 'a timestamp of a time to come',
    ask: () => stamped('ec256', { authority: 'clock', time: ago(-3) }, { document: exact(always) })(),
    ours: 'rejected untimely authenticTimestamp',
    theirs: true,
    because: 'nobody has seen anything tomorrow',
  },
];
