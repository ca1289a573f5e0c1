import { withDeadline } from '../../core/deadline.ts';
import { type Code, GateError } from '../../core/errors.ts';
import type { ArtifactStore, Timers } from './ports.ts';
import type { ReconcilerPorts } from './run.ts';

/** How long one call of the storage may take: disks that are throttled need seconds for a large file. */
export const STORAGE_LIMIT = 60_000;
/** So many calls that did not come back, and nothing written meanwhile, are no hiccup of a disk. */
const MOST = 3;

type Disks = Pick<ReconcilerPorts, 'store' | 'pack' | 'newFolder'>;

/**
 * The same storage, of which no call lasts for ever. A disk that hangs, such as a volume whose node or network is gone,
 * answers nothing, not even an error; and as few threads as wait for it hold up all else that goes by a thread. What has
 * not answered in time is left alone: what it does later nobody relies on, and the store keeps the order of each key.
 * `onHung` is told where call after call does not come back and nothing can be written.
 */
export function boundedStorage(
  { store, pack, newFolder }: Disks,
  timers: Timers,
  onHung: (error: GateError) => void,
): Disks {
  let hung = 0;

  /** Only what reaches the disk says that it works: there is much that a store answers without it. */
  async function written<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const value = await answer;
    hung = 0;
    return value;
  }

  async function inTime<Answer>(code: Code, what: string, call: () => Promise<Answer>): Promise<Answer> {
    let isLate = false;
    const late = () => {
      isLate = true;
      return new GateError(code, `${what} has not ended within ${STORAGE_LIMIT / 1000} s`, {
        mend: 'Look at the volumes of the Pod and at its node: the disk hangs.',
      });
    };
    const outer = new AbortController().signal;
    try {
      return await withDeadline(outer, { milliseconds: STORAGE_LIMIT, late, graceMs: 0, clock: timers }, call);
    } catch (error) {
      if (isLate && ++hung >= MOST) onHung(error as GateError);
      throw error;
    }
  }

  const bounded: ArtifactStore = {
    put: (key, packed) => inTime('STORE_FAILED', 'storing an artifact', () => written(store.put(key, packed))),
    adopt: (path, content) => inTime('STORE_FAILED', 'storing a copy', () => written(store.adopt(path, content))),
    temporary: () => store.temporary(),
    get: (path) => store.get(path),
    list: (key) => store.list(key),
    collect: (key, options) => inTime('STORE_FAILED', 'removing old artifacts', () => store.collect(key, options)),
    remove: (key) => inTime('STORE_FAILED', 'removing artifacts', () => store.remove(key)),
  };
  return {
    store: bounded,
    pack: (files) => inTime('STORE_FAILED', 'packing an artifact', () => pack(files)),
    async newFolder() {
      const folder = await newFolder();
      const remove = () => inTime('WORKSPACE_FAILED', 'removing a temporary folder', () => folder.remove());
      return { path: folder.path, remove };
    },
  };
}
