import allowed from './capabilities.json' with { type: 'json' };

/**
 * Built-in functions that no policy may call: they reach out of it (network, environment, files) or differ from run to
 * run. `json.match_schema` and `json.verify_schema` are among them because they follow a schema's `$ref` to any file of
 * the machine, whatever `allow_net` says, and a schema may come from the object (a CustomResourceDefinition holds one).
 */
export const FORBIDDEN: ReadonlySet<string> = new Set([
  'http.send',
  'net.lookup_ip_addr',
  'opa.runtime',
  'rand.intn',
  'uuid.rfc4122',
  'io.jwt.decode_verify',
  'io.jwt.encode_sign',
  'io.jwt.encode_sign_raw',
  'json.match_schema',
  'json.verify_schema',
]);

/** Differs from run to run too, and is allowed: rules are given the clock of the gate in its place. */
const CLOCK = 'time.now_ns';

/** What opa says of one built-in function (`opa capabilities`), as far as its compiler reads it. */
interface Builtin {
  readonly name: string;
  readonly nondeterministic?: boolean;
}

/**
 * What policies may call: a list that was made once from one opa and is kept, not asked of whichever opa is there. A
 * newer opa's new functions are unknown then, and an older opa fails on those that it lacks; both deny.
 */
export function capabilitiesText(): string {
  return JSON.stringify({ ...allowed, allow_net: [] });
}

/**
 * The kept list, from the output of `opa capabilities --current`: everything but what is forbidden or marked as
 * differing from run to run, without the texts for people, which opa would read at every start.
 */
export function allowedOf(capabilities: { readonly builtins: readonly Builtin[] }): object {
  const builtins = capabilities.builtins
    .filter(({ name, nondeterministic }) => name === CLOCK || (nondeterministic !== true && !FORBIDDEN.has(name)))
    .map(withoutDescriptions);
  return { ...capabilities, builtins };
}

function withoutDescriptions(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDescriptions);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'description' && key !== 'categories')
      .map(([key, inner]) => [key, withoutDescriptions(inner)]),
  );
}
