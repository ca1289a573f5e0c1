import { Tag } from 'cbor2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TargetDescriptor } from '../../../../src/checks/images/notation/model.ts';
import {
  type Answers,
  askBoth,
  cose,
  forgeCose,
  forgeJws,
  hour,
  jws,
  keyKinds,
  payload,
  type Question,
  repository,
  type StatementChange,
  target,
  trustPolicy,
  World,
} from './support.ts';

/**
 * Signatures, honest and forged, put to this verifier and to notation-go's. Where the two differ, the row says why. Ours
 * is the stricter one; only a mounted revocation list may answer where notation-go would have asked online.
 */
let world: World;
const lists = new Map<string, Buffer>();
beforeAll(async () => {
  world = await World.make();
  const revoked = ['listed-signer', 'listed-middle', 'listed-clock'].map((certificate) => ({ certificate }));
  const made = [
    { name: 'empty', issuer: 'listed' },
    { name: 'stale', issuer: 'listed', nextUpdate: new Date(Date.now() - 60_000) },
    { name: 'impostor', issuer: 'listed-impostor' },
    { name: 'full', issuer: 'listed', revoked },
    { name: 'hold', issuer: 'listed', revoked: [{ certificate: 'listed-signer', reason: 6 }] },
    { name: 'removed', issuer: 'listed', revoked: [{ certificate: 'listed-signer', reason: 8 }] },
  ];
  await world.notation.authority('listed-impostor', { subject: { C: 'US', ST: 'WA', O: 'acme', CN: 'listed' } });
  for (const each of made) lists.set(each.name, (await world.notation.list(each)).der);
});
afterAll(async () => await world[Symbol.asyncDispose]());

interface Row {
  readonly name: string;
  readonly ask: () => Question | Promise<Question>;
  /** `verified`, `tolerated`, `skip`, `none`, `policy`, or `rejected` with why and step. */
  readonly ours: string;
  /** Whether notation-go lets it pass; left out where it does as ours. */
  readonly theirs?: boolean;
  /** Why the two differ. */
  readonly because?: string;
}

const exact = (change: StatementChange) => trustPolicy(change);
const strict = (override: Record<string, string>, more: Record<string, unknown> = {}) => ({
  signatureVerification: { level: 'strict', override, ...more },
});
const always = { trustStores: ['ca:acme', 'tsa:clocks'] };
const x509 = (name: string) => `x509.subject: C=US, ST=WA, O=acme, CN=${name}`;

function signed(certificate: string, more: Record<string, unknown> = {}, question: Partial<Question> = {}): Row['ask'] {
  return async () => {
    const mediaType = question.mediaType ?? jws;
    return {
      mediaType,
      ...question,
      envelope: await world.notation.sign({ mediaType, certificate, payload, ...more }),
    };
  };
}
function forged(forgery: Parameters<typeof forgeJws>[1], question: Partial<Question> = {}): Row['ask'] {
  return () => ({ mediaType: jws, ...question, envelope: forgeJws(world, forgery) });
}
function forgedCose(forgery: Parameters<typeof forgeCose>[1], question: Partial<Question> = {}): Row['ask'] {
  return () => ({ mediaType: cose, ...question, envelope: forgeCose(world, forgery) });
}
/** An honest signature by ec256, changed afterwards. */
function tampered(change: (envelope: Record<string, unknown>) => unknown, certificate = 'ec256'): Row['ask'] {
  return async () => {
    const envelope = JSON.parse((await world.notation.sign({ mediaType: jws, certificate, payload })).toString());
    const made = change(envelope);
    return { mediaType: jws, envelope: Buffer.from(typeof made === 'string' ? made : JSON.stringify(made)) };
  };
}
/** A signature that carries a token over its own signature bytes, or over others. */
function stamped(
  by: string,
  token: { authority: string; time?: Date; accuracy?: number },
  question: Partial<Question> = {},
  over?: Uint8Array,
): Row['ask'] {
  return async () => {
    const envelope = JSON.parse(forgeJws(world, { by, ...timesOf(by) }).toString());
    const content = over ?? Buffer.from(envelope.signature, 'base64url');
    const made = await world.notation.timestamp({ ...token, content });
    envelope.header['io.cncf.notary.timestampSignature'] = made.toString('base64');
    return { mediaType: jws, ...question, envelope: Buffer.from(JSON.stringify(envelope)) };
  };
}
function timesOf(by: string) {
  if (by !== 'expired') return {};
  const time = new Date(Date.now() - 5 * hour).toISOString().replace(/\.\d+Z/, 'Z');
  return { head: { 'io.cncf.notary.signingTime': time } };
}
const ago = (hours: number) => new Date(Date.now() - hours * hour);
const other = (change: Partial<TargetDescriptor>) => ({ target: { ...target, ...change } });
const scheme = (name: string) => ({ scheme: name });
const authority = 'notary.x509.signingAuthority';
const isoSeconds = (time: Date) => time.toISOString().replace(/\.\d+Z/, 'Z');

const honest: readonly Row[] = [
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

const notThisImage: readonly Row[] = [
  {
    name: 'CVE-2023-33959: a genuine signature of another digest',
    ask: signed('ec256', {}, other({ digest: `sha256:${'cd'.repeat(32)}` })),
    ours: 'rejected other-digest target',
  },
  {
    name: 'CVE-2023-33959: of another size',
    ask: signed('ec256', {}, other({ size: 529 })),
    ours: 'rejected other-digest target',
  },
  {
    name: 'CVE-2023-33959: of another media type',
    ask: signed('ec256', {}, other({ mediaType: 'application/vnd.oci.image.index.v1+json' })),
    ours: 'rejected other-digest target',
  },
  { name: 'no target', ask: signed('ec256', { payload: '{}' }), ours: 'rejected malformed target' },
  {
    name: 'a null target',
    ask: signed('ec256', { payload: '{"targetArtifact":null}' }),
    ours: 'rejected malformed target',
  },
  {
    name: 'a target without a digest',
    ask: forged({ by: 'ec256', payload: '{"targetArtifact":{"mediaType":"a","size":528}}' }),
    ours: 'rejected malformed target',
  },
  {
    name: 'a null digest',
    ask: forged({ by: 'ec256', payload: payload.replace(`"${target.digest}"`, 'null') }),
    ours: 'rejected malformed target',
  },
  {
    name: 'the size as text',
    ask: forged({ by: 'ec256', payload: payload.replace('528', '"528"') }),
    ours: 'rejected other-digest target',
  },
  {
    name: 'another key in the payload',
    ask: forged({ by: 'ec256', payload: payload.replace(/}$/, ',"targets":[]}') }),
    ours: 'rejected malformed target',
    theirs: true,
    because: 'a payload says one thing, and nothing is read past',
  },
  {
    name: 'two targets',
    ask: forged({ by: 'ec256', payload: `{"targetArtifact":{},${payload.slice(1)}` }),
    ours: 'rejected malformed target',
    theirs: true,
    because: 'of two equal keys Go takes the last, and others the first',
  },
  {
    name: 'the target in other case',
    ask: forged({ by: 'ec256', payload: payload.replace('targetArtifact', 'TARGETARTIFACT') }),
    ours: 'rejected malformed target',
    theirs: true,
    because: 'Go folds the case of keys, and others do not',
  },
  {
    name: 'a payload that is no JSON',
    ask: forgedCose({ by: 'ec256', payload: 'x' }),
    ours: 'rejected malformed target',
  },
  {
    name: 'a payload of another type',
    ask: forged({ by: 'ec256', head: { cty: 'application/json' } }),
    ours: 'rejected malformed target',
  },
  {
    name: 'a payload of another type (COSE)',
    ask: forgedCose({ by: 'ec256', head: (head) => head.set(3, 'text/plain') }),
    ours: 'rejected malformed target',
  },
];

const notThisSigner: readonly Row[] = [
  { name: 'a root that is not trusted', ask: signed('foreign'), ours: 'rejected other-signer authenticity' },
  {
    name: 'a root that is trusted for the other scheme',
    ask: signed('ec256', {}, { document: exact({ trustStores: ['signingAuthority:acme'] }) }),
    ours: 'rejected other-signer authenticity',
  },
  {
    name: 'a signing authority where authorities are trusted',
    ask: signed('ec256', scheme(authority)),
    ours: 'rejected other-signer authenticity',
  },
  {
    name: 'a name that is not trusted',
    ask: signed('ec384', {}, { document: exact({ trustedIdentities: [x509('ec256')] }) }),
    ours: 'rejected other-signer authenticity',
  },
  {
    name: 'a name that begins with a trusted one',
    ask: signed('ec256', {}, { document: exact({ trustedIdentities: [x509('ec2')] }) }),
    ours: 'rejected other-signer authenticity',
  },
  {
    name: 'a signer without organisation, asked for one',
    ask: signed('nameless', {}, { document: exact({ trustedIdentities: [x509('nameless')] }) }),
    ours: 'rejected other-signer authenticity',
  },
  {
    name: 'a signer with an attribute nobody can ask for',
    ask: signed('mailed', {}, { document: exact({ trustedIdentities: [x509('mailed')] }) }),
    ours: 'rejected other-signer authenticity',
  },
  {
    name: 'a signer of two units',
    ask: signed('two-units', {}, { document: exact({ trustedIdentities: [`${x509('two-units')}, OU=one`] }) }),
    ours: 'rejected other-signer authenticity',
  },
  {
    name: 'a stranger under permissive',
    ask: signed('foreign', {}, { document: exact({ signatureVerification: { level: 'permissive' } }) }),
    ours: 'rejected other-signer authenticity',
  },
  {
    name: 'a store that is not there',
    ask: signed('ec256', {}, { document: exact({ trustStores: ['ca:nobody'] }) }),
    ours: 'policy',
  },
  {
    name: 'no statement for the repository',
    ask: signed('ec256', {}, { document: exact({ registryScopes: ['registry.example/team/other'] }) }),
    ours: 'none',
  },
];

const certificates: readonly Row[] = [
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

const envelopes: readonly Row[] = [
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

const attributes: readonly Row[] = [
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

const times: readonly Row[] = [
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

const revocation: readonly Row[] = [
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
];

const whole = (document: unknown): Row['ask'] => signed('ec256', {}, { document });
const policies: readonly Row[] = [
  { name: 'another version', ask: whole({ ...trustPolicy(), version: '2.0' }), ours: 'policy' },
  { name: 'no statement', ask: whole({ version: '1.0', trustPolicies: [] }), ours: 'policy' },
  { name: 'an unknown level', ask: whole(exact({ signatureVerification: { level: 'lax' } })), ours: 'policy' },
  { name: 'no identities', ask: whole(exact({ trustedIdentities: [] })), ours: 'policy' },
  { name: 'no stores', ask: whole(exact({ trustStores: [] })), ours: 'policy' },
  { name: 'all identities and one', ask: whole(exact({ trustedIdentities: ['*', x509('ec256')] })), ours: 'policy' },
  { name: 'all repositories and one', ask: whole(exact({ registryScopes: ['*', repository] })), ours: 'policy' },
  {
    name: 'a pattern for repositories',
    ask: whole(exact({ registryScopes: ['registry.example/team/*'] })),
    ours: 'policy',
  },
  { name: 'a repository with a tag', ask: whole(exact({ registryScopes: [`${repository}:v1`] })), ours: 'policy' },
  {
    name: 'an identity without a country',
    ask: whole(exact({ trustedIdentities: ['x509.subject: ST=WA, O=acme'] })),
    ours: 'policy',
  },
  {
    name: 'an identity that includes another',
    ask: whole(exact({ trustedIdentities: ['x509.subject: C=US, ST=WA, O=acme', x509('ec256')] })),
    ours: 'policy',
  },
  {
    name: 'an identity with an attribute twice',
    ask: whole(exact({ trustedIdentities: ['x509.subject: C=US, ST=WA, O=acme, OU=a, OU=b'] })),
    ours: 'policy',
  },
  { name: 'an identity of a plugin', ask: whole(exact({ trustedIdentities: ['com.example.id: x'] })), ours: 'policy' },
  { name: 'a store of an unknown type', ask: whole(exact({ trustStores: ['root:acme'] })), ours: 'policy' },
  { name: 'integrity that is only logged', ask: whole(exact(strict({ integrity: 'log' }))), ours: 'policy' },
  { name: 'authenticity that is skipped', ask: whole(exact(strict({ authenticity: 'skip' }))), ours: 'policy' },
  { name: 'skip with stores', ask: whole(exact({ signatureVerification: { level: 'skip' } })), ours: 'policy' },
  {
    name: 'skip for all repositories',
    ask: whole(
      exact({
        signatureVerification: { level: 'skip' },
        registryScopes: ['*'],
        trustStores: [],
        trustedIdentities: [],
      }),
    ),
    ours: 'policy',
    theirs: true,
    because: 'the specification forbids it',
  },
  {
    name: 'an unknown field',
    ask: whole({ ...trustPolicy(), trustPolicy: [] }),
    ours: 'policy',
    theirs: true,
    because: 'a mistyped field would otherwise be a rule that is not there',
  },
  {
    name: 'two statements for a repository',
    ask: whole({
      version: '1.0',
      trustPolicies: [...Object(trustPolicy()).trustPolicies, ...Object(trustPolicy({ name: 'b' })).trustPolicies],
    }),
    ours: 'policy',
  },
  {
    name: 'two statements of a name',
    ask: whole({
      version: '1.0',
      trustPolicies: [
        ...Object(trustPolicy()).trustPolicies,
        ...Object(trustPolicy({ registryScopes: ['*'] })).trustPolicies,
      ],
    }),
    ours: 'policy',
  },
  {
    name: 'the statement for the repository before that for all',
    ask: signed(
      'foreign',
      {},
      {
        document: {
          version: '1.0',
          trustPolicies: [
            ...Object(trustPolicy({ name: 'all', registryScopes: ['*'], signatureVerification: { level: 'audit' } }))
              .trustPolicies,
            ...Object(trustPolicy()).trustPolicies,
          ],
        },
      },
    ),
    ours: 'rejected other-signer authenticity',
  },
];

describe.each([
  ['honest signatures', honest],
  ['what was signed', notThisImage],
  ['who signed', notThisSigner],
  ['certificates', certificates],
  ['envelopes', envelopes],
  ['attributes', attributes],
  ['time', times],
  ['revocation', revocation],
  ['trust policies', policies],
])('%s', (_, rows) => {
  it.each(rows.map((row) => [row.name, row] as const))('%s', async (_name, row) => {
    const { ours, theirs } = await askBoth(world, lists, await row.ask());
    expect(said(ours), detailOf(ours)).toBe(row.ours);
    const passes = ['verified', 'tolerated', 'skip'].includes(ours.kind);
    const theyPass = theirs.verdict === 'verified' || theirs.verdict === 'skipped';
    expect(theyPass, theirs.why ?? 'it passed').toBe(row.theirs ?? passes);
    expect(row.because === undefined, 'a difference has its reason').toBe(passes === theyPass);
    if (ours.kind === 'verified' || ours.kind === 'tolerated') {
      if (theyPass) expect(ours.logged.map(({ step }) => step)).toEqual(theirs.logged);
    }
  });
});

it('compares at least sixty cases, with both verdicts', () => {
  const rows = [
    honest,
    notThisImage,
    notThisSigner,
    certificates,
    envelopes,
    attributes,
    times,
    revocation,
    policies,
  ].flat();
  expect(rows.length).toBeGreaterThan(150);
  expect(rows.filter((row) => ['verified', 'tolerated', 'skip'].includes(row.ours)).length).toBeGreaterThan(40);
  expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
});

function said(ours: Answers['ours']): string {
  return ours.kind === 'rejected' ? `rejected ${ours.why} ${ours.step}` : ours.kind;
}

function detailOf(ours: Answers['ours']): string {
  if (ours.kind === 'policy') return ours.error.message;
  return ours.kind === 'rejected' ? ours.detail : '';
}
