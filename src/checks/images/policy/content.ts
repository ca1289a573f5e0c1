import { describePath, isObject, type JsonPath } from '../../../core/json.ts';
import type { SettingsDocument } from '../../../core/settings-file.ts';
import { atAsync, refusal } from './complaint.ts';
import type { ContentReference, PolicyContext } from './context.ts';
import type { ContentRule, PolicyContent } from './model.ts';
import type { Policy } from './schema.ts';

/** Fields that only `spec.policy` may have: an attestation's policy sees the statement and nothing else. */
const policyLevel = ['fetchConfigFile', 'includeSpec', 'includeObjectMeta', 'includeTypeMeta'];

/** `spec.policy`. */
export async function readPolicyContent(
  document: SettingsDocument,
  path: JsonPath,
  policy: Policy,
  name: string,
  context: PolicyContext,
): Promise<PolicyContent> {
  return {
    rule: await readContentRule(document, path, policy, name, context),
    fetchConfigFile: policy.fetchConfigFile ?? false,
    includeSpec: policy.includeSpec ?? false,
    includeObjectMeta: policy.includeObjectMeta ?? false,
    includeTypeMeta: policy.includeTypeMeta ?? false,
  };
}

/** `attestations[].policy`. */
export async function readAttestationRule(
  document: SettingsDocument,
  path: JsonPath,
  policy: Policy,
  name: string,
  context: PolicyContext,
): Promise<ContentRule> {
  const [field] = Object.keys(isObject(policy) ? policy : {}).filter((key) => policyLevel.includes(key));
  if (field !== undefined) {
    const why = `${describePath([...path, field])} belongs to spec.policy: an attestation is judged by its statement alone`;
    throw refusal(document, [...path, field], 'IMAGE_POLICY_INVALID', why);
  }
  return readContentRule(document, path, policy, name, context);
}

/**
 * A policy over signed content, as it stands in the document or in a file that the platform mounts. The engine is asked
 * about it now: what it could not evaluate later is refused at load.
 */
async function readContentRule(
  document: SettingsDocument,
  path: JsonPath,
  policy: Policy,
  name: string,
  context: PolicyContext,
): Promise<ContentRule> {
  const { data, remote, configMapRef } = policy;
  const given = [data || undefined, remote, configMapRef].filter((each) => each !== undefined);
  if (given.length !== 1) {
    const what = given.length === 0 ? 'has none' : 'has several';
    const why = `${describePath(path)} ${what} of data, configMapRef and remote; exactly one holds the policy`;
    throw refusal(document, path, 'IMAGE_POLICY_INVALID', why);
  }
  const text = data || (await readReferenced(document, path, policy, context));
  const field = remote !== undefined ? 'remote' : configMapRef !== undefined ? 'configMapRef' : 'data';
  const rule: ContentRule = {
    language: policy.type,
    text,
    name,
    place: document.locate([...path, field]),
  };
  const { judge } = context;
  if (judge === undefined) {
    const engine = policy.type === 'rego' ? 'the opa program' : 'a cue program';
    const why = `${describePath(path)} cannot be evaluated without ${engine}`;
    throw refusal(document, path, 'IMAGE_POLICY_UNSUPPORTED', why, `Install ${engine}, or take the policy out.`);
  }
  await atAsync(document, [...path, field], () => judge.check({ language: rule.language, text, name }, context.signal));
  return rule;
}

async function readReferenced(
  document: SettingsDocument,
  path: JsonPath,
  { remote, configMapRef }: Policy,
  context: PolicyContext,
): Promise<string> {
  const field = remote === undefined ? 'configMapRef' : 'remote';
  const refuse = (why: string) =>
    refusal(document, [...path, field], 'IMAGE_POLICY_INVALID', `${describePath([...path, field])} ${why}`);
  let reference: ContentReference;
  if (remote === undefined) {
    const { name = '', key = '' } = configMapRef ?? {};
    if (name === '' || key === '') throw refuse(`has no ${name === '' ? 'name' : 'key'}`);
    reference = { kind: 'configMap', name, key };
  } else {
    const { url = '', sha256sum = '' } = remote;
    if (!URL.canParse(url) || new URL(url).protocol !== 'https:') throw refuse('has no https url');
    if (!/^[0-9a-f]{64}$/.test(sha256sum)) throw refuse('has no sha256sum of 64 lower-case hex digits');
    reference = { kind: 'remote', url, sha256: sha256sum };
  }
  return (await atAsync(document, [...path, field], () => context.content(reference))).text;
}
