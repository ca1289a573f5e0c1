/** What every registry owes to those who read it, whether it is a server or a folder. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Digest, Repository } from '../../../src/core/image.ts';
import type { Registry } from '../../../src/core/ports.ts';
import type { PushedImage } from '../../support/registry.ts';
import { expectCode, never } from './support.ts';

export interface ContractSubject {
  /** A registry for a run of its own. */
  readonly forRun: () => Registry;
  readonly repository: Repository;
  /** Signed by cosign in both formats. */
  readonly signed: PushedImage;
  readonly unsigned: PushedImage;
  /** An index of both. */
  readonly index: PushedImage;
  close(): Promise<void>;
}

const absentDigest = `sha256:${'0'.repeat(64)}` as Digest;
const sha256 = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

export function describeRegistryContract(name: string, start: () => Promise<ContractSubject>): void {
  describe(`the registry contract: ${name}`, () => {
    let subject: ContractSubject;
    let registry: Registry;
    let repository: Repository;
    beforeAll(async () => {
      subject = await start();
      registry = subject.forRun();
      repository = subject.repository;
    });
    afterAll(async () => subject?.close());

    /** The config of an image: the one blob that every image surely has. */
    const configOf = async (image: PushedImage): Promise<{ digest: Digest; size: number }> => {
      const manifest = await registry.manifest(repository, image.digest, never);
      return JSON.parse(new TextDecoder().decode(manifest?.bytes)).config;
    };

    it('resolves a tag to the digest that was pushed', async () => {
      const found = await registry.resolveTag(repository, subject.signed.tag, never);
      const manifest = await registry.manifest(repository, subject.signed.digest, never);
      expect(found).toEqual({
        digest: subject.signed.digest,
        mediaType: manifest?.mediaType,
        size: manifest?.bytes.length,
      });
    });

    it('resolves the tag of an index to the index', async () => {
      const found = await registry.resolveTag(repository, subject.index.tag, never);
      expect(found?.digest).toBe(subject.index.digest);
      expect(found?.mediaType).toBe('application/vnd.oci.image.index.v1+json');
    });

    it('reads a manifest by digest and by tag, byte for byte', async () => {
      const byDigest = await registry.manifest(repository, subject.unsigned.digest, never);
      const byTag = await registry.manifest(repository, subject.unsigned.tag, never);
      expect(byDigest?.digest).toBe(subject.unsigned.digest);
      expect(sha256(byDigest?.bytes ?? new Uint8Array())).toBe(subject.unsigned.digest);
      expect(byTag).toEqual(byDigest);
    });

    it('reads a blob, byte for byte', async () => {
      const config = await configOf(subject.signed);
      const blob = await registry.blob(repository, config.digest, config.size, never);
      expect(blob?.digest).toBe(config.digest);
      expect(blob?.bytes.length).toBe(config.size);
      expect(sha256(blob?.bytes ?? new Uint8Array())).toBe(config.digest);
    });

    it('refuses a blob that is one byte larger than asked for', async () => {
      const config = await configOf(subject.signed);
      const reading = registry.blob(repository, config.digest, config.size - 1, never);
      await expectCode(reading, 'REGISTRY_TOO_LARGE');
    });

    it('finds the bundle that cosign attached', async () => {
      const referrers = await registry.referrers(repository, subject.signed.digest, never);
      expect(referrers).toHaveLength(1);
      const [bundle] = referrers;
      const manifest = await registry.manifest(repository, bundle?.digest as Digest, never);
      const body = JSON.parse(new TextDecoder().decode(manifest?.bytes));
      expect(body.subject.digest).toBe(subject.signed.digest);
      expect(body.layers[0].mediaType).toBe(bundleType);
      expect(bundle).toMatchObject({ mediaType: manifest?.mediaType, size: manifest?.bytes.length });
    });

    it('finds the tag in which cosign keeps its older signatures', async () => {
      const tag = `${subject.signed.digest.replace(':', '-')}.sig`;
      const manifest = await registry.manifest(repository, tag, never);
      const body = JSON.parse(new TextDecoder().decode(manifest?.bytes));
      expect(body.layers[0].mediaType).toBe('application/vnd.dev.cosign.simplesigning.v1+json');
      const payload = await registry.blob(repository, body.layers[0].digest, 10_000, never);
      expect(JSON.parse(new TextDecoder().decode(payload?.bytes)).critical.image['docker-manifest-digest']).toBe(
        subject.signed.digest,
      );
    });

    it('answers undefined for what is not there', async () => {
      const elsewhere = { ...repository, path: 'not/there' };
      expect(await registry.resolveTag(repository, 'absent', never)).toBeUndefined();
      expect(await registry.resolveTag(elsewhere, 'v1', never)).toBeUndefined();
      expect(await registry.manifest(repository, 'absent', never)).toBeUndefined();
      expect(await registry.manifest(repository, absentDigest, never)).toBeUndefined();
      expect(await registry.manifest(elsewhere, absentDigest, never)).toBeUndefined();
      expect(await registry.blob(repository, absentDigest, 1000, never)).toBeUndefined();
      expect(await registry.blob(elsewhere, absentDigest, 1000, never)).toBeUndefined();
    });

    it('answers no referrers where there are none', async () => {
      expect(await registry.referrers(repository, subject.unsigned.digest, never)).toEqual([]);
      expect(await registry.referrers(repository, absentDigest, never)).toEqual([]);
      expect(await registry.referrers({ ...repository, path: 'not/there' }, absentDigest, never)).toEqual([]);
    });

    it.each([
      ['a path that climbs', { path: '../../etc' }, 'v1'],
      ['a path with a query', { path: 'a?b' }, 'v1'],
      ['an absolute path', { path: '/etc' }, 'v1'],
      ['an empty path', { path: '' }, 'v1'],
      ['a tag that climbs', {}, '../blobs/x'],
      ['a tag with a query', {}, 'v1?x=y'],
      ['a digest that is none', {}, 'sha256:../../etc/passwd'],
    ])('refuses %s', async (_, change, reference) => {
      const at = { ...repository, ...change };
      await expectCode(registry.manifest(at, reference, never), 'IMAGE_REFERENCE_INVALID');
      await expectCode(registry.resolveTag(at, reference, never), 'IMAGE_REFERENCE_INVALID');
    });

    it('refuses a digest with path characters', async () => {
      const digest = 'sha256:../../../etc/passwd' as Digest;
      await expectCode(registry.blob(repository, digest, 1000, never), 'IMAGE_REFERENCE_INVALID');
      await expectCode(registry.referrers(repository, digest, never), 'IMAGE_REFERENCE_INVALID');
    });

    it('stops when its run has ended', async () => {
      const run = subject.forRun();
      const ended = AbortSignal.abort();
      await expectCode(run.resolveTag(repository, subject.signed.tag, ended), 'REGISTRY_ABORTED');
      await expectCode(run.manifest(repository, subject.signed.digest, ended), 'REGISTRY_ABORTED');
      await expectCode(run.blob(repository, absentDigest, 1000, ended), 'REGISTRY_ABORTED');
      await expectCode(run.referrers(repository, subject.signed.digest, ended), 'REGISTRY_ABORTED');
    });

    it('shares one answer within a run', async () => {
      const run = subject.forRun();
      const [first, second] = await Promise.all([
        run.manifest(repository, subject.signed.digest, never),
        run.manifest(repository, subject.signed.digest, never),
      ]);
      expect(second).toBe(first);
      expect(await run.manifest(repository, subject.signed.digest, never)).toBe(first);
    });
  });
}
