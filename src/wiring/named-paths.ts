import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type { GateConfig } from '../config.ts';
import { type Code, GateError } from '../core/errors.ts';
import { describePath, type JsonPath } from '../core/json.ts';

interface NamedPath {
  /** Where in the Gate it is written. */
  readonly field: JsonPath;
  /** As it is written there. */
  readonly path: string;
  readonly code: Code;
}

/**
 * Throws POLICY_MISSING where a path of policies that the Gate names leads to nothing. Its own readers know files and
 * not who named them; whoever misspelt one looks for the line of the Gate.
 */
export function requirePolicyPaths(config: GateConfig): void {
  const { policies, rego, cluster } = config.spec;
  const code = 'POLICY_MISSING';
  refuseMissing(config, [
    ...policies.map(({ path }, i) => ({ field: ['spec', 'policies', i, 'path'], path, code }) as const),
    ...rego.data.map((path, i) => ({ field: ['spec', 'rego', 'data', i], path, code }) as const),
    ...cluster.objects.map(
      ({ path }, i) => ({ field: ['spec', 'cluster', 'objects', i, 'path'], path, code }) as const,
    ),
  ]);
}

/** The same for trust policies and roots of trust: IMAGE_POLICY_MISSING and IMAGE_TRUST_ROOT_MISSING. */
export function requireTrustPaths(config: GateConfig): void {
  const { images } = config.spec;
  if (images === 'unchecked') return;
  const sources = images.trust.map((source, i): NamedPath => {
    const named = 'path' in source ? 'path' : 'containersPolicy' in source ? 'containersPolicy' : 'trustPolicy';
    const path = (source as Readonly<Record<string, unknown>>)[named];
    return { field: ['spec', 'images', 'trust', i, named], path: String(path), code: 'IMAGE_POLICY_MISSING' };
  });
  const roots = Object.entries(images.trustRoots.files).map(
    ([name, path]): NamedPath => ({
      field: ['spec', 'images', 'trustRoots', 'files', name],
      path,
      code: 'IMAGE_TRUST_ROOT_MISSING',
    }),
  );
  refuseMissing(config, [...sources, ...roots]);
}

/** A folder that holds no policy, as who named it knows it; any other failure as it is. */
export function atNamedPath(thrown: unknown, { spec, locate }: GateConfig): unknown {
  if (!(thrown instanceof GateError) || thrown.code !== 'POLICY_MISSING' || locate === undefined) return thrown;
  // Its reader knows folders by the last part of their paths.
  const named = spec.policies.flatMap(({ path }, i) => (basename(path) === thrown.place ? [{ path, i }] : []));
  const [only, ...others] = named;
  if (only === undefined || others.length > 0) return thrown;
  const field = ['spec', 'policies', only.i, 'path'];
  const place = locate(field);
  const what = thrown.message.slice(basename(only.path).length);
  return new GateError(thrown.code, `${place}: ${describePath(field)}: ${only.path}${what}`, {
    place,
    mend: thrown.mend,
    cause: thrown,
  });
}

function refuseMissing({ resolvePath, locate }: GateConfig, named: readonly NamedPath[]): void {
  // All of them are resolved before any is complained of: who follows the files of a Gate follows those too.
  const resolved = named.map((each) => ({ ...each, absolute: resolvePath(each.path) }));
  for (const { field, path, code, absolute } of resolved) {
    const why = whyUnusable(absolute);
    if (why === undefined) continue;
    const place = locate?.(field);
    // On the command line the path is all that was written.
    if (place === undefined) throw new GateError(code, `${path} ${why}`, { place: path, mend: 'Correct the path.' });
    throw new GateError(code, `${place}: ${describePath(field)}: ${path} ${why}`, {
      place,
      mend: 'Correct the path, which begins at the folder of the Gate, or put there what is meant.',
    });
  }
}

function whyUnusable(path: string): string | undefined {
  try {
    statSync(path);
    return undefined;
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
  }
}
