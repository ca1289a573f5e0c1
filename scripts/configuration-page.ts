/** docs/configuration.md, made from the JSON schema of the Gate. */

/** As much of JSON schema as zod writes for the Gate. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
}

/** One key of the Gate, by its path below `spec`. */
export interface Key {
  readonly path: string;
  readonly schema: Schema;
  readonly required: boolean;
  /** Whether it stands in one of several forms that a value may have, and is required only there. */
  readonly alternative: boolean;
}

const intro = `# The Gate

One file configures syncgate. It belongs to the platform: it is named by \`--config\`, by \`SYNCGATE_CONFIG\`, or lies at
\`/etc/syncgate/gate.yaml\`, and nothing in an application's repository can change what it says. This page is made from the
schema by \`npm run docs\`.

\`\`\`yaml
apiVersion: syncgate.dev/v1alpha1
kind: Gate
metadata:
  name: production          # what reports call this gate
spec:
  policies:
    - path: policies/       # Kyverno, ValidatingAdmissionPolicy, Rego; [] for none
  images:
    trust:
      - path: trust/        # ClusterImagePolicy documents, and the keys that they name
    unmatched: deny         # an image that no policy matches
    pin: true               # write the verified digest into the manifests
\`\`\`

- Paths are relative to the file itself.
- An unknown key is an error with its line, its column and the nearest key that is known.
- What decides about security has no default: \`policies\`, \`images\` and in it \`trust\`, \`unmatched\` and \`pin\` must be
  written. \`policies: []\` and \`images: unchecked\` say that there are none, in so many words.
- Editors complete and check the file with \`schema/gate.schema.json\`, for example by this first line:
  \`# yaml-language-server: $schema=./node_modules/syncgate/schema/gate.schema.json\`

## In a cluster

\`syncgate serve\` reads every \`.yaml\` of a folder as one Gate, each with \`spec.namespaces\`. Exactly one must govern a namespace. A policy
or a key that cannot be loaded stops the Gates that name it; **a file that cannot be read as a Gate** (a misspelt key, no \`spec.namespaces\`,
a name that another has) **stops all of them**, for every team and in the webhook, because nobody knows which namespaces it would have
governed. Load it with \`syncgate policies --config FILE\` before the cluster does ([flux.md](flux.md#2-the-rules)).

## Credentials

They come from files that the Gate names: \`~/.docker/config.json\`, \`docker login\`, helm's own files and an ssh agent are not
looked at. The one exception is \`REGISTRY_AUTH_FILE\` in the environment of syncgate itself, which counts where the Gate has no
\`registryCredentials\`. Images and what rendering fetches have a store each; both may lie in one folder.
[registries.md](registries.md) has credential helpers, pull secrets, proxies, caches and air-gapped clusters.

\`\`\`yaml
spec:
  registryCredentials: credentials/config.json # images: a file as docker login writes it
  render:
    credentials: credentials/ # charts and bases: every *.yaml in it, or one file
\`\`\`

\`credentials/repositories.yaml\`, whose files are named relative to it:

\`\`\`yaml
credentials:
  - place: https://charts.example.com/stable # a host, or a URL and everything below it
    username: robot
    passwordFile: charts-password # or password, token, tokenFile
    caFile: ca.pem # also certificateFile and keyFile, of a client certificate
  - place: git.example.com
    sshKeyFile: id_ed25519
    knownHostsFile: known_hosts # without it no ssh host is trusted
\`\`\`

The host must be listed too, in \`render.helm.repositories\` or \`render.kustomize.remoteBases\`. A registry at a private or
loopback address is asked only if it is listed:

\`\`\`yaml
spec:
  registries:
    - host: registry.corp.example:5000
      ca: corp-ca.pem # or plainHttp: true, if it has no TLS
      credentials: { usernameFile: credentials/user, passwordFile: credentials/password }
\`\`\`

## Keys

In the tables, keys are written without \`spec.\`, and those of the entries of a list as \`list[].key\`.
`;

/** The whole page. */
export function configurationPage(gate: Schema): string {
  const spec = gate.properties?.['spec'] ?? {};
  const sections = Object.entries(spec.properties ?? {}).map(([name, schema]) => {
    const required = spec.required?.includes(name) ?? false;
    const own = `*Type:* ${typeOf(schema)}. *Default:* ${defaultOf({ path: name, schema, required, alternative: false })}.`;
    return `## spec.${name}\n\n${sentence(schema)}\n\n${own}\n${table(keysBelow(schema, name))}`;
  });
  return `${intro}\n${sections.join('\n')}`;
}

/** Every key below a schema, objects before what they hold. */
export function keysBelow(schema: Schema, path = ''): Key[] {
  const keys: Key[] = [];
  const variants = schema.anyOf ?? [schema];
  const alternatives = variants.filter(({ properties }) => properties !== undefined).length;
  for (const variant of variants) {
    if (variant.items !== undefined) keys.push(...keysBelow(variant.items, `${path}[]`));
    for (const [name, child] of Object.entries(variant.properties ?? {})) {
      const below = path === '' ? name : `${path}.${name}`;
      const required = variant.required?.includes(name) ?? false;
      keys.push({ path: below, schema: child, required, alternative: alternatives > 1 });
      keys.push(...keysBelow(child, below));
    }
  }
  const seen = new Set<string>();
  return keys.filter((key) => !seen.has(key.path) && seen.add(key.path));
}

function table(keys: readonly Key[]): string {
  if (keys.length === 0) return '';
  const rows = keys.map(
    (key) => `| \`${key.path}\` | ${typeOf(key.schema)} | ${defaultOf(key)} | ${sentence(key.schema)} |`,
  );
  return ['', '| key | type | default | meaning |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}

function sentence(schema: Schema): string {
  return (schema.description ?? '').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

function typeOf(schema: Schema): string {
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.type === 'array') return `list of ${plural(typeOf(schema.items ?? {}))}`;
  if (schema.type === 'object') return typeof schema.additionalProperties === 'object' ? 'map' : 'object';
  if (schema.type === 'integer' || schema.type === 'number') {
    const [least, most] = [schema.minimum, schema.maximum];
    return least === undefined || most === undefined ? 'number' : `${least} to ${most}`;
  }
  return schema.type ?? 'anything';
}

function plural(type: string): string {
  return /^[a-z]+$/.test(type) ? `${type}s` : type;
}

function defaultOf({ schema, required, alternative }: Key): string {
  if (required && schema.default === undefined) return alternative ? 'required in this form' : 'required';
  if (schema.default === undefined) return 'unset';
  if (Array.isArray(schema.default) && schema.default.length > 0) return `\`${JSON.stringify(schema.default)}\``;
  if (typeof schema.default === 'object') {
    return Object.keys(schema.default ?? {}).length === 0 ? 'empty' : 'as its keys say';
  }
  return `\`${String(schema.default)}\``;
}
