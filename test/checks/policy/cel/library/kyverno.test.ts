import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { kyverno } from '../../../../../src/checks/policy/cel/profiles.ts';
import { ask } from './ask.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe("Kyverno's functions", () => {
  it.each([
    ["md5('') == hash.md5('')", true],
    ["sha1('abc')", 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ["sha256('é')", '4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c'],
    ['json.unmarshal(\'{"a":[1,null]}\').a[0] == 1.0', true],
    ["json.unmarshal('{')", 'evaluation: the text is no JSON'],
    ['json.unmarshal(1)', "evaluation: unsupported type conversion to 'string'"],
    ["json.marshal({'b': 1, 'a': 2})", '{"a":2,"b":1}'],
    ["json.marshal(['<', '&'])", '["\\u003c","\\u0026"]'],
    ['json.marshal({1: 2})', 'evaluation: json: unsupported map key type'],
    ["yaml.parse('a: [1, yes]').a[1]", true],
    ["time.toCron(timestamp('2024-01-02T03:04:05+02:00'))", '4 3 2 1 2'],
    ["string(time.truncate(timestamp('2024-01-02T03:04:05Z'), duration('1h')))", '2024-01-02T03:00:00Z'],
    ["string(time.truncate(timestamp('1960-01-02T03:04:05Z'), duration('24h')))", '1960-01-02T00:00:00Z'],
    ["string(time.truncate(timestamp('2024-01-02T03:04:05Z'), duration('0s')))", '2024-01-02T03:04:05Z'],
    ['string(time.now())', '2024-05-06T07:08:09Z'],
    ["random('[ab]{3}') == random.random('[ab]{3}')", true],
    ['random().size()', 8],
    ['math.round(2.345, 1)', 2.3],
    ['math.round(-2.5)', -3],
    ["parseServiceAccount('system:serviceaccount:ns:n').Name", 'n'],
    ["user.parseServiceAccount('system:serviceaccount:ns:n').Namespace", 'ns'],
    ["parseServiceAccount('somebody').Name", ''],
    ["listObjToMap([{'k': 'a'}, {'k': 'a'}], [{'v': 1}, {'v': 2}], 'k', 'v')", { a: 2 }],
    ["transform.listObjToMap([{'k': 'a'}], [{'w': 1}], 'k', 'v')", { a: null }],
    ["listObjToMap([{'k': 'a'}], [], 'k', 'v')", expect.stringContaining('lists of equal length')],
    ["listObjToMap([{'k': 1}], [{'v': 1}], 'k', 'v')", expect.stringContaining('cannot be handled as a string')],
    ["listObjToMap([1], [{'v': 1}], 'k', 'v')", expect.stringMatching(/^evaluation: /)],
    ["x509.decode('x')", 'evaluation: failed to decode PEM block'],
    ["gzip.decompress(b'x')", expect.stringMatching(/^evaluation: gzip: /)],
  ])('%s', (source, value) => {
    expect(ask(kyverno('1.19'), source)).toEqual(value);
  });

  it('unpacks what was packed, up to a size', () => {
    const packed = (text: string) => gzipSync(text).toString('base64');
    expect(ask(kyverno('1.19'), `gzip.decompress(base64.decode('${packed('hello')}'))`)).toBe('hello');
    const bomb = `gzip.decompress(base64.decode('${packed('0'.repeat(20_000_000))}'))`;
    expect(ask(kyverno('1.19'), bomb)).toMatch(/^work: gzip: /);
  });
});

describe('image references', () => {
  it.each([
    ['nginx', 'index.docker.io', 'library/nginx', 'latest', ''],
    ['docker.io/nginx:1', 'index.docker.io', 'library/nginx', '1', ''],
    ['a/b', 'index.docker.io', 'a/b', 'latest', ''],
    ['localhost/aa', 'localhost', 'aa', 'latest', ''],
    ['localhost:5000/aa:b', 'localhost:5000', 'aa', 'b', ''],
    [`ghcr.io/a/b@${digest}`, 'ghcr.io', 'a/b', '', digest],
    [`ghcr.io/a/b:v1@${digest}`, 'ghcr.io', 'a/b', 'v1', digest],
  ])('%s', (image, registry, repository, tag, found) => {
    const parts = ['registry', 'repository', 'tag', 'digest'].map((part) => `image('${image}').${part}()`);
    expect(ask(kyverno('1.19'), `[${parts.join(', ')}]`)).toEqual([registry, repository, tag, found]);
    expect(ask(kyverno('1.19'), `isImage('${image}')`)).toBe(true);
  });

  it.each([
    '',
    'a',
    'A b',
    'NGINX',
    'nginx:',
    'nginx:a b',
    'nginx@sha256:1',
    `a@b@${digest}`,
    'a b/nginx',
    'nginx:1:2',
  ])('%j is none', (image) => {
    expect(ask(kyverno('1.19'), `isImage('${image}')`)).toBe(false);
    expect(ask(kyverno('1.19'), `image('${image}')`)).toMatch(/^evaluation: could not parse reference/);
  });

  it('tells them apart by their text too', () => {
    expect(ask(kyverno('1.19'), "image('nginx') == image('nginx')")).toBe(true);
    expect(ask(kyverno('1.19'), "image('nginx') == image('nginx:latest')")).toBe(false);
    expect(ask(kyverno('1.19'), "image('nginx') == dyn('nginx')")).toMatch(/^evaluation: /);
    expect(ask(kyverno('1.19'), `image('nginx:1@${digest}').identifier()`)).toBe(`1@${digest}`);
    expect(ask(kyverno('1.19'), `image('nginx:1').identifierWithSeparator()`)).toBe(':1');
  });
});
