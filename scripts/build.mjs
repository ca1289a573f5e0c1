// Bundles the command into one file. Plain JavaScript, because `prepare` may be run by a Node that cannot strip types.
import { chmodSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
/**
 * Node's own modules, asked for when the module that wants them is first run. In an ES module every import is loaded at
 * the start, wanted or not, and `node:http` alone costs 20 ms of each run.
 */
const builtinsWhenNeeded = {
  name: 'builtins-when-needed',
  setup(plugins) {
    plugins.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin' }));
    plugins.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: 'js',
    }));
  },
};

mkdirSync(new URL('../dist/', import.meta.url), { recursive: true });
const bundle = new URL('../dist/syncgate.mjs', import.meta.url);
// Written aside and renamed, so that whoever runs the command meanwhile gets one bundle whole.
const fresh = new URL(`../dist/.syncgate-${process.pid}.mjs`, import.meta.url);
await build({
  entryPoints: [new URL('../src/main.ts', import.meta.url).pathname],
  outfile: fresh.pathname,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  // Half the text is half the time to parse it.
  minify: true,
  legalComments: 'none',
  plugins: [builtinsWhenNeeded],
  define: { SYNCGATE_VERSION: JSON.stringify(version) },
  // Packages in CommonJS ask for Node's own modules by require, which an ES module does not have.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
chmodSync(fresh, 0o755);
renameSync(fresh, bundle);
