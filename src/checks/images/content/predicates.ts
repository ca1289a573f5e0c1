import { namedPolicy, type Refuse, refusing, withAuthorities } from '../policy/binding.ts';
import type { AttestationDemand, Authority, ImagePolicy } from '../policy/model.ts';
import type { AttestedStatement, PredicateContext, PredicateObjection } from './judgement.ts';
import { anyOf } from './pattern.ts';
import { type Asked, type Kind, kinds, type PredicateRequirement } from './requirement.ts';
import type { PredicateSettings, TextRule } from './settings.ts';

/** The predicate types that each kind can be read from. */
const predicateTypes: Readonly<Record<Kind, RegExp>> = {
  provenance: /^https:\/\/slsa\.dev\/provenance\/(v0\.2|v1)$/,
  sbom: /^https:\/\/(spdx\.dev\/Document(\/v2\.[23])?|cyclonedx\.org\/bom(\/v1\.[3-6])?)$/,
  vulnerabilities: /^https:\/\/cosign\.sigstore\.dev\/attestation\/vuln\/v1$/,
  vex: /^https:\/\/openvex\.dev\/ns(\/v0\.[02]\.[0-2])?$/,
  summary: /^https:\/\/slsa\.dev\/verification_summary\/v1$/,
};

/**
 * The policies with each requirement at the attestations that it is about, once, when the gate is opened. Throws
 * CONFIG_INVALID with the setting for a policy or an attestation that is not there, for a predicate type that cannot
 * hold what is asked, for an expression that RE2 does not know, and for a policy that an image could satisfy without
 * the attestation.
 */
export async function bindPredicates(
  settings: readonly PredicateSettings[],
  policies: readonly ImagePolicy[],
): Promise<readonly ImagePolicy[]> {
  let bound = policies;
  for (const [i, each] of settings.entries()) bound = await bind(each, `spec.images.predicates[${i}]`, bound);
  return bound;
}

async function bind(
  settings: PredicateSettings,
  place: string,
  policies: readonly ImagePolicy[],
): Promise<readonly ImagePolicy[]> {
  const refuse = refusing(place);
  const requirement: PredicateRequirement = { ...askedBy(settings, refuse), place };
  const policy = namedPolicy(policies, settings.policy, refuse);
  demandAttestation(settings.attestation, requirement.kind, policy, refuse);
  if (requirement.kind === 'vulnerabilities' && requirement.asks.vex !== undefined) {
    demandAttestation(requirement.asks.vex, 'vex', policy, refuse);
  }
  for (const rule of textRules(requirement)) {
    try {
      await anyOf([rule]);
    } catch {
      throw refuse(`${JSON.stringify(rule)} is not an RE2 expression`, 'Correct the expression; RE2 is as in Go.');
    }
  }
  const strict = withAuthorities(policy, (each) => withRequirement(each, settings.attestation, requirement));
  return policies.map((each) => (each === policy ? strict : each));
}

function withRequirement(authority: Authority, attestation: string, requirement: PredicateRequirement): Authority {
  if (authority.kind !== 'key' && authority.kind !== 'keyless') return authority;
  const attestations = authority.attestations.map((demand) =>
    demand.name === attestation ? { ...demand, requirements: [...(demand.requirements ?? []), requirement] } : demand,
  );
  return { ...authority, attestations };
}

function askedBy(settings: PredicateSettings, refuse: Refuse): Asked {
  const given = kinds.filter((kind) => settings[kind] !== undefined);
  const [kind] = given;
  if (kind === undefined || given.length > 1) {
    const what = given.length === 0 ? 'it asks nothing' : `it has ${given.join(' and ')}`;
    throw refuse(what, `Give exactly one of ${kinds.join(', ')}.`);
  }
  const requirement = { kind, asks: settings[kind] } as Asked;
  if (requirement.kind === 'provenance' && Object.values(requirement.asks).every((rules) => rules === undefined)) {
    throw refuse('provenance asks nothing', 'Give builders, sources, refs or buildTypes.');
  }
  if (requirement.kind === 'sbom') {
    const { deniedLicenses, unknownLicenses } = requirement.asks;
    if ((deniedLicenses === undefined) !== (unknownLicenses === undefined)) {
      throw refuse(
        'deniedLicenses and unknownLicenses go together',
        'Say what becomes of licences that are not known.',
      );
    }
  }
  if (requirement.kind === 'vulnerabilities') {
    const { maxSeverity, denySeverities } = requirement.asks;
    if ((maxSeverity === undefined) === (denySeverities === undefined)) {
      throw refuse('exactly one of maxSeverity and denySeverities is needed', 'Say which severities deny.');
    }
  }
  return requirement;
}

/** Every way to satisfy the policy must go through the attestation, else the requirement could be walked around. */
function demandAttestation(name: string, kind: Kind, policy: ImagePolicy, refuse: Refuse): void {
  const ways = policy.authorities.filter((each) => each.kind !== 'static' || each.action === 'pass');
  const without = ways.find((authority) => attestationsOf(authority).every((each) => each.name !== name));
  if (ways.length === 0) throw refuse(`${policy.rule} lets nothing pass, so it has no attestation`, 'Correct policy.');
  if (without !== undefined) {
    const demanded = ways.some((authority) => attestationsOf(authority).some((each) => each.name === name));
    throw demanded
      ? refuse(
          `the authority ${without.name} of ${policy.rule} does not demand the attestation ${name}, so an image could do without it`,
          'Demand it of every authority, or part the policy in two.',
        )
      : refuse(`${policy.rule} demands no attestation called ${name}`, 'Correct attestation, or add it to the policy.');
  }
  for (const authority of ways) {
    const found = attestationsOf(authority).filter((each) => each.name === name);
    if (found.length > 1) throw refuse(`${policy.rule} has two attestations called ${name}`, 'Rename one of them.');
    const [{ predicateType } = { predicateType: '' }] = found;
    if (!predicateTypes[kind].test(predicateType)) {
      throw refuse(
        `the attestation ${name} is of type ${predicateType}, which holds no ${kind}`,
        'Correct one of them.',
      );
    }
  }
}

function attestationsOf(authority: Authority): readonly AttestationDemand[] {
  return authority.kind === 'key' || authority.kind === 'keyless' ? authority.attestations : [];
}

function textRules({ kind, asks }: Asked): readonly TextRule[] {
  const lists =
    kind === 'provenance'
      ? [asks.builders, asks.sources, asks.refs, asks.buildTypes]
      : kind === 'summary'
        ? [asks.verifiers, asks.policies, asks.resources]
        : [];
  return lists.flatMap((rules) => rules ?? []);
}

/** The verified statements of an authority's attestation, by its name; all that there are, of whatever age. */
export type StatementsOf = (attestation: string) => readonly AttestedStatement[];

/**
 * Judges what an authority's attestations say, once they are verified: empty means that all is well. No statement at all
 * is an objection. Never throws for what a statement holds.
 */
export async function judgePredicates(
  attestations: readonly AttestationDemand[],
  statementsOf: StatementsOf,
  context: PredicateContext,
): Promise<PredicateObjection[]> {
  const asked = attestations.flatMap(({ name, requirements = [] }) => requirements.map((each) => ({ name, each })));
  const found = await Promise.all(
    asked.map(async ({ name, each }) => {
      const objections = await judgeAttestations(name, each, statementsOf, context);
      return objections.map((objection) => ({ ...objection, message: `attestation ${name}: ${objection.message}` }));
    }),
  );
  return found.flat();
}

/** One requirement. The kinds are loaded where they are first asked for. */
async function judgeAttestations(
  attestation: string,
  requirement: PredicateRequirement,
  statementsOf: StatementsOf,
  context: PredicateContext,
): Promise<PredicateObjection[]> {
  const statements = statementsOf(attestation);
  if (statements.length === 0) return [none];
  switch (requirement.kind) {
    case 'provenance':
      return (await import('./provenance.ts')).judgeProvenance(requirement.asks, statements);
    case 'sbom':
      return (await import('./sbom.ts')).judgeSbom(requirement.asks, statements);
    case 'vulnerabilities': {
      const { vex } = requirement.asks;
      const { judgeVulnerabilities } = await import('./vulnerabilities.ts');
      return judgeVulnerabilities(requirement.asks, statements, vex === undefined ? [] : statementsOf(vex), context);
    }
    case 'vex':
      return (await import('./vex.ts')).judgeVex(requirement.asks, statements, context);
    case 'summary':
      return (await import('./summary.ts')).judgeSummary(requirement.asks, statements, context);
    default:
      return requirement satisfies never;
  }
}

const none: PredicateObjection = {
  kind: 'failed',
  message: 'there is none to judge',
  mend: 'Attest the digest as the policy demands it.',
};
