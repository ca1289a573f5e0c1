/** `npm run tools [-- fast|e2e|bench|NAME…]`: has every program that the named work runs, building what is missing. */
import { TOOLS } from '../test/support/tools/catalog.ts';
import { findTool, resolveTool, ToolMissing } from '../test/support/tools/resolve.ts';

const GROUPS: Record<string, readonly string[]> = {
  fast: [
    'kustomize',
    'helm',
    'helm4',
    'opa',
    'cue',
    'crane',
    'registry',
    'distribution',
    'kubeyaml',
    'go-unicode',
    'fluxbuild',
    'fluxevent',
    'notation',
    'cosign',
    'cosign2',
  ],
  // The largest first: where they are built beside other work, that has the small ones ready meanwhile.
  e2e: [
    'kyverno',
    'kube-apiserver',
    'argocd',
    'kubectl',
    'tester',
    'source-controller',
    'kustomize-controller',
    'conftest',
    'kustomize',
    'helm',
    'opa',
    'cue',
    'crane',
    'registry',
    'cosign',
    'cosign2',
    'fulcio',
    'rekor',
    'timestamp-server',
    'etcd',
    'redis-server',
  ],
  bench: [
    'kustomize',
    'helm',
    'opa',
    'crane',
    'registry',
    'cosign',
    'cosign2',
    'conftest',
    'kyverno',
    'fulcio',
    'rekor',
    'timestamp-server',
    'etcd',
    'kube-apiserver',
    'source-controller',
    'kustomize-controller',
  ],
  all: TOOLS.map((each) => each.name),
};

const asked = process.argv.slice(2);
const names = (asked.length === 0 ? ['all'] : asked).flatMap((name) => GROUPS[name] ?? [name]);
try {
  for (const name of names) {
    const found = await resolveTool(findTool(name).name, {
      anyVersion: false,
      report: (line) => process.stderr.write(`${line}\n`),
    });
    if (asked.length === 0) process.stdout.write(`${name}: ${found.path} (${found.from})\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof ToolMissing ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
