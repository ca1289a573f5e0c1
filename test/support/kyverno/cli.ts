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

/**
 * What Kyverno says of each object, in the order of its rules. Objects have names of their own. Throws with what it
 * printed where it gave no report.
 */
export async function kyvernoVerdicts(policy: PolicyCase, objects: readonly JsonObject[]): Promise<Verdict[][]> {
  const folder = mkdtempSync(join(tmpdir(), 'kyverno-'));
  try {
    const resources = join(folder, 'resources.yaml');
    writeFileSync(resources, objects.map((object) => canonicalJson(object)).join('\n---\n'));
    const args = [
      'apply',
      policy.path,
      '--resource',
      resources,
      '--policy-report',
      '--output-format',
      'json',
      '--remove-color',
    ];
    const output = await run(await tool('kyverno'), [...args, '--continue-on-fail'], folder);
    const start = output.search(/^\{/m);
    // Where no rule matches anything there is no report at all.
    if (start < 0 && /^\s*$/.test(output.replaceAll(/^Warning: .*$/gm, ''))) return objects.map(() => []);
    if (start < 0) throw new Error(`kyverno gave no report:\n${output.slice(-2000)}`);
    const report = JSON.parse(output.slice(start)) as Report;
    const byName = new Map(objects.map((object): [string, Verdict[]] => [nameOf(object), []]));
    for (const { rule = '', result, message = '', resources: about } of report.results ?? []) {
      for (const { name } of about) byName.get(name)?.push({ rule, status: result, message });
    }
    return [...byName.values()];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((done, failed) => {
    execFile(
      program,
      [...args],
      { cwd, encoding: 'utf8', maxBuffer: 1 << 30, timeout: 600_000, env: { HOME: cwd, PATH: '' } },
      (error, stdout, stderr) => {
        // A failing verdict is exit code 1, beside a report.
        if (error !== null && stdout.trim() === '')
          failed(new Error(`kyverno failed (${error.message}): ${stderr.slice(-2000)}`));
        else done(stdout);
      },
    );
  });
}
