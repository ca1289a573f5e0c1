import type { Digest } from '../../../core/image.ts';
import type { AttestedStatement, PredicateObjection } from '../content/judgement.ts';
import type { ClaimAccount } from './account.ts';
import { provedTime } from './age.ts';
import type { Proof, SigningAuthority } from './examine.ts';
import { describeSigner } from './objection.ts';

/** Whether the Gate's own settings ask something of what the attestations of an authority say. */
export function isAskedMore({ attestations }: SigningAuthority): boolean {
  return attestations.some(({ requirements = [] }) => requirements.length > 0);
}

/**
 * What the Gate's own settings have against what an authority's attestations say, once they are verified and the trust
 * policy is content. `now` is in milliseconds.
 */
export async function objectionsToPredicates(
  authority: SigningAuthority,
  claims: readonly ClaimAccount[],
  about: { readonly digest: Digest; readonly now: number },
): Promise<readonly PredicateObjection[]> {
  if (!isAskedMore(authority)) return [];
  const { judgePredicates } = await import('../content/predicates.ts');
  const statements = new Map(
    claims.map(({ name = '', proofs, content, contents }) => {
      const counted = proofs.map((proof, i) => {
        return attestedBy(proof, authority, content === undefined || contents[i]?.kind === 'passed');
      });
      return [name, counted] as const;
    }),
  );
  return judgePredicates(authority.attestations, (name) => statements.get(name) ?? [], about);
}

function attestedBy(proof: Proof, authority: SigningAuthority, accepted: boolean): AttestedStatement {
  return {
    statement: proof.statement ?? null,
    trustedTime: provedTime(proof.times),
    signer: describeSigner(proof, authority),
    accepted,
  };
}
