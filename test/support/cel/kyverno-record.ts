/** What the real Kyverno says of each probe, kept so that a test can compare with it without it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Refused when it is compiled, or what the policy said of its object. */
export type RecordedProbe =
  | { readonly expression: string; readonly refused: string }
  | { readonly expression: string; readonly status: string; readonly message: string };

const file = fileURLToPath(new URL('../../checks/policy/cel/kyverno-expressions.json', import.meta.url));

export function readProbes(): readonly RecordedProbe[] {
  return JSON.parse(readFileSync(file, 'utf8')) as RecordedProbe[];
}

export function writeProbes(probes: readonly RecordedProbe[]): void {
  writeFileSync(file, `[\n${probes.map((probe) => JSON.stringify(probe)).join(',\n')}\n]\n`);
}
