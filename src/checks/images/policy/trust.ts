import { dirname, resolve } from 'node:path';
import type { Finding } from '../../../core/decision.ts';
import { GateError } from '../../../core/errors.ts';
import { canonicalName, type Digest, type ImageReference, repositoryName } from '../../../core/image.ts';
import { isObject } from '../../../core/json.ts';
import { describePlace } from '../../../core/manifest.ts';
import { readSettings, type SettingsDocument } from '../../../core/settings-file.ts';
import type { PolicyFolder, TrustSource } from '../settings.ts';
import { readClusterImagePolicy } from './cluster-image-policy.ts';
import { refusal } from './complaint.ts';
import type { TrustPorts } from './context.ts';
import { listPolicyFiles, readBounded, readContent, readSecret, secretEntries } from './files.ts';
import type { ImagePolicy, TrustRoot } from './model.ts';
import { fillShelf, type RootsStanding } from './shelf.ts';
import type { SpellingContext } from './spellings/context.ts';

/** The policies of a run. Made once and never changed: nothing that is rendered can add to it. */
export interface Trust {
  readonly policies: readonly ImagePolicy[];
  /** Hazards in the policies that a person should know of; they change no verdict. */
  readonly warnings: readonly Finding[];
}

/** The policies of a run, and the root that whoever names none means: the platform's own, or the one that is shipped. */
export interface LoadedTrust extends Trust {
  readonly roots: RootsStanding;
  publicGood(): Promise<TrustRoot>;
}

/**
 * Reads every trust policy and trust root. `resolvePath` makes an absolute path of one in the configuration. Throws
 * IMAGE_POLICY_*, IMAGE_TRUST_ROOT_* and IMAGE_KEY_* with file, line and column for anything that cannot be evaluated
 * exactly as it is written.
 */
export async function loadTrust(
  sources: readonly TrustSource[],
  resolvePath: (path: string) => string,
  ports: TrustPorts,
): Promise<LoadedTrust> {
  const read = await Promise.all(sources.map((source) => readSource(source, resolvePath)));
  const shelf = await fillShelf(
    read.flatMap((each) => ('documents' in each ? each.documents : [])).filter(isTrustRoot),
    resolvePath,
    ports,
  );
  const policies: ImagePolicy[] = [];
  for (const each of read) {
    if ('policies' in each) {
      policies.push(...each.policies);
      continue;
    }
    const { documents, secrets, contents } = each;
    const context: SpellingContext = {
      secret: (name) => readSecret(secrets, name),
      secretEntries: (name) => secretEntries(secrets, name),
      content: (reference) => readContent(contents, reference),
      trustRoot: async (name) => shelf.trustRoot(name),
      publicGood: () => shelf.publicGood(),
      judge: ports.judge,
      signal: ports.signal,
      clock: ports.clock,
    };
    for (const document of documents) {
      if (!isTrustRoot(document)) policies.push(...(await readPolicies(document, documents, context)));
    }
  }
  refuseSameNames(policies);
  return Object.freeze({
    policies: Object.freeze(policies),
    warnings: [...policies.flatMap(warningsOf), ...shelf.warnings()],
    roots: shelf.roots(),
    publicGood: () => shelf.publicGood(),
  });
}

/** What a source holds: documents, which may refer to each other, or policies that stand for themselves. */
type ReadSource = ReadFolder | { readonly policies: readonly ImagePolicy[] };

interface ReadFolder {
  readonly documents: readonly SettingsDocument[];
  readonly secrets: string;
  readonly contents: string | undefined;
}

async function readSource(source: TrustSource, resolvePath: (path: string) => string): Promise<ReadSource> {
  if ('containersPolicy' in source) {
    return { policies: await loadContainersPolicy(source.containersPolicy, resolvePath) };
  }
  if ('trustPolicy' in source) {
    const { loadNotation } = await import('../notation/load.ts');
    return { policies: await loadNotation(source, resolvePath) };
  }
  return readFolder(source, resolvePath);
}

/** A `policy.json`, with the files that it names: absolute ones as they are, others from its own folder on. */
async function loadContainersPolicy(shown: string, resolvePath: (path: string) => string): Promise<ImagePolicy[]> {
  const path = resolvePath(shown);
  const { readContainersPolicy } = await import('./spellings/containers-policy.ts');
  return readContainersPolicy(await readBounded({ path, shown }), shown, (named) =>
    readBounded({ path: resolvePath(resolve(dirname(path), named)), shown: named }),
  );
}

async function readFolder(source: PolicyFolder, resolvePath: (path: string) => string): Promise<ReadFolder> {
  const root = resolvePath(source.path);
  const files = await listPolicyFiles(root, source.path);
  const documents: SettingsDocument[] = [];
  for (const file of files) {
    const found = readSettings(await readBounded(file), file.shown, 'IMAGE_POLICY_INVALID');
    if (found.length === 0) {
      throw new GateError('IMAGE_POLICY_MISSING', `${file.shown} holds no policy`, { place: file.shown });
    }
    documents.push(...found);
  }
  const secrets = source.secrets === undefined ? folderOf(root, files) : resolvePath(source.secrets);
  return { documents, secrets, contents: source.contents === undefined ? undefined : resolvePath(source.contents) };
}

function isTrustRoot({ value }: SettingsDocument): boolean {
  return isObject(value) && value['kind'] === 'TrustRoot' && groupOf(value['apiVersion']) === 'policy.sigstore.dev';
}

function groupOf(apiVersion: unknown): string | undefined {
  return typeof apiVersion === 'string' ? apiVersion.split('/')[0] : undefined;
}

/** The policies that a document holds. `beside` are those of its source, which it may refer to. */
async function readPolicies(
  document: SettingsDocument,
  beside: readonly SettingsDocument[],
  context: SpellingContext,
): Promise<readonly ImagePolicy[]> {
  const { value } = document;
  const kind = isObject(value) ? value['kind'] : undefined;
  const apiVersion = isObject(value) ? value['apiVersion'] : undefined;
  if (typeof kind !== 'string' || typeof apiVersion !== 'string') {
    const why = 'it has no apiVersion and kind, so it is not a trust policy';
    const mend =
      'Keep it out of the folder of policies; images.trustRoots.files names a trusted_root.json wherever it lies.';
    throw refusal(document, [], 'IMAGE_POLICY_INVALID', why, mend);
  }
  if (groupOf(apiVersion) === 'policy.sigstore.dev' && kind === 'ClusterImagePolicy') {
    return [await readClusterImagePolicy(document, context)];
  }
  if (groupOf(apiVersion) === 'kyverno.io' && (kind === 'ClusterPolicy' || kind === 'Policy')) {
    const { readKyverno } = await import('./spellings/kyverno.ts');
    return readKyverno(document, context);
  }
  if (groupOf(apiVersion) === 'source.toolkit.fluxcd.io') {
    const { isHelmRepository, readFlux } = await import('./spellings/flux.ts');
    return isHelmRepository(document) ? [] : [await readFlux(document, beside, context)];
  }
  if (groupOf(apiVersion) === 'policies.kyverno.io') {
    const why = `${kind} is not read: its decisions are CEL; a policy is never read without a part of it`;
    const mend =
      'Keep it among spec.policies, where it is judged as it is written; as trust for every image write a ClusterImagePolicy.';
    throw refusal(document, ['kind'], 'IMAGE_POLICY_UNSUPPORTED', why, mend);
  }
  const shown = JSON.stringify(`${apiVersion} ${kind}`.slice(0, 100));
  const why = `${shown} is not a trust policy; ClusterImagePolicy and TrustRoot are, and ClusterPolicy of Kyverno, OCIRepository and HelmChart of Flux`;
  throw refusal(document, ['kind'], 'IMAGE_POLICY_INVALID', why);
}

/** A file as the source has its keys beside it. */
function folderOf(root: string, files: readonly { readonly path: string }[]): string {
  const isFile = files.length === 1 && files[0]?.path === root;
  return isFile ? root.slice(0, Math.max(root.lastIndexOf('/'), 1)) : root;
}

/** In a cluster the later of two policies with one name replaces the earlier; here that would drop a rule unseen. */
function refuseSameNames(policies: readonly ImagePolicy[]): void {
  const seen = new Map<string, ImagePolicy>();
  for (const policy of policies) {
    const other = seen.get(policy.rule);
    if (other !== undefined) {
      const where = describePlace(policy.place);
      throw new GateError(
        'IMAGE_POLICY_INVALID',
        `${where}: a ${policy.rule.replace(' ', ' called ')} is also in ${describePlace(other.place)}`,
        { mend: 'Give each policy a name of its own.', place: where },
      );
    }
    seen.set(policy.rule, policy);
  }
}

function warningsOf(policy: ImagePolicy): Finding[] {
  return policy.hazards.map((hazard) => ({
    effect: 'warn',
    code: 'IMAGE_POLICY_HAZARD',
    rule: policy.rule,
    message: hazard,
    mend: 'Write what is meant, or leave it if this is meant.',
    place: policy.place,
  }));
}

/** Whether it is only known once the tag is resolved if the policy applies. */
export function couldDependOnDigest(policy: ImagePolicy, reference: ImageReference): boolean {
  if (reference.digest !== undefined) return false;
  const repository = repositoryName(reference.repository);
  return policy.scope.some((each) => each.couldMatchDigest(repository));
}

/**
 * Whether the policy applies to the reference as written, or for a tag to the digest that it stands for. In a cluster
 * policies see the digest alone; looking at both keeps a ban on a digest from being walked around with a tag, and all
 * policies that apply must pass. A glob that names a tag speaks here of an image that no policy would match there, and
 * then vouches for it by its signers alone; it is warned about.
 */
export function matchesName(policy: ImagePolicy, reference: ImageReference, resolved: Digest | undefined): boolean {
  return matchingScope(policy, reference, resolved) !== undefined;
}

/** What makes the policy apply to a name: the entry of its images, and the name that it matches. */
export function matchingScope(
  policy: ImagePolicy,
  reference: ImageReference,
  resolved: Digest | undefined,
): { readonly text: string; readonly name: string } | undefined {
  const names = [canonicalName(reference)];
  if (resolved !== undefined) names.push(canonicalName({ ...reference, digest: resolved }));
  for (const scope of policy.scope) {
    const name = names.find((each) => scope.matches(each));
    if (name !== undefined) return { text: scope.text, name };
  }
  return undefined;
}
