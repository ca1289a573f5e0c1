import { canonicalName, type ImageReference } from '../../core/image.ts';
import { describePlace } from '../../core/manifest.ts';
import { bareImage, selection } from './match.ts';
import { matchingScope } from './policy/trust.ts';
import { type Decided, ImageDecider, type ImagesDeps } from './resolve.ts';
import type { AuthorityAccount, Objection, PolicyAccount } from './verify/account.ts';
import type { Found } from './verify/collect.ts';
import { byWeight, describeAuthority, describeSigner } from './verify/objection.ts';

/** All that is known of one image, for people and programs; a change of shape is a change of the schema's version. */
export interface ImageExplanation {
  readonly reference: string;
  /** The name that policies are matched against. */
  readonly canonical: string;
  readonly digest: string | undefined;
  /** `tolerated`: only policies that warn speak of it. `unmatched`: none does. Neither is verified. */
  readonly verdict: Decided['kind'];
  /** Who vouched. */
  readonly by: readonly string[];
  /** Whether a signature or attestation counted; false where policies merely let it pass (`static`, level `skip`). */
  readonly signed: boolean;
  readonly reasons: readonly Objection[];
  readonly policies: readonly PolicyExplanation[];
  /** What hangs on the image, of any kind. Unverified. */
  readonly found: readonly FoundObject[];
}

export interface PolicyExplanation {
  readonly rule: string;
  readonly place: string;
  readonly mode: 'enforce' | 'warn';
  readonly applies: boolean;
  /** Why it applies or does not, a clause. */
  readonly because: string;
  /** Undefined where it was not asked. */
  readonly outcome: 'vouched' | 'refused' | undefined;
  readonly reason: string | undefined;
  readonly authorities: readonly AuthorityExplanation[];
}

interface AuthorityExplanation {
  readonly name: string;
  /** `authority authority-0, key SHA256:4ad7…` */
  readonly tried: string;
  readonly outcome: AuthorityAccount['outcome'];
  readonly note: string | undefined;
  readonly verified: readonly VerifiedSignature[];
  readonly refused: readonly {
    readonly source: string;
    readonly step: number;
    readonly why: string;
    readonly detail: string;
  }[];
  /** What could not be read, and what the Gate's settings have against what is attested. */
  readonly obstacles: readonly string[];
}

export interface VerifiedSignature {
  readonly source: string;
  readonly signer: string;
  /** ISO 8601, and who vouches for it. */
  readonly times: readonly { readonly at: string; readonly by: string }[];
  /** The predicate type; undefined for a signature. */
  readonly attests: string | undefined;
  /** What a policy over its content said. */
  readonly content: string | undefined;
}

interface FoundObject {
  readonly source: string;
  readonly form: Found['form'];
  /** What an unsigned annotation says that it attests. */
  readonly saysItAttests: string | undefined;
}

/** Decides an image as if a Pod ran it of which nothing else is known, and tells how. Rejects only when the signal aborts. */
export async function explainImage(
  reference: ImageReference,
  deps: ImagesDeps,
  signal: AbortSignal,
): Promise<ImageExplanation> {
  const decider = new ImageDecider(deps, signal);
  const subjects = bareImage();
  const { decided, digest, accounts } = await decider.explain(reference, subjects);
  const survey = digest === undefined ? undefined : await decider.survey(reference, digest);
  const policies = deps.trust.policies.map((policy): PolicyExplanation => {
    const { rule, mode } = policy;
    const base = { rule, place: describePlace(policy.place), mode };
    const selected = selection(policy, subjects);
    const scope = matchingScope(policy, reference, digest);
    const account = accounts.find((each) => each.policy.rule === rule);
    if (account === undefined) {
      const globs = policy.scope.map(({ text }) => text).join(', ');
      const because =
        selected === 'none'
          ? 'its match selects no Pod'
          : scope === undefined
            ? `none of its images (${globs}) matches ${canonicalName(reference)}`
            : 'the image was not found';
      return {
        ...base,
        applies: scope !== undefined && selected !== 'none',
        because,
        outcome: undefined,
        reason: undefined,
        authorities: [],
      };
    }
    const only = selected === 'possible' ? ', for objects that its match selects' : '';
    return {
      ...base,
      applies: true,
      because: `${scope?.text ?? ''} matches ${scope?.name ?? ''}${only}`,
      outcome: account.outcome,
      reason: account.objection?.message,
      authorities: account.authorities.map(explainAuthority),
    };
  });
  return {
    reference: reference.text,
    canonical: canonicalName(reference),
    digest,
    verdict: decided.kind,
    by: decided.kind === 'verified' ? decided.image.by : [],
    signed: decided.kind === 'verified' && accounts.some(countedSignature),
    reasons: reasonsOf(decided),
    policies,
    found: (survey?.found ?? []).map(({ source, form, hint }) => ({ source, form, saysItAttests: hint })),
  };
}

function countedSignature({ outcome, authorities }: PolicyAccount): boolean {
  return (
    outcome === 'vouched' && authorities.some((each) => each.outcome === 'passed' && each.authority.kind !== 'static')
  );
}

function reasonsOf(decided: Decided): readonly Objection[] {
  switch (decided.kind) {
    case 'verified':
    case 'tolerated':
      return decided.warnings;
    case 'refused':
      return decided.objections;
    case 'unmatched':
      return [];
    default:
      return decided satisfies never;
  }
}

function explainAuthority(account: PolicyAccount['authorities'][number]): AuthorityExplanation {
  const { authority, outcome, note, claims, predicates = [] } = account;
  // What the Gate's own settings have against verified attestations stands in the way too.
  const obstacles = [...account.obstacles, ...predicates.map(({ message }) => message)];
  const refused = byWeight(claims.flatMap((claim) => claim.refused));
  return {
    name: authority.name,
    tried: describeAuthority(authority),
    outcome,
    note,
    verified: claims.flatMap(({ claim, proofs, contents }) =>
      proofs.map((proof, i) => ({
        source: proof.source,
        signer: describeSigner(proof, authority),
        times: proof.times.map(({ at, by }) => ({ at: new Date(at).toISOString(), by })),
        attests: claim.kind === 'attestation' ? claim.predicateType : undefined,
        content: contentOf(contents[i]),
      })),
    ),
    refused: refused.map(({ source, step, why, detail }) => ({ source, step, why, detail })),
    obstacles,
  };
}

function contentOf(content: PolicyAccount['content']): string | undefined {
  switch (content?.kind) {
    case undefined:
      return undefined;
    case 'passed':
      return 'passed';
    case 'failed':
      return `refused: ${content.message}`;
    case 'errored':
      return `could not be judged: ${content.error.message}`;
    default:
      return content satisfies never;
  }
}
