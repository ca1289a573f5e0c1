import { createHash } from 'node:crypto';
import { monotonicClock, withDeadline } from '../../../core/deadline.ts';
import { GateError } from '../../../core/errors.ts';
import type { Clock } from '../../../core/ports.ts';
import { unpack } from './archive.ts';
import { authorityChains, authorityOf, logOf, readCertificates, rootOfParts } from './certificate.ts';
import type { FetchedRoot, FetchedRoots, FetchTuf, TrustPorts } from './context.ts';
import type { TrustRoot } from './model.ts';
import type { TufReader, TufTrust } from './trust-root.ts';
import { readTrustedRoot } from './trusted-root.ts';
import { olderRole, type TufFiles, type TufTargets, updateFrom } from './tuf.ts';

/** A mirror that has not given all of a repository by then is out of reach. */
const fetchMs = 20_000;

/**
 * What reads TUF repositories; without `fetch` those of `spec.remote` are refused. What was fetched before stands until it
 * expires where it cannot be had anew: nobody answers, or with something that does not hold, or with an older repository.
 * That date is how long the repository's owner wants it to be believed (TUF specification, 5.3 to 5.6: an update that
 * fails leaves what is trusted as it is), and whoever can answer wrongly can also keep us from the mirror.
 */
export function tufReader({ clock, signal, fetch, fetched, timers = monotonicClock }: TrustPorts): TufReader {
  return {
    async fromArchive(tuf, archive, name) {
      return { name, ...(await read(tuf, filesOf(unpack(archive), tuf.targets), name, clock)) };
    },
    fromMirror: async (tuf, mirror, name) => {
      if (fetch === undefined) {
        throw new GateError('IMAGE_TRUST_ROOT_REMOTE', 'it lies on a server, and the gate fetches no trust by itself');
      }
      const asked = identityOf(tuf, mirror, name);
      const before = fetched?.get(asked);
      try {
        const found = await withDeadline(signal, { milliseconds: fetchMs, late, graceMs: 0, clock: timers }, (stop) =>
          read(
            tuf,
            mirrorOf(mirror, tuf.targets, (url, maxBytes) => fetch(url, maxBytes, stop)),
            name,
            clock,
          ),
        );
        const older = before && olderRole(found.versions, before.versions);
        if (older !== undefined) throw isOlder(older);
        const fresh = { ...found, fetchedAt: new Date(clock.now()) };
        if (fetched !== undefined) remember(fetched, asked, fresh);
        return { name, ...fresh };
      } catch (error) {
        if (!(error instanceof GateError) || before === undefined || before.expires.getTime() <= clock.now())
          throw error;
        const { root, expires, fetchedAt } = before;
        return { name, root, expires, fetchedAt, unfetched: error.message };
      }
    },
  };
}

function remember(fetched: FetchedRoots, asked: string, found: FetchedRoot): void {
  // TrustRoots come and go in a process that stays.
  for (const [other, { expires }] of fetched) if (expires <= found.fetchedAt) fetched.delete(other);
  fetched.set(asked, found);
}

function isOlder(role: string): GateError {
  return new GateError('IMAGE_TRUST_ROOT_INVALID', `its mirror has an older ${role}.json than it had before`, {
    mend: 'Find out who takes it back: a copy that is not up to date, or somebody who wants a key back that was withdrawn.',
  });
}

/** Everything that decides what is read from a mirror: of another TrustRoot nothing may be taken. */
function identityOf({ root, targets, trustedRootTarget }: TufTrust, mirror: string, name: string): string {
  const digest = createHash('sha256').update(root).digest('hex');
  return JSON.stringify([name, mirror, targets, trustedRootTarget, digest]);
}

function late(): GateError {
  return new GateError('IMAGE_TRUST_ROOT_REMOTE', `its mirror has not given all of it within ${fetchMs / 1000} s`);
}

async function read(
  tuf: TufTrust,
  files: TufFiles,
  name: string,
  clock: Clock,
): Promise<Omit<FetchedRoot, 'fetchedAt'>> {
  const repository = await updateFrom(tuf.root, files, new Date(clock.now()));
  const root = repository.targets.has(tuf.trustedRootTarget)
    ? await fromTrustedRoot(repository, tuf.trustedRootTarget, name)
    : await fromUsages(repository, name);
  const { expires, versions } = repository;
  return { root, expires, versions };
}

/** An unpacked archive. As upstream packs it, everything lies below `repository/`; an archive without it is read too. */
function filesOf(unpacked: ReadonlyMap<string, Uint8Array>, targets: string): TufFiles {
  const inRepository = [...unpacked.keys()].some((name) => name.startsWith('repository/'));
  const find = (name: string, maxBytes: number): Uint8Array | undefined => {
    const bytes = unpacked.get(inRepository ? `repository/${name}` : name);
    if (bytes !== undefined && bytes.length > maxBytes) {
      throw new GateError('IMAGE_TRUST_ROOT_INVALID', `${name} of its TUF repository is larger than ${maxBytes} bytes`);
    }
    return bytes;
  };
  return {
    metadata: async (name, maxBytes) => find(name, maxBytes),
    target: async (path, maxBytes) => find(`${targets}/${path}`, maxBytes),
  };
}

function mirrorOf(
  mirror: string,
  targets: string,
  fetch: (url: string, maxBytes: number) => ReturnType<FetchTuf>,
): TufFiles {
  const base = mirror.replace(/\/+$/, '');
  const path = (name: string) => name.split('/').map(encodeURIComponent).join('/');
  return {
    metadata: (name, maxBytes) => fetch(`${base}/${path(name)}`, maxBytes),
    target: (name, maxBytes) => fetch(`${base}/${path(targets)}/${path(name)}`, maxBytes),
  };
}

async function fromTrustedRoot(repository: TufTargets, target: string, name: string): Promise<TrustRoot> {
  const text = new TextDecoder('utf-8').decode(await repository.read(target));
  return readTrustedRoot(text, target, name);
}

/**
 * A repository without a trusted root, as sigstore's older tools make it: each target says in its custom metadata whether
 * it is a certificate of Fulcio, or the key of a log. Targets that say nothing are left out, as upstream does; one that
 * says something else is refused.
 */
async function fromUsages(repository: TufTargets, name: string): Promise<TrustRoot> {
  const parts = { tlogs: [], ctlogs: [], certificateAuthorities: [], timestampAuthorities: [] } as {
    readonly [part in 'tlogs' | 'ctlogs' | 'certificateAuthorities' | 'timestampAuthorities']: ReturnType<
      typeof logOf
    >[];
  };
  for (const [path, { custom }] of repository.targets) {
    const sigstore = custom['sigstore'];
    if (typeof sigstore !== 'object' || sigstore === null) continue;
    const { usage, uri = '' } = sigstore as { readonly usage?: unknown; readonly uri?: unknown };
    const pem = new TextDecoder('utf-8').decode(await repository.read(path));
    if (usage === 'Fulcio') {
      const subject = { organization: '', commonName: '' };
      for (const chain of authorityChains(readCertificates(pem))) {
        parts.certificateAuthorities.push(authorityOf(chain, String(uri), subject));
      }
    } else if (usage === 'Rekor') parts.tlogs.push(logOf(String(uri), pem));
    else if (usage === 'CTFE') parts.ctlogs.push(logOf(String(uri), pem));
    else
      throw new GateError(
        'IMAGE_TRUST_ROOT_INVALID',
        `the target ${path} of its TUF repository has a usage that is not known`,
      );
  }
  if (parts.certificateAuthorities.length === 0) {
    throw new GateError('IMAGE_TRUST_ROOT_INVALID', 'its TUF repository names no certificate authority');
  }
  return rootOfParts(name, parts);
}
