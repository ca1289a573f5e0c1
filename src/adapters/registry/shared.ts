import type { Digest } from '../../core/image.ts';
import type { Descriptor, ReadRepository, Registry, VerifiedBytes } from '../../core/ports.ts';
import type { DiskCache } from './disk-cache.ts';
import { Flights } from './flights.ts';
import { Recent } from './recent.ts';
import { keyOf, leaving } from './run.ts';

export interface SharedPorts {
  /** Milliseconds, from whenever, by a clock that nobody sets: what holds for so long is counted by it. */
  readonly elapsed: () => number;
  /** Bytes of bodies that are kept in memory. */
  readonly memoryBytes: number;
  /** Milliseconds for which "there is none" may be repeated; 0 in a process that lives for one verdict. */
  readonly absentMs: number;
  readonly disk: DiskCache | undefined;
}

/** Absences that are remembered at once. */
const maxAbsences = 10_000;
/** Tags that tools derive from a digest: what they hold is signed, so that an older answer is no other image. */
const derivedTag = /sha256-[0-9a-f]{64}(?:\.(?:sig|att|sbom))?$/;

/**
 * A registry for all runs of a process. What has a digest is kept for ever, as far as there is room: its bytes cannot
 * change. What hangs on a digest is asked for once by all who want it now, and that nothing hangs there is believed for
 * seconds. Tags of images are asked for anew by everybody: what one run learnt is no answer for the next.
 */
export function shareRuns(registry: Registry, ports: SharedPorts): Registry {
  const { elapsed, absentMs, disk } = ports;
  const flights = new Flights();
  const bodies = new Recent<VerifiedBytes>(ports.memoryBytes, ({ bytes }) => bytes.length + 1024);
  const absent = new Recent<number>(maxAbsences);

  const isAbsent = (key: string): boolean => {
    const until = absent.get(key);
    if (until === undefined) return false;
    if (elapsed() < until) return true;
    absent.delete(key);
    return false;
  };

  /** Kept by repository and digest: that one repository has a body says nothing about another. */
  const body = (
    kind: 'manifest' | 'blob',
    repository: ReadRepository,
    digest: Digest,
    maxBytes: number,
    signal: AbortSignal,
    ask: (signal: AbortSignal) => Promise<VerifiedBytes | undefined>,
  ): Promise<VerifiedBytes | undefined> => {
    const key = `${kind} ${keyOf(repository)}@${digest}`;
    const known = bodies.get(key);
    // One that is larger than this caller reads is left to the registry, which knows how to refuse it.
    if (known !== undefined && known.bytes.length <= maxBytes) return Promise.resolve(known);
    return flights.share(`${key} ${maxBytes}`, signal, leaving(repository, signal), async (shared) => {
      const stored = await disk?.read(kind, keyOf(repository), digest, maxBytes);
      const found = stored ?? (await ask(shared));
      if (found !== undefined) bodies.set(key, found);
      if (found !== undefined && stored === undefined) await disk?.write(kind, keyOf(repository), found);
      return found;
    });
  };

  return {
    resolveTag: (repository, tag, signal) => registry.resolveTag(repository, tag, signal),

    async manifest(repository, reference, signal) {
      const ask = (shared: AbortSignal) => registry.manifest(repository, reference, shared);
      if (reference.startsWith('sha256:')) {
        return await body('manifest', repository, reference as Digest, Number.POSITIVE_INFINITY, signal, ask);
      }
      if (!derivedTag.test(reference)) return await ask(signal);
      const key = `tag ${keyOf(repository)}:${reference}`;
      if (isAbsent(key)) return undefined;
      const found = await flights.share(key, signal, leaving(repository, signal), ask);
      if (found === undefined && absentMs > 0) absent.set(key, elapsed() + absentMs);
      return found;
    },

    blob: (repository, digest, maxBytes, signal) =>
      body('blob', repository, digest, maxBytes, signal, (shared) =>
        registry.blob(repository, digest, maxBytes, shared),
      ),

    async referrers(repository, digest, signal) {
      const key = `referrers ${keyOf(repository)}@${digest}`;
      if (isAbsent(key)) return [];
      const found = await flights.share<readonly Descriptor[]>(key, signal, leaving(repository, signal), (shared) =>
        registry.referrers(repository, digest, shared),
      );
      if (found.length === 0 && absentMs > 0) absent.set(key, elapsed() + absentMs);
      return found;
    },
  };
}
