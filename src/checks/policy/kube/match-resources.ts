import * as z from 'zod/mini';

const wildcardAlone = (what: string) => (values: readonly string[]) =>
  values.length < 2 || !values.includes('*') || what;

/** A list that may not be empty, and in which `*` stands alone. */
function names(what: string) {
  const alone = wildcardAlone(what);
  return z.array(z.string()).check(
    z.minLength(1),
    z.refine((values) => alone(values) === true, { error: `where "*" is present, no other ${what} may be` }),
  );
}

const Operation = z.enum(['*', 'CREATE', 'UPDATE', 'DELETE', 'CONNECT']);

const NamedRule = z.strictObject({
  apiGroups: names('group'),
  apiVersions: names('version').check(z.refine((values) => !values.includes(''), { error: 'a version is empty' })),
  operations: z.array(Operation).check(
    z.minLength(1),
    z.refine((values) => values.length < 2 || !values.includes('*'), {
      error: 'where "*" is present, no other operation may be',
    }),
  ),
  resources: z.array(z.string()).check(
    z.minLength(1),
    z.refine((values) => resourcesFault(values) === undefined, {
      error: ({ input }) => resourcesFault(input as string[]),
    }),
  ),
  resourceNames: z.optional(
    z.array(z.string()).check(
      z.refine((values) => new Set(values).size === values.length, { error: 'a name stands twice' }),
      z.refine((values) => values.every(isPathSegment), { error: 'a name may not be ".", ".." or hold "/" or "%"' }),
    ),
  ),
  scope: z.optional(z.enum(['*', 'Namespaced', 'Cluster'])),
});

/** A label selector as the API server takes it. */
export const LabelSelector = z.strictObject({
  matchLabels: z.optional(z.record(z.string(), z.string())),
  matchExpressions: z.optional(
    z.array(
      z
        .strictObject({
          key: z.string().check(z.minLength(1)),
          operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
          values: z.optional(z.nullable(z.array(z.string()))),
        })
        .check(
          z.refine(({ operator, values }) => operator.endsWith('In') === (values ?? []).length > 0, {
            error: 'In and NotIn need values; Exists and DoesNotExist may have none',
          }),
        ),
    ),
  ),
});
export type LabelSelector = z.infer<typeof LabelSelector>;

/** `matchConstraints` of an admission policy, `matchResources` of its binding: which requests it is asked about. */
export const MatchResources = z.strictObject({
  namespaceSelector: z.optional(LabelSelector),
  objectSelector: z.optional(LabelSelector),
  resourceRules: z.optional(z.array(NamedRule)),
  excludeResourceRules: z.optional(z.array(NamedRule)),
  matchPolicy: z.optional(z.enum(['Exact', 'Equivalent'])),
});
export type MatchResources = z.infer<typeof MatchResources>;
export type NamedRule = z.infer<typeof NamedRule>;

/** What the API server refuses in a list of resources and subresources; undefined where it takes it. */
function resourcesFault(values: readonly string[]): string | undefined {
  if (values.includes('')) return 'a resource is empty';
  if (values.length > 1 && values.includes('*/*')) return 'where "*/*" is present, no other resource may be';
  if (values.includes('*') && values.some((value) => value !== '*' && !value.includes('/'))) {
    return 'where "*" is present, no other resource may be';
  }
  const whole = new Set<string>();
  for (const value of values) {
    const slash = value.indexOf('/');
    if (slash < 0) continue;
    const [resource, subresource] = [value.slice(0, slash), value.slice(slash + 1)];
    for (const wider of [`${resource}/*`, `*/${subresource}`]) {
      if (whole.has(wider)) return `where ${JSON.stringify(wider)} is present, ${JSON.stringify(value)} may not be`;
    }
    if (resource === '*' || subresource === '*') whole.add(value);
  }
  return undefined;
}

function isPathSegment(name: string): boolean {
  return name !== '.' && name !== '..' && !name.includes('/') && !name.includes('%');
}
