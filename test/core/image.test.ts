import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalName, type Digest, parseDigest, parseImageReference, pinnedReference } from '../../src/core/image.ts';
import { fuzzRuns } from '../support/fuzz-runs.ts';
import { thrownBy } from '../support/thrown.ts';

const hex = '0123456789abcdef'.repeat(4);
const digest = `sha256:${hex}` as Digest;

describe('a digest', () => {
  it('is sha256 and 64 lower-case hex digits', () => expect(parseDigest(digest)).toBe(digest));
  it.each([
    ['nothing', ''],
    ['no algorithm', hex],
    ['upper case', `sha256:${hex.toUpperCase()}`],
    ['too short', digest.slice(0, -1)],
    ['too long', `${digest}0`],
    ['another algorithm', `sha512:${hex}${hex}`],
    ['a path', `sha256:../${hex.slice(3)}`],
    ['a newline at the end', `${digest}\n`],
  ])('is refused: %s', (_, text) => expect(thrownBy(() => parseDigest(text)).code).toBe('IMAGE_DIGEST_INVALID'));
});

describe('the canonical name', () => {
  it.each([
    ['nginx', 'index.docker.io/library/nginx:latest'],
    ['nginx:1.27', 'index.docker.io/library/nginx:1.27'],
    ['docker.io/nginx', 'index.docker.io/library/nginx:latest'],
    ['docker.io/library/nginx', 'index.docker.io/library/nginx:latest'],
    ['index.docker.io/nginx', 'index.docker.io/library/nginx:latest'],
    ['registry-1.docker.io/library/nginx', 'index.docker.io/library/nginx:latest'],
    ['registry.hub.docker.com/library/nginx', 'index.docker.io/library/nginx:latest'],
    ['Docker.IO/nginx', 'index.docker.io/library/nginx:latest'],
    ['docker.io:443/nginx', 'index.docker.io/library/nginx:latest'],
    ['docker.io./nginx', 'index.docker.io/library/nginx:latest'],
    ['team/app', 'index.docker.io/team/app:latest'],
    ['team/sub/app:v1', 'index.docker.io/team/sub/app:v1'],
    ['ghcr.io/org/app', 'ghcr.io/org/app:latest'],
    ['GHCR.io/org/app:V1', 'ghcr.io/org/app:V1'],
    ['ghcr.io./org/app', 'ghcr.io/org/app:latest'],
    ['ghcr.io:443/org/app', 'ghcr.io/org/app:latest'],
    ['ghcr.io:0443/org/app', 'ghcr.io/org/app:latest'],
    ['GHCR.IO.:443/org/app:v1', 'ghcr.io/org/app:v1'],
    ['ghcr.io:8443/org/app', 'ghcr.io:8443/org/app:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app:v1', 'localhost:5000/app:v1'],
    ['127.0.0.1:5000/app', '127.0.0.1:5000/app:latest'],
    ['registry:5000/app', 'registry:5000/app:latest'],
    ['registry:443/app', 'registry:443/app:latest'],
    ['registry./app', 'registry:443/app:latest'],
    ['foo:5000', 'index.docker.io/library/foo:5000'],
    ['[::1]:5000/app', '[::1]:5000/app:latest'],
    ['[0:0:0:0:0:0:0:1]:5000/app', '[::1]:5000/app:latest'],
    ['[2001:DB8::1]/app', '[2001:db8::1]/app:latest'],
    ['a__b/c-d/e.f/g--h', 'index.docker.io/a__b/c-d/e.f/g--h:latest'],
    [`ghcr.io/org/app@${digest}`, `ghcr.io/org/app@${digest}`],
    [`ghcr.io/org/app:v1@${digest}`, `ghcr.io/org/app@${digest}`],
    [`nginx@${digest}`, `index.docker.io/library/nginx@${digest}`],
  ])('%s is %s', (text, name) => expect(canonicalName(parseImageReference(text))).toBe(name));
});

describe('what no node can pull is refused', () => {
  it.each([
    ['empty', '', 'IMAGE_REFERENCE_EMPTY'],
    ['blank', ' \n', 'IMAGE_REFERENCE_EMPTY'],
    ['a variable', '$(IMAGE)', 'IMAGE_REFERENCE_TEMPLATED'],
    ['a variable inside', 'ghcr.io/org/app:$(TAG)', 'IMAGE_REFERENCE_TEMPLATED'],
    ['a shell variable', `ghcr.io/org/app:$\{TAG}`, 'IMAGE_REFERENCE_TEMPLATED'],
    ['a template', 'ghcr.io/{{ org }}/app', 'IMAGE_REFERENCE_TEMPLATED'],
    ['a placeholder', 'ghcr.io/<org>/app', 'IMAGE_REFERENCE_TEMPLATED'],
    ['blank before', ' nginx', 'IMAGE_REFERENCE_INVALID'],
    ['newline after', 'nginx\n', 'IMAGE_REFERENCE_INVALID'],
    ['NUL', 'nginx\0', 'IMAGE_REFERENCE_INVALID'],
    ['a URL', 'https://ghcr.io/org/app', 'IMAGE_REFERENCE_INVALID'],
    ['a scheme', 'docker://nginx', 'IMAGE_REFERENCE_INVALID'],
    ['upper-case repository', 'ghcr.io/Org/app', 'IMAGE_REFERENCE_INVALID'],
    ['upper-case first part that one reader takes for a host', 'Org/app', 'IMAGE_REFERENCE_INVALID'],
    ['no repository', 'ghcr.io/', 'IMAGE_REFERENCE_INVALID'],
    ['no host', '/app', 'IMAGE_REFERENCE_INVALID'],
    ['empty part', 'ghcr.io/a//b', 'IMAGE_REFERENCE_INVALID'],
    ['dots that climb', 'ghcr.io/a/../b', 'IMAGE_REFERENCE_INVALID'],
    ['escaped slash', 'ghcr.io/a%2fb', 'IMAGE_REFERENCE_INVALID'],
    ['two dots after the host', 'ghcr.io../org/app', 'IMAGE_REFERENCE_INVALID'],
    ['underscore in the host', 'my_host.example/app', 'IMAGE_REFERENCE_INVALID'],
    ['user in the host', 'user@ghcr.io/org/app', 'IMAGE_DIGEST_INVALID'],
    ['letters beyond ASCII in the host', 'ghcr.iо/org/app', 'IMAGE_REFERENCE_INVALID'],
    ['letters beyond ASCII in the path', 'ghcr.io/оrg/app', 'IMAGE_REFERENCE_INVALID'],
    ['port 0', 'ghcr.io:0/org/app', 'IMAGE_REFERENCE_INVALID'],
    ['port too high', 'ghcr.io:65536/org/app', 'IMAGE_REFERENCE_INVALID'],
    ['port not a number', 'ghcr.io:http/org/app', 'IMAGE_REFERENCE_INVALID'],
    ['empty port', 'ghcr.io:/org/app', 'IMAGE_REFERENCE_INVALID'],
    ['short spelling of an address', '127.1/app', 'IMAGE_REFERENCE_INVALID'],
    ['octal spelling of an address', '0177.0.0.1/app', 'IMAGE_REFERENCE_INVALID'],
    ['hex spelling of an address', '0x7f.0.0.1:80/app', 'IMAGE_REFERENCE_INVALID'],
    ['number for an address', '2130706433:80/app', 'IMAGE_REFERENCE_INVALID'],
    ['not an address', '[::g]/app', 'IMAGE_REFERENCE_INVALID'],
    ['open bracket', '[::1/app', 'IMAGE_REFERENCE_INVALID'],
    ['empty tag', 'nginx:', 'IMAGE_REFERENCE_INVALID'],
    ['tag that begins with a dot', 'nginx:.1', 'IMAGE_REFERENCE_INVALID'],
    ['tag of 129', `nginx:${'a'.repeat(129)}`, 'IMAGE_REFERENCE_INVALID'],
    ['path of 256', `ghcr.io/${'a'.repeat(256)}`, 'IMAGE_REFERENCE_INVALID'],
    ['very long', 'a'.repeat(1_000_000), 'IMAGE_REFERENCE_INVALID'],
    ['an image id', hex, 'IMAGE_REFERENCE_INVALID'],
    ['two digests', `nginx@${digest}@${digest}`, 'IMAGE_REFERENCE_INVALID'],
    ['tag after the digest', `nginx@${digest}:v1`, 'IMAGE_DIGEST_INVALID'],
    ['empty digest', 'nginx@', 'IMAGE_DIGEST_INVALID'],
    ['sha512', `nginx@sha512:${hex}${hex}`, 'IMAGE_DIGEST_INVALID'],
    ['upper-case digest', `nginx@sha256:${hex.toUpperCase()}`, 'IMAGE_DIGEST_INVALID'],
  ])('%s', (_, text, code) => {
    const error = thrownBy(() => parseImageReference(text));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/^[\u0020-\u007e\u00a0-\uffff]{1,400}$/);
  });
});

describe('the pinned text', () => {
  it.each([
    ['nginx', `nginx:latest@${digest}`],
    ['nginx:1.27', `nginx:1.27@${digest}`],
    ['docker.io/nginx:1', `docker.io/nginx:1@${digest}`],
    ['index.docker.io/library/nginx:1', `index.docker.io/library/nginx:1@${digest}`],
    ['registry-1.docker.io/library/nginx:1', `docker.io/library/nginx:1@${digest}`],
    ['Docker.IO/nginx:1', `docker.io/library/nginx:1@${digest}`],
    ['GHCR.io/org/app:v1', `ghcr.io/org/app:v1@${digest}`],
    ['ghcr.io./org/app:v1', `ghcr.io/org/app:v1@${digest}`],
    ['ghcr.io:443/org/app:v1', `ghcr.io/org/app:v1@${digest}`],
    ['127.0.0.1:5000/app:v1', `127.0.0.1:5000/app:v1@${digest}`],
    [`ghcr.io/org/app@${digest}`, `ghcr.io/org/app@${digest}`],
    [`ghcr.io/org/app:v1@${digest}`, `ghcr.io/org/app:v1@${digest}`],
    [`GHCR.io/org/app@${digest}`, `ghcr.io/org/app@${digest}`],
  ])('of %s is %s', (text, pinned) => expect(pinnedReference(parseImageReference(text), digest)).toBe(pinned));
});

describe('for any reference', () => {
  const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const label = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9]{0,6}$/);
  const host = fc
    .tuple(
      fc.array(label, { minLength: 2, maxLength: 3 }),
      fc.constantFrom('', '.'),
      fc.constantFrom('', ':443', ':5000'),
    )
    .map(([labels, dot, port]) => `${labels.join('.')}${dot}${port}/`);
  const reference = fc
    .tuple(
      fc.oneof(fc.constantFrom('', 'docker.io/', 'localhost/', 'registry:443/', '[::1]:5000/'), host),
      fc.array(word, { minLength: 1, maxLength: 3 }),
      fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}$/)),
      fc.boolean(),
    )
    .map(([registry, path, tag, pinned]) => {
      return `${registry}${path.join('/')}${tag === null ? '' : `:${tag}`}${pinned ? `@${digest}` : ''}`;
    });

  it('the canonical name is a reference to the same, and its own canonical name', () => {
    fc.assert(
      fc.property(reference, (text) => {
        const name = canonicalName(parseImageReference(text));
        const again = parseImageReference(name);
        expect(again.repository).toEqual(parseImageReference(text).repository);
        expect(canonicalName(again)).toBe(name);
      }),
    );
  });

  it('the pinned text names the same repository and the digest, and pinning it again changes nothing', () => {
    fc.assert(
      fc.property(reference, (text) => {
        const pinned = pinnedReference(parseImageReference(text), digest);
        const again = parseImageReference(pinned);
        expect(again.repository).toEqual(parseImageReference(text).repository);
        expect(again.digest).toBe(digest);
        expect(pinnedReference(again, digest)).toBe(pinned);
      }),
    );
  });

  it('case, a trailing dot and the default port of the host change nothing', () => {
    fc.assert(
      fc.property(word, word, (org, name) => {
        const spellings = [`ghcr.io/${org}/${name}`, `GHCR.io/${org}/${name}`, `ghcr.io.:443/${org}/${name}`];
        expect(new Set(spellings.map((text) => canonicalName(parseImageReference(text)))).size).toBe(1);
      }),
    );
  });

  it('any text is a reference or refused with an image code, never another error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 80 }), (text) => {
        try {
          parseImageReference(text);
        } catch (error) {
          expect(error).toMatchObject({ name: 'GateError', code: expect.stringMatching(/^IMAGE_/) });
        }
      }),
      { numRuns: fuzzRuns(1000) },
    );
  });
});
