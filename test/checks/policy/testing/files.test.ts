import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findTests, namedFiles, namedPath, readTestFile } from '../../../../src/checks/policy/testing/files.ts';

let folder: string;
const at = (...path: string[]) => join(folder, ...path);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tests-'));
  for (const path of [
    'a/.kyverno-test/kyverno-test.yaml',
    'a/policy.yaml',
    'b/kyverno-test.yaml',
    'b/other.yaml',
    'b/deep/more.yml',
    'b/deep/.hidden/no.yaml',
    'node_modules/x/kyverno-test.yaml',
    '.git/kyverno-test.yaml',
    'empty/readme.md',
  ]) {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), '');
  }
  symlinkSync(at(), at('b/loop'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('finding tests', () => {
  it('looks into hidden folders, and not into those of Git and npm, nor through links', () => {
    expect(findTests([folder])).toEqual([at('a/.kyverno-test/kyverno-test.yaml'), at('b/kyverno-test.yaml')]);
  });
  it('takes a file that is named for a test, and no test twice', () => {
    expect(findTests([at('b/other.yaml'), at('b'), at('b/./kyverno-test.yaml')])).toEqual([
      at('b/other.yaml'),
      at('b/kyverno-test.yaml'),
    ]);
  });
  it.each(['empty', 'nowhere'])('says that %s has none', (name) => {
    expect(() => findTests([folder, at(name)])).toThrow(expect.objectContaining({ code: 'TEST_MISSING' }));
  });
});

describe('what a test names', () => {
  const test = 'suite/.kyverno-test/kyverno-test.yaml';
  it.each([
    ['resource.yaml', 'suite/.kyverno-test/resource.yaml'],
    ['../policy.yaml', 'suite/policy.yaml'],
    ['/etc/policy.yaml', '/etc/policy.yaml'],
  ])('%s', (entry, path) => expect(namedPath(test, entry, 'here')).toBe(path));

  it.each(['https://example.com/policy.yaml', 'git://host/x', '-', ''])('%s is no file', (entry) => {
    expect(() => namedPath(test, entry, 'here')).toThrow(expect.objectContaining({ code: 'TEST_INVALID' }));
  });

  it('is of a folder its YAML, and below it only where that is asked for', () => {
    const named = (deep: boolean) => namedFiles(at('a/kyverno-test.yaml'), '../b', 'here', deep);
    expect(named(false)).toEqual([at('b/kyverno-test.yaml'), at('b/other.yaml')]);
    expect(named(true)).toEqual([at('b/deep/more.yml'), at('b/kyverno-test.yaml'), at('b/other.yaml')]);
  });

  it('must be there, and a plain file', () => {
    expect(() => namedFiles(at('x.yaml'), 'nowhere.yaml', 'here', false)).toThrow(/nowhere.yaml does not exist/);
    expect(() => namedFiles(at('x.yaml'), 'empty', 'here', false)).toThrow(/holds no YAML/);
    expect(() => readTestFile(at('b'))).toThrow(expect.objectContaining({ code: 'TEST_INVALID' }));
  });
});
