import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FetchedRoots, FetchTuf, TrustPorts } from '../../../../src/checks/images/policy/context.ts';
import type { ImagePolicy, TrustRoot } from '../../../../src/checks/images/policy/model.ts';
import { GateError } from '../../../../src/core/errors.ts';
import { hurried } from '../../../support/hurried.ts';
import { keyPair } from '../../../support/sigstore/certificates.ts';
import { rejectionOf } from '../../../support/thrown.ts';
import { nextRoot, type TufOptions, type TufRepository, tufRepository } from '../../../support/tuf.ts';
import { loadFiles } from '../trust-files.ts';
import { authorityOf, base64, identity, keyPem, rootCertificate, trustRootOf } from './documents.ts';

const trustedRoot = readFileSync(
  resolve(import.meta.dirname, '../../../../trust/public-good/trusted_root.json'),
  'utf8',
);
const targets = { 'trusted_root.json': trustedRoot };
const clock = { now: () => Date.parse('2026-11-20T00:00:00Z') };

function rootsOf(policies: readonly ImagePolicy[]): TrustRoot {
  const authority = policies[0]?.authorities[0];
  if (authority?.kind !== 'keyless') throw new Error('there is no keyless authority');
  return authority.roots;
}

async function load(spec: object, fetch?: FetchTuf, more: Partial<TrustPorts> = {}) {
  const files = {
    'corp.yaml': trustRootOf(spec),
    'a.yaml': authorityOf({
      keyless: { identities: [identity], trustRootRef: 'corp' },
      ctlog: { trustRootRef: 'corp' },
    }),
  };
  return loadFiles(files, undefined, { ports: { clock, ...(fetch && { fetch }), ...more } });
}

const inFile = ({ root, archive }: TufRepository, more: object = {}) => ({
  repository: { root: base64(root), mirrorFS: base64(archive()), ...more },
});

describe('a TUF repository in a TrustRoot', () => {
  it.each<[string, TufOptions, object?]>([
    ['of a consistent snapshot', {}],
    ['of plain names', { consistent: false }],
    ['with its folder by name', {}, { targets: 'targets' }],
    ['with the time of its end far away', { expires: { timestamp: '2026-11-24T00:00:00Z' } }],
  ])('%s gives the trusted root that it holds', async (_, options, more) => {
    const { policies, warnings } = await load(inFile(tufRepository(targets, options), more));
    const root = rootsOf(policies);
    expect(root.name).toBe('TrustRoot corp');
    expect(root.json).toEqual(JSON.parse(trustedRoot));
    expect(warnings.filter(({ code }) => code === 'IMAGE_TRUST_ROOT_AGED')).toEqual([]);
  });

  it('gives the target that it names', async () => {
    const repository = tufRepository({ 'corp.json': trustedRoot });
    expect((await rejectionOf(load(inFile(repository)))).message).toContain('no certificate authority');
    const { policies } = await load(inFile(repository, { trustedRootTarget: 'corp.json' }));
    expect(rootsOf(policies).json).toEqual(JSON.parse(trustedRoot));
  });

  it('is followed through newer roots', async () => {
    const [second, third] = [keyPair(), keyPair()];
    const repository = tufRepository(targets, {
      tamper: (files) => {
        files.set('2.root.json', nextRoot(2, second, ['first', second]));
        files.set('3.root.json', nextRoot(3, third, [second, third]));
      },
    });
    expect(rootsOf((await load(inFile(repository))).policies).json).toEqual(JSON.parse(trustedRoot));
  });

  it('of the older kind says of each target what it is', async () => {
    const repository = tufRepository(
      { 'fulcio.pem': rootCertificate.pem, 'rekor.pem': keyPem(), 'ctfe.pem': keyPem(), 'other.txt': 'words' },
      {
        custom: {
          'fulcio.pem': { usage: 'Fulcio', uri: 'https://fulcio.corp.example' },
          'rekor.pem': { usage: 'Rekor', uri: 'https://rekor.corp.example' },
          'ctfe.pem': { usage: 'CTFE', uri: 'https://ctfe.corp.example' },
        },
      },
    );
    expect(rootsOf((await load(inFile(repository))).policies).json).toMatchObject({
      tlogs: [{ baseUrl: 'https://rekor.corp.example' }],
      ctlogs: [{ baseUrl: 'https://ctfe.corp.example' }],
      certificateAuthorities: [{ uri: 'https://fulcio.corp.example' }],
    });
  });

  it('is warned about shortly before it ends', async () => {
    const { warnings } = await load(inFile(tufRepository(targets, { expires: { snapshot: '2026-11-21T00:00:00Z' } })));
    expect(warnings.find(({ code }) => code === 'IMAGE_TRUST_ROOT_AGED')).toMatchObject({
      effect: 'warn',
      rule: 'TrustRoot corp',
      message: 'its TUF repository expires on 2026-11-21T00:00Z, and is refused from then on',
    });
  });

  const past = '2026-11-19T00:00:00Z';
  it.each(['root', 'timestamp', 'snapshot', 'targets'] as const)('is refused once its %s has expired', async (role) => {
    const error = await rejectionOf(load(inFile(tufRepository(targets, { expires: { [role]: past } }))));
    expect(error.code).toBe('IMAGE_TRUST_ROOT_EXPIRED');
    expect(error.message).toMatch(
      /^trust\/corp\.yaml:1:\d+: spec\.repository: .*\.json of its TUF repository expired on/,
    );
    expect(error.message).toContain(past);
    expect(error.mend).toContain('images.trustRoots.files');
  });

  const stranger = keyPair();
  it.each<[string, () => TufRepository, RegExp]>([
    [
      'a timestamp of a stranger',
      () => tufRepository(targets, { signers: { timestamp: stranger } }),
      /timestamp\.json .* 0\/1 keys/,
    ],
    [
      'a snapshot of a stranger',
      () => tufRepository(targets, { signers: { snapshot: stranger } }),
      /snapshot\.json .* 0\/1 keys/,
    ],
    [
      'targets of a stranger',
      () => tufRepository(targets, { signers: { targets: stranger } }),
      /targets\.json .* 0\/1 keys/,
    ],
    [
      'a root that did not sign itself',
      () => tufRepository(targets, { signers: { root: stranger } }),
      /root\.json .* 0\/1 keys/,
    ],
    [
      'a newer root that the older did not sign',
      () => tufRepository(targets, { tamper: (files) => files.set('2.root.json', nextRoot(2, stranger, [stranger])) }),
      /2\.root\.json .* 0\/1 keys/,
    ],
    [
      'a newer root that did not sign itself',
      () => tufRepository(targets, { tamper: (files) => files.set('2.root.json', nextRoot(2, stranger, ['first'])) }),
      /2\.root\.json .* 0\/1 keys/,
    ],
    [
      'a newer root of another version',
      () =>
        tufRepository(targets, {
          tamper: (files) => files.set('2.root.json', nextRoot(7, stranger, ['first', stranger])),
        }),
      /version 7 where 2 is due/,
    ],
    [
      'another snapshot than was signed for',
      () => tufRepository(targets, { versions: { snapshot: 2 } }),
      /version 2 where 1 is due/,
    ],
    [
      'other targets than were signed for',
      () => tufRepository(targets, { versions: { targets: 2 } }),
      /version 2 where 1 is due/,
    ],
    [
      'a target that was changed',
      () => changedTarget('changed'),
      /target trusted_root\.json of its TUF repository does not hold/,
    ],
    [
      'a target of the same length that was changed',
      () => changedTarget('x'.repeat(Buffer.byteLength(trustedRoot))),
      /does not hold: Expected hash/,
    ],
    [
      'a target that is gone',
      () => tufRepository(targets, { tamper: (files) => drop(files, 'targets/') }),
      /named by its TUF repository and not there/,
    ],
    [
      'no timestamp',
      () => tufRepository(targets, { tamper: (files) => drop(files, 'timestamp.json') }),
      /timestamp\.json is not in its TUF repository/,
    ],
    [
      'no snapshot',
      () => tufRepository(targets, { tamper: (files) => drop(files, '1.snapshot.json') }),
      /1\.snapshot\.json is not in/,
    ],
    [
      'a timestamp that is no JSON',
      () => tufRepository(targets, { tamper: (files) => files.set('timestamp.json', Buffer.from('{')) }),
      /timestamp\.json of its TUF repository does not hold/,
    ],
    [
      'a snapshot changed after it was signed for',
      () => tufRepository(targets, { tamper: (files) => appendTo(files, '1.snapshot.json') }),
      /1\.snapshot\.json of its TUF repository does not hold/,
    ],
    [
      'a timestamp in the place of the root',
      () => {
        const repository = tufRepository(targets);
        return { ...repository, root: repository.files.get('timestamp.json') as Buffer };
      },
      /root\.json of its TUF repository does not hold/,
    ],
    [
      'a trusted root that is none',
      () => tufRepository({ 'trusted_root.json': '{}' }),
      /trusted_root\.json:1:1: mediaType/,
    ],
    [
      'a target of an unknown use',
      () => tufRepository({ 'a.pem': keyPem() }, { custom: { 'a.pem': { usage: 'TSA' } } }),
      /has a usage that is not known/,
    ],
  ])('is refused with %s', async (_, repository, message) => {
    const error: GateError = await rejectionOf(load(inFile(repository())));
    expect(error.code).toBe('IMAGE_TRUST_ROOT_INVALID');
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('\n');
  });

  it.each<[string, object, RegExp]>([
    ['a root that is no base64', { root: '?', mirrorFS: 'e30=' }, /spec\.repository\.root: it is not base64/],
    ['no repository', { root: 'e30=' }, /mirrorFS is required/],
    ['no archive', { root: 'e30=', mirrorFS: 'e30=' }, /not a gzipped archive/],
  ])('is refused with %s', async (_, repository, message) => {
    expect((await rejectionOf(load({ repository }))).message).toMatch(message);
  });
});

function changedTarget(content: string): TufRepository {
  return tufRepository(targets, {
    tamper: (files) => {
      for (const name of files.keys()) if (name.startsWith('targets/')) files.set(name, Buffer.from(content));
    },
  });
}

function drop(files: Map<string, Buffer>, start: string): void {
  for (const name of [...files.keys()]) if (name.startsWith(start)) files.delete(name);
}

function appendTo(files: Map<string, Buffer>, name: string): void {
  files.set(name, Buffer.concat([files.get(name) ?? Buffer.alloc(0), Buffer.from(' ')]));
}

describe('a TUF repository on a server', () => {
  const repository = tufRepository(targets);
  const remote = { root: base64(repository.root), mirror: 'https://tuf.corp.example/v2/' };
  const asked: string[] = [];
  const server: FetchTuf = async (url) => {
    asked.push(url);
    return repository.files.get(url.replace('https://tuf.corp.example/v2/', ''));
  };

  it('is fetched where the platform lets it be', async () => {
    const { policies } = await load({ remote }, server);
    expect(rootsOf(policies).json).toEqual(JSON.parse(trustedRoot));
    expect(asked.slice(0, 4)).toEqual([
      'https://tuf.corp.example/v2/2.root.json',
      'https://tuf.corp.example/v2/timestamp.json',
      'https://tuf.corp.example/v2/1.snapshot.json',
      'https://tuf.corp.example/v2/1.targets.json',
    ]);
  });

  it('is not, where it does not: and nobody is asked', async () => {
    expect((await rejectionOf(load({ remote }))).code).toBe('IMAGE_TRUST_ROOT_REMOTE');
  });

  it('is refused where it cannot be reached', async () => {
    const down: FetchTuf = async () => {
      throw new Error('connection refused');
    };
    await expect(load({ remote }, down)).rejects.toThrow('connection refused');
  });
});

describe('a TUF repository on a server that was reached before', () => {
  const mirror = 'https://tuf.corp.example/v2/';
  const expiring = { expires: { timestamp: '2026-11-24T00:00:00Z' } };
  const at = (time: string) => ({ clock: { now: () => Date.parse(time) } });
  const serving =
    ({ files }: TufRepository): FetchTuf =>
    async (url) =>
      files.get(url.replace(mirror, ''));
  const outOfReach: FetchTuf = async () => {
    throw new GateError('IMAGE_TRUST_ROOT_REMOTE', 'connection refused');
  };

  async function fetchedBefore() {
    const repository = tufRepository(targets, expiring);
    const remote = { root: base64(repository.root), mirror };
    const fetched: FetchedRoots = new Map();
    await load({ remote }, serving(repository), { fetched });
    return { repository, remote, fetched };
  }

  it('stands for what it said until that expires, with a word of it', async () => {
    const { remote, fetched } = await fetchedBefore();
    const later = await load({ remote }, outOfReach, { fetched, ...at('2026-11-23T23:59:59Z') });
    expect(rootsOf(later.policies).json).toEqual(JSON.parse(trustedRoot));
    expect(later.roots).toEqual({
      asOf: new Date('2026-11-20T00:00:00Z'),
      expires: new Date('2026-11-24T00:00:00Z'),
      isFetched: false,
    });
    expect(later.warnings).toContainEqual(
      expect.objectContaining({
        effect: 'warn',
        code: 'IMAGE_TRUST_ROOT_REMOTE',
        rule: 'TrustRoot corp',
        message:
          'it could not be fetched anew (connection refused); what was fetched at 2026-11-20T00:00Z holds until 2026-11-24T00:00Z',
      }),
    );
    const over = load({ remote }, outOfReach, { fetched, ...at('2026-11-24T00:00:00Z') });
    expect((await rejectionOf(over)).code).toBe('IMAGE_TRUST_ROOT_REMOTE');
  });

  it('stands for it too where the mirror takes the question and never answers', async () => {
    const { remote, fetched } = await fetchedBefore();
    const stopped: string[] = [];
    const hanging: FetchTuf = (url, _, signal) => {
      signal.addEventListener('abort', () => stopped.push(url));
      return new Promise(() => {});
    };
    const { roots, warnings } = await load({ remote }, hanging, { fetched, timers: hurried });
    expect(roots.isFetched).toBe(false);
    expect(warnings).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('has not given all of it within 20 s') }),
    );
    expect(stopped).toEqual([`${mirror}2.root.json`]);
    const error = await rejectionOf(load({ remote }, hanging, { timers: hurried }));
    expect(error).toMatchObject({ code: 'IMAGE_TRUST_ROOT_REMOTE', message: expect.stringContaining('within 20 s') });
  });

  it('is asked again, and what it says then counts', async () => {
    const { repository, remote, fetched } = await fetchedBefore();
    const again = at('2026-11-21T00:00:00Z');
    const { roots, warnings } = await load({ remote }, serving(repository), { fetched, ...again });
    expect(roots).toEqual({
      asOf: new Date('2026-11-21T00:00:00Z'),
      expires: new Date('2026-11-24T00:00:00Z'),
      isFetched: true,
    });
    expect(warnings.filter(({ code }) => code === 'IMAGE_TRUST_ROOT_REMOTE')).toEqual([]);
  });

  it.each<[string, (files: Map<string, Buffer>) => void, RegExp]>([
    [
      'with a file that does not hold',
      (files) => appendTo(files, '1.targets.json'),
      /1\.targets\.json .* does not hold/,
    ],
    ['that a file is not there', (files) => files.delete('timestamp.json'), /timestamp\.json is not in its TUF/],
  ])('stands for what it said before where it answers %s', async (_, spoil, why) => {
    const { repository, remote, fetched } = await fetchedBefore();
    spoil(repository.files);
    const { policies, roots, warnings } = await load({ remote }, serving(repository), { fetched });
    expect(rootsOf(policies).json).toEqual(JSON.parse(trustedRoot));
    expect(roots.isFetched).toBe(false);
    expect(warnings.find(({ code }) => code === 'IMAGE_TRUST_ROOT_REMOTE')?.message).toMatch(why);
    const unknown = await rejectionOf(load({ remote }, serving(repository), { fetched: new Map() }));
    expect(unknown.code).toBe('IMAGE_TRUST_ROOT_INVALID');
  });

  it.each<[string, Required<TufOptions>['versions'], Required<TufOptions>['versions']]>([
    ['timestamp', { timestamp: 7 }, { timestamp: 6 }],
    ['root', { root: 2 }, { root: 1 }],
  ])('takes no older %s back', async (role, versions, older) => {
    const first = tufRepository(targets, { ...expiring, versions });
    const taken = tufRepository({ 'trusted_root.json': `${trustedRoot} ` }, { ...expiring, versions: older });
    // Both begin with the same root, as a mirror that hides a newer one has it.
    const remote = { root: base64(taken.root), mirror };
    if (role === 'root') first.files.set('2.root.json', first.root);
    const fetched: FetchedRoots = new Map();
    await load({ remote }, serving(first), { fetched });
    const { policies, warnings } = await load({ remote }, serving(taken), { fetched });
    expect(rootsOf(policies).json).toEqual(JSON.parse(trustedRoot));
    expect(warnings.find(({ code }) => code === 'IMAGE_TRUST_ROOT_REMOTE')?.message).toContain(
      `its mirror has an older ${role}.json than it had before`,
    );
  });

  it('lets the other files begin anew under a newer root, which may have taken their keys away', async () => {
    const first = tufRepository(targets, { ...expiring, versions: { timestamp: 7 } });
    const remote = { root: base64(first.root), mirror };
    const fetched: FetchedRoots = new Map();
    await load({ remote }, serving(first), { fetched });
    const next = tufRepository(targets, expiring);
    next.files.set('2.root.json', tufRepository(targets, { ...expiring, versions: { root: 2 } }).root);
    const { roots } = await load({ remote }, serving(next), { fetched });
    expect(roots.isFetched).toBe(true);
  });

  it('is waited for no longer where there are several', async () => {
    const names = Array.from({ length: 8 }, (_, i) => `corp-${i}`);
    const repository = tufRepository(targets, expiring);
    const files = Object.fromEntries(
      names.map((name) => [
        `${name}.yaml`,
        trustRootOf({ remote: { root: base64(repository.root), mirror } }).replace('"corp"', JSON.stringify(name)),
      ]),
    );
    const began: string[] = [];
    const together: FetchTuf = (url, _, signal) => {
      began.push(url);
      return new Promise((_done, fail) => signal.addEventListener('abort', () => fail(signal.reason)));
    };
    const asked = loadFiles(files, undefined, { ports: { clock, fetch: together, timers: hurried } });
    expect((await rejectionOf(asked)).code).toBe('IMAGE_TRUST_ROOT_REMOTE');
    expect(began).toHaveLength(names.length);
  });

  it('is refused where its answer has expired, whatever it said before', async () => {
    const { repository, remote, fetched } = await fetchedBefore();
    const error = await rejectionOf(load({ remote }, serving(repository), { fetched, ...at('2026-11-25T00:00:00Z') }));
    expect(error.code).toBe('IMAGE_TRUST_ROOT_EXPIRED');
  });

  it.each<[string, object]>([
    ['another first root', { root: base64(tufRepository(targets, expiring).root) }],
    ['another mirror', { mirror: 'https://tuf.other.example/v2/' }],
    ['another folder of targets', { targets: 'others' }],
    ['another target', { trustedRootTarget: 'other.json' }],
  ])('says nothing for %s', async (_, other) => {
    const { remote, fetched } = await fetchedBefore();
    const error = await rejectionOf(load({ remote: { ...remote, ...other } }, outOfReach, { fetched }));
    expect(error.code).toBe('IMAGE_TRUST_ROOT_REMOTE');
  });

  it('is not remembered once that has expired', async () => {
    const { fetched } = await fetchedBefore();
    const next = tufRepository(targets, { expires: { timestamp: '2026-12-24T00:00:00Z' } });
    await load({ remote: { root: base64(next.root), mirror } }, serving(next), {
      fetched,
      ...at('2026-11-25T00:00:00Z'),
    });
    expect(fetched.size).toBe(1);
  });
});
