/**
 * Bundles the command into one file, what runs in a cluster into another, and writes beside it whose work is in it, as their licences ask. Plain JavaScript, because `prepare` may be run by a Node that cannot strip types.
 *
 * The file holds the program twice: as text, and as the bytecode that V8 made of it here, in a run over a sample. A Node
 * of the same version takes the bytecode and begins at once; any other compiles the text.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/**
 * Node's own modules, asked for when the module that wants them is first run: `node:http` alone costs 20 ms. Each export
 * is a statement of its own, so that those which nobody imports are left out; some of them load more modules when they
 * are looked at.
 */
const builtinsWhenNeeded = {
  name: 'builtins-when-needed',
  setup(plugins) {
    plugins.onResolve({ filter: /^node:/ }, ({ path }) => ({ path, namespace: 'builtin', sideEffects: false }));
    plugins.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: builtin(path), loader: 'js' }));
    // What packages in CommonJS ask for without the prefix.
    plugins.onResolve({ filter: /^(?:buffer|crypto|process|util)$/ }, ({ path }) => ({
      path,
      namespace: 'required-builtin',
    }));
    plugins.onLoad({ filter: /.*/, namespace: 'required-builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: 'js',
    }));
  },
};

function builtin(path) {
  const asked = `process.getBuiltinModule(${JSON.stringify(path)})`;
  const names = Object.keys(process.getBuiltinModule(path)).filter((name) => /^[A-Za-z]\w*$/.test(name));
  const exports = names
    .filter((name) => name !== 'default')
    .map((name, i) => `const e${i} = /* @__PURE__ */ (() => ${asked}.${name})();\nexport { e${i} as ${name} };`);
  return `${exports.join('\n')}\nexport default /* @__PURE__ */ (() => ${asked})();\n`;
}

const sampleGate = {
  apiVersion: 'syncgate.dev/v1alpha1',
  kind: 'Gate',
  metadata: { name: 'sample' },
  spec: { policies: [], images: { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true } },
};
const samplePolicy = {
  apiVersion: 'policy.sigstore.dev/v1beta1',
  kind: 'ClusterImagePolicy',
  metadata: { name: 'sample' },
  spec: { images: [{ glob: '**' }], authorities: [{ static: { action: 'pass' } }] },
};
const samplePod = `apiVersion: v1
kind: Pod
metadata:
  name: sample
  annotations:
    config.kubernetes.io/origin: |
      path: pod.yaml
  labels: { app: "sample", 'part-of': sample }
spec:
  priority: 3
  containers:
    - name: web
      image: registry.example/web@sha256:${'0'.repeat(64)}
      args: ["--port=8080", '--ratio=0.5']
      env:
        - name: TEXT
          value: |
            two
            lines
  restartPolicy: Always
`;

/**
 * What runs for days and brings clients and servers with it lies in a file of its own: a command that is over in a tenth
 * of a second need not read it.
 */
const serveFile = 'syncgate-serve.cjs';
const serveApart = {
  name: 'serve-apart',
  setup(plugins) {
    plugins.onResolve({ filter: /\/wiring\/serve\.ts$/ }, ({ path }) => ({ path, namespace: 'apart' }));
    plugins.onLoad({ filter: /.*/, namespace: 'apart' }, () => ({ contents: loadingApart, loader: 'js' }));
  },
};
const loadingApart = `
  const file = process.getBuiltinModule('node:path').join(
    process.getBuiltinModule('node:path').dirname(process.getBuiltinModule('node:fs').realpathSync(process.argv[1])),
    '${serveFile}',
  );
  if (!process.getBuiltinModule('node:fs').existsSync(file))
    throw new Error('syncgate serve needs the file ${serveFile} beside its own');
  module.exports = process.getBuiltinModule('node:module').createRequire(file)(file);
`;

const bundling = {
  write: false,
  metafile: true,
  bundle: true,
  platform: 'node',
  target: 'node24',
  // Half the text is half the time to read it.
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
};

async function bundleText() {
  return textOf(
    await build({
      ...bundling,
      entryPoints: [new URL('../src/main.ts', import.meta.url).pathname],
      format: 'iife',
      plugins: [serveApart, builtinsWhenNeeded],
      define: { SYNCGATE_VERSION: JSON.stringify(version) },
    }),
  );
}

async function bundleServe() {
  return textOf(
    await build({
      ...bundling,
      entryPoints: [new URL('../src/wiring/serve.ts', import.meta.url).pathname],
      format: 'cjs',
    }),
  );
}

function textOf({ outputFiles, metafile }) {
  return {
    text: outputFiles[0].text,
    inputs: Object.values(metafile.outputs).flatMap((each) => Object.entries(each.inputs)),
  };
}

/** Name, version and licence of each package of which something is in the bundle. */
function noticesOf(inputs) {
  const names = inputs
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .map(([path]) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path))
    .filter((match) => match !== null)
    .map(([folder, name]) => JSON.stringify([name, folder]));
  const notices = [...new Set(names)].sort().map((each) => {
    const [name, folder] = JSON.parse(each);
    const { version: of, license, author } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const files = readdirSync(folder)
      .filter((file) => /^(?:licen[cs]e|notice|copying)/i.test(file))
      .sort();
    const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim());
    const by = author?.name ?? author;
    return [`${name} ${of} (${license})${by === undefined ? '' : `, by ${by}`}`, ...texts].join('\n\n');
  });
  const head = 'syncgate.mjs holds work of others, under these licences.';
  return `${[head, ...notices].join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

/**
 * The bytecode of everything that a run over a sample needs: a kustomization, with a program in the place of kustomize
 * that prints what it should. Empty where that does not succeed here; then the command only starts more slowly.
 */
function bytecodeOf(text) {
  const folder = mkdtempSync(join(tmpdir(), 'syncgate-build-'));
  const put = (name, content) => writeFileSync(join(folder, name), content);
  try {
    for (const name of ['app', 'bin', 'tmp', 'trust']) mkdirSync(join(folder, name));
    put('bundle.js', text);
    put(
      'run.mjs',
      `import { readFileSync, writeFileSync } from 'node:fs';
      import { Script } from 'node:vm';
      const script = new Script(readFileSync('bundle.js', 'latin1'), { filename: 'syncgate' });
      process.on('exit', (code) => { if (code === 0) writeFileSync('bytecode', script.createCachedData()); });
      script.runInThisContext();`,
    );
    put('gate.json', JSON.stringify(sampleGate));
    put('trust/policy.json', JSON.stringify(samplePolicy));
    put('app/kustomization.yaml', 'kind: Kustomization\nresources: [pod.yaml]\n');
    put('app/pod.yaml', samplePod);
    put('bin/kustomize', '#!/bin/sh\ncase "$1" in version) echo v5.0.0;; *) /bin/cat pod.yaml;; esac\n');
    chmodSync(join(folder, 'bin/kustomize'), 0o755);
    const args = ['run.mjs', 'render', 'app', '--config', 'gate.json'];
    const env = { PATH: join(folder, 'bin'), TMPDIR: join(folder, 'tmp') };
    const { status, stderr } = spawnSync(process.execPath, args, {
      cwd: folder,
      env,
      encoding: 'utf8',
      timeout: 30_000,
    });
    if (status !== 0) throw new Error(stderr);
    return readFileSync(join(folder, 'bytecode'));
  } catch (error) {
    process.stderr.write(`no bytecode was made, so the command starts more slowly: ${error.message}\n`);
    return Buffer.alloc(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A JavaScript string literal. */
function literal(text) {
  const escapes = { '\\': '\\\\', "'": "\\'", '\n': '\\n', '\r': '\\r' };
  return `'${text.replace(/[\\'\n\r]/g, (character) => escapes[character])}'`;
}

const [{ text, inputs }, serve] = await Promise.all([bundleText(), bundleServe()]);
if (/[^\x00-\x7f]/.test(text))
  throw new Error('the bundle must be ASCII: any other text takes twice the memory and time');
const bytecode = bytecodeOf(text);
const maker = `${process.version} ${process.platform} ${process.arch}`;
// Valid as an ES module and as CommonJS: a file without an ending, such as /usr/local/bin/syncgate, is first read as that.
const file = `#!/usr/bin/env node
{
  const text = ${literal(text)};
  const bytecode = '${bytecode.toString('base64')}';
  const here = \`\${process.version} \${process.platform} \${process.arch}\`;
  const { Script } = process.getBuiltinModule('node:vm');
  const made = here === '${maker}' && bytecode !== '' ? { cachedData: Buffer.from(bytecode, 'base64') } : {};
  new Script(text, { filename: 'syncgate', ...made }).runInThisContext();
}
`;
mkdirSync(new URL('../dist/', import.meta.url), { recursive: true });
put(serveFile, serve.text, 0o644);
put('syncgate.mjs', file, 0o755);
put('THIRD-PARTY-NOTICES.txt', noticesOf([...inputs, ...serve.inputs]), 0o644);

/** Written aside and renamed, so that whoever runs the command meanwhile gets one file whole. */
function put(name, content, mode) {
  const fresh = new URL(`../dist/.${process.pid}-${name}`, import.meta.url);
  writeFileSync(fresh, content);
  chmodSync(fresh, mode);
  renameSync(fresh, new URL(`../dist/${name}`, import.meta.url));
}
