import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadNotation } from '../../../../src/checks/images/notation/load.ts';
import type { NotationPolicy } from '../../../../src/checks/images/notation/model.ts';
import { NotationTrust } from '../../../../src/checks/images/notation/settings.ts';
import { rejectionOf } from '../../../support/thrown.ts';
import { repository, target, trustPolicy, World } from './support.ts';

/** What is read from mounted folders, and what is refused there. */

let world: World;
let folder: string;
beforeAll(async () => {
  world = await World.make();
});
afterAll(async () => await world[Symbol.asyncDispose]());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncgate-test-notation-load-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}
const root = () => world.get('root').pem;
const store = 'store/x509/ca/acme';
const load = async (more: object = { crls: 'crls' }) =>
  await loadNotation(NotationTrust.parse({ trustPolicy: 'trustpolicy.json', trustStore: 'store/', ...more }), (path) =>
    join(folder, path),
  );
async function refused(more?: object): Promise<{ code: string; message: string }> {
  const { code, message } = await rejectionOf(load(more));
  return { code, message };
}
const policyOf = async () => (await load())[0]?.authorities[0] as { policy: NotationPolicy };

describe('trust stores', () => {
  beforeEach(() => {
    write('trustpolicy.json', JSON.stringify(trustPolicy(), undefined, '\t'));
    mkdirSync(join(folder, 'crls'));
  });

  it('reads PEM, several in one file, and DER', async () => {
    write(`${store}/a.pem`, `${root()}${world.get('middle').pem}`);
    write(`${store}/b.crt`, world.get('stranger').der);
    write(`${store}/c.cer`, world.get('alone').pem);
    expect((await policyOf()).policy.stores.ca).toHaveLength(4);
  });

  it('follows the links that Kubernetes makes of a mount', async () => {
    write('store/..2026/x509/ca/acme/root.pem', root());
    symlinkSync('..2026', join(folder, 'store/..data'));
    symlinkSync('..data/x509', join(folder, 'store/x509'));
    renameSync(join(folder, 'trustpolicy.json'), join(folder, '..policy'));
    symlinkSync('..policy', join(folder, 'trustpolicy.json'));
    expect((await policyOf()).policy.stores.ca).toHaveLength(1);
  });

  it.each([
    ['a certificate', 'outside.pem', `${store}/root.pem`],
    ['a store', '.', store],
  ])('refuses %s that is a link out of the trust store', async (_, to, from) => {
    write('outside.pem', root());
    mkdirSync(dirname(join(folder, from)), { recursive: true });
    symlinkSync(join(folder, to), join(folder, from));
    expect(await refused()).toMatchObject({ code: 'IMAGE_POLICY_INVALID', message: expect.stringContaining('leaves') });
  });

  it.each([
    ['no store', () => mkdirSync(join(folder, 'store')), 'IMAGE_POLICY_MISSING', 'store/x509/ca/acme'],
    [
      'an empty store',
      () => mkdirSync(join(folder, store), { recursive: true }),
      'IMAGE_POLICY_MISSING',
      'no certificate',
    ],
    ['a file of another kind', () => write(`${store}/README.md`, 'x'), 'IMAGE_POLICY_INVALID', 'README.md'],
    ['a folder in it', () => write(`${store}/more/root.pem`, root()), 'IMAGE_POLICY_INVALID', 'more'],
    ['words in it', () => write(`${store}/root.pem`, 'hello'), 'IMAGE_POLICY_INVALID', 'not DER'],
    ['broken PEM', () => write(`${store}/root.pem`, root().replace('MII', '???')), 'IMAGE_POLICY_INVALID', 'PEM'],
    ['a private key', () => write(`${store}/root.pem`, root() + world.get('root').key), 'IMAGE_KEY_PRIVATE', 'private'],
    [
      'a signer that did not issue itself',
      () => write(`${store}/a.pem`, world.get('ec256').pem),
      'IMAGE_POLICY_INVALID',
      'neither',
    ],
    ['a file of any size', () => write(`${store}/a.pem`, Buffer.alloc(2_000_000)), 'IMAGE_POLICY_MISSING', 'larger'],
  ])('refuses %s', async (_, prepare, code, words) => {
    prepare();
    expect(await refused()).toEqual({ code, message: expect.stringContaining(words) });
    expect((await refused()).message).not.toContain(folder);
  });

  it('refuses an intermediate authority for timestamps', async () => {
    write('trustpolicy.json', JSON.stringify(trustPolicy({ trustStores: ['ca:acme', 'tsa:clocks'] })));
    write(`${store}/root.pem`, root());
    write('store/x509/tsa/clocks/middle.pem', world.get('middle').pem);
    expect((await refused()).message).toContain('tsa:clocks');
  });
});

describe('revocation lists', () => {
  const idp = [2, 5, 29, 28];
  beforeEach(() => {
    write('trustpolicy.json', JSON.stringify(trustPolicy()));
    write(`${store}/root.pem`, root());
    mkdirSync(join(folder, 'crls'));
  });
  const list = async (critical: readonly { id: readonly number[]; value: Buffer }[] = [], more: object = {}) =>
    await world.notation.list({ name: 'x', issuer: 'root', revoked: [{ certificate: 'direct' }], critical, ...more });

  it('reads DER and PEM', async () => {
    const { der, pem } = await list();
    write('crls/a.crl', der);
    write('crls/b.pem', pem);
    const { revocationLists } = (await policyOf()).policy;
    expect(revocationLists.map(({ shown, revoked }) => [shown, revoked.size])).toEqual([
      ['crls/a.crl', 1],
      ['crls/b.pem', 1],
    ]);
  });

  it('knows what a list is about', async () => {
    const address = Buffer.from('http://a/');
    const point = Buffer.concat([
      Buffer.of(0xa0, address.length + 4, 0xa0, address.length + 2, 0x86, address.length),
      address,
    ]);
    const scope = Buffer.concat([Buffer.of(0x30, point.length + 3), point, Buffer.from('8101ff', 'hex')]);
    write('crls/a.crl', (await list([{ id: idp, value: scope }])).der);
    expect((await policyOf()).policy.revocationLists[0]).toMatchObject({
      covers: 'users',
      distributionPoints: ['http://a/'],
    });
  });

  it.each([
    ['for other issuers', idp, '30038401ff', 'other issuers'],
    ['for some reasons', idp, '300483020780', 'some reasons'],
    ['a delta', [2, 5, 29, 27], '020101', 'delta'],
    ['with an unknown critical extension', [1, 3, 6, 1, 4, 1, 99999, 3], '0500', 'critical'],
  ])('refuses one %s', async (_, id, value, words) => {
    write('crls/a.crl', (await list([{ id, value: Buffer.from(value, 'hex') }])).der);
    expect(await refused()).toEqual({ code: 'IMAGE_POLICY_INVALID', message: expect.stringContaining(words) });
  });

  it('refuses what is no list', async () => {
    write('crls/a.crl', world.get('root').der);
    expect((await refused()).message).toContain('crls/a.crl');
  });

  it('says what no list means where revocation is enforced', async () => {
    const [policy] = await load({});
    expect(policy?.hazards.join()).toContain('no crls');
    expect((await load())[0]?.hazards.join()).not.toContain('no crls');
  });

  it('reads a list of many entries in bounded time', async () => {
    const revoked = Array.from({ length: 20_000 }, () => ({ certificate: 'direct' }));
    write('crls/a.crl', (await world.notation.list({ name: 'long', issuer: 'root', revoked })).der);
    expect((await policyOf()).policy.revocationLists[0]?.revoked.size).toBe(1);
  });
});

describe('what a trust policy is read into', () => {
  const other = 'docker.io/library/nginx';
  const documentOf = (...changes: Parameters<typeof trustPolicy>[0][]) => ({
    version: '1.0',
    trustPolicies: changes.flatMap((each) => Object(trustPolicy(each)).trustPolicies),
  });
  beforeEach(() => {
    write(`${store}/root.pem`, root());
    mkdirSync(join(folder, 'crls'));
  });

  it('exactly one statement applies to each image: that which names it, else that for all', async () => {
    const document = documentOf(
      { name: 'all', registryScopes: ['*'] },
      { name: 'app' },
      { name: 'hub', registryScopes: [other] },
    );
    write('trustpolicy.json', JSON.stringify(document));
    const policies = await load();
    const applies = (name: string) =>
      policies.filter(({ scope }) => scope.some((each) => each.matches(name))).map((policy) => policy.name);
    expect(applies(`${repository}@${target.digest}`)).toEqual(['app']);
    expect(applies(`${repository}:v1`)).toEqual(['app']);
    expect(applies(`${repository}-other:v1`)).toEqual(['all']);
    expect(applies(`${repository}/below:v1`)).toEqual(['all']);
    expect(applies('index.docker.io/library/nginx:latest')).toEqual(['hub']);
    expect(applies('registry.example:5000/team/app:v1')).toEqual(['all']);
  });

  it('is plain data that can be handed to a thread', async () => {
    write('trustpolicy.json', JSON.stringify(trustPolicy()));
    const { policy } = await policyOf();
    expect(structuredClone(policy).digest).toBe(policy.digest);
  });

  it('has another digest with another root', async () => {
    write('trustpolicy.json', JSON.stringify(trustPolicy()));
    const before = (await policyOf()).policy.digest;
    write(`${store}/more.pem`, world.get('stranger').pem);
    expect((await policyOf()).policy.digest).not.toBe(before);
  });

  it.each([
    ['audit', { signatureVerification: { level: 'audit' } }, 'only logged'],
    [
      'revocation that is skipped',
      { signatureVerification: { level: 'strict', override: { revocation: 'skip' } } },
      'stolen',
    ],
    ['any identity', {}, 'whoever'],
    ['skip', { signatureVerification: { level: 'skip' }, trustStores: [], trustedIdentities: [] }, 'unverified'],
  ])('warns of %s', async (_, change, words) => {
    write('trustpolicy.json', JSON.stringify(trustPolicy(change)));
    expect((await load())[0]?.hazards.join()).toContain(words);
  });

  it.each([
    ['a scope without a registry', { registryScopes: ['team/app'] }, 'no registry'],
    [
      'a repository in two spellings',
      { registryScopes: [repository, `${repository.replace('registry', 'REGISTRY')}`] },
      'twice',
    ],
    ['stores for timestamps only', { trustStores: ['tsa:acme'] }, 'none for signers'],
    ['a store outside', { trustStores: ['ca:../acme'] }, 'not a trust store'],
    ['a store that is the folder above', { trustStores: ['ca:..'] }, 'not a trust store'],
    ['a mistyped name', { trustedIdentities: ['x509.subject: C=US, ST=WA, O=acme, DC=x'] }, 'DC'],
    ['a name in hexadecimal', { trustedIdentities: ['x509.subject: C=US, ST=WA, O=#0403'] }, 'hexadecimal'],
    ['two attributes in one place', { trustedIdentities: ['x509.subject: C=US+L=x, ST=WA, O=acme'] }, 'one place'],
  ])('refuses %s, and names the line', async (_, change, words) => {
    write('trustpolicy.json', JSON.stringify(trustPolicy(change), undefined, 2));
    const { code, message } = await refused();
    expect(code).toBe('IMAGE_POLICY_INVALID');
    expect(message).toMatch(/^trustpolicy\.json:\d+:\d+: /);
    expect(message).toContain(words);
  });

  it.each([
    ['nothing', '', 'IMAGE_POLICY_INVALID'],
    ['a key twice', '{"version":"1.0","version":"1.0","trustPolicies":[]}', 'IMAGE_POLICY_INVALID'],
    ['no JSON', '{', 'IMAGE_POLICY_INVALID'],
    ['not UTF-8', Buffer.from([0xff, 0xfe]), 'IMAGE_POLICY_INVALID'],
  ])('refuses %s', async (_, content, code) => {
    write('trustpolicy.json', content);
    expect((await refused()).code).toBe(code);
  });

  it('refuses a trust policy that is not there', async () => {
    expect(await refused()).toEqual({
      code: 'IMAGE_POLICY_MISSING',
      message: 'trustpolicy.json cannot be read (ENOENT)',
    });
  });
});
