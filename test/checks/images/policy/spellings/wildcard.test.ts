import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  checkWildcard,
  matchesWildcard,
  wildcardHazards,
  wildcardScope,
} from '../../../../../src/checks/images/policy/spellings/wildcard.ts';
import { canonicalName, parseImageReference, repositoryName } from '../../../../../src/core/image.ts';
import { Spellings } from '../../../../support/spellings.ts';

const digest = `sha256:${'ab'.repeat(32)}`;

describe("a wildcard means what Kyverno's matcher makes of it", () => {
  let kyverno: Spellings;
  beforeAll(async () => {
    kyverno = await Spellings.start();
  });
  afterAll(() => kyverno[Symbol.asyncDispose]());

  it('in pairs that people write', async () => {
    const patterns = [
      '',
      '*',
      '?',
      '**',
      'ghcr.io/*',
      'ghcr.io/org/app:*',
      'ghcr.io/org/app*',
      '*/app:v?',
      '*:latest',
      '*@sha256:*',
      'a*b*c',
      'é?',
    ];
    const texts = [
      '',
      'a',
      'abc',
      'aXbXc',
      'ghcr.io/org/app:v1',
      `ghcr.io/org/app@${digest}`,
      'docker.io/nginx:latest',
      'éa',
      '\u{1f600}',
    ];
    const pairs = patterns.flatMap((pattern) => texts.map((text) => [pattern, text] as const));
    const { matches } = await kyverno.ask({ patterns: pairs });
    expect(pairs.map(([pattern, text]) => [pattern, text, matchesWildcard(pattern, text)])).toEqual(
      pairs.map(([pattern, text], i) => [pattern, text, matches[i]]),
    );
  });

  it('in pairs that nobody thought of', async () => {
    const pairs = fc.sample(
      fc.tuple(
        fc.array(fc.constantFrom('*', '?', 'a', 'b', '/', '\u{1f600}'), { maxLength: 8 }).map((each) => each.join('')),
        fc.array(fc.constantFrom('a', 'b', '/', '\u{1f600}'), { maxLength: 10 }).map((each) => each.join('')),
      ),
      5000,
    );
    const { matches } = await kyverno.ask({ patterns: pairs });
    expect(matches.filter(Boolean).length).toBeGreaterThan(200);
    expect(pairs.filter(([pattern, text], i) => matchesWildcard(pattern, text) !== matches[i])).toEqual([]);
  });
});

it('does not lose its way in a pattern of stars', () => {
  expect(matchesWildcard(`${'*a'.repeat(400)}b`, 'a'.repeat(720))).toBe(false);
  expect(() => checkWildcard('*'.repeat(1025))).toThrow('longer than 1024');
});

describe('a scope of wildcards', () => {
  const isIn = (image: string, references: string[], skipped: string[] = []) =>
    wildcardScope(references, skipped).matches(canonicalName(parseImageReference(image)));

  it.each([
    ['ghcr.io/org/app:v1', ['ghcr.io/org/*'], [], true],
    ['GHCR.io/org/app:v1', ['ghcr.io/org/*'], [], true],
    ['ghcr.io/org/app:v1', ['ghcr.io/org/app:v?'], [], true],
    [`ghcr.io/org/app:v1@${digest}`, ['ghcr.io/org/app:v?'], [], false],
    [`ghcr.io/org/app@${digest}`, ['ghcr.io/org/app@*'], [], true],
    ['ghcr.io.evil.example/org/app', ['ghcr.io/*'], [], false],
    ['ghcr.io/org/app', ['*'], ['ghcr.io/org/*'], false],
    ['ghcr.io/org/app', ['*'], ['ghcr.io/other/*'], true],
    ['ghcr.io/org/app', [], [], false],
    // Both names of an official image: a skip of the one is no skip of the other.
    ['nginx', ['docker.io/nginx*'], [], true],
    ['docker.io/library/nginx', ['docker.io/nginx*'], [], true],
    ['nginx', ['docker.io/library/nginx*'], [], true],
    ['nginx', ['*'], ['docker.io/nginx*'], true],
    ['nginx', ['*'], ['docker.io/nginx*', 'docker.io/library/nginx*'], false],
    ['index.docker.io/org/app', ['docker.io/org/*'], [], true],
    ['org/app', ['index.docker.io/org/*'], [], true],
    ['org/app', ['*'], ['registry-1.docker.io/org/*'], false],
  ])('%s in %j without %j: %s', (image, references, skipped, expected) => {
    expect(isIn(image, references, skipped)).toBe(expected);
  });

  it.each([
    ['ghcr.io/org/*', [], true],
    ['ghcr.io/org/app:*', [], false],
    ['ghcr.io/org/app@sha256:ab*', [], true],
    ['ghcr.io/org/app@sha256:xy*', [], false],
    ['quay.io/*', [], false],
    ['*', ['ghcr.io/org/*'], false],
    ['*', ['ghcr.io/org/app:*'], true],
    ['*', ['ghcr.io/org/app@sha256:ab*'], true],
    ['*', ['ghcr.io/org/app@sha256:????????????????????????????????????????????????????????????????'], false],
  ])('%s without %j could take a digest: %s', (reference, skipped, expected) => {
    const { repository } = parseImageReference('ghcr.io/org/app');
    expect(wildcardScope([reference], skipped).couldMatchDigest(repositoryName(repository))).toBe(expected);
  });
});

describe('hazards', () => {
  it.each([
    [['nginx'], [], 'can match nothing'],
    [['nginx*'], [], 'end of the host open'],
    [['GHCR.io/org/*'], [], 'lower case'],
    [['ghcr.io*'], [], 'end of the host open'],
    [['ghcr.io/org*'], [], 'begin alike'],
    [['ghcr.io/org/app:v1'], [], 'names a tag'],
    [['*'], ['ghcr.io/org/app:dev-*'], 'skips nothing'],
  ])('%j without %j: %s', (references, skipped, clause) => {
    expect(wildcardHazards(references, skipped).join('\n')).toContain(clause);
  });

  it.each([
    [['*'], []],
    [['ghcr.io/org/*'], ['ghcr.io/org/tools/*']],
    [['docker.io/library/nginx:*', 'docker.io/library/nginx@*'], []],
  ])('none in %j without %j', (references, skipped) => expect(wildcardHazards(references, skipped)).toEqual([]));
});
