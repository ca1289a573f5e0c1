import { KubeError, valueAt } from '../../core/kube.ts';
import type { Requester } from './requester.ts';

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/**
 * What Helm's `.Capabilities` holds (its action.GetVersionSet): every group and version, and every kind in them, those of
 * subresources too. As there, what an extension API server that is away would serve is left out. Needs Kubernetes 1.30.
 */
export async function readCapabilities(
  requester: Requester,
  signal: AbortSignal,
): Promise<{ readonly version: string; readonly apiVersions: readonly string[] }> {
  const ask = (path: string, accept?: string) =>
    requester.ask({ method: 'GET', path, ...(accept !== undefined && { accept }), signal });
  const [version, core, groups] = await Promise.all([
    ask('/version'),
    ask('/api', aggregated),
    ask('/apis', aggregated),
  ]);
  const gitVersion = valueAt(version, 'gitVersion');
  if (typeof gitVersion !== 'string') throw invalid('a version');
  const names = new Set<string>();
  for (const list of [core, groups]) {
    if (valueAt(list, 'kind') !== 'APIGroupDiscoveryList') throw invalid('an APIGroupDiscoveryList');
    for (const group of itemsOf(list, 'items')) addGroup(group, names);
  }
  return { version: gitVersion, apiVersions: [...names].sort() };
}

function addGroup(group: unknown, names: Set<string>): void {
  const groupName = valueAt(group, 'metadata', 'name') ?? '';
  for (const each of itemsOf(group, 'versions')) {
    if (valueAt(each, 'freshness') === 'Stale') continue;
    const version = String(valueAt(each, 'version'));
    const apiVersion = groupName === '' ? version : `${String(groupName)}/${version}`;
    names.add(apiVersion);
    for (const resource of itemsOf(each, 'resources')) {
      for (const served of [resource, ...itemsOf(resource, 'subresources')]) {
        const kind = valueAt(served, 'responseKind', 'kind');
        if (typeof kind === 'string' && kind !== '') names.add(`${apiVersion}/${kind}`);
      }
    }
  }
}

function itemsOf(value: unknown, field: string): readonly unknown[] {
  const items = valueAt(value, field);
  return Array.isArray(items) ? items : [];
}

function invalid(what: string): KubeError {
  return new KubeError(0, 'AnswerInvalid', `the answer of the API server is not ${what}`);
}
