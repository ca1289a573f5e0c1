import { describePath, type JsonPath } from '../../../core/json.ts';
import { type SettingsDocument, validateSettings } from '../../../core/settings-file.ts';
import { readAuthority } from './authority.ts';
import { at, refusal } from './complaint.ts';
import { readPolicyContent } from './content.ts';
import type { PolicyContext } from './context.ts';
import { globHazards, globScope, parseGlob } from './glob.ts';
import { authorityHazards } from './hazard.ts';
import { matchHazards, readMatch } from './match.ts';
import type { Authority, ImagePolicy } from './model.ts';
import { type AuthoritySpec, ClusterImagePolicySchema, v1beta1 } from './schema.ts';

/**
 * A ClusterImagePolicy as it stands in the document. Throws IMAGE_POLICY_INVALID, IMAGE_POLICY_UNSUPPORTED, IMAGE_KEY_*,
 * IMAGE_TRUST_ROOT_* with file, line and column: whatever cannot be evaluated as written is refused here, never skipped
 * later.
 */
export async function readClusterImagePolicy(document: SettingsDocument, context: PolicyContext): Promise<ImagePolicy> {
  const { apiVersion, metadata, spec } = validateSettings(ClusterImagePolicySchema, document, 'IMAGE_POLICY_INVALID');
  const rule = `ClusterImagePolicy ${metadata.name}`;
  const mode = readMode(document, ['spec', 'mode'], spec.mode);
  const globs = spec.images.map(({ glob }, i) => {
    return at(document, ['spec', 'images', i, 'glob'], () => parseGlob(glob));
  });
  const match = readMatch(document, ['spec', 'match'], spec.match);
  const authorities: Authority[] = [];
  const specs = spec.authorities.map((authority) => asStored(authority, apiVersion));
  for (const [i, authority] of specs.entries()) {
    authorities.push(await readAuthority(document, authority, i, rule, context));
  }
  if (spec.policy !== undefined) refuseSameNames(document, authorities);
  const content =
    spec.policy === undefined
      ? undefined
      : await readPolicyContent(document, ['spec', 'policy'], spec.policy, rule, context);
  return {
    rule,
    name: metadata.name,
    place: document.locate(['metadata', 'name']),
    scope: globs.map(globScope),
    match,
    mode,
    quorum: 1,
    // The schema demands at least one.
    authorities: authorities as [Authority, ...Authority[]],
    ...(content === undefined ? {} : { content }),
    hazards: [
      ...globs.flatMap(globHazards),
      ...matchHazards(match),
      ...authorityHazards(specs, authorities, apiVersion),
    ],
  };
}

/**
 * A cluster stores v1alpha1, and the conversion to it drops a `ctlog` without `url`. One that is empty is dropped here too:
 * keyless then demands the public log. One that names a root is not: it says which log is meant.
 */
function asStored(authority: AuthoritySpec, apiVersion: string): AuthoritySpec {
  const { ctlog, ...others } = authority;
  const isDropped = apiVersion === v1beta1 && authority.keyless !== undefined && !ctlog?.url && !ctlog?.trustRootRef;
  return isDropped ? others : authority;
}

function readMode(document: SettingsDocument, path: JsonPath, mode: string | undefined): ImagePolicy['mode'] {
  if (mode === undefined || mode === '' || mode === 'enforce') return 'enforce';
  if (mode === 'warn') return 'warn';
  throw refusal(document, path, 'IMAGE_POLICY_INVALID', `${describePath(path)} is neither enforce nor warn`);
}

/** `spec.policy` sees what passed by the name of its authority; of two of one name upstream shows it either. */
function refuseSameNames(document: SettingsDocument, authorities: readonly Authority[]): void {
  for (const [i, { name }] of authorities.entries()) {
    if (authorities.findIndex((other) => other.name === name) === i) continue;
    const path = ['spec', 'authorities', i];
    const why = `${describePath(path)} has the name of another authority, ${JSON.stringify(name)}, and spec.policy tells them apart by it`;
    throw refusal(document, [...path, 'name'], 'IMAGE_POLICY_INVALID', why);
  }
}
