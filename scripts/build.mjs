// Bundles the command into one file. Plain JavaScript, because `prepare` may be run by a Node that cannot strip types.
import { chmodSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
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
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  define: { SYNCGATE_VERSION: JSON.stringify(version) },
  // Packages in CommonJS ask for Node's own modules by require, which an ES module does not have.
  banner: {
    js: "#!/usr/bin/env node\nimport { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
chmodSync(fresh, 0o755);
renameSync(fresh, bundle);
