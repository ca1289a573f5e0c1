import { describe, expect, it } from 'vitest';
import { bindPredicates, judgePredicates } from '../../../../src/checks/images/content/predicates.ts';
import { PredicatesSettings } from '../../../../src/checks/images/content/settings.ts';
import type { Authority, ImagePolicy } from '../../../../src/checks/images/policy/model.ts';
import { context, openvex, scan, told, trivy, trivyVulnerability, vexStatement, vulnType } from './statements.ts';

const place = { file: 'policy.yaml', line: 1 };

function authority(name: string, attestations: Readonly<Record<string, string>>): Authority {
  const demands = Object.entries(attestations).map(([name, predicateType]) => ({ name, predicateType, place }));
  return { kind: 'key', name, attestations: demands } as unknown as Authority;
}

function policy(name: string, authorities: readonly Authority[], kind = 'ClusterImagePolicy'): ImagePolicy {
  return { rule: `${kind} ${name}`, name, authorities } as unknown as ImagePolicy;
}

const release = policy('release', [
  authority('ci', { scan: vulnType, vex: 'https://openvex.dev/ns', sbom: 'https://spdx.dev/Document' }),
]);
const vulnerabilities = { format: 'trivy', maxSeverity: 'medium', maxAgeDays: 7 };
const bind = (settings: unknown, policies: readonly ImagePolicy[] = [release]) =>
  bindPredicates(PredicatesSettings.parse([settings]), policies);
const onScan = (more: object, rest: object = {}) => ({
  policy: 'release',
  attestation: 'scan',
  vulnerabilities: { ...vulnerabilities, ...more },
  ...rest,
});

function requirementsIn(policies: readonly ImagePolicy[]): string[] {
  return policies.flatMap(({ rule, authorities }) =>
    demandsOf(authorities).flatMap(({ name, requirements = [] }) =>
      requirements.map(({ kind, place }) => `${rule} ${name} ${kind} ${place}`),
    ),
  );
}

function demandsOf(authorities: readonly Authority[]) {
  return authorities.flatMap((each) => (each.kind === 'key' ? each.attestations : []));
}

describe('binding to policies', () => {
  it.each<[string, unknown, readonly ImagePolicy[], string]>([
    [
      'no such policy',
      { ...onScan({}), policy: 'relaese' },
      [release],
      'no policy is called relaese (there are: release)',
    ],
    ['no policy at all', onScan({}), [], 'there are: none'],
    [
      'two policies of the name',
      onScan({}),
      [release, policy('release', release.authorities, 'OCIRepository')],
      'are both called that',
    ],
    ['no such attestation', { ...onScan({}), attestation: 'scna' }, [release], 'demands no attestation called scna'],
    ['no such attestation for VEX', onScan({ vex: 'vxe' }), [release], 'demands no attestation called vxe'],
    ['VEX of another type', onScan({ vex: 'sbom' }), [release], 'which holds no vex'],
    [
      'an attestation of another type',
      { ...onScan({}), attestation: 'sbom' },
      [release],
      'is of type https://spdx.dev/Document, which holds no vulnerabilities',
    ],
    ['nothing is asked', { policy: 'release', attestation: 'scan' }, [release], 'it asks nothing'],
    [
      'two things are asked',
      onScan({}, { vex: { denyStatuses: ['affected'] } }),
      [release],
      'it has vulnerabilities and vex',
    ],
    ['no severity', onScan({ maxSeverity: undefined }), [release], 'exactly one of maxSeverity and denySeverities'],
    ['two severities', onScan({ denySeverities: ['low'] }), [release], 'exactly one of maxSeverity and denySeverities'],
    [
      'licences, and not what becomes of unknown ones',
      { policy: 'release', attestation: 'sbom', sbom: { format: 'any', deniedLicenses: ['GPL-*'] } },
      [release],
      'deniedLicenses and unknownLicenses go together',
    ],
    [
      'provenance that asks nothing',
      { policy: 'p', attestation: 'a', provenance: {} },
      [policy('p', [authority('ci', { a: 'https://slsa.dev/provenance/v1' })])],
      'provenance asks nothing',
    ],
    [
      'an expression that is none',
      { policy: 'p', attestation: 'a', provenance: { builders: [{ regExp: '(?=x)' }] } },
      [policy('p', [authority('ci', { a: 'https://slsa.dev/provenance/v1' })])],
      'is not an RE2 expression',
    ],
    [
      'an authority that could do without',
      onScan({}),
      [policy('release', [...release.authorities, authority('old', {})])],
      'the authority old of ClusterImagePolicy release does not demand',
    ],
    [
      'a static pass that could do without',
      onScan({}),
      [policy('release', [...release.authorities, { kind: 'static', name: 's', action: 'pass', message: '' }])],
      'the authority s of',
    ],
  ])('refuses %s', async (_, settings, policies, message) => {
    await expect(bind(settings, policies)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      place: 'spec.images.predicates[0]',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    [
      'a static fail lets nothing by',
      [policy('release', [...release.authorities, { kind: 'static', name: 's', action: 'fail', message: '' }])],
    ],
    ['by its name among others', [release, policy('other', [])]],
  ])('binds: %s', async (_, policies) =>
    expect(requirementsIn(await bind(onScan({}), policies))).toEqual([
      'ClusterImagePolicy release scan vulnerabilities spec.images.predicates[0]',
    ]),
  );

  it('binds by kind and name, and to that policy alone', async () => {
    const other = policy('release', release.authorities, 'OCIRepository');
    const bound = await bind({ ...onScan({}), policy: 'OCIRepository release' }, [release, other]);
    expect(requirementsIn(bound)).toEqual(['OCIRepository release scan vulnerabilities spec.images.predicates[0]']);
  });

  it('an unknown key is an error', () => {
    expect(PredicatesSettings.safeParse([onScan({ onlyFixd: true })]).success).toBe(false);
  });
});

describe('judging', () => {
  const judged = async (settings: unknown, found: Parameters<typeof judgePredicates>[1]) =>
    told(await judgePredicates(demandsOf((await bind(settings))[0]?.authorities ?? []), found, context));
  const high = scan(trivy(trivyVulnerability('CVE-1', 'HIGH')));

  it('no statement is no pass', async () => {
    expect(await judged(onScan({}), () => [])).toEqual(['failed attestation scan: there is none to judge']);
  });

  it('VEX is taken from the attestation that is named', async () => {
    const vex = openvex([vexStatement('CVE-1', 'not_affected')]);
    const found = (name: string) => (name === 'scan' ? [high] : name === 'vex' ? [vex] : []);
    expect(await judged(onScan({ vex: 'vex' }), found)).toEqual([]);
    expect(await judged(onScan({}), found)).toEqual([expect.stringContaining('CVE-1')]);
  });

  it('several requirements must all hold', async () => {
    const settings = PredicatesSettings.parse([onScan({ maxSeverity: 'high' }), onScan({})]);
    const [bound] = await bindPredicates(settings, [release]);
    expect(await judgePredicates(demandsOf(bound?.authorities ?? []), () => [high], context)).toHaveLength(1);
  });
});
