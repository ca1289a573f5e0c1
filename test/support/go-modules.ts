/** Sources of Go modules, which carry real kustomizations and charts. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The folder of a module in Go's cache; downloaded once. Rejects with what to do where that cannot be. */
export async function moduleFolder(module: string): Promise<string> {
  try {
    const { stdout } = await run('go', ['mod', 'download', '-json', module], { cwd: '/', maxBuffer: 1e7 });
    return (JSON.parse(stdout) as { Dir: string }).Dir;
  } catch (error) {
    throw new Error(
      `the module ${module} is needed, for its manifests: install Go 1.26 or newer, and let it reach its module proxy`,
      { cause: error },
    );
  }
}
