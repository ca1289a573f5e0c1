import * as z from 'zod/mini';
import { PredicatesSettings } from './content/settings.ts';
import { NotationTrust } from './notation/settings.ts';

const deniedOrWarned = z.enum(['deny', 'warn']);

/** A bound as a whole number; every one of them can be raised, none can be switched off. */
function bound(fallback: number, highest: number, description: string) {
  return z._default(z.int().check(z.minimum(1), z.maximum(highest)), fallback).check(z.describe(description));
}

/** How much the check reads and asks. Over a bound it denies; it never looks at a part and calls it the whole. */
export const ImagesLimits = z.strictObject({
  /** Different images in one rendered set. */
  images: bound(500, 10_000, 'Different images in one rendered set; more cannot be evaluated.'),
  /** Images verified at the same time. */
  concurrency: bound(8, 64, 'Images verified at the same time.'),
  /** Layers of a `.sig` manifest, each a signature. Bundles have a budget of their own. */
  signatures: bound(100, 1000, 'Signatures read from one .sig manifest; more than that deny the image.'),
  /** Manifests that refer to one image, whatever they are. */
  referrers: bound(100, 1000, 'Manifests referring to one image that are read; more than that deny the image.'),
  /** Bytes of one signed payload or bundle. */
  signatureBytes: bound(8 * 1024 * 1024, 64 * 1024 * 1024, 'Bytes of one signed payload or bundle.'),
  /** Bytes of all signed objects of one image. */
  imageBytes: bound(64 * 1024 * 1024, 1024 * 1024 * 1024, 'Bytes of all signed objects of one image; more deny it.'),
  /** Seconds that verifying what was found about one image may take. */
  verifySeconds: bound(10, 600, 'Seconds that verifying the signatures of one image may take, fetching aside.'),
});
export type ImagesLimits = z.infer<typeof ImagesLimits>;

/** A folder or file of trust policies that are Kubernetes objects. */
export const PolicyFolder = z.strictObject({
  /** A file, or a folder that is searched with its subfolders. */
  path: z
    .string()
    .check(
      z.minLength(1),
      z.describe(
        'A file or folder of ClusterImagePolicy and TrustRoot documents, of Kyverno ClusterPolicies with verifyImages, or of Flux sources with spec.verify; folders are searched whole.',
      ),
    ),
  /** Where `key.secretRef.name` is looked up, as `<name>/<one file>` or `<name>.pub`; the same path if left out. */
  secrets: z.optional(
    z
      .string()
      .check(
        z.minLength(1),
        z.describe(
          'Where key.secretRef.name is looked up: <name>/<one file> or <name>.pub. Left out: beside the policies.',
        ),
      ),
  ),
  /** Where the texts of `policy.configMapRef` (`<name>/<key>`) and `policy.remote` (`<sha256sum>`) are looked up. */
  contents: z.optional(
    z
      .string()
      .check(
        z.minLength(1),
        z.describe(
          'Where the texts of policy.configMapRef (<name>/<key>) and policy.remote (<sha256sum>) are looked up; a folder outside of path.',
        ),
      ),
  ),
});
export type PolicyFolder = z.infer<typeof PolicyFolder>;

/** The `policy.json` of podman, skopeo and CRI-O. */
const ContainersPolicy = z.strictObject({
  /** Relative paths in it begin in its own folder. */
  containersPolicy: z
    .string()
    .check(
      z.minLength(1),
      z.describe(
        'A policy.json as podman, skopeo and CRI-O read it; relative paths in it begin in its own folder. Its default is for every image that none of its scopes names.',
      ),
    ),
});

/** Where trust policies are, by what they are written in. */
export const TrustSource = z.union([PolicyFolder, ContainersPolicy, NotationTrust]);
export type TrustSource = z.infer<typeof TrustSource>;

/** Trust roots besides the TrustRoot documents among the policies. */
export const TrustRootsSettings = z.strictObject({
  /** `trusted_root.json` files by the name that `trustRootRef` calls them; `public-good` replaces the shipped one. */
  files: z
    ._default(
      z.record(
        z.string().check(z.regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be a name in lower case')),
        z.string().check(z.minLength(1)),
      ),
      {},
    )
    .check(
      z.describe(
        'trusted_root.json files by the name that trustRootRef calls them; public-good replaces the root that syncgate ships.',
      ),
    ),
  /** Days after which the shipped public-good root is warned about. */
  ageWarningDays: z
    ._default(z.int().check(z.minimum(1), z.maximum(3650)), 180)
    .check(z.describe('Days after which a policy that needs the shipped public-good root is warned about.')),
  /** Whether TrustRoots of `spec.remote` are fetched. */
  refresh: z
    ._default(z.boolean(), false)
    .check(
      z.describe(
        'true fetches each TrustRoot with spec.remote from its TUF mirror when the gate is opened, and every 6 hours where it stays open. Without it such a TrustRoot is refused.',
      ),
    ),
});
export type TrustRootsSettings = z.infer<typeof TrustRootsSettings>;

/** How old what satisfies one trust policy may be. */
export const MaxAgeSettings = z.strictObject({
  /** By its name, or as kind and name. */
  policy: z.string().check(z.minLength(1), z.describe('The trust policy, by its name, or as kind and name.')),
  /** Since each time that a log or a timestamp authority of the policy vouches for. */
  days: z
    .int()
    .check(
      z.minimum(1),
      z.maximum(36_500),
      z.describe(
        'Days that may have gone by since a log or a timestamp authority of the policy saw the signature or attestation. One that neither saw does not count.',
      ),
    ),
});
export type MaxAgeSettings = z.infer<typeof MaxAgeSettings>;

/** `spec.images` of the Gate: whose images may run. */
export const ImagesSettings = z.strictObject({
  /** Where the trust policies are. */
  trust: z.array(TrustSource).check(z.describe('Where the trust policies are.')),
  /** Trust roots besides the TrustRoot documents among the policies. */
  trustRoots: z
    ._default(TrustRootsSettings, TrustRootsSettings.parse({}))
    .check(z.describe('Trust roots besides the TrustRoot documents among the policies.')),
  /** What becomes of an image that no policy matches. */
  unmatched: z
    .enum(['deny', 'warn', 'allow'])
    .check(z.describe('An image that no policy matches: deny, warn, or allow without a word. There is no default.')),
  /** Whether the verified digest is written into the manifests. */
  pin: z
    .boolean()
    .check(
      z.describe(
        'true writes the verified digest into every image field. false leaves the text alone and so denies verified images that have no digest of their own.',
      ),
    ),
  /** What looks like an image in a kind whose fields the gate does not know. */
  unknownKinds: z.optional(
    deniedOrWarned.check(
      z.describe(
        'What looks like an image in kinds the gate does not know. Left out: deny where unmatched is deny, else warn.',
      ),
    ),
  ),
  /** What looks like an image in args, command, env values and annotations. */
  argsAndEnv: z.optional(
    z
      .enum(['deny', 'warn', 'allow'])
      .check(
        z.describe(
          'What looks like an image in args, command, env values and annotations of a workload. Left out: deny where unmatched is deny, else warn.',
        ),
      ),
  ),
  /** What verified attestations must say, beyond being there. */
  predicates: PredicatesSettings,
  /** For how long signatures and attestations count. */
  maxAge: z
    ._default(z.array(MaxAgeSettings), () => [])
    .check(
      z.describe(
        'For how long the signatures and attestations that satisfy a trust policy count, so that an old image that is still signed cannot come back. A policy that is not named here has no such end.',
      ),
    ),
  /** The program that judges policies in CUE. */
  cue: z.optional(
    z
      .string()
      .check(
        z.minLength(1),
        z.describe('The cue program, for trust policies that hold CUE. Left out: such a policy is refused.'),
      ),
  ),
  /** Objects that make a controller apply or change objects the gate does not see. */
  delivering: z
    ._default(
      z.strictObject({
        /** Kinds let through, as `group/Kind`. */
        allow: z._default(
          z
            .array(
              z
                .string()
                .check(z.regex(/^[a-z0-9.-]*\/[A-Za-z0-9]+$/, 'must be group/Kind, such as argoproj.io/Application')),
            )
            .check(z.describe('Kinds let through, as group/Kind, such as argoproj.io/Application.')),
          [],
        ),
      }),
      { allow: [] },
    )
    .check(
      z.describe(
        'Objects that make a controller apply or change objects the gate does not see are denied, except for these.',
      ),
    ),
  limits: z
    ._default(ImagesLimits, ImagesLimits.parse({}))
    .check(z.describe('How much the check reads and asks. Over a bound it denies.')),
});
export type ImagesSettings = z.infer<typeof ImagesSettings>;

/** What a suspected image does to the verdict: as stated, else as strict as the setting for images no policy matches. */
export function suspicion(settings: ImagesSettings, where: 'unknownKinds' | 'argsAndEnv'): 'deny' | 'warn' | 'allow' {
  return settings[where] ?? (settings.unmatched === 'deny' ? 'deny' : 'warn');
}
