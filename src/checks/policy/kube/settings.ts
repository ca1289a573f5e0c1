import * as z from 'zod/mini';

const Text = z.string().check(z.minLength(1));

const ObjectSource = z.strictObject({
  path: Text.check(z.describe('A file or a folder of manifests, relative to this file.')),
});

const Identity = z.strictObject({
  username: Text.check(z.describe('As `system:serviceaccount:argocd:argocd-application-controller`.')),
  uid: z._default(z.string(), '').check(z.describe('Its uid, where rules read it.')),
  groups: z._default(z.array(Text), () => []).check(z.describe('Every group of it, `system:authenticated` too.')),
  extra: z._default(z.record(z.string(), z.array(z.string())), () => ({})).check(z.describe('Its extra fields.')),
  roles: z
    ._default(z.array(Text), () => [])
    .check(z.describe('Roles bound to it, as `namespace:name`. Only rules of Kyverno read them.')),
  clusterRoles: z
    ._default(z.array(Text), () => [])
    .check(z.describe('ClusterRoles bound to it. Only rules of Kyverno read them.')),
});

const FromRendered = z.strictObject({
  policy: Text.check(z.describe('The policy, as `ValidatingAdmissionPolicy limits`.')),
  kinds: z
    .array(Text)
    .check(
      z.minLength(1),
      z.describe('Kinds of which that policy sees the rendered objects too: `ConfigMap`, `example.com/Limits`.'),
    ),
});

/** What is known of the cluster that the manifests are for, besides the manifests. */
export const ClusterSettings = z.strictObject({
  objects: z
    ._default(z.array(ObjectSource), () => [])
    .check(
      z.describe(
        'The snapshot: Namespaces with their labels, parameters and ConfigMaps that policies read, CustomResourceDefinitions. Nothing that an application renders takes their place.',
      ),
    ),
  complete: z
    ._default(z.array(Text), () => [])
    .check(
      z.describe(
        'Kinds of which the snapshot holds every object (`Namespace`, `example.com/Limits`): one that is not in it does not exist. Of other kinds, an object that is asked for and not in it is an error.',
      ),
    ),
  identity: z
    .optional(Identity)
    .check(
      z.describe(
        'Whom rules see in `request.userInfo`: the GitOps controller. Without it a rule that reads it is an error.',
      ),
    ),
  kubernetes: z
    ._default(z.enum(['1.30', '1.31', '1.32', '1.33', '1.34', '1.35', '1.36', '1.37']), '1.36')
    .check(z.describe('The minor version of the cluster: which functions CEL has in it.')),
  fromRendered: z
    ._default(z.array(FromRendered), () => [])
    .check(
      z.describe(
        'Policies that may be fed by what is rendered, and of which kinds. It is the tenant who writes those objects: name what only the platform renders.',
      ),
    ),
});
export type ClusterSettings = z.infer<typeof ClusterSettings>;
