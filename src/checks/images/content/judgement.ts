import type { Digest } from '../../../core/image.ts';
import type { JsonValue } from '../../../core/json.ts';

/** One in-toto statement about the image, as the verifier hands it on: who signed it is settled already. */
export interface AttestedStatement {
  /** The statement, whole. Its subject names the image. */
  readonly statement: JsonValue;
  /**
   * The earliest time that is proved for the signature, in milliseconds: by a log, or by a timestamp authority.
   * undefined where none is.
   */
  readonly trustedTime: number | undefined;
  /** `key SHA256:4ad7…`, `dev@example.com of https://issuer.example`. */
  readonly signer: string;
  /** Whether the trust policy's own rule over the content, if it has one, is content with this statement. */
  readonly accepted: boolean;
}

/** What a predicate is judged beside. */
export interface PredicateContext {
  /** The image that was verified. */
  readonly digest: Digest;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** What a requirement has against an image. `unreadable`: it could not be judged, which is no pass either. */
export interface PredicateObjection {
  readonly kind: 'failed' | 'unreadable';
  /** A clause: `sbom: left-pad 1.3.0 has the licence GPL-3.0-only`. */
  readonly message: string;
  readonly mend: string;
}

/** How far the clocks of a signer, a scanner and a log may be apart. */
export const clockSkewMs = 10 * 60 * 1000;

export const dayMs = 24 * 60 * 60 * 1000;

/** More than this of one kind is counted and not told. */
const maxObjections = 10;

/** Text out of a predicate as a finding may show it: one line, bounded. */
export function show(text: string, most = 120): string {
  const flat = text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return flat.length <= most ? flat : `${flat.slice(0, most - 1).toWellFormed()}…`;
}

/** So many objections as a person reads, and how many more there are. */
export function bounded(objections: readonly PredicateObjection[], most = maxObjections): PredicateObjection[] {
  const [last] = objections.slice(most - 1);
  if (objections.length <= most || last === undefined) return [...objections];
  const more = objections.length - most;
  return [...objections.slice(0, most - 1), { ...last, message: `${last.message} (and ${more} more like it)` }];
}
