import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import * as z from 'zod/mini';
import { GateError } from '../core/errors.ts';
import type { HostCredentials } from '../core/ports.ts';
import { readSettings, validateSettings } from '../core/settings-file.ts';
import type { CredentialStore } from './context.ts';
import { allows } from './places.ts';

const text = (description: string) => z.optional(z.string().check(z.minLength(1), z.describe(description)));

const Entry = z.strictObject({
  place: z
    .string()
    .check(
      z.minLength(1),
      z.describe(
        'What they are for: a host, or a URL and everything below it, as in remoteBases and repositories. The longest that fits is taken.',
      ),
    ),
  username: text('User name.'),
  password: text('Password.'),
  passwordFile: text('A file with the password. Files are relative to this one.'),
  token: text('A bearer token; for chart repositories it is taken as the password.'),
  tokenFile: text('A file with the token.'),
  caFile: text('A file with the certificates of the authorities that the server’s certificate may come from.'),
  certificateFile: text('A file with the client certificate.'),
  keyFile: text('A file with the key of the client certificate.'),
  sshKeyFile: text('A file with the private key for ssh.'),
  knownHostsFile: text('A file with the host keys for ssh; without it no ssh host is trusted.'),
});

/** A file of the credentials store: `spec.render.credentials` of a Gate. */
const CredentialsFile = z.strictObject({
  credentials: z.array(Entry).check(z.describe('One entry a place.')),
});

const MAX_BYTES = 1024 * 1024;

/**
 * Reads the store: one file, or every `*.yaml` and `*.yml` of a folder (not of those below: Kubernetes keeps its own
 * there). Throws CREDENTIALS_INVALID; messages name files as the platform does, and never a secret.
 */
export function loadCredentials(path: string): CredentialStore {
  const entries: { place: string; credentials: HostCredentials }[] = [];
  const secrets: string[] = [];
  for (const file of storeFiles(path)) {
    for (const document of readSettings(readSmall(file), file, 'CREDENTIALS_INVALID')) {
      const { credentials } = validateSettings(CredentialsFile, document, 'CREDENTIALS_INVALID');
      for (const entry of credentials) {
        const read = readEntry(entry, dirname(file));
        entries.push({ place: entry.place, credentials: read });
        for (const secret of [read.password, read.token]) {
          if (secret === undefined) continue;
          secrets.push(
            secret,
            encodeURIComponent(secret),
            Buffer.from(`${read.username ?? ''}:${secret}`).toString('base64'),
          );
        }
      }
    }
  }
  entries.sort((a, b) => b.place.length - a.place.length);
  return { find: (address) => entries.find(({ place }) => allows(place, address))?.credentials, secrets };
}

function storeFiles(path: string): string[] {
  try {
    if (statSync(path).isFile()) return [path];
    const names = readdirSync(path).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith('.'));
    return names.sort().map((name) => join(path, name));
  } catch (error) {
    throw new GateError('CREDENTIALS_INVALID', `the credentials store ${path} cannot be read`, { cause: error });
  }
}

function readEntry(entry: z.infer<typeof Entry>, folder: string): HostCredentials {
  const at = (file: string | undefined) => (file === undefined ? undefined : existing(resolve(folder, file)));
  const content = (file: string | undefined) =>
    file === undefined ? undefined : readSmall(resolve(folder, file)).trim();
  const found: Record<keyof HostCredentials, string | undefined> = {
    username: entry.username,
    password: entry.password ?? content(entry.passwordFile),
    token: entry.token ?? content(entry.tokenFile),
    caFile: at(entry.caFile),
    certificateFile: at(entry.certificateFile),
    keyFile: at(entry.keyFile),
    sshKeyFile: at(entry.sshKeyFile),
    knownHostsFile: at(entry.knownHostsFile),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function existing(file: string): string {
  try {
    if (statSync(file).isFile()) return file;
  } catch {
    // Below.
  }
  throw new GateError('CREDENTIALS_INVALID', `the credentials store names ${file}, which is not a file`);
}

function readSmall(file: string): string {
  try {
    if (statSync(file).size <= MAX_BYTES && !lstatSync(file).isDirectory()) return readFileSync(file, 'utf8');
  } catch (error) {
    throw new GateError('CREDENTIALS_INVALID', `${file} of the credentials store cannot be read`, { cause: error });
  }
  throw new GateError('CREDENTIALS_INVALID', `${file} of the credentials store is too large`);
}
