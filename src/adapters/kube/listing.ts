import { apiVersionOf, KubeError, type KubeObject, type KubeResource, valueAt } from '../../core/kube.ts';
import { listPath } from './path.ts';
import type { Requester } from './requester.ts';

interface Selection {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
}

export interface Listing {
  readonly items: readonly KubeObject[];
  /** Of the whole list: a watch goes on from here. */
  readonly resourceVersion: string;
}

const pageSize = 250;
const maxObjects = 200_000;
/** A list that changes faster than it can be read is given up. */
const maxRestarts = 3;

/**
 * A whole list as it was at one moment, read in pages. A page that is larger than an answer may be is asked for again in
 * smaller ones; where the server has forgotten the moment meanwhile (410), the list is read anew.
 */
export async function readList(
  requester: Requester,
  resource: KubeResource,
  selection: Selection,
  signal: AbortSignal,
): Promise<Listing> {
  let limit = pageSize;
  for (let restarts = 0; ; restarts++) {
    try {
      return await readPages();
    } catch (error) {
      const isGone = error instanceof KubeError && error.status === 410;
      if (!isGone || restarts >= maxRestarts) throw error;
    }
  }

  async function readPages(): Promise<Listing> {
    const items: KubeObject[] = [];
    let next: string | undefined;
    for (;;) {
      let page: unknown;
      try {
        page = await requester.ask({
          method: 'GET',
          path: listPath(resource, selection.namespace),
          query: { labelSelector: selection.labelSelector, limit: String(limit), continue: next },
          signal,
        });
      } catch (error) {
        if (!(error instanceof KubeError) || error.reason !== 'AnswerTooLarge' || limit === 1) throw error;
        limit = Math.max(1, Math.floor(limit / 8));
        continue;
      }
      const found = valueAt(page, 'items');
      const resourceVersion = valueAt(page, 'metadata', 'resourceVersion');
      if (!Array.isArray(found) || typeof resourceVersion !== 'string') throw notAList(resource);
      for (const item of found) items.push(readObject(item, resource));
      if (items.length > maxObjects) {
        throw new KubeError(0, 'AnswerTooLarge', `there are more than ${maxObjects} ${resource.plural}`);
      }
      const token = valueAt(page, 'metadata', 'continue');
      if (typeof token !== 'string' || token === '') return { items, resourceVersion };
      next = token;
    }
  }
}

/** Items of lists of built-in kinds say neither their apiVersion nor their kind; here they do, as the list does for them. */
export function readObject(value: unknown, resource?: KubeResource): KubeObject {
  const name = valueAt(value, 'metadata', 'name');
  if (typeof name !== 'string') {
    throw new KubeError(0, 'AnswerInvalid', 'the answer of the API server is not an object with a name');
  }
  const object = value as KubeObject;
  if (resource === undefined || object.apiVersion !== undefined) return object;
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}

function notAList({ plural }: KubeResource): KubeError {
  return new KubeError(0, 'AnswerInvalid', `the answer of the API server is not a list of ${plural}`);
}
