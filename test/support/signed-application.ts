/** A platform that trusts a key, and an application that runs one image: what a run of the command needs to verify one. */
import type { Sandbox } from './cli.ts';
import { createSandbox, gateText } from './cli.ts';

/** A pod that runs the image. */
export function podOf(image: string, name = 'web'): string {
  return `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\nspec:\n  containers:\n    - name: web\n      image: ${JSON.stringify(image)}\n`;
}

/** A policy that accepts the key for every image. */
export function policyOf(key: string): string {
  const policy = {
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: 'release' },
    spec: { images: [{ glob: '**' }], authorities: [{ name: 'team', key: { data: key } }] },
  };
  return JSON.stringify(policy, undefined, 2);
}

/** The part of a Gate's spec that has images verified against `platform/trust`, from plain-HTTP registries. */
export function verifyingGate(hosts: readonly string[], more: object = {}): object {
  return {
    images: { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true },
    registries: hosts.map((host) => ({ host, plainHttp: true })),
    ...more,
  };
}

/** A sandbox in which one pod runs an image that must be signed by the key. */
export function signedSandbox(image: string, publicPem: string, hosts: readonly string[], more: object = {}): Sandbox {
  const sandbox = createSandbox({ 'app/pod.yaml': podOf(image) });
  sandbox.write({
    'platform/gate.yaml': gateText(verifyingGate(hosts, more)),
    'platform/trust/release.yaml': policyOf(publicPem),
  });
  return sandbox;
}

/** A sandbox in which one pod runs an image, judged by a policy whose trust roots are files: `corp` is `roots/corp.json`. */
export function rootedSandbox(
  image: string,
  policy: string,
  root: string | undefined,
  hosts: readonly string[],
  more: object = {},
): Sandbox {
  const sandbox = createSandbox({ 'app/pod.yaml': podOf(image) });
  const trustRoots = root === undefined ? {} : { trustRoots: { files: { corp: 'roots/corp.json' } } };
  const images = { trust: [{ path: 'trust' }], unmatched: 'deny', pin: true, ...trustRoots };
  sandbox.write({
    'platform/gate.yaml': gateText(verifyingGate(hosts, { images, ...more })),
    'platform/trust/policy.yaml': policy,
    ...(root === undefined ? {} : { 'platform/roots/corp.json': root }),
  });
  return sandbox;
}
