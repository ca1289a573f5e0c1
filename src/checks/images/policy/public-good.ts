import type { JsonValue } from '../../../core/json.ts';
import type { TrustRoot } from './model.ts';
import { asTrustRoot } from './trusted-root.ts';

/** The day on which the shipped root was the current one, and the root. */
export interface PublicGood {
  readonly asOf: string;
  readonly root: TrustRoot;
}

/**
 * The trusted root of Sigstore's public-good instance that this version ships (trust/public-good, where it says how it is
 * renewed). Read when a policy needs it, and not checked again: a test holds it to what `readTrustedRoot` demands.
 */
export async function shippedPublicGood(): Promise<PublicGood> {
  const [{ default: json }, { default: provenance }] = await Promise.all([
    import('../../../../trust/public-good/trusted_root.json', { with: { type: 'json' } }),
    import('../../../../trust/public-good/provenance.json', { with: { type: 'json' } }),
  ]);
  const { asOf } = provenance;
  return { asOf, root: asTrustRoot(`the public-good instance of ${asOf}`, json as JsonValue) };
}
