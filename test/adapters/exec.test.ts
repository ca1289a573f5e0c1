import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createExec, createServe, findLaunchers, findProgram, type Launchers } from '../../src/adapters/exec.ts';
import type { ExecRequest } from '../../src/core/ports.ts';
import { scratch, script } from '../support/render.ts';

const folder = scratch();
afterAll(() => folder[Symbol.dispose]());

const both: [string, Launchers][] = [
  ['with setpriv and prlimit', findLaunchers()],
  ['with nothing but Node', { setpriv: undefined, prlimit: undefined }],
];

let count = 0;
function request(lines: string, more: Partial<ExecRequest> = {}): ExecRequest {
  const program = script(folder.path, `program-${count++}`, lines);
  return {
    program,
    args: [],
    cwd: folder.path,
    env: { PATH: '/usr/bin:/bin' },
    maxOutputBytes: 1_000_000,
    signal: AbortSignal.timeout(20_000),
    ...more,
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A zombie is dead; the machine's first process reaps it when it likes.
  return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

async function eventually(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((done) => setTimeout(done, 25));
  expect(condition()).toBe(true);
}

async function pidIn(file: string): Promise<number> {
  await eventually(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
  return Number(readFileSync(file, 'utf8'));
}

describe.each(both)('a program, %s', (_, launchers) => {
  const exec = createExec(launchers);

  it('answers with its code, its output and what it complained of', async () => {
    expect(await exec(request('echo out; echo err >&2; exit 3'))).toEqual({
      kind: 'exited',
      code: 3,
      stdout: Buffer.from('out\n'),
      stderr: 'err\n',
    });
  });

  it('gets its arguments and its input as they are, and nothing of the environment', async () => {
    const args = ['$(touch x)', '; ls', '--', '-n', '', "'"];
    const result = await exec(
      request('for a in "$@"; do printf "[%s]" "$a"; done; cat; env', { args, stdin: 'in', env: { ONLY: 'this' } }),
    );
    const text = result.kind === 'exited' ? result.stdout.toString() : '';
    expect(text).toContain("[$(touch x)][; ls][--][-n][][']in");
    expect(text).toContain('ONLY=this');
    expect(text).not.toContain('HOME=');
  });

  it('may end without reading its input', async () => {
    expect(await exec(request('exit 0', { stdin: 'x'.repeat(5_000_000) }))).toMatchObject({ kind: 'exited', code: 0 });
  });

  it.each([
    ['is not there', '/nowhere/at/all'],
    ['is a folder', '/tmp'],
    ['is not executable', '/etc/passwd'],
    ['is a relative path', 'sh'],
  ])('that %s is missing', async (_case, program) => {
    expect(await exec({ ...request(''), program })).toMatchObject({ kind: 'missing' });
  });

  it('with more arguments than the system takes is missing', async () => {
    expect(await exec(request('', { args: ['x'.repeat(3_000_000)] }))).toMatchObject({
      kind: 'missing',
      message: expect.stringContaining('E2BIG'),
    });
  });

  it('is killed when it prints too much', async () => {
    expect(await exec(request('exec yes', { maxOutputBytes: 1000 }))).toMatchObject({ kind: 'killed', why: 'output' });
  });

  it('keeps 64 KiB of what it complains of', async () => {
    const result = await exec(request('head -c 500000 /dev/zero | tr "\\0" x >&2; exit 1'));
    expect(result.kind === 'exited' && result.stderr.length).toBe(65536);
  });

  it('is killed at the deadline with everything it started', async () => {
    const file = join(folder.path, `child-${count}`);
    const stop = new AbortController();
    const running = exec(request(`sleep 600 & echo $! > ${file}; wait`, { signal: stop.signal }));
    const pid = await pidIn(file);
    stop.abort();
    expect(await running).toMatchObject({ kind: 'killed', why: 'deadline' });
    await eventually(() => !isAlive(pid));
  });

  it('does not start after the deadline', async () => {
    expect(await exec(request('exit 0', { signal: AbortSignal.abort() }))).toMatchObject({
      kind: 'killed',
      why: 'deadline',
    });
  });

  it('leaves nothing behind when it ends well', async () => {
    const file = join(folder.path, `left-${count}`);
    const result = await exec(request(`sleep 600 & echo $! > ${file}; echo done`));
    expect(result).toMatchObject({ kind: 'exited', code: 0, stdout: Buffer.from('done\n') });
    await eventually(() => !isAlive(Number(readFileSync(file, 'utf8'))));
  });

  it('does not wait for a process that left the group and holds the pipe', async () => {
    const file = join(folder.path, `escaped-${count}`);
    const result = await exec(
      request(
        `setsid sh -c 'echo $$ > ${file}; exec sleep 600' & while [ ! -s ${file} ]; do sleep 0.02; done; echo done`,
      ),
    );
    expect(result).toMatchObject({ kind: 'exited', code: 0, stdout: Buffer.from('done\n') });
    process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
  });

  it('that dies by a signal says so', async () => {
    expect(await exec(request('kill -SEGV $$'))).toMatchObject({ kind: 'killed', why: 'signal' });
  });
});

describe('with prlimit', () => {
  it('has the memory that it may have', async () => {
    const exec = createExec();
    const sh = 'x=$(head -c 300000000 /dev/zero | tr "\\0" x); echo $x | wc -c';
    expect(await exec(request(sh, { maxMemoryBytes: 100_000_000 }))).not.toMatchObject({ kind: 'exited', code: 0 });
  });
});

describe('a process that dies by SIGKILL', () => {
  it('takes its children with it', async () => {
    const file = join(folder.path, 'orphan');
    const main = join(folder.path, 'main.ts');
    const program = script(folder.path, 'orphan-program', `echo $$ > ${file}; exec sleep 600`);
    writeFileSync(
      main,
      `import { createExec } from '${resolve(import.meta.dirname, '../../src/adapters/exec.ts')}';
await createExec()({ program: '${program}', args: [], cwd: '/', env: { PATH: '/usr/bin:/bin' }, maxOutputBytes: 1, signal: AbortSignal.timeout(600000) });`,
    );
    const parent = spawn(process.execPath, [main], { stdio: 'ignore' });
    const pid = await pidIn(file);
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await eventually(() => !isAlive(pid));
  });
});

describe('a program that serves', () => {
  it('runs until it is stopped, with everything it started', async () => {
    const file = join(folder.path, 'served');
    const served = createServe()(request(`sleep 600 & echo $! > ${file}; echo up >&2; wait`));
    if ('kind' in served) throw new Error(JSON.stringify(served));
    const pid = await pidIn(file);
    await eventually(() => served.stderr() === 'up\n');
    await served.stop();
    await served.stop();
    expect(await served.ended).toMatchObject({ kind: 'killed', why: 'signal' });
    await eventually(() => !isAlive(pid));
  });

  it('that is missing says so at once', () => {
    expect(createServe()({ ...request(''), program: '/nowhere' })).toMatchObject({ kind: 'missing' });
  });

  it('that ends by itself settles', async () => {
    const served = createServe()(request('echo no >&2; exit 7'));
    if ('kind' in served) throw new Error(JSON.stringify(served));
    expect(await served.ended).toMatchObject({ kind: 'exited', code: 7 });
    await served.stop();
  });
});

describe('finding programs', () => {
  it('takes the first one of a path, and no relative folder', () => {
    const bin = join(folder.path, 'bin');
    mkdirSync(bin);
    script(bin, 'tool', 'exit 0');
    writeFileSync(join(folder.path, 'tool'), 'not a program');
    expect(findProgram('tool', `bin:.:${folder.path}:${bin}`)).toBe(join(bin, 'tool'));
    expect(findProgram('tool', '')).toBeUndefined();
    expect(findProgram(join(bin, 'tool'), '')).toBe(join(bin, 'tool'));
    expect(findProgram('./bin/tool', folder.path)).toBeUndefined();
  });

  it('does not take BusyBox for util-linux', () => {
    const bin = join(folder.path, 'busy');
    mkdirSync(bin);
    script(bin, 'busybox', 'exit 0');
    symlinkSync('busybox', join(bin, 'setpriv'));
    script(bin, 'prlimit', 'exit 0');
    chmodSync(join(bin, 'prlimit'), 0o755);
    expect(findLaunchers([bin])).toEqual({ setpriv: undefined, prlimit: join(bin, 'prlimit') });
  });
});
