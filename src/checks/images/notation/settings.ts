import * as z from 'zod/mini';

const path = z.string().check(z.minLength(1));

/** A trust policy of the Notary Project, with what it refers to: an entry of `images.trust`. */
export const NotationTrust = z.strictObject({
  /** The trust policy for OCI artifacts (`trustpolicy.json` or `trustpolicy.oci.json`, version 1.0). */
  trustPolicy: path.check(
    z.describe('The trust policy for OCI artifacts: trustpolicy.json or trustpolicy.oci.json, version 1.0.'),
  ),
  /** The folder that holds `x509/{ca,signingAuthority,tsa}/<name>/`. */
  trustStore: path.check(z.describe('The folder that holds x509/{ca,signingAuthority,tsa}/<name>/ with certificates.')),
  /** A folder of certificate revocation lists, PEM or DER. Without it, `revocation: enforce` denies certificates that could be revoked. */
  crls: z.optional(
    path.check(
      z.describe(
        'A folder of certificate revocation lists, PEM or DER. Nothing is ever fetched: without it, certificates that name a place to ask for their revocation are denied where revocation is enforced.',
      ),
    ),
  ),
});
export type NotationTrust = z.infer<typeof NotationTrust>;
