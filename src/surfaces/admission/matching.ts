import type { Review } from './review.ts';

/** Whose writes are judged: those of GitOps controllers, or everybody's. */
export type Match = 'flux' | 'all';

/**
 * Field managers of the controllers that apply what is in a repository. An account that Flux impersonates leaves no other
 * trace of Flux (kustomize-controller and helm-controller name themselves in `request.options`). Anybody may use such a
 * name, and is judged for it; status and finalizers of their own objects they write under other names.
 */
const managers: readonly string[] = ['kustomize-controller', 'helm-controller', 'argocd-controller'];

/** Argo CD says no field manager where it creates or replaces. Its account is found by name in whatever namespace it is. */
const accounts: readonly string[] = ['argocd-application-controller'];

/** Whether a GitOps controller makes the request. */
export function isGitOps({ fieldManager, userInfo }: Pick<Review, 'fieldManager' | 'userInfo'>): boolean {
  if (managers.includes(fieldManager)) return true;
  const [system, kind, namespace, account, ...more] = userInfo.username.split(':');
  return (
    system === 'system' &&
    kind === 'serviceaccount' &&
    (namespace ?? '') !== '' &&
    more.length === 0 &&
    accounts.includes(account ?? '')
  );
}

/** The same question as CEL, for `matchConditions` of a webhook configuration: the API server then asks of no other. */
export const gitOpsCondition = [
  `has(request.options) && has(request.options.fieldManager) && request.options.fieldManager in [${managers.map((each) => `'${each}'`).join(', ')}]`,
  ...accounts.map((each) => `request.userInfo.username.matches('^system:serviceaccount:[^:]+:${each}$')`),
].join(' || ');

/** Questions that clients ask as objects, and that no server stores (authentication.k8s.io, authorization.k8s.io). */
const questions: ReadonlySet<string> = new Set([
  'authentication.k8s.io/TokenReview',
  'authentication.k8s.io/SelfSubjectReview',
  'authorization.k8s.io/SubjectAccessReview',
  'authorization.k8s.io/LocalSubjectAccessReview',
  'authorization.k8s.io/SelfSubjectAccessReview',
  'authorization.k8s.io/SelfSubjectRulesReview',
]);

/**
 * The namespace whose Gate judges; empty for objects of the cluster. A Namespace is one of them: its labels may choose the
 * Gate of what is in it.
 */
export function placeOf({ kind, namespace }: Review): string {
  return kind.group === '' && kind.kind === 'Namespace' ? '' : namespace;
}

/** Why a request is none of the webhook's business; undefined where it is judged. */
export function reasonToSkip(review: Review, match: Match, excluded: readonly string[]): string | undefined {
  if (excluded.includes(placeOf(review))) return 'excluded namespace';
  if (match === 'flux' && !isGitOps(review)) return 'not a GitOps controller';
  if (questions.has(`${review.kind.group}/${review.kind.kind}`)) return 'nothing is stored';
  return undefined;
}
