import type { Kube, KubeObject, KubeResource, ObjectKey } from '../../core/kube.ts';
import type { Timers } from './ports.ts';
import { keyText } from './sources.ts';

/**
 * Objects as they were written last. A copy that follows the cluster is a moment behind, and whoever looks at it right
 * after a write would do the work again that the write was the end of.
 */
export interface Newest {
  wrote(object: KubeObject): void;
  /** It was removed. */
  forget(key: ObjectKey): void;
  /** The newer of what was followed and what was written. */
  of(key: ObjectKey, followed: KubeObject | undefined): KubeObject | undefined;
}

/** By then a copy has caught up, or does not follow any more: nobody can say what is there but the copy. */
const LONGEST = 10_000;

export function createNewest(timers: Timers): Newest {
  const written = new Map<string, { readonly object: KubeObject; readonly at: number }>();
  return {
    wrote(object) {
      const { namespace = '', name } = object.metadata;
      written.set(keyText({ namespace, name }), { object, at: timers.now() });
    },
    forget: (key) => void written.delete(keyText(key)),
    of(key, followed) {
      const own = written.get(keyText(key));
      if (own === undefined) return followed;
      const isRecent = timers.now() - own.at < LONGEST;
      if (isRecent && (followed === undefined || isNewer(own.object, followed))) return own.object;
      written.delete(keyText(key));
      return followed;
    },
  };
}

/** Versions of one object are numbers that grow, as the API says since Kubernetes 1.35. Anything else is not compared. */
function isNewer({ metadata: a }: KubeObject, { metadata: b }: KubeObject): boolean {
  const [ours = '', theirs = ''] = [a.resourceVersion, b.resourceVersion];
  if (a.uid !== b.uid || !/^[1-9]\d{0,30}$/.test(ours) || !/^[1-9]\d{0,30}$/.test(theirs)) return false;
  return ours.length === theirs.length ? ours > theirs : ours.length > theirs.length;
}

/** The same API server, with a note of what is written. */
export function noting(
  kube: Kube,
  note: {
    readonly wrote: (resource: KubeResource, object: KubeObject) => void;
    readonly removed: (resource: KubeResource, key: ObjectKey) => void;
  },
): Kube {
  const noted = async (resource: KubeResource, written: Promise<KubeObject>) => {
    const object = await written;
    note.wrote(resource, object);
    return object;
  };
  return {
    get: (...args) => kube.get(...args),
    list: (...args) => kube.list(...args),
    watch: (...args) => kube.watch(...args),
    capabilities: (...args) => kube.capabilities(...args),
    create: (...args) => noted(args[0], kube.create(...args)),
    apply: (...args) => noted(args[0], kube.apply(...args)),
    mergePatch: (...args) => noted(args[0], kube.mergePatch(...args)),
    replace: (...args) => noted(args[0], kube.replace(...args)),
    async delete(...args) {
      await kube.delete(...args);
      note.removed(args[0], args[1]);
    },
  };
}
