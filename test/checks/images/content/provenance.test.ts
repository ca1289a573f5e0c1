import { describe, expect, it } from 'vitest';
import type { AttestedStatement } from '../../../../src/checks/images/content/judgement.ts';
import { judgeProvenance, readProvenance } from '../../../../src/checks/images/content/provenance.ts';
import type { ProvenanceRequirement } from '../../../../src/checks/images/content/settings.ts';
import { attested, told } from './statements.ts';

const v02 = 'https://slsa.dev/provenance/v0.2';
const v1 = 'https://slsa.dev/provenance/v1';
const generator =
  'https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.1.0';

/** As slsa-github-generator writes v0.2 about a container. */
function generated(more: object = {}): AttestedStatement {
  return attested(v02, {
    builder: { id: generator },
    buildType: 'https://github.com/slsa-framework/slsa-github-generator/container@v1',
    invocation: {
      configSource: {
        uri: 'git+https://github.com/acme/app@refs/heads/main',
        digest: { sha1: '0a'.repeat(20) },
        entryPoint: '.github/workflows/release.yml',
      },
      parameters: {},
      environment: { github_actor: 'dev', github_event_name: 'push' },
    },
    metadata: {
      buildInvocationID: '1-1',
      completeness: { parameters: true, environment: false, materials: false },
      reproducible: false,
    },
    materials: [{ uri: 'git+https://github.com/evil/library@refs/heads/main', digest: { sha1: '0b'.repeat(20) } }],
    ...more,
  });
}

/** As actions/attest-build-provenance writes v1. */
function attestedByGitHub(
  parameters: object = {},
  builder = 'https://github.com/actions/runner/github-hosted',
): AttestedStatement {
  return attested(v1, {
    buildDefinition: {
      buildType: 'https://actions.github.io/buildtypes/workflow/v1',
      externalParameters: {
        workflow: {
          ref: 'refs/heads/main',
          repository: 'https://github.com/acme/app',
          path: '.github/workflows/release.yml',
        },
        ...parameters,
      },
      internalParameters: {
        github: {
          event_name: 'push',
          repository_id: '1',
          repository_owner_id: '2',
          runner_environment: 'github-hosted',
        },
      },
      resolvedDependencies: [
        { uri: 'git+https://github.com/acme/app@refs/heads/main', digest: { gitCommit: '0a'.repeat(20) } },
      ],
    },
    runDetails: {
      builder: { id: builder },
      metadata: { invocationId: 'https://github.com/acme/app/actions/runs/1/attempts/1' },
    },
  });
}

const judged = async (asked: ProvenanceRequirement, ...statements: AttestedStatement[]) =>
  told(await judgeProvenance(asked, statements));
const main = { sources: ['https://github.com/acme/app'], refs: ['refs/heads/main'] };

describe('both versions are read alike', () => {
  it.each([
    ['v0.2', generated()],
    ['v1', attestedByGitHub()],
  ])('%s', (_, { statement }) =>
    expect(readProvenance(statement).sources).toEqual([
      { repository: 'https://github.com/acme/app', ref: 'refs/heads/main' },
    ]),
  );

  it.each<[string, object, object[]]>([
    [
      'BuildKit',
      {
        workflow: undefined,
        configSource: { uri: 'https://github.com/acme/app.git#refs/heads/main', digest: { sha1: 'x' } },
      },
      [{ repository: 'https://github.com/acme/app', ref: 'refs/heads/main' }],
    ],
    [
      'Google Cloud Build',
      {
        workflow: undefined,
        buildConfigSource: { repository: 'https://github.com/acme/app', ref: 'refs/tags/v1', path: 'x' },
      },
      [{ repository: 'https://github.com/acme/app', ref: 'refs/tags/v1' }],
    ],
    [
      'a source as a text',
      { workflow: undefined, source: 'git+https://gitlab.example/acme/app/' },
      [{ repository: 'https://gitlab.example/acme/app', ref: undefined }],
    ],
    [
      'a user before the host is no ref',
      { workflow: undefined, source: 'git+ssh://git@gitlab.example/acme/app@v1' },
      [{ repository: 'ssh://git@gitlab.example/acme/app', ref: 'v1' }],
    ],
    ['no source at all', { workflow: undefined, args: [] }, []],
  ])('v1 of %s', (_, parameters, sources) =>
    expect(readProvenance(attestedByGitHub(parameters).statement).sources).toEqual(sources),
  );
});

describe('what is asked', () => {
  it.each<[string, ProvenanceRequirement, AttestedStatement, string | undefined]>([
    ['the builder', { builders: [generator] }, generated(), undefined],
    [
      'another builder',
      { builders: [generator] },
      attestedByGitHub(),
      'the builder https://github.com/actions/runner/github-hosted is not',
    ],
    [
      'a builder of any version',
      { builders: [{ regExp: 'https://github\\.com/slsa-framework/slsa-github-generator/.*@refs/tags/v2\\..*' }] },
      generated(),
      undefined,
    ],
    [
      'an expression matches the whole text',
      { builders: [{ regExp: 'https://github.com/actions' }] },
      attestedByGitHub(),
      'the builder',
    ],
    ['source and ref, v0.2', main, generated(), undefined],
    ['source and ref, v1', main, attestedByGitHub(), undefined],
    [
      'another repository',
      { sources: ['https://github.com/acme/other'] },
      attestedByGitHub(),
      'the source https://github.com/acme/app is not',
    ],
    ['a repository whose name goes on', { sources: ['https://github.com/acme/ap'] }, generated(), 'the source'],
    [
      'a dependency is no source',
      { sources: ['https://github.com/evil/library'] },
      generated(),
      'the source https://github.com/acme/app is not',
    ],
    ['another ref', { refs: ['refs/heads/release'] }, attestedByGitHub(), 'the ref refs/heads/main is not'],
    [
      'no ref is told',
      main,
      attestedByGitHub({ workflow: { repository: 'https://github.com/acme/app' } }),
      'does not name the ref',
    ],
    ['no source is told', main, attestedByGitHub({ workflow: undefined }), 'does not name its source'],
    ['no source is told, v0.2', main, generated({ invocation: { configSource: {} } }), 'does not name its source'],
    [
      'a second source beside the good one',
      main,
      attestedByGitHub({ source: 'git+https://github.com/evil/app@refs/heads/main' }),
      'the source https://github.com/evil/app is not',
    ],
    [
      'the build type',
      { buildTypes: ['https://actions.github.io/buildtypes/workflow/v1'] },
      attestedByGitHub(),
      undefined,
    ],
    [
      'another build type',
      { buildTypes: ['https://actions.github.io/buildtypes/workflow/v1'] },
      generated(),
      'the build type',
    ],
  ])('%s', async (_, asked, statement, message) => {
    expect(await judged(asked, statement)).toEqual(
      message === undefined ? [] : [expect.stringContaining(`failed provenance by key SHA256:0123: `)],
    );
    if (message !== undefined) expect((await judged(asked, statement))[0]).toContain(message);
  });

  it('one statement that says it all will do', async () => {
    expect(await judged({ builders: [generator] }, attestedByGitHub(), generated())).toEqual([]);
  });

  it('one that the policy itself refuses does not count', async () => {
    const refused = { ...generated(), accepted: false };
    expect(await judged({ builders: [generator] }, refused, attestedByGitHub())).toHaveLength(1);
    expect(await judged({ builders: [generator] }, refused)).toEqual(['failed the policy accepts no provenance']);
  });

  it('two statements that each say a part will not', async () => {
    const asked = { builders: [generator], refs: ['refs/tags/v1'] };
    const other = attestedByGitHub({ workflow: { repository: 'https://github.com/acme/app', ref: 'refs/tags/v1' } });
    expect(await judged(asked, generated(), other)).toHaveLength(2);
  });
});

describe('what is not read', () => {
  it.each<[string, AttestedStatement, string]>([
    ['v0.1', attested('https://slsa.dev/provenance/v0.1', {}), 'not SLSA provenance v0.2 or v1'],
    [
      'v1 under the type of v0.2',
      attested(v02, { buildDefinition: {}, runDetails: {} }),
      'predicate.builder is missing',
    ],
    ['a builder that is a text', generated({ builder: generator }), 'builder is not an object'],
    ['a builder without an id', attestedByGitHub({}, ''), 'builder.id is missing'],
    ['a source that is a list', attestedByGitHub({ source: [] }), 'source is not an object'],
    [
      'a source with two refs',
      attestedByGitHub({ source: { uri: 'git+https://github.com/acme/app@refs/heads/main', ref: 'refs/heads/x' } }),
      'names two refs',
    ],
  ])('%s', async (_, statement, message) => {
    expect(await judged(main, statement)).toEqual([expect.stringMatching(`^unreadable .*${message}`)]);
  });
});
