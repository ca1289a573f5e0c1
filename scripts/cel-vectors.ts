/**
 * `node scripts/cel-vectors.ts`: asks the Go implementation of CEL, in the environment of an API server, what it makes of
 * the expressions in `test/checks/policy/cel/kubernetes-expressions.txt`, and writes the answers beside them.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { canonicalJson } from '../src/core/json.ts';
import { expressions, VARIABLES } from '../test/checks/policy/cel/kubernetes-vectors.ts';
import { tool } from '../test/support/tools/resolve.ts';

const questions = expressions().map((expr) => canonicalJson({ expr, vars: VARIABLES }));
const answers = execFileSync(await tool('kubecel'), {
  input: `${questions.join('\n')}\n`,
  encoding: 'utf8',
  maxBuffer: 2 ** 26,
});
const file = new URL('../test/checks/policy/cel/kubernetes-vectors.jsonl', import.meta.url);
writeFileSync(fileURLToPath(file), answers);
