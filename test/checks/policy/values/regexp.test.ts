import { describe, expect, it } from 'vitest';
import { compileRegexp, RegexpError } from '../../../../src/checks/policy/values/regexp.ts';

describe('compiling', () => {
  it.each(['a', '(?P<n>a)', '(?<n>a)', '[[:alpha:]]', '\\pL', '(?i)A', '\\Q.\\E', 'a{,2}', '\\z', ''])(
    'accepts %s',
    (source) => {
      expect(compileRegexp(source).source).toBe(source);
    },
  );

  it.each([
    '(',
    'a**',
    '(?=a)',
    '(?<=a)b',
    '(?!a)',
    '\\1',
    '\\C',
    '\\Z',
    'a{1001}',
    '(a{1000}){2}',
    '((a{100}){100}){100}',
    `${'('.repeat(1001)}${')'.repeat(1001)}`,
    'a'.repeat(10_001),
  ])('refuses %.40s', (source) => {
    expect(() => compileRegexp(source)).toThrow(RegexpError);
  });

  it('compiles a source once', () => {
    expect(compileRegexp('^once$')).toBe(compileRegexp('^once$'));
  });
});

describe('matching as Go does', () => {
  it('looks anywhere in the text, or at all of it', () => {
    expect(compileRegexp('b').matches('abc')).toBe(true);
    expect(compileRegexp('b').matchesWhole('abc')).toBe(false);
    expect(compileRegexp('^b').matches('abc')).toBe(false);
    expect(compileRegexp('b+').find('abbc')).toBe('bb');
    expect(compileRegexp('x').find('abbc')).toBeUndefined();
  });

  it.each([
    ['a*', 'baac', -1, ['', 'aa', '']],
    ['b|', 'abb', 2, ['', 'b']],
    ['^a', 'aaa', -1, ['a']],
    ['a', 'aaa', 0, []],
    ['a', 'aaa', 2, ['a', 'a']],
    ['', 'é😀', -1, ['', '', '']],
  ])('finds %s in %s up to %i times', (source, text, limit, found) => {
    expect(compileRegexp(source).findAll(text, limit)).toEqual(found);
  });

  it('gives the groups of each match', () => {
    expect(compileRegexp('(a)(b)?').findAllGroups('abac')).toEqual([
      ['ab', 'a', 'b'],
      ['a', 'a', undefined],
    ]);
  });

  it.each([
    ['a*', 'baac', 'x', 'xbxcx'],
    ['', 'é😀', '-', '-é-😀-'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Go writes its templates like this
    ['(?P<first>a)(b)?', 'abac', '[${first}|$2|$1x|$$|$]', '[a|b||$|$][a|||$|$]c'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Go writes its templates like this
    ['(?P<first>a)(b)?', 'abac', '${}|$01|${1|$é|${9}|$9|$', '${}||${1||||$${}||${1||||$c'],
  ])('replaces %s in %s by %s', (source, text, template, replaced) => {
    expect(compileRegexp(source).replaceAll(text, template)).toBe(replaced);
  });

  it('takes a literal template as it stands', () => {
    expect(compileRegexp('(a)').replaceAll('aba', '$1$$', true)).toBe('$1$$b$1$$');
  });

  it('replaces some of the matches by what a function says', () => {
    expect(compileRegexp('a(b)?').replaceEach('abaa', ([whole, group]) => `<${whole}${group ?? '-'}>`, 2)).toBe(
      '<abb><a->a',
    );
  });

  it('takes linear time where backtracking would take forever', () => {
    expect(compileRegexp('(x+x+)+y').matches('x'.repeat(100_000))).toBe(false);
  });
});
