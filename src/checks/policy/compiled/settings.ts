import * as z from 'zod/mini';

const Text = z.string().check(z.minLength(1));

const Waiver = z.strictObject({
  policy: Text.check(
    z.describe('The policy, as `ClusterPolicy require-labels`; of a namespace, as `Policy shop/require-labels`.'),
  ),
  reason: Text.check(z.describe('Why it may be left unevaluated. It stands in every decision.')),
  until: z
    .optional(z.iso.datetime({ offset: true }))
    .check(z.describe('When the waiver ends (RFC 3339). From then on the policy is an error again.')),
});

/** How policies for Kubernetes objects (Kyverno, ValidatingAdmissionPolicy) are evaluated. */
export const EvaluationSettings = z.strictObject({
  onlyPinnedPasses: z
    ._default(z.enum(['warn', 'deny']), 'warn')
    .check(
      z.describe(
        'What follows where a rule refuses an object as it was written, and passes it only because its images were pinned to digests.',
      ),
    ),
  waivers: z
    ._default(z.array(Waiver), () => [])
    .check(
      z.describe(
        'Policies that cannot be evaluated and may be left out. Each is named as not evaluated in every decision; one that could be evaluated is an error here.',
      ),
    ),
});
export type EvaluationSettings = z.infer<typeof EvaluationSettings>;
