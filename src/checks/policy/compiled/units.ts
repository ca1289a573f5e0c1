import type { JsonObject } from '../../../core/json.ts';
import type { JudgedObject } from '../../../core/rendered.ts';
import type { PolicyRequest, UserInfo } from '../kube/request.ts';
import type { ResourceTable } from '../kube/resources.ts';
import { type Created, createRequest, nameless } from './created.ts';
import { claimsOf, createdKinds, ephemeralClaimsOf, jobOf, replicaSetOf } from './created-objects.ts';
import { podsCreatedBy } from './created-pods.ts';
import type { Subject } from './findings.ts';
import { admissionRequestFor, asWritten, requestFor } from './requests.ts';

/** One request and what findings about it name. */
export interface Unit {
  readonly subject: Subject;
  readonly request: PolicyRequest;
  /** The same request about the object before its images were pinned. */
  readonly written: PolicyRequest | undefined;
  /** Set where it cannot be judged: why. */
  readonly fault?: string;
}

export interface UnitPorts {
  readonly resources: ResourceTable;
  readonly userInfo: UserInfo | undefined;
  readonly complete: (object: JsonObject, now: number) => JsonObject;
  /** Whether any policy concerns objects of such a kind: nothing is made up that nobody asks about. */
  readonly isWanted: (request: Pick<PolicyRequest, 'kind' | 'resource' | 'subresource'>) => boolean;
}

/** A hundred Pods with a claim each. */
const maxCreated = 200;

/** An object of the set, and after it what it would create and some policy is about. */
export function unitsOf(judged: JudgedObject, now: number, ports: UnitPorts): Unit[] {
  const { resources, userInfo, complete, isWanted } = ports;
  const { request: admission } = judged;
  const about = (object: JsonObject) =>
    admission === undefined
      ? requestFor(complete(object, now), judged.live, resources, userInfo)
      : admissionRequestFor(object, judged.live, admission, userInfo);
  const request = about(judged.object);
  const before = asWritten(judged);
  const written = before === undefined ? undefined : about(before);
  const subject = { manifest: judged.manifest };
  const unit: Unit = { subject, request, written };

  const created = createdBy(request, ports);
  if (created === 'tooMany') {
    const pod = createRequest(emptyPod(request.namespace), request, { ...podFacts, prefix: '' });
    const fault = 'more could be Pods in it, or deeper, than are judged in one object';
    return isWanted(pod) ? [unit, { subject, request: pod, written: undefined, fault }] : [unit];
  }
  if (created.length === 0) return [unit];
  // The same things stand in both: pinning changes nothing but images.
  const createdBefore = written === undefined ? [] : createdBy(written, ports);
  const completed = (made: Created | undefined): PolicyRequest | undefined => {
    if (made?.request.object === undefined || made.request.object === null) return undefined;
    const object = complete(made.request.object, now);
    return { ...made.request, object: made.request.name === '' ? nameless(object) : object };
  };
  const units = created.flatMap((made, index): Unit[] => {
    const asked = isWanted(made.request) ? completed(made) : undefined;
    if (asked === undefined) return [];
    const earlier = createdBefore === 'tooMany' ? undefined : completed(createdBefore[index]);
    return [{ subject: { ...subject, created: made }, request: asked, written: earlier }];
  });
  return [unit, ...units];
}

const podFacts = {
  kind: { group: '', version: 'v1', kind: 'Pod' },
  plural: 'pods',
  userInfo: undefined,
} as const;

function emptyPod(namespace: string): JsonObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { namespace } };
}

function createdBy(request: PolicyRequest, { resources, isWanted }: UnitPorts): readonly Created[] | 'tooMany' {
  const isAsked = ({ kind, plural }: (typeof createdKinds)[keyof typeof createdKinds]) =>
    isWanted({ kind, resource: { group: kind.group, version: kind.version, resource: plural }, subresource: '' });
  const isPod = request.kind.group === '' && request.kind.kind === 'Pod';
  const pods = isPod ? [] : podsCreatedBy(request, resources.ofKind(request.kind).source === 'builtin');
  if (pods === 'tooMany') return pods;
  const others = [
    isAsked(createdKinds.replicaSet) ? replicaSetOf(request) : undefined,
    isAsked(createdKinds.job) ? jobOf(request) : undefined,
  ].filter((made) => made !== undefined);
  const claims = isAsked(createdKinds.claim)
    ? [
        ...claimsOf(request),
        ...(isPod ? ephemeralClaimsOf(request, (path) => path) : []),
        ...pods.flatMap((pod) => ephemeralClaimsOf(pod.request, pod.place)),
      ]
    : [];
  const all = [...others, ...pods, ...claims];
  return all.length > maxCreated ? 'tooMany' : all;
}
