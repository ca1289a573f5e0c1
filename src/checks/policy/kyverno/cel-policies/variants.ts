import type { MatchConstraints } from '../../kube/match-constraints.ts';
import type { GroupVersionKind, GroupVersionResource, PolicyRequest } from '../../kube/request.ts';

/** A policy, or what was made of it for workloads; without constraints it is for everything. */
export interface Matching {
  readonly constraints: MatchConstraints | undefined;
}

/** So many kinds are remembered: objects name them as they like. */
const maxKinds = 1000;

/** Which variants of a policy can match objects of a kind: found out once for each kind. */
export interface Concerned<Variant extends Matching> {
  ofKind(kind: GroupVersionKind, resource: GroupVersionResource, subresource: string): readonly Variant[];
  of(request: PolicyRequest): readonly Variant[];
}

export function indexByKind<Variant extends Matching>(variants: readonly Variant[]): Concerned<Variant> {
  const known = new Map<string, readonly Variant[]>();
  // Objects of one kind mostly come one after the other.
  let last: { readonly request: PolicyRequest; readonly found: readonly Variant[] } | undefined;

  function ofKind(kind: GroupVersionKind, resource: GroupVersionResource, subresource: string): readonly Variant[] {
    const key = `${kind.group}/${kind.version}/${kind.kind}/${resource.resource}/${subresource}`;
    let found = known.get(key);
    if (found === undefined) {
      found = variants.filter(({ constraints }) => constraints?.concerns(kind, resource, subresource) ?? true);
      if (known.size >= maxKinds) known.clear();
      known.set(key, found);
    }
    return found;
  }

  return {
    ofKind,
    of(request) {
      const { kind, resource, subresource } = request;
      if (last !== undefined && isAlike(last.request, request)) return last.found;
      last = { request, found: ofKind(kind, resource, subresource) };
      return last.found;
    },
  };
}

function isAlike(a: PolicyRequest, b: PolicyRequest): boolean {
  if (a.subresource !== b.subresource) return false;
  return (
    (a.kind === b.kind ||
      (a.kind.kind === b.kind.kind && a.kind.version === b.kind.version && a.kind.group === b.kind.group)) &&
    (a.resource === b.resource || a.resource.resource === b.resource.resource)
  );
}
