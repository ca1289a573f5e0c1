import { asGateError, GateError } from '../../../core/errors.ts';
import type { Digest, ImageReference } from '../../../core/image.ts';
import { canonicalJson, type JsonValue } from '../../../core/json.ts';
import type { Clock, ContentJudge } from '../../../core/ports.ts';
import type { NotationAnswer } from '../notation/answer.ts';
import type {
  AttestationDemand,
  Authority,
  ContentRule,
  ImagePolicy,
  KeylessAuthority,
  NotationAuthority,
  PolicyContent,
} from '../policy/model.ts';
import type { AuthorityAccount, ClaimAccount, ContentAccount, Objection, PolicyAccount } from './account.ts';
import { isAskedMore, objectionsToPredicates } from './attested.ts';
import { type Collected, type Family, joined } from './collect.ts';
import { contentInput, type ShownObject } from './content-input.ts';
import type { Examined, Question, SigningAuthority } from './examine.ts';
import type { Examiner } from './examiner.ts';
import { caseKey, type VouchingStore } from './memory.ts';
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

/** What a digest is judged about, and by whom. */
export interface Case {
  readonly digest: Digest;
  readonly reference: ImageReference;
  readonly policies: readonly AppliedPolicy[];
}

/** A policy that applies. */
interface AppliedPolicy {
  readonly policy: ImagePolicy;
  /** The objects that its `spec.policy` is asked about; at least one. */
  readonly objects: readonly ShownObject[];
}

/** What judging works with. */
export interface VerifierPorts {
  /** What is found of a family where an authority looks. Rejects only when the signal aborts. */
  readonly collect: (authority: SigningAuthority | NotationAuthority, family: Family) => Promise<Collected>;
  readonly examiner: Examiner;
  readonly notation: NotationVerifier | undefined;
  readonly content: ContentJudge | undefined;
  /** The configs of the image's platforms. */
  readonly configs: () => Promise<JsonValue>;
  /** Remembers what vouched, and asks once where many ask at the same time. */
  readonly vouched: VouchingStore;
  /** Whether the accounts are to tell of everything that there is, and not of what sufficed. */
  readonly everything: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Judges by an authority of the Notary Project what was collected for it. */
export type NotationVerifier = (
  authority: NotationAuthority,
  collected: Collected,
  about: Pick<Case, 'digest' | 'reference'>,
) => Promise<NotationAnswer>;

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
    const objection = objectionTo(policy, authorities);
    // A trust policy of the Notary Project may only log who signed: the image may run, and nobody vouched for it.
    const tolerated = policy.quorum === 1 && authorities.some(({ notation }) => notation?.tolerated === true);
    return { ...base, outcome: 'refused', content: undefined, objection, tolerated };
  }
  if (policy.content === undefined) return { ...base, outcome: 'vouched', content: undefined, objection: undefined };
  const content = await judgePolicyContent(policy.content, applied, authorities, ports);
  if (content.kind === 'passed') return { ...base, outcome: 'vouched', content, objection: undefined };
  return { ...base, outcome: 'refused', content, objection: objectionTo(policy, authorities, content) };
}

/** The families in which each authority of a policy last found what it asks for. */
const habits = new WeakMap<ImagePolicy, ReadonlyMap<Authority, readonly Family[]>>();

/**
 * Looks first where signatures of this policy were found before, and is content with that only if nothing elsewhere could
 * change the verdict or a word of it. Otherwise everything is looked at, as if nobody had looked yet. See docs/decisions/0119.
 */
async function judgeAuthorities(
  about: Case,
  policy: ImagePolicy,
  enough: number,
  ports: VerifierPorts,
): Promise<AuthorityAccount[]> {
  const isSettled = !ports.everything && isSettledByAnyProof(policy);
  const usual = habits.get(policy);
  if (isSettled && usual !== undefined) {
    const accounts = await judgeFamilies(about, policy, enough, (authority) => usual.get(authority) ?? [], ports);
    if (isBeyondDoubt(accounts, enough)) return accounts;
  }
  const accounts = await judgeFamilies(about, policy, enough, familiesOf, ports);
  if (isSettled && isBeyondDoubt(accounts, enough)) habits.set(policy, await familiesThatHeld(accounts, ports));
  return accounts;
}

/**
 * Whether one proof for each thing that is asked settles an authority, and every proof says the same of who vouched: then
 * whatever else there is changes neither the verdict nor a word of it.
 */
function isSettledByAnyProof({ content, authorities }: ImagePolicy): boolean {
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
function isBeyondDoubt(accounts: readonly AuthorityAccount[], enough: number): boolean {
  const asked = accounts.filter(({ authority, outcome }) => authority.kind !== 'static' && outcome !== 'not asked');
  return asked.length >= enough && asked.every(({ outcome }) => outcome === 'passed');
}

async function familiesThatHeld(
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

/** Collects for every authority at once, examines all that was found in one go, and asks the policies over content. */
async function judgeFamilies(
  about: Case,
  policy: ImagePolicy,
  enough: number,
  families: (authority: SigningAuthority | NotationAuthority) => readonly Family[],
  ports: VerifierPorts,
): Promise<AuthorityAccount[]> {
  const collected = await Promise.all(policy.authorities.map((authority) => collectFor(authority, families, ports)));
  const examined = await examineAll(about, policy, collected, enough, ports);
  const accounts: AuthorityAccount[] = [];
  for (const [i, authority] of policy.authorities.entries()) {
    const found = collected[i] ?? joined([]);
    if (authority.kind === 'static') accounts.push(accountWithoutObjects(authority));
    else if (authority.kind === 'notation') accounts.push(await judgeNotation(authority, found, about, ports));
    else accounts.push(await judgeSigning(authority, found, examined.get(authority), about, ports));
  }
  return accounts;
}

async function examineAll(
  { digest, reference }: Case,
  policy: ImagePolicy,
  collected: readonly Collected[],
  enough: number,
  ports: VerifierPorts,
): Promise<ReadonlyMap<Authority, Examined[number]>> {
  const questions: Question[] = [];
  for (const [i, authority] of policy.authorities.entries()) {
    if (authority.kind !== 'key' && authority.kind !== 'keyless') continue;
    const { attestations } = authority;
    const every =
      policy.content !== undefined ||
      isAskedMore(authority) ||
      attestations.some(({ content }) => content !== undefined);
    questions.push({ authority, pools: [i], claims: claimsOf(attestations), every });
  }
  if (questions.length === 0) return new Map();
  // Whether an authority with a policy over content is satisfied is not known there.
  const certain = questions.every(({ every }) => !every);
  const examined = await ports.examiner.examine(
    {
      digest,
      reference,
      now: ports.clock.now(),
      pools: collected.map(({ found }) => found),
      questions,
      enough: certain ? enough : Number.POSITIVE_INFINITY,
    },
    ports.signal,
  );
  return new Map(questions.map(({ authority }, i) => [authority, examined[i]]));
}

function claimsOf(demands: readonly AttestationDemand[]): Question['claims'] {
  if (demands.length === 0) return [{ kind: 'signature' }];
  return demands.map(({ predicateType }) => ({ kind: 'attestation', predicateType }));
}

async function collectFor(
  authority: Authority,
  families: (authority: SigningAuthority | NotationAuthority) => readonly Family[],
  ports: VerifierPorts,
): Promise<Collected> {
  if (authority.kind === 'static') return joined([]);
  return joined(await Promise.all(families(authority).map((family) => ports.collect(authority, family))));
}

/** Only the places that the authority looks at; objects of the others could not satisfy it. */
function familiesOf(authority: SigningAuthority | NotationAuthority): readonly Family[] {
  if (authority.kind === 'notation') return ['notation'];
  const { format, attestations } = authority;
  const attests = attestations.length > 0;
  return [
    ...(format === 'bundle' ? [] : [attests ? ('attestation-tag' as const) : ('signature-tag' as const)]),
    ...(format === 'legacy' ? [] : ['bundles' as const]),
    ...(format === 'any' ? [attests ? ('envelope-referrers' as const) : ('signature-referrers' as const)] : []),
  ];
}

async function judgeSigning(
  authority: SigningAuthority,
  collected: Collected,
  answer: Examined[number],
  { digest }: Case,
  ports: VerifierPorts,
): Promise<AuthorityAccount> {
  const obstacles = obstaclesOf(collected);
  const base = { authority, obstacles, failures: collected.failures, tooMany: collected.tooMany, note: undefined };
  if (answer === undefined) return { ...base, outcome: 'not asked', claims: [] };
  const wanted = claimsOf(authority.attestations);
  const claims: ClaimAccount[] = [];
  for (const [i, claim] of wanted.entries()) {
    const demand = authority.attestations[i];
    const { proofs = [], refused = [] } = answer[i] ?? {};
    const rule = demand?.content;
    // All at once: the engine answers many questions as fast as one.
    const contents: readonly ContentAccount[] =
      rule === undefined
        ? []
        : await Promise.all(proofs.map(({ statement }) => judgeContent(rule, statement ?? null, ports)));
    claims.push({ claim, name: demand?.name, content: demand?.content, proofs, refused, contents });
  }
  const passed = claims.length > 0 && claims.length === wanted.length && claims.every(isSatisfied);
  if (!passed || !isAskedMore(authority)) return { ...base, outcome: passed ? 'passed' : 'failed', claims };
  const about = { digest, now: ports.clock.now() };
  const predicates = await objectionsToPredicates(authority, claims, about);
  // What could not be read might be the newest scan: then nothing is known of what the image must be judged by.
  const isWhole = collected.failures.length === 0 && collected.tooMany.length === 0;
  return { ...base, outcome: isWhole && predicates.length === 0 ? 'passed' : 'failed', claims, predicates };
}

function isSatisfied({ content, proofs, contents }: ClaimAccount): boolean {
  if (proofs.length === 0) return false;
  return content === undefined || contents.some(({ kind }) => kind === 'passed');
}

async function judgeNotation(
  authority: NotationAuthority,
  collected: Collected,
  about: Case,
  { notation }: VerifierPorts,
): Promise<AuthorityAccount> {
  if (notation === undefined)
    throw new GateError('IMAGE_POLICY_UNSUPPORTED', 'signatures of the Notary Project are not verified here');
  const answer = await notation(authority, collected, about);
  const { failures, tooMany } = collected;
  const outcome = answer.passed === true ? 'passed' : 'failed';
  const base = { authority, outcome, claims: [], obstacles: obstaclesOf(collected), failures, tooMany } as const;
  return { ...base, note: answer.note, notation: answer };
}

/** A static authority; and any other where it was not needed. */
function accountWithoutObjects(authority: Authority): AuthorityAccount {
  const base = { authority, claims: [], obstacles: [], failures: [], tooMany: [], note: undefined };
  if (authority.kind !== 'static') return { ...base, outcome: 'not asked' };
  return {
    ...base,
    outcome: authority.action === 'pass' ? 'passed' : 'failed',
    note: authority.message === '' ? undefined : authority.message,
  };
}

function obstaclesOf({ malformed, tooMany, failures }: Collected): string[] {
  return [...failures.map(({ message }) => message), ...tooMany, ...malformed];
}

/** `spec.policy`: once, or once for each object where it looks at them; all must pass. */
async function judgePolicyContent(
  content: PolicyContent,
  { objects }: AppliedPolicy,
  authorities: readonly AuthorityAccount[],
  ports: VerifierPorts,
): Promise<ContentAccount> {
  let configs: JsonValue | undefined;
  if (content.fetchConfigFile) {
    try {
      configs = await ports.configs();
    } catch (error) {
      ports.signal.throwIfAborted();
      return { kind: 'errored', error: asGateError(error, 'IMAGE_UNVERIFIABLE') };
    }
  }
  const inputs = new Map(
    (objects.length === 0 ? [undefined] : objects).map((object) => {
      const input = contentInput(content, authorities, configs, object);
      return [canonicalJson(input), input] as const;
    }),
  );
  for (const input of inputs.values()) {
    const answer = await judgeContent(content.rule, input, ports);
    if (answer.kind !== 'passed') return answer;
  }
  return { kind: 'passed' };
}

async function judgeContent(rule: ContentRule, input: JsonValue, ports: VerifierPorts): Promise<ContentAccount> {
  try {
    if (ports.content === undefined)
      throw new GateError('IMAGE_POLICY_UNSUPPORTED', `${rule.name} cannot be judged: there is no engine for it`);
    const answer = await ports.content.judge(rule, input, ports.signal);
    if (answer?.kind === 'passed') return { kind: 'passed' };
    if (answer?.kind === 'failed') return { kind: 'failed', message: String(answer.message) };
    throw new GateError('CHECK_SILENT', `${rule.name} gave no answer`);
  } catch (error) {
    ports.signal.throwIfAborted();
    return { kind: 'errored', error: asGateError(error, 'CHECK_CRASHED') };
  }
}

function erroredAccount(policy: ImagePolicy, error: GateError): PolicyAccount {
  const objection = failureObjection(policy.rule, error, 'its signatures could not be verified');
  return { policy, outcome: 'refused', authorities: [], content: undefined, objection };
}
