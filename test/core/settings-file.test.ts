import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { nearest, readSettings, validateSettings } from '../../src/core/settings-file.ts';
import { thrownBy } from '../support/thrown.ts';

const Schema = z.strictObject({
  name: z.string(),
  limits: z.optional(z.strictObject({ seconds: z.int().check(z.minimum(1)), memory: z.optional(z.int()) })),
  source: z.optional(
    z.union([z.literal('none'), z.strictObject({ path: z.string() }), z.strictObject({ url: z.string() })]),
  ),
  hosts: z.optional(z.array(z.strictObject({ host: z.string() }))),
  rule: z.optional(z.strictObject({ effect: z.enum(['deny', 'warn']) })),
});

function validate(text: string) {
  const [document] = readSettings(text, 'gate.yaml', 'CONFIG_INVALID');
  if (document === undefined) throw new Error('no document');
  return validateSettings(Schema, document, 'CONFIG_INVALID');
}

describe('a settings file', () => {
  it('is YAML or JSON', () => {
    expect(validate('name: a\nlimits: { seconds: 3 }\n')).toEqual({ name: 'a', limits: { seconds: 3 } });
    expect(validate('{"name": "a"}')).toEqual({ name: 'a' });
  });

  it('may begin with a byte order mark and end its lines as Windows does', () => {
    expect(validate('\ufeffname: a\r\nlimits:\r\n  seconds: 3\r\n')).toEqual({ name: 'a', limits: { seconds: 3 } });
  });

  it('may hold several documents; empty ones do not count', () => {
    const documents = readSettings('---\n---\nname: a\n---\n# nothing\n---\nname: b\n', 'f', 'CONFIG_INVALID');
    expect(documents.map((each) => each.value)).toEqual([{ name: 'a' }, { name: 'b' }]);
  });

  it.each(['', '\n', '# only a comment\n', '---\n'])('holds nothing: %j', (text) => {
    expect(readSettings(text, 'f', 'CONFIG_INVALID')).toEqual([]);
  });

  it.each([
    ['a duplicate key', 'name: a\nname: b\n', 'gate.yaml:2:1'],
    ['a duplicate key in a flow', '{name: a, name: b}\n', 'gate.yaml:1:11'],
    ['a tab where blanks belong', 'limits:\n\tseconds: 3\n', 'gate.yaml:2:1'],
    ['a bracket that is never closed', 'hosts: [a\n', 'gate.yaml:2:1'],
    ['a tag that nobody knows', 'name: !secret a\n', 'gate.yaml:1:7'],
    ['a key that is a map', '? {a: 1}\n: b\n', 'gate.yaml:1:'],
    ['a key that JavaScript has a meaning for', 'labels: {__proto__: a}\n', 'gate.yaml:1:10'],
    ['the same in an escape', 'a:\n  "\\x5f_proto__": {b: c}\n', 'gate.yaml:2:3'],
    ['an ordered map, whose fields nobody would see', 'ctlog: !!omap [{url: a}]\n', 'gate.yaml:1:15'],
    ['a set', 'ctlog: !!set {url}\n', 'gate.yaml:1:14'],
    ['a set by the name of another tag', '%TAG ! tag:yaml.org,2002:\n---\nctlog: !set {url}\n', 'gate.yaml:3:'],
    ['bytes', 'name: !!binary aGk=\n', 'gate.yaml:1:16'],
    ['a tag of YAML 1.1', '%YAML 1.1\n---\nctlog: !!pairs [{url: a}]\n', 'gate.yaml:3:'],
    ['an alias without its anchor', 'name: *nowhere\n', 'gate.yaml'],
    ['a fault in the second document', 'name: a\n---\nname: [\n', 'gate.yaml:4:1'],
  ])('is refused for %s', (_, text, place) => {
    const error = thrownBy(() => readSettings(text, 'gate.yaml', 'CONFIG_INVALID'));
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(error.place).toContain(place);
    expect(error.message).toContain(place);
    expect(error.message).not.toContain('\n');
  });

  it('is refused when its aliases multiply', () => {
    const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`);
    const bomb = `l0: &l0 [x]\n${levels.join('\n')}\n`;
    expect(thrownBy(() => readSettings(bomb, 'gate.yaml', 'CONFIG_INVALID')).message).toContain('aliases multiply');
  });

  it('is refused when it is larger than any settings file, before it is parsed', () => {
    const text = `name: ${'a'.repeat(5 * 1024 * 1024)}`;
    expect(thrownBy(() => readSettings(text, 'gate.yaml', 'CONFIG_INVALID')).message).toContain('larger than');
  });

  it('does not merge: `<<` is a key like any other, and so an unknown one', () => {
    const text = 'name: a\nlimits:\n  <<: { seconds: 3 }\n  seconds: 4\n';
    expect(thrownBy(() => validate(text)).message).toContain('unknown key "<<"');
  });

  it('reads plain words as YAML 1.2 does', () => {
    const [document] = readSettings('a: yes\nb: 010\nc: 1_0\n', 'f', 'CONFIG_INVALID');
    expect(document?.value).toEqual({ a: 'yes', b: 10, c: '1_0' });
  });
});

describe('what does not fit the schema is told by its line', () => {
  it.each([
    [
      'an unknown key, with the nearest',
      'nam: a\n',
      'gate.yaml:1:1: unknown key "nam" in the document; did you mean name?',
    ],
    [
      'an unknown key that is near none',
      'name: a\nzzzzzz: 1\n',
      'gate.yaml:2:1: unknown key "zzzzzz" in the document; known here: name, limits, source, hosts',
    ],
    [
      'an unknown key further down',
      'name: a\nlimits:\n  secconds: 3\n',
      'gate.yaml:3:3: unknown key "secconds" in limits; did you mean seconds?',
    ],
    [
      'an unknown key in a list',
      'name: a\nhosts:\n  - host: b\n  - hots: c\n',
      'gate.yaml:4:5: unknown key "hots" in hosts.1; did you mean host?',
    ],
    [
      'an unknown key in one of several shapes',
      'name: a\nsource:\n  paht: b\n',
      'gate.yaml:3:3: unknown key "paht" in source; did you mean path?',
    ],
    ['a missing key', 'limits: { seconds: 3 }\n', 'gate.yaml:1:1: name is required'],
    ['a missing choice', 'name: a\nrule: {}\n', 'gate.yaml:2:7: rule.effect is required: deny, warn'],
    ['a missing key of several shapes', 'name: a\nhosts: [{}]\n', 'gate.yaml:2:9: hosts.0.host is required'],
    ['a missing key further down', 'name: a\nlimits: { memory: 3 }\n', 'gate.yaml:2:9: limits.seconds is required'],
    ['a wrong type', 'name: 3\n', 'gate.yaml:1:7: name: '],
    ['a number too small', 'name: a\nlimits: { seconds: 0 }\n', 'gate.yaml:2:20: limits.seconds: '],
    ['a fraction', 'name: a\nlimits: { seconds: 1.5 }\n', 'gate.yaml:2:20: limits.seconds: '],
    ['an empty value', 'name:\n', 'gate.yaml:1:6: name: '],
  ])('%s', (_, text, message) => {
    const error = thrownBy(() => validate(text));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(message);
  });
});

describe('the nearest known word', () => {
  it.each([
    ['polices', ['policies', 'images'], 'policies'],
    ['IMAGES', ['policies', 'images'], 'images'],
    ['kustomise', ['kustomize', 'helm'], 'kustomize'],
    ['a', ['policies', 'images'], undefined],
    ['nothing-alike', ['policies', 'images'], undefined],
    ['x', [], undefined],
  ])('of %s among %j is %s', (name, known, found) => expect(nearest(name, known)).toBe(found));
});
