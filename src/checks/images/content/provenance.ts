import { type AttestedStatement, type PredicateObjection, show } from './judgement.ts';
import { anyOf, type Matches } from './pattern.ts';
import { Fields, readStatement, Unreadable } from './reader.ts';
import type { ProvenanceRequirement } from './settings.ts';

/** What both versions of SLSA provenance say of a build. */
export interface Provenance {
  readonly builder: string;
  readonly buildType: string;
  /** Every place where the build says what it was built from; empty where it says nothing. */
  readonly sources: readonly Source[];
}

interface Source {
  /** `https://host/owner/name` */
  readonly repository: string;
  readonly ref: string | undefined;
}

/** Reads provenance v0.2 and v1. Throws Unreadable. */
export function readProvenance(statement: AttestedStatement['statement']): Provenance {
  const { predicateType, predicate } = readStatement(statement);
  switch (predicateType) {
    case 'https://slsa.dev/provenance/v0.2':
      return readV02(predicate);
    case 'https://slsa.dev/provenance/v1':
      return readV1(predicate);
    default:
      throw new Unreadable(`${show(predicateType)} is not SLSA provenance v0.2 or v1`);
  }
}

function readV02(predicate: Fields): Provenance {
  const source = predicate.optionalObject('invocation')?.optionalObject('configSource')?.optionalText('uri');
  return {
    builder: predicate.object('builder').text('id'),
    buildType: predicate.text('buildType'),
    sources: source === undefined || source === '' ? [] : [readSource(source)],
  };
}

/**
 * v1 leaves the parameters to the build type. These are where the known ones name the source: GitHub's and the SLSA
 * generators' (workflow, source), BuildKit's (configSource), Google Cloud Build's (buildConfigSource, sourceToBuild).
 * Dependencies are no source: anybody can be among them.
 */
function readV1(predicate: Fields): Provenance {
  const definition = predicate.object('buildDefinition');
  const parameters = definition.object('externalParameters');
  const sources: Source[] = [];
  for (const key of ['workflow', 'source', 'configSource', 'buildConfigSource', 'sourceToBuild']) {
    const value = parameters.value(key);
    if (value === undefined || value === null || value === '') continue;
    if (typeof value === 'string') sources.push(readSource(value));
    else sources.push(...readSourceObject(new Fields(value, `${parameters.name}.${key}`)));
  }
  return {
    builder: predicate.object('runDetails').object('builder').text('id'),
    buildType: definition.text('buildType'),
    sources,
  };
}

function readSourceObject(fields: Fields): Source[] {
  const repository = fields.optionalText('repository') || fields.optionalText('uri');
  if (repository === undefined || repository === '') return [];
  const source = readSource(repository);
  const ref = fields.optionalText('ref');
  if (ref === undefined || ref === '') return [source];
  if (source.ref !== undefined && source.ref !== ref) throw new Unreadable(`${fields.name} names two refs`);
  return [{ repository: source.repository, ref }];
}

/** `git+https://github.com/o/r.git@refs/heads/main`, `https://github.com/o/r#refs/heads/main`, `https://github.com/o/r`. */
function readSource(uri: string): Source {
  const bare = uri.replace(/^git\+/, '');
  // An @ before the path is a user; a ref is after it.
  const scheme = bare.indexOf('://');
  const path = bare.indexOf('/', scheme < 0 ? 0 : scheme + 3);
  const mark = path < 0 ? -1 : bare.slice(path).search(/[@#]/);
  const repository = mark < 0 ? bare : bare.slice(0, path + mark);
  const ref = mark < 0 ? undefined : bare.slice(path + mark + 1);
  return { repository: repository.replace(/\/+$/, '').replace(/\.git$/, ''), ref: ref === '' ? undefined : ref };
}

/**
 * Judges provenance: one verified statement that says all that is asked will do, because each is the word of a signer
 * that the policy trusts, about this digest. It must be one that the policy's own rule accepts, else two statements could
 * each satisfy one of the two. Never throws for what a statement holds.
 */
export async function judgeProvenance(
  requirement: ProvenanceRequirement,
  statements: readonly AttestedStatement[],
): Promise<PredicateObjection[]> {
  const rules = await compile(requirement);
  const objections: PredicateObjection[] = [];
  for (const { statement, signer, accepted } of statements) {
    if (!accepted) continue;
    try {
      const against = complaint(readProvenance(statement), rules);
      if (against === undefined) return [];
      objections.push({
        kind: 'failed',
        message: `provenance by ${show(signer)}: ${against}`,
        mend: 'Build the image where and from what the platform accepts, or have spec.images.predicates changed.',
      });
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      objections.push({
        kind: 'unreadable',
        message: `provenance by ${show(signer)}: ${error.message}`,
        mend: error.mend,
      });
    }
  }
  if (objections.length > 0) return objections;
  return [{ kind: 'failed', message: 'the policy accepts no provenance', mend: 'See what its own rule asks for.' }];
}

interface Compiled {
  readonly builders: Matches | undefined;
  readonly sources: Matches | undefined;
  readonly refs: Matches | undefined;
  readonly buildTypes: Matches | undefined;
}

async function compile(requirement: ProvenanceRequirement): Promise<Compiled> {
  const { builders, sources, refs, buildTypes } = requirement;
  return {
    builders: builders && (await anyOf(builders)),
    sources: sources && (await anyOf(sources)),
    refs: refs && (await anyOf(refs)),
    buildTypes: buildTypes && (await anyOf(buildTypes)),
  };
}

function complaint(provenance: Provenance, rules: Compiled): string | undefined {
  const { builder, buildType, sources } = provenance;
  if (rules.builders?.(builder) === false) return `the builder ${show(builder)} is not one that is accepted`;
  if (rules.buildTypes?.(buildType) === false) return `the build type ${show(buildType)} is not one that is accepted`;
  if (rules.sources === undefined && rules.refs === undefined) return undefined;
  if (sources.length === 0) return `it does not name its source where the build type ${show(buildType)} is known to`;
  for (const { repository, ref } of sources) {
    if (rules.sources?.(repository) === false) return `the source ${show(repository)} is not one that is accepted`;
    if (rules.refs === undefined) continue;
    if (ref === undefined) return 'it does not name the ref that it was built from';
    if (!rules.refs(ref)) return `the ref ${show(ref)} is not one that is accepted`;
  }
  return undefined;
}
