/** `node scripts/kubernetes-resources.ts`: makes the table of what a Kubernetes serves from the kube-apiserver that tests run. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startKubernetes } from '../test/support/kubernetes/cluster.ts';
import { findTool } from '../test/support/tools/resolve.ts';

interface Discovery {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly {
        readonly resource: string;
        readonly scope: 'Namespaced' | 'Cluster';
        readonly responseKind: { readonly kind: string };
        readonly subresources?: readonly { readonly subresource: string }[];
      }[];
    }[];
  }[];
}

const target = fileURLToPath(new URL('../src/checks/policy/kube/builtin-resources.ts', import.meta.url));
await using kubernetes = await startKubernetes();
const groups = (await Promise.all(['/api', '/apis'].map((path) => discover(path)))).flatMap(({ items }) => items);
const rows = groups.flatMap(({ metadata: { name: group = '' }, versions }) =>
  versions.flatMap(({ version, resources }) =>
    resources.map(({ resource, responseKind, scope, subresources = [] }) => {
      const names = subresources.map(({ subresource }) => subresource);
      return [group, version, resource, responseKind.kind, scope, names] as const;
    }),
  ),
);
rows.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

writeFileSync(
  target,
  `/** What kube-apiserver ${findTool('kube-apiserver').version} serves by default. Made by scripts/kubernetes-resources.ts. */
export type BuiltinResource = readonly [
  group: string,
  version: string,
  resource: string,
  kind: string,
  scope: 'Namespaced' | 'Cluster',
  subresources: readonly string[],
];

// biome-ignore format: one line a resource
export const BUILTIN_RESOURCES: readonly BuiltinResource[] = [
${rows.map((row) => `  ${JSON.stringify(row).replaceAll('"', "'").replaceAll(',', ', ')},`).join('\n')}
];
`,
);
execFileSync('npx', ['biome', 'check', target], { stdio: 'inherit' });

async function discover(path: string): Promise<Discovery> {
  const server = kubernetes.kubeconfig.getCurrentCluster()?.server ?? '';
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const { request } = await import('node:https');
  const token = kubernetes.kubeconfig.getCurrentUser()?.token ?? '';
  return await new Promise((done, failed) => {
    // Its certificate is its own, made a moment ago.
    const options = { rejectUnauthorized: false, headers: { accept, authorization: `Bearer ${token}` } };
    request(`${server}${path}`, options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => done(JSON.parse(text) as Discovery));
    })
      .on('error', failed)
      .end();
  });
}
