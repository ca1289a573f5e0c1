import { describe, expect, it } from 'vitest';
import { rejectionOf } from '../../../../support/thrown.ts';
import { loadFiles } from '../../trust-files.ts';
import { certificateTexts, privatePem, publicPem } from './support.ts';

const key = publicPem();
const other = publicPem();
const third = publicPem();
const certificates = certificateTexts();

const entry = (publicKeys: string, more: object = {}) => ({
  keys: { publicKeys, rekor: { ignoreTlog: true }, ...more },
});
const setOf = (...entries: object[]) => ({ entries });
const anyPod = { any: [{ resources: { kinds: ['Pod'] } }] };

interface Parts {
  readonly verify?: object;
  readonly rule?: object;
  readonly spec?: object;
  readonly top?: object;
}

/** A ClusterPolicy as people write it; each test replaces a part. */
function policy({ verify = {}, rule = {}, spec = {}, top = {} }: Parts = {}): string {
  return JSON.stringify(
    {
      apiVersion: 'kyverno.io/v1',
      kind: 'ClusterPolicy',
      metadata: { name: 'release' },
      spec: {
        rules: [
          {
            name: 'signed',
            match: anyPod,
            verifyImages: [
              {
                imageReferences: ['ghcr.io/org/*'],
                failureAction: 'Enforce',
                attestors: [setOf(entry(key))],
                ...verify,
              },
            ],
            ...rule,
          },
        ],
        ...spec,
      },
      ...top,
    },
    null,
    1,
  );
}
const load = async (parts: Parts = {}) => (await loadFiles({ 'a.json': policy(parts) })).policies;
const refusalOf = (parts: Parts) => rejectionOf(loadFiles({ 'a.json': policy(parts) }));
/** The policies as `quorum of authorities`. */
const shapes = async (attestors: readonly object[]) =>
  (await load({ verify: { attestors } })).map(({ quorum, authorities }) => `${quorum}/${authorities.length}`);

describe('a rule is read', () => {
  it('with its images, objects and place', async () => {
    const [read, ...more] = await load();
    expect(more).toEqual([]);
    expect(read).toMatchObject({
      rule: 'ClusterPolicy release, rule signed',
      name: 'release',
      mode: 'enforce',
      quorum: 1,
      match: [{ group: '', version: '*', resource: 'pods' }],
      authorities: [
        { kind: 'key', name: 'attestors[0].entries[0] keys', log: { demand: 'ignored' }, format: 'legacy' },
      ],
      place: { file: expect.stringContaining('a.json'), line: expect.any(Number) },
    });
    expect(read?.scope[0]?.matches('ghcr.io/org/app:v1')).toBe(true);
    expect(read?.scope[0]?.matches('quay.io/org/app:v1')).toBe(false);
  });

  it('without what is skipped', async () => {
    const [read] = await load({ verify: { skipImageReferences: ['ghcr.io/org/tools/*'] } });
    expect(read?.scope[0]?.matches('ghcr.io/org/tools/a:v1')).toBe(false);
    expect(read?.scope[0]?.matches('ghcr.io/org/app:v1')).toBe(true);
  });

  it.each([
    ['v2beta1', { top: { apiVersion: 'kyverno.io/v2beta1' } }],
    ['as a cluster exports it', { top: { status: { ready: true } }, spec: { background: false, emitWarning: false } }],
    [
      'with fields of no consequence',
      { verify: { mutateDigest: true, verifyDigest: true, required: true, useCache: true } },
    ],
    [
      'with its action on the policy',
      { verify: { failureAction: undefined }, spec: { validationFailureAction: 'enforce' } },
    ],
    [
      'with empty fields that are not read',
      { rule: { context: [], preconditions: {} }, verify: { issuer: '', validate: {} } },
    ],
  ])('%s', async (_, parts) => expect(await load(parts)).toMatchObject([{ mode: 'enforce' }]));
});

describe('failureAction', () => {
  const audit = { failureAction: 'Audit', mutateDigest: false };
  it.each([
    ['Audit warns', { verify: audit }, 'warn'],
    [
      'Audit of the policy',
      { verify: { failureAction: undefined, mutateDigest: false }, spec: { validationFailureAction: 'Audit' } },
      'warn',
    ],
    ['that of the rule counts', { verify: audit, spec: { validationFailureAction: 'Enforce' } }, 'warn'],
  ])('%s', async (_, parts, mode) => expect((await load(parts))[0]?.mode).toBe(mode));

  it('one Enforce enforces the whole rule', async () => {
    const verify = { imageReferences: ['a.example/*'], attestors: [setOf(entry(key))] };
    const rule = {
      verifyImages: [
        { ...verify, ...audit },
        { ...verify, failureAction: 'Enforce' },
      ],
    };
    expect((await load({ rule })).map(({ mode }) => mode)).toEqual(['enforce', 'enforce']);
  });

  it.each([
    ['nothing is no Audit by default', { verify: { failureAction: undefined } }, 'neither Enforce nor Audit'],
    ['Audit that would change digests', { verify: { failureAction: 'Audit' } }, 'mutateDigest'],
  ])('%s', async (_, parts, why) => {
    expect(await refusalOf(parts)).toMatchObject({
      code: 'IMAGE_POLICY_INVALID',
      message: expect.stringContaining(why),
    });
  });
});

describe('attestors: sets are all, a count counts keys, nests are multiplied out', () => {
  const a = entry(key);
  const b = entry(other);
  const c = entry(third);
  const nest = (set: object) => ({ attestor: set });
  it.each([
    ['one', [setOf(a)], ['1/1']],
    ['two sets', [setOf(a), setOf(b)], ['1/1', '1/1']],
    ['two entries without a count', [setOf(a, b)], ['1/1', '1/1']],
    ['one of two', [{ count: 1, ...setOf(a, b) }], ['1/2']],
    ['two of three', [{ count: 2, ...setOf(a, b, c) }], ['2/3']],
    ['an entry of two keys without a count', [setOf(entry(`${key}${other}`))], ['1/1', '1/1']],
    ['one of two keys of an entry', [{ count: 1, ...setOf(entry(`${key}${other}`)) }], ['1/2']],
    ['two of the three keys of two entries', [{ count: 2, ...setOf(entry(`${key}${other}`), c) }], ['2/3']],
    ['all of a nest', [setOf(a, nest(setOf(b, c)))], ['1/1', '1/1', '1/1']],
    ['one, or one of a nest', [{ count: 1, ...setOf(a, nest({ count: 1, ...setOf(b, c) })) }], ['1/3']],
    ['one, or all of a nest', [{ count: 1, ...setOf(a, nest(setOf(b, c))) }], ['1/2', '1/2']],
    ['all, with two of three in a nest', [setOf(a, nest({ count: 2, ...setOf(a, b, c) }))], ['1/1', '2/3']],
  ])('%s', async (_, attestors, expected) => expect(await shapes(attestors)).toEqual(expected));

  it.each([
    ['a count over the entries', [{ count: 3, ...setOf(a, b) }], 'IMAGE_POLICY_INVALID', 'more than there are entries'],
    ['a count of none', [{ count: 0, ...setOf(a) }], 'IMAGE_POLICY_INVALID', 'count'],
    ['no entries', [{ entries: [] }], 'IMAGE_POLICY_INVALID', 'entries'],
    ['one key twice among two of three', [{ count: 2, ...setOf(a, a, b) }], 'IMAGE_POLICY_INVALID', 'count as two'],
    [
      'two of three where one is a nest',
      [{ count: 2, ...setOf(a, b, nest(setOf(b, c))) }],
      'IMAGE_POLICY_UNSUPPORTED',
      'a set of its own',
    ],
    [
      'one, or two of three',
      [{ count: 1, ...setOf(a, nest({ count: 2, ...setOf(a, b, c) })) }],
      'IMAGE_POLICY_UNSUPPORTED',
      'one counts',
    ],
    ['an entry of nobody', [setOf({})], 'IMAGE_POLICY_INVALID', 'exactly one'],
    ['an entry of two kinds', [setOf({ ...a, keyless: {} })], 'IMAGE_POLICY_INVALID', 'exactly one'],
    ['an unknown field', [setOf({ ...a, key: key })], 'IMAGE_POLICY_INVALID', 'unknown key'],
    ['an unknown field in a nest', [setOf(nest({ entries: [{ ...a, x: 1 }] }))], 'IMAGE_POLICY_INVALID', 'unknown key'],
    [
      'annotations beside a nest',
      [setOf({ ...nest(setOf(a)), annotations: { a: 'b' } })],
      'IMAGE_POLICY_UNSUPPORTED',
      'annotations',
    ],
  ])('%s is refused', async (_, attestors, code, why) => {
    const error = await refusalOf({ verify: { attestors } });
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(why)]);
    expect(error.place).toMatch(/a\.json:\d+:\d+/);
  });

  it('a nest without end is refused', async () => {
    let set: object = setOf(a);
    for (let i = 0; i < 40; i++) set = setOf(nest(set));
    expect((await refusalOf({ verify: { attestors: [set] } })).message).toContain('nested more than');
  });

  it('a nest that means too much is refused', async () => {
    const pair = nest(setOf(a, b));
    const error = await refusalOf({ verify: { attestors: [{ count: 1, ...setOf(...new Array(7).fill(pair)) }] } });
    expect(error.message).toContain('more than 64');
  });
});

describe('keys', () => {
  const one = async (keys: object, more: object = {}, verify: object = {}) =>
    (await load({ verify: { attestors: [setOf({ keys, ...more })], ...verify } }))[0]?.authorities[0];

  it('demand an entry in the public-good log unless told otherwise, as in Kyverno', async () => {
    expect(await one({ publicKeys: key })).toMatchObject({
      log: { demand: 'required', roots: { json: { tlogs: expect.anything() } } },
    });
    expect(await one({ publicKeys: key, rekor: { ignoreTlog: true } })).toMatchObject({ log: { demand: 'ignored' } });
  });

  it('with a log of their own', async () => {
    const rekor = { url: 'https://rekor.example', pubkey: other };
    expect(await one({ publicKeys: key, rekor })).toMatchObject({
      log: { demand: 'required', roots: { json: { tlogs: [{ baseUrl: 'https://rekor.example' }] } } },
    });
  });

  it('with a timestamp authority of their own', async () => {
    const ctlog = { tsaCertChain: `${certificates.timestamp}${certificates.root}` };
    expect(await one({ publicKeys: key, rekor: { ignoreTlog: true }, ctlog })).toMatchObject({
      timestamp: { demand: 'required', roots: { json: { timestampAuthorities: [{}] } } },
    });
  });

  it.each([
    [{}, {}, ['sha256']],
    [{ signatureAlgorithm: 'sha512' }, {}, ['sha512', 'sha256']],
    [{}, { signatureAlgorithm: 'sha384' }, ['sha384', 'sha256']],
  ])('hash: %j %j', async (keys, more, hashes) => {
    expect(await one({ publicKeys: key, ...keys }, more)).toMatchObject({ key: { hashes } });
  });

  it('with what the payload must say, and where signatures lie', async () => {
    const more = { annotations: { team: 'web' }, repository: 'ghcr.io/org/signatures' };
    expect(await one({ publicKeys: key }, more)).toMatchObject({
      annotations: { team: 'web' },
      sources: [{ repository: 'ghcr.io/org/signatures', tagPrefix: '' }],
    });
    expect(await one({ publicKeys: key }, {}, { repository: 'docker.io/org/signatures' })).toMatchObject({
      sources: [{ repository: 'index.docker.io/org/signatures' }],
    });
  });

  it.each([
    ['Cosign', {}, 'legacy'],
    ['Cosign with the experimental form', { cosignOCI11: true }, 'any'],
    ['SigstoreBundle', { type: 'SigstoreBundle' }, 'bundle'],
  ])('form of type %s', async (_, verify, format) =>
    expect(await one({ publicKeys: key }, {}, verify)).toMatchObject({ format }),
  );

  it.each([
    ['secret', { keys: { secret: { name: 'release', namespace: 'kyverno' } } }],
    ['k8s://', { keys: { publicKeys: 'k8s://kyverno/release' } }],
  ])('by %s: the entry cosign.pub, whatever lies beside it', async (_, attestor) => {
    const files = {
      'policies/a.json': policy({ verify: { attestors: [setOf(attestor)] } }),
      'secrets/release/cosign.pub': key,
      'secrets/release/cosign.key': privatePem(),
      'secrets/release/cosign.password': '',
    };
    const { policies } = await loadFiles(files, 'trust/secrets', { source: { path: 'trust/policies' } });
    expect(policies).toMatchObject([{ authorities: [{ kind: 'key' }] }]);
  });

  it.each([
    ['a key service', { kms: 'awskms:///alias/a' }, 'IMAGE_POLICY_UNSUPPORTED', 'kms'],
    ['a key service as a key', { publicKeys: 'gcpkms://projects/a' }, 'IMAGE_POLICY_UNSUPPORTED', 'neither a PEM'],
    ['a path', { publicKeys: '/etc/passwd' }, 'IMAGE_POLICY_UNSUPPORTED', 'neither a PEM'],
    ['nothing', {}, 'IMAGE_POLICY_INVALID', 'neither publicKeys nor secret'],
    ['both', { publicKeys: key, secret: { name: 'a' } }, 'IMAGE_POLICY_INVALID', 'both publicKeys and secret'],
    ['a private key', { publicKeys: privatePem() }, 'IMAGE_KEY_PRIVATE', 'private key'],
    [
      'a key and a rest',
      { publicKeys: `${key}-----BEGIN RSA PUBLIC KEY-----\nAA==\n-----END RSA PUBLIC KEY-----` },
      'IMAGE_POLICY_INVALID',
      'no public key',
    ],
    ['a key that ends early', { publicKeys: '-----BEGIN PUBLIC KEY-----\nAAAA' }, 'IMAGE_KEY_INVALID', 'does not end'],
    ['a secret that is not there', { secret: { name: 'nowhere' } }, 'IMAGE_KEY_INVALID', 'not there'],
    ['an unknown hash', { publicKeys: key, signatureAlgorithm: 'md5' }, 'IMAGE_POLICY_INVALID', 'signatureAlgorithm'],
    ['a log that is no key', { publicKeys: key, rekor: { pubkey: 'x' } }, 'IMAGE_TRUST_ROOT_INVALID', 'rekor.pubkey'],
    ['an unknown field', { publicKeys: key, rekor: { ignoreTLog: true } }, 'IMAGE_POLICY_INVALID', 'ignoreTlog'],
  ])('%s is refused', async (_, keys, code, why) => {
    const error = await refusalOf({ verify: { attestors: [setOf({ keys })] } });
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(why)]);
  });

  it('two hashes that differ are refused', async () => {
    const attestor = { keys: { publicKeys: key, signatureAlgorithm: 'sha256' }, signatureAlgorithm: 'sha512' };
    expect((await refusalOf({ verify: { attestors: [setOf(attestor)] } })).message).toContain(
      'another signatureAlgorithm',
    );
  });
});

describe('keyless: every field of the identity is enforced (CVE-2025-29778)', () => {
  const github = 'https://token.actions.githubusercontent.com';
  const one = async (keyless: object, verify: object = {}) =>
    (await load({ verify: { attestors: [setOf({ keyless })], ...verify } }))[0];
  const rekor = { url: 'https://rekor.sigstore.dev' };

  it.each([
    [{ issuer: github, subject: 'a@b.example' }, { equal: github }, { equal: 'a@b.example' }],
    [{ issuerRegExp: '^https://a$', subjectRegExp: '^b$' }, { regExp: '^https://a$' }, { regExp: '^b$' }],
    [{ issuer: 'https://*.a', subject: 'b+?.c' }, { regExp: '^(?s:https://.*\\.a)$' }, { regExp: '^(?s:b\\+.\\.c)$' }],
    [{ subject: 'a@b.example' }, 'any', { equal: 'a@b.example' }],
    [{ issuer: github }, { equal: github }, { regExp: '' }],
  ])('%j', async (spec, issuer, subject) => {
    expect(await one({ ...spec, rekor })).toMatchObject({
      authorities: [
        { kind: 'keyless', identities: [{ issuer, subject }], sct: 'required', log: { demand: 'required' } },
      ],
    });
  });

  it('further extensions, by name and by OID', async () => {
    const additionalExtensions = { githubWorkflowRepository: 'org/*', '1.3.6.1.4.1.57264.1.2': 'push' };
    expect(await one({ issuer: github, subject: 'a', additionalExtensions, rekor })).toMatchObject({
      authorities: [
        {
          identities: [
            {
              extensions: {
                '1.3.6.1.4.1.57264.1.5': { regExp: '^(?s:org/.*)$' },
                '1.3.6.1.4.1.57264.1.2': { equal: 'push' },
              },
            },
          ],
        },
      ],
    });
  });

  it('roots of its own, with the certificate log of its own or none', async () => {
    const spec = { issuer: github, subject: 'a', roots: certificates.root, rekor };
    expect(await one({ ...spec, ctlog: { ignoreSCT: true } })).toMatchObject({
      authorities: [{ sct: 'ignored', roots: { json: { certificateAuthorities: [{}], ctlogs: [] } } }],
      hazards: [expect.stringContaining('no log has seen')],
    });
    expect(await one({ ...spec, ctlog: { pubkey: key } })).toMatchObject({
      authorities: [{ sct: 'required', roots: { json: { certificateAuthorities: [{}], ctlogs: [{}] } } }],
    });
  });

  it.each([
    ['an issuer alone', { issuer: github, rekor }, 'no subject'],
    ['a subject alone', { subject: 'a', rekor }, 'no issuer'],
    ['roots alone', { roots: certificates.root, rekor }, 'whoever has a certificate'],
    ['an open expression', { issuer: github, subjectRegExp: 'github.com/org', rekor }, 'not anchored'],
    ['a subject of a star', { issuer: github, subject: '*', rekor }, 'matches every subject'],
    ['a log without a key', { issuer: github, subject: 'a', rekor: { url: 'https://rekor.example' } }, 'names no key'],
    ['no log', { issuer: github, subject: 'a', rekor: { ...rekor, ignoreTlog: true } }, 'valid now'],
  ])('%s is warned about', async (_, keyless, clause) => {
    expect((await one(keyless))?.hazards.join('\n')).toContain(clause);
  });

  it('an exact pair has no hazard', async () => {
    expect((await one({ issuer: github, subject: 'a', rekor }))?.hazards).toEqual([]);
  });

  it('SigstoreBundle without a log demands a timestamp, unless ignoreSCT', async () => {
    const spec = { issuer: github, subject: 'a', rekor: { ...rekor, ignoreTlog: true } };
    const bundle = { type: 'SigstoreBundle' };
    expect(await one(spec, bundle)).toMatchObject({
      authorities: [{ format: 'bundle', timestamp: { demand: 'required' } }],
    });
    expect(await one({ ...spec, ctlog: { ignoreSCT: true } }, bundle)).toMatchObject({
      authorities: [{ timestamp: { demand: 'ignored' } }],
    });
  });

  it.each([
    ['nobody', { rekor }, {}, 'neither an issuer nor a subject'],
    ['an issuer twice', { issuer: github, issuerRegExp: 'a', subject: 'a' }, {}, 'both issuer and issuerRegExp'],
    ['a subject twice', { issuer: github, subject: 'a', subjectRegExp: 'a' }, {}, 'both subject and subjectRegExp'],
    ['an expression that is none', { issuer: github, subjectRegExp: '(?=a)' }, {}, 'not a Go regular expression'],
    [
      'an unknown extension',
      { issuer: github, subject: 'a', additionalExtensions: { repository: 'a' } },
      {},
      'none of',
    ],
    [
      'an OID that Kyverno does not know',
      { issuer: github, subject: 'a', additionalExtensions: { '1.3.6.1.4.1.57264.1.12': 'a' } },
      {},
      'none of',
    ],
    ['roots that are none', { issuer: github, subject: 'a', roots: key }, {}, 'roots'],
    [
      'roots in a bundle',
      { issuer: github, subject: 'a', roots: certificates.root },
      { type: 'SigstoreBundle' },
      'public-good instance alone',
    ],
    [
      'a log in a bundle',
      { issuer: github, subject: 'a', rekor: { pubkey: key } },
      { type: 'SigstoreBundle' },
      'public-good instance alone',
    ],
  ])('%s is refused', async (_, keyless, verify, why) => {
    const error = await refusalOf({ verify: { attestors: [setOf({ keyless })], ...verify } });
    expect(error.code).toMatch(/^IMAGE_(?:POLICY|TRUST_ROOT)_/);
    expect(error.message).toContain(why);
  });
});

describe('certificates', () => {
  it('certChain: whoever it certified, with a warning', async () => {
    const certChain = `${certificates.intermediate}${certificates.root}`;
    const attestors = [setOf({ certificates: { certChain, rekor: { ignoreTlog: true }, ctlog: { ignoreSCT: true } } })];
    expect(await load({ verify: { attestors } })).toMatchObject([
      {
        authorities: [{ kind: 'keyless', identities: [], sct: 'ignored' }],
        hazards: [expect.stringContaining('whoever has'), expect.anything(), expect.anything()],
      },
    ]);
  });

  it.each([
    ['cert', { cert: certificates.leaf }, 'takes the key out of it'],
    ['nothing', {}, 'no certChain'],
  ])('%s is refused', async (_, spec, why) => {
    expect((await refusalOf({ verify: { attestors: [setOf({ certificates: spec })] } })).message).toContain(why);
  });
});

describe('attestations', () => {
  const type = 'https://slsa.dev/provenance/v1';
  const attestors = [setOf(entry(key))];

  it('each must be there, beside the signature', async () => {
    const attestations = [
      { name: 'provenance', type, attestors },
      { predicateType: 'https://spdx.dev/Document', attestors },
    ];
    const policies = await load({ verify: { attestations } });
    expect(
      policies.map(({ rule, authorities: [first] }) => [
        rule,
        'attestations' in first ? first.attestations : undefined,
      ]),
    ).toMatchObject([
      ['ClusterPolicy release, rule signed, attestors[0]', []],
      [
        'ClusterPolicy release, rule signed, attestations[0].attestors[0]',
        [{ name: 'provenance', predicateType: type }],
      ],
      [
        'ClusterPolicy release, rule signed, attestations[1].attestors[0]',
        [{ predicateType: 'https://spdx.dev/Document' }],
      ],
    ]);
  });

  it.each([
    [
      'conditions',
      { type, attestors, conditions: [{ all: [{ key: 'a', operator: 'Equals', value: 'a' }] }] },
      'IMAGE_POLICY_UNSUPPORTED',
      'JMESPath',
    ],
    ['no attestors', { type }, 'IMAGE_POLICY_UNSUPPORTED', 'anybody'],
    ['empty attestors', { type, attestors: [] }, 'IMAGE_POLICY_UNSUPPORTED', 'anybody'],
    [
      'a nested attestor',
      { type, attestors: [setOf({ attestor: setOf(entry(key)) })] },
      'IMAGE_POLICY_UNSUPPORTED',
      'nested attestors',
    ],
    [
      'two keys in one text',
      { type, attestors: [setOf(entry(`${key}${other}`))] },
      'IMAGE_POLICY_UNSUPPORTED',
      'the first alone',
    ],
    ['no type', { attestors }, 'IMAGE_POLICY_INVALID', 'no type'],
    [
      'two types',
      { type, predicateType: 'https://spdx.dev/Document', attestors },
      'IMAGE_POLICY_INVALID',
      'another predicateType',
    ],
  ])('%s is refused', async (_, attestation, code, why) => {
    const error = await refusalOf({ verify: { attestations: [attestation] } });
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(why)]);
  });
});

describe('match', () => {
  const matching = (resources: object, more: object = {}) => ({ rule: { match: { any: [{ resources }] }, ...more } });
  it.each([
    [matching({ kinds: ['Pod'] }), [{ group: '', version: '*', resource: 'pods' }]],
    [
      matching({ kinds: ['apps/v1/Deployment', 'v1/Pod'] }),
      [
        { group: 'apps', version: 'v1', resource: 'deployments' },
        { group: '', version: 'v1', resource: 'pods' },
      ],
    ],
    [matching({ kinds: ['*'] }), []],
    [matching({ kinds: ['Pod'], operations: ['CREATE', 'UPDATE'] }), [{ resource: 'pods' }]],
    [{ rule: { match: { resources: { kinds: ['CronJob'] } } } }, [{ group: 'batch', resource: 'cronjobs' }]],
    [{ rule: { match: { all: [{ resources: { kinds: ['Job'] } }] } } }, [{ resource: 'jobs' }]],
    [
      matching({ kinds: ['Pod'], selector: { matchLabels: { team: 'web' } } }),
      [{ resource: 'pods', selector: { matchLabels: { team: 'web' }, matchExpressions: [] } }],
    ],
    [
      matching({ kinds: ['Pod', 'Job'] }, { exclude: { any: [{ resources: { kinds: ['Job'] } }] } }),
      [{ resource: 'pods' }],
    ],
  ])('%j', async (parts, match) => {
    const [read] = await load(parts);
    expect(read?.match).toHaveLength(match.length);
    expect(read?.match).toMatchObject(match);
  });

  it.each([
    ['a name', matching({ kinds: ['Pod'], name: 'a*' }), 'name'],
    ['names', matching({ kinds: ['Pod'], names: ['a'] }), 'names'],
    ['namespaces', matching({ kinds: ['Pod'], namespaces: ['prod'] }), 'namespaces'],
    ['annotations', matching({ kinds: ['Pod'], annotations: { a: 'b' } }), 'annotations'],
    [
      'labels of the namespace',
      matching({ kinds: ['Pod'], namespaceSelector: { matchLabels: { a: 'b' } } }),
      'namespaceSelector',
    ],
    [
      'a user',
      { rule: { match: { any: [{ resources: { kinds: ['Pod'] }, subjects: [{ kind: 'User', name: 'a' }] }] } } },
      'subjects',
    ],
    [
      'an excluded namespace',
      matching(
        { kinds: ['Pod'] },
        { exclude: { any: [{ resources: { kinds: ['Pod'], namespaces: ['kube-system'] } }] } },
      ),
      'exclude.any[0].resources.namespaces',
    ],
    [
      'excluded labels',
      matching(
        { kinds: ['Pod'] },
        { exclude: { any: [{ resources: { kinds: ['Pod'], selector: { matchLabels: { a: 'b' } } } }] } },
      ),
      'only whole kinds',
    ],
    [
      'all kinds but one',
      matching({ kinds: ['*'] }, { exclude: { any: [{ resources: { kinds: ['Job'] } }] } }),
      'all kinds but some',
    ],
    ['another kind', matching({ kinds: ['Rollout'] }), 'only Pod'],
    ['a wildcard in a kind', matching({ kinds: ['*Set'] }), 'only Pod'],
    ['a subresource', matching({ kinds: ['Pod/ephemeralcontainers'] }), 'only Pod'],
    ['deletion', matching({ kinds: ['Pod'], operations: ['DELETE'] }), 'operations'],
    [
      'two filters at once',
      { rule: { match: { all: [{ resources: { kinds: ['Pod'] } }, { resources: { kinds: ['Job'] } }] } } },
      'several filters',
    ],
  ])('%s is refused by name', async (_, parts, why) => {
    const error = await refusalOf(parts);
    expect([error.code, error.message]).toEqual(['IMAGE_POLICY_UNSUPPORTED', expect.stringContaining(why)]);
    expect(error.place).toMatch(/a\.json:\d+:\d+/);
  });

  it.each([
    ['no kinds', matching({}), 'kinds'],
    ['nothing', { rule: { match: {} } }, 'names no kind'],
    ['a kind in the wrong group', matching({ kinds: ['batch/v1/Deployment'] }), 'matches nothing'],
    [
      'all excluded',
      matching({ kinds: ['Pod'] }, { exclude: { any: [{ resources: { kinds: ['Pod'] } }] } }),
      'leaves no kind',
    ],
    ['a wildcard in a label', matching({ kinds: ['Pod'], selector: { matchLabels: { a: 'w*' } } }), 'value of a label'],
  ])('%s is refused', async (_, parts, why) => {
    const error = await refusalOf(parts);
    expect([error.code, error.message]).toEqual(['IMAGE_POLICY_INVALID', expect.stringContaining(why)]);
  });
});

describe('what is not static is refused by its name', () => {
  it.each([
    ['a namespaced Policy', { top: { kind: 'Policy' } }, 'namespace'],
    ['context', { rule: { context: [{ name: 'a', configMap: { name: 'a' } }] } }, 'spec.rules[0].context'],
    [
      'preconditions',
      { rule: { preconditions: { all: [{ key: 'a', operator: 'Equals', value: 'a' }] } } },
      'spec.rules[0].preconditions',
    ],
    ['CEL', { rule: { celPreconditions: [{ name: 'a', expression: 'true' }] } }, 'spec.rules[0].celPreconditions'],
    ['imageExtractors', { rule: { imageExtractors: { Task: [{ path: '/spec' }] } } }, 'spec.rules[0].imageExtractors'],
    ['a rule that does something else', { rule: { validate: { message: 'a' } } }, 'spec.rules[0].validate'],
    ['a mutation', { rule: { mutate: { patchesJson6902: 'a' } } }, 'spec.rules[0].mutate'],
    [
      'a variable in an image',
      { verify: { imageReferences: ['{{ images.a }}'] } },
      'imageReferences[0] holds a variable',
    ],
    [
      'a variable in a key',
      { verify: { attestors: [setOf(entry('{{ keys.data.key }}'))] } },
      'publicKeys holds a variable',
    ],
    [
      'a reference in a subject',
      { verify: { attestors: [setOf({ keyless: { issuer: 'a', subject: '$(./../x)' } })] } },
      'subject holds a variable',
    ],
    ['conditions over attestations', { verify: { validate: { deny: { conditions: {} } } } }, 'validate'],
    ['Notary', { verify: { type: 'Notary' } }, 'Notary Project'],
    ['the old fields', { verify: { key } }, 'verifyImages[0].key'],
    ['an old image', { verify: { image: 'ghcr.io/*' } }, 'verifyImages[0].image'],
    [
      'an insecure registry',
      { verify: { imageRegistryCredentials: { allowInsecureRegistry: true } } },
      'allowInsecureRegistry',
    ],
    ['digests without signatures', { verify: { attestors: [] } }, 'verifies nothing'],
    [
      'actions by namespace',
      { spec: { validationFailureActionOverrides: [{ action: 'Audit', namespaces: ['a'] }] } },
      'validationFailureActionOverrides',
    ],
    ['one rule of several', { spec: { applyRules: 'One' } }, 'applyRules'],
    ['a policy that is not applied', { spec: { admission: false } }, 'admission'],
    [
      'a condition of the webhook',
      { spec: { webhookConfiguration: { matchConditions: [{ name: 'a', expression: 'false' }] } } },
      'matchConditions',
    ],
  ])('%s', async (_, parts, why) => {
    const error = await refusalOf(parts);
    expect([error.code, error.message]).toEqual(['IMAGE_POLICY_UNSUPPORTED', expect.stringContaining(why)]);
    expect(error.place).toMatch(/a\.json:\d+:\d+/);
  });

  it.each([
    ['an unknown field of the spec', { spec: { extra: 1 } }, 'unknown key "extra"'],
    ['an unknown field of verifyImages', { verify: { imageRefrences: ['a'] } }, 'imageReferences'],
    ['no images', { verify: { imageReferences: [] } }, 'imageReferences'],
    ['a pattern without end', { verify: { imageReferences: ['*'.repeat(2000)] } }, 'longer than'],
    ['a repository that is none', { verify: { repository: 'signatures' } }, 'repository'],
    [
      'two rules of one name',
      {
        spec: {
          rules: new Array(2).fill({
            name: 'a',
            match: anyPod,
            verifyImages: [{ imageReferences: ['*'], failureAction: 'Enforce', attestors: [setOf(entry(key))] }],
          }),
        },
      },
      'the name of another rule',
    ],
  ])('%s', async (_, parts, why) => {
    const error = await refusalOf(parts);
    expect([error.code, error.message]).toEqual(['IMAGE_POLICY_INVALID', expect.stringContaining(why)]);
  });

  it.each([
    ['kyverno.io/v2', 'PolicyException', 'IMAGE_POLICY_INVALID'],
    ['policies.kyverno.io/v1', 'ImageValidatingPolicy', 'IMAGE_POLICY_UNSUPPORTED'],
  ])('%s %s', async (apiVersion, kind, code) => {
    const text = JSON.stringify({ apiVersion, kind, metadata: { name: 'a' }, spec: {} });
    expect((await rejectionOf(loadFiles({ 'a.json': text }))).code).toBe(code);
  });
});

it('says that credentials of the policy have no say', async () => {
  const [read] = await load({ verify: { imageRegistryCredentials: { secrets: ['regcred'] } } });
  expect(read?.hazards.join()).toContain('its own credentials');
});
