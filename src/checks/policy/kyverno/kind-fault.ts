import { nearest } from '../../../core/settings-file.ts';
import { nameTwin } from '../kube/named-resources.ts';
import { apiVersionOf, type ResourceTable, type ResourceType } from '../kube/resources.ts';
import { hasWildcard } from '../values/wildcard.ts';
import { type KindSelector, parseKindSelector } from './kind-selector.ts';

/** Why a kind of a match block names nothing that the table holds. */
export interface KindFault {
  readonly message: string;
  /** Whether it is a mistake for certain; else it may be of a custom resource, or of another version of Kubernetes. */
  readonly isMistake: boolean;
}

/** What is sent to a subresource, and is no object of its own in any table. */
const sent: ReadonlySet<string> = new Set([
  'Eviction',
  'NodeProxyOptions',
  'PodAttachOptions',
  'PodExecOptions',
  'PodPortForwardOptions',
  'PodProxyOptions',
  'Scale',
  'ServiceProxyOptions',
  'TokenRequest',
]);

/** Versions that Kubernetes keeps for good, other than those of alpha and beta. */
const LASTING = /^v\d+$/;

/** Undefined where the kind is known, or may well be: a kind of any other group than those of Kubernetes, a wildcard. */
export function kindFault(text: string, resources: ResourceTable): KindFault | undefined {
  const selector = parseKindSelector(text);
  if (selector === undefined || selector.kind === '' || hasWildcard(selector.kind)) return undefined;
  const { group, version, kind } = selector;
  if (group === 'extensions') return { message: 'Kubernetes has the group extensions no more', isMistake: false };
  if (group !== '*' && !resources.knowsWholeGroup(group)) return undefined;
  const inGroup = resources.types.filter((type) => group === '*' || type.kind.group === group);
  const same = inGroup.filter((type) => type.kind.kind === kind);
  if (same.length > 0) return versionFault(selector, same) ?? subresourceFault(selector, same);
  if (sent.has(kind)) return undefined;
  const names = [...new Set(inGroup.map((type) => type.kind.kind))];
  const twin = nameTwin(kind, names);
  const near = twin ?? nearest(kind, names);
  return {
    message: `no known kind${group === '*' ? '' : ` of ${group === '' ? 'the core group' : group}`} is called ${kind}${near === undefined ? '' : `; did you mean ${near}?`}`,
    // A kind that is named alone may be one of any custom resource.
    isMistake: twin !== undefined || (near !== undefined && group !== '*' && LASTING.test(version)),
  };
}

function versionFault({ version, kind }: KindSelector, same: readonly ResourceType[]): KindFault | undefined {
  if (hasWildcard(version) || same.some((type) => type.kind.version === version)) return undefined;
  const served = [...new Set(same.map((type) => `${apiVersionOf(type.kind)}/${kind}`))].join(' or ');
  return {
    message: `no version ${version} of ${kind} is known; did you mean ${served}?`,
    isMistake: LASTING.test(version) && same.every(({ source }) => source === 'builtin'),
  };
}

/** `Pod.v1` is read as a subresource of Pods. */
function subresourceFault({ kind, subresource }: KindSelector, same: readonly ResourceType[]): KindFault | undefined {
  const version = same.find((type) => type.kind.version === subresource);
  if (version === undefined) return undefined;
  const meant = `${apiVersionOf(version.kind)}/${kind}`;
  return { message: `${kind} has no subresource ${subresource}; did you mean ${meant}?`, isMistake: true };
}
