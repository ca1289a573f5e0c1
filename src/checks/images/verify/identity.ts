import { RE2JS } from 're2js';
import type { IdentityPair, TextMatch } from '../policy/model.ts';
import type { CertificateSigner } from './certificate.ts';
import { Refusal, shown } from './refusal.ts';

/**
 * Throws Refusal unless the signer is one of the pairs: issuer, subject and every extension of the same pair. The
 * issuer of one and the subject of another are nobody.
 */
export function demandIdentity(signer: CertificateSigner, identities: readonly IdentityPair[]): void {
  // No pairs: the authority is one that issues to nobody else.
  if (identities.length === 0) return;
  const who = `${shown(signer.subject, 300)} by ${signer.issuer === undefined ? 'no issuer' : shown(signer.issuer, 300)}`;
  if (!signer.named) throw new Refusal('identity', `its certificate names nobody (${who})`);
  if (!identities.some((pair) => isPair(signer, pair)))
    throw new Refusal('identity', `it was signed as ${who}, who is not among those of the policy`);
}

function isPair(signer: CertificateSigner, pair: IdentityPair): boolean {
  const { issuer, subject, extensions = {}, ...rest } = pair;
  rest satisfies Record<string, never>;
  return (
    (issuer === 'any' || isMatch(signer.issuer, issuer)) &&
    isMatch(signer.subject, subject) &&
    Object.entries(extensions).every(([oid, wanted]) => isMatch(signer.extensions[oid], wanted))
  );
}

const compiled = new Map<string, RE2JS>();

/** Go's `regexp.MatchString`: anywhere in the text, unless the expression is anchored. */
function isMatch(text: string | undefined, wanted: TextMatch): boolean {
  if (text === undefined) return false;
  if ('equal' in wanted) return wanted.equal === text;
  let expression = compiled.get(wanted.regExp);
  if (expression === undefined) {
    expression = RE2JS.compile(wanted.regExp);
    compiled.set(wanted.regExp, expression);
  }
  return expression.matcher(text).find();
}
