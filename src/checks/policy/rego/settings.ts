import * as z from 'zod/mini';

const count = (byDefault: number, least: number, most: number, description: string) =>
  z._default(z.number().check(z.int(), z.minimum(least), z.maximum(most)), byDefault).check(z.describe(description));

const PackageName = z
  .string()
  .check(
    z.regex(
      /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/,
      'a package is named as in its `package` line, such as `main` or `kubernetes.pods`; patterns are not supported',
    ),
  );

const RegoLimits = z.strictObject({
  timeoutSeconds: count(20, 1, 3600, 'How long judging one rendered set may take.'),
  memoryMiB: count(
    2048,
    1280,
    1_048_576,
    'Address space of the opa process, about 1 GiB of which it reserves at once.',
  ),
  outputMiB: count(16, 1, 1024, 'How much opa may answer.'),
});

/** How Rego policies are run: `spec.rego` of a Gate. The conventions are those of conftest. */
export const RegoSettings = z.strictObject({
  path: z.optional(
    z
      .string()
      .check(
        z.minLength(1),
        z.describe('The opa program: a name that is looked up on PATH, or an absolute path. Default: `opa`.'),
      ),
  ),
  version: z
    ._default(z.enum(['v0', 'v1']), 'v1')
    .check(z.describe('The Rego that the policies are written in: `v1` (with `if` and `contains`) or `v0`.')),
  packages: z
    ._default(z.union([z.literal('all'), z.array(PackageName).check(z.minLength(1))]), () => ['main'])
    .check(
      z.describe(
        'The packages whose deny, violation and warn rules judge, or `all`. A package that has such rules and is not selected is an error.',
      ),
    ),
  combined: z
    ._default(z.array(PackageName), () => [])
    .check(
      z.describe(
        'Those of the packages that judge the whole set at once, as with `conftest --combine`: their input is an array of {path, contents}.',
      ),
    ),
  data: z
    ._default(z.array(z.string().check(z.minLength(1))), () => [])
    .check(
      z.describe(
        'Files and folders of JSON and YAML that rules read below `data`, as with `conftest --data`. Relative to this file.',
      ),
    ),
  limits: z._default(RegoLimits, () => RegoLimits.parse({})).check(z.describe('What judging may use.')),
});
export type RegoSettings = z.infer<typeof RegoSettings>;
