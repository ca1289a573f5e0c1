import { describe, expect, it } from 'vitest';
import type { AttestedStatement } from '../../../../src/checks/images/content/judgement.ts';
import type { VulnerabilitiesRequirement } from '../../../../src/checks/images/content/settings.ts';
import { judgeVulnerabilities } from '../../../../src/checks/images/content/vulnerabilities.ts';
import {
  at,
  attested,
  context,
  grype,
  grypeMatch,
  hex,
  openvex,
  otherImage,
  scan,
  thisImage,
  told,
  trivy,
  trivyVulnerability,
  vexStatement,
  vulnType,
} from './statements.ts';

const asked: VulnerabilitiesRequirement = {
  format: 'any',
  maxSeverity: 'medium',
  onlyFixed: false,
  maxAgeDays: 7,
  ignore: [],
};

function judged(
  statements: readonly AttestedStatement[],
  more: Partial<VulnerabilitiesRequirement> = {},
  vex: readonly AttestedStatement[] = [],
) {
  return told(judgeVulnerabilities({ ...asked, ...more }, statements, vex, context));
}

const high = trivyVulnerability('CVE-2024-0001', 'HIGH');
const clean = trivy();

describe('severities', () => {
  it.each<[string, object, Partial<VulnerabilitiesRequirement>, string[]]>([
    ['nothing was found (Trivy)', clean, {}, []],
    ['nothing was found (Grype)', grype(), {}, []],
    ['below the highest', trivy(trivyVulnerability('CVE-1', 'MEDIUM')), {}, []],
    ['above it', trivy(high), {}, ['failed CVE-2024-0001 (high) in openssl 3.0.11-1, fixed in 3.0.13-1']],
    [
      'above it (Grype)',
      grype(grypeMatch('GHSA-35jh-r3h4-6jhm', 'High')),
      {},
      ['failed GHSA-35jh-r3h4-6jhm (high) in lodash 4.17.20, fixed in 4.17.21'],
    ],
    ['Grype calls it negligible', grype(grypeMatch('GHSA-1', 'Negligible')), { maxSeverity: 'negligible' }, []],
    [
      'unknown is above every highest one',
      trivy(trivyVulnerability('CVE-1', 'UNKNOWN')),
      { maxSeverity: 'high' },
      [expect.stringContaining('CVE-1 (unknown)')],
    ],
    [
      'no severity is unknown',
      trivy(trivyVulnerability('CVE-1', 'LOW', { Severity: undefined })),
      {},
      [expect.stringContaining('(unknown)')],
    ],
    [
      'one by one',
      trivy(trivyVulnerability('CVE-1', 'LOW'), high),
      { maxSeverity: undefined, denySeverities: ['low'] },
      [expect.stringContaining('CVE-1 (low)')],
    ],
    [
      'critical comes first',
      trivy(high, trivyVulnerability('CVE-9', 'CRITICAL')),
      {},
      [expect.stringContaining('CVE-9'), expect.stringContaining('CVE-2024-0001')],
    ],
    [
      'no fix is known',
      trivy(trivyVulnerability('CVE-1', 'HIGH', { FixedVersion: '', Status: 'affected' })),
      {},
      ['failed CVE-1 (high) in openssl 3.0.11-1, not fixed yet'],
    ],
    [
      'no fix is known, and only fixed ones deny',
      trivy(trivyVulnerability('CVE-1', 'HIGH', { FixedVersion: '', Status: 'affected' })),
      { onlyFixed: true },
      [],
    ],
    [
      'no fix is known (Grype)',
      grype(grypeMatch('GHSA-1', 'High', { versions: [], state: 'wont-fix' })),
      { onlyFixed: true },
      [],
    ],
    ['fixed, and only fixed ones deny', trivy(high), { onlyFixed: true }, [expect.stringContaining('fixed in')]],
    [
      'what the user of Grype ignored is found all the same',
      { ...grype(), ignoredMatches: [grypeMatch('GHSA-1', 'High')] },
      {},
      [expect.stringContaining('GHSA-1')],
    ],
    [
      'what the user of Trivy ignored is found all the same',
      {
        ...clean,
        Results: [
          {
            Target: 'x',
            Class: 'os-pkgs',
            Type: 'debian',
            ExperimentalModifiedFindings: [{ Type: 'vulnerability', Status: 'ignored', Finding: high }],
          },
        ],
      },
      {},
      [expect.stringContaining('CVE-2024-0001')],
    ],
    [
      'a severity of another name',
      { ...grype(grypeMatch('GHSA-1', 'Grave')) },
      {},
      [expect.stringContaining('unreadable scan by key SHA256:0123: the severity "Grave" is not known')],
    ],
  ])('%s', (_, result, more, expected) => expect(judged([scan(result)], more)).toEqual(expected));

  it('tells so many, and counts the rest', () => {
    const many = Array.from({ length: 40 }, (_, i) => trivyVulnerability(`CVE-${i}`, 'HIGH'));
    const objections = judged([scan(trivy(...many))]);
    expect(objections).toHaveLength(10);
    expect(objections.at(-1)).toContain('and 30 more like it');
  });
});

describe('ignored vulnerabilities', () => {
  const ignoring = (id: string, until?: string) => ({
    ignore: [{ id, reason: 'not reachable', ...(until === undefined ? {} : { until }) }],
  });
  it.each([
    ['by its identifier', ignoring('CVE-2024-0001'), []],
    ['another identifier', ignoring('CVE-2024-00011'), [expect.any(String)]],
    ['until today', ignoring('CVE-2024-0001', '2026-06-15'), []],
    ['until yesterday', ignoring('CVE-2024-0001', '2026-06-14'), [expect.any(String)]],
  ])('%s', (_, more, expected) => expect(judged([scan(trivy(high))], more)).toEqual(expected));

  it('by an alias', () =>
    expect(judged([scan(grype(grypeMatch('GHSA-35jh-r3h4-6jhm', 'High')))], ignoring('CVE-2021-23337'))).toEqual([]));
});

describe('rule 38: the newest scan counts', () => {
  it.each<[string, AttestedStatement[], number]>([
    ['an old clean scan does not beat a newer failing one', [scan(clean, -3, -3), scan(trivy(high), -1, -1)], 1],
    ['nor in the other order', [scan(trivy(high), -1, -1), scan(clean, -3, -3)], 1],
    ['a newer clean scan mends an older failing one', [scan(trivy(high), -3, -3), scan(clean, -1, -1)], 0],
    ['an old clean scan that was timestamped again', [scan(clean, -3, 0), scan(trivy(high), -1, -1)], 1],
    ['a failing scan by a clock that is behind', [scan(clean, -1, -1), scan(trivy(high), -3, 0)], 1],
    ['without trusted times, by their own', [scan(clean, -3), scan(trivy(high), -1)], 1],
    ['one has a trusted time, and the newer has none', [scan(clean, -2, -2), scan(trivy(high), -1)], 1],
    ['of equal age, all', [scan(clean, -1, -1), scan(trivy(high), -1, -1)], 1],
  ])('%s', (_, statements, count) => expect(judged(statements)).toHaveLength(count));

  it('a time that was moved forward is no time', () => {
    expect(judged([scan(clean, -1, -3), scan(trivy(high), -2, -2)])).toEqual([
      expect.stringMatching(/^unreadable .* it says .* and was signed at .* already$/),
      expect.stringContaining('CVE-2024-0001'),
    ]);
  });

  it('a scan of the future is none', () =>
    expect(judged([scan(clean, 1)])).toEqual([expect.stringContaining('is in the future')]));

  it('a scan that cannot be read may be the newest', () => {
    expect(judged([scan(clean), scan({ odd: true })])).toEqual([
      expect.stringContaining("neither Trivy's nor Grype's"),
    ]);
  });
});

describe('the age of the scan', () => {
  it.each<[string, AttestedStatement, string[]]>([
    ['young', scan(clean, -6.9), []],
    [
      'old by its own time',
      scan(clean, -8),
      [
        expect.stringMatching(
          /^failed the scan by key SHA256:0123 is of 2026-06-07T12:00:00Z, 8 days old, and 7 are allowed$/,
        ),
      ],
    ],
    ['old by its own time, though just timestamped', scan(clean, -8, 0), [expect.stringContaining('8 days old')]],
  ])('%s', (_, statement, expected) => expect(judged([statement])).toEqual(expected));
});

describe('what is not read', () => {
  const inPredicate = (result: unknown, metadata: object = { scanFinishedOn: at(-1) }) =>
    attested(vulnType, { scanner: { result }, metadata });
  it.each<[string, AttestedStatement, string]>([
    ['SARIF', scan({ $schema: 'https://json.schemastore.org/sarif-2.1.0.json', version: '2.1.0', runs: [] }), 'SARIF'],
    ['CycloneDX as a scan', scan({ bomFormat: 'CycloneDX', vulnerabilities: [] }), 'CycloneDX'],
    ['an older report of Trivy', scan({ ...clean, SchemaVersion: 1 }), 'SchemaVersion'],
    [
      'a scan for secrets alone',
      scan({ ...clean, Results: [{ Target: 'x', Class: 'secret' }] }),
      'does not tell that packages were scanned',
    ],
    ['no results', scan({ ...clean, Results: undefined }), 'does not tell that packages were scanned'],
    ["another tool's matches", scan({ ...grype(), descriptor: { name: 'other' } }), "not Grype's"],
    ['no time', inPredicate(clean, {}), 'scanFinishedOn is missing'],
    ["Go's zero time", inPredicate(clean, { scanFinishedOn: '0001-01-01T00:00:00Z' }), 'which is no time'],
    ['no result', inPredicate(undefined), 'scanner.result is missing'],
    ['a vulnerability without a name', scan(trivy(trivyVulnerability('', 'LOW'))), 'VulnerabilityID is missing'],
    [
      'vulnerabilities that are no list',
      scan({ ...clean, Results: [{ Class: 'os-pkgs', Vulnerabilities: {} }] }),
      'is not a list',
    ],
    [
      'another type',
      attested('https://in-toto.io/attestation/vulns/v0.1', {}),
      "is not cosign's vulnerability predicate",
    ],
    ['no predicate', attested(vulnType, null), 'statement.predicate is not an object'],
  ])('%s', (_, statement, message) => {
    const [objection] = judgeVulnerabilities(asked, [statement], [], context);
    expect(objection).toMatchObject({ kind: 'unreadable', message: expect.stringContaining(message) });
  });

  it.each([
    ['trivy', grype()],
    ['grype', clean],
  ] as const)('only %s is asked for', (format, result) => {
    expect(judged([scan(result)], { format })).toEqual([expect.stringContaining(`${format}'s is asked for`)]);
  });
});

describe('VEX beside the scan', () => {
  const withVex = (...vex: AttestedStatement[]) => judged([scan(trivy(high))], { vex: 'vex' }, vex);
  const id = 'CVE-2024-0001';
  const openssl = 'pkg:deb/debian/openssl@3.0.11-1';
  const suppressed: string[] = [];
  const found = [expect.stringContaining('CVE-2024-0001 (high)')];
  it.each<[string, object[], string[]]>([
    ['not affected', [vexStatement(id, 'not_affected')], suppressed],
    ['fixed', [vexStatement(id, 'fixed')], suppressed],
    ['affected', [vexStatement(id, 'affected')], found],
    ['under investigation', [vexStatement(id, 'under_investigation')], found],
    ['another vulnerability', [vexStatement('CVE-2024-0002', 'not_affected')], found],
    [
      'by an alias',
      [vexStatement('x', 'not_affected', { vulnerability: { name: 'GHSA-x', aliases: [id] } })],
      suppressed,
    ],
    ['another image', [vexStatement(id, 'not_affected', { products: [{ '@id': otherImage }] })], found],
    ['an image without a digest', [vexStatement(id, 'not_affected', { products: [{ '@id': 'pkg:oci/app' }] })], found],
    ['no product', [vexStatement(id, 'not_affected', { products: undefined })], found],
    [
      'this image among others',
      [vexStatement(id, 'not_affected', { products: [{ '@id': otherImage }, { '@id': thisImage }] })],
      suppressed,
    ],
    [
      'this image by its hash',
      [
        vexStatement(id, 'not_affected', {
          products: [{ '@id': 'https://example.com/app', hashes: { 'sha-256': hex } }],
        }),
      ],
      suppressed,
    ],
    [
      'this image by its identifier',
      [vexStatement(id, 'not_affected', { products: [{ '@id': 'x', identifiers: { purl: thisImage } }] })],
      suppressed,
    ],
    [
      'a digest that only ends alike',
      [vexStatement(id, 'not_affected', { products: [{ '@id': `pkg:oci/app@sha256%3A${hex}0` }] })],
      found,
    ],
    [
      'the package within',
      [vexStatement(id, 'not_affected', { products: [{ '@id': thisImage, subcomponents: [{ '@id': openssl }] }] })],
      suppressed,
    ],
    [
      'another version of the package',
      [
        vexStatement(id, 'not_affected', {
          products: [{ '@id': thisImage, subcomponents: [{ '@id': 'pkg:deb/debian/openssl@3.0.12-1' }] }],
        }),
      ],
      found,
    ],
    [
      'another package within',
      [
        vexStatement(id, 'not_affected', {
          products: [{ '@id': thisImage, subcomponents: [{ '@id': 'pkg:npm/left-pad' }] }],
        }),
      ],
      found,
    ],
    [
      'a package that cannot be compared',
      [vexStatement(id, 'not_affected', { products: [{ '@id': thisImage, subcomponents: [{}] }] })],
      found,
    ],
    [
      'affected since',
      [vexStatement(id, 'not_affected', { timestamp: at(-3) }), vexStatement(id, 'affected', { timestamp: at(-2) })],
      found,
    ],
    [
      'not affected since',
      [vexStatement(id, 'affected', { timestamp: at(-3) }), vexStatement(id, 'not_affected', { timestamp: at(-2) })],
      suppressed,
    ],
    ['both at the same time', [vexStatement(id, 'affected'), vexStatement(id, 'not_affected')], found],
  ])('%s', (_, statements, expected) => expect(withVex(openvex(statements))).toEqual(expected));

  it('the shape of OpenVEX 0.0', () => {
    const statements = [
      {
        vulnerability: id,
        products: [thisImage],
        subcomponents: [openssl],
        status: 'not_affected',
        justification: 'component_not_present',
      },
    ];
    expect(withVex(openvex(statements, { '@context': 'https://openvex.dev/ns' }))).toEqual([]);
  });

  it('a newer document takes back what an older one says', () => {
    const old = openvex([vexStatement(id, 'not_affected')], { timestamp: at(-5) });
    expect(withVex(old, openvex([vexStatement(id, 'affected')], { timestamp: at(-4) }))).toEqual(found);
  });

  it.each<[string, AttestedStatement, string]>([
    [
      'not affected, for no reason',
      openvex([vexStatement(id, 'not_affected', { justification: undefined })]),
      'does not say why',
    ],
    ['a status of another name', openvex([vexStatement(id, 'harmless')]), 'status is "harmless"'],
    ['another format', openvex([], { '@context': 'https://example.com/vex' }), 'is not OpenVEX'],
    ['dated after it was signed', openvex([vexStatement(id, 'not_affected')], {}, -3), 'dated after it was signed'],
    ['dated in the future', openvex([vexStatement(id, 'not_affected')], { timestamp: at(2) }), 'in the future'],
  ])('is not read: %s', (_, vex, message) => {
    expect(withVex(vex)).toEqual([expect.stringContaining(message), ...found]);
  });
});
