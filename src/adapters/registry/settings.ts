import * as z from 'zod/mini';

const Path = z.string().check(z.minLength(1));
const Program = z.string().check(z.regex(/^\//, 'must be an absolute path'));

const Helpers = z
  .record(z.string(), Program)
  .check(z.describe('Absolute paths of the credential helpers that the file names, by name (`ecr-login`).'));

/** A docker `config.json`, whose credential helpers run only where their program is named here. */
const DockerConfig = z.strictObject({
  /** File in the shape of docker's `config.json`. */
  dockerConfig: Path.check(z.describe("A file in the shape of docker's config.json.")),
  /** Absolute paths of the credential helpers that the file may name, by the name that it uses (`ecr-login`). */
  helpers: z.optional(Helpers),
});

/** The helpers of the file that REGISTRY_AUTH_FILE names. */
const HelpersAlone = z.strictObject({
  /** Absolute paths of the credential helpers that the file may name. */
  helpers: Helpers,
});

/** A credential helper that is asked for this host, without a config.json that says so. */
const HelperProgram = z.strictObject({
  /** Absolute path of a program that speaks the protocol of docker-credential-helpers. */
  helper: Program.check(
    z.describe('Absolute path of a docker credential helper (docker-credential-ecr-login) to ask for this host.'),
  ),
});

/** A user name and a password in a file each, as a Secret is mounted. */
const PasswordFiles = z.strictObject({
  /** File that holds the user name; one newline at its end is dropped. */
  usernameFile: Path.check(z.describe('A file that holds the user name; one newline at its end is dropped.')),
  /** File that holds the password; one newline at its end is dropped. */
  passwordFile: Path.check(z.describe('A file that holds the password; one newline at its end is dropped.')),
});

/** `spec.registryCredentials`: credentials for every registry whose entry names none of its own. */
export const RegistryCredentials = z
  .union([Path, DockerConfig, HelpersAlone])
  .check(
    z.describe(
      "A file in docker's config.json shape with credentials for any registry; hosts match exactly. Without it, the file that REGISTRY_AUTH_FILE names in the environment of syncgate.",
    ),
  );
export type RegistryCredentials = z.infer<typeof RegistryCredentials>;

/** `spec.registryPullSecrets`: the gate's own store of Kubernetes pull secrets. */
export const RegistryPullSecrets = Path.check(
  z.describe(
    'A folder of Kubernetes pull secrets, each mounted at <name>/.dockerconfigjson or <name>/.dockercfg. signaturePullSecrets name them, and they are used, in the order of their names, for hosts that no other setting has credentials for.',
  ),
);

/** `spec.registryCache`: bodies by digest, kept in a folder for the runs after this one. */
export const RegistryCache = z.strictObject({
  /** Where; made if it is not there. */
  folder: Path.check(z.describe('Where; it is made if it is not there. Several processes may share it.')),
  /** Bytes of bodies in all; what was used longest ago goes first. */
  maxBytes: z
    ._default(z.number().check(z.int(), z.minimum(1024 * 1024), z.maximum(1024 ** 4)), 256 * 1024 * 1024)
    .check(z.describe('How many bytes are kept in all; what was used longest ago goes first.')),
});
export type RegistryCache = z.infer<typeof RegistryCache>;

const networkOnly = ['plainHttp', 'ca', 'clientCert', 'clientKey', 'credentials', 'tokenRealms', 'mirror'] as const;

/** One registry that the platform knows. Only a listed one may have a private or loopback address. */
export const RegistryEntry = z
  .strictObject({
    /** Host as image references write it, with a port where they have one; `docker.io` for Docker Hub. */
    host: z
      .string()
      .check(z.minLength(1), z.describe('Host and port as image references write them; docker.io for Docker Hub.')),
    /** Folder that stands for the registry: `<folder>/<repository path>` is one OCI image layout. */
    layout: z.optional(
      Path.check(
        z.describe('A folder instead of the network: <folder>/<repository path>/ is one OCI image layout each.'),
      ),
    ),
    /** Talk HTTP without TLS. Bodies are hashed, but tags, absence and credentials are in the hands of the network. */
    plainHttp: z.optional(z.boolean().check(z.describe('Talk HTTP without TLS to this host.'))),
    /** PEM file of certificate authorities, trusted for this host beside the usual ones. */
    ca: z.optional(
      Path.check(z.describe('PEM file of certificate authorities trusted for this host beside the usual ones.')),
    ),
    /** PEM file of a client certificate; needs `clientKey`. */
    clientCert: z.optional(Path.check(z.describe('PEM file of a client certificate; needs clientKey.'))),
    /** PEM file of the key of `clientCert`. */
    clientKey: z.optional(Path.check(z.describe('PEM file of the key of clientCert.'))),
    /** Where the credentials for this host are: a docker config.json, a file each for name and password, or a helper. */
    credentials: z.optional(
      z
        .union([Path, DockerConfig, PasswordFiles, HelperProgram])
        .check(z.describe('A docker config.json, usernameFile and passwordFile, or a helper, for this host.')),
    ),
    /** Hosts of token services elsewhere. The registry's own host and its parent domains need no mention. */
    tokenRealms: z.optional(
      z
        .array(z.string().check(z.minLength(1)))
        .check(z.describe('Hosts of token services that may get the credentials of this registry.')),
    ),
    /** `host[/prefix]` that is asked instead; policies still see the name that the manifest has. */
    mirror: z.optional(
      z
        .string()
        .check(
          z.minLength(1),
          z.describe('host[/prefix] that is asked instead; policies still see the original name.'),
        ),
    ),
  })
  .check(
    z.refine((entry) => entry.layout === undefined || networkOnly.every((key) => entry[key] === undefined), {
      error: `layout stands alone: a folder has no ${networkOnly.join(', ')}`,
    }),
    z.refine((entry) => (entry.clientCert === undefined) === (entry.clientKey === undefined), {
      error: 'clientCert and clientKey need each other',
    }),
  );
export type RegistryEntry = z.infer<typeof RegistryEntry>;

/** `spec.registries`: what the platform knows of single registries. An unlisted one is asked over TLS, if it is public. */
export const RegistriesSettings = z
  .array(RegistryEntry)
  .check(
    z.describe('Registries with settings of their own; any other is asked over TLS, and only at public addresses.'),
  );
export type RegistriesSettings = z.infer<typeof RegistriesSettings>;
