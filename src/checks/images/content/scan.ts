import { show } from './judgement.ts';
import { type Fields, readStatement, Unreadable } from './reader.ts';
import type { Severity } from './settings.ts';

/** One vulnerability that a scanner found in one package. */
export interface Vulnerability {
  /** The identifier that the scanner leads with, then the others it goes by. */
  readonly ids: readonly [string, ...string[]];
  readonly severity: Severity;
  /** The version that mends it; undefined where the scanner knows none. */
  readonly fixedIn: string | undefined;
  readonly component: string;
  readonly purl: string | undefined;
}

export interface Scan {
  readonly format: 'trivy' | 'grype';
  readonly vulnerabilities: readonly Vulnerability[];
}

const predicateType = 'https://cosign.sigstore.dev/attestation/vuln/v1';

/** Reads cosign's vulnerability predicate around Trivy's or Grype's JSON, and when the scan ended. Throws Unreadable. */
export function readScan(statement: Parameters<typeof readStatement>[0]): { content: Scan; time: number } {
  const { predicateType: type, predicate } = readStatement(statement);
  if (type !== predicateType) throw new Unreadable(`${show(type)} is not cosign's vulnerability predicate`);
  const time = predicate.object('metadata').instant('scanFinishedOn');
  const result = predicate.object('scanner').object('result');
  if (result.has('runs') || /sarif/i.test(result.optionalText('$schema') ?? '')) {
    throw new Unreadable('the scan is SARIF, which does not tell packages and fixes', "Attest the scanner's own JSON.");
  }
  if (result.has('bomFormat')) throw new Unreadable('the scan is CycloneDX', "Attest the scanner's own JSON.");
  if (result.has('SchemaVersion')) return { content: readTrivy(result), time };
  if (result.has('matches')) return { content: readGrype(result), time };
  throw new Unreadable("the scan is neither Trivy's nor Grype's JSON");
}

const trivySeverities: Readonly<Record<string, Severity>> = {
  UNKNOWN: 'unknown',
  LOW: 'low',
  MEDIUM: 'medium',
  HIGH: 'high',
  CRITICAL: 'critical',
};

/** Trivy's report, SchemaVersion 2. */
function readTrivy(report: Fields): Scan {
  if (report.value('SchemaVersion') !== 2) throw new Unreadable("the SchemaVersion of Trivy's report is not 2");
  const results = report.objects('Results');
  const looked = results.some((each) => /^(os|lang)-pkgs$/.test(each.optionalText('Class') ?? ''));
  // A scan for secrets or licences alone has the same shape, and no vulnerabilities in it.
  if (!looked) {
    throw new Unreadable(
      "Trivy's report does not tell that packages were scanned (no result of class os-pkgs or lang-pkgs)",
      'Scan with the vulnerability scanner (trivy image --scanners vuln).',
    );
  }
  const vulnerabilities = results.flatMap((result) =>
    [...result.objects('Vulnerabilities'), ...modifiedFindings(result)].map((each): Vulnerability => {
      const fixedIn =
        each.optionalText('FixedVersion') || (each.optionalText('Status') === 'fixed' ? 'a newer one' : '');
      return {
        ids: [each.text('VulnerabilityID'), ...each.texts('VendorIDs')],
        severity: severityOf(each.optionalText('Severity') ?? 'UNKNOWN', trivySeverities),
        fixedIn: fixedIn === '' ? undefined : fixedIn,
        component: `${each.text('PkgName')} ${each.optionalText('InstalledVersion') ?? ''}`.trim(),
        purl: each.optionalObject('PkgIdentifier')?.optionalText('PURL') || undefined,
      };
    }),
  );
  return { format: 'trivy', vulnerabilities };
}

/** What Trivy's own user chose not to see (--show-suppressed tells): the platform ignores by its own settings alone. */
function modifiedFindings(result: Fields): Fields[] {
  return result
    .objects('ExperimentalModifiedFindings')
    .filter((each) => each.text('Type') === 'vulnerability')
    .map((each) => each.object('Finding'));
}

const grypeSeverities: Readonly<Record<string, Severity>> = {
  Unknown: 'unknown',
  Negligible: 'negligible',
  Low: 'low',
  Medium: 'medium',
  High: 'high',
  Critical: 'critical',
};

/** Grype's document. `ignoredMatches` are what its own user chose to ignore, and not what the platform did. */
function readGrype(document: Fields): Scan {
  if (document.object('descriptor').text('name') !== 'grype') throw new Unreadable("it is not Grype's document");
  const read = (match: Fields): Vulnerability => {
    const vulnerability = match.object('vulnerability');
    const artifact = match.object('artifact');
    const fix = vulnerability.optionalObject('fix');
    const versions = fix?.texts('versions') ?? [];
    const isFixed = versions.length > 0 || fix?.optionalText('state') === 'fixed';
    const related = match.objects('relatedVulnerabilities').map((each) => each.text('id'));
    return {
      ids: [vulnerability.text('id'), ...related],
      severity: severityOf(vulnerability.optionalText('severity') || 'Unknown', grypeSeverities),
      fixedIn: isFixed ? versions.join(', ') || 'a newer one' : undefined,
      component: `${artifact.text('name')} ${artifact.optionalText('version') ?? ''}`.trim(),
      purl: artifact.optionalText('purl') || undefined,
    };
  };
  return {
    format: 'grype',
    vulnerabilities: [...document.objects('matches'), ...document.objects('ignoredMatches')].map(read),
  };
}

function severityOf(text: string, known: Readonly<Record<string, Severity>>): Severity {
  const severity = Object.hasOwn(known, text) ? known[text] : undefined;
  if (severity === undefined) throw new Unreadable(`the severity "${show(text, 40)}" is not known`);
  return severity;
}
