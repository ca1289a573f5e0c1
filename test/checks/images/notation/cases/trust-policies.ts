import { repository, trustPolicy } from '../support.ts';
import { exact, type Row, signed, strict, x509 } from './row.ts';

const whole = (document: unknown): Row['ask'] => signed('ec256', {}, { document });
export const policies: readonly Row[] = [
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
  {
    name: 'an identity of a plugin beside another',
    ask: whole(exact({ trustedIdentities: [x509('ec256'), 'com.example.id: x'] })),
    ours: 'policy',
    theirs: true,
    because: 'an identity that is passed over is a rule that is not there',
  },
];
