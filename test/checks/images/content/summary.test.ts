import { describe, expect, it } from 'vitest';
import type { AttestedStatement } from '../../../../src/checks/images/content/judgement.ts';
import type { SummaryRequirement } from '../../../../src/checks/images/content/settings.ts';
import { judgeSummary } from '../../../../src/checks/images/content/summary.ts';
import { judgeVex } from '../../../../src/checks/images/content/vex.ts';
import { at, attested, context, hex, openvex, otherImage, told, vexStatement } from './statements.ts';

const verifier = 'https://verifier.example/v1';

/** A verification summary as the SLSA specification shows it. */
function summary(more: object = {}, verified = -1, trusted?: number): AttestedStatement {
  return attested(
    'https://slsa.dev/verification_summary/v1',
    {
      verifier: { id: verifier, version: { slsaVerifier: '2.6.0' } },
      timeVerified: at(verified),
      resourceUri: 'registry.example/app:v1',
      policy: { uri: 'https://example.com/policy/release', digest: { sha256: 'cd'.repeat(32) } },
      inputAttestations: [{ uri: 'https://example.com/provenance', digest: { sha256: 'ef'.repeat(32) } }],
      verificationResult: 'PASSED',
      verifiedLevels: ['SLSA_BUILD_LEVEL_3'],
      dependencyLevels: { SLSA_BUILD_LEVEL_1: 3 },
      slsaVersion: '1.0',
      ...more,
    },
    trusted,
  );
}

const judged = async (statements: AttestedStatement | AttestedStatement[], more: Partial<SummaryRequirement> = {}) =>
  told(await judgeSummary({ verifiers: [verifier], ...more }, [statements].flat(), context));

describe('verification summaries', () => {
  it.each<[string, AttestedStatement | AttestedStatement[], Partial<SummaryRequirement>, string | undefined]>([
    ['passed', summary(), {}, undefined],
    ['failed', summary({ verificationResult: 'FAILED' }), {}, 'says FAILED, and not PASSED'],
    ['passed in another spelling', summary({ verificationResult: 'passed' }), {}, 'says passed'],
    [
      'another verifier',
      summary({ verifier: { id: 'https://evil.example' } }),
      {},
      'no summary is by a verifier that is believed (there are ones by https://evil.example)',
    ],
    [
      'another verifier has no say',
      [summary(), summary({ verifier: { id: 'https://evil.example' }, verificationResult: 'FAILED' })],
      {},
      undefined,
    ],
    ['a level', summary(), { levels: ['SLSA_BUILD_LEVEL_3'] }, undefined],
    ['a higher level', summary(), { levels: ['SLSA_BUILD_LEVEL_2'] }, undefined],
    [
      'a lower level',
      summary({ verifiedLevels: ['SLSA_BUILD_LEVEL_1'] }),
      { levels: ['SLSA_BUILD_LEVEL_2'] },
      'lacks SLSA_BUILD_LEVEL_2',
    ],
    [
      'a level of another track',
      summary({ verifiedLevels: ['SLSA_SOURCE_LEVEL_3'] }),
      { levels: ['SLSA_BUILD_LEVEL_2'] },
      'lacks',
    ],
    ['a level that failed', summary({ verifiedLevels: ['FAILED'] }), {}, 'holds a level that failed'],
    ['a level of another name', summary({ verifiedLevels: ['MY_LEVEL_3'] }), { levels: ['MY_LEVEL_2'] }, 'lacks'],
    ['the policy', summary(), { policies: ['https://example.com/policy/release'] }, undefined],
    ['another policy', summary(), { policies: ['https://example.com/policy/dev'] }, 'is of the policy'],
    ['no policy', summary({ policy: undefined }), { policies: ['https://example.com/policy/dev'] }, 'is of the policy'],
    ['the resource', summary(), { resources: [{ regExp: 'registry\\.example/.*' }] }, undefined],
    ['another resource', summary(), { resources: ['registry.example/other:v1'] }, 'is of registry.example/app:v1'],
    ['this digest in the resource', summary({ resourceUri: `pkg:oci/app@sha256%3A${hex}` }), {}, undefined],
    [
      'another digest in the resource',
      summary({ resourceUri: `pkg:oci/app@sha256%3A${'99'.repeat(32)}` }),
      {},
      'is of another digest',
    ],
    ['too old', summary({}, -40), { maxAgeDays: 30 }, '40 days old'],
    ['a newer one failed', [summary({}, -3), summary({ verificationResult: 'FAILED' }, -1)], {}, 'says FAILED'],
    ['an older one failed', [summary({}, -1), summary({ verificationResult: 'FAILED' }, -3)], {}, undefined],
    [
      'an old one, timestamped again',
      [summary({}, -3, 0), summary({ verificationResult: 'FAILED' }, -1, -1)],
      {},
      'says FAILED',
    ],
    ['no time', summary({ timeVerified: undefined }), {}, 'timeVerified is missing'],
    ['version 0.2', attested('https://slsa.dev/verification_summary/v0.2', {}), {}, 'not a verification summary v1'],
  ])('%s', async (_, statements, more, message) =>
    expect(await judged(statements, more)).toEqual(message === undefined ? [] : [expect.stringContaining(message)]),
  );
});

describe('OpenVEX by itself', () => {
  const vex = (...statements: object[]) =>
    told(judgeVex({ denyStatuses: ['affected'] }, [openvex(statements)], context));
  it.each<[string, object[], string | undefined]>([
    ['not affected', [vexStatement('CVE-1', 'not_affected')], undefined],
    ['affected', [vexStatement('CVE-1', 'affected')], 'VEX: CVE-1 is affected'],
    ['under investigation, which is not denied', [vexStatement('CVE-1', 'under_investigation')], undefined],
    [
      'affected once',
      [vexStatement('CVE-1', 'affected', { timestamp: at(-9) }), vexStatement('CVE-1', 'fixed')],
      undefined,
    ],
    [
      'another is affected',
      [vexStatement('CVE-1', 'affected', { timestamp: at(-9) }), vexStatement('CVE-2', 'fixed')],
      'CVE-1 is affected',
    ],
    [
      'only another image',
      [vexStatement('CVE-1', 'not_affected', { products: [{ '@id': otherImage }] })],
      'says nothing of this digest',
    ],
    ['nothing', [], 'says nothing of this digest'],
  ])('%s', (_, statements, message) =>
    expect(vex(...statements)).toEqual(message === undefined ? [] : [expect.stringContaining(message)]),
  );
});
