import type { Lacks } from '../lacks.ts';

/**
 * A question that nobody can answer here: the gate does not know who asks, or what a Namespace is labelled. Kyverno's own
 * expressions can make a default of anything that is absent; this is no absence, so nothing between may swallow it.
 */
export class Unanswerable extends Error {
  /** What the platform could say to answer it; undefined for what no gate answers. */
  readonly lacks: Lacks | undefined;

  constructor(message: string, lacks: Lacks | undefined) {
    super(message);
    this.name = 'Unanswerable';
    this.lacks = lacks;
  }
}

export const noRoles =
  'the rule asks which roles are bound to whoever makes the request, and only spec.cluster.identity could say it';

export const noIdentity =
  'the rule asks who makes the request, and no identity is configured for the GitOps controller';
