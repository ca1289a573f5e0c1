import { type AttestedStatement, bounded, type PredicateContext, type PredicateObjection, show } from './judgement.ts';
import { type Dated, dated, newest, tooOld } from './newest.ts';
import { anyOf } from './pattern.ts';
import { readStatement, Unreadable } from './reader.ts';
import type { SummaryRequirement } from './settings.ts';

/** A verification summary: somebody else's verdict about the image. */
export interface Summary {
  readonly verifier: string;
  readonly result: string;
  readonly levels: readonly string[];
  readonly policy: string | undefined;
  readonly resource: string;
}

/** Reads a SLSA verification summary v1, and when it was made. Throws Unreadable. */
export function readSummary(statement: AttestedStatement['statement']): { content: Summary; time: number } {
  const { predicateType, predicate } = readStatement(statement);
  if (predicateType !== 'https://slsa.dev/verification_summary/v1') {
    throw new Unreadable(`${show(predicateType)} is not a verification summary v1`);
  }
  return {
    content: {
      verifier: predicate.object('verifier').text('id'),
      result: predicate.text('verificationResult'),
      levels: predicate.texts('verifiedLevels'),
      policy: predicate.optionalObject('policy')?.optionalText('uri'),
      resource: predicate.text('resourceUri'),
    },
    time: predicate.instant('timeVerified'),
  };
}

/**
 * Judges verification summaries. Those of verifiers that are not believed have no say; of the others the newest count,
 * see `newest`: a FAILED after a PASSED is the verdict. Never throws for what a statement holds.
 */
export async function judgeSummary(
  requirement: SummaryRequirement,
  statements: readonly AttestedStatement[],
  context: PredicateContext,
): Promise<PredicateObjection[]> {
  const believed = await anyOf(requirement.verifiers);
  const complaint = await summaryJudge(requirement, context);
  const objections: PredicateObjection[] = [];
  const summaries: Dated<Summary>[] = [];
  const others = new Set<string>();
  for (const statement of statements) {
    try {
      const summary = dated(statement, readSummary(statement.statement), context.now);
      if (believed(summary.content.verifier)) summaries.push(summary);
      else others.add(show(summary.content.verifier));
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      const message = `summary by ${show(statement.signer)}: ${error.message}`;
      objections.push({ kind: 'unreadable', message, mend: error.mend });
    }
  }
  if (summaries.length === 0 && objections.length === 0) {
    const named = [...others].slice(0, 3).join(', ');
    return [
      {
        kind: 'failed',
        message: `no summary is by a verifier that is believed${named === '' ? '' : ` (there are ones by ${named})`}`,
        mend: 'Have it verified by one of spec.images.predicates[].summary.verifiers.',
      },
    ];
  }
  for (const summary of newest(summaries)) {
    for (const against of complaint(summary)) {
      objections.push({
        kind: 'failed',
        message: `the summary by ${show(summary.content.verifier)} ${against}`,
        mend: 'Have the verifier verify this digest again, once what it found is mended.',
      });
    }
  }
  return bounded(objections);
}

async function summaryJudge(
  { levels = [], policies, resources, maxAgeDays }: SummaryRequirement,
  { digest, now }: PredicateContext,
): Promise<(summary: Dated<Summary>) => string[]> {
  const isPolicy = policies && (await anyOf(policies));
  const isResource = resources && (await anyOf(resources));
  return (summary) => {
    const { result, levels: verified, policy, resource } = summary.content;
    const against: (string | undefined)[] = [
      result === 'PASSED' ? undefined : `says ${show(result, 40)}, and not PASSED`,
      // FAILED can stand among the levels too.
      verified.includes('FAILED') ? 'holds a level that failed' : undefined,
      ...levels.map((level) => (verified.some((each) => reaches(each, level)) ? undefined : `lacks ${level}`)),
      isPolicy?.(policy ?? '') === false ? `is of the policy ${show(policy ?? '')}, which is not accepted` : undefined,
      isResource?.(resource) === false ? `is of ${show(resource)}, which is not accepted` : undefined,
      /sha256(:|%3A)[0-9a-f]{64}/i.test(resource) && !namesDigest(resource, digest)
        ? `is of another digest: ${show(resource)}`
        : undefined,
      maxAgeDays === undefined ? undefined : tooOld(summary, maxAgeDays, now),
    ];
    return against.filter((each) => each !== undefined);
  };
}

function namesDigest(resource: string, digest: string): boolean {
  return resource.replace(/%3A/gi, ':').includes(digest);
}

/** `SLSA_BUILD_LEVEL_3` is more than `SLSA_BUILD_LEVEL_2`; levels of other names are equal or not. */
function reaches(verified: string, wanted: string): boolean {
  const track = /^(SLSA_[A-Z]+_LEVEL_)([0-9])$/;
  const [, has, height = ''] = track.exec(verified) ?? [];
  const [, asked, least = ''] = track.exec(wanted) ?? [];
  return verified === wanted || (has !== undefined && has === asked && height >= least);
}
