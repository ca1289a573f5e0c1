/**
 * Flux's substitution of variables in built objects (fluxcd/pkg/kustomize, kustomize_varsub.go): each object is printed,
 * its expressions are replaced as text, and what came out is read again; so a value may change its type on the way.
 */
import { GateError } from '../core/errors.ts';
import { canonicalJson, isObject, type JsonObject, type JsonValue, objectFrom } from '../core/json.ts';
import { describeObject, describePlace, type Manifest } from '../core/manifest.ts';
import { Budget } from './budget.ts';
import { type SubstitutionLimits, substituteExpressions } from './envsubst.ts';
import { SubstitutionProblem } from './envsubst-syntax.ts';
import { IdentityProblem, identify } from './identity.ts';
import { quote, TextProblem } from './problem.ts';
import type { ManifestSettings } from './settings.ts';
import { PatternBudget } from './shell-pattern.ts';
import { type ComposeLimits, composeYaml } from './yaml/composer.ts';
import { printYaml } from './yaml/printer.ts';

type Limits = Pick<ManifestSettings, 'maxBytes' | 'maxValues' | 'maxDepth' | 'maxAliasNodes'>;

export interface Substitution {
  readonly variables: Readonly<Record<string, string>>;
  /** Whether defaults are filled in even where there is no variable. */
  readonly always: boolean;
}

const variableName = /^[_A-Za-z][_A-Za-z0-9]*$/;
const optOut = 'kustomize.toolkit.fluxcd.io/substitute';

/**
 * The manifests with their variables replaced; places stay what they were. Throws FLUX_VARIABLE_UNSET for a variable
 * without value and default, and FLUX_SUBSTITUTION for all else that is no expression, no name or no object.
 */
export function substituteVariables(
  manifests: readonly Manifest[],
  { variables, always }: Substitution,
  limits: Limits,
): Manifest[] {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(variables)) {
    if (!variableName.test(name)) {
      throw new GateError('FLUX_SUBSTITUTION', `${quote(name, 60)} is not a name that a variable may have`, {
        mend: 'A name has letters, digits and _, and begins with no digit.',
      });
    }
    values.set(name, value.replaceAll('\n', ''));
  }
  if (values.size === 0 && !always) return [...manifests];
  const budget = new Budget(limits.maxValues);
  const patterns = new PatternBudget();
  let bytes = 0;
  return manifests.map((manifest) => {
    if (isOptedOut(manifest.object)) return manifest;
    // Printing and reading is what costs, and changes nothing where there is no dollar sign.
    if (!canonicalJson(manifest.object).includes('$')) return reread(manifest, manifest.object);
    const text = substituted(manifest, values, { maxBytes: limits.maxBytes - bytes, patterns });
    bytes += Buffer.byteLength(text);
    return reread(manifest, compose(manifest, text, { ...limits, maxAliasCharacters: limits.maxBytes, budget }));
  });
}

function isOptedOut(object: JsonObject): boolean {
  const metadata = object['metadata'];
  if (!isObject(metadata)) return false;
  return ['labels', 'annotations'].some((field) => {
    const texts = metadata[field];
    return isObject(texts) && texts[optOut] === 'disabled';
  });
}

function substituted(manifest: Manifest, values: ReadonlyMap<string, string>, limits: SubstitutionLimits): string {
  try {
    return substituteExpressions(printYaml(manifest.object), values, limits);
  } catch (thrown) {
    if (!(thrown instanceof SubstitutionProblem)) throw thrown;
    throw problem(manifest, thrown.kind === 'unset' ? 'FLUX_VARIABLE_UNSET' : 'FLUX_SUBSTITUTION', thrown.message);
  }
}

function compose(manifest: Manifest, text: string, limits: ComposeLimits): JsonObject {
  try {
    const { value } = composeYaml(text, limits);
    if (isObject(value)) return value;
  } catch (thrown) {
    if (!(thrown instanceof TextProblem)) throw thrown;
    throw problem(
      manifest,
      'FLUX_SUBSTITUTION',
      `with its variables replaced it cannot be read: ${veiled(thrown.message)}`,
    );
  }
  throw problem(manifest, 'FLUX_SUBSTITUTION', 'with its variables replaced it is no mapping any more');
}

/** The object as Flux has it after reading: it takes every number for a double. */
function reread(manifest: Manifest, object: JsonObject): Manifest {
  const doubles = asDoubles(object) as JsonObject;
  if (doubles === manifest.object) return manifest;
  try {
    return { ...manifest, identity: identify(doubles), object: doubles };
  } catch (thrown) {
    if (!(thrown instanceof IdentityProblem)) throw thrown;
    throw problem(manifest, 'FLUX_SUBSTITUTION', `with its variables replaced, ${veiled(thrown.message)}`);
  }
}

/** The value itself where nothing in it changes. */
function asDoubles(value: JsonValue): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(asDoubles);
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  const entries = Object.entries(value).map(([key, each]) => [key, asDoubles(each)] as const);
  return entries.some(([key, each]) => each !== (value as JsonObject)[key]) ? objectFrom(entries) : value;
}

/** A message without what it quotes: what stands in the object now may be out of a Secret. */
function veiled(message: string): string {
  return message.replace(/"(?:[^"\\]|\\.)*"/g, '"…"');
}

function problem(manifest: Manifest, code: 'FLUX_VARIABLE_UNSET' | 'FLUX_SUBSTITUTION', message: string): GateError {
  const place = describePlace(manifest.origin);
  return new GateError(code, `${place}: ${describeObject(manifest.identity)}: ${message}`, { place });
}
