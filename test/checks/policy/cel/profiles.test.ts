import { describe, expect, it } from 'vitest';
import { celSpec, KUBERNETES_VERSIONS, kubernetes, kyverno } from '../../../../src/checks/policy/cel/profiles.ts';
import { ask } from './library/ask.ts';

describe('the language of an API server', () => {
  // The first version in which a new policy may say it: one after the version that brought it.
  it.each([
    ["isURL('/a')", '1.30'],
    ["sign(quantity('1')) == 1", '1.30'],
    ['sets.contains([1], [1])', '1.30'],
    ["isIP('::1')", '1.31'],
    ["type(cidr('::/0')) == net.CIDR", '1.31'],
    ["format.uuid().validate('x').hasValue()", '1.32'],
    ['[1].all(i, v, v == 1)', '1.33'],
    ["{'a': 1}.transformMap(k, v, v + 1) == {'a': 2}", '1.33'],
    ["isSemver('1.2.3')", '1.34'],
    ["isSemver('v1', true)", '1.34'],
    ['[2, 1].sort() == [1, 2]', '1.35'],
    ["['bb', 'a'].sortBy(s, size(s)) == ['a', 'bb']", '1.35'],
  ])('%s is there from %s on', (source, since) => {
    for (const version of KUBERNETES_VERSIONS) {
      const expected = version >= since ? true : expect.stringMatching(/^(?:type|syntax): /);
      expect(ask(kubernetes(version), source), version).toEqual(expected);
    }
  });

  it.each([
    'math.abs(1)',
    "base64.encode(b'a')",
    'cel.bind(x, 1, x)',
    "regex.replace('a', 'b', 'c')",
    '[1].includes(1)',
    "'a'.reverse()",
    "[1, 'a']",
    '1 == 1.0',
    'object.`a`',
    "sha256('a')",
    "image('a')",
    'time.now()',
    "jsonpatch.escapeKey('a')",
  ])('%s is in none of them', (source) => {
    for (const version of KUBERNETES_VERSIONS) expect(ask(kubernetes(version), source)).toMatch(/^(?:type|syntax): /);
  });

  it('is made once', () => {
    expect(kubernetes('1.36')).toBe(kubernetes('1.36'));
    expect(kyverno('1.19')).toBe(kyverno('1.19'));
    expect(kyverno('1.19', 'a')).not.toBe(kyverno('1.19'));
  });
});

describe('the language of Kyverno', () => {
  it.each([
    ['math.greatest(1, 2)', 2],
    ["base64.encode(b'a')", 'YQ=='],
    ['cel.bind(x, 1, x + 1)', 2],
    ["regex.replace('a1', '[0-9]', 'x')", 'ax'],
    ["object.a.orValue('b')", 'x'],
    ["object.?b.orValue('b')", 'b'],
    ['object.`a`', 'x'],
    ["quantity('1Ki').asInteger()", 1024],
    ['[1].all(i, v, v == 1)', true],
    ["'abc'.indexOf('', 9)", 3],
  ])('%s is %j', (source, value) => {
    expect(ask(kyverno('1.19'), source, { a: 'x' })).toEqual(value);
  });

  it.each([
    'authorizer',
    'resource',
    'http',
    "gzip.compress('a')",
    "[1, 'a']",
    '1 == 1.0',
    'nothing()',
    "'a'.reverse()",
  ])('refuses %s', (source) => {
    expect(ask(kyverno('1.19'), source)).toMatch(/^(?:type|syntax): /);
  });
});

it('cel-spec knows the newest of every extension', () => {
  expect(ask(celSpec(), "'abc'.reverse() + '%d'.format([1.5])")).toBe('cba1.5');
  expect(ask(celSpec(), "[1, 'a'].size() + math.least(1, 2)")).toBe(3);
});
