import { authority, exact, type Row, scheme, signed, x509 } from './row.ts';

export const notThisSigner: readonly Row[] = [
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
