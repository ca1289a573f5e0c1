import type { Authority, ImagePolicy, KeylessAuthority, NotationAuthority } from '../policy/model.ts';
import type { AuthorityAccount } from './account.ts';
import { isAskedMore } from './attested.ts';
import type { VerifierPorts } from './case.ts';
import type { Family } from './collect.ts';
import type { SigningAuthority } from './examine.ts';

/** Only the places that the authority looks at; objects of the others could not satisfy it. */
export function familiesOf(authority: SigningAuthority | NotationAuthority): readonly Family[] {
  if (authority.kind === 'notation') return ['notation'];
  const { format, attestations } = authority;
  const attests = attestations.length > 0;
  return [
    ...(format === 'bundle' ? [] : [attests ? ('attestation-tag' as const) : ('signature-tag' as const)]),
    ...(format === 'legacy' ? [] : ['bundles' as const]),
    ...(format === 'any' ? [attests ? ('envelope-referrers' as const) : ('signature-referrers' as const)] : []),
  ];
}

/**
 * Whether one proof for each thing that is asked settles an authority, and every proof says the same of who vouched: then
 * whatever else there is changes neither the verdict nor a word of it.
 */
export function isSettledByAnyProof({ content, authorities }: ImagePolicy): boolean {
  if (content !== undefined) return false;
  return authorities.every((authority) => {
    if (authority.kind === 'static') return true;
    if (authority.kind === 'notation') return false;
    if (isAskedMore(authority) || authority.attestations.some((each) => each.content !== undefined)) return false;
    return authority.kind === 'key' || hasOneName(authority);
  });
}

/** Several identities, or expressions, could each be met by another signature. */
function hasOneName({ identities }: KeylessAuthority): boolean {
  const [identity, ...others] = identities;
  if (identity === undefined || others.length > 0) return false;
  const { issuer, subject } = identity;
  return issuer !== 'any' && 'equal' in issuer && 'equal' in subject;
}

/** Whether enough authorities passed, and the first that were asked: one that failed might have passed by something else. */
export function isBeyondDoubt(accounts: readonly AuthorityAccount[], enough: number): boolean {
  const asked = accounts.filter(({ authority, outcome }) => authority.kind !== 'static' && outcome !== 'not asked');
  return asked.length >= enough && asked.every(({ outcome }) => outcome === 'passed');
}

/** Where each authority that passed found what it passed by. */
export async function familiesThatHeld(
  accounts: readonly AuthorityAccount[],
  ports: VerifierPorts,
): Promise<ReadonlyMap<Authority, readonly Family[]>> {
  const usual = new Map<Authority, readonly Family[]>();
  for (const { authority, claims, outcome } of accounts) {
    if (authority.kind === 'static' || outcome !== 'passed') continue;
    const sources = claims.flatMap(({ proofs }) => proofs.map(({ source }) => source));
    const families = familiesOf(authority);
    // Known by now: nothing is fetched again.
    const found = await Promise.all(families.map((family) => ports.collect(authority, family)));
    const holds = (i: number) => found[i]?.found.some(({ source }) => sources.includes(source)) === true;
    usual.set(
      authority,
      families.filter((_, i) => holds(i)),
    );
  }
  return usual;
}
