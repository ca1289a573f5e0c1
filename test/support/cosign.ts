/**
 * Keys, signatures and attestations made by the real cosign, versions 2 and 3, against a registry on loopback. Nothing
 * here reaches a transparency log.
 */
import { execFile } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type KeyType, keyPair } from './sigstore/certificates.ts';
import { tool } from './tools/resolve.ts';

const run = promisify(execFile);

export type CosignVersion = 2 | 3;
export type KeyKind = Exclude<KeyType, 'rsa2048'> | 'rsa';

/** A key pair that both cosign and node hold. */
export interface SigningKey {
  readonly kind: KeyKind;
  /** The file that cosign signs with; its password is empty. */
  readonly file: string;
  readonly publicPem: string;
  readonly privatePem: string;
  readonly privateKey: KeyObject;
}

export interface Cosign extends Disposable {
  /** A new key, imported into cosign's own format as `cosign import-key-pair` does. */
  key(kind?: KeyKind): Promise<SigningKey>;
  /** Signs `host/repository@digest`: as a legacy `.sig` tag, or as a bundle (a referrer, or its fallback tag). */
  sign(pinned: string, key: SigningKey, how: SignOptions): Promise<void>;
  /** Attests a predicate of a type about `host/repository@digest`. */
  attest(pinned: string, key: SigningKey, how: AttestOptions): Promise<void>;
  /** The base64 of a signature of bytes that are no image. */
  signBlob(bytes: Uint8Array, key: SigningKey): Promise<string>;
  /** Runs cosign with these arguments in the folder of its keys; rejects, with its stderr, where it fails. */
  run(version: CosignVersion, ...args: readonly string[]): Promise<string>;
  /** Writes a file into that folder, and answers its path. */
  file(name: string, text: string): string;
  /** Whether cosign itself accepts the image; for comparison. */
  verifies(pinned: string, key: SigningKey, version: CosignVersion): Promise<boolean>;
}

interface AttestOptions extends SignOptions {
  /** A URI, or one of cosign's short names. */
  readonly predicateType: string;
  /** What is attested; something without meaning if it is left out. */
  readonly predicate?: object;
}

interface SignOptions {
  readonly cosign: CosignVersion;
  readonly format: 'legacy' | 'bundle';
  /** Further flags, such as `-a key=value`. */
  readonly flags?: readonly string[];
}

const insecure = ['--allow-http-registry', '--allow-insecure-registry'];

/** The folder with its keys goes when it is disposed of. */
export function openCosign(): Cosign {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-cosign-'));
  // Cosign asks Sigstore's own servers for keys even where it needs none of them: a proxy that is not there keeps it in.
  const proxy = { HTTPS_PROXY: 'http://127.0.0.1:9' };
  const env = { HOME: folder, TUF_ROOT: join(folder, 'tuf'), DOCKER_CONFIG: folder, COSIGN_PASSWORD: '', ...proxy };
  let made = 0;

  async function cosign(version: CosignVersion, ...args: readonly string[]): Promise<string> {
    const program = await tool(version === 2 ? 'cosign2' : 'cosign');
    const { stdout } = await run(program, args, { cwd: folder, env, timeout: 60_000, maxBuffer: 8 * 1024 * 1024 });
    return stdout;
  }

  return {
    run: cosign,
    file(name, text) {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    },
    async key(kind = 'p256') {
      const { privateKey, publicKey } = keyPair(kind === 'rsa' ? 'rsa2048' : kind);
      const privatePem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
      const prefix = join(folder, `key-${made++}`);
      writeFileSync(`${prefix}.pem`, privatePem);
      await cosign(2, 'import-key-pair', '--key', `${prefix}.pem`, '--output-key-prefix', prefix, '--yes');
      const publicPem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
      return { kind, file: `${prefix}.key`, publicPem, privatePem, privateKey };
    },
    async sign(pinned, key, how) {
      await cosign(
        how.cosign,
        'sign',
        '--yes',
        '--key',
        key.file,
        ...formatFlags(how),
        ...insecure,
        ...(how.flags ?? []),
        pinned,
      );
    },
    async attest(pinned, key, how) {
      const predicate = join(folder, `predicate-${made++}.json`);
      writeFileSync(predicate, JSON.stringify(how.predicate ?? { made: 'for a test' }));
      const about = ['--type', how.predicateType, '--predicate', predicate];
      await cosign(
        how.cosign,
        'attest',
        '--yes',
        '--key',
        key.file,
        ...about,
        ...formatFlags(how),
        ...insecure,
        ...(how.flags ?? []),
        pinned,
      );
    },
    async signBlob(bytes, key) {
      const file = join(folder, `blob-${made++}`);
      writeFileSync(file, bytes);
      return (await cosign(2, 'sign-blob', '--yes', '--key', key.file, '--tlog-upload=false', file)).trim();
    },
    async verifies(pinned, key, version) {
      const file = join(folder, `verify-${made++}.pub`);
      writeFileSync(file, key.publicPem);
      try {
        await cosign(version, 'verify', '--key', file, '--insecure-ignore-tlog', ...insecure, pinned);
        return true;
      } catch {
        return false;
      }
    },
    [Symbol.dispose]() {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Flags of cosign 3 that cosign 2 does not know are left out for it. */
function formatFlags({ cosign, format }: SignOptions): string[] {
  const bundle = `--new-bundle-format=${format === 'bundle'}`;
  return ['--tlog-upload=false', bundle, ...(cosign === 3 ? ['--use-signing-config=false'] : [])];
}
