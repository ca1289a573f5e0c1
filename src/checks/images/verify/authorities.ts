import { GateError } from '../../../core/errors.ts';
import type { AttestationDemand, Authority, ImagePolicy, NotationAuthority } from '../policy/model.ts';
import type { AuthorityAccount, ClaimAccount, ContentAccount } from './account.ts';
import { isAskedMore, objectionsToPredicates } from './attested.ts';
import type { Case, VerifierPorts } from './case.ts';
import { type Collected, type Family, joined } from './collect.ts';
import { judgeContent } from './content-policy.ts';
import type { Examined, Question, SigningAuthority } from './examine.ts';
import { familiesOf, familiesThatHeld, isBeyondDoubt, isSettledByAnyProof } from './families.ts';

/** The families in which each authority of a policy last found what it asks for. */
const habits = new WeakMap<ImagePolicy, ReadonlyMap<Authority, readonly Family[]>>();

/**
 * What each authority of a policy comes to, in their order; `enough` of them need to pass.
 *
 * Looks first where signatures of this policy were found before, and is content with that only if nothing elsewhere could
 * change the verdict or a word of it. Otherwise everything is looked at, as if nobody had looked yet. See docs/decisions/0119.
 */
export async function judgeAuthorities(
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
      attestations.some(({ content, keepsStatements }) => content !== undefined || keepsStatements === true);
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
export function accountWithoutObjects(authority: Authority): AuthorityAccount {
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
