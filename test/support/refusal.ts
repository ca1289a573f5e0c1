import { expect } from 'vitest';
import { CODES, type Code } from '../../src/core/errors.ts';
import { exitCodeOf } from '../../src/surfaces/cli/judge-command.ts';
import type { CliRun, JudgingCommand, Sandbox } from './cli.ts';

/** What a refusal must say. */
export interface Refusal {
  /** The code of every finding, in their order. */
  readonly codes: readonly Code[];
  /** What else stands in the text: the place, the name, the reason. */
  readonly says?: readonly (string | RegExp)[];
  /** What must not stand there. */
  readonly secrets?: readonly string[];
  /** Where the exit code does not follow from the codes. */
  readonly exitCode?: number;
}

/** Folders of a machine. What a reader of the message can open is relative to the source, or to the configuration. */
const machinePath = /(?<![\w.:/*)-])\/(?:tmp|home|root|usr|var|proc|dev|run|opt|work|nix)\b/;

/**
 * Holds a run to what every refusal owes its reader: the exit code, no manifest, one line a finding with its code and
 * its mend, no path of the machine, no stack trace, no secret, no process and no temporary file left.
 */
export function expectRefusal(command: JudgingCommand, run: CliRun, sandbox: Sandbox, refusal: Refusal): void {
  const { stderr } = run;
  const findings = findingsOf(command, stderr);
  expect(
    findings.map((each) => /\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b/.exec(each)?.[0]),
    stderr,
  ).toEqual(refusal.codes);
  for (const code of refusal.codes) expect(CODES[code], `${code} is in the catalogue`).toBeDefined();
  for (const text of refusal.says ?? []) expect(stderr).toMatch(text);
  expect(run.stdout, 'no byte of a manifest leaves').toBe('');
  expect({ exitCode: run.exitCode, signal: run.signal }, stderr).toEqual({
    exitCode: refusal.exitCode ?? exitCodeFrom(refusal.codes),
    signal: null,
  });
  for (const finding of findings) expect(finding, 'a finding ends with what to do').toMatch(/[.?] \S/);
  expectNothingTold(stderr, sandbox, refusal.secrets ?? []);
  expect(run.leftProcesses, 'no process is left').toEqual([]);
  expect(run.leftFiles, 'no temporary file is left').toEqual([]);
}

/** No path of this machine, no stack trace, no secret, and no character that draws. */
export function expectNothingTold(text: string, sandbox: Sandbox, secrets: readonly string[] = []): void {
  expect(text).not.toContain(sandbox.path);
  expect(text).not.toMatch(machinePath);
  expect(text).not.toMatch(/^\s+at .*:\d+:\d+/m);
  expect(text).not.toMatch(/node:|\.m?js:\d+/);
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  for (const secret of secrets) expect(text).not.toContain(secret);
}

/** The lines (for the plugin: the parts of the one line) that tell a finding. */
function findingsOf(command: JudgingCommand, stderr: string): string[] {
  expect(stderr.endsWith('\n')).toBe(true);
  const lines = stderr.slice(0, -1).split('\n');
  if (command === 'generate') {
    expect(lines, 'the plugin says all of it on one line').toHaveLength(1);
    expect(Buffer.byteLength(stderr)).toBeLessThanOrEqual(4096);
    return (lines[0] as string)
      .split(' | ')
      .filter((part) => !/^syncgate |^once the cause|^\d+ more left out/.test(part));
  }
  return lines.filter((line) => !/^(?:DENIED|NOT EVALUATED|not evaluated|warning|allowed) /.test(line));
}

function exitCodeFrom(codes: readonly Code[]): number {
  const answers = codes.map((code) => CODES[code].answer);
  return exitCodeOf(answers.includes('denied') ? 'denied' : answers.includes('usage') ? 'usage' : 'unevaluated');
}
