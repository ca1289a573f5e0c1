import type { Exec } from '../../core/ports.ts';

/** How each engine is asked for its version. */
const ENGINES = [
  { name: 'kustomize', args: ['version'] },
  { name: 'helm', args: ['version', '--template', '{{.Version}}'] },
  { name: 'opa', args: ['version'] },
] as const;

/** The versions of the engines that are found; `not found` and `unknown` are answers. Never rejects. */
export async function engineVersions(
  exec: Exec,
  findProgram: (name: string) => string | undefined,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const found = await Promise.all(
    ENGINES.map(async ({ name, args }) => {
      const program = findProgram(name);
      if (program === undefined) return [name, 'not found'] as const;
      const result = await exec({
        program,
        args,
        cwd: '/',
        env: { HOME: '/nonexistent' },
        maxOutputBytes: 65_536,
        signal,
      });
      const text = result.kind === 'exited' && result.code === 0 ? result.stdout.toString('utf8') : '';
      return [name, /v?\d+\.\d+(?:\.\d+)?[\w.+-]*/.exec(text)?.[0] ?? 'unknown'] as const;
    }),
  );
  return Object.fromEntries(found);
}

/** The versions of syncgate, of Node.js and of the engines, a line each or as JSON. */
export function versionText(own: string, engines: Readonly<Record<string, string>>, output: string): string {
  const all = { syncgate: own, node: process.versions.node, ...engines };
  if (output === 'json') return `${JSON.stringify(all, undefined, 2)}\n`;
  return `${Object.entries(all)
    .map(([name, version]) => `${name} ${version}`)
    .join('\n')}\n`;
}
