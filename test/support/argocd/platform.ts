/**
 * What a platform team sets up beside Argo CD: the sidecar's programs and environment, its mounts as Kubernetes lays
 * them out, and a registry with a signed and an unsigned image. All on this machine, all real.
 */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { builtCommand } from '../cli.ts';
import { openCosign } from '../cosign.ts';
import { type PushedImage, pushImage, startRegistry } from '../registry.ts';
import { tool } from '../tools/resolve.ts';

const projectRoot = resolve(import.meta.dirname, '../../..');

export interface Platform extends AsyncDisposable {
  readonly folder: string;
  /** The environment of the sidecar container. */
  readonly env: Readonly<Record<string, string>>;
  readonly signed: PushedImage;
  readonly unsigned: PushedImage;
  /** Pushes an image, and signs it with the key that is trusted. */
  sign(repository: string, tag: string): Promise<PushedImage>;
  /** Replaces the Gate; `spec` adds to one that trusts one key, denies everything else and has one Rego policy. */
  setGate(spec: object): void;
  /** Puts a shell script in the place of a program of the sidecar; `undefined` puts the real one back. */
  setProgram(name: 'kustomize' | 'helm' | 'opa', script: string | undefined): Promise<void>;
  stop(): Promise<void>;
}

/** The plugin as it is shipped. */
export function shippedPlugin(): string {
  return readFileSync(join(projectRoot, 'plugin.yaml'), 'utf8');
}

const regoPolicy = `package main

import rego.v1

deny contains {"msg": sprintf("%s has %d replicas, and at most 5 are allowed", [input.metadata.name, input.spec.replicas])} if {
	input.kind == "Deployment"
	input.spec.replicas > 5
}
`;

export async function startPlatform(): Promise<Platform> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'platform-')));
  const removeWithTests = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeWithTests);
  const registry = await startRegistry();
  const cosign = openCosign();
  const stop = async () => {
    cosign[Symbol.dispose]();
    await registry.stop();
    process.off('exit', removeWithTests);
    removeWithTests();
  };
  try {
    const key = await cosign.key();
    const sign: Platform['sign'] = async (repository, tag) => {
      const image = await pushImage(registry.host, repository, tag);
      await cosign.sign(image.pinned, key, { cosign: 3, format: 'bundle' });
      return image;
    };
    const signed = await sign('team/web', '1.0');
    const unsigned = await pushImage(registry.host, 'team/web', '2.0');

    const bin = join(folder, 'bin');
    mkdirSync(join(folder, 'tmp'));
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    symlinkSync(await builtCommand(), join(bin, 'syncgate'));
    const setProgram: Platform['setProgram'] = async (name, script) => {
      rmSync(join(bin, name), { force: true });
      if (script === undefined) {
        symlinkSync(await tool(name), join(bin, name));
      } else {
        writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
        chmodSync(join(bin, name), 0o755);
      }
    };
    for (const name of ['kustomize', 'helm', 'opa'] as const) await setProgram(name, undefined);

    mountConfigMap(join(folder, 'etc/policies'), { 'replicas.rego': regoPolicy });
    mountConfigMap(join(folder, 'etc/trust'), { 'web.yaml': trustPolicy(`${registry.host}/**`, key.publicPem) });
    mountConfigMap(join(folder, 'etc/trust-everywhere'), { 'all.yaml': trustPolicy('**', key.publicPem) });
    const config = join(folder, 'etc/gate.yaml');
    const setGate = (spec: object) => writeFileSync(config, gateText(registry.host, spec));
    setGate({});
    const env = { PATH: `${bin}:/usr/bin:/bin`, HOME: folder, TMPDIR: join(folder, 'tmp'), SYNCGATE_CONFIG: config };
    return { folder, env, signed, unsigned, sign, setGate, setProgram, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A folder as the kubelet mounts a ConfigMap: links to links into a folder whose name starts with two dots. */
function mountConfigMap(folder: string, data: Readonly<Record<string, string>>): void {
  const version = '..2026_01_02_03_04_05.678901234';
  mkdirSync(join(folder, version), { recursive: true });
  symlinkSync(version, join(folder, '..data'));
  for (const [name, text] of Object.entries(data)) {
    writeFileSync(join(folder, version, name), text);
    symlinkSync(join('..data', name), join(folder, name));
  }
}

function gateText(host: string, spec: object): string {
  return JSON.stringify({
    apiVersion: 'syncgate.dev/v1alpha1',
    kind: 'Gate',
    metadata: { name: 'e2e' },
    spec: {
      policies: [{ path: 'policies/' }],
      images: { trust: [{ path: 'trust/' }], unmatched: 'deny', pin: true },
      registries: [{ host, plainHttp: true }],
      ...spec,
    },
  });
}

function trustPolicy(glob: string, publicPem: string): string {
  return JSON.stringify({
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: 'release-keys' },
    spec: {
      images: [{ glob }],
      authorities: [{ name: 'release', key: { data: publicPem } }],
    },
  });
}
