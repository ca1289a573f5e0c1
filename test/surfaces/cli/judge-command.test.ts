import { describe, expect, it, vi } from 'vitest';
import type { Decision, Finding } from '../../../src/core/decision.ts';
import { parseDigest } from '../../../src/core/image.ts';
import type { Judged } from '../../../src/gate.ts';
import { type Command, parseCommand } from '../../../src/surfaces/cli/arguments.ts';
import {
  type CommandWorld,
  exitCodeOf,
  printJudged,
  requestFromCommand,
} from '../../../src/surfaces/cli/judge-command.ts';
import { rejectionOf } from '../../support/thrown.ts';

type JudgeCommand = Extract<Command, { name: 'check' | 'render' }>;
const command = (line: string) => parseCommand(line.split(' ')) as JudgeCommand;

/** A world in which /work/tree is a Git work tree. */
const world: CommandWorld = {
  resolvePath: (path) => (path.startsWith('/') ? path : path === '.' ? '/here' : `/here/${path}`),
  workTreeOf: (folder) => (folder.startsWith('/tree/') ? '/tree' : undefined),
  pathInside: (root, folder) =>
    folder === root ? '' : folder.startsWith(`${root}/`) ? folder.slice(root.length + 1) : undefined,
  isFolder: (path) => !path.includes('nowhere'),
  readStdin: async () => Buffer.from('piped'),
};

describe('what is rendered', () => {
  it.each([
    ['check', { kind: 'folder', root: '/here', path: '.' }],
    ['check app', { kind: 'folder', root: '/here/app', path: '.' }],
    ['check /tree/apps/shop', { kind: 'folder', root: '/tree', path: 'apps/shop' }],
    ['check /tree/apps/shop --root /tree/apps', { kind: 'folder', root: '/tree/apps', path: 'shop' }],
    ['check /a/b --root /a', { kind: 'folder', root: '/a', path: 'b' }],
    ['check -', { kind: 'stdin', bytes: Buffer.from('piped') }],
  ])('%s', async (line, source) => {
    expect((await requestFromCommand(command(line), world)).source).toEqual(source);
  });

  it('is nothing outside of the root', async () => {
    const error = await rejectionOf(requestFromCommand(command('check /a/b --root /a/c'), world));
    expect(error).toMatchObject({ code: 'USAGE', message: '/a/b is not inside the root /a/c' });
  });

  it.each([
    ['check nowhere', 'nowhere'],
    ['check nowhere/app --root nowhere', 'nowhere'],
    ['check a --root /nowhere', '/nowhere'],
  ])('%s: is a folder', async (line, name) => {
    const error = await rejectionOf(requestFromCommand(command(line), world));
    expect(error).toMatchObject({ code: 'SOURCE_MISSING', message: `${name} is not a folder that can be read` });
  });

  it('does not read standard input unless it is asked to', async () => {
    const readStdin = vi.fn(world.readStdin);
    await requestFromCommand(command('check app'), { ...world, readStdin });
    expect(readStdin).not.toHaveBeenCalled();
  });

  it('takes along what flags say of the cluster and the parameters', async () => {
    const line =
      'render app -n shop --app-name web --kube-version 1.33.0 --api-versions a/v1 --kustomize-name-prefix p-';
    expect(await requestFromCommand(command(line), world)).toMatchObject({
      appName: 'web',
      destinationNamespace: 'shop',
      kubeVersion: '1.33.0',
      apiVersions: ['a/v1'],
      kustomize: { namePrefix: 'p-' },
    });
  });

  it('refuses a parameter with a value that it cannot have', async () => {
    const error = await rejectionOf(requestFromCommand(command('render app --tool jsonnet'), world));
    expect(error.code).toBe('PARAMETER_INVALID');
  });
});

const reason: Finding = { effect: 'deny', code: 'IMAGE_UNSIGNED', rule: 'images', message: 'm', mend: 'f' };
const base: Decision = {
  verdict: 'allowed',
  reasons: [],
  warnings: [],
  checks: [],
  images: [],
  objects: 1,
  engines: {},
  notEvaluated: [],
  manifestsDigest: parseDigest(`sha256:${'a'.repeat(64)}`),
};
const allowed: Judged = { decision: { ...base, verdict: 'allowed' }, manifests: 'MANIFESTS\n' };

function refused(verdict: 'denied' | 'unevaluated' | 'usage'): Judged {
  return { decision: { ...base, verdict, reasons: [reason], manifestsDigest: undefined } };
}

describe('what is printed', () => {
  it.each([
    ['render app', allowed, 'MANIFESTS\n', 0],
    ['render app -o yaml', allowed, 'MANIFESTS\n', 0],
    ['check app', allowed, '', 0],
    ['render app', refused('denied'), '', 1],
    ['render app', refused('unevaluated'), '', 2],
    ['render app', refused('usage'), '', 3],
    ['check app', refused('denied'), '', 1],
  ])('%s: manifests only from render, and only if it is allowed', (line, judged, stdout, exitCode) => {
    const printed = printJudged(command(line), judged, false);
    expect(printed).toMatchObject({ stdout, exitCode });
    expect(printed.stderr).toContain(exitCode === 0 ? 'allowed' : 'IMAGE_UNSIGNED');
  });

  it.each([allowed, refused('denied')])(
    'check --output json puts the report on stdout and nothing on stderr',
    (judged) => {
      const { stdout, stderr } = printJudged(command('check app -o json'), judged, false);
      expect(JSON.parse(stdout)).toMatchObject({ verdict: judged.decision.verdict });
      expect(stdout).not.toContain('MANIFESTS');
      expect(stderr).toBe('');
    },
  );

  it('--quiet is silent about what is allowed, and never about a refusal or a warning', () => {
    const quiet = command('check app -q');
    expect(printJudged(quiet, allowed, false).stderr).toBe('');
    expect(printJudged(quiet, refused('denied'), false).stderr).toContain('IMAGE_UNSIGNED');
    const warned: Judged = {
      ...allowed,
      decision: { ...allowed.decision, warnings: [{ ...reason, effect: 'warn' }] },
    } as Judged;
    expect(printJudged(quiet, warned, false).stderr).toContain('warning');
  });

  it.each([
    ['on a terminal', 'check app', true, true],
    ['into a file', 'check app', false, false],
    ['on a terminal that wants none', 'check app --no-color', true, false],
  ])('colour %s', (_, line, terminal, coloured) => {
    expect(printJudged(command(line), refused('denied'), terminal).stderr.includes('\u001b[')).toBe(coloured);
  });
});

it.each([
  ['allowed', 0],
  ['denied', 1],
  ['unevaluated', 2],
  ['usage', 3],
] as const)('%s exits %d', (verdict, code) => expect(exitCodeOf(verdict)).toBe(code));
