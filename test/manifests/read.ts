import { GateError } from '../../src/core/errors.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import type { RenderedText } from '../../src/core/rendered.ts';
import { parseManifests } from '../../src/manifests/parse.ts';
import { defaultManifestSettings, type ManifestSettings } from '../../src/manifests/settings.ts';

export function textOf(content: string | Uint8Array, more: Partial<RenderedText> = {}): RenderedText {
  return { file: 'x.yaml', bytes: Buffer.from(content), marks: 'none', ...more };
}

/** The manifests of one text, with the default limits unless told otherwise. */
export function parse(content: string | Uint8Array, limits: Partial<ManifestSettings> = {}): Manifest[] {
  return parseManifests([textOf(content)], { ...defaultManifestSettings, ...limits });
}

/** The error that `action` throws; anything but a GateError fails the test. */
export function refusal(action: () => unknown): GateError {
  try {
    action();
  } catch (error) {
    if (error instanceof GateError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

export function configMap(name: string, more = ''): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${more}`;
}
