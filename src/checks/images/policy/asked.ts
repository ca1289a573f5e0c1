import { GateError } from '../../../core/errors.ts';
import { partOf } from './certificate.ts';
import { readRegExp } from './identity.ts';
import { parsePublicKey } from './key.ts';
import type { AttestationDemand, Authority, Evidence, ImagePolicy, TextMatch, TrustRoot } from './model.ts';
import { predicateTypeOf } from './predicate-type.ts';
import { shippedPublicGood } from './public-good.ts';
import { readTrustedRoot } from './trusted-root.ts';

/** What somebody asks of an image without writing a policy. */
export interface AskedSigner {
  readonly by:
    | { readonly key: string }
    | { readonly issuer: TextMatch; readonly subject: TextMatch; readonly ignoreSct: boolean };
  /** The text of a trusted_root.json, and what messages call it; undefined: the public-good one. */
  readonly trustedRoot: { readonly text: string; readonly shown: string } | undefined;
  /** Predicate types, all of which must be attested; none asks for a signature. */
  readonly predicateTypes: readonly string[];
}

const place = { file: 'the command line' };

/**
 * A policy for every image that asks for this signer. A key must be in a log only where a trusted root says which; a
 * certificate always in a log, or timestamped where its root has no log. Throws IMAGE_KEY_* and IMAGE_TRUST_ROOT_*.
 */
export async function askedPolicy(asked: AskedSigner): Promise<ImagePolicy> {
  return {
    rule: 'the command line',
    name: 'command-line',
    place,
    scope: [{ text: '**', matches: () => true, couldMatchDigest: () => true }],
    match: [],
    mode: 'enforce',
    authorities: [await authorityOf(asked)],
    quorum: 1,
    hazards: [],
  };
}

async function authorityOf({ by, trustedRoot, predicateTypes }: AskedSigner): Promise<Authority> {
  const given = trustedRoot === undefined ? undefined : await readTrustedRoot(trustedRoot.text, trustedRoot.shown);
  const attestations = predicateTypes.map(
    (type): AttestationDemand => ({ name: type, predicateType: predicateTypeOf(type), place }),
  );
  const rest = { sources: [], format: 'any', attestations, annotations: {} } as const;
  if ('key' in by) {
    const key = parsePublicKey(by.key);
    const none = { log: { demand: 'ignored' }, timestamp: { demand: 'ignored' } } as const;
    return { kind: 'key', name: '--key', key, ...(given === undefined ? none : evidenceOf(given)), ...rest };
  }
  const roots = given ?? (await shippedPublicGood()).root;
  const { issuer, subject, ignoreSct } = by;
  return {
    kind: 'keyless',
    name: '--certificate-identity',
    identities: [{ issuer: checked(issuer), subject: checked(subject) }],
    roots,
    sct: ignoreSct ? 'ignored' : 'required',
    ...evidenceOf(roots),
    ...rest,
  };
}

function evidenceOf(roots: TrustRoot): Pick<Evidence, 'log' | 'timestamp'> {
  if (partOf(roots, 'tlogs').length > 0)
    return { log: { demand: 'required', roots }, timestamp: { demand: 'ignored' } };
  if (partOf(roots, 'timestampAuthorities').length > 0)
    return { log: { demand: 'ignored' }, timestamp: { demand: 'required', roots } };
  throw new GateError(
    'IMAGE_TRUST_ROOT_INVALID',
    `${roots.name} has neither a transparency log nor a timestamp authority`,
  );
}

/** An expression that RE2 does not know would match nobody; whoever wrote it wants to hear of it. */
function checked(match: TextMatch): TextMatch {
  return 'regExp' in match ? readRegExp(match.regExp) : match;
}
