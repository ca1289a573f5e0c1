import { type BillOfMaterials, type Component, readBillOfMaterials } from './bill-of-materials.ts';
import { type AttestedStatement, bounded, type PredicateObjection, show } from './judgement.ts';
import { licenseJudge } from './licenses.ts';
import { readPackageUrl, showPackageUrl } from './package-url.ts';
import { type Matches, wildcard } from './pattern.ts';
import { Unreadable } from './reader.ts';
import type { SbomRequirement } from './settings.ts';

const fix = {
  license: 'Replace the component, or have the licence taken off spec.images.predicates[].sbom.deniedLicenses.',
  unknown: 'Give the component a licence as an SPDX expression in the SBOM, or have unknownLicenses set to allow.',
  component: 'Take the component out of the image, or have it taken off deniedComponents.',
  field: 'Make the SBOM with a tool that tells it, or have it taken off requiredFields.',
  empty: 'Make the SBOM from the image itself, such as with syft.',
} as const;

/**
 * Judges SBOMs: every verified one must pass, because an older one that lacks a denied component must not speak for a
 * newer one that has it. Never throws for what a statement holds.
 */
export async function judgeSbom(
  requirement: SbomRequirement,
  statements: readonly AttestedStatement[],
): Promise<PredicateObjection[]> {
  const judgeComponent = await componentJudge(requirement);
  const objections: PredicateObjection[] = [];
  for (const { statement, signer } of statements) {
    const by = `SBOM by ${show(signer)}`;
    try {
      const bill = readBillOfMaterials(statement);
      if (requirement.format !== 'any' && bill.format !== requirement.format) {
        throw new Unreadable(`it is ${bill.format}, and ${requirement.format} is asked for`);
      }
      if (bill.components.length === 0) {
        objections.push({ kind: 'failed', message: `${by}: it lists no component at all`, mend: fix.empty });
      }
      for (const [i, component] of bill.components.entries()) {
        // Megabytes of licences take seconds: a deadline is only heard in between.
        if (i % 256 === 255) await new Promise(setImmediate);
        for (const each of judgeComponent(component, bill)) {
          objections.push({ ...each, message: `${by}: ${each.message}` });
        }
      }
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      objections.push({ kind: 'unreadable', message: `${by}: ${error.message}`, mend: error.mend });
    }
  }
  return bounded(objections);
}

type JudgeComponent = (component: Component, bill: BillOfMaterials) => PredicateObjection[];

async function componentJudge(requirement: SbomRequirement): Promise<JudgeComponent> {
  const { deniedLicenses, unknownLicenses, deniedComponents = [], requiredFields = [] } = requirement;
  const judgeLicense = deniedLicenses && (await licenseJudge(deniedLicenses));
  const denied = deniedComponents.map((pattern) => [pattern, componentPattern(pattern)] as const);
  return (component, { licenseNames }) => {
    const found: PredicateObjection[] = [];
    const failed = (message: string, mend: string) =>
      found.push({ kind: 'failed', message: `${showComponent(component)} ${message}`, mend });
    const pattern = component.kind === 'file' ? undefined : denied.find(([, matches]) => matches(component))?.[0];
    if (pattern !== undefined) failed(`is denied (${show(pattern)})`, fix.component);
    for (const field of component.kind === 'file' ? [] : requiredFields) {
      if (isMissing(component, field)) failed(`has no ${field}`, fix.field);
    }
    if (judgeLicense === undefined) return found;
    const verdicts = component.licenses.map((text) => ({ text, verdict: judgeLicense(text, licenseNames) }));
    for (const { text, verdict } of verdicts) {
      if (verdict.kind !== 'denied') continue;
      const within = verdict.by === text ? '' : ` (in ${show(text)})`;
      failed(`has the denied licence ${show(verdict.by)}${within}`, fix.license);
    }
    const unclear = verdicts.find(({ verdict }) => verdict.kind === 'unknown');
    if (unknownLicenses !== 'allow' && verdicts.length === 0) failed('has no licence', fix.unknown);
    else if (unknownLicenses !== 'allow' && unclear !== undefined) {
      failed(`has a licence that is not known: ${show(unclear.text)}`, fix.unknown);
    }
    return found;
  };
}

/** A name, or a package URL with or without version. Throws nothing: an unreadable purl is compared as it is written. */
function componentPattern(pattern: string): (component: Component) => boolean {
  const isPurl = /^pkg:/i.test(pattern);
  const matches: Matches = wildcard(isPurl ? decodedPattern(pattern) : pattern);
  if (!isPurl) return ({ name }) => matches(name) || matches(name.slice(name.lastIndexOf('/') + 1));
  return ({ purls }) =>
    purls.some((text) => {
      const purl = readPackageUrl(text);
      if (purl === undefined) throw new Unreadable(`the package URL ${show(text)} cannot be read`);
      return matches(showPackageUrl(purl)) || matches(`pkg:${purl.name}`);
    });
}

/** `pkg:npm/%40scope/name` and `pkg:npm/@scope/name` are one pattern. */
function decodedPattern(pattern: string): string {
  const purl = readPackageUrl(pattern);
  return purl === undefined ? pattern : showPackageUrl(purl);
}

function isMissing(component: Component, field: NonNullable<SbomRequirement['requiredFields']>[number]): boolean {
  switch (field) {
    case 'version':
      return component.version === undefined;
    case 'purl':
      return component.purls.length === 0;
    case 'license':
      return component.licenses.length === 0;
    case 'supplier':
      return component.supplier === undefined;
    default:
      return field satisfies never;
  }
}

function showComponent({ name, version }: Component): string {
  return show(version === undefined ? name : `${name} ${version}`);
}
