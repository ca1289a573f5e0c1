import {
  type AttestedStatement,
  bounded,
  dayMs,
  type PredicateContext,
  type PredicateObjection,
  show,
} from './judgement.ts';
import { type Dated, dated, newest, tooOld } from './newest.ts';
import { Unreadable } from './reader.ts';
import { readScan, type Scan, type Vulnerability } from './scan.ts';
import { type Severity, severities, type VulnerabilitiesRequirement } from './settings.ts';
import { collectVex, type IsSuppressed, suppressedBy } from './vex.ts';

const rescan = 'Scan the image again and attest the result (cosign attest --type vuln).';

/**
 * Judges vulnerability scans: the newest count, see `newest`. One that cannot be read could be the newest, so it denies
 * too. Never throws for what a statement holds.
 */
export function judgeVulnerabilities(
  requirement: VulnerabilitiesRequirement,
  statements: readonly AttestedStatement[],
  vex: readonly AttestedStatement[],
  context: PredicateContext,
): PredicateObjection[] {
  const objections: PredicateObjection[] = [];
  const scans: Dated<Scan>[] = [];
  for (const statement of statements) {
    try {
      const scan = dated(statement, readScan(statement.statement), context.now);
      if (requirement.format !== 'any' && scan.content.format !== requirement.format) {
        throw new Unreadable(`it is ${scan.content.format}'s, and ${requirement.format}'s is asked for`);
      }
      scans.push(scan);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      const message = `scan by ${show(statement.signer)}: ${error.message}`;
      objections.push({ kind: 'unreadable', message, mend: error.mend });
    }
  }
  const { claims, objections: unreadVex } = collectVex(vex, context);
  objections.push(...unreadVex);
  const isSuppressed = suppressedBy(claims);
  for (const scan of newest(scans)) {
    const age = tooOld(scan, requirement.maxAgeDays, context.now);
    if (age !== undefined) {
      objections.push({ kind: 'failed', message: `the scan by ${show(scan.signer)} ${age}`, mend: rescan });
    }
    objections.push(...judgeScan(scan.content, requirement, isSuppressed, context.now));
  }
  return bounded(objections);
}

function judgeScan(
  { vulnerabilities }: Scan,
  requirement: VulnerabilitiesRequirement,
  isSuppressed: IsSuppressed,
  now: number,
): PredicateObjection[] {
  const denied = deniedSeverities(requirement);
  const ignored = new Set(
    requirement.ignore
      .filter(({ until }) => until === undefined || now < Date.parse(until) + dayMs)
      .map(({ id }) => id),
  );
  const counts = (each: Vulnerability) =>
    denied.has(each.severity) &&
    !(requirement.onlyFixed && each.fixedIn === undefined) &&
    !each.ids.some((id) => ignored.has(id)) &&
    !isSuppressed(each);
  return [...new Map(vulnerabilities.filter(counts).map((each) => [`${each.ids[0]} ${each.component}`, each])).values()]
    .sort((a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity))
    .map(({ ids, severity, component, fixedIn }) => ({
      kind: 'failed',
      message: `${show(ids[0], 60)} (${severity}) in ${show(component)}${fixedIn === undefined ? ', not fixed yet' : `, fixed in ${show(fixedIn, 60)}`}`,
      mend:
        fixedIn === undefined
          ? 'Replace the component; or state in a VEX document, or in ignore, why it does not matter here.'
          : 'Rebuild the image with the fixed version, scan it and attest the result.',
    }));
}

/** An unknown severity could be any: it is above every highest one that is let through. */
function deniedSeverities({ maxSeverity, denySeverities }: VulnerabilitiesRequirement): ReadonlySet<Severity> {
  if (maxSeverity === undefined) return new Set(denySeverities ?? severities);
  return new Set(['unknown', ...severities.slice(severities.indexOf(maxSeverity) + 1)]);
}
