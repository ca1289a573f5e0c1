import * as z from 'zod/mini';

/**
 * containers-policy.json(5), all of it: each object is strict, as in go.podman.io/image, which refuses a whole file for
 * one field that it does not know.
 */

const text = z.string().check(z.minLength(1));
const texts = z.array(text).check(z.minLength(1));

const SignedIdentity = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('matchExact') }),
  z.strictObject({ type: z.literal('matchRepoDigestOrExact') }),
  z.strictObject({ type: z.literal('matchRepository') }),
  z.strictObject({ type: z.literal('exactReference'), dockerReference: text }),
  z.strictObject({ type: z.literal('exactRepository'), dockerRepository: text }),
  z.strictObject({ type: z.literal('remapIdentity'), prefix: text, signedPrefix: text }),
]);
export type SignedIdentity = z.infer<typeof SignedIdentity>;

const Fulcio = z.strictObject({
  caPath: z.optional(text),
  caData: z.optional(text),
  oidcIssuer: text,
  subjectEmail: text,
});

const Pki = z.strictObject({
  caRootsPath: z.optional(text),
  caRootsData: z.optional(text),
  caIntermediatesPath: z.optional(text),
  caIntermediatesData: z.optional(text),
  subjectEmail: z.optional(text),
  subjectHostname: z.optional(text),
});

const SigstoreSigned = z.strictObject({
  type: z.literal('sigstoreSigned'),
  keyPath: z.optional(text),
  keyPaths: z.optional(texts),
  keyData: z.optional(text),
  keyDatas: z.optional(texts),
  fulcio: z.optional(Fulcio),
  pki: z.optional(Pki),
  rekorPublicKeyPath: z.optional(text),
  rekorPublicKeyPaths: z.optional(texts),
  rekorPublicKeyData: z.optional(text),
  rekorPublicKeyDatas: z.optional(texts),
  signedIdentity: z.optional(SignedIdentity),
});
export type SigstoreSigned = z.infer<typeof SigstoreSigned>;

/** Known, so that a file for other transports too can be read; where it has a say on the gate's images it is refused. */
const SignedBy = z.strictObject({
  type: z.literal('signedBy'),
  keyType: z.enum(['GPGKeys', 'signedByGPGKeys', 'X509Certificates', 'signedByX509CAs']),
  keyPath: z.optional(text),
  keyPaths: z.optional(texts),
  keyData: z.optional(text),
  signedIdentity: z.optional(SignedIdentity),
});
const SignedBaseLayer = z.strictObject({ type: z.literal('signedBaseLayer'), baseLayerIdentity: SignedIdentity });

const Requirement = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('insecureAcceptAnything') }),
  z.strictObject({ type: z.literal('reject') }),
  SigstoreSigned,
  SignedBy,
  SignedBaseLayer,
]);
export type Requirement = z.infer<typeof Requirement>;

const Requirements = z.array(Requirement).check(z.minLength(1));
const Scopes = z.record(z.string(), Requirements);

export const ContainersPolicySchema = z.strictObject({
  default: Requirements,
  transports: z.optional(z.record(z.string(), Scopes)),
});
