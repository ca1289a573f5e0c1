import type { ASN1Obj } from '@sigstore/core';
import { Malformed } from './json.ts';

/** Longer than any integer or object identifier of a certificate or timestamp, whose keys are bit strings. */
export const maxNumberBytes = 1024;
/** Certificates that anybody issues have a dozen. */
const maxExtensions = 64;

const integer = 0x02;
const objectIdentifier = 0x06;

/**
 * Throws Malformed for an integer or object identifier that is longer than any: the library reads them in time square
 * to their length, so that one of 64 KiB takes half a second, before anything is known of who wrote it.
 */
export function demandShortNumbers(root: ASN1Obj, what: string): void {
  const open = [root];
  for (let each = open.pop(); each !== undefined; each = open.pop()) {
    const tag = each.tag.toDER();
    if ((tag === integer || tag === objectIdentifier) && each.value.length > maxNumberBytes)
      throw new Malformed(`${what} has a number of ${each.value.length} bytes, more than ${maxNumberBytes}`);
    open.push(...each.subs);
  }
}

/** The same for extensions, each of which is looked for among all. */
export function demandFewExtensions({ extensions }: { readonly extensions: readonly unknown[] }): void {
  if (extensions.length > maxExtensions)
    throw new Malformed(`a certificate of it has ${extensions.length} extensions, more than ${maxExtensions}`);
}
