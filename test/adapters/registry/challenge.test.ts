import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../src/adapters/registry/challenge.ts';

const bearer = (parameters: Record<string, string>) => ({ scheme: 'bearer', parameters });

describe('parseChallenges', () => {
  it.each([
    ['nothing', undefined, []],
    ['an empty header', '', []],
    ['a scheme alone', 'Basic', [{ scheme: 'basic', parameters: {} }]],
    ['a quoted realm', 'Basic realm="a b"', [{ scheme: 'basic', parameters: { realm: 'a b' } }]],
    ['an unquoted realm', 'Basic realm=a', [{ scheme: 'basic', parameters: { realm: 'a' } }]],
    [
      'Docker Hub',
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      [
        bearer({
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:a/b:pull,push',
        }),
      ],
    ],
    ['spaces everywhere', ' Bearer  realm = "x" ,  service= y ', [bearer({ realm: 'x', service: 'y' })]],
    ['upper-case names', 'BEARER Realm="x"', [bearer({ realm: 'x' })]],
    ['escaped quotes', 'Bearer realm="a\\"b\\\\c"', [bearer({ realm: 'a"b\\c' })]],
    ['empty list items', ', ,Bearer realm="x",,', [bearer({ realm: 'x' })]],
    [
      'two challenges in one header',
      'Basic realm="a", Bearer realm="b",service="c"',
      [{ scheme: 'basic', parameters: { realm: 'a' } }, bearer({ realm: 'b', service: 'c' })],
    ],
    [
      'a challenge without parameters before another',
      'Negotiate, Basic realm="a"',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'a' } },
      ],
    ],
    [
      'a realm that is named twice',
      'Bearer realm="a",realm="b", Basic realm="c"',
      [{ scheme: 'basic', parameters: { realm: 'c' } }],
    ],
    ['a quote that never ends', 'Basic realm="a", Bearer realm="b', [{ scheme: 'basic', parameters: { realm: 'a' } }]],
    ['garbage', '"""===', []],
    [
      'a name from Object.prototype',
      'Bearer __proto__="x"',
      [{ scheme: 'bearer', parameters: Object.fromEntries([['__proto__', 'x']]) }],
    ],
    ['more than any header holds', `Bearer realm="${'x'.repeat(9000)}"`, []],
  ])('reads %s', (_, header, challenges) => {
    expect(parseChallenges(header)).toEqual(challenges);
  });

  it('is linear in a header that is meant to be slow', () => {
    expect(parseChallenges(`Bearer realm="${'\\'.repeat(8000)}`)).toEqual([]);
    expect(parseChallenges(`Bearer ${'a,'.repeat(4000)}`).length).toBeGreaterThan(0);
  });
});
