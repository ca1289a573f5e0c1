import { GateError } from '../../core/errors.ts';
import type { ReadRepository, Registry, VerifiedBytes } from '../../core/ports.ts';
import { Flights } from './flights.ts';

/**
 * A registry that asks each question once: callers of one run share the answer, and those who come while it is on its
 * way wait for it. A tag so means one digest for the whole run, whatever the registry says the second time. The bytes
 * of all answers are counted against `maxBytes`, past which REGISTRY_TOO_LARGE is thrown.
 */
export function askOnce(registry: Registry, maxBytes: number): Registry {
  const known = new Map<string, Promise<unknown>>();
  const flights = new Flights();
  let left = maxBytes;

  const once = async <Answer>(
    key: string,
    repository: ReadRepository,
    signal: AbortSignal,
    ask: (signal: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> => {
    const settled = known.get(key) as Promise<Answer> | undefined;
    if (settled !== undefined) return await settled;
    return await flights.share(key, signal, leaving(repository, signal), async (shared) => {
      const asking = ask(shared);
      // An answer is for the whole run, a failure too; that everybody left is neither.
      const keep = () => known.set(key, asking);
      await asking.then(keep, (error: unknown) => {
        if (!shared.aborted && !isAborted(error)) keep();
      });
      return await asking;
    });
  };

  const counted = async (asking: Promise<VerifiedBytes | undefined>): Promise<VerifiedBytes | undefined> => {
    const answer = await asking;
    left -= answer?.bytes.length ?? 0;
    if (left >= 0) return answer;
    throw new GateError('REGISTRY_TOO_LARGE', `registries sent more than the ${maxBytes} bytes that one run reads`);
  };

  return {
    resolveTag(repository, tag, signal) {
      const key = `tag ${keyOf(repository)}:${tag}`;
      return once(key, repository, signal, (shared) => registry.resolveTag(repository, tag, shared));
    },
    manifest(repository, reference, signal) {
      const key = `manifest ${keyOf(repository)}@${reference}`;
      return once(key, repository, signal, (shared) => counted(registry.manifest(repository, reference, shared)));
    },
    blob(repository, digest, max, signal) {
      const key = `blob ${keyOf(repository)}@${digest} ${max}`;
      return once(key, repository, signal, (shared) => counted(registry.blob(repository, digest, max, shared)));
    },
    referrers(repository, digest, signal) {
      const key = `referrers ${keyOf(repository)}@${digest}`;
      return once(key, repository, signal, (shared) => registry.referrers(repository, digest, shared));
    },
  };
}

/** One repository as one set of credentials sees it. */
export function keyOf({ registry, path, pullSecrets = [] }: ReadRepository): string {
  // Neither a host nor a path nor the name of a Secret holds a space.
  return [`${registry}/${path}`, ...pullSecrets].join(' ');
}

/** What somebody is told who stops waiting for a repository. */
export function leaving({ registry }: ReadRepository, signal: AbortSignal): () => GateError {
  return () => new GateError('REGISTRY_ABORTED', `the run ended before ${registry} answered`, { cause: signal.reason });
}

function isAborted(error: unknown): boolean {
  return error instanceof GateError && error.code === 'REGISTRY_ABORTED';
}
