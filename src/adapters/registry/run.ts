import { GateError } from '../../core/errors.ts';
import type { Descriptor, Registry, VerifiedBytes } from '../../core/ports.ts';

/**
 * A registry that asks each question once: callers of one run share the answer, and those who come while it is on its
 * way wait for it. A tag so means one digest for the whole run, whatever the registry says the second time. The bytes
 * of all answers are counted against `maxBytes`, past which REGISTRY_TOO_LARGE is thrown.
 */
export function askOnce(registry: Registry, maxBytes: number): Registry {
  const known = new Map<string, Promise<unknown>>();
  let left = maxBytes;

  const once = async <Answer>(key: string, signal: AbortSignal, ask: () => Promise<Answer>): Promise<Answer> => {
    const asked = known.get(key) as Promise<Answer> | undefined;
    if (asked === undefined) {
      const asking = ask();
      known.set(key, asking);
      return await asking;
    }
    try {
      return await asked;
    } catch (error) {
      // Somebody else gave up, which is no answer to this caller.
      if (signal.aborted || !(error instanceof GateError) || error.code !== 'REGISTRY_ABORTED') throw error;
      if (known.get(key) === asked) known.delete(key);
      return await once(key, signal, ask);
    }
  };

  const counted = async (asking: Promise<VerifiedBytes | undefined>): Promise<VerifiedBytes | undefined> => {
    const answer = await asking;
    left -= answer?.bytes.length ?? 0;
    if (left >= 0) return answer;
    throw new GateError('REGISTRY_TOO_LARGE', `registries sent more than the ${maxBytes} bytes that one run reads`);
  };

  return {
    resolveTag({ registry: host, path }, tag, signal) {
      const ask = () => registry.resolveTag({ registry: host, path }, tag, signal);
      return once<Descriptor | undefined>(`tag ${host}/${path}:${tag}`, signal, ask);
    },
    manifest(repository, reference, signal) {
      const key = `manifest ${repository.registry}/${repository.path}@${reference}`;
      return once(key, signal, () => counted(registry.manifest(repository, reference, signal)));
    },
    blob(repository, digest, max, signal) {
      const key = `blob ${repository.registry}/${repository.path}@${digest} ${max}`;
      return once(key, signal, () => counted(registry.blob(repository, digest, max, signal)));
    },
    referrers(repository, digest, signal) {
      const key = `referrers ${repository.registry}/${repository.path}@${digest}`;
      return once(key, signal, () => registry.referrers(repository, digest, signal));
    },
  };
}
