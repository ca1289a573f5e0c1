/**
 * Every code a reader can meet, in an error or in a finding. The list is closed: docs/errors.md is made from it, and a
 * code that is not here does not compile.
 *
 * `answer` is what the code means for the verdict: `denied` (1) the set was judged and refused, `unevaluated` (2) it
 * could not be judged, `usage` (3) the command or the configuration is wrong. All three withhold the manifests.
 */
interface CodeEntry {
  readonly answer: 'denied' | 'unevaluated' | 'usage';
  readonly meaning: string;
  readonly mend: string;
}

function codes<Name extends string>(entries: Record<Name, CodeEntry>): Readonly<Record<Name, CodeEntry>> {
  return Object.freeze(entries);
}

// biome-ignore format: one line a code keeps the catalogue readable
export const CODES = codes({
  // Command and configuration
  USAGE: { answer: 'usage', meaning: 'The command line is not one that syncgate knows.', mend: 'See `syncgate help`.' },
  NODE_UNSUPPORTED: { answer: 'usage', meaning: 'syncgate was started by a Node.js that is too old for it.', mend: 'Start it with Node 24 or later; started through npm in a clone, it brings its own.' },
  SERVE_MISSING: { answer: 'usage', meaning: 'The part of the program that serves is not there, or cannot be loaded.', mend: 'Put syncgate-serve.cjs of the same version beside syncgate.mjs.' },
  CONFIG_MISSING: { answer: 'usage', meaning: 'The Gate configuration file could not be found or read.', mend: 'Name it with --config or SYNCGATE_CONFIG, or put it there.' },
  CONFIG_INVALID: { answer: 'usage', meaning: 'The Gate configuration has a key or a value that is not allowed.', mend: 'Correct the line that the message names.' },

  // Source
  SOURCE_MISSING: { answer: 'usage', meaning: 'The folder to render does not exist or is not a folder.', mend: 'Name an existing folder, or - for standard input.' },
  SOURCE_OUTSIDE: { answer: 'denied', meaning: 'A path, or a symbolic link, leads out of the source tree.', mend: 'Keep all that is rendered inside the source and make links relative; on the command line --root names a wider folder.' },
  SOURCE_SPECIAL: { answer: 'denied', meaning: 'The source holds a device, a socket or a pipe where a file is expected.', mend: 'Replace it by a file.' },
  SOURCE_TOO_LARGE: { answer: 'unevaluated', meaning: 'The source has more files or bytes than the limits allow.', mend: 'Make the source smaller, or raise spec.render.limits.' },
  SOURCE_UNREADABLE: { answer: 'unevaluated', meaning: 'A file of the source exists and cannot be read.', mend: 'Look at its permissions.' },
  SOURCE_LFS_POINTER: { answer: 'unevaluated', meaning: 'A file that is needed holds a Git LFS pointer, and not its content.', mend: 'Fetch Git LFS content when checking out, or commit the file itself.' },

  // Rendering
  PARAMETER_UNKNOWN: { answer: 'usage', meaning: 'A parameter has a name that syncgate does not know.', mend: 'See the list of parameters in the documentation.' },
  PARAMETER_INVALID: { answer: 'usage', meaning: 'A parameter has the wrong type, or a value that it cannot have.', mend: 'Give it the value that the message asks for.' },
  CREDENTIALS_INVALID: { answer: 'usage', meaning: 'The credentials store cannot be read, or an entry of it is not allowed.', mend: 'Correct the file that the message names.' },
  WORKSPACE_FAILED: { answer: 'unevaluated', meaning: 'The private temporary folder could not be made or written.', mend: 'Give syncgate a temporary folder that it may write to (TMPDIR).' },
  WORKSPACE_FULL: { answer: 'unevaluated', meaning: 'The disk that holds the temporary folder is full.', mend: 'Free space there, or point TMPDIR at a larger disk.' },
  RENDERER_MISSING: { answer: 'unevaluated', meaning: 'The program that renders this source was not found where the gate runs: in its container, or on its machine.', mend: 'Install it there, or name it in spec.render of the Gate.' },
  RENDER_FAILED: { answer: 'unevaluated', meaning: 'The renderer refused the source; the message ends with what it said.', mend: 'Correct the source, and try it with the renderer itself.' },
  RENDER_TIMEOUT: { answer: 'unevaluated', meaning: 'Rendering did not end before its deadline.', mend: 'Make the source simpler, or raise spec.render.limits.timeoutSeconds.' },
  RENDER_MEMORY: { answer: 'unevaluated', meaning: 'The renderer needed more memory than it may have.', mend: 'Make the source simpler, or raise spec.render.limits.memoryMiB.' },
  RENDER_OUTPUT: { answer: 'unevaluated', meaning: 'The renderer printed more than it may.', mend: 'Make the source smaller, or raise spec.render.limits.outputMiB.' },
  RENDER_KILLED: { answer: 'unevaluated', meaning: 'The renderer was ended by a signal.', mend: 'Look for the out-of-memory killer, or whoever sent the signal.' },
  RENDER_NOTHING: { answer: 'unevaluated', meaning: 'Rendering gave nothing at all. Argo CD would prune every object of the application.', mend: 'Correct the source, or set spec.render.allowEmpty if nothing is what is meant.' },
  RENDER_KUSTOMIZATION: { answer: 'unevaluated', meaning: 'A kustomization is missing, malformed, or uses a field that syncgate does not know.', mend: 'Correct the kustomization.' },
  RENDER_CHART: { answer: 'unevaluated', meaning: 'A chart is missing, malformed, or needs something that is not there.', mend: 'Correct the chart.' },
  RENDER_VALUES_MISSING: { answer: 'unevaluated', meaning: 'A values file does not exist, or a pattern of them matches none.', mend: 'Correct its name, or ignore missing ones with helm-ignore-missing-value-files.' },
  RENDER_JSONNET: { answer: 'unevaluated', meaning: 'The folder holds Jsonnet, which syncgate does not render.', mend: 'Exclude it (directory-exclude), or render it before and pipe it in.' },
  RENDER_REMOTE_REFUSED: { answer: 'denied', meaning: 'The source wants something from a place that the platform does not list.', mend: 'Vendor it, or have its host listed in spec.render.kustomize.remoteBases.' },
  RENDER_REPOSITORY_REFUSED: { answer: 'denied', meaning: 'A chart comes from a repository that the platform does not list.', mend: 'Vendor it, or have its repository listed in spec.render.helm.repositories.' },
  RENDER_PROGRAM_REFUSED: { answer: 'denied', meaning: 'The source wants a program to be run: a function, a plugin, or helm where it is not enabled.', mend: 'Do without it, or render it beforehand.' },
  RENDER_ARGUMENT_REFUSED: { answer: 'denied', meaning: 'A name or a value would be read as something else by the renderer, such as a flag or a template.', mend: 'Choose another name.' },
  RENDER_FETCH_FAILED: { answer: 'unevaluated', meaning: 'A remote base or a chart from a listed place could not be fetched.', mend: 'Look at the address, the credentials and the network.' },

  // Building as Flux does
  FLUX_VARIABLE_UNSET: { answer: 'unevaluated', meaning: 'What was built for Flux names a variable that is not set and has no default.', mend: 'Set it under spec.postBuild, write a default (`:-` behind its name), or escape the dollar sign by a second one.' },
  FLUX_SUBSTITUTION: { answer: 'unevaluated', meaning: 'Variables cannot be substituted in an object: an expression or a name is malformed, or what came out is no object any more.', mend: 'Correct the expression; a value that is not one word goes between quotes, and the annotation `kustomize.toolkit.fluxcd.io/substitute: disabled` leaves an object alone.' },
  FLUX_ENCRYPTED: { answer: 'denied', meaning: 'An object is encrypted with SOPS where nobody could judge what Flux would decrypt and apply.', mend: 'Encrypt Secrets alone, and in them nothing but data and stringData (encrypted_regex: ^(data|stringData)$).' },
  FLUX_REWRITTEN: { answer: 'denied', meaning: "An object holds something that kustomize, as Flux runs it behind the gate, would take out or change.", mend: 'Take it out of the object, or write it as the message asks.' },
  FLUX_HOOK: { answer: 'denied', meaning: 'A chart has a hook, which Helm would run at its time and a Kustomization of Flux would apply like any other object.', mend: 'Switch the hook off by the values of the chart, or patch the object: `$patch: delete` drops it, without the annotation helm.sh/hook it is applied like any other.' },
  FLUX_VALUES: { answer: 'unevaluated', meaning: 'Values for a chart cannot be read, or not put together.', mend: 'Correct the values that the message names; try `helm template` with them.' },

  // Manifests
  MANIFEST_TOO_LARGE: { answer: 'unevaluated', meaning: 'The rendered texts together are larger than the limit.', mend: 'Split the application, or raise spec.manifests.maxBytes.' },
  MANIFEST_TOO_MANY: { answer: 'unevaluated', meaning: 'There are more rendered objects than the limit allows.', mend: 'Split the application, or raise spec.manifests.maxObjects.' },
  MANIFEST_ENCODING: { answer: 'unevaluated', meaning: 'A manifest is not UTF-8, or holds characters that YAML does not allow.', mend: 'Save the file as UTF-8 without control characters.' },
  MANIFEST_SYNTAX: { answer: 'unevaluated', meaning: 'A manifest is not YAML or JSON that Kubernetes could read.', mend: 'Correct the line that the message names.' },
  MANIFEST_DUPLICATE_KEY: { answer: 'unevaluated', meaning: 'A key stands twice in one mapping; which of the two Kubernetes would take is not defined.', mend: 'Remove one of the two; if they belong to two documents, write --- between them.' },
  MANIFEST_ALIASES: { answer: 'unevaluated', meaning: 'YAML aliases repeat more values than is allowed, or one stands inside its own value.', mend: 'Write the values out, or raise spec.manifests.maxAliasNodes.' },
  MANIFEST_DEPTH: { answer: 'unevaluated', meaning: 'The values of a manifest are nested deeper than the limit.', mend: 'Make it flatter, or raise spec.manifests.maxDepth.' },
  MANIFEST_TAG: { answer: 'unevaluated', meaning: 'A YAML value has a tag that is not read, or that does not fit it.', mend: 'Remove the tag, or quote the value.' },
  MANIFEST_VALUE: { answer: 'unevaluated', meaning: 'A key or a value is of a kind that JSON cannot hold.', mend: 'Quote it, or write it as a string, a number, a list or a mapping.' },
  MANIFEST_NOT_OBJECT: { answer: 'unevaluated', meaning: 'A document, or an item of a list, is not a Kubernetes object.', mend: 'Render only objects with apiVersion, kind and metadata.' },
  MANIFEST_FIELD: { answer: 'unevaluated', meaning: 'apiVersion, kind, metadata, name or namespace is missing, or is not what Kubernetes allows there.', mend: 'Add or correct the field that the message names.' },
  MANIFEST_NESTED_LIST: { answer: 'unevaluated', meaning: 'An item of a list is a list itself; Argo CD expands only one level, and would apply the rest unseen.', mend: 'Render the objects on their own.' },
  MANIFEST_REPEATED: { answer: 'denied', meaning: 'Two rendered objects have the same group, kind, namespace and name, so that only one of them can be applied.', mend: 'Remove or rename one of the two.' },

  // Images
  IMAGE_DIGEST_INVALID: { answer: 'denied', meaning: 'A digest is not `sha256:` and 64 lower-case hex digits.', mend: 'Pin the image as name@sha256:<64 hex digits>.' },
  IMAGE_REFERENCE_EMPTY: { answer: 'denied', meaning: 'An image field is empty.', mend: 'Write the image, with its digest if it is known.' },
  IMAGE_REFERENCE_TEMPLATED: { answer: 'denied', meaning: 'An image reference holds a placeholder that would be filled in after the gate.', mend: 'Fill the placeholder in before rendering; what runs cannot be verified otherwise.' },
  IMAGE_REFERENCE_INVALID: { answer: 'denied', meaning: 'An image reference is not one that a node could pull.', mend: 'Write it as host/repository:tag or host/repository@sha256:<64 hex digits>.' },
  IMAGE_FIELD_INVALID: { answer: 'denied', meaning: 'A field that holds an image is missing, or is not a string.', mend: 'Write the image as a string.' },
  IMAGE_UNMATCHED: { answer: 'denied', meaning: 'No policy says who may sign this image.', mend: 'Add a ClusterImagePolicy whose glob matches it, or use an image that one matches.' },
  IMAGE_UNSIGNED: { answer: 'denied', meaning: 'The registry holds no signature for the digest.', mend: 'Sign the digest with a key that the policy names.' },
  IMAGE_SIGNATURE_INVALID: { answer: 'denied', meaning: 'What hangs on the digest as a signature is malformed, altered or of a kind that the policy does not accept.', mend: 'Sign the digest again with a key that the policy names.' },
  IMAGE_SIGNATURE_OTHER_KEY: { answer: 'denied', meaning: 'The digest is signed, and no signature verifies with a key that the policy names.', mend: 'Sign the digest with a key that the policy names.' },
  IMAGE_SIGNATURE_OTHER_DIGEST: { answer: 'denied', meaning: 'A genuine signature for another image was put beside this one.', mend: 'Sign this digest; find out who copied the signature.' },
  IMAGE_NOT_A_SIGNATURE: { answer: 'denied', meaning: 'What the key signed about the digest is not an image signature, such as an attestation of another type.', mend: 'Sign the digest with cosign sign; an attestation does not stand for a signature.' },
  IMAGE_DENIED_BY_POLICY: { answer: 'denied', meaning: 'A policy refuses the image whatever its signatures.', mend: 'Use another image, or have the owner of the policy change it.' },
  IMAGE_TOO_MANY_SIGNATURES: { answer: 'denied', meaning: 'More signature objects hang on the digest than the gate reads.', mend: 'Remove signatures that are not needed, or raise the limit that the message names.' },
  IMAGE_NOT_FOUND: { answer: 'denied', meaning: 'The registry does not have the image.', mend: 'Correct the name, tag or digest, or push the image.' },
  IMAGE_NOT_PINNED: { answer: 'denied', meaning: 'An image has a tag and no digest, and the configuration says that the gate must not write one.', mend: 'Pin the image as name:tag@sha256:<64 hex digits>, or set images.pin to true.' },
  IMAGE_SIGNATURE_OTHER_IDENTITY: { answer: 'denied', meaning: 'The digest is signed by somebody whom the policy does not name, by a certificate that counts.', mend: 'Sign the digest as one of the identities of the policy, or have the owner of the policy name this one.' },
  IMAGE_SIGNATURE_UNTRUSTED: { answer: 'denied', meaning: 'The signature is not proven in the way that the policy asks for: by a certificate of a trusted authority, an entry of a transparency log, a timestamp, at a time when its key counted.', mend: 'See the step in the message; sign again with the log, timestamp and authority that the policy names.' },
  IMAGE_SIGNATURE_OTHER_CLAIM: { answer: 'denied', meaning: 'What was signed does not carry the name or the annotations that the policy asks for.', mend: 'Sign the digest under that name and with those annotations.' },
  IMAGE_SIGNATURE_TOO_OLD: { answer: 'denied', meaning: 'The signature or attestation is older than spec.images.maxAge lets it be, or no log or timestamp says how old it is.', mend: 'Build and sign a newer image; or, if this one may still run, sign its digest again.' },
  IMAGE_ATTESTATION_MISSING: { answer: 'denied', meaning: 'The digest has no attestation of the type that the policy asks for by a signer whom it accepts.', mend: 'Attest the digest with that type (cosign attest --type).' },
  IMAGE_CONTENT_REFUSED: { answer: 'denied', meaning: 'What was signed about the image is genuine, and a policy over its content refuses it.', mend: 'See the reason in the message; mend the image or what is attested about it.' },
  IMAGE_PREDICATE_REFUSED: { answer: 'denied', meaning: 'A verified attestation does not say what spec.images.predicates asks: a component, a licence, a vulnerability, a builder or a verdict.', mend: 'Mend the image and attest it again, or have the platform change spec.images.predicates.' },
  IMAGE_PREDICATE_UNREADABLE: { answer: 'unevaluated', meaning: 'A verified attestation that spec.images.predicates judges is not in a format that is read, or cannot be dated.', mend: 'Attest the image again in a format that is read.' },
  IMAGE_VERIFY_TIMEOUT: { answer: 'unevaluated', meaning: 'Verifying the signatures of one image took longer than it may.', mend: 'Look at what hangs on the image; else raise images.limits.verifySeconds.' },
  IMAGE_VERIFY_CRASHED: { answer: 'unevaluated', meaning: 'The thread that verifies signatures ended without an answer.', mend: 'Look at what hangs on the image; report it if that is nothing unusual.' },
  IMAGE_UNVERIFIABLE: { answer: 'unevaluated', meaning: 'The image could not be verified now.', mend: 'See the cause in the message; the manifests stay withheld until it can be.' },
  IMAGE_TOO_MANY: { answer: 'unevaluated', meaning: 'The rendered set holds more images than the gate verifies in one run.', mend: 'Split the application, or raise the limit that the message names.' },
  IMAGE_SUSPECTED: { answer: 'denied', meaning: 'A string that looks like an image stands where the gate does not know whether it will run.', mend: 'Pin it and have the platform allow the place, or move it to a field that the gate knows.' },
  IMAGE_DELIVERED_ELSEWHERE: { answer: 'denied', meaning: 'An object makes a controller apply or change other objects that the gate does not see.', mend: 'Have the platform allow the kind in images.delivering.allow, if what it delivers is judged elsewhere.' },
  IMAGE_POLICY_MISSING: { answer: 'usage', meaning: 'A trust folder or file is missing, unreadable or holds no policy.', mend: 'Correct images.trust, or put a ClusterImagePolicy there.' },
  IMAGE_POLICY_INVALID: { answer: 'usage', meaning: 'A trust policy is not what its kind may be.', mend: 'Correct the line that the message names.' },
  IMAGE_POLICY_UNSUPPORTED: { answer: 'usage', meaning: 'A trust policy uses something that syncgate cannot evaluate: a key service, a policy that lies on a server or in a cluster, or one whose engine is not there.', mend: 'Do what the message says, or keep the policy out of the trust folder; no part of a policy is ever ignored.' },
  IMAGE_POLICY_HAZARD: { answer: 'usage', meaning: 'A trust policy says something that its author probably did not mean; a warning, which changes no verdict.', mend: 'Write what is meant, or leave it if this is meant.' },
  IMAGE_TRUST_ROOT_MISSING: { answer: 'usage', meaning: 'A trust policy names a trust root that is not there.', mend: 'Put the TrustRoot into a trust folder, or name its trusted_root.json under images.trustRoots.files.' },
  IMAGE_TRUST_ROOT_INVALID: { answer: 'usage', meaning: 'A TrustRoot or a trusted_root.json holds something that no root may.', mend: 'Correct the line that the message names.' },
  IMAGE_TRUST_ROOT_EXPIRED: { answer: 'usage', meaning: 'The TUF repository of a TrustRoot has expired, so nobody vouches any more that what it holds is current.', mend: 'Renew the repository in the TrustRoot; or take the trusted_root.json out of it and name it under images.trustRoots.files, which does not expire.' },
  IMAGE_TRUST_ROOT_REMOTE: { answer: 'usage', meaning: 'A TrustRoot lies on a server: it may not be fetched, or could not be.', mend: 'Set images.trustRoots.refresh to true and let the gate connect to the mirror; or write the repository into the TrustRoot (spec.repository).' },
  IMAGE_TRUST_ROOT_AGED: { answer: 'usage', meaning: 'A trust root is old, or soon no longer valid; a warning, which changes no verdict.', mend: 'Renew it: a newer syncgate ships a newer public-good root, and images.trustRoots.files names one of your own.' },
  IMAGE_KEY_INVALID: { answer: 'usage', meaning: 'A key that a trust policy names is not one PEM public key.', mend: 'Give one public key in PEM, such as cosign.pub.' },
  IMAGE_KEY_PRIVATE: { answer: 'usage', meaning: 'A private key stands where a public key belongs.', mend: 'Replace it by its public key, and treat the private key as leaked.' },

  // Registries
  REGISTRY_SETTINGS_INVALID: { answer: 'usage', meaning: 'The settings of a registry, or a file that they name, cannot be used.', mend: 'Correct registries or registryCredentials in the Gate configuration, or the file that the message names.' },
  REGISTRY_HELPER_FAILED: { answer: 'unevaluated', meaning: 'A credential helper did not answer.', mend: 'Run the helper by hand with `get` and the registry on its standard input, and see what it says.' },
  REGISTRY_UNREACHABLE: { answer: 'unevaluated', meaning: 'A registry could not be reached, or broke the connection.', mend: 'Check that the registry runs and that the gate may connect to it; then try again.' },
  REGISTRY_TLS: { answer: 'unevaluated', meaning: 'A registry did not prove by TLS that it is the one that was asked.', mend: 'Give the certificate authority of the registry as ca under spec.registries of the Gate, or mend its certificate.' },
  REGISTRY_TIMEOUT: { answer: 'unevaluated', meaning: 'A registry did not answer in time.', mend: 'Check the registry and the network between; then try again.' },
  REGISTRY_ABORTED: { answer: 'unevaluated', meaning: 'The run ended before a registry had answered.', mend: 'Raise --timeout, or find out what the run waited for.' },
  REGISTRY_UNAUTHORIZED: { answer: 'unevaluated', meaning: 'A registry refused access.', mend: 'Check that the repository exists and that the credentials of the gate may pull from it.' },
  REGISTRY_RATE_LIMITED: { answer: 'unevaluated', meaning: 'A registry said that there were too many requests.', mend: 'Try again later, give the gate credentials with a higher limit, or use a mirror.' },
  REGISTRY_FAILED: { answer: 'unevaluated', meaning: 'A registry failed with an error of its own.', mend: 'Check the registry; then try again.' },
  REGISTRY_ANSWER_INVALID: { answer: 'unevaluated', meaning: 'Something answered that does not speak the registry protocol.', mend: 'Check that the host is a registry and that no proxy answers in its place.' },
  REGISTRY_ADDRESS_REFUSED: { answer: 'denied', meaning: 'An image or a redirect leads to an address that only a listed registry may have.', mend: 'Use a public registry, or list the host under spec.registries of the Gate.' },
  REGISTRY_REDIRECT_REFUSED: { answer: 'denied', meaning: 'A registry redirected to where the gate does not follow.', mend: 'Check the registry; a redirect goes to https, or to a host that is listed with plainHttp.' },
  REGISTRY_REALM_REFUSED: { answer: 'denied', meaning: 'A registry wants its sign-in at a place that is not its own.', mend: 'List the token service in tokenRealms of the registry, if it is the right one.' },
  REGISTRY_DIGEST_MISMATCH: { answer: 'denied', meaning: 'Content does not have the digest under which it was asked for or promised.', mend: 'Treat the registry, its proxy or the copy of it as tampered with until you know better.' },
  REGISTRY_MANIFEST_INVALID: { answer: 'denied', meaning: 'A manifest is not one that two readers would read alike.', mend: 'Push the image again with a current tool, as an OCI or docker schema 2 image.' },
  REGISTRY_TOO_LARGE: { answer: 'denied', meaning: 'A registry sent more than the gate reads.', mend: 'Find out what the object is; no manifest or signature needs to be so large.' },
  REGISTRY_TOO_MANY_REFERRERS: { answer: 'denied', meaning: 'More objects refer to a digest than the gate reads.', mend: 'Remove what does not belong there: a flood can hide a signature.' },
  REGISTRY_LAYOUT_INVALID: { answer: 'unevaluated', meaning: 'A folder that stands for a registry is not an OCI image layout.', mend: 'Copy the repository again, into one layout a repository.' },
  MIRROR_FAILED: { answer: 'unevaluated', meaning: 'An image could not be copied into a folder of layouts; what was there before is as it was.', mend: 'See the cause in the message, and mirror it again: what was copied so far is kept.' },

  // Artifacts
  SOURCE_TARBALL_INVALID: { answer: 'unevaluated', meaning: 'The artifact of a source is not one gzipped tar that every reader would read alike.', mend: 'Have the source built anew; an archive of your own is best made by `flux push artifact` or `helm package`.' },
  ARTIFACT_FETCH_FAILED: { answer: 'unevaluated', meaning: 'The artifact of a source could not be downloaded.', mend: 'Look at the source, at its controller and at the network between; it is tried again.' },
  ARTIFACT_TIMEOUT: { answer: 'unevaluated', meaning: 'An artifact was not downloaded or unpacked before the deadline.', mend: 'Look at the network and at the size of the source; else raise the timeout.' },
  ARTIFACT_TOO_LARGE: { answer: 'unevaluated', meaning: 'The artifact of a source is larger than the gate downloads.', mend: 'Leave out of the source what is not rendered (spec.ignore, .sourceignore).' },
  ARTIFACT_DIGEST_MISMATCH: { answer: 'denied', meaning: 'An artifact does not have the digest that its object promises.', mend: 'Treat whoever serves or replicates it as tampered with until you know better; have the source built anew.' },
  ARTIFACT_DIGEST_UNSUPPORTED: { answer: 'unevaluated', meaning: 'The digest of an artifact is missing, malformed or of a kind that is not computed here.', mend: 'Have source-controller use sha256, sha384 or sha512 (--artifact-digest-algo).' },
  STORE_INVALID: { answer: 'usage', meaning: 'The storage folder does not exist, or is not one that syncgate may write to.', mend: 'Mount a volume there that syncgate alone may write to.' },
  STORE_BUSY: { answer: 'usage', meaning: 'Another process has the storage folder open.', mend: 'Give every replica a volume of its own.' },
  STORE_FULL: { answer: 'unevaluated', meaning: 'The disk that holds the artifacts is full; what was there is as it was.', mend: 'Enlarge the volume, or keep fewer artifacts (--artifact-retention-records, --artifact-retention-ttl).' },
  STORE_FAILED: { answer: 'unevaluated', meaning: 'An artifact could not be written or read; what was there is as it was.', mend: 'Look at the volume.' },
  ARTIFACT_NAME_INVALID: { answer: 'denied', meaning: 'A namespace, a name or a path of an artifact is not one that Kubernetes allows.', mend: 'Find out who wrote the object that the message names.' },
  SERVER_FAILED: { answer: 'usage', meaning: 'A server could not listen at its address.', mend: 'Choose an address and a port that are free.' },

  // Certificates of the webhook
  CERTIFICATE_INVALID: { answer: 'usage', meaning: 'The mounted certificate of the webhook cannot be read, or does not belong to its key.', mend: 'Mount a folder with tls.crt (the chain) and tls.key (its key), both in PEM.' },
  CERTIFICATE_UNAVAILABLE: { answer: 'unevaluated', meaning: 'The authority of the webhook could not be read from its Secret or kept there.', mend: 'Look at the API server and at the rights of the account; apply the shipped Secret again where it is gone.' },

  // Argo CD's plugin protocol
  PLUGIN_ENVIRONMENT_INVALID: { answer: 'usage', meaning: '`syncgate generate` was not given the environment that Argo CD gives a plugin.', mend: 'Run it as the generate command of plugin.yaml; elsewhere use `syncgate render`.' },
  PLUGIN_ENV_REFUSED: { answer: 'usage', meaning: 'The Application sets `plugin.env`, which has no meaning here and chooses no policy.', mend: 'Take `env` out of the source; what rendering can be told is in `plugin.parameters`.' },

  // Policies
  POLICY_MISSING: { answer: 'usage', meaning: 'A policy path does not exist, cannot be read, or holds no policy.', mend: 'Correct spec.policies; `[]` says that there are no policies.' },
  POLICY_FILE_REFUSED: { answer: 'usage', meaning: 'A file among the policies or their data cannot be taken as it is: too large, too many, not text, not a plain file, or a link that leaves its folder.', mend: 'Mend the file that the message names, or keep it out of the folder.' },
  POLICY_UNSUPPORTED: { answer: 'usage', meaning: 'A file among the policies is not one that syncgate evaluates; it is never skipped.', mend: 'Keep the file out of the folders of spec.policies; data files belong under spec.rego.data.' },
  POLICY_INVALID: { answer: 'usage', meaning: 'A policy is not what its kind may be: a field, an operator, a function or an expression in it is unknown or malformed.', mend: 'Correct the line that the message names; no part of a policy is ever ignored.' },
  POLICY_DENIED: { answer: 'denied', meaning: 'A policy refuses an object, or the set.', mend: 'Change it as the message asks, or have the owner of the policy except it.' },
  POLICY_WARNED: { answer: 'denied', meaning: 'A policy warns; this alone denies nothing.', mend: 'Change it as the message asks, before the warning becomes a denial.' },
  POLICY_EXCEPTED: { answer: 'denied', meaning: 'A policy would have refused an object, and an exception of the platform lets it through; this alone denies nothing.', mend: 'Nothing has to be done; the exception is on record.' },
  POLICY_EVALUATION_FAILED: { answer: 'unevaluated', meaning: 'A rule could not be evaluated for an object; a rule without an answer has not passed.', mend: 'Change the object, or make the rule hold for such objects; the message says what failed.' },
  POLICY_ERROR_IGNORED: { answer: 'unevaluated', meaning: 'A rule could not be evaluated for an object, and its policy says that such errors are to be ignored (failurePolicy: Ignore); this alone denies nothing.', mend: 'Make the rule hold for such objects, or have the policy say Fail.' },
  POLICY_PINNED_PASSES: { answer: 'denied', meaning: 'A rule refuses the object as it was written, and passes it only because its images were pinned to digests.', mend: 'Change the object as the rule asks; spec.evaluation.onlyPinnedPasses says whether this denies.' },
  POLICY_NOT_EVALUATED: { answer: 'unevaluated', meaning: 'A rule that changes or creates objects, or judges something a gate never sees, was not evaluated; this alone denies nothing.', mend: 'Know that the cluster may have another object than the one that was judged.' },
  POLICY_HAZARD: { answer: 'usage', meaning: 'A policy or an exception says something that its author probably did not mean, such as a kind that does not exist; a warning, which changes no verdict.', mend: 'Write what is meant, or leave it if this is meant.' },
  POLICY_REPEATED: { answer: 'usage', meaning: 'Two policies have the same kind and name: in a cluster one would replace the other.', mend: 'Remove or rename one of the two.' },
  POLICY_WAIVER_UNUSED: { answer: 'usage', meaning: 'A waiver names a policy that is not there, or one that can be evaluated.', mend: 'Remove the waiver from spec.evaluation.waivers.' },
  SNAPSHOT_INVALID: { answer: 'usage', meaning: 'A file of spec.cluster.objects holds something that is no object, or two objects that differ under one name.', mend: 'Correct the file that the message names.' },
  SNAPSHOT_CLASH: { answer: 'denied', meaning: 'The set renders an object that a policy may be fed with, and the snapshot of the cluster has another one under its name.', mend: 'Bring the snapshot up to date, or do not render the object.' },
  OPA_MISSING: { answer: 'usage', meaning: 'There are Rego policies, and no opa program to judge by them.', mend: 'Install opa (https://www.openpolicyagent.org), or set spec.rego.path.' },
  OPA_FAILED: { answer: 'unevaluated', meaning: 'The opa program ended in a way that is no answer.', mend: 'Run it by hand over the same policies; the manifests stay withheld.' },
  REGO_INVALID: { answer: 'usage', meaning: 'A Rego policy does not compile, reads data that is not there, or uses a function that no policy may use here.', mend: 'Correct the line that the message names; spec.rego.version says which Rego it is read as.' },
  REGO_RULE_INVALID: { answer: 'usage', meaning: 'A rule that is named like deny, violation or warn could never be evaluated as one.', mend: 'Write it as a set of messages (`deny contains msg if …`), or give it another name.' },
  REGO_PACKAGE_MISSING: { answer: 'usage', meaning: 'A package that spec.rego selects is not there, or holds no deny, violation or warn rule.', mend: 'Correct spec.rego.packages, or add the package.' },
  REGO_PACKAGE_UNSELECTED: { answer: 'usage', meaning: 'A package holds deny or violation rules and is not selected, so they would never run.', mend: 'Add it to spec.rego.packages, or keep it out of the folder.' },
  REGO_INPUT_FOREIGN: { answer: 'usage', meaning: 'A policy reads input.request or input.review, as in an admission webhook; here the input is the plain object, and the rule would pass everything.', mend: 'Read the object from input itself (input.kind, input.spec).' },
  REGO_NOT_A_SET: { answer: 'unevaluated', meaning: 'A deny, violation or warn rule gave no set of messages for an object, so what it says cannot be told.', mend: 'Write it as a set of messages: `deny contains msg if …`.' },
  REGO_RESULT_INVALID: { answer: 'unevaluated', meaning: 'A rule gave something that is neither a message nor an object with a `msg` in it.', mend: 'Give a string, or an object with the string `msg`.' },
  REGO_EVALUATION_FAILED: { answer: 'unevaluated', meaning: 'opa could not evaluate the rules for an object: a built-in function failed, or two rules contradict each other.', mend: 'Make the rule hold for such an object; the message names the line.' },
  REGO_LIMIT: { answer: 'unevaluated', meaning: 'Judging by Rego took more time, memory or output than it may.', mend: 'Look for a rule that does not end or multiplies; else raise spec.rego.limits.' },
  CUE_MISSING: { answer: 'usage', meaning: 'A trust policy holds CUE, and no cue program is there to judge by it.', mend: 'Name a cue program in spec.images.cue, or write the policy in Rego.' },
  CUE_INVALID: { answer: 'usage', meaning: 'A CUE policy does not compile, contradicts itself, or imports what is not of the language itself.', mend: 'Correct what the message names; try it with `cue vet`.' },
  CUE_FAILED: { answer: 'unevaluated', meaning: 'The cue program ended in a way that is no answer.', mend: 'Run it by hand over the same policy; the manifests stay withheld.' },

  // Which Gate judges
  GATE_NONE: { answer: 'unevaluated', meaning: 'No Gate governs the namespace, so nobody may say that anything in it is allowed.', mend: 'Have the platform give a Gate whose spec.namespaces names the namespace.' },
  GATE_SEVERAL: { answer: 'unevaluated', meaning: 'More than one Gate governs the namespace, and nothing says whose rules hold.', mend: 'Have the platform change spec.namespaces of the Gates, so that exactly one names the namespace.' },
  GATE_ELSEWHERE: { answer: 'denied', meaning: 'A set holds an object for a namespace, or for the cluster, that another Gate governs than the one that judges the set.', mend: 'Render it from a GatedSource of that namespace, or have the platform govern both by one Gate.' },
  GATE_UNAVAILABLE: { answer: 'unevaluated', meaning: 'The Gate, or its rules, could not be loaded; rules that held before are not used in their place.', mend: 'Have the platform mend what the message names; what waits is judged as soon as the rules can be loaded.' },

  // The webhook
  ADMISSION_REVIEW_INVALID: { answer: 'unevaluated', meaning: 'The webhook was asked something that no API server asks, or that it does not judge: another operation, another subresource, an object that is not what it is called.', mend: 'Look at the webhook configuration (operations, resources), and at who else reaches the webhook.' },
  ADMISSION_BUSY: { answer: 'unevaluated', meaning: 'A review holds more than fits beside the reviews that the webhook is judging at the moment.', mend: 'Apply it again; where one object alone is too much, make it smaller.' },
  ADMISSION_NAMESPACE_UNKNOWN: { answer: 'unevaluated', meaning: 'The Namespace of an object could not be read, so nobody knows which Gate governs it.', mend: 'Look at the API server and at what the account of the webhook may read; then apply again.' },

  // The API server
  CLUSTER_FORBIDDEN: { answer: 'unevaluated', meaning: 'The API server does not let the account of the gate do what it has to do.', mend: 'Apply the roles and bindings of the overlay again (syncgate-source, syncgate-values-reader), and look at what else refuses it.' },
  CLUSTER_KIND_MISSING: { answer: 'unevaluated', meaning: 'The API server does not know a kind that the gate needs, or the object is gone.', mend: 'Install Flux 2.7 or newer (ExternalArtifact) and the definition of GatedSource (flux/base).' },
  CLUSTER_UNAVAILABLE: { answer: 'unevaluated', meaning: 'The API server did not answer, or answered with a failure of its own.', mend: 'Look at the API server and the way to it; the gate tries again by itself.' },
  CLUSTER_CREDENTIALS_INVALID: { answer: 'usage', meaning: 'There is no API server to ask, or the credentials for it cannot be read.', mend: 'Run it in a Pod that mounts the token of its ServiceAccount, or name a kubeconfig with a token or a certificate in KUBECONFIG.' },

  // Gated sources of Flux
  FLUX_SPEC_INVALID: { answer: 'usage', meaning: 'A GatedSource has a field or a value that it may not have.', mend: 'Correct the field that the message names.' },
  FLUX_SOURCE_REFUSED: { answer: 'denied', meaning: 'A GatedSource names a source that it may not read: one of another namespace, or an artifact that the gate itself makes.', mend: 'Name a source of its own namespace in spec.sourceRef; --allow-cross-namespace-sources of the gate opens the others to everybody.' },
  FLUX_SOURCE_ELSEWHERE: { answer: 'denied', meaning: 'The status of a source has its artifact at an address that is not one of its own files.', mend: 'Look at who writes the status of the source; source-controller alone should.' },
  FLUX_SOURCE_MISSING: { answer: 'unevaluated', meaning: 'The source that a GatedSource names does not exist.', mend: 'Create it, or correct spec.sourceRef.' },
  FLUX_SOURCE_WAITING: { answer: 'unevaluated', meaning: 'A source holds no artifact yet, or its file is not there at the moment.', mend: 'Look at the conditions of the source; the gate tries again by itself.' },
  FLUX_SOURCE_UNREACHABLE: { answer: 'unevaluated', meaning: 'The file of a source could not be had from its server.', mend: 'Check that source-controller runs, and that the network lets the gate reach it; the gate tries again by itself.' },
  FLUX_REFERENCE_MISSING: { answer: 'unevaluated', meaning: 'A ConfigMap or Secret that a GatedSource names, or its key, is not there.', mend: 'Create it, correct the name, or set optional on the reference.' },
  FLUX_REFERENCE_REFUSED: { answer: 'unevaluated', meaning: 'The gate may not read a ConfigMap or Secret that a GatedSource names.', mend: 'Let the ServiceAccount syncgate read it by a RoleBinding in that namespace.' },
  FLUX_ARTIFACT_TAKEN: { answer: 'unevaluated', meaning: 'There is an ExternalArtifact of that name that somebody else made.', mend: 'Remove it, or give the GatedSource another name.' },
  FLUX_ARTIFACT_LOST: { answer: 'unevaluated', meaning: 'The file of the artifact that was let out last is gone from the storage, and the newest revision is refused, so it cannot be made again.', mend: 'Restore the storage, or have a revision that passes; what is live stays as it is.' },
  FLUX_CONSUMER_REFUSED: { answer: 'unevaluated', meaning: 'A Kustomization may not read the artifact of a GatedSource, so nothing of it is applied.', mend: 'Start kustomize-controller with --feature-gates=ExternalArtifact=true, and the Kustomization in the namespace of the GatedSource.' },

  // Tests of policies
  TEST_MISSING: { answer: 'usage', meaning: 'A path that was given to `syncgate test` does not exist, or holds no test.', mend: 'Name a kyverno-test.yaml, or a folder that one lies in or below.' },
  TEST_INVALID: { answer: 'usage', meaning: 'A test of policies, or a file that it names, is not what it may be; none of its rows was judged.', mend: 'Correct the line that the message names.' },
  TEST_TIMEOUT: { answer: 'unevaluated', meaning: 'The tests of policies did not end before their deadline.', mend: 'Run fewer of them, or raise --timeout.' },
  TEST_CRASHED: { answer: 'unevaluated', meaning: 'A thread that ran tests of policies ended without having answered.', mend: 'Run the test that the message names alone; report it with the file if it happens again.' },

  // Gate
  INTERRUPTED: { answer: 'unevaluated', meaning: 'syncgate was told to stop before it had a verdict.', mend: 'Run it again.' },
  STDIN_UNREADABLE: { answer: 'usage', meaning: 'Standard input could not be read, or holds more than a rendered set may.', mend: 'Pipe the manifests of one application into syncgate.' },
  EMIT_FAILED: { answer: 'unevaluated', meaning: 'The manifests were allowed, but could not be written out whole.', mend: 'Treat what was received as nothing; see the message for why.' },
  CHECK_CRASHED: { answer: 'unevaluated', meaning: 'A check threw something that is not one of its own errors.', mend: 'Report it with the text of the message; the manifests stay withheld.' },
  CHECK_TIMEOUT: { answer: 'unevaluated', meaning: 'A check did not finish before the deadline.', mend: 'Raise --timeout, or find out what it waits for.' },
  CHECK_SILENT: { answer: 'unevaluated', meaning: 'A check returned nothing, or something that is not an outcome.', mend: 'Report it; a check that says nothing has not passed.' },
  INTERNAL: { answer: 'unevaluated', meaning: 'Something failed that syncgate does not know how to name.', mend: 'Report it with the text of the message.' },
});

export type Code = keyof typeof CODES;

/** What an error does as a finding: some errors are answers, because what was judged is refused for what it is. */
export function effectOf(code: Code): 'deny' | 'error' {
  return CODES[code].answer === 'denied' ? 'deny' : 'error';
}

/** An error with a stable code, what happened, and the mend: what the reader does next. */
export class GateError extends Error {
  readonly code: Code;
  readonly mend: string;
  /** Where: a file with line and column, a field path, an image, a setting. */
  readonly place: string | undefined;

  constructor(code: Code, message: string, more: { mend?: string; place?: string | undefined; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'GateError';
    this.code = code;
    this.mend = more.mend ?? CODES[code].mend;
    this.place = more.place;
  }
}

/** Any thrown value as a GateError; what is not one already becomes `code`, with the original as its cause. */
export function asGateError(thrown: unknown, code: Code = 'INTERNAL'): GateError {
  if (thrown instanceof GateError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new GateError(code, text, { cause: thrown });
}
