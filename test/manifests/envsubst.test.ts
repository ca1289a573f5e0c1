/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: those are the variables of Flux */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { substituteExpressions } from '../../src/manifests/envsubst.ts';
import { SubstitutionProblem } from '../../src/manifests/envsubst-syntax.ts';
import { PatternBudget } from '../../src/manifests/shell-pattern.ts';
import { type FluxAnswer, Fluxbuild } from '../support/fluxbuild.ts';
import { fuzzRuns } from '../support/fuzz-runs.ts';

let flux: Fluxbuild;
beforeAll(async () => {
  flux = await Fluxbuild.start();
});
afterAll(() => flux[Symbol.asyncDispose]());

const variables = {
  name: 'hello',
  empty: '',
  path: 'a/b/a/c.tar.gz',
  word: 'aXaXa',
  number: '3',
  unicode: 'éß😀İ',
  stars: 'a*b[c]',
  long: 'ab'.repeat(50),
};

function ours(text: string, values: Readonly<Record<string, string>> = variables): FluxAnswer<string> {
  try {
    return {
      value: substituteExpressions(text, new Map(Object.entries(values)), {
        maxBytes: 1_000_000,
        patterns: new PatternBudget(),
      }),
    };
  } catch (thrown) {
    if (thrown instanceof SubstitutionProblem) return { error: thrown.message };
    throw thrown;
  }
}

describe('expressions', () => {
  it.each([
    ['nothing to do', 'nothing to do'],
    ['${name}', 'hello'],
    ['$name and $', '$name and $'],
    ['$${name}', '${name}'],
    ['$$$${name} $$', '$${name} $'],
    ['${none:-a b}', 'a b'],
    ['${none:=a}${none=b}${none:+c}${none:?d}', 'abcd'],
    ['${empty:-x}${name:-x}', 'xhello'],
    ['${none:-${name}}', 'hello'],
    ['${none:-${nothing:-${number}}}', '3'],
    ['${none:-}', ''],
    ['${#name} ${#unicode}', '5 10'],
    ['${name^} ${name^^} ${word,} ${word,,}', 'Hello HELLO aXaXa axaxa'],
    ['${unicode^^} ${unicode^} ${unicode,,}', 'Éß😀İ Éß😀İ éß😀i'],
    ['${name:1} ${name:1:2} ${name:0:-1} ${name:9} ${name:x}', 'ello el hell  hello'],
    ['${name/l/L} ${name//l/L} ${name/#he/x} ${name/%lo/y} ${name/#lo/x}', 'heLlo heLLo xllo hely hello'],
    ['${name//l/}', 'heo'],
    ['${path#a/} ${path##*/} ${path%.*} ${path%%.*}', 'b/a/c.tar.gz c.tar.gz a/b/a/c.tar a/b/a/c'],
    ['${path//\\//-}', 'a-b-a-c.tar.gz'],
    ['${name/${number}/x}${name/l/$$}', 'hellohe$lo'],
  ])('%s becomes %s', async (text, expected) => {
    expect(ours(text)).toEqual({ value: expected });
    expect(ours(text)).toEqual(await flux.substitute(text, variables));
  });

  it.each([
    ['${none}', /the variable none is not set, and has no default/],
    ['${none^^}', /none is not set/],
    ['${#none}', /none is not set/],
    ['${name:-${none}}', /none is not set/],
    ['${', /no name/],
    ['${}', /no name/],
    ['${na-me}', /name.*|na/],
    ['${name', /closed/],
    ['${name:', /too early|malformed/],
    ['${name:}', /too early/],
    ['${name:é}', /malformed/],
    ['${name/l}', /malformed/],
    ['${name#}', /too early/],
    ['${name:-x', /too early|closed/],
    ['${#}', /no name/],
    ['${#name', /closed/],
    ['${unicode:0:1}', /cuts a character in two/],
    ['${name:1:9223372036854775807}', /too large together/],
  ])('%s is refused', async (text, message) => {
    const answer = ours(text);
    expect(answer).toEqual({ error: expect.stringMatching(message) });
    // Half a character is refused by them where the text is read again.
    if (!text.includes('unicode')) expect(await flux.substitute(text, variables)).toHaveProperty('error');
  });

  it('bounds how deep, how long and how patiently it works', () => {
    expect(ours(`${'${a:-'.repeat(60)}x${'}'.repeat(60)}`)).toEqual({ error: expect.stringContaining('deep inside') });
    expect(ours('${v}'.repeat(100), { v: 'x'.repeat(20_000) })).toEqual({ error: expect.stringContaining('bytes') });
    for (const expression of ['${v//a/', '${v///', '${v/#a/'].map((start) => `${start}${'y'.repeat(900_000)}}`)) {
      const values = { v: 'a'.repeat(200_000) };
      expect(ours(expression, values)).toHaveProperty('error');
    }
    const pattern = `\${v##${'*a'.repeat(200)}b}`;
    expect(ours(pattern, { v: 'a'.repeat(20_000) })).toEqual({ error: expect.stringContaining('takes too long') });
  });

  it('bounds the patterns of all texts together', () => {
    const limits = { maxBytes: 1_000_000, patterns: new PatternBudget() };
    const text = '${v##*b*c}';
    const values = new Map([['v', 'a'.repeat(3_000)]]);
    expect(() => {
      for (let i = 0; i < 20; i++) substituteExpressions(text, values, limits);
    }).toThrow('takes too long');
  });

  it('does not care how many expressions and escapes there are', () => {
    expect(ours('${name}'.repeat(50_000))).toEqual({ value: 'hello'.repeat(50_000) });
    expect(ours('$$'.repeat(200_000))).toEqual({ value: '$'.repeat(200_000) });
  });

  it('changes the case of every character as Go does', async () => {
    const characters: string[] = [];
    for (let code = 0x80; code < 0x1_f000; code++) {
      const character = String.fromCodePoint(code);
      if (!/^\p{L}$/u.test(character) || !character.isWellFormed()) continue;
      if (character.toUpperCase() !== character || character.toLowerCase() !== character) characters.push(character);
    }
    // What Unicode has added since, Go does not know.
    const known = characters.filter(
      (character) => !/[\u1c89\u1c8a\ua7cb-\ua7dc\u019b\u0264\u{10d50}-\u{10d85}\u{16ea0}-\u{16ed3}]/u.test(character),
    );
    const values = { v: known.join('') };
    for (const text of ['${v^^}', '${v,,}']) {
      const theirs = await flux.substitute(text, values);
      expect([...('value' in theirs ? theirs.value : '')].map((each, i) => `${known[i]}→${each}`)).toEqual(
        [...((ours(text, values) as { value: string }).value ?? '')].map((each, i) => `${known[i]}→${each}`),
      );
    }
  });

  const pieces = fc.constantFrom(
    ...[
      '${',
      '}',
      '$',
      '$$',
      '${name',
      '${path',
      '${word',
      '${unicode',
      '${stars',
      '${empty',
      '${none',
      'x',
      'l',
      'a',
      'é',
    ],
    ...[
      '#',
      '##',
      '%',
      '%%',
      '/',
      '//',
      '/#',
      '/%',
      ':',
      ':-',
      ':=',
      '=',
      ':?',
      ':+',
      '^',
      '^^',
      ',',
      ',,',
      '-',
      '1',
      '-1',
    ],
    ...['*', '?', '[a-c]', '[^a]', '[', ']', '\\', '\\/', '${number}', '${name}', ' ', '0', '2', '"', '_'],
  );
  const operators = fc.constantFrom(
    ...['', ':-', '#', '##', '%', '%%', ':', '/', '//', '/#', '/%', '^', '^^', ',', ',,', ':=', '=', ':1:'],
  );
  const expressions = fc.oneof(
    fc.array(pieces, { maxLength: 12 }).map((all) => all.join('')),
    fc
      .tuple(
        fc.constantFrom('name', 'path', 'word', 'unicode', 'stars', 'empty', 'none', 'long'),
        operators,
        fc.array(pieces, { maxLength: 3 }),
        fc.constantFrom('', '/', ':'),
        fc.array(pieces, { maxLength: 2 }),
      )
      .map(
        ([name, operator, first, between, second]) =>
          `\${${name}${operator}${first.join('')}${between}${second.join('')}}`,
      ),
  );

  it('whatever is written is answered as by their library', async () => {
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(expressions, async (text) => {
        const theirs = await flux.substitute(text, variables);
        const answer = ours(text);
        if ('value' in theirs && !theirs.value.includes('\ufffd')) {
          expect({ text, answer }).toEqual({ text, answer: theirs });
          answered++;
        } else expect({ text, refused: 'error' in answer || 'value' in theirs }).toEqual({ text, refused: true });
      }),
      { numRuns: fuzzRuns(3000) },
    );
    expect(answered).toBeGreaterThan(500);
  });
});
