import { isDeepStrictEqual } from 'node:util';
import { GateError } from '../../../../core/errors.ts';
import { describePath, type JsonPath } from '../../../../core/json.ts';
import { readSettings, type SettingsDocument, validateSettings } from '../../../../core/settings-file.ts';
import { refusal } from '../complaint.ts';
import type { Authority, ImagePolicy, ImageScope, SignedName } from '../model.ts';
import { ContainersPolicySchema, type Requirement, type SignedIdentity } from './containers-schema.ts';
import { type ScopeKey, scopeProblem, scopesOf } from './containers-scope.ts';
import { type ReadFile, readSigstoreSigned } from './containers-sigstore.ts';
import { referenceAt } from './reference.ts';

/** Where a scope's requirements stand. */
interface Section {
  readonly key: ScopeKey;
  readonly path: JsonPath;
  readonly requirements: readonly Requirement[];
}

/**
 * The `policy.json` of podman, skopeo, CRI-O and their like (containers-policy.json(5)), read for images of registries:
 * `default` and `transports.docker`. Each requirement becomes a policy of its own, because all of a scope must hold.
 * Other transports are checked and have no say: nothing that the gate judges comes by them. `readFile` reads the paths
 * in it. Throws IMAGE_POLICY_*, IMAGE_KEY_* and IMAGE_TRUST_ROOT_INVALID with line and column.
 */
export async function readContainersPolicy(text: string, shown: string, readFile: ReadFile): Promise<ImagePolicy[]> {
  const document = readStrictJson(text, shown);
  refuseWhatIsNotRead(document);
  const policy = validateSettings(ContainersPolicySchema, document, 'IMAGE_POLICY_INVALID');
  const docker = policy.transports?.['docker'] ?? {};
  const scopeOf = scopesOf(Object.keys(docker));
  const sections: Section[] = [
    { key: undefined, path: ['default'], requirements: policy.default },
    ...Object.entries(docker).map(([key, requirements]) => ({
      key,
      path: ['transports', 'docker', key],
      requirements,
    })),
  ];
  const policies: ImagePolicy[] = [];
  for (const section of sections) {
    refuseIdleScope(document, section);
    for (const [i, requirement] of section.requirements.entries()) {
      const path = [...section.path, i];
      const name = describeRequirement(shown, section, i);
      const scope = scopeOf(section.key);
      policies.push(await readRequirement(document, path, requirement, { name, scope, readFile }));
    }
  }
  return policies;
}

/** Read as JSON and as YAML, which tells the lines. Where the two differ the file would mean two things. */
function readStrictJson(text: string, shown: string): SettingsDocument {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const why = error instanceof SyntaxError ? error.message.slice(0, 200) : 'unreadable';
    throw new GateError('IMAGE_POLICY_INVALID', `${shown} is not JSON: ${JSON.stringify(why).slice(1, -1)}`, {
      place: shown,
      cause: error,
    });
  }
  const [document, ...more] = readSettings(text, shown, 'IMAGE_POLICY_INVALID');
  if (document === undefined || more.length > 0 || !isDeepStrictEqual(document.value, json)) {
    throw new GateError(
      'IMAGE_POLICY_INVALID',
      `${shown} reads differently as JSON and as YAML, so its lines cannot be told`,
      {
        mend: 'Write it as plain JSON, without a key twice.',
        place: shown,
      },
    );
  }
  return document;
}

/** Before the schema, so that what is known and not read is refused by its name. */
function refuseWhatIsNotRead(document: SettingsDocument): void {
  const policy = document.value as { default?: unknown; transports?: { docker?: unknown } } | null;
  const docker: unknown = policy?.transports?.docker;
  const sections: [JsonPath, unknown][] = [[['default'], policy?.default]];
  if (typeof docker === 'object' && docker !== null) {
    for (const [key, value] of Object.entries(docker)) sections.push([['transports', 'docker', key], value]);
  }
  for (const [path, requirements] of sections) {
    for (const [i, requirement] of (Array.isArray(requirements) ? requirements : []).entries()) {
      const type: unknown = (requirement as { type?: unknown } | null)?.type;
      if (type !== 'signedBy' && type !== 'signedBaseLayer') continue;
      const what = type === 'signedBy' ? 'GPG signatures (signedBy) are not read' : 'signedBaseLayer is not read';
      throw refusal(
        document,
        [...path, i, 'type'],
        'IMAGE_POLICY_UNSUPPORTED',
        `${describePath([...path, i])}: ${what}, and a policy is never read without a part of it`,
        'Write sigstoreSigned with a key, or keep this scope out of the file that the gate reads.',
      );
    }
  }
}

/** podman loads a scope that nothing can be in; a ban that never applies is worse than none. */
function refuseIdleScope(document: SettingsDocument, { key, path }: Section): void {
  const problem = key === undefined ? undefined : scopeProblem(key);
  if (problem === undefined) return;
  throw refusal(
    document,
    path,
    'IMAGE_POLICY_INVALID',
    `the scope ${JSON.stringify(key)} can match nothing: ${problem}`,
    'Write it as canonical names are: host/path, host/path:tag or host/path@sha256:….',
  );
}

function describeRequirement(shown: string, { key, requirements }: Section, index: number): string {
  const scope = key === undefined ? 'default' : `docker ${JSON.stringify(key)}`;
  return `${shown} ${scope}${requirements.length === 1 ? '' : `, requirement ${index + 1}`}`;
}

async function readRequirement(
  document: SettingsDocument,
  path: JsonPath,
  requirement: Requirement,
  { name, scope, readFile }: { readonly name: string; readonly scope: ImageScope; readonly readFile: ReadFile },
): Promise<ImagePolicy> {
  const policy = (authorities: ImagePolicy['authorities'], hazards: readonly string[] = []): ImagePolicy => ({
    rule: `policy.json ${name}`,
    name,
    place: document.locate(path),
    scope: [scope],
    match: [],
    mode: 'enforce',
    quorum: 1,
    authorities,
    hazards,
  });
  switch (requirement.type) {
    case 'insecureAcceptAnything':
      return policy(
        [{ kind: 'static', name: 'insecureAcceptAnything', action: 'pass', message: '' }],
        ['insecureAcceptAnything vouches for every image of its scope, signed or not'],
      );
    case 'reject':
      return policy([{ kind: 'static', name: 'reject', action: 'fail', message: 'policy.json rejects it' }]);
    case 'sigstoreSigned': {
      const signedName = readSignedName(document, [...path, 'signedIdentity'], requirement.signedIdentity);
      const found = await readSigstoreSigned(document, path, requirement, name, readFile);
      return policy(found.map((authority): Authority => ({ ...authority, signedName })) as [Authority, ...Authority[]]);
    }
    default:
      // Refused before; a kind that is added to the schema alone must not pass.
      throw refusal(document, path, 'IMAGE_POLICY_UNSUPPORTED', `${requirement.type} is not read`);
  }
}

function readSignedName(document: SettingsDocument, path: JsonPath, identity: SignedIdentity | undefined): SignedName {
  if (identity === undefined) return { type: 'matchRepoDigestOrExact' };
  switch (identity.type) {
    case 'exactReference': {
      const value = identity.dockerReference;
      const field = [...path, 'dockerReference'];
      const { tag, digest } = referenceAt(document, field, value);
      if (tag !== undefined || digest !== undefined) return { type: 'exactReference', value };
      throw refusal(document, field, 'IMAGE_POLICY_INVALID', `${describePath(field)} has neither a tag nor a digest`);
    }
    case 'exactRepository': {
      const value = identity.dockerRepository;
      const field = [...path, 'dockerRepository'];
      const { tag, digest } = referenceAt(document, field, value);
      if (tag === undefined && digest === undefined) return { type: 'exactRepository', value };
      throw refusal(
        document,
        field,
        'IMAGE_POLICY_INVALID',
        `${describePath(field)} has a tag or a digest, and a repository has none`,
      );
    }
    case 'remapIdentity': {
      const { prefix, signedPrefix } = identity;
      for (const field of ['prefix', 'signedPrefix'] as const) {
        const { repository } = referenceAt(document, [...path, field], `${identity[field]}/x`);
        // A short name would be read as one of Docker Hub here, and as nothing by podman.
        const [host = ''] = identity[field].split('/');
        const spelled = repository.registry === 'index.docker.io' ? 'docker.io' : repository.registry;
        if (host === spelled) continue;
        const why = `${describePath([...path, field])} does not begin with a registry host in canonical spelling`;
        throw refusal(document, [...path, field], 'IMAGE_POLICY_INVALID', why);
      }
      return { type: 'remapIdentity', prefix, signedPrefix };
    }
    default:
      return { type: identity.type };
  }
}
