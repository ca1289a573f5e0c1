import { JmesError } from '../error.ts';
import type { JmesFunction } from '../function.ts';
import { arithmetic } from './arithmetic.ts';
import { certificates } from './certificates.ts';
import { collections } from './collections.ts';
import { encodings } from './encodings.ts';
import { images } from './images.ts';
import { expressions } from './matching.ts';
import { standard } from './standard.ts';
import { strings } from './strings.ts';
import { times } from './times.ts';

/** The functions of JMESPath itself, and Kyverno's, which take the place of a standard one of the same name. */
const table: ReadonlyMap<string, JmesFunction> = new Map(
  [standard, strings, expressions, arithmetic, collections, encodings, times, images, certificates]
    .flat()
    .map((one) => [one.name, one] as const),
);

/** Upstream has them, and nothing in a gate may do what they do. */
const unsupported: ReadonlyMap<string, string> = new Map([
  ['is_external_url', 'it asks the name servers of the network, which nobody who judges manifests may trust'],
]);

/** A function by its name; undefined for an unknown one. Throws JmesError for one that no gate can offer. */
export function jmesFunction(name: string): JmesFunction | undefined {
  const reason = unsupported.get(name);
  if (reason !== undefined) throw new JmesError('unsupported', `${name}() is not supported: ${reason}`);
  return table.get(name);
}

/** The names of all functions, sorted. */
export function functionNames(): string[] {
  return [...table.keys()].sort();
}
