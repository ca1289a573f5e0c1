/** Trust policies as files, and what they are loaded with. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TrustPorts } from '../../../src/checks/images/policy/context.ts';
import { type LoadedTrust, loadTrust } from '../../../src/checks/images/policy/trust.ts';

const never = new AbortController().signal;

/** What trust is loaded with where a test says nothing else. */
export const trustPorts: TrustPorts = { clock: { now: () => Date.parse('2026-11-20T00:00:00Z') }, signal: never };

/** Loads the trust folder that holds the given files. */
export async function loadFiles(
  files: Readonly<Record<string, string | Uint8Array>>,
  secrets?: string,
  { ports = {}, source: more = {} }: { readonly ports?: Partial<TrustPorts>; readonly source?: object } = {},
): Promise<LoadedTrust> {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-test-trust-'));
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    const source = { path: 'trust/', ...(secrets === undefined ? {} : { secrets }), ...more };
    const resolvePath = (path: string) => (path.startsWith('/') ? path : join(folder, path.replace(/^trust\/?/, '')));
    return await loadTrust([source], resolvePath, { ...trustPorts, ...ports });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
