/** The real `kyverno apply`, over one policy and many objects. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, type JsonObject } from '../../../src/core/json.ts';
import { tool } from '../tools/resolve.ts';
import { nameOf, type PolicyCase, type Verdict } from './cases.ts';

interface Report {
  readonly results?: readonly {
    readonly rule?: string;
    readonly policy: string;
    readonly result: string;
    readonly message?: string;
    readonly resources: readonly { readonly name: string; readonly kind: string }[];
  }[];
}

/** The status of an object over which the program itself broke down: it says nothing of the others then. */
export const crashed = 'crashed';

/**
 * What Kyverno says of each object, in the order of its rules. Objects have names of their own. Throws with what it
 * printed where it gave no report.
 */
export async function kyvernoVerdicts(policy: PolicyCase, objects: readonly JsonObject[]): Promise<Verdict[][]> {
  const folder = mkdtempSync(join(tmpdir(), 'kyverno-'));
  try {
    const found = await askedOnce(policy, objects, folder);
    if (found !== undefined) return found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (objects.length === 1) return [[{ rule: '', status: crashed, message: '' }]];
  const half = Math.ceil(objects.length / 2);
  const first = await kyvernoVerdicts(policy, objects.slice(0, half));
  return [...first, ...(await kyvernoVerdicts(policy, objects.slice(half)))];
}

/** Undefined where it panicked. */
async function askedOnce(
  policy: PolicyCase,
  objects: readonly JsonObject[],
  folder: string,
): Promise<Verdict[][] | undefined> {
  const resources = join(folder, 'resources.yaml');
  writeFileSync(resources, objects.map((object) => canonicalJson(object)).join('\n---\n'));
  // Alone: its file may hold others.
  const own = join(folder, 'policy.yaml');
  writeFileSync(own, canonicalJson(policy.document.value));
  const report = ['--policy-report', '--output-format', 'json', '--remove-color', '--continue-on-fail'];
  const { stdout, stderr } = await run(
    await tool('kyverno'),
    ['apply', own, '--resource', resources, ...report],
    folder,
  );
  if (/^(panic|fatal error): /m.test(stderr)) return undefined;
  // One report for the cluster, and one for each Policy and object.
  const reports = stdout.split('\n').filter((line) => line.startsWith('{'));
  // Where no rule matches anything there is no report at all.
  if (reports.length === 0 && /[^\s]/.test(stdout.replaceAll(/^(Warning: .*|---)$/gm, '') + stderr)) {
    throw new Error(`kyverno gave no report:\n${stdout.slice(-1000)}${stderr.slice(-1000)}`);
  }
  const byName = new Map(objects.map((object): [string, Verdict[]] => [nameOf(object), []]));
  for (const each of reports.map((line) => JSON.parse(line) as Report)) {
    for (const { rule = '', result, message = '', resources: about } of each.results ?? []) {
      for (const { name } of about) byName.get(name)?.push({ rule, status: result, message });
    }
  }
  return [...byName.values()];
}

function run(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return new Promise((done, failed) => {
    execFile(
      program,
      [...args],
      { cwd, encoding: 'utf8', maxBuffer: 1 << 30, timeout: 600_000, env: { HOME: cwd, PATH: '' } },
      (error, stdout, stderr) => {
        // A failing verdict is exit code 1, beside a report.
        if (error !== null && stdout.trim() === '' && stderr.trim() === '') failed(error);
        else done({ stdout, stderr });
      },
    );
  });
}
