import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgePredicates } from '../../../../src/checks/images/content/predicates.ts';
import type { PredicateRequirement } from '../../../../src/checks/images/content/requirement.ts';
import type { AttestationDemand } from '../../../../src/checks/images/policy/model.ts';
import type { JsonValue } from '../../../../src/core/json.ts';
import {
  at,
  attested,
  context,
  grype,
  grypeMatch,
  openvex,
  scan,
  trivy,
  trivyVulnerability,
  vexStatement,
  vulnType,
} from './statements.ts';

/** Whatever a signed statement holds: an answer and never an exception, and no pass for what is no such document. */

const place = 'spec.images.predicates[0]';
const provenanceType = 'https://slsa.dev/provenance/v1';
const summaryType = 'https://slsa.dev/verification_summary/v1';
const requirements: readonly (readonly [string, PredicateRequirement])[] = [
  [provenanceType, { kind: 'provenance', asks: { builders: ['x'], sources: ['y'], refs: ['z'] }, place }],
  ['https://slsa.dev/provenance/v0.2', { kind: 'provenance', asks: { buildTypes: [{ regExp: '.*' }] }, place }],
  [
    'https://spdx.dev/Document',
    {
      kind: 'sbom',
      asks: { format: 'any', deniedLicenses: ['GPL-*'], unknownLicenses: 'allow', deniedComponents: ['pkg:npm/x'] },
      place,
    },
  ],
  [
    vulnType,
    {
      kind: 'vulnerabilities',
      asks: { format: 'any', maxSeverity: 'low', onlyFixed: false, maxAgeDays: 7, ignore: [], vex: 'a' },
      place,
    },
  ],
  ['https://openvex.dev/ns', { kind: 'vex', asks: { denyStatuses: ['affected'] }, place }],
  [
    summaryType,
    { kind: 'summary', asks: { verifiers: [{ regExp: '.*' }], levels: ['SLSA_BUILD_LEVEL_2'], maxAgeDays: 7 }, place },
  ],
];

function judged(requirement: PredicateRequirement, statement: JsonValue) {
  const demand: AttestationDemand = {
    name: 'a',
    predicateType: '',
    requirements: [requirement],
    place: { file: 'p', line: 1 },
  };
  return judgePredicates([demand], () => [{ statement, trustedTime: undefined, signer: 's', accepted: true }], context);
}

const spdx = {
  spdxVersion: 'SPDX-2.3',
  packages: [
    {
      name: 'a',
      SPDXID: 'SPDXRef-a',
      licenseDeclared: 'MIT AND (Apache-2.0 OR GPL-2.0+)',
      externalRefs: [{ referenceType: 'purl', referenceLocator: 'pkg:npm/a@1' }],
    },
  ],
  relationships: [
    { spdxElementId: 'SPDXRef-DOCUMENT', relatedSpdxElement: 'SPDXRef-a', relationshipType: 'DESCRIBES' },
  ],
};
const cyclonedx = {
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  components: [
    {
      type: 'library',
      name: 'a',
      purl: 'pkg:npm/a@1',
      licenses: [{ license: { id: 'MIT' } }],
      components: [{ name: 'b' }],
    },
  ],
};
const provenance = {
  buildDefinition: {
    buildType: 't',
    externalParameters: { workflow: { repository: 'https://h/o/r', ref: 'refs/heads/main' } },
  },
  runDetails: { builder: { id: 'b' } },
};
const summary = {
  verifier: { id: 'v' },
  timeVerified: at(-1),
  resourceUri: 'r',
  verificationResult: 'PASSED',
  verifiedLevels: ['SLSA_BUILD_LEVEL_3'],
};
const good: readonly JsonValue[] = [
  scan(trivy(trivyVulnerability('CVE-1', 'LOW'))).statement,
  scan(grype(grypeMatch('GHSA-1', 'Low'))).statement,
  openvex([vexStatement('CVE-1', 'not_affected')]).statement,
  ...[spdx, cyclonedx].map((each) => attested('https://spdx.dev/Document', each).statement),
  attested(provenanceType, provenance).statement,
  attested(summaryType, summary).statement,
];

/** A copy in which the value at one of its places is another. */
function changed(value: JsonValue, steps: readonly number[], other: JsonValue): JsonValue {
  const [step, ...rest] = steps;
  if (step === undefined || typeof value !== 'object' || value === null) return other;
  if (Array.isArray(value)) {
    const list = value as readonly JsonValue[];
    return list.map((each, i) => (i === step % list.length ? changed(each, rest, other) : each));
  }
  const entries = Object.entries(value);
  return Object.fromEntries(
    entries.map(([key, each], i) => [key, i === step % entries.length ? changed(each, rest, other) : each]),
  );
}

describe('statements of any content', () => {
  it.each(requirements)('%s: anything at all is answered, and never with a pass', async (type, requirement) => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (predicate) => {
        const { statement } = attested(type, predicate);
        expect(await judged(requirement, statement)).not.toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it.each(requirements)('%s: documents with one value changed are answered', async (_, requirement) => {
    const steps = fc.array(fc.nat(50), { maxLength: 9 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...good), steps, fc.jsonValue(), async (statement, path, other) => {
        for (const objection of await judged(requirement, changed(statement, path, other as JsonValue))) {
          expect(objection.message).not.toMatch(/[\u0000-\u001f]/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
