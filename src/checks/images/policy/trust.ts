import type { Finding } from '../../../core/decision.ts';
import { GateError } from '../../../core/errors.ts';
import { canonicalName, type Digest, type ImageReference, repositoryName } from '../../../core/image.ts';
import { describePlace } from '../../../core/manifest.ts';
import { readSettings } from '../../../core/settings-file.ts';
import type { TrustSource } from '../settings.ts';
import { readClusterImagePolicy } from './cluster-image-policy.ts';
import { listPolicyFiles, readBounded, readSecret } from './files.ts';
import type { ImagePolicy } from './model.ts';

/** The policies of a run. Made once and never changed: nothing that is rendered can add to it. */
export interface Trust {
  readonly policies: readonly ImagePolicy[];
  /** Hazards in the policies that a person should know of; they change no verdict. */
  readonly warnings: readonly Finding[];
}

/**
 * Reads every trust policy. `resolvePath` makes an absolute path of one in the configuration. Throws IMAGE_POLICY_*
 * and IMAGE_KEY_* with file, line and column for anything that cannot be evaluated exactly as it is written.
 */
export async function loadTrust(
  sources: readonly TrustSource[],
  resolvePath: (path: string) => string,
): Promise<Trust> {
  const policies: ImagePolicy[] = [];
  for (const source of sources) {
    const root = resolvePath(source.path);
    const files = await listPolicyFiles(root, source.path);
    const secretsFolder = source.secrets === undefined ? folderOf(root, files) : resolvePath(source.secrets);
    for (const file of files) {
      const documents = readSettings(await readBounded(file), file.shown, 'IMAGE_POLICY_INVALID');
      if (documents.length === 0)
        throw new GateError('IMAGE_POLICY_MISSING', `${file.shown} holds no policy`, { place: file.shown });
      for (const document of documents) {
        policies.push(await readClusterImagePolicy(document, (name) => readSecret(secretsFolder, name)));
      }
    }
  }
  refuseSameNames(policies);
  return Object.freeze({ policies: Object.freeze(policies), warnings: policies.flatMap(warningsOf) });
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

/** Whether the policies that apply cannot be known before the tag is resolved. */
export function dependsOnDigest(trust: Trust, reference: ImageReference): boolean {
  if (reference.digest !== undefined) return false;
  const repository = repositoryName(reference.repository);
  return trust.policies.some((policy) => policy.scope.some((each) => each.couldMatchDigest(repository)));
}

/**
 * The policies that apply: those that match the reference as written, and for a tag also those that match the digest
 * that it stands for. In a cluster policies see the digest alone; adding them keeps a ban on a digest from being
 * walked around with a tag, and as all of them must pass, more policies never make the rule laxer.
 */
export function policiesFor(trust: Trust, reference: ImageReference, resolved: Digest | undefined): ImagePolicy[] {
  const names = [canonicalName(reference)];
  if (resolved !== undefined) names.push(canonicalName({ ...reference, digest: resolved }));
  return trust.policies.filter((policy) => policy.scope.some((each) => names.some((name) => each.matches(name))));
}
