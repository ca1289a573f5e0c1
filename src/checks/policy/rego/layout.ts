import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { GateError } from '../../../core/errors.ts';
import type { PolicyFile } from '../dialect.ts';
import { createReader, type FoundFolder } from '../folder.ts';
import { capabilitiesText } from './capabilities.ts';
import type { RegoSettings } from './settings.ts';

/**
 * The private folder that opa works in. It holds copies: what was looked at is what is evaluated, however the mounts
 * change meanwhile, and opa's messages name files as ours do.
 */
export interface RegoLayout {
  readonly root: string;
  /** The folder with the copies of the policies, and nothing else. */
  readonly policies: string;
  /** What opa loads besides them, as its command line names it from the folder of the policies. */
  readonly data: readonly string[];
  /** What policies may call, as a command line names it. */
  readonly capabilities: string;
  /** The questions that are asked of the policies, as a command line names them. */
  readonly harness: string;
  writeHarness(text: string): void;
  /** Whether a place of opa's is in the questions, and not in a policy. */
  isOurs(place: string | undefined): boolean;
  /** A message of opa's without the names of this folder. */
  displayed(message: string): string;
}

/** Copies policies and data into a new private folder. Throws POLICY_FILE_REFUSED and POLICY_MISSING. */
export function layOut(
  root: string,
  settings: RegoSettings,
  files: readonly PolicyFile[],
  data: readonly FoundFolder[],
): RegoLayout {
  const policies = join(root, 'rego');
  const made = new Set<string>();
  const write = (path: string, content: string | Uint8Array): void => {
    const folder = dirname(path);
    if (!made.has(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
    made.add(folder);
    writeFileSync(path, content, { flag: 'wx', mode: 0o600 });
  };

  write(join(root, 'capabilities.json'), capabilitiesText());
  for (const file of files) write(join(policies, file.name), file.text);
  // Read by `opa deps`, which takes the Rego version from here alone.
  write(join(policies, '.manifest'), JSON.stringify({ rego_version: settings.version === 'v0' ? 0 : 1, roots: [''] }));

  const read = createReader();
  const loaded: string[] = [];
  for (const folder of data) {
    const documents = folder.files.filter(({ name }) => /\.(ya?ml|json)$/.test(name));
    if (documents.length === 0 && folder.repeated > 0) continue;
    if (documents.length === 0) {
      throw new GateError('POLICY_MISSING', `${folder.label} (spec.rego.data) holds no JSON or YAML`, {
        place: folder.label,
        mend: 'Correct spec.rego.data.',
      });
    }
    for (const file of documents) write(join(root, 'data', file.name), read(file));
    loaded.push(`../data/${folder.label}`);
  }

  return {
    root,
    policies,
    data: loaded,
    capabilities: '../capabilities.json',
    harness: '../harness.rego',
    writeHarness: (text) => writeFileSync(join(root, 'harness.rego'), text, { mode: 0o600 }),
    isOurs: (place) => place?.includes('harness.rego:') === true && place.startsWith('..'),
    displayed: (message) => message.replaceAll('../data/', '').replaceAll(`${root}/`, ''),
  };
}
