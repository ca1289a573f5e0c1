import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scopeProblem, scopesOf } from '../../../../../src/checks/images/policy/spellings/containers-scope.ts';
import { canonicalName, parseImageReference } from '../../../../../src/core/image.ts';
import { Spellings } from '../../../../support/spellings.ts';

const digest = `sha256:${'ab'.repeat(32)}`;
const otherDigest = `sha256:${'cd'.repeat(32)}`;

/** The scope of ours that an image is in; there is exactly one. */
function chosen(scopes: readonly string[], image: string): string {
  const scopeOf = scopesOf(scopes);
  const name = canonicalName(parseImageReference(image));
  const found = [undefined, ...scopes].filter((key) => scopeOf(key).matches(name));
  expect(found).toHaveLength(1);
  return found[0] ?? (found[0] === undefined ? 'default' : '');
}

describe('the scope that has a say', () => {
  let podman: Spellings;
  beforeAll(async () => {
    podman = await Spellings.start();
  });
  afterAll(() => podman[Symbol.asyncDispose]());

  const scopes = [
    '',
    'docker.io',
    'docker.io/library',
    'docker.io/library/nginx',
    'docker.io/library/nginx:1.27',
    `docker.io/library/nginx@${digest}`,
    'docker.io/org',
    'ghcr.io/org',
    'ghcr.io/org/team/app',
    'registry.example.com:5000',
    'registry.example.com:5000/a/b',
    '*.example.com',
    '*.com',
    'localhost/a',
  ];
  const images = [
    'nginx',
    'nginx:1.27',
    'nginx:1.28',
    `nginx@${digest}`,
    `nginx@${otherDigest}`,
    'docker.io/library/nginx:1.27',
    'docker.io/org/app',
    'docker.io/organisation/app',
    'org/app:v1',
    'ghcr.io/org/app',
    'ghcr.io/org/team/app:v1',
    'ghcr.io/org/team/app/deeper',
    'ghcr.io/organisation/app',
    'ghcr.io.evil.example/org/app',
    'registry.example.com:5000/x',
    'registry.example.com:5000/a/b/c',
    'registry.example.com/a/b',
    'a.b.example.com:8443/x',
    'evilexample.com/x',
    'example.com/x',
    'quay.io/x/y',
    'localhost/a',
    'localhost/a/b:1',
    'localhost:5000/a',
    'localhost:5000/b',
    '127.0.0.1:5000/b',
  ];

  it.each([
    ['with all scopes', scopes],
    ['without the scope for every image', scopes.slice(1)],
    ['with parents alone', scopes.filter((scope) => !/nginx|app|\/b/.test(scope))],
    ['with none', []],
  ])("is podman's, %s", async (_, given) => {
    const { chosen: theirs } = await podman.ask({ scopes: given, images });
    expect(images.map((image) => [image, chosen(given, image)])).toEqual(images.map((image, i) => [image, theirs[i]]));
  });

  it("is podman's for scopes and images that nobody thought of", async () => {
    const part = fc.constantFrom('a', 'b', 'ab', 'a-b', 'nginx', 'library');
    const host = fc.constantFrom('docker.io', 'ghcr.io', 'r.example.com:5000', 'r.example.com', 'localhost:5000');
    const repository = fc
      .tuple(host, fc.array(part, { minLength: 1, maxLength: 3 }))
      .filter(([name, path]) => name !== 'docker.io' || path.length > 1)
      .map(([name, path]) => [name, ...path].join('/'));
    const tail = fc.constantFrom('', ':a', ':b', `@${digest}`, `@${otherDigest}`);
    const scope = fc.oneof(
      fc.tuple(repository, tail).map((each) => each.join('')),
      host,
      fc.constantFrom('', '*.example.com', '*.com', '*.io'),
    );
    const asked = fc.sample(
      fc.tuple(
        fc.uniqueArray(scope, { maxLength: 8 }),
        fc.array(
          fc.tuple(repository, tail).map((each) => each.join('')),
          { minLength: 1, maxLength: 8 },
        ),
      ),
      400,
    );
    let differing = 0;
    for (const [given, names] of asked) {
      const answer = await podman.ask({ scopes: given, images: names });
      expect([given, names, names.map((image) => chosen(given, image))]).toEqual([given, names, answer.chosen]);
      differing += answer.chosen.some((each) => each !== 'default') ? 1 : 0;
    }
    expect(differing).toBeGreaterThan(100);
  });

  it('is known before a tag is resolved, where no digest of its own can be chosen', () => {
    const scopeOf = scopesOf(scopes);
    const could = (key: string | undefined, repository: string) => scopeOf(key).couldMatchDigest(repository);
    expect(could('docker.io/library/nginx', 'index.docker.io/library/nginx')).toBe(true);
    expect(could(`docker.io/library/nginx@${digest}`, 'index.docker.io/library/nginx')).toBe(true);
    expect(could(`docker.io/library/nginx@${digest}`, 'index.docker.io/library/other')).toBe(false);
    expect(could('docker.io/library', 'index.docker.io/library/nginx')).toBe(false);
    expect(could('docker.io/library/nginx:1.27', 'index.docker.io/library/nginx')).toBe(false);
    expect(could('', 'quay.io/x')).toBe(true);
    expect(could(undefined, 'quay.io/x')).toBe(false);
    expect(scopesOf([])(undefined).couldMatchDigest('quay.io/x')).toBe(true);
  });
});

describe('a scope', () => {
  it.each([
    '',
    'docker.io',
    'docker.io/library/nginx:1.27',
    `ghcr.io/org/app@${digest}`,
    'localhost:5000/a',
    '*.example.com',
  ])('%j can match', (key) => expect(scopeProblem(key)).toBeUndefined());

  it.each([
    ['index.docker.io/library/nginx', 'docker.io'],
    ['GHCR.io/org', 'lower case'],
    ['ghcr.io:443/org', ':443'],
    ['ghcr.io./org', 'trailing dot'],
    ['library/nginx', 'docker.io/'],
    ['nginx', 'docker.io/'],
    ['*.example.com/a', 'domain alone'],
    ['*.*.com', 'first part'],
    ['ghcr.io/*', 'no repository'],
    ['ghcr.io/org/', 'empty part'],
    ['ghcr.io//org', 'empty part'],
    ['ghcr.io/Org', 'no repository'],
  ])('%j can match nothing', (key, why) => {
    const problem = scopeProblem(key);

    expect(problem).toContain(why);
  });
});
