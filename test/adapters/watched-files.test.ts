import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentDigest, stampOf } from '../../src/adapters/watched-files.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'syncgate-test-watched-'));
  mkdirSync(join(folder, 'rules'));
  writeFileSync(join(folder, 'rules/a.yaml'), 'a');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const paths = (name = 'rules') => [{ path: join(folder, name), name: 'rules' }];

describe('files that decide something', () => {
  it.each<[string, () => void]>([
    ['content of the same length and time', () => rewrite('rules/a.yaml', 'b')],
    ['a file more', () => writeFileSync(join(folder, 'rules/b.yaml'), '')],
    ['a file less', () => rmSync(join(folder, 'rules/a.yaml'))],
    [
      'a file in a folder below',
      () => {
        mkdirSync(join(folder, 'rules/deep'));
        writeFileSync(join(folder, 'rules/deep/c.yaml'), 'c');
      },
    ],
    ['the folder gone', () => rmSync(join(folder, 'rules'), { recursive: true })],
  ])('differ after: %s', (_, change) => {
    const before = [stampOf(paths()), contentDigest(paths())];
    change();
    expect(stampOf(paths())).not.toBe(before[0]);
    expect(contentDigest(paths())).not.toBe(before[1]);
  });

  it('have one digest wherever they lie, and whenever they were written', () => {
    mkdirSync(join(folder, 'elsewhere'));
    writeFileSync(join(folder, 'elsewhere/a.yaml'), 'a');
    utimesSync(join(folder, 'elsewhere/a.yaml'), 1, 1);
    expect(contentDigest(paths('elsewhere'))).toBe(contentDigest(paths()));
    expect(stampOf(paths('elsewhere'))).not.toBe(stampOf(paths()));
  });

  it('are followed through the links by which Kubernetes exchanges a mount in one step', () => {
    for (const [version, text] of [
      ['..one', 'a'],
      ['..two', 'b'],
    ] as const) {
      mkdirSync(join(folder, 'mount', version), { recursive: true });
      writeFileSync(join(folder, 'mount', version, 'a.yaml'), text);
    }
    symlinkSync('..one', join(folder, 'mount/..data'));
    symlinkSync('..data/a.yaml', join(folder, 'mount/a.yaml'));
    const before = contentDigest(paths('mount'));
    expect(before).toBe(contentDigest(paths()));
    symlinkSync('..two', join(folder, 'mount/..new'));
    renameSync(join(folder, 'mount/..new'), join(folder, 'mount/..data'));
    expect(contentDigest(paths('mount'))).not.toBe(before);
  });

  it('count a file that is not there, and tell names from contents', () => {
    expect(contentDigest(paths('none'))).not.toBe(contentDigest(paths()));
    rewrite('rules/a.yaml', '');
    writeFileSync(join(folder, 'rules/b.yaml'), 'a');
    const split = contentDigest(paths());
    rewrite('rules/a.yaml', 'a');
    rewrite('rules/b.yaml', '');
    expect(contentDigest(paths())).not.toBe(split);
  });
});

/** Written and given the old time: only the inode and the time of the change tell. */
function rewrite(name: string, text: string): void {
  writeFileSync(join(folder, name), text);
  utimesSync(join(folder, name), 1_700_000_000, 1_700_000_000);
}
