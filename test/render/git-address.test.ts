import { describe, expect, it } from 'vitest';
import { isRemoteFile, isRemoteFolder, parseGitAddress } from '../../src/render/git-address.ts';

describe('what kustomize would fetch', () => {
  it.each(['https://host/a.yaml', 'HTTP://host/a', ' http://host', 'http:host'])('%j is a remote file', (text) =>
    expect(isRemoteFile(text)).toBe(true),
  );
  it.each(['a.yaml', './https/x', 'httpx://a', 'https.yaml'])('%j is a file here', (text) =>
    expect(isRemoteFile(text)).toBe(false),
  );

  it.each([
    'https://github.com/org/repo',
    'http://h/a/b',
    'ssh://git@h/a/b',
    'git://h/a',
    'file:///x',
    'FILE:///x',
    'git::https://h/a/b',
    'GIT::h',
    'git@h:a/b',
    'a-1@h/a/b',
    'github.com/org/repo',
    'GitHub.com:org/repo',
    ' https://h/a',
    's3://x',
    'x:y',
  ])('%j may be a repository', (text) => expect(isRemoteFolder(text)).toBe(true));
  it.each(['../base', 'base', './github.com/x', 'a/b@c', '.', 'githubXcom/x', 'dir.git', '_git/x', 'a//b'])(
    '%j is a folder here',
    (text) => expect(isRemoteFolder(text)).toBe(false),
  );
});

describe('the parts of a repository’s address', () => {
  // As repospec_test.go of kustomize has them, where it comes to one.
  it.each([
    ['https://github.com/org/repo', 'https://github.com/org/repo', '', '', 'https github.com'],
    [
      'https://github.com/org/repo/some/dir?ref=v1',
      'https://github.com/org/repo',
      'some/dir',
      'v1',
      'https github.com',
    ],
    ['http://github.com/org/repo', 'https://github.com/org/repo', '', '', 'https github.com'],
    ['github.com/org/repo//dir?version=v2', 'https://github.com/org/repo', 'dir', 'v2', 'https github.com'],
    [
      'git::https://h.example/org/repo.git//dir?ref=main&timeout=1m',
      'https://h.example/org/repo.git',
      'dir',
      'main',
      'https h.example',
    ],
    ['https://h.example/group/sub/repo.git/dir', 'https://h.example/group/sub/repo.git', 'dir', '', 'https h.example'],
    [
      'https://dev.azure.com/org/project/_git/repo/dir',
      'https://dev.azure.com/org/project/_git/repo',
      'dir',
      '',
      'https dev.azure.com',
    ],
    ['https://user@h.example/a/b', 'https://h.example/a/b', '', '', 'https h.example'],
    ['http://h.example:8080/a/b', 'http://h.example:8080/a/b', '', '', 'http h.example:8080'],
    ['git@github.com:org/repo.git/dir', 'git@github.com:org/repo.git', 'dir', '', 'ssh github.com'],
    ['git@github.com/org/repo', 'git@github.com:org/repo', '', '', 'ssh github.com'],
    ['git@h.example:org/repo//dir?ref=x', 'git@h.example:org/repo', 'dir', 'x', 'ssh h.example'],
    ['ssh://git@h.example:2222/org/repo', 'ssh://git@h.example:2222/org/repo', '', '', 'ssh h.example:2222'],
  ])('%j', (text, url, folder, ref, place) => {
    const parsed = parseGitAddress(text);
    expect(parsed).toMatchObject({ url, folder, ref });
    expect(`${parsed?.address.scheme} ${parsed?.address.host}`).toBe(place);
  });

  it.each([
    'file:///srv/repo',
    '/srv/repo',
    '../repo',
    'git://h/a/b',
    'https://h',
    'https://h/a',
    'user@h/a/b',
    'https://h/a/b?ref=--upload-pack=x',
    'https://h/a/b?ref=a..b',
    'https://h/a/b?ref=a b',
    'https://h/a/b//../../x',
    'https://-h/$(x)/b',
    'git@-oProxyCommand=x:a/b',
    'https://h/--upload-pack/b c',
    'git@h:-x/y',
    'https://h/a/../b',
  ])('%j is refused', (text) => expect(parseGitAddress(text)).toBeUndefined());
});
