import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createWorkspace, makeFolder, sweep, workspaceError } from '../../src/adapters/workspace.ts';
import { GateError } from '../../src/core/errors.ts';
import { scratch } from '../support/render.ts';

let folder: ReturnType<typeof scratch>;
beforeEach(() => {
  folder = scratch();
});
afterEach(() => folder[Symbol.dispose]());

const long = new Date(Date.now() - 3_600_000);

describe('a workspace', () => {
  it('is private, and goes with everything in it', () => {
    const workspace = createWorkspace(folder.path);
    expect(statSync(workspace.path).mode & 0o777).toBe(0o700);
    mkdirSync(join(workspace.path, 'a/b'), { recursive: true });
    writeFileSync(join(workspace.path, 'a/b/c'), 'x');
    chmodSync(join(workspace.path, 'a/b'), 0o500);
    workspace.remove();
    workspace.remove();
    expect(readdirSync(folder.path)).toEqual([]);
  });

  it('does not follow links when it goes', () => {
    const kept = join(folder.path, 'kept');
    mkdirSync(kept);
    writeFileSync(join(kept, 'file'), 'x');
    const workspace = createWorkspace(folder.path);
    symlinkSync(kept, join(workspace.path, 'link'));
    workspace.remove();
    expect(existsSync(join(kept, 'file'))).toBe(true);
  });

  it.each([
    ['does not exist', '/nowhere/at/all'],
    ['is a file', '/etc/passwd'],
  ])('cannot be made where the temporary folder %s', (_, path) => {
    expect(() => createWorkspace(path)).toThrow(expect.objectContaining({ code: 'WORKSPACE_FAILED' }));
  });

  it('goes when the process leaves by itself, however', () => {
    const main = join(folder.path, 'main.ts');
    const module = resolve(import.meta.dirname, '../../src/adapters/workspace.ts');
    for (const end of ['process.exit(3);', 'throw new Error("x");', '']) {
      const temporary = makeFolder(folder.path, 'tmp');
      writeFileSync(main, `import { createWorkspace } from '${module}';\ncreateWorkspace('${temporary}');\n${end}`);
      spawnSync(process.execPath, [main], { stdio: 'ignore' });
      expect(readdirSync(temporary)).toEqual([]);
    }
  });

  it('is swept by the next run where the process was killed, and not while it lives', async () => {
    const temporary = makeFolder(folder.path, 'tmp');
    const main = join(folder.path, 'main.ts');
    const module = resolve(import.meta.dirname, '../../src/adapters/workspace.ts');
    writeFileSync(
      main,
      `import { createWorkspace } from '${module}';\nconsole.log(createWorkspace('${temporary}').path);\nsetInterval(() => {}, 1000);`,
    );
    const child = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'inherit'] });
    const path = await new Promise<string>((done) => child.stdout.once('data', (chunk) => done(String(chunk).trim())));
    createWorkspace(temporary).remove();
    expect(existsSync(path)).toBe(true);
    child.kill('SIGKILL');
    await new Promise((done) => child.once('exit', done));
    createWorkspace(temporary).remove();
    expect(existsSync(path)).toBe(false);
  });

  it('tells a full disk from the rest', () => {
    expect(workspaceError(Object.assign(new Error('x'), { code: 'ENOSPC' }))).toMatchObject({ code: 'WORKSPACE_FULL' });
    expect(workspaceError(Object.assign(new Error('x'), { code: 'EACCES' }))).toMatchObject({
      code: 'WORKSPACE_FAILED',
    });
    const known = new GateError('INTERNAL', 'x');
    expect(workspaceError(known)).toBe(known);
  });
});

describe('sweeping', () => {
  const lay = (name: string, owner?: string) => {
    const path = join(folder.path, name);
    mkdirSync(path);
    if (owner !== undefined) writeFileSync(join(path, '.owner'), owner);
    utimesSync(path, long, long);
    return path;
  };

  it('takes the folders of processes that are gone, and of pids that came round', () => {
    const gone = lay('syncgate-gone01', '4194303 1');
    const reused = lay('syncgate-reused', `${process.pid} 1`);
    sweep(folder.path);
    expect([existsSync(gone), existsSync(reused)]).toEqual([false, false]);
  });

  it('leaves what it does not know', () => {
    const kept = lay('syncgate-work01');
    writeFileSync(join(kept, 'file'), 'x');
    utimesSync(kept, long, long);
    const other = lay('another-folder', '4194303 1');
    const young = join(folder.path, 'syncgate-young1');
    mkdirSync(young);
    const target = lay('target', '4194303 1');
    symlinkSync(target, join(folder.path, 'syncgate-link01'));
    writeFileSync(join(folder.path, 'syncgate-file01'), 'x');
    sweep(folder.path);
    expect(readdirSync(folder.path).sort()).toEqual([
      'another-folder',
      'syncgate-file01',
      'syncgate-link01',
      'syncgate-work01',
      'syncgate-young1',
      'target',
    ]);
    expect(existsSync(join(target, '.owner'))).toBe(true);
    expect(existsSync(other)).toBe(true);
  });

  it('does not fail where there is nothing to look at', () => expect(() => sweep('/nowhere')).not.toThrow());
});
