/** What a platform team sets up for `syncgate serve`: Gates as files, policies, a key that is trusted, signed images. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Platform, startPlatform } from '../argocd/platform.ts';
import type { PushedImage } from '../registry.ts';

export interface GateFiles extends AsyncDisposable {
  /** What the process gets: PATH, HOME, TMPDIR. */
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  /** The folder of the Gates. */
  readonly gates: string;
  /** `127.0.0.1:<port>` */
  readonly registry: string;
  readonly signed: PushedImage;
  readonly unsigned: PushedImage;
  readonly setProgram: Platform['setProgram'];
  /** Pushes an image, and signs it with the key that the Gates trust. */
  sign(repository: string, tag: string): Promise<PushedImage>;
  /** Writes a Gate for namespaces; `undefined` removes it. By itself there is one for `apps`, called `apps`. */
  setGate(name: string, gate: { readonly namespaces: object; readonly spec?: object } | undefined): void;
  /** Writes a policy that every Gate enforces; `undefined` removes it. */
  setPolicy(file: string, text: string | undefined): void;
  stop(): Promise<void>;
}

const keptPolicy = `package main

import rego.v1

deny contains {"msg": sprintf("%s must not be", [input.metadata.name])} if {
	input.metadata.name == "forbidden"
}
`;

/** Gates that trust one key for the images of one registry, deny every other image, and have one Rego policy. */
export async function startGateFiles(): Promise<GateFiles> {
  const platform = await startPlatform();
  const gates = join(platform.folder, 'etc/gates');
  const policies = join(platform.folder, 'etc/more-policies');
  mkdirSync(gates);
  mkdirSync(policies);
  const registry = platform.signed.host;
  /** Renamed into place: a file that is half written is another Gate. */
  const put = (folder: string, name: string, text: string | undefined) => {
    const file = join(folder, name);
    if (text === undefined) return rmSync(file, { force: true });
    writeFileSync(`${file}.new~`, text);
    renameSync(`${file}.new~`, file);
  };
  const setGate: GateFiles['setGate'] = (name, gate) => {
    const text =
      gate &&
      JSON.stringify({
        apiVersion: 'syncgate.dev/v1alpha1',
        kind: 'Gate',
        metadata: { name },
        spec: {
          namespaces: gate.namespaces,
          policies: [{ path: '../policies/' }, { path: '../more-policies/' }],
          images: { trust: [{ path: '../trust/' }], unmatched: 'deny', pin: true },
          registries: [{ host: registry, plainHttp: true }],
          ...gate.spec,
        },
      });
    put(gates, `${name}.yaml`, text);
  };
  // A folder without a policy is a mistake that no Gate is loaded with.
  put(policies, 'nothing.rego', 'package main\n\nimport rego.v1\n\ndeny contains "never" if input.kind == "Never"\n');
  // A folder without any policy is a mistake.
  put(policies, 'kept.rego', keptPolicy);
  setGate('apps', { namespaces: { names: ['apps'] } });
  const { env, folder, signed, unsigned, sign, setProgram, stop } = platform;
  return {
    ...{ env, folder, gates, registry, signed, unsigned, sign, setProgram, setGate, stop },
    setPolicy: (file, text) => put(policies, file, text),
    [Symbol.asyncDispose]: stop,
  };
}
