import { Tag } from 'cbor2';
import { cose, jws, payload } from '../support.ts';
import { forgedCose, type Row, signed, tampered } from './row.ts';

export const envelopes: readonly Row[] = [
  {
    name: 'another payload under the signature',
    ask: tampered((envelope) => ({
      ...envelope,
      payload: Buffer.from(payload.replace('ab', 'ac')).toString('base64url'),
    })),
    ours: 'rejected altered signature',
  },
  {
    name: 'another protected header under the signature',
    ask: tampered((envelope) => ({
      ...envelope,
      protected: Buffer.from(
        Buffer.from(String(envelope['protected']), 'base64url').toString().replace('"ES256"', '"ES256" '),
      ).toString('base64url'),
    })),
    ours: 'rejected altered signature',
  },
  {
    name: 'the signature of another',
    ask: tampered((envelope) => ({ ...envelope, signature: Buffer.alloc(64, 1).toString('base64url') })),
    ours: 'rejected altered signature',
  },
  {
    name: 'no signature',
    ask: tampered((envelope) => ({ ...envelope, signature: '' })),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'a signature in DER',
    ask: tampered((envelope) => ({ ...envelope, signature: `MEUC${String(envelope['signature'])}` })),
    ours: 'rejected altered signature',
  },
  {
    name: 'another signing agent, which is unsigned',
    ask: tampered((envelope) => ({
      ...envelope,
      header: { ...Object(envelope['header']), 'io.cncf.notary.signingAgent': 'another' },
    })),
    ours: 'verified',
  },
  {
    name: 'an unsigned header of the attacker',
    ask: tampered((envelope) => ({ ...envelope, header: { ...Object(envelope['header']), note: 'x' } })),
    ours: 'verified',
  },
  {
    name: 'an unsigned header with a signed name',
    ask: tampered((envelope) => ({ ...envelope, header: { ...Object(envelope['header']), alg: 'none' } })),
    ours: 'rejected malformed envelope',
    theirs: true,
    because: 'RFC 7515 keeps the names of both headers apart',
  },
  {
    name: 'an envelope with two payloads',
    ask: tampered((envelope) => JSON.stringify(envelope).replace('{', '{"payload":"e30",')),
    ours: 'rejected malformed envelope',
    theirs: true,
    because: 'of two equal keys Go takes the last, and others the first',
  },
  {
    name: 'an envelope with two signatures',
    ask: tampered((envelope) => ({ ...envelope, signatures: [] })),
    ours: 'rejected malformed envelope',
    theirs: true,
    because: 'only the flattened form is a signature',
  },
  {
    name: 'the compact form',
    ask: tampered((envelope) => `${envelope['protected']}.${envelope['payload']}.${envelope['signature']}`),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'words after the envelope',
    ask: tampered((envelope) => `${JSON.stringify(envelope)} {}`),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'a padded payload',
    ask: tampered((envelope) => ({ ...envelope, payload: `${envelope['payload']}=` })),
    ours: 'rejected malformed envelope',
  },
  { name: 'nothing', ask: () => ({ mediaType: jws, envelope: Buffer.from(' ') }), ours: 'rejected malformed envelope' },
  { name: 'null', ask: () => ({ mediaType: jws, envelope: Buffer.from('null') }), ours: 'rejected malformed envelope' },
  {
    name: 'a JWS called COSE',
    ask: async () => ({ ...(await signed('ec256')()), mediaType: cose }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'a COSE message called JWS',
    ask: async () => ({ ...(await signed('ec256', {}, { mediaType: cose })()), mediaType: jws }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'an envelope of an unknown type',
    ask: async () => ({ ...(await signed('ec256')()), mediaType: 'application/json' }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'an untagged COSE message',
    ask: forgedCose({ by: 'ec256', wrap: (parts) => parts }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'a COSE message of many signers',
    ask: forgedCose({ by: 'ec256', wrap: (parts) => new Tag(98, parts) }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'a COSE message of five parts',
    ask: forgedCose({ by: 'ec256', wrap: (parts) => new Tag(18, [...parts, 1]) }),
    ours: 'rejected malformed envelope',
  },
  { name: 'a detached payload', ask: forgedCose({ by: 'ec256', detached: true }), ours: 'rejected malformed envelope' },
  {
    name: 'a label twice',
    ask: forgedCose({ by: 'ec256', headBytes: Buffer.from('a2012601', 'hex') }),
    ours: 'rejected malformed envelope',
  },
  {
    name: 'the same label signed and unsigned',
    ask: forgedCose({ by: 'ec256', unprotected: (header) => header.set(1, -7) }),
    ours: 'rejected malformed envelope',
    theirs: true,
    because: 'RFC 9052 has a label in one of the headers',
  },
  {
    name: 'words after the COSE message',
    ask: async () => {
      const made = await signed('ec256', {}, { mediaType: cose })();
      return { ...made, envelope: Buffer.concat([made.envelope, Buffer.from('00', 'hex')]) };
    },
    ours: 'rejected malformed envelope',
  },
];
