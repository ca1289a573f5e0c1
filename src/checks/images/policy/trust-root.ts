import * as z from 'zod/mini';
import { GateError } from '../../../core/errors.ts';
import { describePath, type JsonPath } from '../../../core/json.ts';
import { type SettingsDocument, validateSettings } from '../../../core/settings-file.ts';
import { authorityChains, authorityOf, logOf, readCertificates, rootOfParts, timestampChain } from './certificate.ts';
import { at, refusal } from './complaint.ts';
import type { TrustRoot } from './model.ts';
import { Metadata } from './schema.ts';

const text = z.string().check(z.minLength(1));

const CertificateAuthority = z.strictObject({
  subject: z.strictObject({ organization: text, commonName: text }),
  uri: text,
  certChain: text,
});
const Log = z.strictObject({ baseURL: text, hashAlgorithm: text, publicKey: text });
const tufFields = { root: text, targets: z.optional(z.string()), trustedRootTarget: z.optional(z.string()) };
const Repository = z.strictObject({ ...tufFields, mirrorFS: text });
const Remote = z.strictObject({ ...tufFields, mirror: text });
const list = <T extends z.ZodMiniType>(schema: T) => z.optional(z.array(schema).check(z.maxLength(100)));
const SigstoreKeys = z.strictObject({
  certificateAuthorities: list(CertificateAuthority),
  tLogs: list(Log),
  ctLogs: list(Log),
  timestampAuthorities: list(CertificateAuthority),
});
type SigstoreKeys = z.infer<typeof SigstoreKeys>;

/** Every field of the kind; there is one version of it. */
export const TrustRootSchema = z.strictObject({
  apiVersion: z.literal('policy.sigstore.dev/v1alpha1'),
  kind: z.literal('TrustRoot'),
  metadata: Metadata,
  spec: z.strictObject({
    remote: z.optional(Remote),
    repository: z.optional(Repository),
    sigstoreKeys: z.optional(SigstoreKeys),
  }),
  status: z.optional(z.unknown()),
});

/** A TUF repository that a TrustRoot carries or names. */
export interface TufTrust {
  /** The root metadata that trust begins with. */
  readonly root: Uint8Array;
  /** The folder of the targets. */
  readonly targets: string;
  /** The target that holds the `trusted_root.json`. */
  readonly trustedRootTarget: string;
}

/** What reads TUF repositories; only a TrustRoot that has one needs it. */
export interface TufReader {
  fromArchive(tuf: TufTrust, archive: Uint8Array, name: string): Promise<LoadedRoot>;
  fromMirror(tuf: TufTrust, mirror: string, name: string): Promise<LoadedRoot>;
}

/** A root and, where it came from a TUF repository, the time from which on the repository would be refused. */
export interface LoadedRoot {
  readonly name: string;
  readonly root: TrustRoot;
  readonly expires?: Date;
  /** Where it came from a server. */
  readonly fetchedAt?: Date;
  /** Why it could not be fetched anew, where it is what was fetched before. */
  readonly unfetched?: string;
}

/**
 * A TrustRoot as it stands in the document. Throws IMAGE_TRUST_ROOT_* with file, line and column: nothing of it is
 * skipped, and no policy can be loaded that names a root which was not.
 */
export async function readTrustRoot(document: SettingsDocument, tuf: TufReader): Promise<LoadedRoot> {
  const { metadata, spec } = validateSettings(TrustRootSchema, document, 'IMAGE_TRUST_ROOT_INVALID');
  const { name } = metadata;
  const shown = `TrustRoot ${name}`;
  const given = (['remote', 'repository', 'sigstoreKeys'] as const).filter((field) => spec[field] !== undefined);
  if (given.length !== 1) {
    const what = given.length === 0 ? 'none of' : `${given.join(' and ')} of`;
    const why = `spec has ${what} remote, repository and sigstoreKeys; exactly one is the root`;
    throw refusal(document, ['spec'], 'IMAGE_TRUST_ROOT_INVALID', why);
  }
  if (spec.sigstoreKeys !== undefined) {
    return { name, root: readSigstoreKeys(document, ['spec', 'sigstoreKeys'], spec.sigstoreKeys, shown) };
  }
  if (spec.repository !== undefined) {
    const { repository } = spec;
    const path = ['spec', 'repository'];
    const trust = readTuf(document, path, repository);
    const archive = at(document, [...path, 'mirrorFS'], () => decode(repository.mirrorFS));
    return atTuf(document, path, name, () => tuf.fromArchive(trust, archive, shown));
  }
  const { remote } = spec;
  const path = ['spec', 'remote'];
  if (remote === undefined || !URL.canParse(remote.mirror) || new URL(remote.mirror).protocol !== 'https:') {
    const why = `${describePath([...path, 'mirror'])} is not an https address`;
    throw refusal(document, [...path, 'mirror'], 'IMAGE_TRUST_ROOT_INVALID', why);
  }
  const trust = readTuf(document, path, remote);
  return atTuf(document, path, name, () => tuf.fromMirror(trust, remote.mirror, shown));
}

async function atTuf(
  document: SettingsDocument,
  path: JsonPath,
  name: string,
  read: () => Promise<LoadedRoot>,
): Promise<LoadedRoot> {
  try {
    return { ...(await read()), name };
  } catch (error) {
    return at(document, path, () => {
      throw error;
    });
  }
}

function readTuf(
  document: SettingsDocument,
  path: JsonPath,
  spec: z.infer<typeof Repository> | z.infer<typeof Remote>,
) {
  return {
    root: at(document, [...path, 'root'], () => decode(spec.root)),
    targets: spec.targets || 'targets',
    trustedRootTarget: spec.trustedRootTarget || 'trusted_root.json',
  };
}

function readSigstoreKeys(document: SettingsDocument, path: JsonPath, keys: SigstoreKeys, shown: string): TrustRoot {
  const { certificateAuthorities = [], timestampAuthorities = [], tLogs = [], ctLogs = [] } = keys;
  if (certificateAuthorities.length === 0 && timestampAuthorities.length === 0) {
    const why = `${describePath(path)} has neither certificateAuthorities nor timestampAuthorities`;
    throw refusal(document, path, 'IMAGE_TRUST_ROOT_INVALID', why);
  }
  const logs = (field: 'tLogs' | 'ctLogs', entries: readonly z.infer<typeof Log>[]) => {
    const ids = new Set<string>();
    return entries.map((log, i) => {
      const where = [...path, field, i];
      if (!/^sha-?256$/.test(log.hashAlgorithm)) {
        const why = `${describePath([...where, 'hashAlgorithm'])} is not sha-256`;
        throw refusal(document, [...where, 'hashAlgorithm'], 'IMAGE_TRUST_ROOT_INVALID', why);
      }
      const made = at(document, [...where, 'publicKey'], () => logOf(log.baseURL, decodeText(log.publicKey)));
      const id = JSON.stringify((made as { readonly logId: unknown }).logId);
      if (ids.has(id)) {
        const why = `${describePath(where)} has the key of another log; entries of one log would count as those of two`;
        throw refusal(document, where, 'IMAGE_TRUST_ROOT_INVALID', why);
      }
      ids.add(id);
      return made;
    });
  };
  return rootOfParts(shown, {
    tlogs: logs('tLogs', tLogs),
    ctlogs: logs('ctLogs', ctLogs),
    certificateAuthorities: certificateAuthorities.flatMap(({ certChain, uri, subject }, i) =>
      at(document, [...path, 'certificateAuthorities', i, 'certChain'], () =>
        authorityChains(readCertificates(decodeText(certChain))).map((chain) => authorityOf(chain, uri, subject)),
      ),
    ),
    timestampAuthorities: timestampAuthorities.map(({ certChain, uri, subject }, i) =>
      at(document, [...path, 'timestampAuthorities', i, 'certChain'], () =>
        authorityOf(timestampChain(readCertificates(decodeText(certChain))), uri, subject),
      ),
    ),
  });
}

/** Bytes as Kubernetes spells them: standard base64; line breaks do not matter. */
function decode(base64: string): Uint8Array {
  const body = base64.replaceAll(/[\r\n]/g, '');
  const found = Buffer.from(body, 'base64');
  if (found.length > 0 && found.toString('base64') === body) return found;
  const raw = base64.includes('-----BEGIN ') || base64.trimStart().startsWith('{');
  const more = raw ? { mend: 'Give it in base64, as Kubernetes wants it: base64 -w0 FILE.' } : {};
  throw new GateError(
    'IMAGE_TRUST_ROOT_INVALID',
    raw ? 'it stands there as text, and not in base64' : 'it is not base64',
    more,
  );
}

function decodeText(base64: string): string {
  return Buffer.from(decode(base64)).toString('latin1');
}
