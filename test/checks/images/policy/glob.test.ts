import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { couldMatchDigest, globHazards, matchesGlob, parseGlob } from '../../../../src/checks/images/policy/glob.ts';
import { canonicalName, parseImageReference } from '../../../../src/core/image.ts';
import { thrownBy } from '../../../support/thrown.ts';

const digest = `sha256:${'5'.repeat(64)}`;

function matches(glob: string, image: string): boolean {
  return matchesGlob(parseGlob(glob), canonicalName(parseImageReference(image)));
}

describe('a glob matches', () => {
  it.each([
    ['index.docker.io/library/foo:latest', 'foo'],
    ['index.docker.io/library/foo:*', 'foo'],
    ['index.docker.io/library/*', 'foo'],
    ['index.docker.io/library/*', 'foo:v1'],
    ['index.docker.io/library/*', `foo@${digest}`],
    ['index.docker.io/*/*', 'foo'],
    ['index.docker.io/**', 'foo'],
    ['index.docker.**', 'foo'],
    ['inde**', 'foo'],
    ['**', 'foo'],
    ['*', 'foo'],
    ['*/*', 'myuser/myapp'],
    ['*/*', 'foo'],
    ['index.docker.io/myuser/myapp:*', 'myuser/myapp'],
    ['ghcr.io/*/*', 'ghcr.io/foo/bar'],
    ['ghcr.io/**', 'ghcr.io/foo/bar'],
    ['*/**', 'ghcr.io/foo'],
    ['ghcr.io/foo*', 'ghcr.io/foo'],
    ['ghcr.io/foo*', 'ghcr.io/foo-bar:v1'],
    ['ghcr.io/foo**', 'ghcr.io/foo/bar'],
    ['ghcr.io/foo:v1*', 'ghcr.io/foo:v1.2'],
    ['ghcr.io/**/app:*', 'ghcr.io/a/b/app:v1'],
    ['ghcr.io/***', 'ghcr.io/a/b'],
    [`ghcr.io/foo@${digest}`, `ghcr.io/foo@${digest}`],
    [`ghcr.io/foo@${digest}`, `ghcr.io/foo:v1@${digest}`],
    ['127.0.0.1:5000/**', '127.0.0.1:5000/app:v1'],
    ['ghcr.io/**', 'GHCR.io/foo'],
    ['ghcr.io/**', 'ghcr.io.:443/foo'],
    ['index.docker.io/library/nginx**', 'registry-1.docker.io/library/nginx'],
  ])('%s: %s', (glob, image) => expect(matches(glob, image)).toBe(true));

  it.each([
    ['foo', 'foo'],
    ['foo*', 'foo'],
    ['docker.io/**', 'foo'],
    ['*', 'myuser/myapp'],
    ['*', 'ghcr.io/foo'],
    ['*/*', 'ghcr.io/foo/bar'],
    ['*/*', 'ghcr.io/foo'],
    ['ghcr.io/*/*', 'ghcr.io/foo'],
    ['ghcr.io/*', 'ghcr.io/foo/bar'],
    ['ghcr.io/foo', 'ghcr.io/foo'],
    ['ghcr.io/foo', 'prefix-ghcr.io/foo'],
    ['ghcr.io/foo:latest', 'ghcr.io/foo-suffix'],
    ['ghcr.io/**', 'ghcrxio.example/foo'],
    ['ghcr.io/**', 'evil.example/ghcr.io/foo'],
    ['ghcr.io/foo:v1*', `ghcr.io/foo:v1@${digest}`],
    ['*.example/app', 'a.example/app'],
  ])('not %s: %s', (glob, image) => expect(matches(glob, image)).toBe(false));

  it.each(['', '.+', '[a-z]*', 'a b', 'ghcr.io/{a,b}', 'a?', '(a+)+$', 'é', 'a\n', 'x'.repeat(1025)])(
    'is refused: %j',
    (text) => {
      expect(thrownBy(() => parseGlob(text)).code).toBe('IMAGE_POLICY_INVALID');
    },
  );

  it('means what its translation to a regular expression means', () => {
    const alphabet = fc.constantFrom('a', '/', '.', ':', '*', '**', '@');
    const name = fc
      .array(fc.constantFrom('a', 'b', '/', '.', ':', '@'), { maxLength: 8 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.array(alphabet, { minLength: 1, maxLength: 6 }), name, (parts, text) => {
        const glob = parts.join('');
        fc.pre(glob !== '*' && glob !== '*/*');
        const pattern = glob
          .replaceAll('.', '\\.')
          .replaceAll('**', '#')
          .replaceAll('*', '[^/]*')
          .replaceAll('#', '.*');
        expect(matchesGlob(parseGlob(glob), text)).toBe(new RegExp(`^${pattern}$`).test(text));
      }),
    );
  });

  it('of many stars takes no time on a name that just fails', () => {
    expect(matchesGlob(parseGlob('**a'.repeat(300)), `${'a'.repeat(299)}b`)).toBe(false);
  });
});

describe('whether a digest could match', () => {
  it.each([
    ['ghcr.io/**', true],
    ['ghcr.io/foo@**', true],
    ['ghcr.io/foo@sha256:5**', true],
    ['**0', true],
    [`ghcr.io/foo@${digest}`, true],
    ['ghcr.io/foo:v1*', false],
    ['ghcr.io/foo', false],
    ['ghcr.io/foo@sha256:x**', false],
    ['ghcr.io/bar@**', false],
  ])('%s: %s', (glob, could) => expect(couldMatchDigest(parseGlob(glob), 'ghcr.io/foo')).toBe(could));
});

describe('hazards', () => {
  it.each([
    ['*', 'Docker Hub alone'],
    ['*/*', 'Docker Hub alone'],
    ['nginx', 'can match nothing'],
    ['myorg/*', 'can match nothing'],
    ['docker.io/**', 'can match nothing'],
    ['registry-1.docker.io/**', 'can match nothing'],
    ['GHCR.io/**', 'can match nothing'],
    ['ghcr.io./**', 'can match nothing'],
    ['ghcr.io:443/**', 'can match nothing'],
    ['ghcr.io/org/app:v1*', 'names a tag'],
    ['ghcr.io/org**', 'begin alike'],
    ['gcr.io**', 'begin alike'],
    ['gcr.i*/org/app:*', 'end of the host open'],
  ])('%s', (glob, hazard) => expect(globHazards(parseGlob(glob)).join('; ')).toContain(hazard));

  it.each([
    '**',
    'ghcr.io/**',
    'ghcr.io/org/**',
    'ghcr.io/org/app:**',
    'ghcr.io/org/app@**',
    '*.example.com/**',
    'localhost:5000/**',
    'index.docker.io/library/*',
  ])('none in %s', (glob) => expect(globHazards(parseGlob(glob))).toEqual([]));
});
