import { asGateError, GateError } from '../../../core/errors.ts';
import type { Digest } from '../../../core/image.ts';
import type { ImagePolicy } from '../policy/model.ts';
import type { Objection, PolicyAccount } from './account.ts';
import { accountWithoutObjects, judgeAuthorities } from './authorities.ts';
import type { AppliedPolicy, Case, VerifierPorts } from './case.ts';
import { judgePolicyContent } from './content-policy.ts';
import { caseKey } from './memory.ts';
import { describeVouching, failureObjection, objectionTo } from './objection.ts';

/** Not exported: no other module can make a VerifiedImage, whatever it found or was told. */
const verified: unique symbol = Symbol('verified');

/** Proof that every policy that applies to a digest was satisfied, or told only, and that one of them vouched. */
export interface VerifiedImage {
  readonly [verified]: true;
  readonly digest: Digest;
  /** `ClusterImagePolicy release, authority authority-0, key SHA256:4ad7…`, one a policy that vouched. */
  readonly by: readonly string[];
  /** Whether a signature or attestation counted; false where policies merely let it pass (`static`, level `skip`). */
  readonly signed: boolean;
}

type Verdict =
  | { readonly kind: 'verified'; readonly image: VerifiedImage; readonly warnings: readonly Objection[] }
  /** Nobody vouched, and every policy that should have is in mode `warn`: it may run, and is never called verified. */
  | { readonly kind: 'tolerated'; readonly warnings: readonly [Objection, ...Objection[]] }
  | { readonly kind: 'refused'; readonly objections: readonly [Objection, ...Objection[]] };

export interface Judgement {
  readonly verdict: Verdict;
  /** One for each policy that applies, in their order. */
  readonly accounts: readonly PolicyAccount[];
}

/**
 * Judges a digest by the policies that apply: all of them must be satisfied, each by `quorum` of its authorities, an
 * authority by any one object for each thing that it asks for. Nothing is fetched that no policy asks for. No policies
 * at all is refused: nothing vouched. Rejects only when the signal aborts; any other error is an objection.
 */
export async function judge(about: Case, ports: VerifierPorts): Promise<Judgement> {
  const accounts = await Promise.all(
    about.policies.map(async (applied) => {
      try {
        const key = caseKey(applied, about.reference, about.digest);
        const account = await ports.vouched.once(key, () => judgePolicy(about, applied, key, ports), ports.signal);
        // Whoever remembers cannot make an answer, or give one to another question.
        if (genuine.get(account) !== key) throw new GateError('CHECK_SILENT', 'what was remembered is no answer');
        return account;
      } catch (error) {
        ports.signal.throwIfAborted();
        return erroredAccount(applied.policy, asGateError(error, 'CHECK_CRASHED'));
      }
    }),
  );
  return { verdict: verdictOf(about, accounts), accounts };
}

function verdictOf({ digest, policies }: Case, accounts: readonly PolicyAccount[]): Verdict {
  const against = accounts.flatMap(({ policy, objection, tolerated }) =>
    objection === undefined ? [] : [{ mode: tolerated === true ? 'warn' : policy.mode, objection }],
  );
  const [first, ...rest] = against.filter(({ mode }) => mode !== 'warn').map(({ objection }) => objection);
  const warnings = against
    .filter(({ mode }) => mode === 'warn')
    .map(({ objection }) => ({ ...objection, effect: 'warn' as const }));
  if (first !== undefined) return { kind: 'refused', objections: [first, ...rest, ...warnings] };
  const vouched = accounts.filter(({ outcome }) => outcome === 'vouched');
  const by = vouched.map(describeVouching);
  if (by.length > 0 && by.length + warnings.length === policies.length) {
    return { kind: 'verified', image: { [verified]: true, digest, by, signed: vouched.some(countedSigned) }, warnings };
  }
  const [warning, ...others] = warnings;
  if (by.length === 0 && warning !== undefined && warnings.length === policies.length) {
    return { kind: 'tolerated', warnings: [warning, ...others] };
  }
  const message = 'no policy vouched for it';
  const objection = {
    effect: 'deny',
    code: 'IMAGE_UNMATCHED',
    rule: 'images',
    message,
    mend: 'Add a policy.',
  } as const;
  return { kind: 'refused', objections: [objection] };
}

function countedSigned({ authorities }: PolicyAccount): boolean {
  return authorities.some(({ authority, outcome }) => outcome === 'passed' && authority.kind !== 'static');
}

/** The accounts that were made here, and what each answers. */
const genuine = new WeakMap<PolicyAccount, string>();

async function judgePolicy(
  about: Case,
  applied: AppliedPolicy,
  key: string,
  ports: VerifierPorts,
): Promise<PolicyAccount> {
  const account = await accountOf(about, applied, ports);
  genuine.set(account, key);
  return account;
}

async function accountOf(about: Case, applied: AppliedPolicy, ports: VerifierPorts): Promise<PolicyAccount> {
  const { policy } = applied;
  const statics = policy.authorities.filter((each) => each.kind === 'static' && each.action === 'pass').length;
  // Everything is wanted by a policy over what vouched; any other is content as soon as there is enough.
  const everything = policy.content !== undefined;
  const settled = !everything && statics >= policy.quorum;
  const authorities = settled
    ? policy.authorities.map(accountWithoutObjects)
    : await judgeAuthorities(about, policy, everything ? Number.POSITIVE_INFINITY : policy.quorum - statics, ports);
  const passed = authorities.filter(({ outcome }) => outcome === 'passed').length;
  const base = { policy, authorities };
  if (policy.quorum < 1 || passed < policy.quorum) {
    const objection = objectionTo(policy, authorities, about.digest);
    // A trust policy of the Notary Project may only log who signed: the image may run, and nobody vouched for it.
    const tolerated = policy.quorum === 1 && authorities.some(({ notation }) => notation?.tolerated === true);
    return { ...base, outcome: 'refused', content: undefined, objection, tolerated };
  }
  if (policy.content === undefined) return { ...base, outcome: 'vouched', content: undefined, objection: undefined };
  const content = await judgePolicyContent(policy.content, applied, authorities, ports);
  if (content.kind === 'passed') return { ...base, outcome: 'vouched', content, objection: undefined };
  return { ...base, outcome: 'refused', content, objection: objectionTo(policy, authorities, about.digest, content) };
}

function erroredAccount(policy: ImagePolicy, error: GateError): PolicyAccount {
  const objection = failureObjection(policy.rule, error, 'its signatures could not be verified');
  return { policy, outcome: 'refused', authorities: [], content: undefined, objection };
}
