import type { Decision } from '../../core/decision.ts';
import { GateError } from '../../core/errors.ts';
import type { Judged } from '../../gate.ts';
import { requestFrom } from '../../render/parameters.ts';
import { plainRequest, type RenderRequest } from '../../render/request.ts';
import { decisionJson } from '../../report/json.ts';
import { colourPalette, decisionText, plainPalette } from '../../report/text.ts';
import type { Command } from './arguments.ts';

export type JudgeCommand = Extract<Command, { name: 'check' | 'render' }>;

/** The world that a command needs to know what it was asked about. */
export interface CommandWorld {
  readonly resolvePath: (path: string) => string;
  /** The nearest folder at or above `folder` that is a Git work tree; undefined where there is none. */
  readonly workTreeOf: (folder: string) => string | undefined;
  /** The path of `folder` seen from `root`; undefined if it is not inside. */
  readonly pathInside: (root: string, folder: string) => string | undefined;
  readonly isFolder: (path: string) => boolean;
  readonly readStdin: () => Promise<Uint8Array>;
}

/**
 * What the flags of `check` and `render` ask to be rendered. Throws SOURCE_MISSING for what is not
 * a folder, and USAGE for a path outside of --root.
 */
export async function requestFromCommand(command: JudgeCommand, world: CommandWorld): Promise<RenderRequest> {
  const { source } = command;
  const base = plainRequest(
    command.path === '-' ? { kind: 'stdin', bytes: await world.readStdin() } : folderSource(command, world),
  );
  return requestFrom(
    {
      ...base,
      appName: source.appName,
      destinationNamespace: source.namespace,
      kubeVersion: source.kubeVersion,
      apiVersions: source.apiVersions,
    },
    source.parameters,
  );
}

function folderSource(command: JudgeCommand, world: CommandWorld) {
  const folder = world.resolvePath(command.path);
  const root =
    command.source.root === undefined ? (world.workTreeOf(folder) ?? folder) : world.resolvePath(command.source.root);
  for (const [name, at] of [
    [command.source.root ?? command.path, root],
    [command.path, folder],
  ] as const) {
    if (!world.isFolder(at)) throw new GateError('SOURCE_MISSING', `${name} is not a folder that can be read`);
  }
  const path = world.pathInside(root, folder);
  if (path === undefined) {
    throw new GateError('USAGE', `${command.path} is not inside the root ${command.source.root ?? root}`, {
      mend: 'Name a folder inside --root, or leave --root out.',
    });
  }
  return { kind: 'folder', root, path: path === '' ? '.' : path } as const;
}

/** What a command prints, and how it exits. `stdout` of a refusal is empty unless it is a report that was asked for. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** Turns a verdict into what the user sees. Manifests come out of `render` alone, and only beside `allowed`. */
export function printJudged(
  command: Pick<JudgeCommand, 'name' | 'options'>,
  judged: Judged,
  terminal: boolean,
): Printed {
  const { decision } = judged;
  const { options } = command;
  const exitCode = exitCodeOf(decision.verdict);
  const palette = terminal && options.color ? colourPalette : plainPalette;
  const silent = options.quiet && decision.verdict === 'allowed' && decision.warnings.length === 0;
  if (command.name === 'check' && options.output === 'json') {
    return { stdout: decisionJson(decision), stderr: '', exitCode };
  }
  const stderr = silent ? '' : decisionText(decision, palette);
  return { stdout: command.name === 'render' ? (judged.manifests ?? '') : '', stderr, exitCode };
}

/** 0 allowed, 1 denied, 2 could not be evaluated, 3 usage or configuration. The one place for exit codes. */
export function exitCodeOf(verdict: Decision['verdict']): number {
  switch (verdict) {
    case 'allowed':
      return 0;
    case 'denied':
      return 1;
    case 'unevaluated':
      return 2;
    case 'usage':
      return 3;
    default:
      return verdict satisfies never;
  }
}
